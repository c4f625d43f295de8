"""Cases as they are kept: taking in what is handed over, without losing what is known.

A case handed in again moves the kept one on. A blank never erases, an older hand-in never
moves a case back, and what staff entered by hand stands against the case system's word.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from lookup import course, withholding
from lookup.beijing import Moment, start_of_day, utc_text
from lookup.bureau import Bureau
from lookup.byhand import record_changes
from lookup.comments import follow_case
from lookup.database import Database, Record
from lookup.errors import NotFound, Refused
from lookup.kinds import Kind
from lookup.language import Text
from lookup.parties import is_known_person, put_parties, warn_forgotten
from lookup.reckoning import reckon_case, reckon_clocks, start_clocks
from lookup.records import (
    BY_HAND,
    INTAKE,
    REPORTED,
    CaseRecord,
    CaseRefused,
    Hand,
    agrees,
    disorder,
    number_key,
    said_moment,
)
from lookup.trail import Change

_TEXTS = ("kind", "unit", "name", "officer", "badge", "channel", "remark")
# Field of the body → stem of its two columns.
_MOMENTS = {"reported_at": "reported", "taken_in_at": "intake"}
_BLANK = dict.fromkeys(_TEXTS, "") | dict.fromkeys(("reported_day", "reported_at"))


@dataclass(frozen=True)
class AsOf:
    """The instant up to which a hand-in tells; ``stated`` where somebody said so."""

    instant: datetime
    stated: bool = False
    backlog: bool = False

    @property
    def text(self) -> str:
        """The instant as database text."""
        return utc_text(self.instant)


@dataclass
class Put:
    """What became of a hand-in, and what its author should know."""

    result: Literal["new", "changed", "unchanged"]
    warnings: list[Refused] = field(default_factory=list)


@dataclass(frozen=True)
class OnFile:
    """A case with all that a hand-in is compared with."""

    case: Record
    course: course.Course
    parties: list[Record]
    withheld: Record | None


class Files:
    """The cases of some numbers, read at once and locked until the transaction ends."""

    def __init__(self, db: Database, numbers: Iterable[str]) -> None:
        self._db = db
        keys = list(dict.fromkeys(map(number_key, numbers)))
        self._ahead = dict.fromkeys(keys) | read_kept(db, keys)

    def take(self, number: str) -> OnFile | None:
        """The case of a number as it now is, None where there is none."""
        key = number_key(number)
        # What was read ahead serves once: then the case may have been changed.
        return self._ahead.pop(key) if key in self._ahead else read_kept(self._db, [key]).get(key)


def read_kept(db: Database, keys: Sequence[str]) -> dict[str, OnFile]:
    """The cases of some number keys, by key, locked until the transaction ends."""
    if not keys:
        return {}
    wanted = {f"key{place}": key for place, key in enumerate(keys)}
    names = ", ".join(f":{name}" for name in wanted)
    # In one order for all, so that two registers at once wait for, and never on, each other.
    found = db.rows(
        f"SELECT * FROM cases WHERE number_key IN ({names}) ORDER BY number_key{db.for_update}",
        **wanted,
    )
    ids = [case["id"] for case in found]
    courses = course.read(db, ids)
    parties: dict[int, list[Record]] = {case_id: [] for case_id in ids}
    for row in course.rows_of(db, "party", ids, "id"):
        parties[row["case_id"]].append(row)
    held = course.rows_of(db, "withholding", ids, "id")
    live = {row["case_id"]: row for row in held if not row["ended_at"]}
    return {
        case["number_key"]: OnFile(case, courses[n], parties[n], live.get(n))
        for n, case in zip(ids, found, strict=True)
    }


def find_case(db: Database, number: str) -> Record | None:
    """The case of a number, however it is written; None where there is none."""
    return db.row("SELECT * FROM cases WHERE number_key = :key", key=number_key(number))


def require_case(db: Database, number: str) -> Record:
    """The case of a number; raises NotFound where there is none."""
    case = find_case(db, number)
    if case is None:
        raise NotFound(f"没有编号为“{number}”的案件。", f"There is no case “{number}”.")
    return case


def put_case(
    bureau: Bureau, change: Change, record: CaseRecord, as_of: AsOf, files: Files | None = None
) -> Put:
    """Take in a case: add it, move the kept one on, or leave it as it is.

    ``files`` may have read the kept one ahead. Raises CaseRefused, before anything is written,
    where the number belongs to another matter or the milestones told do not go with those on file.
    """
    # The row is locked before it is compared: two hand-ins of one case take turns.
    kept = (files or Files(change.db, [record.number])).take(record.number)
    if kept is None:
        return _register(bureau, change, record, as_of, files)
    if forgotten := warn_forgotten(record.number, kept.parties):
        return Put("unchanged", [*record.warnings, forgotten])
    _refuse_other_matter(bureau, kept, record)
    return move_on(bureau, change, kept, record, as_of)


def _register(
    bureau: Bureau, change: Change, record: CaseRecord, as_of: AsOf, files: Files | None
) -> Put:
    hand = Hand(change.actor.via == BY_HAND)
    told = _told(record)
    case = change.db.row(
        """INSERT INTO cases
        (number, number_key, kind, unit, name, officer, badge, channel, reported_day, reported_at,
            intake_day, intake_at, remark, known_as_of, by_hand, created_at, changed_at, version)
        VALUES
        (:number, :number_key, :kind, :unit, :name, :officer, :badge, :channel, :reported_day,
            :reported_at, :intake_day, :intake_at, :remark, :as_of, '[]', :now, :now, 1)
        ON CONFLICT DO NOTHING RETURNING *""",
        **_BLANK | _columns(told),
        number=record.number,
        number_key=number_key(record.number),
        # By hand, nothing is known yet of what the case system tells.
        as_of="" if hand.writes else as_of.text,
        now=change.at,
    )
    if case is None:
        # Somebody else registered the number between our look and our insert.
        return put_case(bureau, change, record, as_of, files)
    parties = put_parties(bureau, change, case["id"], [], record.parties, hand)
    withheld, _ = withholding.put(change, case["id"], None, record.withheld_reason, hand)
    writer = course.Writer(
        bureau, change, case, record.kind, hand, hidden=bool(withheld), backlog=as_of.backlog
    )
    steps = writer.put(record, course.Course())
    hand.fields |= told.keys() if hand.writes else set()
    _write(change, case, case, hand)
    start_clocks(bureau, case["id"], record.kind, writer.reached, writer.extended)
    entry = {"unit": record.unit, "kind": record.kind.code, "as_of": as_of.text}
    entry |= {"withheld": withheld} if withheld else {}
    change.record("case.registered", record.number, **entry, parties=parties, **steps)
    return Put("new", [*record.warnings, *hand.warnings])


def move_on(
    bureau: Bureau, change: Change, kept: OnFile, record: CaseRecord, as_of: AsOf, why: str = ""
) -> Put:
    """Move on a kept case known to be the one told of; ``why`` is recorded. Raises CaseRefused."""
    hand = Hand(change.actor.via == BY_HAND, set(json.loads(kept.case["by_hand"])), why=why)
    differing = _differing(kept.case, record, hand)
    behind = course.is_behind(kept.course, record, hand)
    if not hand.writes and _is_older(kept, record, as_of, hand, behind):
        left_alone = [_left_alone(record, as_of)] if behind or differing else []
        return Put("unchanged", [*record.warnings, *left_alone])
    moved = {
        name: columns
        for name, columns in differing.items()
        if not hand.stands(
            name, _said(bureau, name, kept.case), _said(bureau, name, kept.case | columns)
        )
    }
    case = kept.case | _columns(moved)
    _refuse_misfit(bureau.kinds[case["kind"]], case, kept.course, record, hand)
    changes = {name: _entry(name, kept.case, case) for name in moved}
    changes |= _move_parts(bureau, change, replace(kept, case=case), record, hand, "kind" in moved)
    if changes:
        record_changes(change, case["number"], changes, why)
        if "unit" in moved:
            follow_case(bureau, change, case["id"], kept.case["unit"], case["unit"])
        case |= {"changed_at": change.at, "version": case["version"] + 1}
    if not hand.writes and (changes or as_of.stated):
        case["known_as_of"] = max(as_of.text, case["known_as_of"])
    _write(change, kept.case, case, hand)
    return Put("changed" if changes else "unchanged", [*record.warnings, *hand.warnings])


def _move_parts(
    bureau: Bureau,
    change: Change,
    kept: OnFile,
    record: CaseRecord,
    hand: Hand,
    kind_changed: bool,
) -> Record:
    """Write the parties, the withholding and the course; what changed."""
    case, kind = kept.case, bureau.kinds[kept.case["kind"]]
    parties = put_parties(bureau, change, case["id"], kept.parties, record.parties, hand)
    withheld, moved = withholding.put(
        change, case["id"], kept.withheld, record.withheld_reason, hand
    )
    writer = course.Writer(bureau, change, case, kind, hand, hidden=bool(withheld))
    steps = writer.put(record, kept.course)
    if kind_changed:
        reckon_case(bureau, case["id"], kind)
    elif steps:
        reckon_clocks(bureau, case["id"], kind, writer.reached, writer.extended)
    changes: Record = {"parties": parties} if parties else {}
    if moved:
        changes["withheld"] = [kept.withheld["reason"] if kept.withheld else "", withheld]
    return changes | steps


def _is_older(kept: OnFile, record: CaseRecord, as_of: AsOf, hand: Hand, behind: bool) -> bool:
    """Whether a hand-in is to be left alone: by its date, or, where it bears none, by its course.

    One that tells a new step tells news, whatever date was given or assumed for those before it.
    """
    if kept.case["known_as_of"] > as_of.text:
        return behind or not course.is_ahead(kept.course, record, hand)
    return behind and not as_of.stated


def _write(change: Change, was: Record, case: Record, hand: Hand) -> None:
    """Write a case's own row, unless it stayed as it was."""
    now = case | {"by_hand": json.dumps(sorted(hand.fields))}
    if now != was:
        change.db.run(
            """UPDATE cases SET kind = :kind, unit = :unit, name = :name, officer = :officer,
                badge = :badge, channel = :channel, remark = :remark, by_hand = :by_hand,
                reported_day = :reported_day, reported_at = :reported_at,
                intake_day = :intake_day, intake_at = :intake_at, known_as_of = :known_as_of,
                changed_at = :changed_at, version = :version
            WHERE id = :id""",
            **now,
        )


