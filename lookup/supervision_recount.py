"""Proof that inspections and weekly digests are what was done: each change leaves in the record a
SHA-256 of all that stood after it, and what stands now is compared with the last of these."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from lookup.database import Database, Record
from lookup.entries import detail_of
from lookup.language import Text
from lookup.trail import is_intact

_MOST = 100
_DRAW = Text(
    "抽查第 {} 号：所抽的案件或抽取的条件与变动记录不符。",
    "Inspection {}: its cases, or how they were drawn, are not what the record says.",
)
_SHEET = Text(
    "抽查第 {} 号，案件 {}：检查或整改的内容与变动记录不符。",
    "Inspection {}, case {}: what was found or put right is not what the record says.",
)
_DIGEST = Text(
    "单位 {} 自 {} 起一周的周报与变动记录不符。",
    "The digest of unit {} for the week from {} is not what the record says.",
)
_DRAWS = """SELECT inspection.id, inspection.unit, by_unit, first_day, last_day, per_unit, seed,
    sheet, drawn_at, drawn_by, number, inspected_case.unit AS of_unit, place, among
FROM inspection JOIN inspected_case ON inspection_id = inspection.id
JOIN cases ON cases.id = case_id"""
_SHEETS = """SELECT inspection_id, number, checked_at, checked_by, note, item, found_at, due_day,
    provisional, remedy, put_right_day, put_right_by, withdrawn_at, withdrawn_by
FROM inspected_case JOIN cases ON cases.id = case_id
LEFT JOIN finding ON inspected_id = inspected_case.id"""
# A purge blanks what was written of a case, and its entries.
_FILLED_IN = f"""{_SHEETS} WHERE (checked_at IS NOT NULL OR finding.id IS NOT NULL)
    AND number NOT IN (SELECT case_number FROM trail_entry WHERE action = 'case.purged')"""
_ACTIONS = "('inspection.drawn', 'inspection.checked', 'inspection.put_right')"
_DIGESTS = "SELECT unit, first_day, data, made_at FROM digest"

Key = tuple[Any, ...]


def seal_of(rows: Iterable[Record]) -> str:
    """The SHA-256 of some rows, in whatever order they come."""
    said = sorted(json.dumps(row, sort_keys=True) for row in rows)
    return sha256("\n".join(said).encode()).hexdigest()


def seal_draw(db: Database, inspection_id: int) -> str:
    """That of a draw and its cases."""
    return seal_of(db.rows(f"{_DRAWS} WHERE inspection.id = :id", id=inspection_id))


def seal_sheet(db: Database, inspected_id: int) -> str:
    """That of the sheet of a case and all that was ever found by it."""
    return seal_of(db.rows(f"{_SHEETS} WHERE inspected_case.id = :id", id=inspected_id))


def is_as_made(db: Database, digest_id: int) -> bool:
    """Whether a weekly digest is the one that the record says was made."""
    rows = db.rows(f"{_DIGESTS} WHERE id = :id", id=digest_id)
    kept, when = _seals(rows, "unit", "first_day"), [row["made_at"] for row in rows]
    return kept.items() <= _digests_made(db, "AND at = :at", at="".join(when)).items()


def faults(db: Database) -> list[Text]:
    """Every draw, sheet and digest that is not what the record says, at most the first hundred;
    those of a case whose people were forgotten are left out."""
    with db.transaction(reading=True):
        return [*_faults(db)][:_MOST]


def _faults(db: Database) -> Iterator[Text]:
    drawn: dict[Key, str] = {}
    told: dict[Key, str] = {}
    for entry, one in _entries(db, f"action IN {_ACTIONS}"):
        if entry["action"] == "inspection.drawn":
            drawn[one["inspection"],] = one.get("sealed", "")
        else:  # the last one counts
            told[one["inspection"], entry["case_number"]] = one.get("sealed", "")
    yield from _differing(_DRAW, _seals(db.rows(_DRAWS), "id"), drawn)
    yield from _differing(_SHEET, _seals(db.rows(_FILLED_IN), "inspection_id", "number"), told)
    digests = _seals(db.rows(_DIGESTS), "unit", "first_day")
    yield from _differing(_DIGEST, digests, _digests_made(db))


def _seals(rows: Iterable[Record], *by: str) -> dict[Key, str]:
    found: dict[Key, list[Record]] = defaultdict(list)
    for row in rows:
        found[tuple(row[name] for name in by)].append(row)
    return {key: seal_of(of_one) for key, of_one in found.items()}


def _entries(db: Database, which: str, **asked: str) -> Iterator[tuple[Record, Record]]:
    """Entries and their details, the first first; what was altered says nothing."""
    rows = db.rows(f"SELECT * FROM trail_entry WHERE {which} ORDER BY position", **asked)
    return ((row, detail_of(row["detail"])) for row in rows if is_intact(row))


def _digests_made(db: Database, more: str = "", **asked: str) -> dict[Key, str]:
    found = _entries(db, f"action = 'digests.made' {more}", **asked)
    told = ((one["from"], one.get("sealed", {})) for _, one in found)
    return {(unit, first): seal for first, sealed in told for unit, seal in sealed.items()}


def _differing(said: Text, kept: Mapping[Key, str], told: Mapping[Key, str]) -> Iterator[Text]:
    for key in sorted({*kept, *told}, key=str):
        if kept.get(key) != told.get(key):
            yield Text(*(words.format(*key) for words in said))
