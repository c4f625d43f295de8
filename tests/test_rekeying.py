"""Personal data under a new key: all of it, once, however often it is broken off."""

import os
import re
import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from multiprocessing import get_context

import pytest

from lookup import trail
from lookup.beijing import utc_now
from lookup.bureau import Bureau, open_bureau
from lookup.config import Config
from lookup.database import Record
from lookup.errors import StorageError
from lookup.issues import live_issue, open_by_code
from lookup.migrations import MIGRATIONS
from lookup.parties import parties_of
from lookup.rekeying import SEALED, Rotation, count_rows, rotate
from lookup.sealing import Seals
from lookup.stops import stop_number, why_stopped
from lookup.trail import Actor, change
from tests.public_cases import days_ago, issue_of, path_of, put, site_of

CLERK = Actor("test", "command")
PEOPLE = 60  # more than one transaction takes
NEW = secrets.token_hex(32)
ROWS = 2 * PEOPLE + 2


@pytest.fixture
def both(bureau: Bureau, with_keys: Callable[..., Bureau]) -> Iterator[Bureau]:
    """A bureau with sealed rows of every kind that has just added a key."""
    number = "A1"
    people = [
        {"role": "victim", "name": f"张{n}", "phone": f"1990000{n:04}", "id_last4": f"{n:04}"}
        for n in range(PEOPLE - 1)
    ]
    put(bureau, number, days_ago(2), parties=[*people, {"role": "complainant", "name": "李四"}])
    with change(bureau.db, CLERK) as ongoing:
        for party in _parties(bureau):
            live_issue(bureau, ongoing, party["id"])
        stop_number(bureau, ongoing, "19900000003", "stop")
    bureau.db.run(
        """INSERT INTO staff (id, login, name, badge, role, unit, password, must_change, created_at)
        VALUES (1, 'li', '李', '', 'supervisor', '5101000000', '', 0, '')"""
    )
    bureau.db.run(
        "INSERT INTO upload (id, staff_id, name, sealed, at) VALUES ('u1', 1, 'a.csv', :text, '')",
        text=bureau.seals.seal("案件编号,报案人\nA1,张三"),
    )
    opened = with_keys(*bureau.config.secret_keys, NEW)
    yield opened
    opened.db.close()


@pytest.fixture
def alone(both: Bureau, with_keys: Callable[..., Bureau]) -> Iterator[Bureau]:
    """The same bureau once the older key is gone."""
    opened = with_keys(NEW)
    yield opened
    opened.db.close()


def _parties(bureau: Bureau) -> list[Record]:
    found = bureau.db.rows("SELECT id FROM cases WHERE number = 'A1'")
    return parties_of(bureau.db, found[0]["id"])


def _plain(bureau: Bureau) -> list[list[str]]:
    """Every sealed value as it opens; StorageError where one does not."""
    return [
        [bureau.seals.open(row[column]) for column in columns]
        for table, columns in SEALED.items()
        for row in bureau.db.rows(f"SELECT * FROM {table} ORDER BY id")
    ]


def _rotations(bureau: Bureau) -> list[str]:
    rows = bureau.db.rows("SELECT detail FROM trail_entry WHERE action = 'keys.rotated'")
    return [row["detail"] for row in rows]


def test_no_sealed_column_is_left_out() -> None:
    kept: dict[str, set[str]] = {}
    for _, statements in MIGRATIONS:
        for statement in statements:
            table = re.search(r"(?:CREATE|ALTER) TABLE (\w+)", statement)
            columns = set(re.findall(r"(?<=[\s(])(?:\w+_)?(?:sealed|found)(?= TEXT)", statement))
            if table and columns:
                kept.setdefault(table[1], set()).update(columns)
    known = {table: {*columns, *columns.values()} - {""} for table, columns in SEALED.items()}
    assert kept == known


def test_after_a_rotation_the_newest_key_alone_opens_and_finds_everything(
    both: Bureau, alone: Bureau
) -> None:
    before = _plain(both)
    seen: list[int] = []
    assert rotate(both, CLERK, seen.append) == Rotation(resealed=ROWS, already=0, left=0)
    assert sum(seen) == 2 * count_rows(both.db) == 2 * ROWS
    assert _plain(alone) == before
    assert before[3] == ["张3", "19900000003", "0003", ""]
    for party, (name, phone, *_) in zip(_parties(both), before, strict=False):
        assert party["name_found"] == alone.seals.fingerprint(name)
        assert party["phone_found"] == alone.seals.fingerprint(phone)
    assert why_stopped(alone, "19900000003") == "stop"
    assert _rotations(both) == [f'{{"already":0,"left":0,"resealed":{ROWS}}}']
    assert trail.verify(both.db) == []


def test_a_second_rotation_finds_nothing_to_do_and_leaves_no_trace(both: Bureau) -> None:
    rotate(both, CLERK)
    sealed = [both.db.rows(f"SELECT * FROM {table} ORDER BY id") for table in SEALED]
    assert rotate(both, CLERK) == Rotation(resealed=0, already=ROWS, left=0)
    assert [both.db.rows(f"SELECT * FROM {table} ORDER BY id") for table in SEALED] == sealed
    assert len(_rotations(both)) == 1


def test_a_rotation_that_is_stopped_goes_on_where_it_was(both: Bureau, alone: Bureau) -> None:
    before = _plain(both)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate(both, CLERK, stop)
    assert _plain(both) == before
    assert rotate(both, CLERK) == Rotation(resealed=ROWS - 50, already=50, left=0)
    assert _plain(alone) == before


