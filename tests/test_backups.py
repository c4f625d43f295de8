"""The whole database in one file, and back: on each engine, from each to the other."""

import gzip
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import pytest

from app import create_app
from lookup.backups import Backup, back_up, restore
from lookup.bureau import Bureau, open_bureau
from lookup.config import Config
from lookup.database import Record
from lookup.demo import fill
from lookup.errors import FileError, StorageError
from lookup.issues import link, open_by_token
from lookup.migrations import MIGRATIONS, check_ready, migrate
from lookup.reckoning import refresh
from lookup.replies import receive
from lookup.sessions import start_session
from lookup.trail import Actor, change, head, verify
from lookup.work import run as work
from tests.conftest import UNITS
from tests.office import hire
from tests.public_cases import days_ago, put
from tests.test_rates import inspect

ADMINISTRATOR = Actor("root", "command")
NOW = datetime.now(UTC)
TABLES = re.findall(r"CREATE TABLE (\w+)", str(MIGRATIONS))
LEFT_OUT = {"session", "throttle", "upload"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "daylight.backup"


@pytest.fixture
def second(bureau: Bureau, second_url: str) -> Iterator[Bureau]:
    """The same bureau over a database that was never prepared."""
    opened = open_bureau(replace(bureau.config, database_url=second_url))
    yield opened
    opened.db.close()


@pytest.fixture
def elsewhere(bureau: Bureau, tmp_path: Path) -> Iterator[Bureau]:
    """The same, always on SQLite."""
    opened = open_bureau(replace(bureau.config, database_url=f"sqlite:///{tmp_path / 'else.db'}"))
    yield opened
    opened.db.close()


def contents(bureau: Bureau, table: str) -> list[str]:
    return sorted(
        json.dumps(row, sort_keys=True) for row in bureau.db.rows(f"SELECT * FROM {table}")
    )


def fill_every_table(bureau: Bureau) -> Record:
    """Invented cases, staff and what else there is; the live issue of one receipt."""
    db = bureau.db
    fill(bureau, NOW, 40)
    refresh(bureau)
    clerk = hire(bureau, "clerk", "desk_officer")
    start_session(db, clerk.id, "10.0.0.1", "a browser", NOW)
    db.run(
        """INSERT INTO client (name, key_hash, unit, created_at)
        VALUES ('case system', 'abc', :unit, '2026-11-22T04:00:00Z')""",
        unit=clerk.unit,
    )
    db.run(
        "INSERT INTO upload (id, staff_id, name, sealed, at) VALUES ('u', :id, 'n', 's', 'a')",
        id=clerk.id,
    )
    issue = put(bureau, "A-9001", days_ago(3))
    with change(db, Actor("", "sms")) as ongoing:
        assert receive(bureau, ongoing, "13800138000", "TD", "reply 1") == "stopped"
    db.run(
        """INSERT INTO duty_text (unit, day, state, reason, tries, due_at)
        VALUES (:unit, '2026-11-20', 'sent', '', 1, '2026-11-20T00:00:05Z')""",
        unit=clerk.unit,
    )
    work(bureau, once=True, stop=Event())
    inspect(bureau, "A-9001", NOW, 1)
    # A call-back that another one was raised from is changed: PostgreSQL then has it behind that.
    db.run("UPDATE callback SET raised_from = 1 WHERE id = 2")
    db.run("UPDATE callback SET told = 'changed' WHERE id = 1")
    return issue


def test_everything_comes_back_on_either_engine(bureau: Bureau, second: Bureau, file: Path) -> None:
    issue = fill_every_table(bureau)
    # What waits to be sent comes back otherwise: test_sending.py.
    bureau.db.run("UPDATE message SET state = 'sent' WHERE state = 'waiting'")
    kept = {table: contents(bureau, table) for table in TABLES}
    assert not [table for table, rows in kept.items() if not rows and table != "throttle"]
    made = back_up(bureau, file, ADMINISTRATOR, NOW)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "张三" not in gzip.decompress(file.read_bytes()).decode()

    assert restore(second, file, ADMINISTRATOR, NOW) == made

    check_ready(second.db)
    trail = {"trail_entry", "trail_head"}
    for table in set(TABLES) - LEFT_OUT - trail:
        assert contents(second, table) == kept[table], table
    assert not any(contents(second, table) for table in LEFT_OUT)
    assert set(kept["trail_entry"]) < set(contents(second, "trail_entry"))
    assert verify(second.db, made.trail) == []
    last = second.db.rows("SELECT action FROM trail_entry ORDER BY position")[-1]
    assert last["action"] == "backup.restored"
    # Papers go on working, and what is new is numbered after what came back.
    token = link(bureau, issue).rpartition("/")[2]
    assert open_by_token(second, token)["number"] == "A-9001"
    put(second, "A-9002", days_ago(2))


def test_a_backup_made_while_cases_come_in_is_of_one_instant(
    bureau: Bureau, elsewhere: Bureau, file: Path
) -> None:
    over = Event()

    def register() -> None:
        for number in range(1000):
            if over.is_set():
                break
            put(bureau, f"A-{number}", days_ago(2))
        bureau.db.close()

    desk = Thread(target=register)
    desk.start()
    sizes: list[int] = []
    try:
        while len(sizes) < 4:
            made = back_up(bureau, file, ADMINISTRATOR, NOW)
            assert restore(elsewhere, file, ADMINISTRATOR, NOW, replace=True) == made
            assert verify(elsewhere.db, made.trail) == []
            told = elsewhere.db.row(
                """SELECT (SELECT COUNT(*) FROM cases) AS cases,
                    (SELECT COUNT(DISTINCT case_id) FROM party) AS with_party,
                    (SELECT COUNT(DISTINCT case_id) FROM clock) AS with_clock,
                    (SELECT COUNT(*) FROM trail_entry WHERE action = 'case.registered') AS told"""
            )
            assert told and set(told.values()) == {made.cases}
            sizes.append(made.cases)
    finally:
        over.set()
        desk.join()
    assert sizes[-1] > sizes[0], "cases came in between the backups"


def test_a_damaged_file_is_refused_before_anything_is_written(
    bureau: Bureau, tmp_path: Path, file: Path
) -> None:
    put(bureau, "A-1", days_ago(2))
    back_up(bureau, file, ADMINISTRATOR, NOW)
    whole = file.read_bytes()
    told = gzip.decompress(whole)
    changed = told.replace("张某被盗窃案".encode(), "李某被盗窃案".encode())
    assert changed != told
    one_row_less = told.replace(told.splitlines(keepends=True)[5], b"", 1)
    damaged = [
        *(whole[: len(whole) * part // 10] for part in range(10)),
        whole[:-1],
        *(whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1 :] for n in (0, 20, 300, len(whole) - 9)),
        whole + b"more",
        *map(gzip.compress, (b"", b"{}", b"[]", changed, one_row_less, told[:-1], told + b"\n{}")),
        b"PK\x03\x04 something else",
    ]
    fresh = tmp_path / "fresh.db"
    target = open_bureau(replace(bureau.config, database_url=f"sqlite:///{fresh}"))
    for content in damaged:
        file.write_bytes(content)
        with pytest.raises(FileError, match="not a whole backup"):
            restore(target, file, ADMINISTRATOR, NOW)
    assert not fresh.exists()


def test_a_file_swapped_after_it_was_checked_leaves_the_database_as_it_was(
    bureau: Bureau, second: Bureau, file: Path
) -> None:
    put(bureau, "A-1", days_ago(2))
    back_up(bureau, file, ADMINISTRATOR, NOW)
    told = gzip.decompress(file.read_bytes())
    migrate(second.db)
    before = contents(second, "trail_head")
    # A pipe gives the whole file to the one who checks it, and a shorter one to the next reader.
    pipe = file.with_name("pipe")
    os.mkfifo(pipe)

    def feed() -> None:
        for content in (told, told[:-1]):
            pipe.write_bytes(gzip.compress(content))

    feeder = Thread(target=feed)
    feeder.start()
    with pytest.raises(FileError):
        restore(second, pipe, ADMINISTRATOR, NOW)
    feeder.join()
    assert contents(second, "trail_head") == before
    assert contents(second, "cases") == contents(second, "unit") == []


def test_other_keys_are_named_before_anything_is_written(
    bureau: Bureau, second: Bureau, file: Path
) -> None:
    back_up(bureau, file, ADMINISTRATOR, NOW)
    [key] = bureau.config.secret_keys
    stranger = "".join(reversed(key))
    with pytest.raises(FileError, match="SECRET_KEYS"):
        _restore_under(second, file, stranger)
    # Behind the key of that time a newer one may stand.
    assert _restore_under(second, file, key, stranger).version == len(MIGRATIONS)


def _restore_under(second: Bureau, file: Path, *keys: str) -> Backup:
    reopened = open_bureau(replace(second.config, secret_keys=keys))
    try:
        return restore(reopened, file, ADMINISTRATOR, NOW)
    finally:
        reopened.db.close()


def test_a_backup_of_a_newer_program_is_refused(bureau: Bureau, second: Bureau, file: Path) -> None:
    bureau.db.run(
        "INSERT INTO migration (number, name, applied_at) VALUES (:number, 'later', 'then')",
        number=len(MIGRATIONS) + 1,
    )
    back_up(bureau, file, ADMINISTRATOR, NOW)
    with pytest.raises(FileError, match="newer than this program"):
        restore(second, file, ADMINISTRATOR, NOW)


def test_a_backup_of_an_older_program_goes_into_a_new_database_and_is_brought_up_to_date(
    config: Config, file: Path, tmp_path: Path
) -> None:
    old = open_bureau(config)
    migrate(old.db, 5)
    with change(old.db, ADMINISTRATOR) as ongoing:
        # As it was then.
        for unit in UNITS:
            ongoing.db.run(
                "INSERT INTO unit VALUES (:code, :name, :parent, :address, :phone)",
                **asdict(unit) | {"parent": unit.parent or None},
            )
            ongoing.record("unit.added", code=unit.code)
    made = back_up(old, file, ADMINISTRATOR, NOW)
    old.db.close()
    new = open_bureau(replace(config, database_url=f"sqlite:///{tmp_path / 'new.db'}"))
    assert made.version == 5
    restore(new, file, ADMINISTRATOR, NOW)
    check_ready(new.db)
    assert len(contents(new, "unit")) == len(UNITS)
    assert verify(new.db, made.trail) == []
    with pytest.raises(StorageError, match="flask init has not prepared"):
        restore(new, file, ADMINISTRATOR, NOW, replace=True)


def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left(
    bureau: Bureau, tmp_path: Path
) -> None:
    with pytest.raises(FileError, match="cannot be written"):
        back_up(bureau, tmp_path / "missing" / "file", ADMINISTRATOR, NOW)
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError, match="cannot be written"):
        back_up(bureau, tmp_path / "folder", ADMINISTRATOR, NOW)
    assert list(tmp_path.glob(".*")) == []


def test_the_commands_keep_what_is_there_unless_told_otherwise(
    bureau: Bureau, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    put(bureau, "A-1", days_ago(2))
    app = create_app(bureau.config)

    def run(*args: str, code: int = 0) -> str:
        result = app.test_cli_runner().invoke(args=list(args))
        assert result.exit_code == code, result.output
        return result.output

    size = head(bureau.db).size
    assert f"1 cases, {size} entries" in run("backup", "b")
    assert "--force" in run("backup", "b", code=1)
    put(bureau, "A-2", days_ago(2))
    assert "--replace" in run("restore", "b", code=1)
    assert len(contents(bureau, "cases")) == 2
    assert f"1 cases, {size} entries" in run("restore", "b", "--replace")
    assert len(contents(bureau, "cases")) == 1
    run("verify-trail")
    assert "1 cases" in run("backup", "b", "--force")
    # What was changed behind the record's back comes back as it was, and is told.
    bureau.db.run("UPDATE trail_entry SET actor = 'nobody' WHERE position = 1")
    run("backup", "b", "--force")
    assert "Entry 1 was altered" in run("restore", "b", "--replace", code=1)
    app.extensions["bureau"].db.close()
