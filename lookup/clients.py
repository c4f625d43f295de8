"""Keys of other programs: shown once, kept as a hash, good for one unit's tree, revocable."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from lookup.beijing import beijing_day
from lookup.database import Database, Record
from lookup.errors import NotFound, Refused
from lookup.language import plain
from lookup.reach import is_whole, units_within
from lookup.throttle import Limit, count_try
from lookup.trail import Actor, Change
from lookup.units import require_unit

LIMIT = Limit(tries=600, seconds=60)
# By it a key is recognised where it should not be: in a log, a mail, a repository.
_PREFIX = "dl_"
_KEY_BYTES = 24
_LONGEST_NAME = 40


@dataclass(frozen=True)
class Client:
    """A program that holds a key; ``unit`` is at the top of what it reaches, None for all."""

    name: str
    unit: str | None

    @property
    def actor(self) -> Actor:
        """As the record names it."""
        return Actor(self.name, "api")

    def reach(self, db: Database) -> frozenset[str] | None:
        """The codes of the units it reaches, None for all."""
        return None if self.unit is None else frozenset(units_within(db, self.unit))


def add_client(change: Change, name: str, unit: str | None = None) -> str:
    """A key for a program of this name; it is told this once. A revoked name gets a new key.

    Raises Refused for a name that will not do or has a key, NotFound for an unknown unit.
    """
    name = plain(name)
    if not 0 < len(name) <= _LONGEST_NAME:
        zh = f"请给出名称，最多 {_LONGEST_NAME} 字。"
        en = f"Give the name, at most {_LONGEST_NAME} characters."
        raise Refused("name", name, zh, en)
    if unit is not None:
        require_unit(change.db, unit)
    key = _PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    made = change.db.row(
        """INSERT INTO client (name, key_hash, unit, created_at)
        VALUES (:name, :key_hash, :unit, :at)
        ON CONFLICT (name) DO UPDATE SET key_hash = excluded.key_hash, unit = excluded.unit,
            created_at = excluded.created_at, used_day = NULL, revoked_at = NULL
        WHERE client.revoked_at IS NOT NULL RETURNING id""",
        name=name,
        key_hash=_hash(key),
        unit=unit,
        at=change.at,
    )
    if made is None:
        zh = f"“{name}”已有密钥；要换新的，请先吊销它。"
        en = f"“{name}” has a key; to get a new one, revoke it first."
        raise Refused("name", name, zh, en)
    change.record("client.added", name=name, unit=unit or "")
    return key


def revoke_client(change: Change, name: str) -> None:
    """End a key at once; raises NotFound where no such name has one."""
    ended = change.db.run(
        "UPDATE client SET revoked_at = :at WHERE name = :name AND revoked_at IS NULL",
        at=change.at,
        name=plain(name),
    )
    if not ended:
        raise NotFound(f"“{name}”没有有效的密钥。", f"“{name}” has no key that is good.")
    change.record("client.revoked", name=plain(name))


def clients(db: Database) -> list[Record]:
    """All that ever had a key: name, unit, created_at, used_day, revoked_at."""
    return db.rows(
        "SELECT name, unit, created_at, used_day, revoked_at FROM client ORDER BY created_at, id"
    )


def clients_below(db: Database, unit: str) -> list[Record]:
    """Those whose key is good for no more than a unit and those below it."""
    reach, whole = units_within(db, unit), is_whole(db, unit)
    return [one for one in clients(db) if one["unit"] in reach or (whole and not one["unit"])]


def admit(db: Database, key: str, now: datetime) -> Client | None:
    """Whose key it is, None where it is unknown or revoked; raises Throttled."""
    row = db.row(
        """SELECT id, name, unit, used_day FROM client
        WHERE key_hash = :key_hash AND revoked_at IS NULL""",
        key_hash=_hash(key),
    )
    if row is None:
        return None
    count_try(db, {f"client {row['id']}": LIMIT}, int(now.timestamp()))
    today = beijing_day(now).isoformat()
    if row["used_day"] != today:
        db.run("UPDATE client SET used_day = :day WHERE id = :id", day=today, id=row["id"])
    return Client(row["name"], row["unit"])


def _hash(key: str) -> str:
    # A key is random through and through, so nothing slow is needed to keep it from guessing.
    return hashlib.sha256(key.encode()).hexdigest()
