"""Personal data under the newest key: re-sealed row by row after a bureau has added a key."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass

from lookup.bureau import Bureau
from lookup.database import Database, Record
from lookup.errors import StorageError
from lookup.sealing import Seals
from lookup.trail import Actor, change

# Every sealed column, with the fingerprint by which it is found.
SEALED: Mapping[str, Mapping[str, str]] = {
    "party": {
        "name_sealed": "name_found",
        "phone_sealed": "phone_found",
        "id_last4_sealed": "",
        "told_sealed": "",
    },
    "issue": {"code_sealed": ""},
    "upload": {"sealed": ""},
    "stopped_number": {"phone_sealed": "phone_found"},
}
# Rows a transaction; an upload is a whole register.
_PAGE = 50


@dataclass(frozen=True)
class Rotation:
    """Rows re-sealed, rows under the newest key before, and rows ``left`` under another one.

    These were being changed by somebody else, or their key is in SECRET_KEYS no more.
    """

    resealed: int
    already: int
    left: int


def count_rows(db: Database) -> int:
    """The rows that one pass of a rotation looks at."""
    counts = " UNION ALL ".join(f"SELECT COUNT(*) AS n FROM {table}" for table in SEALED)
    return sum(row["n"] for row in db.rows(counts))


def rotate(
    bureau: Bureau, actor: Actor, progress: Callable[[int], None] = lambda _: None
) -> Rotation:
    """Seal and fingerprint all personal data under the newest key; can be broken off and run again.

    Goes over all rows until one pass finds nothing to do. ``progress`` is told how many rows were
    looked at since. Raises StorageError where the database cannot be used.
    """
    newest = Seals(bureau.config.keys("sealing")[-1:], bureau.config.keys("finding")[-1:])
    resealed, found = 0, Counter(resealed=1)
    while found["resealed"]:
        found = Counter()
        for table in SEALED:
            for page in _pages(bureau.db, table):
                found += _reseal(bureau, newest, table, page)
                progress(len(page))
        resealed += found["resealed"]
    done = Rotation(resealed, found["current"] - resealed, found["left"])
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


def _reseal(bureau: Bureau, newest: Seals, table: str, page: list[Record]) -> Counter[str]:
    """What became of the rows. They are sealed before the transaction, which is then short."""
    renewed = [_renewed(bureau.seals, newest, row, SEALED[table]) for row in page]
    stale = [pair for pair in zip(page, renewed, strict=True) if pair[1]]
    with bureau.db.transaction() if stale else nullcontext():
        resealed = sum(_write(bureau.db, table, row, new or {}) for row, new in stale)
    current = renewed.count({})
    return Counter(resealed=resealed, current=current, left=len(page) - resealed - current)


def _renewed(seals: Seals, newest: Seals, row: Record, columns: Mapping[str, str]) -> Record | None:
    """The columns of a row that are not under the newest key, as they are to be; None where no
    key opens them."""
    renewed = {}
    for sealed, found in columns.items():
        if _opened(newest, row[sealed]) is None:
            text = _opened(seals, row[sealed])
            if text is None:
                return None
            renewed[sealed] = newest.seal(text)
            renewed |= {found: newest.fingerprint(text)} if found else {}
    return renewed


def _opened(seals: Seals, sealed: str) -> str | None:
    try:
        return seals.open(sealed)
    except StorageError:
        return None


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
