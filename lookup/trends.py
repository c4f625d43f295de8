"""How the figures of a unit moved over the quarters or months up to a period."""

from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate, repeat

from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.figures import Figures, together
from lookup.language import Text
from lookup.periods import Period, quarter_of, read_period
from lookup.rates import Question, rates

# How far back, by what, and how many of them.
SPANS = {
    "quarters": (Text("8 个季度", "8 quarters"), "quarter", 8),
    "year": (Text("12 个月", "12 months"), "month", 12),
    "years": (Text("24 个月", "24 months"), "month", 24),
}
Trend = Sequence[tuple[Period, Figures]]


def trend(bureau: Bureau, unit: str, until: Period, span: str, now: datetime) -> Trend:
    """The figures of a unit with all below it for each part of one of SPANS, the last of which is
    the one that ``until`` ends in, or that it is now."""
    _, by, number = SPANS[span]
    end = min(until.last, beijing_day(now))
    last = quarter_of(end) if by == "quarter" else read_period(f"{end:%Y-%m}")
    periods = list(accumulate(repeat(last, number), lambda one, _: one.before()))[::-1]
    counted = rates(bureau, Question(periods[0].first, last.last, by, unit), now)
    known = {row.code: row.figures for row in counted.rows}
    none = together((), counted.question.fewest_ratings)
    return [(period, known.get(period.code, none)) for period in periods]
