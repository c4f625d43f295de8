"""What staff enter of a case by hand is kept with it: it stands against the case system's word."""

import json

from lookup.database import Record
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
