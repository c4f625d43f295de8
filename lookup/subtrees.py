"""Hashes kept beside the log, so that a proof reads a few hundred rows however long the log is.

Of every 64 leaves, of every 64 such subtrees, and so on, the hash is kept as the last leaf is
appended (``trail_subtree``, by level and last leaf). All others follow from fewer than 64.
"""

from collections.abc import Sequence
from functools import cache

from lookup.database import Database, Record
from lookup.language import Text
from lookup.merkle import Hashes, Subtree, node, read_hash

STEP = 6  # levels from one kept subtree to the next
_LEVELS = range(STEP, 60, STEP)
_PAGE = 64
_MISSING = Text(
    "缺少第 {first} 至 {last} 条的汇总值，请运行 flask init 补上。",
    "The kept hash of entries {first}–{last} is missing; flask init makes it anew.",
)
_ALTERED = Text(
    "第 {first} 至 {last} 条的汇总值与这些记录不符：二者之一被改动。",
    "The kept hash of entries {first}–{last} does not fit them: it or they were altered.",
)
_STRAY = Text(
    "第 {last} 条处的汇总值（第 {level} 层）不属于本记录。",
    "The hash kept at entry {last} (level {level}) does not belong to the log.",
)


def rows_of(position: int, ended: Hashes) -> list[Record]:
    """The rows to keep once a leaf is appended; ``ended`` as ``merkle.grown`` gives it."""
    return [
        {"level": level, "last": position, "hash": ended[level].hex()}
        for level in range(STEP, len(ended), STEP)
    ]


def keep(db: Database, rows: Sequence[Record]) -> None:
    """Keep hashes; what somebody left in their place must not keep the log from growing."""
    db.run_many(
        """INSERT INTO trail_subtree (level, last, hash) VALUES (:level, :last, :hash)
        ON CONFLICT (level, last) DO UPDATE SET hash = excluded.hash""",
        rows,
    )


def catch_up(db: Database) -> int:
    """Keep the hashes of entries made before any were kept; how many there were.

    Writers wait for none of the reading, and for a page of rows at a time.
    """
    size, made = _size(db), 0
    for level in _LEVELS:
        [kept] = db.rows(
            "SELECT COUNT(*) AS n FROM trail_subtree WHERE level = :level AND last < :size",
            level=level,
            size=size,
        )
        if kept["n"] < size >> level:
            made += _make(db, level, size >> level)
    return made


def _make(db: Database, level: int, end: int) -> int:
    for start in range(0, end, _PAGE):
        hash_of = reader(db)
        rows = [
            {"level": level, "last": _last(level, place), "hash": hash_of(level, place).hex()}
            for place in range(start, min(start + _PAGE, end))
        ]
        with db.transaction():
            keep(db, rows)
    return end


def reader(db: Database) -> Subtree:
    """The hash of any full subtree, by level and place; each row is read once.

    A leaf that is missing has an empty hash, so that no proof made of it holds; where a kept hash
    is missing it follows from those below.
    """

    @cache
    def read_lot(level: int, number: int) -> dict[int, bytes]:
        rows = db.rows(
            _READ if level else _READ_LEAVES,
            level=level,
            first=number << level + STEP,
            end=number + 1 << level + STEP,
        )
        return {row["last"] >> level: read_hash(row["hash"]) for row in rows}

    @cache
    def subtree(level: int, place: int) -> bytes:
        if level % STEP == 0:
            found = read_lot(level, place >> STEP).get(place)
            if found is not None or level == 0:
                return found or b""
        return node(subtree(level - 1, 2 * place), subtree(level - 1, 2 * place + 1))

    return subtree


_READ = """SELECT last, hash FROM trail_subtree
WHERE level = :level AND last >= :first AND last < :end"""
_READ_LEAVES = """SELECT position AS last, leaf AS hash FROM trail_entry
WHERE position >= :first AND position < :end"""


def faults_at(db: Database, position: int, ended: Hashes, after: int) -> list[Text]:
    """Where the hashes kept at a position are not those of its entries; of subtrees that begin
    at ``after`` or before it nothing is known."""
    right = {row["level"]: row["hash"] for row in rows_of(position, ended)}
    if not right:
        return []
    rows = db.rows(
        f"""SELECT level, hash FROM trail_subtree
        WHERE level IN ({_listed(right)}) AND last = :last""",
        last=position,
    )
    kept = {row["level"]: row["hash"] for row in rows}
    return [
        (_ALTERED if level in kept else _MISSING).fill(first=first, last=position)
        for level, hash_ in right.items()
        if (first := position + 1 - (1 << level)) > after and kept.get(level) != hash_
    ]


def strays(db: Database) -> list[Text]:
    """Hashes kept where none can be: in the middle of a subtree, or after the head."""
    rows = db.rows(
        f"""SELECT level, last FROM trail_subtree
        WHERE level NOT IN ({_listed(_LEVELS)}) OR last < 0 OR last <> CAST(last AS BIGINT)
            OR (CAST(last AS BIGINT) + 1) % (CAST(1 AS BIGINT) << level) <> 0
            OR last >= (SELECT size FROM trail_head WHERE id = 1)
        ORDER BY last, level"""
    )
    return [_STRAY.fill(**row) for row in rows]


def _size(db: Database) -> int:
    row = db.row("SELECT size FROM trail_head WHERE id = 1")
    return int(row["size"]) if row else 0


def _last(level: int, place: int) -> int:
    return (place + 1 << level) - 1


def _listed(levels: Sequence[int] | dict[int, str]) -> str:
    return ", ".join(map(str, levels))