def _told(record: CaseRecord) -> dict[str, Record]:
    """The columns of a case's own row that each told field fills; a blank tells nothing."""
    texts = {name: getattr(record, name) for name in _TEXTS} | {"kind": record.kind.code}
    told: dict[str, Record] = {name: {name: text} for name, text in texts.items() if text}
    for name, stem in _MOMENTS.items():
        moment: Moment | None = getattr(record, stem)
        if moment:
            told[name] = {f"{stem}_day": moment.day_text, f"{stem}_at": moment.at_text}
    return told


def _columns(fields: Mapping[str, Record]) -> Record:
    return {name: value for columns in fields.values() for name, value in columns.items()}


def _differing(kept: Record, record: CaseRecord, hand: Hand) -> dict[str, Record]:
    """The told fields that say something else than is kept."""
    return {
        name: columns
        for name, columns in _told(record).items()
        if not (
            agrees(_moment(name, columns), _moment(name, kept))
            if name in _MOMENTS and kept[f"{_MOMENTS[name]}_day"] and not hand.writes
            else columns.items() <= kept.items()
        )
    }


def _moment(name: str, columns: Mapping[str, Any]) -> Moment:
    stem = _MOMENTS[name]
    return Moment.read(columns[f"{stem}_day"], columns[f"{stem}_at"])


