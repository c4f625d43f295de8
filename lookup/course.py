"""The course of a case: milestones with their outcomes, extensions, seized property."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lookup.beijing import Moment, beijing_day
from lookup.bureau import Bureau
from lookup.database import Database, Record
from lookup.errors import Refused
from lookup.reckoning import visible_by
from lookup.records import INTAKE, CaseRecord, MilestoneRecord, PropertyRecord
from lookup.trail import Change
from lookup.withholding import live_withholding

_PROPERTY = ("name", "quantity", "unit", "measure", "status", "place")
_IN_CUSTODY = "kept"


@dataclass(frozen=True)
class Course:
    """What is on file of a case's course: by step, and its property in order."""

    milestones: Mapping[str, Record]
    extensions: Mapping[str, Record]
    seized: list[Record]


@dataclass
class Steps:
    """What a hand-in changed in the course, and what was left as staff had entered it."""

    changes: Record = field(default_factory=dict)
    warnings: list[Refused] = field(default_factory=list)


_NOTHING = Course({}, {}, [])


def read(db: Database, case_id: int) -> Course:
    """The course of a case as it is on file."""
    milestones = db.rows(
        "SELECT * FROM milestone WHERE case_id = :case_id ORDER BY happened_day, happened_at, id",
        case_id=case_id,
    )
    extensions = db.rows("SELECT * FROM extension WHERE case_id = :case_id", case_id=case_id)
    seized = db.rows(
        "SELECT * FROM property WHERE case_id = :case_id ORDER BY position", case_id=case_id
    )
    return Course(
        {row["step"]: row for row in milestones}, {row["step"]: row for row in extensions}, seized
    )


def is_behind(on_file: Course, record: CaseRecord) -> bool:
    """Whether a hand-in shows an earlier state of the case than the case system gave before."""
    told = {one.step for one in record.milestones if one.moment} | {INTAKE}
    lacking = any(
        step not in told for step, row in on_file.milestones.items() if row["via"] != "desk"
    )
    moved = {_thing(row) for row in on_file.seized if row["status"] != _IN_CUSTODY}
    still = {_thing(vars(one)) for one in record.seized if one.status == _IN_CUSTODY}
    return lacking or bool(moved & still)


def put(
    bureau: Bureau,
    change: Change,
    case: Record,
    record: CaseRecord,
    backlog: bool,
    on_file: Course = _NOTHING,
) -> Steps:
    """Write what the hand-in adds to or corrects in the course of a case."""
    steps = Steps()
    writer = _Writer(bureau, change, case, record, backlog, steps)
    intake = MilestoneRecord(INTAKE, record.intake)
    for milestone in (intake, *record.milestones):
        writer.milestone(milestone, on_file.milestones.get(milestone.step))
        writer.extension(milestone, on_file.extensions.get(milestone.step))
    writer.property(on_file.seized)
    return steps


