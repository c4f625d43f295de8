"""Registers that staff hand in by page: kept sealed between the preview and the import.

The file goes with the import or when it is discarded, and what is left of it after a day.
"""

import csv
import io
import re
import secrets
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from json import dumps, loads
from pathlib import Path
from typing import Any

from lookup.beijing import beijing_day, end_of_day, utc_text
from lookup.bodies import read_moment
from lookup.bureau import Bureau
from lookup.cases import AsOf
from lookup.database import Database, Record
from lookup.entries import said_entry
from lookup.errors import NotFound, Refused
from lookup.language import Text, plain
from lookup.reach import units_within
from lookup.records import BY_UPLOAD
from lookup.register import import_cases
from lookup.rejects import REJECT_COLUMNS
from lookup.staff import Staff
from lookup.trail import Actor, head

# A rehearsal is one transaction: on SQLite nobody else can save anything for its length.
MOST_ROWS = 10_000
_KEPT = timedelta(days=1)
_LONGEST_NAME = 50
_CHANGES_KEPT = 50


@dataclass(frozen=True)
class Upload:
    """A register on its way in; ``content`` is empty once it was taken in.

    ``as_of`` is the day as stated, or empty. ``summary`` has the fields of `register.Summary`, of
    the rehearsal or then of the import, and ``rejects`` the rejected rows as the command's file.
    ``changes`` are the first that the import would make, those of cases on file before new ones:
    number, whether the case is new, what is done in Chinese and English; ``more`` there are.
    """

    name: str
    content: bytes
    as_of: str
    backlog: bool
    summary: dict[str, Any] = field(default_factory=dict)
    rejects: str = ""
    changes: list[tuple[str, bool, str, str]] = field(default_factory=list)
    more: int = 0

    def refused(self, most: int) -> Iterator[tuple[str, str, str, Text]]:
        """The first rejected rows: number, field, value and reason of each."""
        rows = csv.reader(io.StringIO(self.rejects.lstrip("\ufeff"), newline=""))
        for row in islice(rows, 1, most + 1):
            number, field, value, reason = row[-len(REJECT_COLUMNS) :]
            zh, mark, en = reason.partition("。 / ")
            yield number, field, value, Text(f"{zh}。", en) if mark else Text(reason, reason)


@contextmanager
def as_file(name: str, content: bytes) -> Iterator[Path]:
    """What was handed in as a file that only this program can read, for as long as it is needed."""
    last = re.split(r"[/\\]", plain(name))[-1][-_LONGEST_NAME:]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / (last.lstrip(".") or "register")
        path.write_bytes(content)
        yield path


def rehearse(bureau: Bureau, who: Staff, told: Upload, now: datetime) -> str:
    """See what a register would change, and keep it for the import; the id of the upload.

    Raises FileError where it cannot be read as one, Refused for ``as_of``.
    """
    with bureau.db.rehearsal():
        before = head(bureau.db).size
        upload = _imported(bureau, who, told, now)
        total, changes = _changes(bureau, who, before)
    upload = replace(upload, changes=changes, more=total - len(changes))
    made = secrets.token_urlsafe(16)
    with bureau.db.transaction():
        drop_old(bureau.db, now)
        bureau.db.run(
            """INSERT INTO upload (id, staff_id, name, sealed, at)
            VALUES (:id, :staff_id, :name, :sealed, :at)""",
            id=made,
            staff_id=who.id,
            name=upload.name,
            sealed=_sealed(bureau, upload),
            at=utc_text(now),
        )
    return made


def drop_old(db: Database, now: datetime) -> None:
    """Forget what was handed in more than a day ago."""
    db.run("DELETE FROM upload WHERE at < :since", since=utc_text(now - _KEPT))


def take_in(bureau: Bureau, who: Staff, upload_id: str, now: datetime) -> None:
    """Import what was rehearsed; a second time does nothing. Raises NotFound, FileError."""
    upload = find_upload(bureau, who, upload_id, now)
    if upload.content:
        done = replace(_imported(bureau, who, upload, now), content=b"", changes=[], more=0)
        with bureau.db.transaction():
            bureau.db.run(
                "UPDATE upload SET sealed = :sealed, at = :at WHERE id = :id",
                sealed=_sealed(bureau, done),
                at=utc_text(now),
                id=upload_id,
            )


