"""Numbered steps that bring a database to the shape this program knows."""

from pathlib import Path

from lookup.beijing import utc_now, utc_text
from lookup.database import Database
from lookup.errors import StorageError

_SCHEMA = Path(__file__).with_name("schema")


def _read(file: Path) -> tuple[str, tuple[str, ...]]:
    """A step: its name, which is its first line, and its statements."""
    name, _, body = file.read_text(encoding="utf-8").partition("\n")
    return name.removeprefix("-- "), tuple(filter(None, map(str.strip, body.split(";\n"))))


# `{identity}` is the engine's own-numbered primary key. A step that has been released is never
# edited; a change is a new step.
MIGRATIONS = tuple(map(_read, sorted(_SCHEMA.glob("*.sql"))))


def migrate(db: Database, until: int | None = None) -> list[str]:
    """Apply the steps not yet applied, each together with its record; their names.

    ``until`` is the number of the last one wanted. Raises StorageError where the database is
    newer than the program.
    """
    with db.transaction():
        # Two at once would both find the table missing on PostgreSQL, and one would fail.
        db.rows(db.take_turns)
        db.run(
            """CREATE TABLE IF NOT EXISTS migration (
                number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL
            )"""
        )
    _refuse_newer(newest_step(db))
    numbered = enumerate(MIGRATIONS[:until], 1)
    return [name for number, (name, steps) in numbered if _apply(db, number, name, steps)]


def check_ready(db: Database) -> None:
    """Raise StorageError unless the database has exactly the shape this program knows."""
    newest = newest_step(db)
    _refuse_newer(newest)
    if newest < len(MIGRATIONS):
        raise StorageError(
            f"数据库为第 {newest} 版，程序需要第 {len(MIGRATIONS)} 版，请先运行 flask init。",
            f"The database is at version {newest} and the program wants {len(MIGRATIONS)}; "
            "run flask init first.",
        )


def _apply(db: Database, number: int, name: str, steps: tuple[str, ...]) -> bool:
    with db.transaction():
        # The record goes first: a second `flask init` beside this one waits here, then skips.
        mine = db.run(
            """INSERT INTO migration (number, name, applied_at) VALUES (:number, :name, :now)
            ON CONFLICT (number) DO NOTHING""",
            number=number,
            name=name,
            now=utc_text(utc_now()),
        )
        for statement in steps if mine else ():
            db.run(statement.replace("{identity}", db.identity))
    return bool(mine)


def newest_step(db: Database) -> int:
    """The number of the last step applied; raises StorageError where none ever was."""
    row = db.row("SELECT COALESCE(MAX(number), 0) AS newest FROM migration")
    return int(row["newest"]) if row else 0


def _refuse_newer(newest: int) -> None:
    if newest > len(MIGRATIONS):
        raise StorageError(
            f"数据库为第 {newest} 版，比本程序（第 {len(MIGRATIONS)} 版）新，请升级程序后再使用。",
            f"The database is at version {newest}, newer than this program "
            f"({len(MIGRATIONS)}); upgrade the program before using it.",
        )
