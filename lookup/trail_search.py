"""Searching the record: by person, action, case and day, within reach."""

from dataclasses import dataclass
from datetime import date, timedelta

from lookup.beijing import start_of_day, utc_text
from lookup.database import Database, Record
from lookup.entries import detail_of
from lookup.language import plain
from lookup.reach import is_whole
from lookup.records import BY_HAND, BY_UPLOAD, number_key
from lookup.staff import actor_name
from lookup.units import SUBTREE

PAGE = 50
NEWEST = 2**62
_CONDITIONS = {
    "action": "action = :action",
    "number": "case_number = :number",
    "first": "at >= :first",
    "after": "at < :after",
}


@dataclass(frozen=True)
class Sought:
    """What is looked for; what is blank is not asked. The days are Beijing ones, both included."""

    who: str = ""
    action: str = ""
    number: str = ""
    first: date | None = None
    last: date | None = None


def search(db: Database, unit: str, sought: Sought, before: int = NEWEST) -> list[Record]:
    """The entries before a position, the latest first: a page, and one more where there are more.

    Within reach are those about cases of a unit's tree (``within`` is then true) and those that
    its staff made; whoever stands above all units sees every entry. Each is a row of the trail
    with the ``kind`` of its case.
    """
    staff, values = _actors(db, unit), _values(db, sought)
    asked = [condition for name, condition in _CONDITIONS.items() if values[name]]
    if sought.who:
        wanted = plain(sought.who).casefold()
        named = [sought.who, *(one for one in staff if wanted in one.casefold())]
        asked.append(_one_of(named, "who", values))
    if not is_whole(db, unit):
        own = _one_of([one for one, is_own in staff.items() if is_own], "own", values)
        within = "cases.unit IN (SELECT code FROM subtree)"
        asked.append(f"({within} OR (trail_entry.via IN ('{BY_HAND}', '{BY_UPLOAD}') AND {own}))")
    return db.rows(
        f"""{SUBTREE} SELECT trail_entry.*, cases.kind, cases.unit IN (SELECT code FROM subtree)
            AS within
        FROM trail_entry LEFT JOIN cases ON cases.number = trail_entry.case_number
        WHERE {" AND ".join(["position < :before", *asked])}
        ORDER BY position DESC LIMIT {PAGE + 1}""",
        unit=unit,
        before=max(0, min(before, NEWEST)),
        **values,
    )


def _values(db: Database, sought: Sought) -> Record:
    last = sought.last and sought.last + timedelta(1)
    return {
        "action": sought.action,
        "number": _number(db, sought.number) if sought.number else "",
        "first": utc_text(start_of_day(sought.first)) if sought.first else "",
        "after": utc_text(start_of_day(last)) if last else "",
    }


def _one_of(actors: list[str], stem: str, values: Record) -> str:
    """The condition that an entry is by one of these; their names join the ``values``."""
    named = {f"{stem}{place}": actor for place, actor in enumerate(actors)}
    values.update(named)
    return f"actor IN ({', '.join(f':{name}' for name in named)})"


def _actors(db: Database, unit: str) -> dict[str, bool]:
    """How the record names, or named before, each member of staff; whether he is of the tree."""
    staff = db.rows(
        f"{SUBTREE} SELECT login, name, unit IN (SELECT code FROM subtree) AS is_own FROM staff",
        unit=unit,
    )
    is_own = {one["login"]: bool(one["is_own"]) for one in staff}
    named = {actor_name(one["name"], one["login"]): bool(one["is_own"]) for one in staff}
    for row in db.rows("SELECT detail FROM trail_entry WHERE action = 'staff.changed'"):
        told = detail_of(row["detail"])
        if "name" in told and told.get("login") in is_own:
            named[actor_name(told["name"][0], told["login"])] = is_own[told["login"]]
    return named


def _number(db: Database, written: str) -> str:
    """A case number as the record has it, however it was typed."""
    row = db.row("SELECT number FROM cases WHERE number_key = :key", key=number_key(written))
    return row["number"] if row else plain(written)
