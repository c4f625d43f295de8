"""From a figure down to its cases, a page at a time, as things stand.

What a case adds to the figures stands with it (`tally`), so what a list's cases add up to is the
figure in the table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.case_export import WHY_NOT
from lookup.case_facts import PARTS
from lookup.database import Record
from lookup.errors import Refused
from lookup.facts import FIGURES, LEVEL_COLUMNS, RUNNING, RUNS, hindrances
from lookup.figures import SHARES, Figures, together
from lookup.kinds import Kind
from lookup.language import Text
from lookup.levels import BAD
from lookup.periods import read_period
from lookup.rates import Question, Rates, Row, rates
from lookup.tally import ALWAYS
from lookup.units import SUBTREE
from lookup.vocabulary import WITHHELD_REASONS

PAGE = 50
# Where a page ends: a day of intake and a case's id.
Key = tuple[str, int]

# Which of a figure's cases are wanted: what counts in its numerator, in its denominator alone, in
# its denominator.
CHOICES = ("part", "rest", "whole")
_WITHHELD = ("withheld", *(f"withheld_{reason}" for reason in WITHHELD_REASONS))
_COUNTS = ("due", "ratings", "satisfied", *_WITHHELD, *FIGURES)
# The numerator and denominator of every figure; of a mere number they are one.
_PAIRS: Mapping[str, tuple[str, str]] = {
    **{name: (name, name) for name in _COUNTS},
    **{name: (share.part, share.whole) for name, share in SHARES.items()},
    **{name: (name, "ratings") for name in LEVEL_COLUMNS},
}
# What a case adds to a count, where that is no column of its own.
_ADDS = {
    **dict.fromkeys(("due", *_WITHHELD), "taken_in"),
    "ratings": f"({' + '.join(LEVEL_COLUMNS)})",
    "satisfied": f"({' + '.join(n for n, level in LEVEL_COLUMNS.items() if level not in BAD)})",
    # What runs comes to be due as its last day goes by.
    **{
        name: f"""({name} + CASE WHEN running = '[]' THEN 0 ELSE (
            SELECT COALESCE(SUM({name}), 0) FROM ({RUNS.format(among="standing.case_id")}) AS runs
            WHERE due_day < :today) END)"""
        for name in RUNNING
    },
}
# Few cases fall short or were heard of: each condition has an index of its own (schema/09).
AMISS = """(disclosed = 0 OR on_time < milestones OR clocks_kept < clocks_due
    OR running <> '[]')"""
HEARD = "level_1 + level_2 + callbacks + comments + inspected > 0"
_HEARD_OF = ("call", "put_right", "rerated", "comments", "answer", "inspected", "sound")
_BAD = (("satisfied", "rest"), ("level_1", "part"), ("level_2", "part"))
_NARROWER = {
    "unit": "unit = :label",
    "kind": "kind = :label",
    "officer": "officer = :label AND badge = :badge",
}


@dataclass(frozen=True)
class Drill:
    """The cases behind a figure: behind all that a question counts, or behind the row of a label.

    The question has its unit. Raises Refused where there is no such figure or choice.
    """

    question: Question
    figure: str
    choice: str = "part"
    label: str | None = None
    badge: str = ""

    def __post_init__(self) -> None:
        known = {"figure": (self.figure, tuple(_PAIRS)), "part": (self.choice, CHOICES)}
        for name, (told, choices) in known.items():
            if told not in choices:
                zh = f"“{told}”查不到对应的案件，可用：{'、'.join(choices)}。"
                en = f"There are no cases behind “{told}”; use one of: {', '.join(choices)}."
                raise Refused(name, told, zh, en)

    @property
    def pair(self) -> tuple[str, str]:
        """The counts that are the figure's numerator and denominator."""
        return _PAIRS[self.figure]

    def number(self, figures: Figures) -> int:
        """What the cases add up to, by the figures of the table."""
        part, whole = (_count(figures, name) for name in self.pair)
        return {"part": part, "rest": whole - part, "whole": whole}[self.choice]


