"""Preparing a database: once, by two at the same time, and never by the wrong program."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from lookup import migrations
from lookup.database import Database, open_database
from lookup.errors import StorageError
from lookup.migrations import MIGRATIONS, check_ready, migrate

STEPS = [name for name, _ in MIGRATIONS]


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """An empty database."""
    opened = open_database(database_url)
    yield opened
    opened.close()


def _prepare(url: str) -> list[str]:
    db = open_database(url)
    done = migrate(db)
    check_ready(db)
    db.close()
    return done


def _recorded(db: Database) -> list[tuple[int, str]]:
    rows = db.rows("SELECT number, name FROM migration ORDER BY number")
    return [(row["number"], row["name"]) for row in rows]


def test_an_empty_database_is_brought_to_the_present_shape(db: Database) -> None:
    assert migrate(db) == STEPS
    assert _recorded(db) == list(enumerate(STEPS, 1))
    check_ready(db)


def test_preparing_again_does_nothing(db: Database) -> None:
    migrate(db)
    db.run("UPDATE trail_head SET size = 7")
    assert migrate(db) == []
    assert db.row("SELECT size FROM trail_head") == {"size": 7}


def test_two_who_prepare_at_once_take_turns(db: Database, database_url: str) -> None:
    spawn = get_context("spawn")
    with ProcessPoolExecutor(3, spawn, spawn.Barrier(3).wait) as pool:
        done = list(pool.map(_prepare, [database_url] * 3))
    assert sorted(step for steps in done for step in steps) == sorted(STEPS)
    assert _recorded(db) == list(enumerate(STEPS, 1))
    assert db.rows("SELECT id, size FROM trail_head") == [{"id": 1, "size": 0}]


def test_a_step_that_fails_leaves_neither_tables_nor_record(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = ("a broken step", ("CREATE TABLE half (id BIGINT)", "CREATE TABLE half (id BIGINT)"))
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(Exception, match="already exists"):
        migrate(db)
    assert _recorded(db) == list(enumerate(STEPS, 1))
    with pytest.raises(StorageError, match="flask init"):
        db.rows("SELECT * FROM half")


def test_a_database_that_was_never_prepared_asks_for_flask_init(db: Database) -> None:
    with pytest.raises(StorageError, match="flask init"):
        check_ready(db)


def test_an_older_database_is_refused_until_it_is_prepared(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(db)
    new = ("a later step", ("CREATE TABLE later (id {identity}, name TEXT NOT NULL)",))
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, new))
    with pytest.raises(StorageError, match="run flask init first") as caught:
        check_ready(db)
    assert f"第 {len(MIGRATIONS)} 版" in caught.value.text.zh
    assert migrate(db) == ["a later step"]
    check_ready(db)
    db.run("INSERT INTO later (name) VALUES ('kept')")
    assert db.rows("SELECT * FROM later") == [{"id": 1, "name": "kept"}]


def test_a_newer_database_is_refused_and_left_alone(db: Database) -> None:
    migrate(db)
    newest = len(MIGRATIONS) + 1
    db.run(
        "INSERT INTO migration (number, name, applied_at) VALUES (:number, 'future', :at)",
        number=newest,
        at="2031-01-01T00:00:00Z",
    )
    for use in (migrate, check_ready):
        with pytest.raises(StorageError, match="newer than this program"):
            use(db)
    assert _recorded(db)[-1] == (newest, "future")
