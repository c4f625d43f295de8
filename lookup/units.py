"""The tree of units: station below branch below bureau."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from lookup.database import Database, Record
from lookup.errors import FileError, NotFound
from lookup.trail import Change

# A unit and all below it, as a table named `subtree`; :unit is the one at the top.
SUBTREE = """WITH RECURSIVE subtree (code) AS (
    SELECT code FROM unit WHERE code = :unit
    UNION SELECT unit.code FROM unit JOIN subtree ON unit.parent = subtree.code
)"""


@dataclass(frozen=True)
class UnitRecord:
    """A unit as handed in; ``row`` is where its file has it."""

    row: int
    code: str
    name: str
    parent: str
    address: str
    phone: str


def put_units(change: Change, units: Iterable[UnitRecord]) -> dict[str, int]:
    """Add or update units; how many were new, changed and unchanged.

    Raises FileError, naming the row, where a unit has no code or name, stands twice, has an
    unknown unit above it, or stands above itself: then nothing is written.
    """
    known = {unit["code"]: unit for unit in change.db.rows("SELECT * FROM unit")}
    incoming = _checked(units, set(known))
    counts = {"rows": len(incoming), "new": 0, "changed": 0, "unchanged": 0}
    for unit in _parents_first(incoming, known):
        counts[_put(change, unit, known.get(unit.code))] += 1
    return counts


def unit_codes(db: Database) -> frozenset[str]:
    """The codes of all units."""
    return frozenset(row["code"] for row in db.rows("SELECT code FROM unit"))


def unit_names(db: Database) -> dict[str, str]:
    """The names of all units by code."""
    return {row["code"]: row["name"] for row in db.rows("SELECT code, name FROM unit")}


def require_unit(db: Database, code: str) -> None:
    """Raise NotFound where there is no unit of that code."""
    if db.row("SELECT code FROM unit WHERE code = :code", code=code) is None:
        raise NotFound(
            f"没有代码为“{code}”的单位，请核对。", f"There is no unit “{code}”; check the code."
        )


def _put(change: Change, unit: UnitRecord, known: Record | None) -> str:
    values = {name: value for name, value in asdict(unit).items() if name != "row"}
    values["parent"] = unit.parent or None
    if known == values:
        return "unchanged"
    change.db.run(
        """INSERT INTO unit (code, name, parent, address, phone)
        VALUES (:code, :name, :parent, :address, :phone)
        ON CONFLICT (code) DO UPDATE SET name = excluded.name, parent = excluded.parent,
            address = excluded.address, phone = excluded.phone""",
        **values,
    )
    change.record("unit.changed" if known else "unit.added", **values)
    return "changed" if known else "new"


def _checked(units: Iterable[UnitRecord], known: set[str]) -> dict[str, UnitRecord]:
    found: dict[str, UnitRecord] = {}
    for unit in units:
        if not unit.code or not unit.name:
            raise _refused(unit, "没有代码或名称", "has no code or no name")
        if unit.code in found:
            raise _refused(unit, f"代码“{unit.code}”重复", f"repeats the code “{unit.code}”")
        found[unit.code] = unit
    for unit in found.values():
        if unit.parent and unit.parent not in found and unit.parent not in known:
            raise _refused(
                unit,
                f"的上级单位“{unit.parent}”不存在",
                f"names an upper unit “{unit.parent}” that does not exist",
            )
    return found


def _parents_first(
    incoming: dict[str, UnitRecord], known: dict[str, Record]
) -> Iterable[UnitRecord]:
    placed: dict[str, UnitRecord] = {}
    for unit in incoming.values():
        line = [unit]
        while line[-1].parent in incoming and line[-1].parent not in placed:
            line.append(incoming[line[-1].parent])
            if len(line) > len(incoming):
                raise _refused(unit, "的上级关系成环", "stands above itself")
        placed |= {one.code: one for one in reversed(line)}
    _refuse_rings(incoming, known)
    return placed.values()


def _refuse_rings(incoming: dict[str, UnitRecord], known: dict[str, Record]) -> None:
    """A file may also close a ring together with units loaded before."""
    above = {code: unit["parent"] for code, unit in known.items()}
    above |= {code: unit.parent for code, unit in incoming.items()}
    for unit in incoming.values():
        seen = {unit.code}
        upper = above.get(unit.code)
        while upper:
            if upper in seen:
                raise _refused(unit, "的上级关系成环", "stands above itself")
            seen.add(upper)
            upper = above.get(upper)


def _refused(unit: UnitRecord, zh: str, en: str) -> FileError:
    return FileError(
        f"第 {unit.row} 行：单位“{unit.code}”{zh}，未导入任何单位。",
        f"Row {unit.row}: the unit “{unit.code}” {en}; no unit was imported.",
    )
