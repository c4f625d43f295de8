"""Bulletins that are published, as the record of changes keeps them: by digests of what they say
and of their paper."""

import json
from base64 import b64decode
from collections import Counter
from hashlib import sha256

from lookup.database import Database, Record
from lookup.entries import detail_of
from lookup.language import Text
from lookup.trail import is_intact

PUBLISHED = "bulletin.published"
# All that a row of ``bulletin`` says, beside its paper.
SAID = (
    *("approved_at", "approved_by", "changed", "data", "drafted_at", "drafted_by", "edition"),
    *("foreword", "period", "published_at", "published_by", "state"),
)
_ALTERED = (
    "与记录不符：被改动或删除。",
    "is not what the record says was published: it was altered or removed.",
)
_TWICE = (
    "在记录中发布了不止一次，以最先一次为准。",
    "was published more than once by the record; the first time counts.",
)
Key = tuple[str, int]  # quarter and edition


def seal_of(row: Record) -> str:
    """The digest of all that a row says, whatever somebody wrote into it."""
    said = json.dumps({name: row[name] for name in SAID}, default=repr)
    return sha256(said.encode()).hexdigest()


def pdf_of(row: Record) -> bytes:
    """The paper of a row, empty where it has none."""
    try:
        return b64decode(row["pdf"], validate=True)
    except (ValueError, TypeError):  # altered by hand
        return b""


def digests(row: Record) -> Record:
    """What the record keeps of a published edition."""
    return {
        "period": row["period"],
        "edition": row["edition"],
        "sheet": seal_of(row),
        "paper": sha256(pdf_of(row)).hexdigest(),
    }


def recorded(db: Database) -> dict[Key, tuple[int, Record]]:
    """By quarter and edition, what the record says was published, and where it first says so."""
    return {_key(one): (position, one) for position, one in reversed(_entries(db))}


def as_recorded(db: Database, row: Record) -> bool:
    """Whether a row is what the record says was published, or is not said to be."""
    _, told = recorded(db).get(_key(row), (0, None))
    return told == (digests(row) if row["state"] == "published" else None)


def faults(db: Database) -> list[Text]:
    """Every bulletin that is not what the record says was published, or was published again."""
    rows = db.rows("SELECT * FROM bulletin WHERE state = 'published'")
    kept = {_key(row): digests(row) for row in rows}
    told = {key: one for key, (_, one) in recorded(db).items()}
    times = Counter(_key(one) for _, one in _entries(db))
    altered = [(key, _ALTERED) for key in {*kept, *told} if kept.get(key) != told.get(key)]
    twice = [(key, _TWICE) for key, n in times.items() if n > 1]
    return [
        Text(f"{period} 第{edition}版通报{zh}", f"The bulletin {period}, edition {edition}, {en}")
        for (period, edition), (zh, en) in sorted(altered + twice)
    ]


def _key(one: Record) -> Key:
    return one["period"], one["edition"]


def _entries(db: Database) -> list[tuple[int, Record]]:
    rows = db.rows(
        "SELECT * FROM trail_entry WHERE action = :action ORDER BY position", action=PUBLISHED
    )
    return [(row["position"], detail_of(row["detail"])) for row in rows if is_intact(row)]
