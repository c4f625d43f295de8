"""The trail: an unforked log, whose root is RFC 9162's, and in which no tampering stays hidden."""

import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup import trail
from lookup.database import Database, Record, open_database
from lookup.errors import StorageError
from lookup.migrations import migrate
from lookup.trail import Actor, Head, change

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
DESK = Actor("王丽", "desk")
NOW = datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC)
SIZE = 11


@pytest.fixture
def empty(database_url: str) -> Iterator[Database]:
    """A prepared database in which nothing has happened."""
    opened = open_database(database_url)
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def log(empty: Database) -> Database:
    """A log of eleven entries, made in changes of one to three."""
    _append(empty, 0, SIZE)
    return empty


def _append(db: Database, first: int, end: int) -> None:
    while first < end:
        more = min(first % 3 + 1, end - first)
        with change(db, DESK, NOW) as ongoing:
            for number in range(first, first + more):
                ongoing.record("case.changed", f"A{number}", step="filing", number=number)
        first += more


def _append_alone(url: str, author: str, times: int) -> None:
    db = open_database(url)
    for number in range(times):
        with change(db, Actor(author, "api")) as ongoing:
            for _ in range(number % 3 + 1):
                ongoing.record("case.changed", author, number=number)
    db.close()


def _faults(db: Database, kept: Head | None = None) -> list[str]:
    """The faults in brief: without what the entry was about."""
    return [fault.en.split(":")[0] for fault in trail.verify(db, kept)]


def _entries(db: Database) -> list[Record]:
    return db.rows("SELECT * FROM trail_entry ORDER BY position")


# RFC 9162 as it is written, without any of the program's code


def _leaf(entry: Record) -> bytes:
    said = {name: entry[name] for name in entry if name not in ("nonce", "leaf", "root")}
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(b"\x00" + bytes.fromhex(entry["nonce"]) + text.encode()).digest()


def _tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, over leaf hashes."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(
        b"\x01" + _tree_hash(leaves[:split]) + _tree_hash(leaves[split:])
    ).digest()


