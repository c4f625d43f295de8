"""The course of a case: milestones with their outcomes, extensions, seized property."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from lookup.beijing import Moment, beijing_day
from lookup.bureau import Bureau
from lookup.database import Database, Record
from lookup.kinds import Kind
from lookup.language import Text
from lookup.messages import announce
from lookup.reckoning import visible_by
from lookup.records import (
    BY_HAND,
    INTAKE,
    CaseRecord,
    Hand,
    MilestoneRecord,
    PropertyRecord,
    agrees,
    said_moment,
)
from lookup.trail import Change

_PROPERTY = ("name", "quantity", "unit", "measure", "status", "place")
IN_CUSTODY = "kept"
_ADD = """INSERT INTO milestone
    (case_id, step, outcome, happened_day, happened_at, entered_at, visible_at, visible_day,
        visible_by, backlog, via, unit, officer, badge)
VALUES
    (:case_id, :step, :outcome, :day, :at, :now, :visible_at, :visible_day,
        :visible_by, :backlog, :via, :unit, :officer, :badge)"""


@dataclass(frozen=True)
class Course:
    """What is on file of a case's course: by step, and its property in order."""

    milestones: dict[str, Record] = field(default_factory=dict)
    extensions: dict[str, Record] = field(default_factory=dict)
    seized: list[Record] = field(default_factory=list)


def read(db: Database, case_ids: Sequence[int]) -> dict[int, Course]:
    """The courses of cases as they are on file."""
    found = {case_id: Course() for case_id in case_ids}
    for row in rows_of(db, "milestone", case_ids, "happened_day, happened_at, id"):
        found[row["case_id"]].milestones[row["step"]] = row
    for row in rows_of(db, "extension", case_ids, "step"):
        found[row["case_id"]].extensions[row["step"]] = row
    for row in rows_of(db, "property", case_ids, "position"):
        found[row["case_id"]].seized.append(row)
    return found


def rows_of(db: Database, table: str, case_ids: Sequence[int], order: str) -> list[Record]:
    """What a table holds of some cases."""
    if not case_ids:
        return []
    ids = {f"id{place}": case_id for place, case_id in enumerate(case_ids)}
    names = ", ".join(f":{name}" for name in ids)
    return db.rows(f"SELECT * FROM {table} WHERE case_id IN ({names}) ORDER BY {order}", **ids)


def is_ahead(on_file: Course, record: CaseRecord, hand: Hand) -> bool:
    """Whether a hand-in tells a step, an extension or a return of property that is not on file."""
    steps = {one.step for one in record.milestones if one.moment}
    extensions = {one.step for one in record.milestones if one.extended_days}
    return bool(
        steps - on_file.milestones.keys()
        or extensions - on_file.extensions.keys()
        or _moved(map(vars, record.seized), hand) - _moved(on_file.seized, hand)
    )


def is_behind(on_file: Course, record: CaseRecord, hand: Hand) -> bool:
    """Whether a hand-in shows an earlier state of the case than the case system gave before."""
    told = {one.step for one in record.milestones if one.moment} | {INTAKE}
    lacking = any(
        step not in told
        and row["via"] != BY_HAND
        and (record.tells is None or step in record.tells)
        for step, row in on_file.milestones.items()
    )
    back = _moved(on_file.seized, hand) - _moved(map(vars, record.seized), hand)
    kept = {_thing(vars(one)) for one in record.seized if one.status == IN_CUSTODY}
    return lacking or not kept.isdisjoint(back)


def _moved(things: Iterable[Mapping[str, Any]], hand: Hand) -> Counter[tuple[str, str, str]]:
    """What the case system says has left custody, of things alike how many."""
    return Counter(
        _thing(one)
        for one in things
        if one["status"] != IN_CUSTODY and key_of(one) not in hand.fields
    )


