"""The record of every change: an append-only Merkle log, hashed as in RFC 9162.

A change and its entries are one transaction. A leaf is the hash of a nonce and the entry;
the head row keeps the roots of the full subtrees ("peaks"), from which the root follows.
"""

import json
import secrets
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lookup.beijing import utc_now, utc_text
from lookup.database import Database, Record
from lookup.errors import StorageError
from lookup.language import Text
from lookup.merkle import grown, leaf_hash, read_hash, root_of
from lookup.subtrees import faults_at, keep, rows_of, strays
from lookup.tally import ids_of, refresh

_PAGE = 2000
_NO_END = 2**63 - 1
_NO_HEAD = ("记录的首行不见了，请恢复备份。", "The trail's head row is gone; restore a backup.")
_PURGED = "case.purged"
_HASHED = ("position", "at", "actor", "via", "action", "case_number", "detail")


@dataclass(frozen=True)
class Actor:
    """Who changes something and by which way in: `entries` has the words for each. ``network`` is
    the print of the network a party comes from, which goes into no entry."""

    name: str
    via: str
    network: str = field(default="", compare=False)


@dataclass
class Change:
    """A transaction in progress, its author and instant, and the entries it will leave."""

    db: Database
    actor: Actor
    now: datetime
    entries: list[Record] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)

    @property
    def at(self) -> str:
        """The instant of the change as database text."""
        return utc_text(self.now)

    def record(self, action: str, case_number: str = "", **detail: Any) -> None:
        """Note what was done; personal data goes in masked, for entries outlive a purge."""
        self.entries.append(
            {"action": action, "case_number": case_number, "detail": _canonical(detail)}
        )

    def touch(self, case_id: int) -> None:
        """Have the figures of a case reckoned anew that no entry names."""
        self.touched.add(case_id)


@dataclass(frozen=True)
class Head:
    """The log's size and root: kept elsewhere, it shows whether the log was cut or rewritten."""

    size: int
    root: str


@contextmanager
def change(db: Database, actor: Actor, now: datetime | None = None) -> Iterator[Change]:
    """Open a transaction whose recorded entries are appended to the trail as it commits."""
    with db.transaction():
        ongoing = Change(db, actor, now or utc_now())
        yield ongoing
        if ongoing.entries:
            # Before the head row, which is held as briefly as can be.
            numbers = {one["case_number"] for one in ongoing.entries} - {""}
            refresh(db, {*ids_of(db, numbers), *ongoing.touched})
            _append(ongoing)


def head(db: Database) -> Head:
    """The present head; raises StorageError where its row is gone."""
    found = _head_row(db)
    if found is None:
        raise StorageError(*_NO_HEAD)
    return found


def verify(db: Database, kept: Head | None = None) -> list[Text]:
    """Every fault found, each naming its entry; an empty list where the log is whole.

    ``kept`` is a head written down earlier: without one, a log that was cut at its end
    together with its head row, or rewritten throughout, cannot be told from a whole one.
    What is appended meanwhile is left for the next time. Of an entry that a purge has blanked,
    only its leaf and place are proven: its time, author and action can no longer be recomputed.
    """
    stored = _head_row(db)
    faults = [] if stored else [Text(*_NO_HEAD)]
    faults += [_fault(entry, "不属于本记录", "does not belong to the log") for entry in _strays(db)]
    faults += strays(db)
    peaks: list[bytes] = []
    expected, sound, doubtful = 0, True, -1
    for entry, purges in _entries(db, stored.size if stored else _NO_END):
        position = entry["position"]
        if position != expected:
            faults.append(_missing(expected, position - 1))
            sound, doubtful = False, position - 1
        peaks, ended = grown(peaks, position, read_hash(entry["leaf"]))
        root = root_of(peaks).hex()
        fault = None if is_intact(entry) else _unless_purged(entry, purges)
        if not fault and sound and root != entry["root"]:
            fault = _fault(entry, "被替换", "was replaced")
        if fault:
            faults.append(fault)
            doubtful = position
        # All later roots follow from a wrong one; only where one is right, the next can tell.
        sound = root == entry["root"]
        faults += faults_at(db, position, ended, -1 if sound else doubtful)
        if kept and position == kept.size - 1 and root != kept.root:
            faults.append(_rewritten(position))
        expected = position + 1
    return faults + _against_heads(stored, Head(expected, root_of(peaks).hex()), kept, sound)


