"""The file of a case at the desk: its milestones, extensions, details, and two at once."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.cases import require_case
from lookup.trail import change, verify
from lookup.withholding import ask_to_withhold
from tests.case_pages import CasePage, rows_of
from tests.office import STATION, WEST, Browser, at_work, browser_of, hire
from tests.public_cases import days_ago, issue_of, put, site_of

NUMBER = "A5101（2026）7"
FILED = {"step": "filing", "at": days_ago(4), "outcome": "filed"}
REFUSED = {"step": "filing", "at": days_ago(4), "outcome": "refused"}


@pytest.fixture
def desk(bureau: Bureau) -> Browser:
    """A desk officer at work at the station, 李明."""
    return at_work(bureau)


def steps(bureau: Bureau, number: str = NUMBER) -> dict[str, str]:
    return {row["step"]: row["outcome"] for row in rows_of(bureau, number, "milestone")}


def last_entry(bureau: Bureau, number: str = NUMBER) -> tuple[str, dict[str, object]]:
    row = bureau.db.row(
        """SELECT actor, detail FROM trail_entry WHERE case_number = :number
        ORDER BY position DESC LIMIT 1""",
        number=number,
    )
    assert row
    return row["actor"], json.loads(row["detail"])


def public_page(bureau: Bureau, number: str = NUMBER) -> str:
    return browser_of(site_of(bureau)).client.scan(bureau, issue_of(bureau, number)).text


def test_a_milestone_takes_a_choice_and_a_press_and_the_complainant_sees_it(
    bureau: Bureau, desk: Browser
) -> None:
    guardian = {"role": "guardian", "name": "周敏", "phone": "13900139000"}
    put(bureau, NUMBER, days_ago(2), parties=[guardian])
    page = CasePage(desk, NUMBER).open()
    assert page.form("milestones")["choice"] == "filing filed"
    assert page.form("milestones")["at"].startswith(beijing_day(datetime.now(UTC)).isoformat())
    assert "还有" in page.text or "今天到期" in page.text
    assert page.send("milestones").status_code == 303
    assert steps(bureau) == {"intake": "", "filing": "filed"}
    filing = next(row for row in rows_of(bureau, NUMBER, "milestone") if row["step"] == "filing")
    assert filing["via"] == "desk" and filing["visible_at"] == filing["entered_at"]
    assert rows_of(bureau, NUMBER, "clock")[0]["decided_day"] == filing["happened_day"]
    # Nobody without a name was added beside the guardian.
    assert [row["role"] for row in rows_of(bureau, NUMBER, "party")] == ["guardian"]
    actor, detail = last_entry(bureau)
    assert actor == f"李明 desk_officer.{STATION}" and "filing" in str(detail["milestones"])
    assert "按期完成" in page.text and "李明 desk_officer" in page.text
    assert "正在侦查" in public_page(bureau)
    assert verify(bureau.db) == []


def test_what_is_wrong_with_a_milestone_is_said_beside_its_field_and_nothing_is_lost(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(3))
    page = CasePage(desk, NUMBER).open()
    wrong = {
        ("filing filed", "2099-01-01 08:00"): "尚未发生",
        ("filing filed", days_ago(5)): "时间早于受案时间",
        ("filing filed", "昨天"): "不是有效的日期",
        ("filing filed", " "): "请填写时间",
        ("filing", days_ago(1)): "没有结果",
        ("filing lost", days_ago(1)): "没有“lost”这一结果",
        ("closure penalty", days_ago(1)): "请先记录它之前的节点",
        ("notice", days_ago(1)): "请先记录它之前的节点",
        ("intake", days_ago(1)): "已有记录",
        ("parole", days_ago(1)): "没有可以记录的节点“parole”",
        ("", days_ago(1)): "没有可以记录的节点",
    }
    for (choice, at), reason in wrong.items():
        answer = page.send("milestones", choice=choice, at=at)
        assert answer.status_code == 422, (choice, at)
        assert reason in answer.text, (choice, at)
        assert answer.text.count('aria-invalid="true"') in (1, 2)
        sent = page.form("milestones")
        assert sent["at"] == at and sent["choice"] in (choice, "filing filed")
    assert steps(bureau) == {"intake": ""}
    assert page.send("milestones", choice="filing filed", at=days_ago(1)).status_code == 303
    again = (
        CasePage(desk, NUMBER)
        .open()
        .send("milestones", drawn="milestones", choice="filing refused")
    )
    assert again.status_code == 422 and "如有误，请更正该节点" in again.text
    assert steps(bureau)["filing"] == "filed"


def test_the_service_of_a_refusal_is_offered_first_and_dates_the_remedy(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(5), [REFUSED])
    assert "收到不予立案通知书后七日以内" in public_page(bureau)
    page = CasePage(desk, NUMBER).open()
    assert page.form("milestones")["choice"] == "notice"
    assert "不予立案通知书的送达，最迟" in page.text
    assert page.send("milestones", at=days_ago(1)).status_code == 303
    assert steps(bureau)["notice"] == ""
    assert "最迟应在" in public_page(bureau)


def test_a_withheld_case_is_open_to_staff_and_what_they_record_stays_hidden(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(2), withheld_reason="minor")
    page = CasePage(desk, NUMBER).open()
    assert "不予公开：未成年人" in page.text and "待批准" not in page.text
    assert page.send("milestones").status_code == 303
    assert all(row["visible_at"] is None for row in rows_of(bureau, NUMBER, "milestone"))
    assert page.text.count("未显示") == 2 and "公开超期" not in page.text
    assert "正在侦查" not in public_page(bureau)
    put(bureau, "pending", days_ago(20))
    case = require_case(bureau.db, "pending")
    with change(bureau.db, hire(bureau, "zhou", "supervisor", name="周敏").actor) as ongoing:
        ask_to_withhold(ongoing, case, "privacy")
    assert "（待批准）" in CasePage(desk, "pending").open().text


def test_only_those_who_may_write_and_are_within_reach_can_change_a_case(bureau: Bureau) -> None:
    put(bureau, NUMBER, days_ago(5), [FILED])
    forms = ("milestones", "extensions", "corrections", "taken-back", "details")
    expected = {
        "auditor": (200, 403),
        "callback_officer": (200, 403),
        "administrator": (403, 403),
    }
    for role, (seeing, sending) in expected.items():
        browser = at_work(bureau, role)
        shown = browser.get(f"/desk/cases/{NUMBER}?correct=filing")
        assert shown.status_code == seeing
        assert 'name="seen"' not in shown.text
        for form in forms:
            assert browser.post(f"/desk/cases/{NUMBER}/{form}").status_code == sending, (role, form)
    stranger = at_work(bureau, "supervisor", WEST)
    assert stranger.get(f"/desk/cases/{NUMBER}").status_code == 404
    for form in forms:
        assert stranger.post(f"/desk/cases/{NUMBER}/{form}", step="filing").status_code == 404
        assert stranger.get(f"/desk/cases/{NUMBER}/{form}").status_code == 405
        assert stranger.post("/desk/cases/nothing/" + form).status_code == 404
    nobody = browser_of(site_of(bureau))
    assert nobody.get(f"/desk/cases/{NUMBER}").location.startswith("/login?next=")
    carried = nobody.post(f"/desk/cases/{NUMBER}/milestones", at="昨天", choice="filing filed")
    assert carried.status_code == 401 and 'value="昨天"' in carried.text
    assert at_work(bureau).post(f"/desk/cases/{NUMBER}/milestones", csrf=False).status_code == 400
    assert steps(bureau) == {"intake": "", "filing": "filed"}


def test_the_second_of_two_is_shown_what_changed_and_loses_nothing(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(5), [REFUSED])
    other = at_work(bureau, "supervisor")
    first, second = CasePage(desk, NUMBER).open(), CasePage(other, NUMBER).open()
    assert first.send("milestones", at=days_ago(2)).status_code == 303
    answer = second.send("milestones", at=days_ago(1))
    assert answer.status_code == 409
    assert (
        "本案已有变动" in answer.text and f"李明 desk_officer.{STATION} — 记录节点" in answer.text
    )
    assert second.form("milestones") | {"seen": "", "csrf_token": ""} == {
        "choice": "notice",
        "at": days_ago(1),
        "seen": "",
        "csrf_token": "",
    }
    assert second.send("milestones").status_code == 422
    assert "已有记录" in second.text
    notice = next(row for row in rows_of(bureau, NUMBER, "milestone") if row["step"] == "notice")
    assert notice["happened_day"] == days_ago(2)[:10]
    # A form without its mark has seen nothing.
    for mark in ("", "x", "-5", "99999999999999999999999"):
        assert second.send("milestones", seen=mark).status_code == 409
    # What the parties say, and reading, is no change.

    page = CasePage(desk, NUMBER).open()
    public_page(bureau)
    assert page.send("details", remark="当事人已看过").status_code == 303


def test_what_she_did_not_touch_is_not_turned_back_by_the_second(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(5))
    first, second = CasePage(desk, NUMBER).open(), CasePage(desk, NUMBER).open()
    assert first.send("details", officer="王芳", badge="510777").status_code == 303
    assert second.send("details", remark="请打座机").status_code == 409
    assert second.form("details")["remark"] == "请打座机"
    assert second.form("details")["officer"] == second.form("details")["was_officer"] == "王芳"
    assert second.send("details").status_code == 303
    case = require_case(bureau.db, NUMBER)
    assert (case["officer"], case["badge"], case["remark"]) == ("王芳", "510777", "请打座机")


def test_the_details_follow_the_rules_of_every_way_in(bureau: Bureau, desk: Browser) -> None:
    put(bureau, NUMBER, days_ago(5), [FILED], reported_at=days_ago(5), channel="110")
    page = CasePage(desk, NUMBER).open()
    unchanged = page.send("details")
    assert unchanged.status_code == 303 and require_case(bureau.db, NUMBER)["version"] == 1
    blank = page.send("details", name="", officer="", reported_at="")
    assert blank.status_code == 303 and require_case(bureau.db, NUMBER)["officer"] == "李明"
    for typed, reason in (
        ({"reported_at": days_ago(3)}, "受案时间早于报案时间"),
        ({"reported_at": "2099-01-01"}, "尚未发生"),
        ({"kind": "theft"}, "未配置"),
        ({"unit": "000"}, "不存在"),
        ({"name": "长" * 201}, "内容过长"),
    ):
        answer = page.send("details", **typed)
        assert answer.status_code == 422 and reason in answer.text, typed
        field = next(iter(typed))
        assert page.form("details")[field] == typed[field]
        page.open()
    right = {"reported_at": days_ago(6), "kind": "administrative", "channel": "online"}
    assert page.send("details", **right).status_code == 303
    clocks = {row["step"]: row["days"] for row in rows_of(bureau, NUMBER, "clock")}
    assert clocks == {"filing": 0, "closure": 30}
    # By hand: the case system's word does not undo it.
    put(bureau, NUMBER, days_ago(5), [FILED], reported_at=days_ago(5), channel="110")
    case = require_case(bureau.db, NUMBER)
    assert (case["kind"], case["channel"]) == ("administrative", "online")
    assert case["reported_day"] == days_ago(6)[:10]


def test_a_case_moved_away_is_out_of_reach(bureau: Bureau, desk: Browser) -> None:
    put(bureau, NUMBER, days_ago(5))
    moved = CasePage(desk, NUMBER).open().send("details", unit=WEST)
    assert moved.status_code == 422 and "那里的主办民警" in moved.text
    assert require_case(bureau.db, NUMBER)["unit"] == STATION
    moved = CasePage(desk, NUMBER).open().send("details", unit=WEST, officer="待定")
    assert moved.status_code == 303 and moved.location == "/desk/"
    assert desk.get(f"/desk/cases/{NUMBER}").status_code == 404
    assert "青羊宫派出所" in CasePage(at_work(bureau, "desk_officer", WEST), NUMBER).open().text


def test_an_extension_says_who_approved_it_and_why(bureau: Bureau, desk: Browser) -> None:
    put(bureau, NUMBER, days_ago(2), officer="王强")
    page = CasePage(desk, NUMBER).open()
    assert page.form("extensions")["choice"] == "filing 7"
    right = {"approved_by": "陈局长", "why": "线索需要核查"}
    for typed, reason in (
        ({"approved_by": ""}, "请填写批准人"),
        ({"approved_by": "李明"}, "主办民警或录入人"),
        ({"approved_by": "王强 "}, "主办民警或录入人"),
        ({"why": "  "}, "请填写原因"),
        ({"choice": "filing 8"}, "允许的总天数"),
        ({"choice": "filing"}, "请选择期限"),
        ({"choice": "closure 60"}, "不能延长"),
    ):
        answer = page.send("extensions", **right | typed)
        assert answer.status_code == 422 and reason in answer.text, typed
        assert rows_of(bureau, NUMBER, "extension") == []
    assert page.send("extensions", **right | {"choice": "filing 7"}).status_code == 303
    (clock,), (extension,) = rows_of(bureau, NUMBER, "clock"), rows_of(bureau, NUMBER, "extension")
    assert (clock["days"], clock["extended"]) == (7, 1)
    assert (extension["approved_by"], extension["reason"]) == ("陈局长", "线索需要核查")
    assert "延长至共7天，批准人 陈局长，原因：线索需要核查" in page.text
    assert "批准人：陈局长" in public_page(bureau) and "线索" not in public_page(bureau)
    page.open()
    assert page.form("extensions")["choice"] == "filing 30"
    stale = CasePage(desk, NUMBER).open()
    assert page.send("milestones").status_code == 303
    assert not page.offers("extensions")
    assert stale.send("extensions", **right).status_code == 409
    assert stale.form("extensions")["why"] == "线索需要核查"
    assert stale.send("extensions").status_code == 422
    assert "这一步已经完成" in stale.text


def test_fifty_at_once_lose_nothing_and_double_nothing(bureau: Bureau, desk: Browser) -> None:
    numbers = [f"case-{n}" for n in range(50)]
    for number in (NUMBER, *numbers):
        put(bureau, number, days_ago(2))
    shared = [CasePage(desk, NUMBER).open()] * 50
    pages = [CasePage(desk, number).open() for number in numbers] + shared
    sent = [(page.number, page.form("milestones")) for page in pages]
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda one: _post(bureau, desk, *one), sent))
    assert found[:50] == [303] * 50
    assert sorted(found[50:]) == [303] + [409] * 49
    done = bureau.db.rows("SELECT case_id FROM milestone WHERE step = 'filing'")
    told = bureau.db.rows("SELECT case_number FROM trail_entry WHERE action = 'milestone.recorded'")
    assert len(done) == len({row["case_id"] for row in done}) == 51
    assert sorted(row["case_number"] for row in told) == sorted((NUMBER, *numbers))
    assert verify(bureau.db) == []


def _post(bureau: Bureau, desk: Browser, number: str, form: dict[str, str]) -> int:
    """Send a form from another window of the same browser."""
    window, site = browser_of(desk.client.application).client, bureau.config.host
    cookie = desk.client.get_cookie("__Host-staff", site)
    assert cookie
    window.set_cookie(cookie.key, cookie.value, domain=site)
    status = window.post(f"/desk/cases/{number}/milestones", data=form).status_code
    bureau.db.close()
    return status


def test_no_ending_is_chosen_beforehand(bureau: Bureau) -> None:
    put(bureau, "A1", days_ago(5))
    put(bureau, "A2", days_ago(5), [{"step": "filing", "at": days_ago(4), "outcome": "filed"}])
    desk = at_work(bureau)
    chosen = [
        re.findall(r'<option value="([^"]*)" selected>', desk.get(f"/desk/cases/{number}").text)
        for number in ("A1", "A2")
    ]
    assert "filing filed" in chosen[0]
    assert not any(one.startswith("closure") for one in chosen[1])
    assert desk.post("/desk/cases/A2/milestones", seen="99", choice="", at="").status_code == 422
