"""The parts of a case's file at the desk: people, seized property, materials, the preview."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lookup.beijing import Moment, beijing_day
from lookup.bodies import Bounds, read_case
from lookup.bureau import Bureau
from lookup.cases import AsOf, Put, put_case, require_case
from lookup.entries import entries_of, said_entry
from lookup.issues import live_issue
from lookup.parties import parties_of
from lookup.purging import due, purge
from lookup.trail import change, verify
from lookup.units import unit_codes
from tests.case_pages import CasePage, rows_of
from tests.office import EAST, STATION, WEST, Browser, at_work
from tests.public_cases import CLERK, ask_for, days_ago, form_in, issue_of, put, site_of

NUMBER = "A5101（2026）9"
TODAY = beijing_day(datetime.now(UTC))
PHONE, CASH = (
    {"name": "手机", "quantity": 1, "unit": "部", "measure": "扣押", "status": "保管中"},
    {"name": "现金", "quantity": 3200, "unit": "元", "measure": "扣押", "status": "保管中"},
)
ZHANG, LI = (
    {"role": "complainant", "name": "张三", "phone": "13800138000"},
    {"role": "complainant", "name": "李四", "phone": "13900139000"},
)


@pytest.fixture
def desk(bureau: Bureau) -> Browser:
    """A desk officer at work at the station."""
    return at_work(bureau)


def day(ago: int) -> str:
    return (TODAY - timedelta(days=ago)).isoformat()


def told(bureau: Bureau, **more: Any) -> Put:
    """The next hand-in of the case system."""
    now = datetime.now(UTC)
    body = {"number": NUMBER, "kind": "criminal", "unit": STATION, "taken_in_at": days_ago(5)}
    bounds = Bounds(bureau.kinds, unit_codes(bureau.db), Moment.of(now))
    with change(bureau.db, CLERK, now) as ongoing:
        return put_case(bureau, ongoing, read_case(body | more, bounds), AsOf(now))


def people(bureau: Bureau) -> list[tuple[str, str, str]]:
    """Name, phone and end of the identity number of the parties as they are on file."""
    opened, case = bureau.seals.open, require_case(bureau.db, NUMBER)
    return [
        (opened(row["name_sealed"]), opened(row["phone_sealed"]), opened(row["id_last4_sealed"]))
        for row in parties_of(bureau.db, case["id"])
    ]


def ids(bureau: Bureau) -> list[int]:
    return sorted(row["id"] for row in rows_of(bureau, NUMBER, "party"))


def things(bureau: Bureau) -> list[list[str | None]]:
    """Name, state and its day, place and its day of what the case holds, in order."""
    shown = ("name", "status", "status_day", "place", "place_day")
    rows = sorted(rows_of(bureau, NUMBER, "property"), key=lambda row: row["position"])
    return [[row[name] for name in shown] for row in rows]


def record(bureau: Bureau) -> list[tuple[str, dict[str, Any]]]:
    """The record of the case, the latest first."""
    rows = entries_of(bureau.db, NUMBER)
    assert all(said_entry(bureau, row).zh for row in rows)
    return [(row["action"], json.loads(row["detail"])) for row in rows]


# People


def test_a_second_complainant_is_added_beside_the_first_and_gets_a_receipt_of_his_own(
    bureau: Bureau, desk: Browser
) -> None:
    first = put(bureau, NUMBER, days_ago(5))
    page = CasePage(desk, NUMBER).open()
    refused = page.send("parties", name="李四", phone="1390013", id_last4="12")
    assert refused.status_code == 422 and "“1390013”位数或格式不对" in page.text
    assert page.text.count('aria-invalid="true"') == 2 and 'value="李四"' in page.text
    assert page.send("parties", name=" ", phone="", id_last4="").status_code == 422
    assert "请填写姓名或电话" in page.text and people(bureau) == [("张三", "13800138000", "")]
    added = page.send("parties", name="李四", phone="139 0013 9000", id_last4="123x")
    assert added.status_code == 303
    assert people(bureau) == [("张三", "13800138000", ""), ("李四", "13900139000", "123X")]
    assert "李*" in page.text and "139****9000" in page.text and "13900139000" not in page.text
    assert record(bureau)[0] == (
        "case.changed",
        {"parties": [{"added": "complainant", "name": "李*"}]},
    )
    second = issue_of(bureau, NUMBER, 1)
    assert second["ordinal"] == first["ordinal"] == 1
    assert "李*" in site_of(bureau).test_client().scan(bureau, second).text  # type: ignore[attr-defined]


def test_a_correction_hits_the_person_meant_and_the_next_register_does_not_undo_it(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(5), parties=[ZHANG, LI])
    first, second = ids(bureau)
    page = CasePage(desk, NUMBER).open(f"?party={second}")
    assert page.send("parties", party=str(second), name="李思", id_last4="4321").status_code == 303
    corrected = [("张三", "13800138000", ""), ("李思", "13900139000", "4321")]
    assert people(bureau) == corrected
    _, detail = record(bureau)[0]
    assert detail["parties"] == [{"name": "李*", "was": "李*"}, {"id_last4": "****", "was": ""}]
    # Called by the old name, in whatever order and with or without a phone, she stays who she is.
    for parties in ([ZHANG, LI], [LI, ZHANG], [ZHANG, {"role": "complainant", "name": "李四"}]):
        again = told(bureau, parties=parties)
        assert again.result == "unchanged"
        assert [warning.field for warning in again.warnings] == ["parties.complainant.name"]
    # What nobody entered by hand, the case system may still correct.
    assert told(bureau, parties=[ZHANG | {"phone": "13700137000"}, LI]).result == "changed"
    assert people(bureau) == [("张三", "13700137000", ""), corrected[1]]
    assert page.open().send("parties", party=str(first), phone="13600136000").status_code == 303
    assert told(bureau, parties=[ZHANG, LI]).result == "unchanged"
    assert [phone for _, phone, _ in people(bureau)] == ["13600136000", "13900139000"]
    for nobody in ("999999", "9" * 30):
        assert page.open().send("parties", party=nobody, name="某人").status_code == 404
        assert desk.get(f"/desk/cases/{NUMBER}/as/{nobody}").status_code == 404
        assert desk.post(f"/desk/cases/{NUMBER}/parties/{nobody}/open").status_code == 404


def test_the_one_person_of_a_register_is_not_taken_for_somebody_the_desk_added(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(5))
    page = CasePage(desk, NUMBER).open()
    page.send("parties", name="李四", phone="13900139000")
    assert told(bureau, parties=[ZHANG | {"name": "张珊"}]).result == "changed"
    assert told(bureau, parties=[LI | {"phone": "13900139009"}]).result == "unchanged"
    assert [name for name, *_ in people(bureau)] == ["张珊", "李四"]
    # Corrected here, told by its old name and with a bare day of intake: still the one matter.
    bureau.db.run("UPDATE cases SET intake_at = NULL")
    page.open().send("parties", party=str(ids(bureau)[0]), name="章珊", phone="13500135000")
    again = told(bureau, parties=[ZHANG | {"name": "张珊"}], taken_in_at=days_ago(5)[:10])
    assert again.result == "unchanged" and len(again.warnings) == 2
    assert people(bureau)[0][:2] == ("章珊", "13500135000") and len(people(bureau)) == 2


def test_opening_personal_data_is_recorded_and_shown_on_that_answer_alone(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(5), parties=[ZHANG | {"id_last4": "4321"}, LI])
    page = CasePage(desk, NUMBER).open()
    seen = page.form("milestones")["seen"]
    (first, _) = ids(bureau)
    opened = page.send(f"parties/{first}/open", "open")
    assert opened.status_code == 200 and opened.headers["Cache-Control"] == "no-store"
    assert all(shown in opened.text for shown in ("张三", "13800138000", "4321"))
    assert "13900139000" not in opened.text
    assert record(bureau)[0] == ("person.opened", {"party": first, "role": "complainant"})
    assert "13800138000" not in page.open().text
    # Looking is no change that overtakes anybody.
    assert page.form("milestones")["seen"] == seen
    auditor = at_work(bureau, "auditor")
    assert not CasePage(auditor, NUMBER).open().offers("open")
    assert auditor.post(f"/desk/cases/{NUMBER}/parties/{first}/open").status_code == 403
    assert page.browser.post(f"/desk/cases/{NUMBER}/parties/999/open").status_code == 404


def test_people_who_were_forgotten_show_as_such_and_nobody_is_added_to_them(
    bureau: Bureau, desk: Browser
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=4000)
    moment = Moment.of(long_ago).day_text
    closed = {"step": "filing", "at": moment, "outcome": "refused"}
    put(bureau, NUMBER, moment, [closed], now=long_ago + timedelta(days=1))
    page = CasePage(desk, NUMBER).open()
    assert page.send("parties", party=str(ids(bureau)[0]), name="章三").status_code == 303
    now = datetime.now(UTC)
    assert purge(bureau, CLERK, due(bureau, now), now) == 1
    (party,) = rows_of(bureau, NUMBER, "party")
    assert {party[name] for name in party if name.endswith(("_sealed", "_found"))} == {""}
    assert "按期清除" in page.open().text
    assert not any(map(page.offers, ("open", "parties", "property", "materials", "withholding")))
    refused = desk.post(f"/desk/cases/{NUMBER}/parties", seen="9999", role="victim", name="王五")
    assert refused.status_code == 409 and len(people(bureau)) == 1


# Property


def test_property_is_taken_in_moved_and_returned_each_on_its_day(
    bureau: Bureau, desk: Browser
) -> None:
    issue = put(bureau, NUMBER, days_ago(5), property=[PHONE])
    page = CasePage(desk, NUMBER).open()
    wrong = page.send("property", do="add", name="", quantity="两", place="二号库", day=day(3))
    assert wrong.status_code == 422 and page.text.count('aria-invalid="true"') == 2
    assert 'value="二号库"' in page.text and 'value="两"' in page.text
    new = {"do": "add", "name": "现金", "quantity": "3200", "unit": "元", "place": "二号库"}
    assert page.send("property", **new, day=day(3)).status_code == 303
    assert things(bureau)[1] == ["现金", "kept", day(3), "二号库", day(3)]
    _, cash = sorted(str(row["id"]) for row in rows_of(bureau, NUMBER, "property"))

    def send(do: str, on: str, **fields: str) -> int:
        page.open(f"?thing={cash}")
        return page.send("property", do=do, thing=cash, day=on, **fields).status_code

    assert send("move", day(-1), place="三号库") == 422 and "不能晚于今天" in page.text
    assert 'value="三号库"' in page.text
    assert send("move", "昨天", place="三号库") == 422 and "不是有效的日期" in page.text
    assert send("move", day(4), place="三号库") == 422 and f"不能早于 {day(3)}" in page.text
    assert send("move", day(2), place=" ") == 422
    assert send("move", day(2), place="三号库") == 303
    assert send("settle", day(3), status="returned") == 422 and f"不能早于 {day(2)}" in page.text
    assert send("settle", day(1), status="lost") == 422
    assert send("settle", day(0), status="returned") == 303
    assert send("settle", day(1), status="returned") == 303
    assert send("move", day(0), place="四号库") == 422 and "已不在保管中" in page.text
    assert things(bureau) == [
        ["手机", "kept", None, "", None],
        ["现金", "returned", day(1), "三号库", day(2)],
    ]
    said = [entry for entry in record(bureau) if entry[0].startswith("property.")]
    assert said[0] == ("property.settled", {"thing": "现金 3200元", "status_day": [day(0), day(1)]})
    assert said[1][1]["status"] == ["kept", "returned"]
    assert said[2][1]["place"] == ["二号库", "三号库"]
    shown = site_of(bureau).test_client().scan(bureau, issue).text  # type: ignore[attr-defined]
    assert "已发还" in shown and "三号库" in shown
    cash = "9" * 30
    assert page.open().send("property", do="settle", thing=cash, day=day(0)).status_code == 404
    assert desk.post(f"/desk/cases/{NUMBER}/property", do="move").status_code == 409
    assert verify(bureau.db) == []


def test_what_the_desk_says_of_property_stands_against_the_next_register(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(5), property=[PHONE, CASH])
    page = CasePage(desk, NUMBER).open()
    phone, cash = sorted(str(row["id"]) for row in rows_of(bureau, NUMBER, "property"))
    page.send("property", do="settle", thing=phone, status="returned", day=day(1))
    page.send("property", do="move", thing=cash, place="三号库", day=day(2))
    page.send("property", do="add", name="钥匙", quantity="2", unit="把", place="", day=day(1))
    here = things(bureau)
    assert told(bureau, property=[PHONE, CASH]).result == "unchanged"
    car = PHONE | {"name": "汽车", "unit": "辆"}
    again = told(bureau, property=[car, PHONE, CASH])
    assert again.result == "changed"
    assert [warning.field for warning in again.warnings] == ["property.手机|1|部"]
    assert things(bureau) == [["汽车", "kept", None, "", None], *here]
    # The list is kept anew by then, so a form drawn before finds the case changed.
    assert page.send("property", do="move", thing=cash, place="四号库").status_code == 409


# Materials


def test_materials_are_ticked_off_corrected_taken_back_and_added_later(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(5))
    ask_for(bureau, NUMBER, ["身份证复印件", "购物发票", "照片"], [])
    page = CasePage(desk, NUMBER).open()

    def received() -> dict[str, str | None]:
        return {row["name"]: row["received_day"] for row in rows_of(bureau, NUMBER, "material")}

    def send(do: str, *names: str, on: str = "") -> int:
        seen = page.open().form("materials")["seen"]
        path, sent = f"/desk/cases/{NUMBER}/materials", list(names)
        answer = desk.post(path, do=do, name=sent, day=on, seen=seen)
        page.text = answer.text
        return answer.status_code

    assert page.form("materials")["day"] == TODAY.isoformat()
    assert send("receive", "照片", on=day(-1)) == 422 and "不能晚于今天" in page.text
    assert f'value="{day(-1)}"' in page.text
    assert send("receive", on=day(0)) == 422 and "请先勾选" in page.text
    assert send("receive", "身份证复印件", "照片", on=day(2)) == 303
    assert received() == {"身份证复印件": day(2), "购物发票": None, "照片": day(2)}
    assert send("receive", "照片", on=day(1)) == 303
    assert record(bureau)[0] == ("materials.received", {"name": "照片", "day": [day(2), day(1)]})
    assert send("take_back", "照片") == 303
    assert record(bureau)[0] == ("materials.not_received", {"name": "照片", "day": day(1)})
    assert send("ask", "购物发票") == 422 and "清单上已有" in page.text
    assert send("ask", " ") == 422
    assert send("ask", "保修卡") == 303
    assert record(bureau)[0] == ("materials.added", {"names": ["保修卡"]})
    assert received() == {"身份证复印件": day(2), "购物发票": None, "照片": None, "保修卡": None}


# The complainant's page as he sees it


def test_the_preview_is_his_page_and_neither_a_visit_nor_a_way_to_write(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(5), parties=[ZHANG, LI], property=[PHONE])
    first, second = ids(bureau)
    before = [
        bureau.db.rows(f"SELECT * FROM {table}") for table in ("trail_entry", "visit", "issue")
    ]
    path = f"/desk/cases/{NUMBER}/as/{first}"
    preview = desk.get(path)
    assert preview.status_code == 200 and "预览" in preview.text and "张*" in preview.text
    assert preview.headers["Cache-Control"] == "no-store"
    for action, step in (("/case/ratings", "intake"), ("/case/comments", "")):
        form = form_in(preview.text, action, step)
        assert form["form"] == ""
        sent = form | {"level": "1", "body": "代写"}
        assert desk.client.post(action, data=sent).status_code == 403
    none = desk.get(f"/desk/cases/{NUMBER}/as/{second}")
    assert "还没有给这位当事人制作回执" in none.text
    after = [
        bureau.db.rows(f"SELECT * FROM {table}") for table in ("trail_entry", "visit", "issue")
    ]
    assert after == before
    assert rows_of(bureau, NUMBER, "rating") == []
    own = site_of(bureau).test_client().scan(bureau, issue_of(bureau, NUMBER))  # type: ignore[attr-defined]
    assert "预览" not in own.text and "inert" not in own.text
    assert len(rows_of(bureau, NUMBER, "visit")) == 1
    for part in ("<h1>", 'class="headline"', 'class="things"', 'class="match"'):
        line = next(line for line in own.text.splitlines() if part in line)
        assert line in preview.text
    other = put(bureau, "A2", days_ago(1))
    assert desk.get(f"/desk/cases/{NUMBER}/as/{other['party_id']}").status_code == 404
    assert desk.get(f"/desk/cases/A2/as/{other['party_id']}").status_code == 200


# Who may, and two at once


POSTS = {
    "parties": {"role": "victim", "name": "王五", "party": ""},
    "property": {"do": "add", "name": "车", "quantity": "1", "measure": "seized", "day": day(0)},
    "materials": {"do": "ask", "name": "发票"},
    "withholding": {"reason": "privacy"},
}


def test_only_who_may_write_within_reach_changes_the_parts_of_a_case(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(5))
    others = [(at_work(bureau, "auditor"), 403), (at_work(bureau, "administrator"), 403)]
    others += [(at_work(bureau, "callback_officer"), 403), (at_work(bureau, unit=WEST), 404)]
    before = record(bureau)
    for path, form in POSTS.items():
        sent: dict[str, Any] = form | {"seen": "9999"}
        where = f"/desk/cases/{NUMBER}/{path}"
        for browser, status in others:
            assert browser.post(where, **sent).status_code == status, path
        assert desk.post(where, csrf=False, **sent).status_code == 400
        assert desk.get(where).status_code == 405
        assert desk.client.put(where, data=sent).status_code == 405
    party = ids(bureau)[0]
    for path in (f"parties/{party}/open", f"as/{party}"):
        where = f"/desk/cases/{NUMBER}/{path}"
        call = others[3][0].get if "as/" in path else others[3][0].post
        assert call(where).status_code == 404
    assert record(bureau) == before
    branch = CasePage(at_work(bureau, unit=EAST), NUMBER).open()
    assert branch.send("parties", **POSTS["parties"]).status_code == 303


@pytest.mark.parametrize("path", POSTS)
def test_the_second_of_two_at_once_is_told_and_keeps_what_was_typed(
    bureau: Bureau, desk: Browser, path: str
) -> None:
    put(bureau, NUMBER, days_ago(5))
    page = CasePage(desk, NUMBER).open()
    with change(bureau.db, CLERK) as ongoing:
        ongoing.record("receipt.handed_over", NUMBER)
    CasePage(at_work(bureau, "supervisor"), NUMBER).open().send("materials", do="ask", name="照片")
    before = record(bureau)
    assert page.send(path, **POSTS[path]).status_code == 409
    assert "照片" in page.text and "supervisor" in page.text and record(bureau) == before
    typed = {"parties": "王五", "property": "车", "materials": "发票", "withholding": "privacy"}
    assert f'value="{typed[path]}"' in page.text
    assert page.send(path, **POSTS[path]).status_code == 303
    assert len(record(bureau)) == len(before) + 1


def test_a_receipt_made_meanwhile_overtakes_nobody(bureau: Bureau, desk: Browser) -> None:
    put(bureau, NUMBER, days_ago(5), parties=[ZHANG, LI])
    page = CasePage(desk, NUMBER).open()
    with change(bureau.db, CLERK) as ongoing:
        live_issue(bureau, ongoing, ids(bureau)[1])
    assert page.send("parties", **POSTS["parties"]).status_code == 303
