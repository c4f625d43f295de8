"""The whole database in one file, and back: the same file for either engine.

Packed lines of JSON: a head; of each table a line that names its columns, then its rows; a digest
of all that went before. Personal data stays sealed in it as it is at rest, and the digest is keyed,
so that a file altered on purpose is refused as well: without SECRET_KEYS a backup is worth nothing.
"""

import gzip
import hmac
import json
import re
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from lookup import duty
from lookup.beijing import utc_text
from lookup.bureau import Bureau
from lookup.database import Database
from lookup.errors import FileError, StorageError
from lookup.migrations import MIGRATIONS, migrate, newest_step
from lookup.sending import disown
from lookup.trail import Actor, Head, change, head
from receipts.batch import replacing

_FORMAT = "daylight backup 1"
_ROWS_AT_ONCE = 1000
_CREATED = re.compile(r"CREATE TABLE (\w+) \(\s*(id \{identity\})?")
# A session that was ended must not come back to life; counted tries and files awaiting a second
# look are a matter of minutes. Which steps it has taken, a database knows itself (`migration`).
_LEFT_OUT = {"session", "throttle", "upload"}
# What even an empty database holds once it is prepared.
_BORN_FILLED = {"reckoning", "trail_head", "definition"}
# A unit comes after the one above it.
_UNITS = """WITH RECURSIVE placed (code, depth) AS (
    SELECT code, 0 FROM unit WHERE parent IS NULL
    UNION ALL SELECT unit.code, depth + 1 FROM unit JOIN placed ON unit.parent = placed.code
) SELECT unit.* FROM unit JOIN placed ON placed.code = unit.code ORDER BY depth"""


@dataclass(frozen=True)
class Backup:
    """What a backup says of itself: the step its database stood at, its instant, what it holds."""

    version: int
    at: str
    cases: int
    trail: Head


def back_up(bureau: Bureau, out: Path, actor: Actor, now: datetime) -> Backup:
    """Write the database as it stands at one instant, while others go on writing.

    Raises FileError where the file cannot be written: then there is none.
    """
    db, key = bureau.db, bureau.config.keys("backup")[-1]
    try:
        with (
            replacing(out) as file,
            gzip.GzipFile("", "wb", 6, file) as packed,
            db.transaction(reading=True),
        ):
            found = _described(db, now)
            digest = hmac.new(key, digestmod="sha256")
            for line in _lines(db, found, key):
                digest.update(line)
                packed.write(line)
            packed.write(digest.hexdigest().encode())
    except OSError as error:
        raise FileError(
            f"备份“{out}”写不进去（{error.strerror}），请换一个位置。",
            f"The backup “{out}” cannot be written ({error.strerror}); choose another place.",
        ) from error
    with change(db, actor, now) as ongoing:
        ongoing.record("backup.made", file=out.name, cases=found.cases, entries=found.trail.size)
    return found


def restore(
    bureau: Bureau, file: Path, actor: Actor, now: datetime, *, replace: bool = False
) -> Backup:
    """Prepare the database and bring back what a backup holds, all of it or nothing.

    A backup that an older program made goes into a database not prepared yet, and is then brought
    up to date. ``replace`` gives up what the database holds. Raises FileError for a file that is
    damaged, of other keys or newer than the program, StorageError for a database that is filled
    or newer than the file.
    """
    found = _checked(bureau, file)
    db, tables = bureau.db, _tables(found.version)
    with change(db, actor, now) as ongoing:
        migrate(db, found.version)
        _refuse_unfit(db, found, replace)
        for table in reversed(tables):
            db.run(f"DELETE FROM {table}")
        _load(db, islice(_read(bureau, file), 1, None))
        for table in (table for table, is_numbered in tables.items() if is_numbered):
            db.rows(db.renumber.format(table=table))
        migrate(db)
        disown(db, now)
        duty.disown(db, now)
        ongoing.record("backup.restored", file=file.name, at=found.at, entries=found.trail.size)
    return found


def _tables(version: int) -> dict[str, bool]:
    """The tables at a version, those referred to first, and whether their rows are numbered."""
    steps = (step for _, steps in MIGRATIONS[:version] for step in steps)
    return {found[1]: bool(found[2]) for step in steps if (found := _CREATED.search(step))}