def _said(bureau: Bureau, name: str, case: Record) -> str | Text:
    """A field of a case as staff may read it."""
    if name == "kind":
        known = bureau.kinds.get(case["kind"])
        return known.name if known else str(case["kind"])
    if name in _MOMENTS:
        return said_moment(_moment(name, case)) if case[f"{_MOMENTS[name]}_day"] else ""
    return str(case[name])


def _entry(name: str, was: Record, now: Record) -> list[str]:
    """A changed field in the trail; a remark may name people, so it stays out."""
    if name == "remark":
        return ["…", "…"]
    stem = _MOMENTS.get(name)
    return [row[f"{stem}_at"] or row[f"{stem}_day"] if stem else row[name] for row in (was, now)]


def _refuse_other_matter(bureau: Bureau, kept: OnFile, record: CaseRecord) -> None:
    """One number, other complainant and other intake time: another matter.

    Two bare days that agree do not prove one intake time, so the name must then agree. Where one
    side knows no name, one time of reporting is proof enough.
    """
    intake = _moment("taken_in_at", kept.case)
    if _is_one_instant(intake, record.intake):
        return
    if is_known_person(bureau, kept.parties, record.parties, kept.case["by_hand"]):
        return
    told_nobody = not any(party.name for party in record.parties)
    if told_nobody and agrees(record.intake, intake):
        return
    nobody = told_nobody or not any(party["name_found"] for party in kept.parties)
    if nobody and record.reported and kept.case["reported_day"]:
        reported = _moment("reported_at", kept.case)
        if _is_one_instant(reported, record.reported):
            return
    refused = Refused(
        "number",
        record.number,
        f"编号“{record.number}”已属于另一案件（报案人和受案时间都不同，该案受案时间为 "
        f"{said_moment(intake)}），请核对编号。",
        f"The number “{record.number}” already belongs to another matter (other complainant, other "
        f"intake time; that one was taken in {said_moment(intake)}); check the number.",
    )
    raise CaseRefused("the case was refused", [refused])


