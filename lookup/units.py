"""The tree of units: station below branch below bureau."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from lookup.bodies import phone_digits
from lookup.database import Database, Record
from lookup.errors import FileError, NotFound, Refused
from lookup.language import Text, plain
from lookup.texts import MOBILE
from lookup.trail import Change

# A unit and all below it, as a table named `subtree`; :unit is the one at the top.
SUBTREE = """WITH RECURSIVE subtree (code) AS (
    SELECT code FROM unit WHERE code = :unit
    UNION SELECT unit.code FROM unit JOIN subtree ON unit.parent = subtree.code
)"""


@dataclass(frozen=True)
class UnitRecord:
    """A unit as handed in; ``row`` is where its file has it, 0 where it comes from no file.

    A ``duty_phone`` of None is left as it is.
    """

    row: int
    code: str
    name: str
    parent: str
    address: str
    phone: str
    duty_phone: str | None = None


def read_duty_phone(written: str) -> str:
    """A number that texts can go to, as it is kept, or none; raises Refused."""
    phone = phone_digits(plain(written))
    if phone and not MOBILE.fullmatch(phone):
        raise Refused(
            "duty_phone",
            written,
            f"“{written}”不是手机号码，收不到短信，请改正或清空。",
            f"“{written}” is no mobile phone, so no text reaches it; correct it or clear it.",
        )
    return phone


def put_units(
    change: Change, units: Iterable[UnitRecord], within: str | None = None
) -> dict[str, int]:
    """Add or update units; how many were new, changed and unchanged.

    ``within`` is the unit whose tree may be altered. Raises FileError, naming the row, where a
    unit has no code or name, stands twice, has an unknown unit above it, stands above itself, or
    is to be altered beyond that tree: then nothing is written.
    """
    # Two moves at once could close a ring that neither of them sees.
    change.db.rows(change.db.take_turns)
    known = {unit["code"]: unit for unit in change.db.rows("SELECT * FROM unit")}
    incoming = _checked(units, set(known))
    _refuse_rings(incoming, known)
    if within is not None:
        _refuse_beyond(within, incoming, known)
    counts = {"rows": len(incoming), "new": 0, "changed": 0, "unchanged": 0}
    for unit in _parents_first(incoming):
        counts[_put(change, unit, known.get(unit.code))] += 1
    return counts


def tree_of(db: Database, unit: str) -> list[Record]:
    """A unit and those below it, each after the one above it and ``depth`` steps below the top."""
    rows = db.rows(
        f"""{SUBTREE} SELECT * FROM unit WHERE code IN (SELECT code FROM subtree)
        ORDER BY code DESC""",
        unit=unit,
    )
    below: dict[str | None, list[Record]] = {}
    for row in rows:
        below.setdefault(row["parent"], []).append(row)
    waiting = [row | {"depth": 0} for row in rows if row["code"] == unit]
    tree = []
    while waiting:
        row = waiting.pop()
        tree.append(row)
        waiting += [one | {"depth": row["depth"] + 1} for one in below.get(row["code"], [])]
    return tree


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


def _columns(unit: UnitRecord, known: Record | None) -> Record:
    told = {name: value for name, value in asdict(unit).items() if name != "row"}
    if unit.duty_phone is None:
        told["duty_phone"] = known["duty_phone"] if known else ""
    return told | {"parent": unit.parent or None}


def _put(change: Change, unit: UnitRecord, known: Record | None) -> str:
    values = _columns(unit, known)
    if known == values:
        return "unchanged"
    change.db.run(
        """INSERT INTO unit (code, name, parent, address, phone, duty_phone)
        VALUES (:code, :name, :parent, :address, :phone, :duty_phone)
        ON CONFLICT (code) DO UPDATE SET name = excluded.name, parent = excluded.parent,
            address = excluded.address, phone = excluded.phone, duty_phone = excluded.duty_phone""",
        **values,
    )
    if known is None:
        change.record("unit.added", **values)
        return "new"
    was = {name: value for name, value in known.items() if values[name] != value}
    change.record("unit.changed", **values, was=was)
    return "changed"


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
                f"names a parent unit “{unit.parent}” that does not exist",
            )
    return found


def _parents_first(incoming: dict[str, UnitRecord]) -> Iterable[UnitRecord]:
    placed: dict[str, UnitRecord] = {}
    for unit in incoming.values():
        line = [unit]
        while line[-1].parent in incoming and line[-1].parent not in placed:
            line.append(incoming[line[-1].parent])
        placed |= {one.code: one for one in reversed(line)}
    return placed.values()


def _refuse_rings(incoming: dict[str, UnitRecord], known: dict[str, Record]) -> None:
    """No unit stands above itself, be it by way of units loaded before."""
    above = {code: unit["parent"] for code, unit in known.items()}
    above |= {code: unit.parent for code, unit in incoming.items()}
    for unit in incoming.values():
        if above.get(line_of(unit.code, above)[-1]) == unit.code:
            raise _refused(
                unit,
                "的上级单位不能是它自己或它的下级单位",
                "cannot have itself or a unit below it as its parent unit",
            )


def _refuse_beyond(within: str, incoming: dict[str, UnitRecord], known: dict[str, Record]) -> None:
    """What is altered must stand in the tree before and after; its top stays where it is."""
    above = {code: unit["parent"] for code, unit in known.items()}
    moved = above | {code: unit.parent for code, unit in incoming.items()}
    for code, unit in incoming.items():
        if known.get(code) == _columns(unit, known.get(code)):
            continue
        was = code not in known or within in line_of(code, above)
        stays = code != within or (unit.parent or None) == above[within]
        if not (was and stays and within in line_of(code, moved)):
            raise _refused(unit, "不归您管理", "is not yours to administer")


def line_of(code: str | None, above: Mapping[str, str | None]) -> list[str]:
    """A unit and those above it."""
    line: dict[str, None] = {}
    while code and code not in line:
        line[code] = None
        code = above.get(code)
    return list(line)


def _refused(unit: UnitRecord, zh: str, en: str) -> FileError:
    where = Text(f"第 {unit.row} 行：", f"Row {unit.row}: ") if unit.row else Text("", "")
    return FileError(
        f"{where.zh}单位“{unit.code}”{zh}，没有写入任何单位。",
        f"{where.en}the unit “{unit.code}” {en}; no unit was written.",
    )
