"""Ready answers: of the own unit and those above, filled in for the case, counted when used."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from lookup.bureau import Bureau
from lookup.comments import comment, comments_of
from lookup.database import Record
from lookup.entries import said_entry
from lookup.errors import Conflict, Refused
from lookup.library import PLACEHOLDERS, offered, put_ready, retire_ready
from lookup.staff import Staff
from lookup.trail import Actor, change, verify
from tests.office import BUREAU, EAST, SISTER, STATION, Browser, at_work, hire
from tests.public_cases import days_ago, put, site_of

NUMBER = "A5101040120261120001"
ALL = " ".join(f"{{{name}}}" for name in PLACEHOLDERS)


def keep(bureau: Bureau, who: Staff, title: str, body: str, category: str = "", n: int = 0) -> int:
    """Add a ready answer of somebody's unit, or change the n-th; its id."""
    with change(bureau.db, who.actor) as ongoing:
        told = {"title": title, "body": body, "category": category}
        put_ready(bureau, ongoing, who, told, n)
    return int(bureau.db.rows("SELECT MAX(id) AS id FROM ready_answer")[0]["id"])


def titles(bureau: Bureau, unit: str, words: str = "", category: str = "") -> list[str]:
    return [row["title"] for row in offered(bureau.db, unit, words, category)]


def asked(bureau: Bureau, form: str = "form", category: str = "inquiry") -> int:
    """A comment on the case; its id."""
    issue = put(bureau, NUMBER, days_ago(1))
    with change(bureau.db, Actor("party", "web")) as ongoing:
        comment(bureau, ongoing, issue, "请问什么时候有结果？", form, category)
    return int(comments_of(bureau.db, issue["party_id"])[-1]["id"])


def typed_in(page: str) -> str:
    """The answer as it stands in the form."""
    found = re.search(r'<textarea id="answer-answer"[^>]*>\n(.*?)</textarea>', page, re.S)
    assert found
    return found[1]


def used(bureau: Bureau) -> dict[str, int]:
    rows: list[Record] = bureau.db.rows("SELECT title, used FROM ready_answer")
    return {row["title"]: row["used"] for row in rows}


def test_a_unit_is_offered_its_own_and_those_of_the_units_above_it(bureau: Bureau) -> None:
    for n, unit in enumerate((BUREAU, EAST, STATION, SISTER)):
        chief = hire(bureau, f"chief{n}", "supervisor", unit)
        keep(bureau, chief, unit, "请到{unit}领取Ｋ号物品", "complaint" if unit == EAST else "")
    assert titles(bureau, STATION) == [BUREAU, STATION, EAST]
    assert titles(bureau, STATION, category="complaint") == [EAST, BUREAU, STATION]
    assert titles(bureau, BUREAU) == [BUREAU] and titles(bureau, SISTER)[-1] == EAST
    assert titles(bureau, EAST, f"领取 k号 {EAST}") == [EAST]
    assert titles(bureau, EAST, "领取 归还") == []
    bureau.db.run("UPDATE ready_answer SET used = 3 WHERE title = :title", title=STATION)
    assert titles(bureau, STATION)[0] == STATION


def test_what_could_not_be_filled_in_is_refused_when_it_is_saved(bureau: Bureau) -> None:
    chief = hire(bureau, "chief", "supervisor")
    whole = {"title": "下一步", "body": "您好", "category": ""}
    for field, typed, says in (
        ("body", "您好{name}", "no placeholder “{name}”"),
        ("body", "{}", "no placeholder “{}”"),
        ("body", "{unit.__class__}", "unit.__class__"),
        ("body", " ", "write something"),
        ("body", "长" * 1001, "1 characters too long"),
        ("title", " ", "at most 60"),
        ("title", "长" * 61, "at most 60"),
        ("category", "gossip", "choose a category"),
    ):
        with (
            pytest.raises(Refused, match=re.escape(says)) as caught,
            change(bureau.db, chief.actor) as ongoing,
        ):
            put_ready(bureau, ongoing, chief, whole | {field: typed})
        assert caught.value.field == field and titles(bureau, STATION) == []


