"""Feedback for the case system: each row once, in order, whoever writes and whatever breaks off."""

import csv
import fcntl
import io
import json
import resource
import signal
import stat
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from lookup import callbacks, comments, counters, feedback, purging
from lookup.beijing import utc_now
from lookup.bureau import Bureau, open_bureau
from lookup.cells import as_meant
from lookup.config import Config
from lookup.database import Record
from lookup.errors import FileError
from lookup.feedback_export import COLUMNS, Exported, Form, Since, continue_file, export
from lookup.staff import Staff
from lookup.trail import Actor, change, head
from tests.office import BUREAU, EAST, hire
from tests.public_cases import STATION, days_ago, put, site_of

PARTY = Actor("party", "web")
HOSTILE = '=1+1\n"said", he\r said\u2028; \'@x\n\n"",""\n"'
FORMS: tuple[Form, ...] = ("csv", "jsonl")
Told = list[dict[str, Any]]


def case(bureau: Bureau, number: str, **more: Any) -> Record:
    """A case whose complainant has a name and a phone that must never go out."""
    return put(bureau, number, days_ago(3), badge="510999", **more)


def rate(bureau: Bureau, issue: Record, level: str, now: datetime | None = None) -> int:
    with change(bureau.db, PARTY, now) as ongoing:
        made = head(bureau.db).size
        feedback.rate(
            bureau, ongoing, issue, "intake", level, ["other"], f"{issue['number']}{made}"
        )
    [row] = bureau.db.rows("SELECT MAX(id) AS id FROM rating")
    return int(row["id"])


def comment(bureau: Bureau, issue: Record, text: str, category: str = "inquiry") -> int:
    with change(bureau.db, PARTY) as ongoing:
        form = f"{issue['number']}{text}{threading.get_ident()}"
        comments.comment(bureau, ongoing, issue, text, form, category)
    [row] = bureau.db.rows("SELECT MAX(id) AS id FROM comment")
    return int(row["id"])


def answer(bureau: Bureau, who: Staff, comment_id: int, text: str) -> None:
    with change(bureau.db, Actor(who.name, "desk")) as ongoing:
        comments.answer(bureau, ongoing, who, comment_id, text)


def close(bureau: Bureau, who: Staff, told: str) -> None:
    """Call whoever is to be called, and put it right."""
    [task] = bureau.db.rows("SELECT id FROM callback WHERE closed_at IS NULL")
    closing = {"result": "put_right", "problem": "slow", "remedy": "已当面道歉", "told": told}
    with change(bureau.db, Actor(who.name, "desk")) as ongoing:
        callbacks.attempt(bureau, ongoing, who, task["id"], "reached", "", 0)
        callbacks.close(bureau, ongoing, who, task["id"], closing | {"responsible": "=李明"})


def counter(bureau: Bureau) -> Record:
    with change(bureau.db, PARTY) as ongoing:
        made = counters.add(ongoing, BUREAU, STATION, "=1号窗口")
    return counters.require_counter(bureau.db, BUREAU, made)


def exported(bureau: Bureau, form: Form = "jsonl", since: Since = Since()) -> bytes:  # noqa: B008
    parts: list[bytes] = []
    export(bureau, form, since, parts.append)
    return b"".join(parts)


def lines(content: bytes) -> Told:
    return [json.loads(line) for line in content.decode().split("\n")[:-1]]


def grid(content: bytes) -> list[dict[str, str]]:
    """A CSV as it was meant, its cells without the guard against formulas."""
    assert content.startswith("\ufeffposition,".encode())
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    return [{name: as_meant(cell) for name, cell in row.items()} for row in rows]


