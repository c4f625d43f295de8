"""What the complainant must still bring: listed once and completely, ticked off when received."""

from collections.abc import Sequence
from datetime import date

from lookup.database import Database, Record
from lookup.trail import Change


def asked_for(db: Database, case_id: int) -> list[Record]:
    """What was asked for, rows of ``material`` in the order in which it was asked."""
    return db.rows("SELECT * FROM material WHERE case_id = :case_id ORDER BY id", case_id=case_id)


def request_materials(
    change: Change, case: Record, names: Sequence[str], *, later: bool = False
) -> list[str]:
    """List what is still wanted for a case; what is listed already stays as it is. What was new.

    ``later`` is for what was forgotten at intake: the record tells it apart.
    """
    listed = {row["name"] for row in asked_for(change.db, case["id"])}
    wanted = [name for name in dict.fromkeys(names) if name not in listed]
    change.db.run_many(
        "INSERT INTO material (case_id, name) VALUES (:case_id, :name)",
        [{"case_id": case["id"], "name": name} for name in wanted],
    )
    if wanted:
        action = "materials.added" if later else "materials.requested"
        change.record(action, case["number"], names=wanted)
    return wanted


def receive_material(change: Change, case: Record, name: str, day: date | None) -> None:
    """Tick off a material as received on a day, or correct that; without a day, take it back."""
    rows = asked_for(change.db, case["id"])
    was = next((row["received_day"] for row in rows if row["name"] == name), None)
    now = day.isoformat() if day else None
    touched = change.db.run(
        "UPDATE material SET received_day = :now WHERE case_id = :case_id AND name = :name",
        now=now,
        case_id=case["id"],
        name=name,
    )
    if touched and now != was:
        action = "materials.received" if now else "materials.not_received"
        days = [was, now] if was and now else was or now
        change.record(action, case["number"], name=name, day=days)
