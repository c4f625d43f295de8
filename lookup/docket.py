"""The docket: cases found by any scrap of them, by stage or by what is due, a page at a time.

Pages follow a key, the day that orders the list and the case's id, and never a count of rows: the
hundredth comes as quickly as the first, and cases added meanwhile move no other.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from lookup.beijing import beijing_day
from lookup.bodies import phone_digits
from lookup.bureau import Bureau
from lookup.casefile import record_milestone
from lookup.course import rows_of
from lookup.database import Record
from lookup.errors import Conflict, NotFound, Refused
from lookup.kinds import Kinds
from lookup.language import Text, plain
from lookup.reach import reach_case, units_within
from lookup.records import CaseRefused, number_key
from lookup.staff import Staff
from lookup.stages import FIRST_TO_RUN, IN_STAGE, RUNS, STAGE, STAGES, codes_of
from lookup.terms import Term, read_term
from lookup.trail import change
from lookup.typed import like

PAGE = 50
DUE = ("next", "today", "tomorrow", "overdue")
Key = tuple[str, int]
_NO_DAY = "9999-12-31"
# What may be asked beside the stages. A party has no paper where none was handed over, or
# scanned, since it was issued.
MARKS: Mapping[str, Text] = {
    "open": Text("在办", "Open"),
    "withheld": Text("不予公开", "Withheld"),
    "waiting": Text("待审批", "For approval"),
    "no_paper": Text("回执未交付", "Paper not given"),
    "wrong_number": Text("电话有误", "Wrong number"),
}
# Whose officer in charge is :me, or bears :my_badge.
MINE = """(cases.officer = :me AND (cases.badge = '' OR :my_badge = '')
    OR LOWER(cases.badge) = NULLIF(:my_badge, ''))"""
_CONDITIONS = IN_STAGE | {
    "withheld": """cases.id IN (SELECT case_id FROM withholding
        WHERE ended_at IS NULL AND approved_at IS NOT NULL)""",
    "waiting": """cases.id IN (SELECT case_id FROM withholding
        WHERE ended_at IS NULL AND (approved_at IS NULL OR end_requested_at IS NOT NULL))""",
    "no_paper": """EXISTS (SELECT 1 FROM party
        WHERE party.case_id = cases.id AND party.forgotten_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM issue WHERE issue.party_id = party.id
            AND revoked_at IS NULL AND (handed_over_at IS NOT NULL OR EXISTS (SELECT 1 FROM visit
                WHERE visit.party_id = party.id AND visit.at >= issue.issued_at))))""",
    "wrong_number": """cases.id IN (SELECT case_id FROM party
        JOIN stopped_number ON stopped_number.phone_found = party.phone_found
        WHERE why = 'wrong')""",
    "next": FIRST_TO_RUN,
    "today": f"{FIRST_TO_RUN} AND clock.due_day = :today",
    "tomorrow": f"{FIRST_TO_RUN} AND clock.due_day BETWEEN :today AND :next_day",
    "overdue": f"{FIRST_TO_RUN} AND clock.due_day < :today",
    "first": "cases.intake_day >= :first",
    "last": "cases.intake_day <= :last",
    "text": """(cases.number_key LIKE :number ESCAPE '!'
        OR LOWER(cases.name) LIKE :part ESCAPE '!' OR LOWER(cases.officer) LIKE :whole ESCAPE '!'
        OR cases.id IN (SELECT id FROM cases WHERE LOWER(badge) = :badge)
        OR cases.id IN (SELECT case_id FROM party
            WHERE name_found IN ({prints}) OR phone_found IN ({prints})))""",
    "mine": MINE,
    "numbers": "cases.number_key IN ({numbers})",
}


class _Order(NamedTuple):
    source: str
    day: str
    id: str
    way: str = "ASC"


_NEWEST = _Order("cases", "cases.intake_day", "cases.id", "DESC")
_BY_DUE = _Order("clock JOIN cases ON cases.id = clock.case_id", "clock.due_day", "clock.case_id")
# One person's cases are few: here those without a clock can come too, last.
_OWN_BY_DUE = _Order(
    "cases",
    f"""COALESCE((SELECT MIN(clock.due_day) FROM clock
        WHERE clock.case_id = cases.id AND {RUNS}), '{_NO_DAY}')""",
    "cases.id",
)


@dataclass(frozen=True)
class Question:
    """Which cases to list; what is blank asks nothing.

    ``text`` is a case number or name or a part of either, a party's exact name or phone, or an
    officer's name or badge. ``stage`` is one of STAGES or MARKS, ``due`` one of DUE, of which
    ``tomorrow`` is what is due up to the end of the next working day; ``unit`` a unit with those
    below it, ``first`` and ``last`` are days of intake, both included. ``numbers`` are the only
    cases wanted; ``after`` is where the page before ended.
    """

    text: str = ""
    stage: str = ""
    due: str = ""
    unit: str = ""
    first: date | None = None
    last: date | None = None
    mine: bool = False
    numbers: Sequence[str] = ()
    after: Key | None = None

    @property
    def order(self) -> _Order:
        """By the day due where it asks for that, or for one's own cases; else the newest first."""
        if self.due:
            return _BY_DUE
        return _OWN_BY_DUE if self.mine and not self.text else _NEWEST