def blank(ongoing: Change, case_number: str) -> None:
    """Drop nonce and detail of a case's entries, and record which they were; leaves stay.

    The entries of earlier purges stay whole: the gaps are proven by them.
    """
    rows = ongoing.db.rows(
        """UPDATE trail_entry SET nonce = '', detail = '{}'
        WHERE case_number = :case_number AND action <> :purged AND nonce <> ''
        RETURNING position""",
        case_number=case_number,
        purged=_PURGED,
    )
    positions = sorted(row["position"] for row in rows)
    ongoing.record(_PURGED, case_number, positions=_ranges(positions))


def _ranges(positions: list[int]) -> list[list[int]]:
    """Ascending positions as ranges, each its first and its last."""
    ranges: list[list[int]] = []
    for position in positions:
        if ranges and ranges[-1][1] == position - 1:
            ranges[-1][1] = position
        else:
            ranges.append([position, position])
    return ranges


def _unless_purged(entry: Record, purges: list[Record]) -> Text | None:
    """The fault of an entry that does not fit its leaf; None where a later purge names it."""
    if (entry["nonce"], entry["detail"]) != ("", "{}"):
        return _fault(entry, "被改动", "was altered")
    if any(_is_proof(purge, entry["position"]) for purge in purges):
        return None
    return _fault(entry, "被清空，而没有清除记录提到它", "was blanked though no purge names it")


def _is_proof(purge: Record, position: int) -> bool:
    try:
        ranges = json.loads(purge["detail"])["positions"]
        named = any(first <= position <= last for first, last in ranges)
        return named and purge["position"] > position and is_intact(purge)
    except (KeyError, TypeError, ValueError):
        return False  # altered, or made up so as to fit its leaf


def _against_heads(stored: Head | None, found: Head, kept: Head | None, sound: bool) -> list[Text]:
    faults = []
    end = stored.size if stored else found.size
    if end > found.size:
        faults.append(_missing(found.size, end - 1))
    elif stored and stored != found and sound:
        faults.append(
            Text(
                f"首部（共 {end} 条）与记录（共 {found.size} 条）不符。",
                f"The head row ({end} entries) does not belong to the {found.size} entries found.",
            )
        )
    if kept and kept.size > max(found.size, end):
        faults.append(_missing(found.size, kept.size - 1))
    return faults


def _missing(first: int, last: int) -> Text:
    if first == last:
        return Text(f"缺少第 {first} 条记录。", f"Entry {first} is missing.")
    return Text(f"缺少第 {first} 至 {last} 条记录。", f"Entries {first}–{last} are missing.")


def _rewritten(last: int) -> Text:
    return Text(
        f"第 {last} 条及以前的记录与所存首部不符，曾被整体改写。",
        f"The entries up to {last} are not those the kept head was made of: they were rewritten.",
    )


def _fault(entry: Record, zh: str, en: str) -> Text:
    named = f"{entry['action']} {entry['case_number']}".strip()
    return Text(
        f"第 {entry['position']} 条记录{zh}：{named}，{entry['at']}，{entry['actor']}。",
        f"Entry {entry['position']} {en}: {named}, dated {entry['at']}, by {entry['actor']}.",
    )


def _head_row(db: Database) -> Head | None:
    row = db.row("SELECT size, peaks FROM trail_head WHERE id = 1")
    if row is None or not isinstance(row["size"], int):
        return None
    return Head(row["size"], root_of(_peaks(row["peaks"])).hex())


