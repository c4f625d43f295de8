"""What people said and what came of it, for the case system: rows in the order of the record.

An entry of the record gets its position as the last statement of its transaction, behind all that
were committed before (`trail`). So whatever was read up to a position is complete, and the next
run goes on behind it: each row once, however many write meanwhile.
"""

import csv
import fcntl
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal

from lookup.beijing import BEIJING, from_utc_text
from lookup.bureau import Bureau
from lookup.cells import defuse
from lookup.comments import is_report
from lookup.database import Database, Record
from lookup.entries import detail_of
from lookup.errors import FileError
from lookup.feedback import tags_in
from lookup.trail import head

Form = Literal["csv", "jsonl"]
COLUMNS = (
    *("position", "at", "type", "id", "case_number", "party_role", "unit", "unit_name"),
    *("officer", "badge", "counter", "step", "level", "tags", "category", "due_day", "text"),
    *("answer", "cause", "rating", "problem", "remedy", "responsible", "result", "raised"),
    *("attempts", "via", "by"),
)
_HEADS: Mapping[Form, bytes] = {"csv": f"\ufeff{','.join(COLUMNS)}\r\n".encode(), "jsonl": b""}
# How a file begins that can be continued.
_OURS: Mapping[Form, bytes] = {"csv": _HEADS["csv"], "jsonl": b'{"position": '}
# Entries of the record looked at in one go.
_PAGE = 2000

# The type that an action is told as, and the table of its row: the entry's detail has its id.
_SOURCES = {
    "rating.given": ("rating", "rating"),
    "comment.made": ("comment", "comment"),
    "comment.answered": ("answer", "comment"),
    "callback.closed": ("callback", "callback"),
    "counter.rated": ("counter_rating", "counter_rating"),
}
_ROWS = {
    "rating": """SELECT rating.*, role AS party_role FROM rating
        JOIN party ON party.id = party_id""",
    "comment": """SELECT comment.*, body AS text, answered_by AS by, role AS party_role FROM comment
        JOIN party ON party.id = party_id""",
    "callback": """SELECT COALESCE(rating.officer, milestone.officer) AS officer,
            COALESCE(rating.badge, milestone.badge) AS badge, rating.level, rating.tags, callback.*,
            rating_id AS rating, told AS answer, closed_by AS by, role AS party_role,
            CASE WHEN raised_from IS NULL THEN 'no' ELSE 'yes' END AS raised,
            (SELECT COUNT(*) FROM callback_attempt WHERE callback_id = callback.id) AS attempts
        FROM callback JOIN party ON party.id = callback.party_id
            LEFT JOIN rating ON rating.id = rating_id
            LEFT JOIN milestone ON milestone.case_id = callback.case_id
                AND milestone.step = callback.step""",
    "counter_rating": """SELECT counter_rating.*, counter.name AS counter FROM counter_rating
        JOIN counter ON counter.id = counter_id""",
}
# What would tell the unit that reads the case system who has reported it, and what.
_CONFIDENTIAL = ("case_number", "party_role", "text", "answer")


@dataclass(frozen=True)
class Since:
    """Behind which position of the record, and from which instant on (database text)."""

    position: int = -1
    at: str = ""


@dataclass(frozen=True)
class Exported:
    """How many rows were written, and the position up to which the record has been told."""

    rows: int
    position: int


def export(bureau: Bureau, form: Form, since: Since, write: Callable[[bytes], Any]) -> Exported:
    """Hand all rows since then to ``write``, after the header of a CSV; in steady memory.

    Raises FileError where the record ends before ``since``.
    """
    last = _last_position(bureau.db, since)
    with _telling_faults(Path("-")):
        write(_HEADS[form])
        return _export(bureau, form, since, last, write)


def continue_file(bureau: Bureau, form: Form, since: Since, path: Path) -> Exported:
    """Bring a file up to date: a torn row at its end is cut off, what came after the last whole
    one is added. Two runs take turns.

    A file that is not there is begun, for its owner alone. Raises FileError, leaving the file as
    it was, where it is not such a file, or tells more than the record holds; also where it
    cannot be written: what was written stands, and the next run goes on behind it.
    """
    with (
        _telling_faults(path),
        os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file,
    ):
        fcntl.flock(file, fcntl.LOCK_EX)
        end, position = _whole_rows(file, form, path)
        since = replace(since, position=max(position, since.position))
        last = _last_position(bureau.db, since)
        file.truncate(end)
        file.seek(end)
        file.write(b"" if end else _HEADS[form])
        done = _export(bureau, form, since, last, file.write)
        file.flush()
        os.fsync(file.fileno())
        return done