details = st.dictionaries(
    st.sampled_from(["step", "name", "number", "was"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
    | st.integers()
    | st.lists(st.integers(0, 9)),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(details, min_size=1, max_size=5), max_size=12))
def test_the_root_is_that_of_rfc_9162_after_every_entry(changes: list[list[Any]]) -> None:
    with TemporaryDirectory() as folder:
        db = open_database(f"sqlite:///{Path(folder) / 'daylight.db'}")
        migrate(db)
        for batch in changes:
            with change(db, DESK) as ongoing:
                for detail in batch:
                    ongoing.record("case.changed", "A1", **detail)
        entries, head = _entries(db), trail.head(db)
        faults = trail.verify(db)
        db.close()
    leaves = [_leaf(entry) for entry in entries]
    roots = [_tree_hash(leaves[:size]).hex() for size in range(len(leaves) + 1)]
    assert [entry["root"] for entry in entries] == roots[1:]
    assert head == Head(sum(map(len, changes)), roots[-1])
    assert faults == []


# A whole log


def test_an_empty_log_is_whole_and_has_the_hash_of_nothing(empty: Database) -> None:
    assert trail.head(empty) == Head(0, hashlib.sha256().hexdigest())
    assert trail.verify(empty) == []
    assert trail.verify(empty, trail.head(empty)) == []


def test_an_entry_keeps_who_did_what_when_and_to_which_case(log: Database) -> None:
    entry = _entries(log)[4]
    assert {name: entry[name] for name in ("position", "at", "actor", "via", "action")} == {
        "position": 4,
        "at": "2026-11-20T01:02:03Z",
        "actor": "王丽",
        "via": "desk",
        "action": "case.changed",
    }
    assert entry["case_number"] == "A4"
    assert json.loads(entry["detail"]) == {"number": 4, "step": "filing"}


def test_a_whole_log_has_no_faults_whichever_head_was_kept(empty: Database) -> None:
    kept = [trail.head(empty)]
    for end in range(1, SIZE + 1):
        _append(empty, end - 1, end)
        kept.append(trail.head(empty))
    assert [head.size for head in kept] == list(range(SIZE + 1))
    assert [trail.verify(empty, head) for head in kept] == [[]] * (SIZE + 1)


def test_a_change_that_fails_leaves_no_entry(log: Database) -> None:
    before = trail.head(log)
    with pytest.raises(ZeroDivisionError), change(log, DESK) as ongoing:
        ongoing.record("case.changed", "A1")
        raise ZeroDivisionError
    with change(log, DESK):
        pass
    with log.rehearsal(), change(log, DESK) as ongoing:
        ongoing.record("case.changed", "A1")
    assert trail.head(log) == before
    assert trail.verify(log) == []


def test_several_processes_appending_at_once_leave_one_log(
    empty: Database, database_url: str
) -> None:
    spawn = get_context("spawn")
    authors = ["甲", "乙", "丙", "丁"]
    with ProcessPoolExecutor(3, spawn, spawn.Barrier(3).wait) as pool:
        list(pool.map(_append_alone, [database_url] * 4, authors, [30] * 4))
    entries = _entries(empty)
    assert [entry["position"] for entry in entries] == list(range(4 * 60))
    for author in authors:
        numbers = [json.loads(e["detail"])["number"] for e in entries if e["actor"] == author]
        assert numbers == [number for number in range(30) for _ in range(number % 3 + 1)]
    assert trail.head(empty).size == len(entries)
    assert trail.verify(empty) == []


def test_what_is_appended_during_the_check_is_no_fault(empty: Database, database_url: str) -> None:
    writer = threading.Thread(target=_append_alone, args=(database_url, "甲", 150))
    writer.start()
    faults = []
    while writer.is_alive():
        faults += trail.verify(empty)
    writer.join()
    assert faults == []
    assert trail.verify(empty) == []


def test_a_log_of_several_pages_is_read_to_its_end(empty: Database) -> None:
    with change(empty, DESK) as ongoing:
        for number in range(4100):
            ongoing.record("case.changed", "A1", number=number)
    assert trail.verify(empty, trail.head(empty)) == []
    empty.run("UPDATE trail_entry SET actor = 'nobody' WHERE position IN (1999, 4099)")
    assert _faults(empty) == ["Entry 1999 was altered", "Entry 4099 was altered"]


# Altered


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "2026-11-19T01:02:03Z"),
        ("actor", "nobody"),
        ("via", "api"),
        ("action", "case.registered"),
        ("case_number", "B4"),
        ("detail", '{"number":4,"step":"closure"}'),
        ("detail", '{"step":"filing","number":4}'),
        ("nonce", "00" * 16),
        ("nonce", ""),
        ("nonce", "not hexadecimal"),
        ("leaf", "00" * 32),
        ("leaf", "not hexadecimal"),
    ],
)
def test_an_altered_entry_is_named_alone(log: Database, column: str, value: str) -> None:
    log.run(f"UPDATE trail_entry SET {column} = :value WHERE position = 4", value=value)
    assert _faults(log) == ["Entry 4 was altered"]


def test_a_fault_says_what_the_entry_is_about_in_both_languages(log: Database) -> None:
    log.run("UPDATE trail_entry SET detail = '{}' WHERE position = 4")
    (fault,) = trail.verify(log)
    assert fault.en == (
        "Entry 4 was altered: case.changed A4, dated 2026-11-20T01:02:03Z, by 王丽."
    )
    assert fault.zh.startswith("第 4 条记录被改动：case.changed A4")


def test_every_altered_entry_is_named(log: Database) -> None:
    log.run("UPDATE trail_entry SET actor = 'nobody' WHERE position IN (0, 4, 10)")
    assert _faults(log) == [f"Entry {n} was altered" for n in (0, 4, 10)]


