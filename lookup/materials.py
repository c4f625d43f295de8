"""What the complainant must still bring: listed once and completely, ticked off when received."""

from collections.abc import Sequence
from datetime import date

from lookup.database import Record
from lookup.trail import Change


def request_materials(change: Change, case: Record, names: Sequence[str]) -> None:
    """List what is still wanted for a case."""
    change.db.run_many(
        "INSERT INTO material (case_id, name) VALUES (:case_id, :name)",
        [{"case_id": case["id"], "name": name} for name in names],
    )
    change.record("materials.requested", case["number"], names=list(names))


def receive_material(change: Change, case: Record, name: str, day: date) -> None:
    """Tick off a material as received on a day."""
    change.db.run(
        """UPDATE material SET received_day = :day
        WHERE case_id = :case_id AND name = :name AND received_day IS NULL""",
        case_id=case["id"],
        name=name,
        day=day.isoformat(),
    )
    change.record("materials.received", case["number"], name=name, day=day.isoformat())
