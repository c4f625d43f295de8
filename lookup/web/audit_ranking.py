"""Units of one level ranked, as a page and as a file."""

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO

from flask import Blueprint, Response, request, send_file
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from lookup.beijing import utc_now, utc_text
from lookup.charts import bar_chart
from lookup.exports import Made
from lookup.ranking import Ranked
from lookup.ranking_sheet import Ranking, levels_below, ranking_of, write_ranking
from lookup.trail import head
from lookup.web.audit_figures import HELPERS
from lookup.web.audit_frame import asked_period, asked_unit, audit_page
from lookup.web.guard import allow, the_staff
from lookup.web.language import chosen_language
from lookup.web.pages import the_bureau
from lookup.web.wording import said

blueprint = Blueprint("audit_ranking", __name__, url_prefix="/audit")


@blueprint.get("/ranking")
@allow("audit")
def show() -> Response:
    """The units some steps below the chosen one, the best first."""
    ranking = _ranking(utc_now())
    rows, weights = [one for _, one in ranking.rows], ranking.weights
    return audit_page(
        "audit_ranking.html",
        rows=rows,
        chart=_chart(rows) if any(row.rank for row in rows) else "",
        depth=_depth(),
        depths=levels_below(the_bureau(), asked_unit(the_staff())),
        weights=weights,
        counted=ranking.counted,
        now=utc_text(ranking.counted.cutoff),
        in_all=sum(one.weight for one in weights.measures),
        **HELPERS,
    )


@blueprint.get("/ranking.<any(csv, xlsx, json):form>")
@allow("audit")
def download(form: str) -> AnyResponse:
    """The same as a file, the weights beside each rate."""
    file, now, who = BytesIO(), utc_now(), the_staff()
    ranking = _ranking(now)
    write_ranking(ranking, form, file, Made(who.actor.name, now, head(the_bureau().db)))
    file.seek(0)
    name = f"ranking-{asked_period().code}-{asked_unit(who)}.{form}"
    answer = send_file(file, as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _depth() -> int:
    return request.args.get("depth", 1, type=int)


def _ranking(now: datetime) -> Ranking:
    return ranking_of(the_bureau(), asked_period(), asked_unit(the_staff()), _depth(), now)


def _chart(rows: Sequence[Ranked]) -> Markup:
    ranked = [row for row in rows if row.score is not None]
    told = said("audit_ranking_chart").fill(period=asked_period().name)
    summary = said("audit_ranking_summary").fill(units=len(ranked), best=ranked[0].name)
    title, summary_said = (text.said_in(chosen_language()) for text in (told, summary))
    labels, values = [row.name for row in ranked], [(row.score or 0) / 100 for row in ranked]
    return Markup(bar_chart(labels, values, title, summary_said, are_scores=True))  # noqa: S704
