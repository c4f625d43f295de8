"""What the complainant must still bring: listed once and completely, ticked off when received."""

from collections.abc import Sequence
from datetime import date

from lookup.database import Record
from lookup.trail import Change


def request_materials(change: Change, case: Record, names: Sequence[str]) -> None:
    """List what is still wanted for a case; what is listed already stays as it is."""
    on_file = change.db.rows("SELECT name FROM material WHERE case_id = :id", id=case["id"])
    listed = {row["name"] for row in on_file}
    wanted = [name for name in dict.fromkeys(names) if name not in listed]
    change.db.run_many(
        "INSERT INTO material (case_id, name) VALUES (:case_id, :name)",
        [{"case_id": case["id"], "name": name} for name in wanted],
    )
    if wanted:
        change.record("materials.requested", case["number"], names=wanted)


def receive_material(change: Change, case: Record, name: str, day: date) -> None:
    """Tick off a material as received on a day, once."""
    ticked = change.db.run(
        """UPDATE material SET received_day = :day
        WHERE case_id = :case_id AND name = :name AND received_day IS NULL""",
        case_id=case["id"],
        name=name,
        day=day.isoformat(),
    )
    if ticked:
        change.record("materials.received", case["number"], name=name, day=day.isoformat())