def test_a_ready_answer_is_found_filled_in_and_counted_once_it_is_sent(bureau: Bureau) -> None:
    one, chief = asked(bureau), hire(bureau, "chief", "supervisor")
    ready = keep(bureau, chief, "下一步", f"您好，{ALL} {{", "inquiry")
    english = keep(bureau, chief, "In English", "Next: {next}")
    foreign = keep(bureau, hire(bureau, "other", "supervisor", SISTER), "别家", "别家的答复")
    desk, page = at_work(bureau), f"/desk/comments/{one}"
    sought = desk.post(f"{page}/answer", seek="", words="没有这种", answer="写到一半")
    assert sought.status_code == 200 and "没有找到" in sought.text
    assert typed_in(sought.text) == "写到一半"
    taken = desk.post(f"{page}/answer", take=f"{ready}", words="下一", answer="写到一半")
    filled = typed_in(taken.text)
    assert filled.startswith(
        f"写到一半\n您好，{NUMBER} 锦江路派出所 028-55550101 李明 接报案 是否立案的决定，最迟"
    )
    assert filled.endswith(" daylight.example.cn {")
    assert f'name="ready" value="{ready}"' in taken.text and "autofocus" in taken.text
    more = desk.post(f"{page}/answer", take=f"{english}", ready=f"{ready}", answer="").text
    assert typed_in(more).startswith("Next: The decision whether to file a case, at the latest by ")
    # Nothing is counted, and nothing sent, before the answer is; and then only what is offered.
    for odd in ("9" * 30, "x", f"{foreign}"):
        assert typed_in(desk.post(f"{page}/answer", take=odd, answer="好").text) == "好"
    assert used(bureau) == {"下一步": 0, "In English": 0, "别家": 0}
    refs = [f"{ready}", f"{ready}", f"{foreign}", "9" * 30, "x", ""]
    refused = desk.post(f"{page}/answer", ready=refs, answer=" ")
    assert refused.status_code == 422 and f'name="ready" value="{ready}"' in refused.text
    assert desk.post(f"{page}/answer", ready=refs, answer=filled).status_code == 303
    assert used(bureau) == {"下一步": 1, "In English": 0, "别家": 0}
    assert desk.post(f"{page}/answer", ready=refs, answer=filled).status_code == 409
    assert used(bureau)["下一步"] == 1


def test_supervisors_keep_the_ready_answers_of_their_own_unit(bureau: Bureau) -> None:
    app = site_of(bureau)
    desk, chief = at_work(bureau, app=app), at_work(bureau, "supervisor", app=app)
    boss = at_work(bureau, "supervisor", EAST, app=app)
    library = "/desk/comments/library"
    told: dict[str, Any] = {
        "title": "领取物品",
        "body": "请带身份证到{unit}领取。",
        "category": "inquiry",
    }
    assert desk.post(library, **told).status_code == 403
    refused = chief.post(library, **told | {"body": "请到{where}领取"})
    assert refused.status_code == 422
    assert "没有“{where}”这个占位符" in refused.text and "请到{where}领取" in refused.text
    assert chief.post(library, **told).status_code == 303
    [row] = offered(bureau.db, STATION)
    for browser in (desk, chief):
        assert "请带身份证到{unit}领取。" in browser.get(f"{library}?q=领取").text
        assert "请带身份证" not in browser.get(f"{library}?q=归还").text
    assert f"change={row['id']}" in chief.get(library).text
    assert f"change={row['id']}" not in desk.get(library).text
    assert "请带身份证" not in boss.get(f"{library}?change={row['id']}").text
    # Another unit's is not theirs to change, nor one that is gone.
    for one in (row["id"], 4711):
        late = boss.post(f"{library}/{one}", **told | {"title": "改了"})
        assert late.status_code == 409 and 'value="改了"' in late.text
        assert boss.post(f"{library}/{one}/retire").status_code == 409
    assert chief.post(f"{library}/{'9' * 30}", **told).status_code == 404
    bureau.db.run("UPDATE ready_answer SET used = 7")
    assert 'value="领取物品"' in chief.get(f"{library}?change={row['id']}").text
    assert chief.post(f"{library}/{row['id']}", **told | {"title": "领物"}).status_code == 303
    [now] = offered(bureau.db, STATION)
    assert (now["title"], now["used"]) == ("领物", 7)
    assert chief.post(f"{library}/{row['id']}", **told).status_code == 409
    assert desk.post(f"{library}/{now['id']}/retire").status_code == 403
    assert chief.post(f"{library}/{now['id']}/retire").status_code == 303
    assert offered(bureau.db, STATION) == []
    rows = bureau.db.rows("SELECT * FROM trail_entry WHERE action LIKE 'ready%' ORDER BY position")
    assert [json.loads(one["detail"])["ready"] for one in rows] == [1, [1, 2], 2]
    assert "常用答复第 1 → 2 号" in said_entry(bureau, rows[1]).zh


def test_of_two_who_change_one_at_once_the_second_is_told(bureau: Bureau) -> None:
    chiefs = [hire(bureau, f"chief{n}", "supervisor", name=f"所长{n}") for n in range(2)]
    ready, start = keep(bureau, chiefs[0], "原来", "您好"), Barrier(2)

    def put_again(who: Staff) -> bool:
        start.wait()
        try:
            keep(bureau, who, who.name, "您好", n=ready)
            return True
        except Conflict:
            return False
        finally:
            bureau.db.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(put_again, chiefs)) == [False, True]
    assert len(titles(bureau, STATION)) == 1
    with pytest.raises(Conflict), change(bureau.db, chiefs[0].actor) as ongoing:
        retire_ready(ongoing, chiefs[0], ready)
    assert verify(bureau.db) == []


def test_whoever_may_not_answer_sees_no_library(bureau: Bureau) -> None:
    browser: Browser = at_work(bureau, "auditor", BUREAU)
    assert browser.get("/desk/comments/library").status_code == 403
    assert browser.post("/desk/comments/library", title="x", body="x").status_code == 403
