"""Counting: how far cases were disclosed, clocks kept, receipts used and service rated.

One statement answers a question, so that all figures of a sheet show one state of the database:
as things stand it sums what is kept ready (`tally`), at an earlier cut-off it counts the cases.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from lookup.beijing import beijing_day, utc_now, utc_text
from lookup.bureau import Bureau
from lookup.database import Record
from lookup.definitions import defined
from lookup.errors import Refused
from lookup.facts import FIGURES, RUNNING, count
from lookup.figures import Figures, figures_from
from lookup.kinds import Kinds
from lookup.language import Text
from lookup.oversight import Definition
from lookup.scores import FEWEST_RATINGS
from lookup.tally import in_force, spans
from lookup.units import SUBTREE, require_unit, unit_names

# What each grouping counts by, of a case and of what is kept ready; and what tells officers of
# one name apart.
_QUARTER = """SUBSTR({day}, 1, 4) || CASE WHEN SUBSTR({day}, 6, 2) < '04' THEN '-Q1'
    WHEN SUBSTR({day}, 6, 2) < '07' THEN '-Q2' WHEN SUBSTR({day}, 6, 2) < '10' THEN '-Q3'
    ELSE '-Q4' END"""
_LABELS = {
    "unit": ("cases.unit", "unit", "''"),
    "kind": ("cases.kind", "kind", "''"),
    "month": ("SUBSTR(cases.intake_day, 1, 7)", "SUBSTR(span, 1, 7)", "''"),
    "quarter": (_QUARTER.format(day="cases.intake_day"), _QUARTER.format(day="span"), "''"),
    "year": ("SUBSTR(cases.intake_day, 1, 4)", "SUBSTR(span, 1, 4)", "''"),
    "officer": ("cases.officer", "officer", "badge"),
}
GROUPINGS = tuple(_LABELS)
# Not to be summed from whole years.
_PARTS_OF_YEARS = ("month", "quarter")


@dataclass(frozen=True)
class Question:
    """What to count: a period of Beijing days, by what, in which unit; as known at ``cutoff``, None
    for as things stand.

    Raises Refused where the period ends before it begins or the grouping is none of GROUPINGS.
    """

    first: date
    last: date
    by: str = "unit"
    unit: str | None = None
    cutoff: datetime | None = None
    fewest_ratings: int = FEWEST_RATINGS

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise Refused(
                "to",
                self.last.isoformat(),
                f"截止日期 {self.last} 早于起始日期 {self.first}，请改正。",
                f"The period ends on {self.last}, before it begins on {self.first}; mend it.",
            )
        if self.by not in _LABELS:
            raise Refused(
                "by",
                self.by,
                f"不能按“{self.by}”统计，可用：{'、'.join(GROUPINGS)}。",
                f"Cases cannot be counted by “{self.by}”; use one of: {', '.join(GROUPINGS)}.",
            )


@dataclass(frozen=True)
class Row:
    """The figures of one unit, kind, month, quarter, year or officer; of all where none is named.

    ``label`` is what the row is called on a sheet; ``code`` is what it is by, and of an officer
    ``badge`` the number.
    """

    figures: Figures
    label: Text
    code: str = ""
    badge: str = ""
    unit: str | None = None
    unit_name: str | None = None
    kind: str | None = None
    month: str | None = None
    quarter: str | None = None
    year: str | None = None
    officer: str | None = None


@dataclass(frozen=True)
class Rates:
    """The answer by a definition: disjoint rows that add up to ``total``; ``unit_name`` is the
    chosen unit's."""

    question: Question
    cutoff: datetime
    unit_name: str | None
    rows: Sequence[Row]
    total: Row
    definition: Definition

    @property
    def definition_text(self) -> dict[str, Text]:
        """What was counted as what, by the figure's name."""
        return defined(self.definition, self.question.fewest_ratings)


def rates(bureau: Bureau, question: Question, now: datetime | None = None) -> Rates:
    """Count the cases taken in within the period as they stood at the cut-off.

    Rows stand in the order of unit codes, configured kinds, time or officers; groups without
    a case have none. Raises NotFound where there is no such unit.
    """
    if question.unit is not None:
        require_unit(bureau.db, question.unit)
    cutoff = question.cutoff or now or utc_now()
    with bureau.db.transaction(reading=True):
        definition, found = in_force(bureau.db), _found(bureau, question, cutoff)
    order = {code: place for place, code in enumerate(bureau.kinds)}
    # Sorted here and not in SQL, where each engine has its own order of Chinese characters.
    found.sort(key=lambda row: (order.get(row["label"], len(order)), *_label(row)))
    units = unit_names(bureau.db)
    namer = _Namer(bureau.kinds, units, question.by)
    rows = [
        namer.row(label, _figures(question, list(of_label)))
        for label, of_label in groupby(found, _label)
    ]
    chosen = units[question.unit] if question.unit is not None else None
    total = Row(_figures(question, found), Text("合计", "Total"))
    return Rates(question, cutoff, chosen, rows, total, definition)