def _rotate_until_killed(config: Config) -> None:
    pages = iter((0, 0))

    def kill(_: int) -> None:
        if next(pages, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    rotate(open_bureau(config), CLERK, kill)


def test_a_rotation_that_is_killed_loses_nothing(both: Bureau, alone: Bureau) -> None:
    before = _plain(both)
    killed = get_context("spawn").Process(target=_rotate_until_killed, args=(both.config,))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert _plain(both) == before
    done = rotate(both, CLERK)
    assert (done.resealed, done.already, done.left) == (ROWS - 110, 110, 0)
    assert _plain(alone) == before


def test_an_edit_beside_a_rotation_is_never_lost(
    bureau: Bureau, both: Bureau, alone: Bureau
) -> None:
    party_id = _parties(both)[20]["id"]
    phones, lost, stop = ["19900000020"], [], threading.Event()

    def edit() -> None:
        while not stop.wait(0.001):  # or SQLite would let nobody else write
            with both.db.transaction():
                kept = both.db.row(
                    f"SELECT phone_sealed FROM party WHERE id = :id{both.db.for_update}",
                    id=party_id,
                )
                if kept and both.seals.open(kept["phone_sealed"]) != phones[-1]:
                    lost.append(phones[-1])
                phones.append(f"1880000{secrets.randbelow(10000):04}")
                # As a worker does that has not been told of the new key.
                both.db.run(
                    "UPDATE party SET phone_sealed = :sealed, phone_found = :found WHERE id = :id",
                    sealed=bureau.seals.seal(phones[-1]),
                    found=bureau.seals.fingerprint(phones[-1]),
                    id=party_id,
                )
        both.db.close()

    editor, pages = threading.Thread(target=edit), count()
    editor.start()
    while not stop.is_set():
        rotate(both, CLERK, lambda _: stop.set() if next(pages) > 20 else None)
    editor.join()
    assert len(phones) > 4
    assert lost == []
    assert rotate(both, CLERK).left == 0
    after = _parties(both)[20]
    assert alone.seals.open(after["phone_sealed"]) == phones[-1]
    assert alone.seals.fingerprint(phones[-1]) == after["phone_found"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_row_that_somebody_holds_is_passed_by_and_not_waited_for(
    bureau: Bureau, both: Bureau
) -> None:
    party = _parties(both)[20]
    with bureau.db.transaction():
        bureau.db.run("UPDATE party SET role = 'guardian' WHERE id = :id", id=party["id"])
        assert rotate(both, CLERK) == Rotation(resealed=ROWS - 1, already=0, left=1)
    assert rotate(both, CLERK) == Rotation(resealed=1, already=ROWS - 1, left=0)
    assert _parties(both)[20]["role"] == "guardian"


def test_a_row_whose_key_is_gone_is_counted_and_holds_up_no_other(both: Bureau) -> None:
    party, lost = _parties(both)[0], replace(both.config, secret_keys=("lost",))
    sealed = Seals(lost.keys("sealing"), lost.keys("finding")).seal("张三")
    both.db.run(
        "UPDATE party SET name_sealed = :sealed WHERE id = :id", sealed=sealed, id=party["id"]
    )
    assert rotate(both, CLERK) == Rotation(resealed=ROWS - 1, already=0, left=1)
    assert _parties(both)[0]["name_sealed"] == sealed


def test_papers_outlive_the_sealing_under_their_key(
    both: Bureau, bureau: Bureau, with_keys: Callable[..., Bureau]
) -> None:
    issue = issue_of(bureau, "A1")
    path, code = path_of(bureau, issue), bureau.seals.open(issue["code_sealed"])
    sealed = _parties(bureau)[0]["name_sealed"]
    rotate(both, CLERK)
    keys = (f"papers:{bureau.config.secret_keys[0]}", NEW)
    retired = with_keys(*keys)
    with pytest.raises(StorageError):
        retired.seals.open(sealed)
    assert retired.seals.open(_parties(retired)[0]["name_sealed"]) == "张0"
    assert path_of(retired, issue) != path
    assert open_by_code(retired, "A1", code, "127.0.0.1", utc_now())["id"] == issue["id"]
    retired.db.close()
    for secret_keys, status in ((keys, 303), ((NEW,), 404)):
        site = site_of(bureau, secret_keys=secret_keys)
        assert site.test_client().get(path).status_code == status
        site.extensions["bureau"].db.close()


def test_the_command_says_what_was_done_and_whether_old_keys_may_go(
    both: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    site = site_of(both)
    runner = site.test_cli_runner()
    done = runner.invoke(args=["rotate-keys"])
    assert (done.exit_code, f"{ROWS} rows re-sealed now, 0 before" in done.output) == (
        0,
        True,
    )
    assert "No personal data is under an older key" in done.output
    again = runner.invoke(args=["rotate-keys"])
    assert f"0 rows re-sealed now, {ROWS} before" in again.output
    both.db.run("UPDATE issue SET code_sealed = 'damaged' WHERE id IN (SELECT MIN(id) FROM issue)")
    damaged = runner.invoke(args=["rotate-keys"])
    assert (damaged.exit_code, "1 rows are not" in damaged.output) == (1, True)
    assert "No personal data is under an older key" not in damaged.output
    site.extensions["bureau"].db.close()