def find_upload(bureau: Bureau, who: Staff, upload_id: str, now: datetime) -> Upload:
    """An upload of one's own; raises NotFound."""
    row = bureau.db.row(
        "SELECT sealed FROM upload WHERE id = :id AND staff_id = :staff_id AND at >= :since",
        id=upload_id,
        staff_id=who.id,
        since=utc_text(now - _KEPT),
    )
    if row is None:
        raise NotFound(
            "没有这份上传的文件：可能已放弃、已过一天，或者是别人上传的。请重新上传。",
            "There is no such upload: it was discarded, is more than a day old, or is somebody "
            "else's. Upload the file again.",
        )
    kept = loads(bureau.seals.open(row["sealed"]))
    return Upload(**kept | {"content": b64decode(kept["content"])})


def uploads_of(db: Database, who: Staff, now: datetime) -> list[Record]:
    """One's own uploads, id, name and at, the latest first."""
    return db.rows(
        """SELECT id, name, at FROM upload WHERE staff_id = :staff_id AND at >= :since
        ORDER BY at DESC, id""",
        staff_id=who.id,
        since=utc_text(now - _KEPT),
    )


def discard(db: Database, who: Staff, upload_id: str) -> None:
    """Drop an upload of one's own."""
    with db.transaction():
        db.run(
            "DELETE FROM upload WHERE id = :id AND staff_id = :staff_id",
            id=upload_id,
            staff_id=who.id,
        )


def _imported(bureau: Bureau, who: Staff, upload: Upload, now: datetime) -> Upload:
    """Take in the rows; the upload with what became of them."""
    # By file, not by hand: what staff entered by hand stands against it.
    actor, as_of = Actor(who.actor.name, BY_UPLOAD), _as_of(upload, now)
    reach = frozenset(units_within(bureau.db, who.unit))
    with as_file(upload.name, upload.content) as path:
        out = path.with_name(f"{path.name}.rejects")
        summary = import_cases(bureau, path, actor, as_of, out, reach=reach, most=MOST_ROWS)
        rejects = out.read_bytes().decode() if summary.rejected else ""
    told = vars(summary) | {"rejects_file": None}
    return replace(upload, name=path.name, summary=told, rejects=rejects)


def _changes(
    bureau: Bureau, who: Staff, before: int
) -> tuple[int, list[tuple[str, bool, str, str]]]:
    """How many entries about cases somebody's upload made from a position on, and the first."""
    rows = bureau.db.rows(
        f"""SELECT trail_entry.*, cases.kind, COUNT(*) OVER () AS total, case_number IN (
                SELECT case_number FROM trail_entry
                WHERE action = 'case.registered' AND position >= :before) AS is_new
        FROM trail_entry JOIN cases ON cases.number = case_number
        WHERE position >= :before AND actor = :actor AND via = :via
        ORDER BY is_new, position LIMIT {_CHANGES_KEPT}""",
        before=before,
        actor=who.actor.name,
        via=BY_UPLOAD,
    )
    said = [(row["case_number"], bool(row["is_new"]), *said_entry(bureau, row)) for row in rows]
    return (rows[0]["total"] if rows else 0), said


def _as_of(upload: Upload, now: datetime) -> AsOf:
    if not upload.as_of.strip():
        return AsOf(now, backlog=upload.backlog)
    moment = read_moment(upload.as_of, "as_of")
    if moment.day > beijing_day(now):
        zh, en = "截止日期不能晚于今天。", "The register cannot tell of days to come."
        raise Refused("as_of", upload.as_of, zh, en)
    return AsOf(min(moment.at or end_of_day(moment.day), now), stated=True, backlog=upload.backlog)


def _sealed(bureau: Bureau, upload: Upload) -> str:
    return bureau.seals.seal(dumps(vars(upload) | {"content": b64encode(upload.content).decode()}))