@dataclass(frozen=True, slots=True)
class Case:
    """A case: what it adds to the figure's numerator and denominator, and what there is to say."""

    case: Record
    kind: Text
    part: int
    whole: int
    why: Text | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the cases, the latest first, and the row of the table that they are of; ``after`` is
    where the next page begins, None after the last."""

    of: Row
    definition: Text | None
    cases: Sequence[Case]
    after: Key | None


def cases_behind(bureau: Bureau, drill: Drill, after: Key | None, now: datetime) -> Page:
    """A page of the cases behind a figure, and the figure, in one state of the database. Raises
    NotFound where there is no such unit."""
    today = beijing_day(now).isoformat()
    with bureau.db.transaction(reading=True):
        counted = rates(bureau, drill.question, now)
        row = _row(counted, drill)
        found = _found(bureau, drill, after, today) if drill.number(row.figures) else []
        page = found[:PAGE]
        whys = _whys(bureau, drill.pair[0], page, today)
    cases = [
        Case(case, _kind(bureau, case), case["part"], case["whole"], whys.get(case["case_id"]))
        for case in page
    ]
    beyond = (page[-1]["day"], page[-1]["case_id"]) if len(found) > PAGE else None
    return Page(row, counted.definition_text.get(drill.figure), cases, beyond)


def _row(counted: Rates, drill: Drill) -> Row:
    if drill.label is None:
        return counted.total
    wanted, none = (drill.label, drill.badge), together((), counted.question.fewest_ratings)
    own = (row for row in counted.rows if (row.code, row.badge) == wanted)
    return next(own, Row(none, Text(drill.label, drill.label)))


def _count(figures: Figures, name: str) -> int:
    if name in LEVEL_COLUMNS:
        return figures.levels[LEVEL_COLUMNS[name]]
    if name == "withheld":
        return figures.taken_in - figures.due
    if name in _WITHHELD:
        return figures.withheld.get(name.removeprefix("withheld_"), 0)
    number: int = getattr(figures, name)
    return number


def _found(bureau: Bureau, drill: Drill, after: Key | None, today: str) -> list[Record]:
    first, last = drill.question.first, drill.question.last
    if drill.label is not None and drill.question.by not in _NARROWER:
        period = read_period(drill.label)
        first, last = max(first, period.first), min(last, period.last)
    part, whole = (_ADDS.get(name, name) for name in drill.pair)
    return bureau.db.rows(
        f"""{SUBTREE} SELECT page.*, cases.number, unit.name AS unit_name
        FROM (SELECT case_id, day, unit, kind, officer, badge, reason, {part} AS part,
                {whole} AS whole
            FROM standing WHERE {" AND ".join(_conditions(drill, after))}
            ORDER BY day DESC, case_id DESC LIMIT {PAGE + 1}) AS page
        JOIN cases ON cases.id = page.case_id JOIN unit ON unit.code = page.unit
        ORDER BY page.day DESC, page.case_id DESC""",
        unit=drill.question.unit,
        first=first.isoformat(),
        last=last.isoformat(),
        label=drill.label,
        badge=drill.badge,
        reason=drill.figure.removeprefix("withheld_"),
        today=today,
        after_day=after and after[0],
        after_id=after and after[1],
    )


def _conditions(drill: Drill, after: Key | None) -> list[str]:
    name, (part, whole) = drill.figure, drill.pair
    sums = {one: _ADDS.get(one, one) for one in drill.pair}
    amount = {"part": sums[part], "whole": sums[whole], "rest": f"{sums[whole]} - {sums[part]}"}
    conditions = [
        *("day BETWEEN :first AND :last", "unit IN (SELECT code FROM subtree)"),
        f"{amount[drill.choice]} > 0",
    ]
    if name in _WITHHELD:
        conditions += ["reason <> ''" if name == "withheld" else "reason = :reason"]
    elif whole != "taken_in":
        conditions += ["reason = ''"]
    falls_short = drill.choice == "rest" and part in ("disclosed", "on_time", "clocks_kept")
    if falls_short or name in _WITHHELD:
        conditions += [AMISS]
    if part.startswith(_HEARD_OF) or (part, drill.choice) in _BAD:
        conditions += [HEARD]
    if drill.label is not None and drill.question.by in _NARROWER:
        conditions += [_NARROWER[drill.question.by]]
    if after:
        conditions += ["(day, case_id) < (:after_day, :after_id)"]
    return conditions


def _kind(bureau: Bureau, case: Record) -> Text:
    kind = bureau.kinds.get(case["kind"])
    return kind.name if kind else Text(case["kind"], case["kind"])


def _whys(bureau: Bureau, part: str, page: Sequence[Record], today: str) -> dict[int, Text]:
    """Why cases count or do not, by their id: what keeps them from it, or which step was late."""
    until, ids = ALWAYS | {"today": today}, ", ".join(str(case["case_id"]) for case in page)
    withheld = (case for case in page if case["reason"])
    told = [(case["case_id"], WITHHELD_REASONS[case["reason"]]) for case in withheld]
    if part == "disclosed" and ids:
        found = bureau.db.rows(hindrances(f"cases.id IN ({ids})"), **until)
        told += [(row["id"], text) for row in found for n, text in WHY_NOT.items() if row[n]]
    elif part in _LATE and ids:
        kinds = {case["case_id"]: bureau.kinds.get(case["kind"]) for case in page}
        table, late = _LATE[part]
        for row in bureau.db.rows(PARTS[table].format(ids=ids), **until):
            if text := late(row):
                told.append((row["case_id"], _of_step(kinds[row["case_id"]], row["step"], text)))
    whys: dict[int, Text] = {}
    for case_id, text in told:
        before = whys.get(case_id)
        whys[case_id] = _FURTHER.fill(before=before, text=text) if before else text
    return whys


def _late_to_see(milestone: Record) -> Text | None:
    if milestone["backlog"] or milestone["on_time"]:
        return None
    by, seen = milestone["visible_by"], milestone["visible_day"]
    if seen is None:
        return Text(f"最迟应于 {by} 可查看，至今未可查看", f"to be seen by {by}, not seen yet")
    return Text(f"最迟应于 {by} 可查看，{seen} 才可查看", f"to be seen by {by}, seen from {seen}")


def _late_decision(clock: Record) -> Text | None:
    if clock["kept"] != 0:
        return None
    due, decided = clock["due_day"], clock["decided_day"]
    if decided is None:
        return Text(f"{due} 到期，尚未作出", f"due {due}, not decided")
    return Text(f"{due} 到期，{decided} 作出", f"due {due}, decided {decided}")


# Where what was late is found (`case_facts.PARTS`), and what is said of it.
_LATE: Mapping[str, tuple[str, Callable[[Record], Text | None]]] = {
    "on_time": ("milestone", _late_to_see),
    "clocks_kept": ("clock", _late_decision),
}
_FURTHER = Text("{before}；{text}", "{before}; {text}")


def _of_step(kind: Kind | None, step: str, text: Text) -> Text:
    name = kind.milestone(step).name if kind and kind.has_step(step) else Text(step, step)
    return Text(f"{name.zh}：{text.zh}", f"{name.en}: {text.en}")
