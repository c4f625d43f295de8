"""The record as those who answer for it search it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from lookup import trail
from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.staff import change_staff, require_staff
from lookup.trail import Actor, change
from tests.office import BUREAU, EAST, SISTER, STATION, WEST, Browser, at_work, hire
from tests.public_cases import days_ago, put

_ROW = re.compile(r'<tr>\s*<td class="nowrap">(\d+)</td>.*?</tr>', re.S)
CLERK = Actor("test", "command")


def shown(browser: Browser, **asked: Any) -> list[str]:
    """The rows of a search."""
    answer = browser.get("/desk/record", query_string=asked)
    assert answer.status_code == 200
    return [found[0] for found in _ROW.finditer(answer.text)]


def positions(rows: list[str]) -> list[int]:
    return [int(_ROW.findall(row)[0]) for row in rows]


def act(bureau: Bureau, actor: str, number: str = "", days: int = 0, times: int = 1) -> None:
    """Entries of somebody at the desk, some days ago."""
    now = datetime.now(UTC) - timedelta(days)
    for _ in range(times):
        with change(bureau.db, Actor(actor, "desk"), now) as ongoing:
            ongoing.record("receipt.handed_over", number, issue=1)


@pytest.fixture
def root(bureau: Bureau) -> Browser:
    return at_work(bureau, "auditor", BUREAU)


def test_the_record_is_searched_by_person_action_case_and_day(
    bureau: Bureau, root: Browser
) -> None:
    hire(bureau, "wang", "desk_officer", STATION, name="王芳")
    put(bureau, "A1", days_ago(3))
    put(bureau, "A（2）", days_ago(3))
    act(bureau, "王芳 wang", "A1", days=9)
    act(bureau, "王芳 wang", "A（2）")
    everything = shown(root)
    assert positions(everything) == sorted(positions(everything), reverse=True)
    assert len(everything) == trail.head(bureau.db).size
    for who in ("王芳", "WANG", "王芳 wang"):
        assert len(shown(root, who=who)) == 2
    assert shown(root, who="nobody") == []
    assert len(shown(root, who="test", action="receipt.issued")) == 2
    assert len(shown(root, number="a1")) == 3  # registered, issued, handed over
    [entry] = shown(root, number=" a(2) ", who="wang", action="receipt.handed_over")
    assert "交付回执：第 1 次制作" in entry and "工作台" in entry
    assert f'href="/desk/cases/{quote("A（2）")}"' in entry
    today = beijing_day(datetime.now(UTC))
    then = {"from": str(today - timedelta(9)), "to": str(today - timedelta(9))}
    assert len(shown(root, **then)) == 1
    assert shown(root, **{"from": str(today + timedelta(1))}) == []
    assert len(shown(root, **{"from": then["from"]}, who="wang")) == 2


def test_somebody_is_found_under_a_former_name(bureau: Bureau, root: Browser) -> None:
    hire(bureau, "wang", "desk_officer", STATION, name="王芳")
    act(bureau, "王芳 wang")
    with change(bureau.db, CLERK) as ongoing:
        one = require_staff(bureau.db, BUREAU, "wang")
        change_staff(ongoing, one, "李芳", "desk_officer", STATION)
    act(bureau, "李芳 wang")
    assert len(shown(root, who="wang")) == 2


def test_pages_follow_each_other_without_a_gap(bureau: Bureau, root: Browser) -> None:
    act(bureau, "王芳 wang", times=120)
    everything, pages = trail.head(bureau.db).size, []
    link: str | None = "/desk/record"
    while link:
        answer = root.get(link)
        pages.append([int(one) for one in _ROW.findall(answer.text)])
        act(bureau, "王芳 wang")  # what comes meanwhile moves nothing
        older = re.search(r'href="(\?[^"]*)"[^>]*rel="next"', answer.text)
        link = f"/desk/record{older[1]}" if older else None
    assert [len(page) for page in pages] == [50, 50, everything - 100]
    assert [one for page in pages for one in page] == list(range(everything - 1, -1, -1))
    assert "最新" in answer.text


def test_only_what_is_within_reach_is_shown(bureau: Bureau, root: Browser) -> None:
    auditors = {unit: at_work(bureau, "auditor", unit) for unit in (EAST, STATION, WEST)}
    for login, unit in (("own", STATION), ("sister", SISTER), ("west", WEST)):
        hire(bureau, login, "desk_officer", unit, name="王芳")
    put(bureau, "A1", days_ago(3))
    put(bureau, "A2", days_ago(3), unit=WEST)
    entries = [("own", "A1"), ("west", "A1"), ("own", "A2"), ("west", "A2"), ("sister", "")]
    for login, number in entries:
        act(bureau, f"王芳 {login}", number)
    # A program may bear any name; only staff are known by theirs.
    with change(bureau.db, Actor("王芳 own", "api")) as ongoing:
        ongoing.record("case.changed", "A2", officer=["", "x"])

    def seen(browser: Browser) -> set[tuple[str, str]]:
        rows = shown(browser, who="王芳")
        found = [re.search(r"王芳 (\w+).*?(A\d|</tr>)", row, re.S) for row in rows]
        return {(one[1], one[2].replace("</tr>", "")) for one in found if one}

    assert seen(root) == set(entries)
    assert seen(auditors[EAST]) == set(entries) - {("west", "A2")}
    assert seen(auditors[STATION]) == {("own", "A1"), ("own", "A2"), ("west", "A1")}
    assert seen(auditors[WEST]) == {("west", "A1"), ("west", "A2"), ("own", "A2")}
    assert len(shown(auditors[STATION], number="A1", action="receipt.handed_over")) == 2
    [beyond] = [row for row in shown(auditors[STATION], number="A2")]
    assert "<a " not in beyond
    assert len(shown(root, action="case.changed")) == 1
    assert shown(auditors[STATION], action="case.changed") == []
    with change(bureau.db, Actor("王芳 own", "upload")) as ongoing:
        ongoing.record("register.imported", file="十一月.csv")
    found = [len(shown(auditors[unit], action="register.imported")) for unit in (STATION, WEST)]
    assert found == [1, 0]


def test_the_head_is_for_who_sees_everything(bureau: Bureau, root: Browser) -> None:
    head = trail.head(bureau.db)
    text = root.get("/desk/record").text
    assert head.root in text and f"共 {head.size} 条" in text and "flask verify-trail" in text
    assert trail.head(bureau.db) == head  # looking leaves no entry
    station = at_work(bureau, "supervisor", STATION).get("/desk/record").text
    assert "flask verify-trail" not in station


def test_odd_searches_break_nothing(bureau: Bureau, root: Browser) -> None:
    act(bureau, "<script>x</script>", days=1)
    assert "&lt;script&gt;x&lt;/script&gt;" in root.get("/desk/record").text
    answer = root.get("/desk/record", query_string={"from": "soon", "who": '"><script>'})
    assert answer.status_code == 422
    assert 'aria-describedby="from-error"' in answer.text and "不是有效的日期" in answer.text
    assert "<script>" not in answer.text.partition("<main>")[2]
    for odd in (
        {"before": "x"},
        {"before": "9" * 30},
        {"before": "-1"},
        {"before": "-" + "9" * 30},
        {"action": "'"},
        {"a": "b"},
    ):
        assert root.get("/desk/record", query_string=odd).status_code == 200
    assert root.get("/desk/record?who=%00").status_code == 422
    assert root.post("/desk/record").status_code == 405


@pytest.mark.parametrize("role", ["desk_officer", "callback_officer", "administrator"])
def test_nobody_else_reads_the_record(bureau: Bureau, role: str) -> None:
    assert at_work(bureau, role, BUREAU).get("/desk/record").status_code == 403


def test_an_entry_altered_or_removed_by_hand_is_marked_where_it_stood(
    bureau: Bureau, root: Browser
) -> None:
    act(bureau, "王芳 wang", times=9)
    page = root.get("/desk/record").text
    assert "被人改动" not in page and "被人删去" not in page
    last = trail.head(bureau.db).size - 1
    for column, position in (("at", last - 1), ("detail", last - 2)):
        bureau.db.run(
            f"UPDATE trail_entry SET {column} = '2020-01-01T00:00:00.000Z' WHERE position = :one",
            one=position,
        )
    removed = {"one": last - 4, "two": last - 5}
    bureau.db.run("DELETE FROM trail_entry WHERE position IN (:one, :two)", **removed)
    page = root.get("/desk/record").text
    assert page.count("此条记下之后被人改动过") == 2
    assert page.count("这里缺 2 条") == 1
    # Among what was searched for, positions leave gaps.
    assert "这里缺" not in root.get("/desk/record?who=王芳").text