@contextmanager
def _telling_faults(path: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read it has had enough
    except OSError as error:
        why = error.strerror or error
        raise FileError(
            f"“{path}”写不进去（{why}），请换一个位置。",
            f"“{path}” cannot be written ({why}); choose another place.",
        ) from error


def _last_position(db: Database, since: Since) -> int:
    last = head(db).size - 1
    if since.position > last:
        raise FileError(
            f"记录只到第 {last} 条，没有第 {since.position} 条：请核对数据库和起点（日期请写成 "
            "2026-11-20）。",
            f"The record ends at entry {last} and has no entry {since.position}: is this the right "
            "database, and the right start? A day is written 2026-11-20.",
        )
    return last


def _export(
    bureau: Bureau, form: Form, since: Since, last: int, write: Callable[[bytes], Any]
) -> Exported:
    count = 0
    for after in range(since.position, last, _PAGE):
        # Entries and what they name are seen as of one instant: a purge falls before or after.
        with bureau.db.transaction(reading=True):
            rows = _rows(bureau, since.at, after, min(after + _PAGE, last))
        write(_as_csv(rows) if form == "csv" else _as_lines(rows))
        count += len(rows)
    return Exported(count, last)


def _rows(bureau: Bureau, at: str, after: int, last: int) -> list[Record]:
    """The rows of a stretch of the record; entries that a purge has blanked tell nothing."""
    entries = bureau.db.rows(
        f"""SELECT position, at, via, action, case_number, detail FROM trail_entry
        WHERE position > :after AND position <= :last AND at >= :at AND nonce <> ''
            AND action IN ({", ".join(f"'{action}'" for action in _SOURCES)}) ORDER BY position""",
        after=after,
        last=last,
        at=at,
    )
    found: dict[int, Record] = {}
    for action, (_, table) in _SOURCES.items():
        some = [entry for entry in entries if entry["action"] == action]
        found |= _found(bureau.db, table, some) if some else {}
    units = {row["code"]: row["name"] for row in bureau.db.rows("SELECT code, name FROM unit")}
    return [
        _told(bureau, entry, row | {"unit_name": units.get(row["unit"])})
        for entry in entries
        if (row := found.get(entry["position"]))
    ]


def _found(db: Database, table: str, entries: list[Record]) -> dict[int, Record]:
    """The rows that entries of one action name, by the position of the entry."""
    named = {one["position"]: detail_of(one["detail"]).get(table) for one in entries}
    ids = ", ".join(str(one) for one in named.values() if isinstance(one, int))
    rows = {row["id"]: row for row in db.rows(f"{_ROWS[table]} WHERE {table}.id IN ({ids or 0})")}
    return {position: rows[one] for position, one in named.items() if one in rows}


def _told(bureau: Bureau, entry: Record, row: Record) -> Record:
    kind, _ = _SOURCES[entry["action"]]
    at = from_utc_text(entry["at"]).astimezone(BEIJING)
    told = row | {
        "position": entry["position"],
        "at": at.isoformat(),
        "type": kind,
        "case_number": entry["case_number"],
        "tags": " ".join(tags_in(row.get("tags") or "[]")),
        "via": entry["via"],
    }
    if kind == "comment":
        told |= {"answer": None, "by": None}  # told when it was given
    # Of what is or was a report of wrongdoing, the record does not name the case either.
    if "category" in row and (not entry["case_number"] or is_report(bureau, row["category"])):
        told |= dict.fromkeys(_CONFIDENTIAL)
    # By the minute, those who were there would know who it was.
    if not told["case_number"]:
        told["at"] = at.date().isoformat()
    return {name: None if (value := told.get(name)) == "" else value for name in COLUMNS}


def _as_csv(rows: list[Record]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row.values()] for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    return "" if value is None else defuse(str(value))


def _as_lines(rows: list[Record]) -> bytes:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


def _whole_rows(file: IO[bytes], form: Form, path: Path) -> tuple[int, int]:
    """Where the last whole row of a file ends, and its position, -1 where there is none."""
    begun = file.read(len(_OURS[form]))
    file.seek(0)
    end, last = 0, b""
    try:
        if not _OURS[form].startswith(begun):  # shorter: stopped in the middle of the first line
            raise ValueError
        for last in _rows_in(file, form):
            end += len(last)
        if last in (b"", _HEADS[form]):
            return end, -1
        return end, int(last.split(b",")[0].removeprefix(_OURS["jsonl"]))
    except ValueError:
        raise FileError(
            f"“{path}”不是 flask export-feedback 写出的 {form} 文件，未作改动。请换一个文件名。",
            f"“{path}” is not a {form} file that flask export-feedback wrote, and was left as it "
            "is; choose another name.",
        ) from None


def _rows_in(file: IO[bytes], form: Form) -> Iterator[bytes]:
    """The whole rows of a file; one of a CSV goes on while a quoted cell is open."""
    row, is_open = b"", False
    for line in file:
        row += line
        is_open ^= form == "csv" and line.count(b'"') % 2 == 1
        if line.endswith(b"\n") and not is_open:
            yield row
            row = b""
