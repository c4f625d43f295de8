"""Personal data under the newest key: re-sealed row by row after a bureau has added a key."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from lookup.bureau import Bureau
from lookup.database import Database, Record
from lookup.errors import StorageError
from lookup.sealing import Seals
from lookup.trail import Actor, change

# Every sealed column, with the fingerprint it is found by.
SEALED: Mapping[str, Mapping[str, str | None]] = {
    "party": {
        "name_sealed": "name_found",
        "phone_sealed": "phone_found",
        "id_last4_sealed": None,
    },
    "issue": {"code_sealed": None},
    "upload": {"sealed": None},
}
# Rows a transaction; an upload is a whole register.
_PAGE = 50


@dataclass(frozen=True)
class Rotation:
    """Rows re-sealed, rows under the newest key before, and rows still under another.

    These ``left`` were being changed by somebody else, or their key is in SECRET_KEYS no more.
    """

    resealed: int
    already: int
    left: int


def count_rows(db: Database) -> int:
    """The rows a rotation looks at in one pass."""
    counts = " + ".join(f"(SELECT COUNT(*) FROM {table})" for table in SEALED)
    row = db.row(f"SELECT {counts} AS rows_in_all")
    return int(row["rows_in_all"]) if row else 0


def rotate(
    bureau: Bureau, actor: Actor, progress: Callable[[int], None] = lambda _: None
) -> Rotation:
    """Seal and fingerprint all personal data under the newest key; can be broken off and run again.

    Passes over all rows until one finds nothing to do: what it says was so of every row in it.
    ``progress`` is told how many rows were looked at since. Raises StorageError where the database
    cannot be used.
    """
    newest = Seals(bureau.config.keys("sealing")[-1:], bureau.config.keys("finding")[-1:])
    resealed = 0
    while True:
        tally: Counter[str] = Counter()
        for table in SEALED:
            for page in _pages(bureau.db, table):
                tally.update(_reseal(bureau, newest, table, page))
                progress(len(page))
        resealed += tally["resealed"]
        if not tally["resealed"]:
            break
    done = Rotation(resealed, tally["current"] - resealed, tally["left"])
    if resealed:
        with change(bureau.db, actor) as ongoing:
            ongoing.record("keys.rotated", **vars(done))
    return done


def _pages(db: Database, table: str) -> Iterator[list[Record]]:
    last: int | str = "" if table == "upload" else 0
    columns = ", ".join(SEALED[table])
    while page := db.rows(
        f"SELECT id, {columns} FROM {table} WHERE id > :last ORDER BY id LIMIT :page",
        last=last,
        page=_PAGE,
    ):
        yield page
        last = page[-1]["id"]


def _reseal(
    bureau: Bureau, newest: Seals, table: str, page: list[Record]
) -> Iterator[Literal["current", "resealed", "left"]]:
    """What became of each row. The sealing is done before the transaction, which is then short."""
    stale: list[tuple[Record, Record]] = []
    for row in page:
        try:
            renewed = _renewed(bureau.seals, newest, row, SEALED[table])
        except StorageError:
            yield "left"
            continue
        if renewed:
            stale.append((row, renewed))
        else:
            yield "current"
    if stale:
        with bureau.db.transaction():
            wrote = [_write(bureau.db, table, *one) for one in stale]
        yield from ("resealed" if one else "left" for one in wrote)


def _renewed(seals: Seals, newest: Seals, row: Record, columns: Mapping[str, str | None]) -> Record:
    """The columns of a row that are not under the newest key, as they are to be."""
    renewed = {}
    for sealed, found in columns.items():
        if not _opens(newest, row[sealed]):
            text = seals.open(row[sealed])
            renewed[sealed] = newest.seal(text)
            renewed |= {found: newest.fingerprint(text)} if found else {}
    return renewed


def _opens(seals: Seals, sealed: str) -> bool:
    try:
        seals.open(sealed)
    except StorageError:
        return False
    return True


def _write(db: Database, table: str, was: Record, renewed: Record) -> bool:
    """Write a row, unless somebody has changed it since it was read.

    One that somebody holds is passed by: waiting with others in hand can end in a deadlock.
    """
    settings = ", ".join(f"{column} = :{column}" for column in renewed)
    unchanged = " AND ".join(f"{column} = :was_{column}" for column in was)
    free = f"{db.for_update} SKIP LOCKED" if db.for_update else ""
    touched = db.run(
        f"""UPDATE {table} SET {settings}
        WHERE id = (SELECT id FROM {table} WHERE {unchanged}{free})""",
        **renewed,
        **{f"was_{column}": value for column, value in was.items()},
    )
    return bool(touched)
