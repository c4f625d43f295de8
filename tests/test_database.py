"""The door to the database, on both engines: all or nothing, many at once, and clear errors."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from lookup.database import Database, open_database
from lookup.errors import ConfigError, Refused, StorageError

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """A database with one table of named counters."""
    opened = open_database(database_url)
    opened.run("CREATE TABLE counter (name TEXT PRIMARY KEY, hits BIGINT NOT NULL)")
    yield opened
    opened.close()


@pytest.fixture
def other(db: Database, database_url: str) -> Iterator[Database]:
    """A second program at the same database."""
    opened = open_database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for locks end soon."""
    monkeypatch.setattr("lookup.database._BUSY_SECONDS", 1)


def _add(db: Database, *names: str) -> None:
    db.run_many(
        "INSERT INTO counter (name, hits) VALUES (:name, 1)", [{"name": name} for name in names]
    )


def _add_one(db: Database, name: str) -> None:
    db.run("INSERT INTO counter (name, hits) VALUES (:name, 1)", name=name)


def _names(db: Database) -> list[str]:
    return sorted(row["name"] for row in db.rows("SELECT name FROM counter"))


def _count_up(db: Database, times: int) -> None:
    for _ in range(times):
        with db.transaction():
            row = db.row("SELECT hits FROM counter WHERE name = 'shared'" + db.for_update)
            assert row is not None
            db.run("UPDATE counter SET hits = :hits", hits=row["hits"] + 1)
    db.close()


def _open_and_count_up(url: str, times: int) -> None:
    _count_up(open_database(url), times)


def _hits(db: Database) -> object:
    row = db.row("SELECT hits FROM counter WHERE name = 'shared'")
    return row and row["hits"]


# Statements


def test_rows_are_dicts_by_column_name(db: Database) -> None:
    _add(db, "a", "b")
    assert db.rows("SELECT name, hits AS times FROM counter ORDER BY name") == [
        {"name": "a", "times": 1},
        {"name": "b", "times": 1},
    ]
    assert db.row("SELECT name FROM counter WHERE name = :name", name="c") is None


def test_run_tells_how_many_rows_it_touched(db: Database) -> None:
    _add(db, "a", "b")
    assert db.run("UPDATE counter SET hits = 5") == 2
    assert db.run("DELETE FROM counter WHERE name = :name", name="nobody") == 0


def test_running_for_no_rows_does_nothing(db: Database) -> None:
    db.run_many("INSERT INTO counter (name, hits) VALUES (:name, 1)", [])
    assert _names(db) == []


@pytest.mark.parametrize(
    "sql", ["'a%' = :wanted", "'10:30' = :wanted", "CAST(:wanted AS TEXT) = 'a%'"]
)
def test_percent_signs_and_colons_in_literals_are_left_alone(db: Database, sql: str) -> None:
    wanted = "10:30" if "10:30" in sql else "a%"
    assert db.row(f"SELECT 1 AS found WHERE {sql}", wanted=wanted) == {"found": 1}


def test_a_pattern_without_parameters_keeps_its_percent_sign(db: Database) -> None:
    _add(db, "apple", "pear")
    assert db.rows("SELECT name FROM counter WHERE name LIKE 'ap%'") == [{"name": "apple"}]


def test_sums_are_whole_numbers_on_both_engines(db: Database) -> None:
    _add(db, "a", "b")
    row = db.row("SELECT SUM(hits) AS total, COUNT(*) AS number FROM counter")
    assert row == {"total": 2, "number": 2}
    assert {type(value) for value in row.values()} == {int}


def test_a_closed_database_opens_again_with_the_next_statement(db: Database) -> None:
    _add(db, "a")
    db.close()
    assert _names(db) == ["a"]


# All or nothing


def test_a_transaction_is_kept_as_a_whole(db: Database, other: Database) -> None:
    with db.transaction():
        _add(db, "a")
        assert _names(other) == []
        _add(db, "b")
    assert _names(other) == ["a", "b"]


def test_nothing_of_a_failed_transaction_is_kept(db: Database) -> None:
    with pytest.raises(ZeroDivisionError), db.transaction():
        _add(db, "a")
        raise ZeroDivisionError
    with db.transaction():
        _add(db, "b")
    assert _names(db) == ["b"]


def test_a_statement_that_failed_takes_its_transaction_along(db: Database) -> None:
    with pytest.raises(Exception, match=r"(?i)unique"), db.transaction():
        _add(db, "a")
        _add(db, "a")
    assert _names(db) == []