@dataclass(frozen=True, slots=True)
class Row:
    """A case in a list; ``awaited`` is what comes next, ``term`` its clock where one runs."""

    case: Record
    kind: Text
    stage: Text
    awaited: Text | None
    term: Term | None


def find_cases(
    bureau: Bureau, staff: Staff, question: Question, now: datetime
) -> tuple[list[Row], Key | None]:
    """A page of the cases within reach that a question asks for; and where the next one begins,
    None after the last."""
    today, order = beijing_day(now), question.order
    asked = _Asked(bureau, staff, question, today)
    found = asked.rows(
        f"""SELECT found.day, cases.*, unit.name AS unit_name, {STAGE} AS stage,
            withholding.reason AS withheld, withholding.approved_at, withholding.end_requested_at
        FROM (SELECT {order.id} AS id, {order.day} AS day FROM {order.source}
            WHERE {asked.condition}
            ORDER BY {order.day} {order.way}, {order.id} {order.way} LIMIT {PAGE + 1}) AS found
        JOIN cases ON cases.id = found.id JOIN unit ON unit.code = cases.unit
        LEFT JOIN withholding ON withholding.case_id = cases.id AND withholding.ended_at IS NULL
        ORDER BY found.day {order.way}, found.id {order.way}"""
    )
    shown = found[:PAGE]
    last = (shown[-1]["day"], shown[-1]["id"]) if len(found) > PAGE else None
    return _read(bureau, asked, shown, today), last


def count_marked(bureau: Bureau, staff: Staff, mark: str, now: datetime) -> int:
    """How many cases within reach bear one of MARKS."""
    asked = _Asked(bureau, staff, Question(stage=mark), beijing_day(now))
    return int(asked.rows(f"SELECT COUNT(*) AS n FROM cases WHERE {asked.condition}")[0]["n"])


def own(staff: Staff) -> Record:
    """Who somebody is to MINE."""
    return {"me": staff.name, "my_badge": staff.badge.lower()}


class _Asked:
    """A question as a condition of SQL, with the lists and parameters that it names."""

    def __init__(self, bureau: Bureau, staff: Staff, question: Question, today: date) -> None:
        self.db, order = bureau.db, question.order
        units = units_within(self.db, staff.unit)
        if question.unit in units:
            units = units_within(self.db, question.unit)
        self.params = _words(question.text) | {
            **own(staff),
            "today": today.isoformat(),
            "next_day": bureau.calendar.add_working(today, 1).day.isoformat(),
            "first": str(question.first),
            "last": str(question.last),
            "after_day": question.after and question.after[0],
            "after_id": question.after and question.after[1],
        }
        lists = codes_of(bureau.kinds) | {
            "units": units,
            "prints": [
                one
                for person in (plain(question.text), phone_digits(plain(question.text)))
                for one in bureau.seals.fingerprints(person)
                # Finding somebody by name is learning that he has a case here.
                if staff.may("people")
            ],
            "numbers": map(number_key, question.numbers),
        }
        self.lists = {name: self._list(name, values) for name, values in lists.items()}
        names = [question.stage, question.due]
        names += (
            one for one in ("first", "last", "mine", "text", "numbers") if getattr(question, one)
        )
        # Not the bare column: SQLite would take its index, and sort all that it finds there.
        conditions = ["cases.unit || '' IN ({units})", *(_CONDITIONS[one] for one in names if one)]
        if question.after:
            beyond = "<" if order.way == "DESC" else ">"
            conditions.append(f"({order.day}, {order.id}) {beyond} (:after_day, :after_id)")
        self.condition = " AND ".join(conditions)

    def rows(self, sql: str) -> list[Record]:
        """The rows of a statement in which ``{lists}`` are still to be filled in."""
        return self.db.rows(sql.format(**self.lists), **self.params)

    def _list(self, name: str, values: Iterable[str]) -> str:
        named = {f"{name}{place}": value for place, value in enumerate(values)}
        self.params |= named
        return ", ".join(f":{one}" for one in named) or "NULL"