@dataclass(frozen=True)
class Writer:
    """Writes what a hand-in adds to or corrects in the course of a case.

    ``case`` and ``kind`` are as they stand after the hand-in; ``hidden`` is whether the case is
    withheld, ``backlog`` whether it is a first load, counted apart. Afterwards ``reached`` has the
    milestones and ``extended`` the days of the extensions by step.
    """

    bureau: Bureau
    change: Change
    case: Record
    kind: Kind
    hand: Hand
    hidden: bool
    backlog: bool = False
    changes: Record = field(default_factory=dict)
    reached: dict[str, Record] = field(default_factory=dict)
    extended: dict[str, int] = field(default_factory=dict)
    _added: list[Record] = field(default_factory=list)

    def put(self, record: CaseRecord, on_file: Course) -> Record:
        """Write what differs; what it is and what it was, for the trail."""
        self.reached.update(on_file.milestones)
        self.extended.update({step: row["days"] for step, row in on_file.extensions.items()})
        intake = Moment.read(self.case["intake_day"], self.case["intake_at"])
        for told in (MilestoneRecord(INTAKE, intake), *record.milestones):
            self._milestone(told, on_file.milestones.get(told.step))
            self._extension(told, on_file.extensions.get(told.step))
        self.change.db.run_many(_ADD, self._added)
        self._announce()
        self._property(record.seized, on_file.seized)
        return self.changes

    def _announce(self) -> None:
        """Tell the parties of the latest step: several handed in at once are one piece of news."""
        if not self._added or self.hidden or self.backlog:
            return
        latest = max(self._added, key=lambda one: self.kind.order_of(one["step"]))
        happened = date.fromisoformat(latest["day"])
        fresh_days = self.bureau.service.texts.fresh_days
        announce(self.change, self.case["id"], latest["step"], happened, fresh_days)

    def _milestone(self, told: MilestoneRecord, kept: Record | None) -> None:
        if told.moment is None:
            return
        if kept is None:
            self._add(told, told.moment)
            return
        was = Moment.read(kept["happened_day"], kept["happened_at"])
        # At the desk a bare day is meant: the hour on file was wrong.
        same = agrees(told.moment, was) and not self.hand.writes
        moment = was if same else told.moment
        outcome = told.outcome or kept["outcome"]
        if (moment, outcome) == (was, kept["outcome"]):
            return
        if kept["via"] == BY_HAND and not self.hand.writes and told.step != INTAKE:
            on_file = self._said(told.step, was, kept["outcome"])
            incoming = self._said(told.step, moment, outcome)
            self.hand.warn(f"milestones.{told.step}.at", on_file, incoming)
        else:
            self._correct(kept, moment, outcome)

    def _add(self, told: MilestoneRecord, moment: Moment) -> None:
        now = self.change.at
        self._added.append(
            {
                "case_id": self.case["id"],
                "step": told.step,
                "outcome": told.outcome,
                "day": moment.day_text,
                "at": moment.at_text,
                "now": now,
                "visible_at": None if self.hidden else now,
                "visible_day": None if self.hidden else beijing_day(self.change.now).isoformat(),
                "visible_by": visible_by(self.kind, self.bureau.calendar, moment.day),
                "backlog": int(self.backlog),
                "via": self.change.actor.via,
                **{name: self.case[name] for name in ("unit", "officer", "badge")},
            }
        )
        self._note(told.step, moment, told.outcome)

    def _correct(self, kept: Record, moment: Moment, outcome: str) -> None:
        """The former value goes into the trail; it stays visible since when it was."""
        self.change.db.run(
            """UPDATE milestone SET outcome = :outcome, happened_day = :day, happened_at = :at,
                visible_by = :visible_by, via = :via WHERE id = :id""",
            outcome=outcome,
            day=moment.day_text,
            at=moment.at_text,
            visible_by=visible_by(self.kind, self.bureau.calendar, moment.day),
            via=self.change.actor.via,
            id=kept["id"],
        )
        was = Moment.read(kept["happened_day"], kept["happened_at"])
        self._note(kept["step"], moment, outcome, was=_entry(was, kept["outcome"]))

    def _note(self, step: str, moment: Moment, outcome: str, **was: Record) -> None:
        self.reached[step] = {"happened_day": moment.day_text, "outcome": outcome}
        self.changes.setdefault("milestones", {})[step] = _entry(moment, outcome) | was

    def _said(self, step: str, moment: Moment, outcome: str) -> Text:
        known = self.kind.outcome_named(step, outcome)
        name = known.name if known else Text("", "")
        return Text(*(f"{said_moment(moment)} {said}".strip() for said in name))

    def _extension(self, told: MilestoneRecord, kept: Record | None) -> None:
        """A blank approver keeps the one on file."""
        if told.extended_days is None:
            return
        approver = told.approved_by or (kept["approved_by"] if kept else "")
        if kept and (kept["days"], kept["approved_by"]) == (told.extended_days, approver):
            return
        if kept and kept["via"] == BY_HAND and not self.hand.writes:
            self.hand.warn(
                f"milestones.{told.step}.extended_days",
                f"{kept['days']} {kept['approved_by']}".strip(),
                f"{told.extended_days} {approver}".strip(),
            )
            return
        self.change.db.run(
            """INSERT INTO extension (case_id, step, days, approved_by, reason, via)
            VALUES (:case_id, :step, :days, :approved_by, :reason, :via)
            ON CONFLICT (case_id, step) DO UPDATE SET days = excluded.days,
                approved_by = excluded.approved_by, reason = excluded.reason, via = excluded.via""",
            case_id=self.case["id"],
            step=told.step,
            days=told.extended_days,
            approved_by=approver,
            reason=self.hand.why,
            via=self.change.actor.via,
        )
        self.extended[told.step] = told.extended_days
        now = {"days": told.extended_days, "approved_by": approver}
        was = {"was": {name: kept[name] for name in now}} if kept else {}
        self.changes.setdefault("extensions", {})[told.step] = now | was | self._overdue(told.step)

    def _overdue(self, step: str) -> Record:
        """The last day of a clock that has run out already, for an extension that comes late."""
        clock = self.change.db.row(
            """SELECT due_day FROM clock WHERE case_id = :case_id AND step = :step
                AND due_day < :today AND (decided_day IS NULL OR decided_day > due_day)""",
            case_id=self.case["id"],
            step=step,
            today=beijing_day(self.change.now).isoformat(),
        )
        return {"overdue": clock["due_day"]} if clock else {}

    def _property(self, told: Sequence[PropertyRecord], kept: list[Record]) -> None:
        """The list as told replaces the list on file; a blank tells nothing."""
        was = [PropertyRecord(**{name: row[name] for name in _PROPERTY}) for row in kept]
        now = self._merged(told, was) if told else was
        if now == was:
            return
        dated = [(row, of) for row in kept for of in ("status", "place")]
        days = {(_thing(row), of, row[of]): row[f"{of}_day"] for row, of in dated}
        db = self.change.db
        if was:
            db.run("DELETE FROM property WHERE case_id = :case_id", case_id=self.case["id"])
        db.run_many(
            """INSERT INTO property (case_id, position, name, quantity, unit, measure, status,
                status_day, place, place_day)
            VALUES (:case_id, :position, :name, :quantity, :unit, :measure, :status,
                :status_day, :place, :place_day)""",
            [
                vars(one)
                | {"case_id": self.case["id"], "position": position}
                | {"status_day": days.get((_thing(vars(one)), "status", one.status))}
                | {"place_day": days.get((_thing(vars(one)), "place", one.place))}
                for position, one in enumerate(now)
            ],
        )
        self.changes["property"] = [list(vars(one).values()) for one in now]
        if was:
            self.changes["property_was"] = [list(vars(one).values()) for one in was]

    def _merged(
        self, told: Sequence[PropertyRecord], was: Sequence[PropertyRecord]
    ) -> list[PropertyRecord]:
        """The list as told; what staff entered of a thing by hand, and where it is kept, stay."""
        left, merged = list(was), []
        for one in told:
            same = _like(one, left)
            if same:
                left.remove(same)
                one = replace(one, place=one.place or same.place)
                if one != same and self.hand.stands(key_of(vars(one)), _listed(same), _listed(one)):
                    one = same
            elif self.hand.writes:
                self.hand.fields.add(key_of(vars(one)))
            merged.append(one)
        stays = [] if self.hand.writes else left
        return merged + [one for one in stays if key_of(vars(one)) in self.hand.fields]


def _like(told: PropertyRecord, left: Sequence[PropertyRecord]) -> PropertyRecord | None:
    """The thing on file that is meant: of several alike, the one least changed."""
    alike = [one for one in left if _thing(vars(one)) == _thing(vars(told))]
    return max(alike, key=lambda one: (one.status == told.status, one == told), default=None)


def _thing(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["name"], row["quantity"], row["unit"]


def key_of(row: Mapping[str, Any]) -> str:
    return f"property.{'|'.join(_thing(row))}"


def _listed(one: PropertyRecord) -> str:
    return "|".join(filter(None, vars(one).values()))


def _entry(moment: Moment, outcome: str) -> Record:
    said = {"at": moment.at_text or moment.day_text}
    return said | {"outcome": outcome} if outcome else said
