"""How a case is going, as one party may see it: what the status page and the paper say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

from lookup.beijing import Moment, beijing_day, from_utc_text
from lookup.bureau import Bureau
from lookup.clocks import Standing, due, standing
from lookup.database import Database, Record
from lookup.feedback import LEVELS, TAGS, comments_of, ratings_of
from lookup.kinds import Kind, Milestone, Outcome, Remedy
from lookup.language import Text
from lookup.records import INTAKE
from lookup.sealing import mask_name
from lookup.sentences import (
    beside,
    counting_brief,
    counting_rule,
    next_clause,
    said_day,
    said_moment,
    sentence,
    standing_line,
)
from lookup.vocabulary import MEASURES, PROPERTY_STATES, ROLES

State = Literal["going", "overdue", "refused", "closed"]


@dataclass(frozen=True, slots=True)
class Term:
    """A clock: its last day, how it stands, how it was counted and by which rule."""

    due_day: date
    due: Text
    standing: Standing
    standing_said: Text
    rule: Text
    brief: Text
    basis: Text | None
    notes: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Rating:
    """What the party thinks of a milestone at present."""

    level: int
    level_said: Text
    tags: tuple[str, ...]
    tags_said: tuple[Text, ...]
    rated: Text


@dataclass(frozen=True, slots=True)
class Step:
    """A milestone that was reached; ``shown`` is the day on which it became visible here."""

    step: str
    name: Text
    outcome: Text | None
    when: Text
    shown: Text
    term: Term | None
    rating: Rating | None


@dataclass(frozen=True, slots=True)
class Awaited:
    """A milestone still to come; without a term where no clock runs."""

    what: Text
    term: Term | None


@dataclass(frozen=True, slots=True)
class Way:
    """A remedy open to the party, or one whose time is over."""

    name: Text
    said: Text
    basis: Text
    clause: Text
    is_over: bool


@dataclass(frozen=True, slots=True)
class Material:
    """Something to bring, and since when it is there."""

    name: str
    received: Text | None


@dataclass(frozen=True, slots=True)
class Thing:
    """Seized, sealed or frozen property."""

    name: str
    amount: str
    measure: Text
    status: Text
    since: Text | None
    place: str


@dataclass(frozen=True, slots=True)
class Comment:
    """What the party wrote, and the answer where there is one."""

    body: str
    made: Text
    answer: str
    answered: Text | None
    answered_by: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything a party may see of the case.

    ``headline`` is one sentence: where the case stands, what comes next and by when.
    ``next_line`` says what comes next for a paper, so without how it stands today.
    """

    state: State
    state_said: Text
    headline: Text
    next_line: Text
    explanation: Text | None
    kind: Text
    complain: Text | None
    role: Text
    masked_name: str
    steps: tuple[Step, ...]
    awaited: tuple[Awaited, ...]
    ways: tuple[Way, ...]
    materials: tuple[Material, ...]
    seized: tuple[Thing, ...]
    comments: tuple[Comment, ...]


_GOING = Text("办理中", "In progress")
_CLOSED = Text("已办结", "Closed")
_TAKEN_IN = Text("接报案", "Report taken in")
_REACHED = Text("您的案件已于{day}进展到“{name}”", "Your case reached “{name}” on {day}")
_WITH_OUTCOME = Text("，结果是“{outcome}”", ", with the outcome “{outcome}”")
_PAPER_BY = Text("{what}，最迟{day}", "The {what}, by {day} at the latest")
_PAPER_SOME_DAY = Text("{what}（没有固定的期限）", "The {what} (no fixed date is set)")
_EXTENDED = Text("期限已延长至共{days}天", "Extended to {days} days in all")
_APPROVED = Text("，批准人：{who}", ", approved by {who}")
_PROVISIONAL = Text(
    "暂定日期：当年的放假安排尚未公布，公布后可能变动",
    "Provisional: that year's public holidays are not published yet, so the day may change",
)
_MAY_APPLY = Text(
    "您如不服，可以申请{name}，最迟{day}提出", "if you disagree, you may apply for {name} until {day}"
)
_MAY_APPLY_UNDATED = Text(
    "您如不服，可以申请{name}，办法见下文", "if you disagree, you may apply for {name}, as told below"
)
_TOO_LATE = Text("申请{name}的期限已于{day}届满", "the time to apply for {name} ended on {day}")
_TOO_LATE_ADVICE = Text(
    "如仍有疑问，可以向办案单位了解，或者通过下面的渠道反映",
    "if you still have questions, ask the handling unit or use the channels below",
)


def progress_of(bureau: Bureau, issue: Record, today: date) -> Progress:
    """The progress of a receipt's case; ``issue`` is the live issue joined with its case.

    A case of a kind that is no longer configured is still told, without what only the kind knows.
    """
    teller = _Teller(bureau, issue, today)
    state = teller.state()
    return Progress(
        state=state,
        state_said=teller.state_said(state),
        headline=teller.headline(),
        next_line=teller.next_line(),
        explanation=None if state == "refused" else teller.explanation(),
        kind=teller.kind.name if teller.kind else Text(issue["kind"], issue["kind"]),
        complain=teller.kind.paper.complain if teller.kind else None,
        role=ROLES.get(issue["role"], Text(issue["role"], issue["role"])),
        masked_name=mask_name(bureau.seals.open(issue["name_sealed"])),
        steps=tuple(teller.steps()),
        awaited=teller.awaited,
        ways=teller.ways,
        materials=tuple(_materials(bureau.db, issue["case_id"])),
        seized=tuple(_seized(bureau.db, issue["case_id"])),
        comments=tuple(_comments(bureau.db, issue["party_id"])),
    )


class _Teller:
    """Reads a case's course once and tells it in parts."""

    def __init__(self, bureau: Bureau, issue: Record, today: date) -> None:
        self.bureau = bureau
        self.issue = issue
        self.today = today
        self.kind = bureau.kinds.get(issue["kind"])
        self.milestones = _in_order(bureau.db, issue["case_id"])
        self.clocks = _clocks(bureau.db, issue["case_id"])
        self.reached = {row["step"]: row["outcome"] or None for row in self.milestones}
        self.ratings = ratings_of(bureau.db, issue["party_id"])

    def state(self) -> State:
        if any(one.term and one.term.standing is Standing.OVERDUE for one in self.awaited):
            return "overdue"
        if self.ways:
            return "refused"
        return "going" if self._expected else "closed"

    def state_said(self, state: State) -> Text:
        if state == "overdue":
            late = (one.term for one in self.awaited if one.term)
            return next(t.standing_said for t in late if t.standing is Standing.OVERDUE)
        outcome = self._outcome(self._standing_row)
        if state == "going" or outcome is None:
            return _GOING if state == "going" else _CLOSED
        return outcome.name

    def headline(self) -> Text:
        clauses = [self._where_it_stands()]
        for one in self.awaited:
            clause = next_clause(one.what, one.term.due_day if one.term else None, self.today)
            clauses.append(beside(clause, one.term.brief) if one.term else clause)
        return sentence([*clauses, *(way.clause for way in self.ways)])