def test_a_failed_inner_part_leaves_the_outer_one_whole(db: Database) -> None:
    with db.transaction():
        _add(db, "before")
        with pytest.raises(Exception, match=r"(?i)unique"), db.transaction():
            _add(db, "inner")
            _add(db, "before")
        with db.transaction():
            _add(db, "second inner")
        _add(db, "after")
    assert _names(db) == ["after", "before", "second inner"]


def test_a_finished_inner_part_goes_with_a_failed_outer_one(db: Database) -> None:
    with pytest.raises(ZeroDivisionError), db.transaction():
        with db.transaction(), db.transaction():
            _add(db, "inner")
        raise ZeroDivisionError
    assert _names(db) == []


def test_a_rehearsal_shows_its_effects_and_leaves_none(db: Database) -> None:
    with db.rehearsal():
        _add(db, "a")
        assert _names(db) == ["a"]
    assert _names(db) == []


def test_a_rehearsal_within_a_transaction_undoes_only_itself(db: Database) -> None:
    with db.transaction():
        _add(db, "a")
        with db.rehearsal():
            with db.transaction():
                _add(db, "b")
            _add(db, "c")
        _add(db, "d")
    assert _names(db) == ["a", "d"]


def test_an_error_within_a_rehearsal_comes_through(db: Database) -> None:
    with pytest.raises(ZeroDivisionError), db.rehearsal():
        _add(db, "a")
        raise ZeroDivisionError
    assert _names(db) == []


# Many at once