def _words(text: str) -> Record:
    """What was typed, as the patterns it is sought by."""
    folded = plain(text).lower()
    pattern = like(folded)
    number = re.sub("([!%_])", r"!\1", number_key(text))
    return {"number": f"%{number}%", "part": f"%{pattern}%", "whole": pattern, "badge": folded}


def _read(bureau: Bureau, asked: _Asked, cases: Sequence[Record], today: date) -> list[Row]:
    """The rows of some cases, by two statements for all of them."""
    ids = [case["id"] for case in cases]
    asked.lists["ids"] = ", ".join(map(str, ids)) or "NULL"
    clocks = asked.rows(
        f"""SELECT clock.*, extension.approved_by FROM clock
        JOIN cases ON cases.id = clock.case_id
        LEFT JOIN extension ON extension.case_id = clock.case_id AND extension.step = clock.step
        WHERE clock.case_id IN ({{ids}}) AND {FIRST_TO_RUN}"""
    )
    first = {clock["case_id"]: clock for clock in clocks}
    reached: dict[int, dict[str, str | None]] = {case_id: {} for case_id in ids}
    for row in rows_of(bureau.db, "milestone", ids, "id"):
        reached[row["case_id"]][row["step"]] = row["outcome"] or None
    return [_row(bureau, one, first.get(one["id"]), reached[one["id"]], today) for one in cases]


def _row(
    bureau: Bureau,
    case: Record,
    clock: Record | None,
    reached: Mapping[str, str | None],
    today: date,
) -> Row:
    kind, name, stage = (
        bureau.kinds.get(case["kind"]),
        _kind_of(bureau, case),
        STAGES[case["stage"]],
    )
    if kind is None or (clock and not kind.has_step(clock["step"])):
        return Row(case, name, stage, None, None)  # kinds have changed since days were reckoned
    rule = kind.milestone(clock["step"]) if clock else kind.awaited(reached)
    counted, term = rule.clock if rule else None, None
    if clock and counted:
        counted_from = kind.milestone(counted.counted_from).name
        term = read_term(clock, counted_from, counted.basis, today)
    return Row(case, name, stage, rule.expected or rule.name if rule else None, term)


def _kind_of(bureau: Bureau, case: Record) -> Text:
    kind = bureau.kinds.get(case["kind"])
    return kind.name if kind else Text(case["kind"], case["kind"])


def choices(kinds: Kinds) -> Iterator[tuple[str, Text]]:
    """What may be recorded for many cases at once: kind, step and outcome, each with its name."""
    for kind in kinds.values():
        for one in kind.milestones[1:]:
            name = Text(*map(" · ".join, zip(kind.name, one.name, strict=True)))
            for outcome in one.outcomes:
                said = Text(f"{name.zh}：{outcome.name.zh}", f"{name.en}: {outcome.name.en}")
                yield f"{kind.code} {one.step} {outcome.code}", said
            if not one.outcomes:
                yield f"{kind.code} {one.step}", name


def record_for_many(
    bureau: Bureau, staff: Staff, numbers: Iterable[str], told: Mapping[str, str], now: datetime
) -> tuple[int, dict[str, Text]]:
    """Record one milestone for each of some cases; ``told`` has kind, step, outcome and at.

    Each case is a change of its own, so nobody waits for two of them at once. How many were
    done, and by number why the others were not.
    """
    done, refused = 0, {}
    for number in dict.fromkeys(numbers):
        try:
            with change(bureau.db, staff.actor, now) as ongoing:
                case = reach_case(ongoing.db, staff.unit, number, lock=True)
                _require_kind(bureau, case, told["kind"])
                record_milestone(bureau, ongoing, staff, number, told)
            done += 1
        except CaseRefused as error:
            why = [one.text for one in error.refusals()]
            refused[number] = Text(*map(" ".join, zip(*why, strict=True)))
        except (NotFound, Conflict, Refused) as error:
            refused[number] = error.text
    return done, refused


def _require_kind(bureau: Bureau, case: Record, kind: str) -> None:
    if case["kind"] != kind:
        own = _kind_of(bureau, case)
        zh, en = f"本案是{own.zh}案件。", f"This is a case of the kind “{own.en}”."
        raise Refused("choice", kind, zh, en)