def told(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


@pytest.fixture
def story(bureau: Bureau) -> Staff:
    """A case of which everything was said, one withheld since, a report, a counter; the caller."""
    officer = hire(bureau, "zhao", "callback_officer", BUREAU, "赵静")
    issue = case(bureau, "A-1")
    bad = rate(bureau, issue, "2")
    close(bureau, officer, "=已整改")
    rate(bureau, issue, "1")
    close(bureau, officer, "再次说明")
    rate(bureau, issue, "5")
    answer(bureau, officer, comment(bureau, issue, HOSTILE), "@答复")
    hidden = case(bureau, "A-2")
    rate(bureau, hidden, "4")
    case(bureau, "A-2", withheld_reason="个人隐私")
    answer(bureau, officer, comment(bureau, issue, "李明收钱", "report"), "张三，已立案调查")
    window = counter(bureau)
    sent = counters.Rating("1", ["long_wait", "unfriendly"], "", "form")
    counters.rate(bureau, window, sent, "10.0.0.1", utc_now())
    assert bad
    return officer


def test_everything_said_goes_out_in_order_and_alike_in_both_forms(
    bureau: Bureau, story: Staff
) -> None:
    rows = lines(exported(bureau))
    assert [tuple(row) for row in rows] == [COLUMNS] * len(rows)
    kinds = ["rating", "callback", "rating", "callback", "rating", "comment", "answer"]
    kinds += ["rating", "comment", "answer", "counter_rating"]
    assert [row["type"] for row in rows] == kinds
    positions = [row["position"] for row in rows]
    assert positions == sorted(set(positions))
    first, called, worse, raised, last, asked, answered, hidden = rows[:8]
    about = ("case_number", "party_role", "unit", "unit_name", "officer", "badge", "step")
    at_station = ("A-1", "complainant", STATION, "锦江路派出所", "李明", "510999", "intake")
    assert told(first, *about, "level", "tags", "via") == (*at_station, 2, "other", "web")
    moment = datetime.fromisoformat(first["at"])
    assert moment.utcoffset() == timedelta(hours=8)
    assert abs(moment - utc_now()) < timedelta(minutes=10)
    assert told(called, *about, "level") == (*at_station, 2)
    found = told(called, "cause", "rating", "problem", "remedy", "responsible", "result", "answer")
    assert found == ("rating", first["id"], "slow", "已当面道歉", "=李明", "put_right", "=已整改")
    assert told(called, "raised", "attempts", "by", "via") == ("no", 1, story.name, "desk")
    assert called["due_day"] > first["at"][:10]
    assert told(raised, "raised", "unit", "rating", "level") == ("yes", EAST, worse["id"], 1)
    assert (worse["level"], last["level"]) == (1, 5)
    kept = HOSTILE.replace("\r", "\n")
    assert told(asked, "category", "text", "answer", "unit") == ("inquiry", kept, None, STATION)
    assert told(answered, "id", "text", "answer") == (asked["id"], kept, "@答复")
    assert answered["by"] == story.name
    assert told(hidden, "case_number", "level") == ("A-2", 4)
    everything = exported(bureau).decode()
    assert not [one for one in ("张三", "13800138000", "138****", "张*") if one in everything]
    said = [{n: "" if v is None else str(v) for n, v in row.items()} for row in rows]
    content = exported(bureau, "csv")
    assert grid(content) == said
    cells = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert not [cell for row in cells for cell in row if cell[:1] in "=+-@\t\r" and cell]


def test_neither_a_report_nor_a_rating_at_a_counter_tells_who_it_was(
    bureau: Bureau, story: Staff
) -> None:
    report, answered, rated = lines(exported(bureau))[-3:]
    today = (utc_now() + timedelta(hours=8)).date().isoformat()
    for row in (report, answered):
        assert told(row, "category", "unit", "at") == ("report", EAST, today)
        nothing = told(row, "case_number", "party_role", "text", "answer", "officer", "step")
        assert set(nothing) == {None}
    assert report["due_day"] == answered["due_day"] > today
    assert report["id"] == answered["id"]
    assert told(rated, "counter", "level", "tags") == ("=1号窗口", 1, "long_wait unfriendly")
    assert told(rated, "unit", "at", "via", "case_number") == (STATION, today, "counter", None)
    # What was a report once tells nothing either, nor what is found to be one.
    issue = case(bureau, "A-3")
    for was, becomes in (("report", "inquiry"), ("inquiry", "report")):
        made = comment(bureau, issue, f"李明打人 {was}", was)
        with change(bureau.db, PARTY) as ongoing:
            comments.recategorise(bureau, ongoing, story, made, becomes)
        row = lines(exported(bureau))[-1]
        nothing = told(row, "case_number", "party_role", "text")
        assert (row["category"], set(nothing)) == (becomes, {None})


def test_a_file_is_continued_and_each_row_is_in_it_once(
    bureau: Bureau, story: Staff, tmp_path: Path
) -> None:
    # More entries than are looked at in one go, with rows where one stretch meets the next.
    issue = case(bureau, "A-3")
    for end in (1995, 3995):
        with change(bureau.db, PARTY) as ongoing:
            for _ in range(end - head(bureau.db).size):
                ongoing.record("staff.logged_in")
        for n in range(8):
            comment(bureau, issue, f"在吗 {end} {n}")
    assert len(lines(exported(bureau))) == 11 + 2 * 8
    for form in FORMS:
        file = tmp_path / form
        rows = len(lines(exported(bureau)))
        assert continue_file(bureau, form, Since(), file).rows == rows
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_bytes() == exported(bureau, form)
        assert continue_file(bureau, form, Since(), file).rows == 0
        comment(bureau, issue, f'"{form}\n')
        done = continue_file(bureau, form, Since(), file)
        assert done == Exported(1, head(bureau.db).size - 1)
        assert file.read_bytes() == exported(bureau, form)


def test_two_runs_take_turns(bureau: Bureau, story: Staff, tmp_path: Path) -> None:
    whole, file = exported(bureau), tmp_path / "out"

    def run() -> None:
        own = open_bureau(bureau.config)
        continue_file(own, "jsonl", Since(), file)
        own.db.close()

    second = threading.Thread(target=run)
    with file.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second.start()
        second.join(0.3)
        held.write(whole)
    second.join()
    assert file.read_bytes() == whole


def test_a_file_that_breaks_off_anywhere_is_made_whole(
    bureau: Bureau, story: Staff, tmp_path: Path
) -> None:
    file = tmp_path / "out"
    for form in FORMS:
        whole = exported(bureau, form)
        hostile = whole.index(b"=1+1")
        ends = [0, 1, 2, 9, *range(hostile - 3, hostile + 42), len(whole) - 2, len(whole) - 1]
        for broken in [*(whole[:end] for end in ends), whole + b'{"position": 1']:
            file.write_bytes(broken)
            continue_file(bureau, form, Since(), file)
            assert file.read_bytes() == whole, (form, broken[-60:])


def _write_until_killed(config: Config, form: Form, file: Path, size: int) -> None:
    bureau = open_bureau(config)
    head(bureau.db)
    # The kernel ends the process in the middle of the write that goes beyond.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    continue_file(bureau, form, Since(), file)


def test_a_run_that_is_killed_is_gone_on_with(bureau: Bureau, story: Staff, tmp_path: Path) -> None:
    whole, file = exported(bureau, "csv"), tmp_path / "out.csv"
    size = whole.index(b"=1+1") + 7
    process = get_context("spawn").Process(
        target=_write_until_killed, args=(bureau.config, "csv", file, size)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGXFSZ
    assert file.read_bytes() == whole[:size]
    continue_file(bureau, "csv", Since(), file)
    assert file.read_bytes() == whole


def test_while_others_write_each_row_goes_out_once(bureau: Bureau, tmp_path: Path) -> None:
    issues = [case(bureau, f"A-{n}") for n in range(4)]
    window, running = counter(bureau), threading.Barrier(5)

    def speak(issue: Record) -> None:
        own = open_bureau(bureau.config)
        running.wait()
        for n in range(12):
            rate(own, issue, "45"[n % 2])
            comment(own, issue, f"{n}\n")
            sent = counters.Rating("5", [], "", f"{issue['number']} {n}")
            counters.rate(own, window, sent, issue["number"], utc_now())
        own.db.close()

    threads = [threading.Thread(target=speak, args=(issue,)) for issue in issues]
    for thread in threads:
        thread.start()
    running.wait()
    files = {form: tmp_path / form for form in FORMS}
    piped: list[bytes] = []
    reached, runs = Since(), 0
    while any(thread.is_alive() for thread in threads) or runs < 2:
        for form, file in files.items():
            continue_file(bureau, form, Since(), file)
        reached = Since(export(bureau, "jsonl", reached, piped.append).position)
        runs += not any(thread.is_alive() for thread in threads)
    rows = lines(files["jsonl"].read_bytes())
    assert len(rows) == 4 * 12 * 3
    made = {(row["type"], row["id"]) for row in rows}
    assert made == {
        (kind, row["id"])
        for kind in ("rating", "comment", "counter_rating")
        for row in bureau.db.rows(f"SELECT id FROM {kind}")
    }
    positions = [row["position"] for row in rows]
    assert positions == sorted(set(positions))
    assert b"".join(piped) == files["jsonl"].read_bytes()
    assert [int(row["position"]) for row in grid(files["csv"].read_bytes())] == positions


def test_what_was_forgotten_does_not_go_out_again(
    bureau: Bureau, story: Staff, tmp_path: Path
) -> None:
    before, file = exported(bureau), tmp_path / "out"
    continue_file(bureau, "jsonl", Since(), file)
    later = utc_now() + timedelta(days=2000)
    closed = {"step": "filing", "at": days_ago(2), "outcome": "refused"}
    case(bureau, "A-1", milestones=[closed])
    assert purging.purge(bureau, PARTY, purging.due(bureau, later), later) == 1
    kept = {row["case_number"] for row in lines(exported(bureau))}
    assert kept == {"A-2", None}
    assert continue_file(bureau, "jsonl", Since(), file).rows == 0
    assert file.read_bytes() == before


@pytest.fixture
def run(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command, with its options."""
    app = site_of(bureau)
    monkeypatch.setenv("LANG", "en_US.UTF-8")

    def act(*options: object) -> Result:
        return app.test_cli_runner().invoke(args=["export-feedback", *map(str, options)])

    return act


def test_the_command_says_how_many_rows_and_how_far(
    bureau: Bureau, story: Staff, run: Callable[..., Result], tmp_path: Path
) -> None:
    last = head(bureau.db).size - 1
    said = "11 rows written, up to entry {} of the record.\n"
    piped = run()
    assert (piped.stdout_bytes, piped.stderr) == (exported(bureau, "csv"), said.format(last))
    file = tmp_path / "out"
    kept = run("--format", "jsonl", "--out", file)
    # That something was taken out is an entry too.
    assert (kept.stdout, kept.stderr) == (said.format(last + 1), "")
    assert file.read_bytes() == exported(bureau)
    assert run("--since", last, "--format", "jsonl").stdout_bytes == b""
    third = lines(exported(bureau))[2]["position"]
    assert len(lines(run("--since", third, "--format", "jsonl").stdout_bytes)) == 8
    today = utc_now() + timedelta(hours=8)
    for days, rows in ((0, 11), (1, 0)):
        day = (today + timedelta(days=days)).date().isoformat()
        assert len(grid(run("--since", day).stdout_bytes)) == rows


def test_what_cannot_be_continued_is_refused_and_left_as_it_is(
    bureau: Bureau, story: Staff, run: Callable[..., Result], tmp_path: Path
) -> None:
    mine, other = tmp_path / "mine.csv", tmp_path / "other.jsonl"
    run("--out", mine)
    run("--out", other, "--format", "jsonl")
    foreign = {
        "other form": other.read_bytes(),
        "notes": "我的笔记\n".encode(),
        "other columns": b"\xef\xbb\xbfposition,at\r\n1,2\r\n",
        "no position": mine.read_bytes() + b"x,y\r\n",
        "no end": b'\xef\xbb\xbf"position',
    }
    for name, content in foreign.items():
        file = tmp_path / name
        file.write_bytes(content)
        refused = run("--out", file)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "left as it is" in refused.stderr
        assert file.read_bytes() == content
    assert "not a jsonl file" in run("--out", mine, "--format", "jsonl").stderr
    ahead = mine.read_bytes() + b"99999,2026-11-22\r\n12"
    mine.write_bytes(ahead)
    assert "has no entry 99999" in run("--out", mine).stderr
    assert mine.read_bytes() == ahead
    assert "has no entry 20261101" in run("--since", "20261101").stderr
    assert "not a date" in run("--since", "gestern").stderr
    assert "No such file or directory" in run("--out", tmp_path / "no" / "where").stderr
    with Path("/dev/full").open("wb", 0) as full, pytest.raises(FileError, match="No space left"):
        export(bureau, "csv", Since(), full.write)
