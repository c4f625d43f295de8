"""Cases that are not disclosed, and since when."""

from lookup.beijing import beijing_day
from lookup.database import Database, Record
from lookup.records import BY_HAND
from lookup.trail import Change


def live_withholding(db: Database, case_id: int) -> Record | None:
    """The withholding in force on a case, None where it is disclosed."""
    return db.row(
        "SELECT * FROM withholding WHERE case_id = :case_id AND ended_at IS NULL",
        case_id=case_id,
    )


def put(change: Change, case_id: int, live: Record | None, told: str | None) -> tuple[str, bool]:
    """Withhold or disclose a case; the reason now in force, or "", and whether that changed.

    ``told`` is empty for a disclosed case and None where nothing was said. What the case system
    withholds the second person has approved there. What the desk withheld stays withheld.
    """
    was = live["reason"] if live else ""
    approved = live is None or live["approved_at"] is not None
    by_desk = live is not None and live["via"] == BY_HAND
    stays = by_desk and (approved or not told or change.actor.via == BY_HAND)
    if told is None or stays or (told == was and approved):
        return was, False
    if live:
        _end(change, live["id"])
    if told:
        _begin(change, case_id, told)
    else:
        _show_all(change, case_id)
    return told, True


def _begin(change: Change, case_id: int, reason: str) -> None:
    """What the desk withholds waits for a second person."""
    by_hand = change.actor.via == BY_HAND
    change.db.run(
        """INSERT INTO withholding (case_id, reason, requested_at, requested_by, approved_at,
            approved_by, ended_by, via)
        VALUES (:case_id, :reason, :at, :by, :approved_at, :approved_by, '', :via)""",
        case_id=case_id,
        reason=reason,
        at=change.at,
        by=change.actor.name,
        approved_at=None if by_hand else change.at,
        approved_by="" if by_hand else change.actor.name,
        via=change.actor.via,
    )


def _end(change: Change, withholding_id: int) -> None:
    change.db.run(
        "UPDATE withholding SET ended_at = :at, ended_by = :by WHERE id = :id",
        at=change.at,
        by=change.actor.name,
        id=withholding_id,
    )


def _show_all(change: Change, case_id: int) -> None:
    """What was entered while the case was withheld becomes visible now, not earlier."""
    change.db.run(
        """UPDATE milestone SET visible_at = :at, visible_day = :day
        WHERE case_id = :case_id AND visible_at IS NULL""",
        at=change.at,
        day=beijing_day(change.now).isoformat(),
        case_id=case_id,
    )