def test_threads_that_read_then_write_lose_nothing(db: Database) -> None:
    _add(db, "shared")
    threads = [threading.Thread(target=_count_up, args=(db, 25)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _hits(db) == 101


def test_processes_that_read_then_write_lose_nothing(db: Database, database_url: str) -> None:
    _add(db, "shared")
    spawn = get_context("spawn")
    with ProcessPoolExecutor(2, spawn, spawn.Barrier(2).wait) as pool:
        list(pool.map(_open_and_count_up, [database_url] * 4, [50] * 4))
    assert _hits(db) == 201


def test_a_forked_child_opens_a_connection_of_its_own(db: Database) -> None:
    _add(db, "shared")
    child = os.fork()
    if not child:
        try:
            for _ in range(50):
                db.run("UPDATE counter SET hits = hits + 1")
        finally:
            os._exit(0)
    for _ in range(50):
        db.run("UPDATE counter SET hits = hits + 1")
    assert os.waitpid(child, 0) == (child, 0)
    assert _hits(db) == 101


def test_a_writer_that_waits_too_long_is_told_to_try_again(
    impatient: None, db: Database, other: Database
) -> None:
    _add(db, "shared")
    with db.transaction():
        db.run("UPDATE counter SET hits = 7")
        with pytest.raises(StorageError, match="busy") as caught, other.transaction():
            other.run("UPDATE counter SET hits = 8")
    assert "请稍后重试" in caught.value.text.zh
    assert _hits(other) == 7


# What cannot be


def test_missing_tables_ask_for_flask_init(db: Database) -> None:
    with pytest.raises(StorageError, match="flask init"):
        db.rows("SELECT * FROM cases")


def test_a_nul_is_refused_before_any_engine_sees_it(db: Database) -> None:
    with pytest.raises(Refused) as caught:
        db.run("INSERT INTO counter (name, hits) VALUES (:name, 1)", name="a\0b")
    assert caught.value.field == "name"
    with pytest.raises(Refused):
        _add(db, "c", "d\0")
    assert _names(db) == []


def test_an_address_of_neither_engine_is_refused() -> None:
    with pytest.raises(ConfigError, match="sqlite:///"):
        open_database("mysql://localhost/daylight")


@pytest.mark.parametrize(
    "url", ["postgresql://127.0.0.1:1/daylight", "sqlite:////no/such/folder/x"]
)
def test_a_database_out_of_reach_is_said_clearly(url: str) -> None:
    with pytest.raises(StorageError, match=r"cannot be (reached|opened)"):
        open_database(url).rows("SELECT 1")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, however long it may be. " * 50)
    with pytest.raises(StorageError, match=r"notes\.txt.* is not an SQLite database"):
        open_database(f"sqlite:///{file}").rows("SELECT 1")


@ON_SQLITE
def test_a_file_that_may_not_be_written_is_named(db: Database) -> None:
    db.run("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match=r"daylight\.db.* is read-only"):
        _add(db, "a")


def _fill(db: Database, name: str) -> None:
    _add(db, name, *(f"{name} {number} {'x' * 500}" for number in range(50)))


@ON_SQLITE
def test_a_full_disk_is_said_and_what_was_there_stays(db: Database) -> None:
    _add(db, "a")
    db.run("PRAGMA max_page_count = 5")
    with pytest.raises(StorageError, match="disk is full"), db.transaction():
        _fill(db, "b")
    with (
        pytest.raises(StorageError, match="disk is full"),
        db.transaction(),
        db.transaction(),
    ):
        _fill(db, "c")
    db.run("PRAGMA max_page_count = 5000")
    with db.transaction():
        _add(db, "d")
    assert _names(db) == ["a", "d"]


@ON_SQLITE
def test_after_a_full_disk_nothing_is_written_outside_the_transaction(db: Database) -> None:
    db.run("PRAGMA max_page_count = 5")
    with pytest.raises(StorageError, match="nothing of it was saved"), db.transaction():
        with pytest.raises(StorageError, match="disk is full"):
            _fill(db, "a")
        _add(db, "as if nothing had happened")
    assert _names(db) == []


@ON_SQLITE
def test_a_damaged_file_asks_for_its_backup(db: Database, tmp_path: Path) -> None:
    _fill(db, "a")
    db.close()
    with (tmp_path / "daylight.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    with pytest.raises(StorageError, match=r"daylight\.db.* is damaged; restore a backup"):
        db.rows("SELECT name FROM counter")


@ON_SQLITE
def test_every_commit_to_a_file_is_flushed_to_the_disk(db: Database) -> None:
    assert db.row("PRAGMA synchronous") == {"synchronous": 2}
    assert db.row("PRAGMA foreign_keys") == {"foreign_keys": 1}
    assert db.row("PRAGMA journal_mode") == {"journal_mode": "wal"}


# Lost connections


@pytest.fixture
def admin(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Who can cut the connections of others."""
    opened = open_database(request.getfixturevalue("postgresql"))
    yield opened
    opened.close()


def _cut(admin: Database, pid: int) -> None:
    admin.rows("SELECT pg_terminate_backend(:pid, 5000)", pid=pid)


def _pid(db: Database) -> int:
    row = db.row("SELECT pg_backend_pid() AS pid")
    assert row is not None
    return int(row["pid"])


@ON_POSTGRESQL
def test_an_idle_connection_that_was_cut_is_opened_again(db: Database, admin: Database) -> None:
    _cut(admin, _pid(db))
    _add_one(db, "added after")
    _cut(admin, _pid(db))
    with db.transaction():
        _add(db, "written after")
    assert _names(db) == ["added after", "written after"]


@ON_POSTGRESQL
def test_a_many_rowed_write_over_a_cut_connection_loses_no_row(
    db: Database, admin: Database
) -> None:
    _cut(admin, _pid(db))
    _add(db, "a", "b")
    assert _names(db) == ["a", "b"]


@ON_POSTGRESQL
def test_a_transaction_whose_connection_is_cut_fails_as_a_whole(
    db: Database, admin: Database
) -> None:
    with pytest.raises(StorageError, match="cannot be reached"), db.transaction():
        _add(db, "a")
        with db.transaction():
            _add(db, "b")
            _cut(admin, _pid(db))
            _add(db, "c")
    assert _names(db) == []


@ON_POSTGRESQL
def test_after_a_cut_nothing_is_written_outside_the_transaction(
    db: Database, admin: Database
) -> None:
    with pytest.raises(StorageError, match="nothing of it was saved"), db.transaction():
        _cut(admin, _pid(db))
        with pytest.raises(StorageError, match="cannot be reached"):
            _add_one(db, "noticed")
        _add_one(db, "as if nothing had happened")
    assert _names(db) == []


@ON_POSTGRESQL
def test_a_failure_that_was_passed_over_is_not_reported_as_kept(db: Database) -> None:
    with pytest.raises(StorageError, match="nothing of it was saved"), db.transaction():
        _add(db, "a")
        with pytest.raises(Exception, match="unique"):
            _add(db, "a")
    assert _names(db) == []


@ON_POSTGRESQL
def test_a_transaction_cut_just_before_its_commit_is_not_reported_as_kept(
    db: Database, admin: Database
) -> None:
    with pytest.raises(StorageError, match="cannot be reached"), db.transaction():
        _add(db, "a")
        _cut(admin, _pid(db))
    assert _names(db) == []
    with db.transaction():
        _add(db, "b")
    assert _names(db) == ["b"]
