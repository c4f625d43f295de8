"""Which cases a person may reach: those of the own unit and of the units below it.

Whoever is out of reach and what does not exist get one answer.
"""

from lookup.database import Database, Record
from lookup.errors import NotFound
from lookup.records import number_key
from lookup.units import SUBTREE


def reach_case(db: Database, unit: str, number: str, *, lock: bool = False) -> Record:
    """The case of a number within a unit's reach; with ``lock``, kept from others until the
    transaction ends. Raises NotFound."""
    case = db.row(
        f"""{SUBTREE} SELECT * FROM cases
        WHERE number_key = :key AND unit IN (SELECT code FROM subtree)
        {db.for_update if lock else ""}""",
        unit=unit,
        key=number_key(number),
    )
    if case is None:
        raise NotFound(
            f"没有编号为“{number}”的案件，或者它不归本单位。",
            f"There is no case “{number}”, or it is not your unit's.",
        )
    return case


def units_within(db: Database, unit: str) -> dict[str, str]:
    """The names by code of a unit and those below it."""
    rows = db.rows(
        f"""{SUBTREE} SELECT code, name FROM unit
        WHERE code IN (SELECT code FROM subtree) ORDER BY code""",
        unit=unit,
    )
    return {row["code"]: row["name"] for row in rows}


def is_within(db: Database, unit: str, code: str) -> bool:
    """Whether a unit is another one or stands below it."""
    found = db.row(f"{SUBTREE} SELECT code FROM subtree WHERE code = :code", unit=unit, code=code)
    return found is not None


def is_whole(db: Database, unit: str) -> bool:
    """Whether all units there are stand in a unit's tree."""
    beyond = f"{SUBTREE} SELECT code FROM unit WHERE code NOT IN (SELECT code FROM subtree) LIMIT 1"
    return db.row(beyond, unit=unit) is None