def _described(db: Database, now: datetime) -> Backup:
    counted = db.row("SELECT COUNT(*) AS cases FROM cases") or {}
    return Backup(newest_step(db), utc_text(now), counted["cases"], head(db))


def _lines(db: Database, found: Backup, key: bytes) -> Iterator[bytes]:
    yield _line({"format": _FORMAT, "key": _name_of(key)} | asdict(found))
    for table, is_numbered in _tables(found.version).items():
        if table in _LEFT_OUT:
            continue
        # A row may refer to an earlier one of its own table.
        whole = f"SELECT * FROM {table}{' ORDER BY id' if is_numbered else ''}"
        rows = db.each(_UNITS if table == "unit" else whole)
        for number, row in enumerate(rows):
            if not number:
                yield _line({"table": table, "columns": list(row)})
            yield _line(list(row.values()))


def _line(told: Any) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _name_of(key: bytes) -> str:
    return hmac.digest(key, b"name", "sha256").hex()[:16]


def _checked(bureau: Bureau, file: Path) -> Backup:
    """What a file says of itself, once it was read to its end."""
    lines = _read(bureau, file)
    told = next(lines)
    deque(lines, maxlen=0)
    return Backup(told["version"], told["at"], told["cases"], Head(**told["trail"]))


def _read(bureau: Bureau, file: Path) -> Iterator[Any]:
    """The lines of a backup; raises FileError at the latest after the last of them."""
    with _telling_damage(file), gzip.open(file) as packed:
        line = packed.readline()
        told = json.loads(line)
        digest = hmac.new(_key_of(bureau, told), digestmod="sha256")
        for following in packed:
            digest.update(line)
            yield json.loads(line)
            line = following
        if not hmac.compare_digest(line, digest.hexdigest().encode()):
            raise ValueError


def _key_of(bureau: Bureau, told: dict[str, Any]) -> bytes:
    """The key a backup was made with, from its first line; refuses what cannot be restored."""
    if told["format"] != _FORMAT:
        raise ValueError
    if told["version"] > len(MIGRATIONS):
        raise FileError(
            f"该备份为第 {told['version']} 版，比本程序（{len(MIGRATIONS)}）新，请先升级程序。",
            f"The backup is of version {told['version']}, newer than this program "
            f"({len(MIGRATIONS)}); upgrade the program first.",
        )
    for key in bureau.config.keys("backup"):
        if _name_of(key) == told["key"]:
            return key
    raise FileError(
        "该备份使用的密钥不在 SECRET_KEYS 中，请把当时的密钥加在最前面。",
        "The backup was made with a key that is missing from SECRET_KEYS; put the keys of that "
        "time before the present ones.",
    )


@contextmanager
def _telling_damage(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise FileError(
            f"“{file}”不是完整的备份（被截断、被改动或并非备份），未写入任何内容。",
            f"“{file}” is not a whole backup: it was cut short, altered, or never was one. "
            "Nothing was written.",
        ) from error


def _refuse_unfit(db: Database, found: Backup, replace: bool) -> None:
    if newest_step(db) > found.version:
        raise StorageError(
            f"该备份为第 {found.version} 版，请恢复到尚未执行 flask init 的空数据库。",
            f"The backup is of version {found.version}; restore it into an empty database, one "
            "that flask init has not prepared yet.",
        )
    kept = _tables(found.version).keys() - _LEFT_OUT - _BORN_FILLED
    if not replace and any(db.row(f"SELECT 1 AS one FROM {table} LIMIT 1") for table in kept):
        raise StorageError(
            "数据库中已有数据，未恢复。请恢复到空数据库，或加 --replace 放弃现有数据。",
            "The database holds data and nothing was restored; restore into an empty one, or give "
            "up what it holds with --replace.",
        )


def _load(db: Database, lines: Iterator[Any]) -> None:
    insert, columns = "", []
    for is_row, run in groupby(lines, lambda line: isinstance(line, list)):
        if not is_row:
            [named] = run
            columns = named["columns"]
            values = ", ".join(f":{column}" for column in columns)
            insert = f"INSERT INTO {named['table']} ({', '.join(columns)}) VALUES ({values})"
            continue
        while rows := [dict(zip(columns, row, strict=True)) for row in islice(run, _ROWS_AT_ONCE)]:
            db.run_many(insert, rows)
