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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from lookup.beijing import utc_text
from lookup.bureau import Bureau
from lookup.database import Database
from lookup.errors import FileError, StorageError
from lookup.migrations import MIGRATIONS, migrate, newest_step
from lookup.trail import Actor, Head, change, head
from receipts.batch import replacing

_FORMAT = "daylight backup 1"
_ROWS_AT_ONCE = 1000
_CREATED = re.compile(r"CREATE TABLE (\w+) \(\s*(id \{identity\})?")
# A database knows itself which steps it has taken. A session that was ended must not come back to
# life. Counted tries and files awaiting a second look are a matter of minutes.
_LEFT_OUT = {"migration", "session", "throttle", "upload"}
# What an empty database holds once it is prepared.
_BORN_FILLED = {"reckoning", "trail_head"}
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
        with replacing(out) as file, gzip.open(file, "wb", 6) as packed:
            digest = hmac.new(key, digestmod="sha256")
            with db.transaction(reading=True):
                found = _described(db, now)
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
    """Bring back what a backup holds, prepare the database for it first, all or nothing of it.

    A backup of an older program goes into a database that was not prepared yet, and is then
    brought up to date. Raises FileError for a file that is damaged, newer than the program or of
    other keys, StorageError for a database that holds something, unless it may be given up.
    """
    found = _checked(bureau, file)
    db, tables = bureau.db, _tables(len(MIGRATIONS))
    with change(db, actor, now) as ongoing:
        migrate(db, found.version)
        _refuse_newer(db, found)
        if not replace:
            _refuse_filled(db, found)
        for table in reversed(_tables(found.version)):
            db.run(f"DELETE FROM {table}")
        _load(db, islice(_read(bureau, file), 1, None))
        for table, numbered in tables.items():
            ...
        migrate(db)
        ongoing.record("backup.restored", file=file.name, at=found.at, entries=found.trail.size)
    return found