@dataclass(frozen=True)
class _Writer:
    bureau: Bureau
    change: Change
    case: Record
    record: CaseRecord
    backlog: bool
    steps: Steps

    def milestone(self, told: MilestoneRecord, kept: Record | None) -> None:
        if told.moment is None:
            return
        if kept is None:
            self._add(told, told.moment)
        elif not _says_the_same(told, told.moment, kept):
            if kept["via"] == "desk" != self.change.actor.via:
                self.steps.warnings.append(_stands(told, kept))
            else:
                self._correct(told, told.moment, kept)

    def _add(self, told: MilestoneRecord, moment: Moment) -> None:
        change = self.change
        hidden = live_withholding(change.db, self.case["id"]) is not None
        change.db.run(
            """INSERT INTO milestone (case_id, step, outcome, happened_day, happened_at,
                entered_at, visible_at, visible_day, visible_by, backlog, via, unit, officer, badge)
            VALUES (:case_id, :step, :outcome, :day, :at, :now, :visible_at, :visible_day,
                :visible_by, :backlog, :via, :unit, :officer, :badge)""",
            case_id=self.case["id"],
            step=told.step,
            outcome=told.outcome,
            day=moment.day_text,
            at=moment.at_text,
            now=change.at,
            visible_at=None if hidden else change.at,
            visible_day=None if hidden else beijing_day(change.now).isoformat(),
            visible_by=visible_by(self.record.kind, self.bureau.calendar, moment.day),
            backlog=int(self.backlog),
            via=change.actor.via,
            unit=self.case["unit"],
            officer=self.case["officer"],
            badge=self.case["badge"],
        )
        self.steps.changes[told.step] = _entry(moment, told.outcome)

    def _correct(self, told: MilestoneRecord, moment: Moment, kept: Record) -> None:
        """The former value goes into the trail; it stays visible since when it was."""
        outcome = told.outcome or kept["outcome"]
        self.change.db.run(
            """UPDATE milestone SET outcome = :outcome, happened_day = :day, happened_at = :at,
                visible_by = :visible_by, via = :via WHERE id = :id""",
            outcome=outcome,
            day=moment.day_text,
            at=moment.at_text,
            visible_by=visible_by(self.record.kind, self.bureau.calendar, moment.day),
            via=self.change.actor.via,
            id=kept["id"],
        )
        was = Moment.read(kept["happened_day"], kept["happened_at"])
        self.steps.changes[told.step] = _entry(moment, outcome) | {
            "was": _entry(was, kept["outcome"])
        }

    def extension(self, told: MilestoneRecord, kept: Record | None) -> None:
        """A blank approver keeps the one on file."""
        if told.extended_days is None:
            return
        approver = told.approved_by or (kept["approved_by"] if kept else "")
        if kept and (kept["days"], kept["approved_by"]) == (told.extended_days, approver):
            return
        self.change.db.run(
            """INSERT INTO extension (case_id, step, days, approved_by, via)
            VALUES (:case_id, :step, :days, :approved_by, :via)
            ON CONFLICT (case_id, step) DO UPDATE SET days = excluded.days,
                approved_by = excluded.approved_by, via = excluded.via""",
            case_id=self.case["id"],
            step=told.step,
            days=told.extended_days,
            approved_by=approver,
            via=self.change.actor.via,
        )
        was = {"was": kept["days"]} if kept else {}
        self.steps.changes[f"{told.step}_extension"] = {
            "days": told.extended_days,
            "approved_by": approver,
            **was,
        }

    def property(self, kept: list[Record]) -> None:
        """The list as told replaces the list on file; a blank tells nothing."""
        told = self.record.seized
        was = [PropertyRecord(**{name: row[name] for name in _PROPERTY}) for row in kept]
        if not told or list(told) == was:
            return
        since = {_thing(row): (row["status"], row["status_day"]) for row in kept}
        db = self.change.db
        db.run("DELETE FROM property WHERE case_id = :case_id", case_id=self.case["id"])
        for position, one in enumerate(told):
            status, day = since.get(_thing(vars(one)), ("", None))
            db.run(
                """INSERT INTO property (case_id, position, name, quantity, unit, measure, status,
                    status_day, place)
                VALUES (:case_id, :position, :name, :quantity, :unit, :measure, :status,
                    :status_day, :place)""",
                **vars(one),
                case_id=self.case["id"],
                position=position,
                status_day=day if status == one.status else None,
            )
        self.steps.changes["property"] = [list(vars(one).values()) for one in told]
        if was:
            self.steps.changes["property_was"] = [list(vars(one).values()) for one in was]


def _thing(row: Mapping[str, str]) -> tuple[str, str, str]:
    return row["name"], row["quantity"], row["unit"]


def _says_the_same(told: MilestoneRecord, moment: Moment, kept: Record) -> bool:
    """A day without a time agrees with any time of that day, a blank outcome with any."""
    same_outcome = told.outcome in ("", kept["outcome"])
    same_day = moment.day_text == kept["happened_day"]
    return same_outcome and same_day and moment.at_text in (None, kept["happened_at"])


def _entry(moment: Moment, outcome: str) -> Record:
    said = {"at": moment.at_text or moment.day_text}
    return said | {"outcome": outcome} if outcome else said


def _stands(told: MilestoneRecord, kept: Record) -> Refused:
    return Refused(
        f"milestones.{told.step}.at",
        told.moment.day_text if told.moment else "",
        f"民警已手工记录该节点（{kept['happened_day']}），未被覆盖。",
        f"Staff recorded this milestone by hand ({kept['happened_day']}); it was not replaced.",
    )