def test_an_altered_entry_with_a_fitting_leaf_is_named(log: Database) -> None:
    entry = _entries(log)[4] | {"actor": "nobody"}
    log.run(
        "UPDATE trail_entry SET actor = :actor, leaf = :leaf WHERE position = 4",
        actor=entry["actor"],
        leaf=_leaf(entry).hex(),
    )
    assert _faults(log) == ["Entry 4 was replaced"]


def test_an_altered_root_is_named(log: Database) -> None:
    log.run("UPDATE trail_entry SET root = :root WHERE position = 4", root="00" * 32)
    assert _faults(log) == ["Entry 4 was replaced"]


def test_a_fault_does_not_hide_a_later_one(log: Database) -> None:
    log.run("UPDATE trail_entry SET actor = 'nobody' WHERE position = 2")
    entry = _entries(log)[7] | {"actor": "nobody"}
    log.run(
        "UPDATE trail_entry SET actor = 'nobody', leaf = :leaf WHERE position = 7",
        leaf=_leaf(entry).hex(),
    )
    assert _faults(log) == ["Entry 2 was altered", "Entry 7 was replaced"]


@ON_SQLITE
@pytest.mark.parametrize("column", ["detail", "nonce", "leaf", "at", "actor"])
def test_bytes_in_the_place_of_text_are_named(log: Database, column: str) -> None:
    log.run(f"UPDATE trail_entry SET {column} = x'00ff' WHERE position = 4")
    assert _faults(log) == ["Entry 4 was altered"]


# Removed


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        ([0], ["Entry 0 is missing."]),
        ([5], ["Entry 5 is missing."]),
        ([3, 4, 5], ["Entries 3–5 are missing."]),
        ([1, 8], ["Entry 1 is missing.", "Entry 8 is missing."]),
        ([10], ["Entry 10 is missing."]),
        ([8, 9, 10], ["Entries 8–10 are missing."]),
        (list(range(SIZE)), ["Entries 0–10 are missing."]),
    ],
)
def test_removed_entries_are_named(log: Database, gone: list[int], named: list[str]) -> None:
    log.run_many("DELETE FROM trail_entry WHERE position = :p", [{"p": p} for p in gone])
    assert _faults(log) == named


def _cut_with_head(db: Database, size: int) -> None:
    """Cut the log as somebody would who knows how it is made."""
    db.run("DELETE FROM trail_entry WHERE position >= :size", size=size)
    db.run("DELETE FROM trail_head")
    leaves = [entry["leaf"] for entry in _entries(db)]
    peaks, start = [], 0
    for power in reversed(range(8)):
        if size & 1 << power:
            part = leaves[start : start + (1 << power)]
            peaks.append(_tree_hash([bytes.fromhex(leaf) for leaf in part]).hex())
            start += 1 << power
    db.run(
        "INSERT INTO trail_head (id, size, peaks) VALUES (1, :size, :peaks)",
        size=size,
        peaks=" ".join(peaks),
    )


@pytest.mark.parametrize(("size", "named"), [(10, "Entry 10 is"), (7, "Entries 7–10 are")])
def test_a_log_cut_together_with_its_head_is_found_by_a_kept_head(
    log: Database, size: int, named: str
) -> None:
    kept = trail.head(log)
    _cut_with_head(log, size)
    assert _faults(log) == []
    assert _faults(log, kept) == [f"{named} missing."]


def test_a_log_emptied_together_with_its_head_is_found_by_a_kept_head(log: Database) -> None:
    kept = trail.head(log)
    _cut_with_head(log, 0)
    assert _faults(log, kept) == ["Entries 0–10 are missing."]


def test_a_cut_log_that_grew_again_is_found_by_a_kept_head(log: Database) -> None:
    kept = trail.head(log)
    _cut_with_head(log, 8)
    _append(log, 8, 13)
    assert _faults(log) == []
    assert _faults(log, kept) == [
        "The entries up to 10 are not those the kept head was made of",
    ]


# Reordered, inserted, rewritten