def _is_one_instant(one: Moment, other: Moment) -> bool:
    # Midnight is what programs write for a day whose time they do not know.
    return one.at is not None and one.at == other.at and one.at != start_of_day(one.day)


def _refuse_misfit(
    kind: Kind, case: Record, on_file: course.Course, record: CaseRecord, hand: Hand
) -> None:
    """Raise where the milestones, as they would then stand, are no course of the kind."""
    stands = (
        {} if hand.writes else {s for s, row in on_file.milestones.items() if row["via"] == BY_HAND}
    )
    told = {one.step: one for one in record.milestones if one.moment and one.step not in stands}
    moments = {
        step: Moment.read(row["happened_day"], row["happened_at"])
        for step, row in on_file.milestones.items()
    }
    moments |= {step: one.moment for step, one in told.items() if one.moment}
    moments |= {
        step: _moment(name, case)
        for name, step in (("reported_at", REPORTED), ("taken_in_at", INTAKE))
        if case[f"{_MOMENTS[name]}_day"]
    }
    outcomes = {step: row["outcome"] for step, row in on_file.milestones.items()}
    outcomes |= {step: one.outcome for step, one in told.items() if one.outcome}
    refusals = [*_lost(kind, outcomes), *disorder(kind, moments)]
    if refusals:
        raise CaseRefused("the case was refused", refusals)


def _lost(kind: Kind, outcomes: Mapping[str, str]) -> Iterable[Refused]:
    """A refusal for each milestone on file that the kind does not have."""
    for step, outcome in outcomes.items():
        if not kind.has_step(step) or (outcome and not kind.outcome_named(step, outcome)):
            shown = " ".join(filter(None, (step, outcome)))
            yield Refused(
                "kind",
                kind.name.zh,
                f"案件已有节点“{shown}”，{kind.name.zh}类别没有这一节点，不能改为该类别。",
                f"The case already has the milestone “{shown}”, which {kind.name.en} cases do not "
                "have; the kind cannot be changed.",
            )


def _left_alone(record: CaseRecord, as_of: AsOf) -> Refused:
    hint = Text(
        "如果它其实更新，请用 --as-of 注明它的截止时间。",
        " If it is newer in fact, state with --as-of up to when it tells.",
    )
    zh, en = Text("", "") if as_of.stated else hint
    return Refused(
        "number",
        record.number,
        f"这一行比已有记录旧，案件保持不变。{zh}",
        f"This row is older than what is on file; the case was left as it is.{en}",
    )
