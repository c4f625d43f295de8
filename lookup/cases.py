"""Cases as they are kept: taking in what is handed over, without losing what is known.

A case handed in again moves the kept one on. A blank never erases, an older hand-in never
moves a case back, and what staff entered by hand stands against the case system's word.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from lookup import course, withholding
from lookup.beijing import Moment, utc_text
from lookup.bureau import Bureau
from lookup.database import Database, Record
from lookup.errors import NotFound, Refused
from lookup.parties import is_known_person, parties_of, put_parties
from lookup.reckoning import reckon_clocks
from lookup.records import INTAKE, REPORTED, CaseRecord, number_key, refuse_disorder, said_moment
from lookup.trail import Change

BY_HAND = "desk"
_TOLD = ("kind", "unit", "name", "officer", "badge", "channel", "remark")


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


def find_case(db: Database, number: str) -> Record | None:
    """The case of a number, however it is written; None where there is none."""
    return db.row("SELECT * FROM cases WHERE number_key = :key", key=number_key(number))


def require_case(db: Database, number: str) -> Record:
    """The case of a number; raises NotFound where there is none."""
    case = find_case(db, number)
    if case is None:
        raise NotFound(f"没有编号为“{number}”的案件。", f"There is no case “{number}”.")
    return case


def put_case(bureau: Bureau, change: Change, record: CaseRecord, as_of: AsOf) -> Put:
    """Take in a case: add it, move the kept one on, or leave it as it is.

    Raises Refused, before anything is written, where the number belongs to another matter or a
    milestone lies before the one it follows.
    """
    _refuse_disorder(record, {})
    # The row is locked before it is compared: two hand-ins of one case take turns.
    kept = change.db.row(
        "SELECT * FROM cases WHERE number_key = :key" + change.db.for_update,
        key=number_key(record.number),
    )
    if kept is None:
        return _register(bureau, change, record, as_of)
    return _move_on(bureau, change, kept, record, as_of)


def _register(bureau: Bureau, change: Change, record: CaseRecord, as_of: AsOf) -> Put:
    case = change.db.row(
        """INSERT INTO cases
        (number, number_key, kind, unit, name, officer, badge, channel, reported_day, reported_at,
            intake_day, intake_at, remark, known_as_of, by_hand, created_at, changed_at, version)
        VALUES
        (:number, :number_key, :kind, :unit, :name, :officer, :badge, :channel, :reported_day,
            :reported_at, :intake_day, :intake_at, :remark, :as_of, '[]', :now, :now, 1)
        ON CONFLICT (number_key) DO NOTHING RETURNING *""",
        **_told(record),
        **_times(record),
        number=record.number,
        number_key=number_key(record.number),
        as_of=as_of.text,
        now=change.at,
    )
    if case is None:
        # Somebody else registered the number between our look and our insert.
        return put_case(bureau, change, record, as_of)
    entry = {
        "unit": record.unit,
        "kind": record.kind.code,
        "as_of": as_of.text,
        "parties": put_parties(bureau, change, case["id"], record.parties),
        **withholding.put(change, case["id"], record.withheld_reason),
        **course.put(bureau, change, case, record, as_of.backlog).changes,
    }
    reckon_clocks(bureau, case["id"], record.kind)
    change.record("case.registered", record.number, **entry)
    return Put("new", list(record.warnings))


def _move_on(bureau: Bureau, change: Change, kept: Record, record: CaseRecord, as_of: AsOf) -> Put:
    on_file = course.read(change.db, kept["id"])
    _refuse_other_matter(bureau, kept, record)
    put = Put("unchanged", list(record.warnings))
    behind = course.is_behind(on_file, record)
    if kept["known_as_of"] > as_of.text or (behind and not as_of.stated):
        put.warnings += [_left_alone(record)] if behind else []
        return put
    _refuse_disorder(record, on_file.milestones)
    _refuse_lost_steps(record, on_file.milestones)
    changes = _update_told(change, kept, record, put)
    changes |= _update_parties(bureau, change, kept, record)
    changes |= withholding.put(change, kept["id"], record.withheld_reason)
    steps = course.put(bureau, change, kept | _told(record), record, False, on_file)
    put.warnings += steps.warnings
    changes |= steps.changes
    if changes:
        reckon_clocks(bureau, kept["id"], record.kind)
        change.record("case.changed", kept["number"], **changes)
        put.result = "changed"
    _touch(change, kept, as_of, bool(changes))
    return put


def _update_told(change: Change, kept: Record, record: CaseRecord, put: Put) -> Record:
    """Write the told fields that differ; {field: [was, is]}. Hand-entered ones stay."""
    told = _told(record) | _times(record)
    differing = {
        name: value
        for name, value in told.items()
        if value and value != kept[name] and not _only_vaguer(name, told, kept)
    }
    by_hand = set(json.loads(kept["by_hand"]))
    if change.actor.via == BY_HAND:
        by_hand |= set(differing)
    else:
        for name in by_hand & set(differing):
            put.warnings.append(_kept_by_hand(name, kept[name], differing.pop(name)))
    if not differing:
        return {}
    if "intake_day" in differing or "intake_at" in differing:
        differing |= {"intake_day": told["intake_day"], "intake_at": told["intake_at"]}
    _write_told(change, kept, differing, sorted(by_hand))
    return {name: [kept[name], value] for name, value in differing.items()}


def _write_told(
    change: Change, kept: Record, differing: Mapping[str, Any], by_hand: list[str]
) -> None:
    change.db.run(
        """UPDATE cases SET kind = :kind, unit = :unit, name = :name, officer = :officer,
            badge = :badge, channel = :channel, remark = :remark, reported_day = :reported_day,
            reported_at = :reported_at, intake_day = :intake_day, intake_at = :intake_at,
            by_hand = :by_hand
        WHERE id = :id""",
        **{name: kept[name] for name in (*_TOLD, *_TIMES)} | dict(differing),
        by_hand=json.dumps(by_hand),
        id=kept["id"],
    )


def _update_parties(bureau: Bureau, change: Change, kept: Record, record: CaseRecord) -> Record:
    changed = put_parties(bureau, change, kept["id"], record.parties)
    return {"parties": changed} if changed else {}


def _touch(change: Change, kept: Record, as_of: AsOf, changed: bool) -> None:
    """An unchanged case is not written at all, unless it is now known for a later instant."""
    if changed or as_of.stated:
        change.db.run(
            """UPDATE cases SET known_as_of = :as_of, changed_at = :changed_at,
                version = version + :more WHERE id = :id""",
            as_of=max(as_of.text, kept["known_as_of"]),
            changed_at=change.at if changed else kept["changed_at"],
            more=int(changed),
            id=kept["id"],
        )


_TIMES = ("reported_day", "reported_at", "intake_day", "intake_at")


def _told(record: CaseRecord) -> Record:
    return {name: getattr(record, name) for name in _TOLD} | {"kind": record.kind.code}


def _times(record: CaseRecord) -> Record:
    reported = record.reported
    return {
        "reported_day": reported.day_text if reported else None,
        "reported_at": reported.at_text if reported else None,
        "intake_day": record.intake.day_text,
        "intake_at": record.intake.at_text,
    }


def _only_vaguer(name: str, told: Record, kept: Record) -> bool:
    """A day without a time does not replace the same day with one."""
    stem = name.removesuffix("_at").removesuffix("_day")
    return name in _TIMES and not told[f"{stem}_at"] and told[f"{stem}_day"] == kept[f"{stem}_day"]


def _refuse_other_matter(bureau: Bureau, kept: Record, record: CaseRecord) -> None:
    """One number, other complainant and other intake time: another matter.

    Two bare days that agree do not prove one intake time, so the name must then agree.
    """
    kept_intake = Moment.read(kept["intake_day"], kept["intake_at"])
    if kept_intake == record.intake and kept_intake.at:
        return
    if is_known_person(bureau, parties_of(bureau.db, kept["id"]), record.parties):
        return
    if kept_intake == record.intake and not any(party.name for party in record.parties):
        return
    raise Refused(
        "number",
        record.number,
        f"编号“{record.number}”已属于另一案件（报案人不同，受案时间为 "
        f"{said_moment(kept_intake)}），请核对编号。",
        f"The number “{record.number}” already belongs to another matter (another complainant, "
        f"taken in {said_moment(kept_intake)}); check the number.",
    )


def _refuse_disorder(record: CaseRecord, on_file: Mapping[str, Record]) -> None:
    moments = {
        step: Moment.read(row["happened_day"], row["happened_at"]) for step, row in on_file.items()
    }
    moments[INTAKE] = record.intake
    if record.reported:
        moments[REPORTED] = record.reported
    moments |= {one.step: one.moment for one in record.milestones if one.moment}
    refuse_disorder(record.kind, moments)


def _refuse_lost_steps(record: CaseRecord, on_file: Mapping[str, Record]) -> None:
    for step in on_file:
        if not record.kind.has_step(step):
            raise Refused(
                "kind",
                record.kind.name.zh,
                f"案件已有节点“{step}”，{record.kind.name.zh}类别没有这一节点，不能改为该类别。",
                f"The case already has the milestone “{step}”, which {record.kind.name.en} cases "
                "do not have; the kind cannot be changed.",
            )


def _left_alone(record: CaseRecord) -> Refused:
    return Refused(
        "number",
        record.number,
        "这一行比已有记录旧，案件保持不变。",
        "This row is older than what is on file; the case was left as it is.",
    )


def _kept_by_hand(name: str, kept: str, told: str) -> Refused:
    return Refused(
        name,
        told,
        f"民警已手工填写“{kept}”，未被“{told}”覆盖。",
        f"Staff entered “{kept}” by hand; it was not replaced by “{told}”.",
    )