def _renumber(db: Database, moves: dict[int, int]) -> None:
    aside = [{"old": old, "new": new + 1000} for old, new in moves.items()]
    db.run_many("UPDATE trail_entry SET position = :new WHERE position = :old", aside)
    db.run("UPDATE trail_entry SET position = position - 1000 WHERE position >= 1000")


def test_swapped_entries_are_named(log: Database) -> None:
    _renumber(log, {3: 6, 6: 3})
    assert _faults(log) == ["Entry 3 was altered", "Entry 6 was altered"]


def test_swapped_entries_with_fitting_leaves_are_named(log: Database) -> None:
    _renumber(log, {3: 6, 6: 3})
    for entry in _entries(log):
        log.run(
            "UPDATE trail_entry SET leaf = :leaf WHERE position = :position",
            leaf=_leaf(entry).hex(),
            position=entry["position"],
        )
    assert _faults(log) == ["Entry 3 was replaced"]


def _insert(db: Database, position: str, like: int) -> None:
    db.run(
        f"""INSERT INTO trail_entry
        SELECT {position}, at, actor, via, action, case_number, detail, nonce, leaf, root
        FROM trail_entry WHERE position = :like""",
        like=like,
    )


def test_an_entry_inserted_between_others_is_named(log: Database) -> None:
    _renumber(log, {n: n + 1 for n in range(4, SIZE)})
    _insert(log, "4", like=3)
    log.run("UPDATE trail_head SET size = size + 1")
    assert _faults(log) == [f"Entry {n} was altered" for n in range(4, SIZE + 1)]


def test_an_entry_added_behind_the_head_is_named(log: Database) -> None:
    _insert(log, "11", like=10)
    _insert(log, "13", like=10)
    assert _faults(log) == [f"Entry {n} does not belong to the log" for n in (11, 13)]


def test_an_entry_before_the_first_is_named(log: Database) -> None:
    _insert(log, "-1", like=0)
    assert _faults(log) == ["Entry -1 does not belong to the log"]


@ON_SQLITE
@pytest.mark.parametrize("position", ["2.5", "NULL", "'abc'", "x'35'"])
def test_an_entry_at_no_whole_position_is_named(log: Database, position: str) -> None:
    _insert(log, position, like=2)
    (fault,) = _faults(log)
    assert fault.endswith("does not belong to the log")


def test_a_log_rewritten_throughout_is_found_by_a_kept_head(log: Database) -> None:
    kept = trail.head(log)
    _cut_with_head(log, 0)
    _append(log, 0, SIZE)
    assert _faults(log) == []
    assert _faults(log, kept) == ["The entries up to 10 are not those the kept head was made of"]


# The head row


@pytest.mark.parametrize(
    "tampering",
    ["peaks = ''", "peaks = 'not hexadecimal'", "size = 10", "size = 0, peaks = ''"],
)
def test_an_altered_head_row_does_not_fit_its_entries(log: Database, tampering: str) -> None:
    log.run(f"UPDATE trail_head SET {tampering}")
    assert _faults(log)


def test_a_head_row_of_other_peaks_is_named(log: Database) -> None:
    log.run("UPDATE trail_head SET peaks = ''")
    assert _faults(log) == ["The head row (11 entries) does not belong to the 11 entries found."]


def test_a_head_row_that_is_too_large_names_what_would_be_missing(log: Database) -> None:
    log.run("UPDATE trail_head SET size = 13")
    assert _faults(log) == ["Entries 11–12 are missing."]


def test_a_missing_head_row_is_named_and_stops_every_change(log: Database) -> None:
    log.run("DELETE FROM trail_head")
    assert _faults(log) == ["The trail's head row is gone; restore a backup."]
    with pytest.raises(StorageError, match="head row is gone"):
        trail.head(log)
    with pytest.raises(StorageError, match="head row is gone"), change(log, DESK) as ongoing:
        ongoing.record("case.changed", "A1")
    assert len(_entries(log)) == SIZE