def _entries(db: Database, end: int) -> Iterator[tuple[Record, list[Record]]]:
    """The entries in order, each blanked one with the purges of its case."""
    last = -1
    while page := db.rows(
        """SELECT * FROM trail_entry
        WHERE position > :last AND position < :until AND position = CAST(position AS BIGINT)
        ORDER BY position LIMIT :page""",
        last=last,
        until=end,
        page=_PAGE,
    ):
        purges = _purges(db, {one["case_number"] for one in page if one["nonce"] == ""})
        yield from ((entry, purges[entry["case_number"]]) for entry in page)
        last = page[-1]["position"]


def _purges(db: Database, numbers: set[str]) -> dict[str, list[Record]]:
    """The purges of some cases, by the case's number."""
    found: dict[str, list[Record]] = defaultdict(list)
    wanted = {f"number{place}": number for place, number in enumerate(numbers)}
    # Put so that SQLite goes by the cases, and not through the purges of all others.
    rows = db.rows(
        f"""SELECT * FROM trail_entry WHERE action || '' = :purged
            AND case_number IN ({", ".join(f":{name}" for name in wanted) or "NULL"})""",
        purged=_PURGED,
        **wanted,
    )
    for row in rows:
        found[row["case_number"]].append(row)
    return found


def _strays(db: Database) -> list[Record]:
    """Entries where none can be: before the first, between two (SQLite takes any number for a
    position), or after the head."""
    return db.rows(
        """SELECT * FROM trail_entry
        WHERE position IS NULL OR position < 0 OR position <> CAST(position AS BIGINT)
            OR position >= (SELECT size FROM trail_head WHERE id = 1)
        ORDER BY position"""
    )


def _append(ongoing: Change) -> None:
    """Take the head row last of all, so that others wait for it as briefly as can be."""
    db = ongoing.db
    # Raising the size in the statement that reads it keeps two writers from one position.
    row = db.row(
        "UPDATE trail_head SET size = size + :more WHERE id = 1 RETURNING size, peaks",
        more=len(ongoing.entries),
    )
    if row is None:
        raise StorageError(*_NO_HEAD)
    peaks = _peaks(row["peaks"])
    subtrees: list[Record] = []
    first = row["size"] - len(ongoing.entries)
    for position, entry in enumerate(ongoing.entries, first):
        entry |= {
            "position": position,
            "at": ongoing.at,
            "actor": ongoing.actor.name,
            "via": ongoing.actor.via,
            "nonce": secrets.token_hex(16),
        }
        leaf = _leaf(entry)
        peaks, ended = grown(peaks, position, leaf)
        entry |= {"leaf": leaf.hex(), "root": root_of(peaks).hex()}
        subtrees += rows_of(position, ended)
    db.run_many(
        """INSERT INTO trail_entry
        (position, at, actor, via, action, case_number, detail, nonce, leaf, root)
        VALUES
        (:position, :at, :actor, :via, :action, :case_number, :detail, :nonce, :leaf, :root)""",
        ongoing.entries,
    )
    if subtrees:
        keep(db, subtrees)
    db.run(
        "UPDATE trail_head SET peaks = :peaks WHERE id = 1",
        peaks=" ".join(peak.hex() for peak in peaks),
    )


def _canonical(detail: Record) -> str:
    return json.dumps(detail, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def is_intact(entry: Record) -> bool:
    """Whether an entry is as it was written: neither altered nor blanked by a purge."""
    try:
        return bool(_leaf(entry).hex() == entry["leaf"])
    except TypeError:
        return False  # SQLite also takes what is no text


def said_of(entry: Record) -> str:
    """The very words of an entry that its leaf is the hash of, together with its nonce."""
    return _canonical({name: entry[name] for name in _HASHED})


def _leaf(entry: Record) -> bytes:
    return leaf_hash(read_hash(entry["nonce"]) + said_of(entry).encode())


def _peaks(written: str) -> list[bytes]:
    return [read_hash(peak) for peak in written.split()]
