"""Units of one level ranked, as a page and as a file."""

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO

from flask import Blueprint, Response, request
from markupsafe import Markup

from lookup.beijing import utc_now, utc_text
from lookup.charts import bar_chart
from lookup.ranking import Ranked, rank
from lookup.ranking_sheet import ranking_columns, ranking_row
from lookup.sheets import Value, write_csv
from lookup.tally import in_force
from lookup.units import tree_of
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
    bureau, now = the_bureau(), utc_now()
    weights, rows = bureau.oversight.ranking, _ranked(now)
    tree = tree_of(bureau.db, asked_unit(the_staff()))
    return audit_page(
        "audit_ranking.html",
        rows=rows,
        chart=_chart(rows) if any(row.rank for row in rows) else "",
        depth=_depth(),
        depths=range(1, 1 + max(unit["depth"] for unit in tree)),
        weights=weights,
        definition=in_force(bureau.db).name,
        now=utc_text(now),
        in_all=sum(one.weight for one in weights.measures),
        **HELPERS,
    )


@blueprint.get("/ranking.csv")
@allow("audit")
def download() -> Response:
    """The same for spreadsheets, the weights beside each rate."""
    bureau, file, now, period = the_bureau(), BytesIO(), utc_now(), asked_period()
    weights, within = bureau.oversight.ranking, asked_unit(the_staff())
    frame: dict[str, Value] = {
        **{"from": period.first, "to": period.last, "cutoff": utc_text(now)},
        **{"definition": in_force(bureau.db).name, "within": within, "least": weights.least_cases},
    }
    names = [*frame, *(column.name for column in ranking_columns(weights))]
    rows = (ranking_row(weights, _depth(), row) for row in _ranked(now))
    write_csv(file, names, ([*frame.values(), *row] for row in rows))
    name = f"ranking-{period.code}-{within}.csv"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(file.getvalue(), mimetype="text/csv", headers=headers)


def _depth() -> int:
    return request.args.get("depth", 1, type=int)


def _ranked(now: datetime) -> Sequence[Ranked]:
    return rank(the_bureau(), asked_period(), asked_unit(the_staff()), _depth(), now)


def _chart(rows: Sequence[Ranked]) -> Markup:
    ranked = [row for row in rows if row.score is not None]
    told = said("audit_ranking_chart").fill(period=asked_period().name)
    summary = said("audit_ranking_summary").fill(units=len(ranked), best=ranked[0].name)
    title, summary_said = (text.said_in(chosen_language()) for text in (told, summary))
    labels, values = [row.name for row in ranked], [(row.score or 0) / 100 for row in ranked]
    return Markup(bar_chart(labels, values, title, summary_said))  # noqa: S704
