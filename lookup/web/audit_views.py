"""A figure over time and beside other units', as charts with their tables; and its cases."""

from collections.abc import Sequence
from dataclasses import replace

from flask import Blueprint, Response, request
from markupsafe import Markup

from lookup.beijing import utc_now
from lookup.charts import Series, bar_chart, line_chart
from lookup.drill import CHOICES, Drill, cases_behind
from lookup.errors import Refused
from lookup.figures import SHARES, Figures
from lookup.language import Text
from lookup.ranking import Ranked, rank
from lookup.rates import Question
from lookup.sentences import beside
from lookup.trends import SPANS, Trend, trend
from lookup.web.audit_figures import HELPERS, said_change, said_head, said_share
from lookup.web.audit_frame import answer_400, asked_link, asked_period, asked_unit, audit_page
from lookup.web.find import page_key
from lookup.web.guard import allow, the_staff
from lookup.web.language import chosen_language
from lookup.web.pages import the_bureau
from lookup.web.wording import said

blueprint = Blueprint("audit_views", __name__, url_prefix="/audit")


@blueprint.get("/trend")
@allow("audit")
def show_trend() -> Response:
    """One rate of a unit over time, and of the units one step below it in the period."""
    bureau, unit, period = the_bureau(), asked_unit(the_staff()), asked_period()
    figure, span = _one_of("figure", tuple(SHARES)), _one_of("over", tuple(SPANS))
    moved = trend(bureau, unit, period, span, utc_now())
    units = sorted(
        rank(bureau, period, unit), key=lambda one: -(getattr(one.figures, figure) or -1)
    )
    return audit_page(
        "audit_trend.html",
        shares=SHARES,
        figure=figure,
        span=span,
        spans=SPANS,
        moved=moved,
        movement=_movement(moved, figure),
        chart=_lines(moved, figure),
        rows=units,
        compared=_extremes([(one.name, one.figures) for one in units], figure),
        bars=_bars(units, figure),
        carried={},
        **HELPERS,
    )


@blueprint.get("/cases")
@allow("audit")
def show_cases() -> Response:
    """The cases behind a figure of a table."""
    asked, period, unit = request.args, asked_period(), asked_unit(the_staff())
    try:
        question = Question(period.first, period.last, asked.get("by") or "unit", unit)
        figure, choice, badge = (asked.get(name, "") for name in ("figure", "part", "badge"))
        drill = Drill(question, figure, choice or "part", asked.get("label"), badge)
        after = asked.get("after", type=page_key)
        page = cases_behind(the_bureau(), drill, after, utc_now())
    except Refused as refused:
        answer_400(refused)
    return audit_page(
        "audit_cases.html",
        drill=drill,
        page=page,
        numbers={one: replace(drill, choice=one).number(page.of.figures) for one in CHOICES},
        choices=CHOICES,
        row={"label": drill.label, "badge": badge or None},
        after=".".join(map(str, page.after or ())),
        back=_back(),
        **HELPERS,
    )


def _one_of(name: str, known: Sequence[str]) -> str:
    told = request.args.get(name, "")
    return told if told in known else known[0]


def _movement(moved: Trend, figure: str) -> Text:
    (before, former), (period, figures) = moved[-2:]
    return said("view_movement").fill(
        period=period.name,
        figure=said_head(figure),
        share=said_share(figures, figure),
        before=before.name,
        change=said_change(figures, former, figure),
    )


def _extremes(told: Sequence[tuple[str, Figures]], figure: str) -> Text:
    known = [(getattr(f, figure), name, f) for name, f in told if getattr(f, figure) is not None]
    if not known:
        return said("view_nothing")
    (_, at, high), (_, then, low) = (one(known, key=lambda each: each[0]) for one in (max, min))
    shares = {"high": said_share(high, figure), "low": said_share(low, figure)}
    return said("view_extremes").fill(at=at, then=then, **shares)


def _lines(moved: Trend, figure: str) -> Markup:
    language = chosen_language()
    labels = [period.code for period, _ in moved]
    told = _extremes([(period.code, figures) for period, figures in moved], figure)
    line = Series("", [getattr(figures, figure) for _, figures in moved])
    title = said("view_over_time").fill(figure=said_head(figure)).said_in(language)
    summary = beside(told, _movement(moved, figure)).said_in(language)
    return Markup(line_chart(labels, [line], title, summary, language))  # noqa: S704


def _bars(units: Sequence[Ranked], figure: str) -> Markup:
    language = chosen_language()
    labels = [one.name for one in units]
    told = _extremes([(one.name, one.figures) for one in units], figure)
    title = said("view_units").fill(figure=said_head(figure)).said_in(language)
    values = [getattr(one.figures, figure) for one in units]
    return Markup(bar_chart(labels, values, title, told.said_in(language)))  # noqa: S704


def _back() -> str:
    """The address of the table that somebody came from."""
    told = request.args.get("back", "")
    if told.startswith("/audit/"):
        return told
    return asked_link("/audit/", figure=None, part=None, back=None)
