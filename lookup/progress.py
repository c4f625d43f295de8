"""How a case is going, as one party may see it: what the status page and the paper say."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

from lookup.beijing import Moment
from lookup.bureau import Bureau
from lookup.clocks import Standing
from lookup.database import Database, Record
from lookup.feedback import ratings_of
from lookup.kinds import Milestone, Outcome, Remedy
from lookup.language import Text
from lookup.particulars import (
    CallBack,
    Comment,
    Material,
    Rating,
    Thing,
    materials_of,
    party_callbacks,
    party_comments,
    property_of,
    read_rating,
)
from lookup.records import INTAKE
from lookup.remedies import Way, way_of
from lookup.sealing import mask_name
from lookup.sentences import beside, said_day, said_moment, sentence
from lookup.terms import Term, next_clause, next_line, read_term
from lookup.vocabulary import ROLES

State = Literal["going", "overdue", "refused", "closed", "withheld"]

_STATES: dict[State, Text] = {
    "going": Text("办理中", "In progress"),
    "closed": Text("已办结", "Closed"),
    "refused": Text("不予办理", "Refused"),
    "withheld": Text("不在网上公开", "Not disclosed online"),
}
_IN_PERSON = Text(
    "本案的办理情况不在网上公开，请当面向办案单位了解",
    "the progress of this case is given in person only; please ask the handling unit",
)
# An unknown step comes after the known ones of its day.
_LAST = 99
_TAKEN_IN = Text("接报案", "Report taken in")
_REACHED = Text("您的案件已于{day}进展到“{name}”", "Your case reached “{name}” on {day}")
_WITH_OUTCOME = Text("，结果是“{outcome}”", ", with the outcome “{outcome}”")


@dataclass(frozen=True, slots=True)
class Step:
    """A milestone that was reached; ``shown`` is the day on which it became visible to parties.

    A rating of it is given to ``unit_name``, ``officer`` and ``badge``, in charge at that time.
    """

    step: str
    name: Text
    outcome: Text | None
    when: Text
    shown: Text | None
    term: Term | None
    rating: Rating | None
    callbacks: tuple[CallBack, ...]
    unit_name: str
    officer: str
    badge: str


@dataclass(frozen=True, slots=True)
class Awaited:
    """A milestone still to come; without a term where no clock runs."""

    step: str
    what: Text
    term: Term | None


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
    explanation: Text | None = None
    steps: tuple[Step, ...] = ()
    awaited: tuple[Awaited, ...] = ()
    ways: tuple[Way, ...] = ()
    materials: tuple[Material, ...] = ()
    seized: tuple[Thing, ...] = ()
    comments: tuple[Comment, ...] = ()
    role: Text | None = None
    masked_name: str = ""


def progress_of(bureau: Bureau, issue: Record, today: date) -> Progress:
    """The progress of a receipt's case; ``issue`` is the live issue joined with its case.

    Of a withheld case nothing is told. One of a kind that is no longer configured is told
    without what only the kind knows.
    """
    if issue["withheld"]:
        said = sentence([_IN_PERSON])
        return Progress("withheld", _STATES["withheld"], said, said)
    course = _Course(bureau, issue, today, _shown_milestones(bureau.db, issue["case_id"]))
    return Progress(
        state=course.state,
        state_said=course.state_said,
        headline=course.headline(),
        next_line=course.next_line(),
        # Of a refusal the headline says all, and the kind's words would say it again.
        explanation=None if course.ways else course.following,
        steps=tuple(course.steps()),
        awaited=course.awaited,
        ways=course.ways,
        materials=course.materials,
        seized=property_of(bureau.db, issue["case_id"]),
        comments=party_comments(bureau, issue, today),
        role=ROLES.get(issue["role"]),
        masked_name=mask_name(bureau.seals.open(issue["name_sealed"])),
    )


def progress_for_staff(
    bureau: Bureau, case: Record, milestones: Iterable[Record], today: date
) -> Progress:
    """The course of a case out of all its milestones, also those that nobody is shown yet."""
    nobody = {"case_id": case["id"], "party_id": 0, "role": ""}
    course = _Course(bureau, case | nobody, today, milestones)
    return Progress(
        state=course.state,
        state_said=course.state_said,
        headline=course.headline(),
        next_line=course.next_line(),
        steps=tuple(course.steps()),
        awaited=course.awaited,
    )


class _Course:
    """A case's course, read once and told in parts."""

    def __init__(
        self, bureau: Bureau, issue: Record, today: date, milestones: Iterable[Record]
    ) -> None:
        self.bureau = bureau
        self.issue = issue
        self.today = today
        self.kind = bureau.kinds.get(issue["kind"])
        self.milestones = sorted(milestones, key=self._order)
        self.reached = {row["step"]: row["outcome"] or None for row in self.milestones}
        self.clocks = _clocks(bureau.db, issue["case_id"])
        self.ratings = ratings_of(bureau.db, issue["party_id"])
        self.callbacks = party_callbacks(bureau, issue, today)

    @property
    def materials(self) -> tuple[Material, ...]:
        """What was asked for; once the case is closed nothing more is to be brought."""
        asked = materials_of(self.bureau.db, self.issue["case_id"])
        return tuple(one for one in asked if one.received or self.state != "closed")

    @cached_property
    def state(self) -> State:
        terms = (one.term for one in self.awaited if one.term)
        if any(term.standing is Standing.OVERDUE for term in terms):
            return "overdue"
        if self.ways:
            return "refused"
        return "going" if self._expected else "closed"

    @property
    def state_said(self) -> Text:
        if self.state == "overdue":
            terms = (one.term for one in self.awaited if one.term)
            return max(terms, key=lambda term: self.today - term.due_day).standing_said
        row = self._contestable if self.state == "refused" else self._telling
        outcome = self._outcome(row) if row else None
        return outcome.name if outcome and self.state != "going" else _STATES[self.state]

    def headline(self) -> Text:
        coming = [
            next_clause(one.what, one.term, self.today) for one in self.awaited[: len(self._next)]
        ]
        return sentence([self._where_it_stands(), *coming, *(way.clause for way in self.ways)])

    def next_line(self) -> Text:
        if self.awaited:
            return next_line(self.awaited[0].what, self.awaited[0].term)
        if self.ways:
            return self.ways[0].said
        return self.following or Text("", "")

    @property
    def following(self) -> Text | None:
        """The kind's own words about what follows."""
        return next((one.next for one in self._sources(self._telling) if one.next), None)

    def steps(self) -> Iterator[Step]:
        for row in self.milestones:
            outcome, code = self._outcome(row), row["outcome"]
            clock, rating = self.clocks.get(row["step"]), self.ratings.get(row["step"])
            yield Step(
                step=row["step"],
                name=self._name(row["step"]),
                outcome=outcome.name if outcome else Text(code, code) if code else None,
                when=said_moment(Moment.read(row["happened_day"], row["happened_at"])),
                shown=self._short(row["visible_day"]) if row["visible_day"] else None,
                term=self._term(clock) if clock else None,
                rating=read_rating(rating) if rating else None,
                callbacks=self.callbacks.get(row["step"], ()),
                unit_name=row.get("unit_name", ""),
                officer=row["officer"],
                badge=row["badge"],
            )

    @cached_property
    def awaited(self) -> tuple[Awaited, ...]:
        """The expected milestone, optional ones whose clock runs, and later ones likewise."""
        return tuple(self._awaited(rule) for rule in [*self._next, *self._later])

    @cached_property
    def _next(self) -> list[Milestone]:
        running = (self._rule(step) for step in self.clocks if step not in self.reached)
        optional = [rule for rule in running if rule and rule.optional]
        return [self._expected, *optional] if self._expected else optional

    @cached_property
    def _later(self) -> list[Milestone]:
        if self.kind is None or self._expected is None:
            return []
        later = self.kind.milestones[self.kind.order_of(self._expected.step) + 1 :]
        return [rule for rule in later if not rule.optional and rule.step in self.clocks]

    @cached_property
    def ways(self) -> tuple[Way, ...]:
        """The remedies that this party has against what was decided."""
        if self.kind is None:
            return ()
        found = (self.kind.remedies_after(*reached) for reached in self.reached.items())
        mine = (one for some in found for one in some if self.issue["role"] in one.roles)
        return tuple(self._way(remedy) for remedy in mine)

    @property
    def _contestable(self) -> Record | None:
        """The milestone against which there is a remedy; others may have come after it."""
        rows = self.milestones if self.kind else []
        found = (r for r in rows if self.kind and self.kind.remedies_after(r["step"], r["outcome"]))
        return next(found, None)

    @cached_property
    def _expected(self) -> Milestone | None:
        return self.kind.awaited(self.reached) if self.kind else None

    @cached_property
    def _telling(self) -> Record:
        """The milestone that says where the case stands."""
        telling = [row for row in self.milestones if self._tells(row)]
        return (telling or self.milestones)[-1]

    def _tells(self, row: Record) -> bool:
        rule = self._rule(row["step"])
        return rule is not None and (not rule.optional or self._said(row) is not None)

    def _said(self, row: Record) -> Text | None:
        return next((one.said for one in self._sources(row) if one.said), None)

    def _sources(self, row: Record) -> list[Outcome | Milestone]:
        """Where the kind's words for a milestone are found: the outcome's go first."""
        return [one for one in (self._outcome(row), self._rule(row["step"])) if one]

    def _where_it_stands(self) -> Text:
        row = self._telling
        day = self._short(row["happened_day"])
        said, outcome = self._said(row), self._outcome(row)
        if said:
            return said.fill(day=day)
        reached = _REACHED.fill(day=day, name=self._name(row["step"]))
        return beside(reached, _WITH_OUTCOME.fill(outcome=outcome.name)) if outcome else reached

    def _awaited(self, rule: Milestone) -> Awaited:
        clock = self.clocks.get(rule.step)
        return Awaited(rule.step, rule.expected or rule.name, self._term(clock) if clock else None)

    def _term(self, clock: Record) -> Term:
        rule = self._rule(clock["step"])
        counted = rule.clock if rule else None
        counted_from = self._name(counted.counted_from if counted else INTAKE)
        return read_term(clock, counted_from, counted.basis if counted else None, self.today)

    def _way(self, remedy: Remedy) -> Way:
        served = next((r for r in self.milestones if r["step"] == remedy.counted_from), None)
        day = date.fromisoformat(served["happened_day"]) if served else None
        return way_of(remedy, day, self.bureau.calendar, self.today)

    def _short(self, day: str) -> Text:
        return said_day(date.fromisoformat(day), self.today.year, weekday=False)

    def _rule(self, step: str) -> Milestone | None:
        return self.kind.milestone(step) if self.kind and self.kind.has_step(step) else None

    def _outcome(self, row: Record) -> Outcome | None:
        return self.kind.outcome_named(row["step"], row["outcome"]) if self.kind else None

    def _name(self, step: str) -> Text:
        rule = self._rule(step)
        return rule.name if rule else _TAKEN_IN if step == INTAKE else Text(step, step)

    def _order(self, row: Record) -> tuple[str, int]:
        known = self.kind if self.kind and self.kind.has_step(row["step"]) else None
        return row["happened_day"], known.order_of(row["step"]) if known else _LAST


def _shown_milestones(db: Database, case_id: int) -> list[Record]:
    return db.rows(
        """SELECT step, outcome, happened_day, happened_at, visible_day, officer, badge,
            unit.name AS unit_name
        FROM milestone JOIN unit ON unit.code = milestone.unit
        WHERE case_id = :case_id AND visible_day IS NOT NULL""",
        case_id=case_id,
    )


def _clocks(db: Database, case_id: int) -> dict[str, Record]:
    rows = db.rows(
        """SELECT clock.*, extension.approved_by FROM clock
        LEFT JOIN extension ON extension.case_id = clock.case_id AND extension.step = clock.step
        WHERE clock.case_id = :case_id AND clock.void_step IS NULL""",
        case_id=case_id,
    )
    return {row["step"]: row for row in rows}
