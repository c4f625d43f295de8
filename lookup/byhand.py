"""What staff enter of a case by hand: noted with it, and recorded by what it was.

It stands against the case system's word.
"""

import json

from lookup.database import Record
from lookup.records import BY_HAND
from lookup.trail import Change


def mark_by_hand(change: Change, case: Record, *fields: str) -> None:
    """Note that a case was changed by hand, and which fields of it; named as in records.Hand."""
    change.db.run(
        """UPDATE cases SET by_hand = :by_hand, changed_at = :at, version = version + 1
        WHERE id = :id""",
        by_hand=json.dumps(sorted({*json.loads(case["by_hand"]), *fields})),
        at=change.at,
        id=case["id"],
    )


def record_changes(change: Change, number: str, changes: Record, why: str = "") -> None:
    """Record what was changed of a case; what staff changed by hand can be searched by what it was.

    ``changes`` are as the record keeps them: a corrected milestone has a "was".
    """
    action = _named(changes) if change.actor.via == BY_HAND else "case.changed"
    change.record(action, number, **changes | ({"reason": why} if why else {}))


def _named(changes: Record) -> str:
    if any("was" in told for told in changes.get("milestones", {}).values()):
        return "milestone.corrected"
    if "extensions" in changes:
        return "clock.extended"
    if "unit" in changes:
        return "case.moved"
    return "milestone.recorded" if changes.keys() == {"milestones"} else "case.changed"