def _found(bureau: Bureau, question: Question, cutoff: datetime) -> list[Record]:
    if question.cutoff is None:
        return _as_kept(bureau, question, beijing_day(cutoff).isoformat())
    return _as_of(bureau, question, cutoff)


def _as_kept(bureau: Bureau, question: Question, today: str) -> list[Record]:
    """The sums that stand ready."""
    within = spans(question.first, question.last, years=question.by not in _PARTS_OF_YEARS)
    named = {f"span{place}": span for place, (span, _) in enumerate(within)}
    wanted = ", ".join(f"(:span{place}, {sign})" for place, (_, sign) in enumerate(within))
    chosen = "grain = :grain AND span = wanted_span"
    if question.unit is not None:
        chosen += " AND unit IN (SELECT code FROM subtree)"
    label, badge = _LABELS[question.by][1:]
    told = ", ".join(f"sign * {name}" for name in FIGURES)
    runs = ", ".join(f"sign * {name}" if name in RUNNING else "0" for name in FIGURES)
    return bureau.db.rows(
        f"""{SUBTREE}, wanted (wanted_span, sign) AS (VALUES {wanted}),
        counted (label, badge, reason, {", ".join(FIGURES)}) AS (
            SELECT {label}, {badge}, reason, {told}
            FROM wanted CROSS JOIN tally WHERE {chosen}
            UNION ALL
            SELECT {label}, {badge}, '', {runs} FROM wanted CROSS JOIN tally_running
            WHERE {chosen} AND due_day = '' AND due_month < :month
            UNION ALL
            SELECT {label}, {badge}, '', {runs} FROM wanted CROSS JOIN tally_running
            WHERE {chosen} AND due_day > :month AND due_day < :today
        )
        SELECT label, badge, reason, {", ".join(f"SUM({name}) AS {name}" for name in FIGURES)}
        FROM counted GROUP BY label, badge, reason HAVING SUM(taken_in) > 0""",
        unit=question.unit,
        grain="officer" if question.by == "officer" else "unit",
        today=today,
        month=today[:7],
        **named,
    )


def _as_of(bureau: Bureau, question: Question, cutoff: datetime) -> list[Record]:
    """Counted anew from the cases, as things stood at a cut-off."""
    label, badge = _LABELS[question.by][0], _LABELS[question.by][2]
    chosen = "cases.intake_day BETWEEN :first AND :last"
    if question.unit is not None:
        chosen += " AND cases.unit IN (SELECT code FROM subtree)"
    return bureau.db.rows(
        f"{SUBTREE}, {count(label, badge, chosen)}",
        first=question.first.isoformat(),
        last=question.last.isoformat(),
        unit=question.unit,
        cutoff=utc_text(cutoff),
        cutoff_day=beijing_day(cutoff).isoformat(),
        today=beijing_day(cutoff).isoformat(),
    )


def _label(row: Record) -> tuple[str, str]:
    return row["label"], row["badge"]


@dataclass(frozen=True)
class _Namer:
    kinds: Kinds
    units: Mapping[str, str]
    by: str

    def row(self, label: tuple[str, str], figures: Figures) -> Row:
        name, badge = label
        if self.by == "unit":
            called = self.units[name]
            return Row(figures, _same(f"{name} {called}"), *label, unit=name, unit_name=called)
        if self.by == "kind" and name in self.kinds:
            return Row(figures, self.kinds[name].name, *label, kind=name)
        full = f"{name} ({badge})" if badge else name
        return Row(figures, _same(full), *label, **{self.by: full})


def _same(name: str) -> Text:
    return Text(name, name)


def _figures(question: Question, found: Sequence[Record]) -> Figures:
    withheld: Counter[str] = Counter()
    for row in found:
        if row["reason"]:
            withheld[row["reason"]] += row["taken_in"]
    due = [row for row in found if not row["reason"]]

    # The join leaves NULL where a label has no such facts.
    counts = {name: sum(row[name] or 0 for row in due) for name in FIGURES}
    return figures_from(counts, withheld, question.fewest_ratings)
