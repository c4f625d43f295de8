"""Registering at the desk: one screen, in one go, nothing typed lost, nothing registered twice."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import html5lib
import pytest
from werkzeug.test import TestResponse

from lookup.beijing import Moment, beijing_day
from lookup.bureau import Bureau
from lookup.cases import find_case, require_case
from lookup.database import Record
from lookup.parties import parties_of
from lookup.records import said_moment
from lookup.trail import verify
from tests.office import EAST, SISTER, STATION, WEST, Browser, at_work, browser_of, hire
from tests.public_cases import days_ago, put, site_of

TABLES = ("cases", "party", "issue", "milestone", "property", "material", "withholding")
PLAIN: dict[str, Any] = {"parties.0.name": "张三", "parties.0.phone": "13800138000"}


@pytest.fixture
def desk(bureau: Bureau) -> Browser:
    return at_work(bureau)


def tree_of(page: TestResponse) -> Any:
    assert page.mimetype == "text/html"
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page.text)


def form_of(page: TestResponse) -> dict[str, Any]:
    """The fields of a page's form as a browser would send them."""
    fields: dict[str, Any] = {}
    for one in tree_of(page).find(".//main").iter():
        name = one.get("name")
        if one.tag == "input" and name == "warned":
            fields.setdefault(name, []).append(one.get("value"))
        elif one.tag == "input" and name:
            fields[name] = one.get("value")
        elif one.tag == "textarea":
            fields[name] = one.text or ""
        elif one.tag == "select":
            options = one.findall("option")
            chosen = [option for option in options if option.get("selected") is not None]
            fields[name] = (chosen or options)[0].get("value")
    return fields


def mistakes_in(page: TestResponse) -> dict[str, str]:
    """What the page says beside which field."""
    said = [one for one in tree_of(page).iter("p") if "error" in one.get("class", "").split()]
    found = {one.get("id").removesuffix("-error"): "".join(one.itertext()) for one in said}
    invalid = {one.get("name") for one in tree_of(page).iter() if one.get("aria-invalid")}
    assert invalid == set(found)
    return found


def focused(page: TestResponse) -> str:
    """The name of the one field, or the address of the link, that has the focus."""
    (one,) = [one for one in tree_of(page).iter() if one.get("autofocus") is not None]
    return str(one.get("name") or one.get("href"))


def register(desk: Browser, number: str, **typed: Any) -> TestResponse:
    """Fill in the form as it is offered and send it."""
    return send(desk, form_of(desk.get("/desk/new")) | {"number": number} | typed)


def send(desk: Browser, form: dict[str, Any]) -> TestResponse:
    return desk.post("/desk/new", csrf=False, **form)


def counts(bureau: Bureau) -> dict[str, int]:
    rows = {table: bureau.db.row(f"SELECT COUNT(*) AS n FROM {table}") for table in TABLES}
    return {table: row["n"] for table, row in rows.items() if row}


def of_case(bureau: Bureau, table: str, number: str) -> list[Record]:
    case = require_case(bureau.db, number)
    return bureau.db.rows(f"SELECT * FROM {table} WHERE case_id = :id ORDER BY id", id=case["id"])


def test_a_plain_case_needs_a_number_a_name_and_a_phone(bureau: Bureau, desk: Browser) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    page = desk.get("/desk/new")
    assert focused(page) == "number"
    answer = register(desk, "A1", **PLAIN)
    assert answer.status_code == 303
    case = require_case(bureau.db, "A1")
    assert (case["kind"], case["unit"], case["channel"]) == ("criminal", STATION, "counter")
    assert (case["officer"], case["badge"], case["remark"]) == ("李明", "510123", "")
    assert before.strftime("%FT%TZ") <= case["intake_at"] <= datetime.now(UTC).strftime("%FT%TZ")
    (party,) = parties_of(bureau.db, case["id"])
    assert party["role"] == "complainant"
    assert bureau.seals.open(party["phone_sealed"]) == "13800138000"
    path = f"/desk/cases/A1/receipts/{party['id']}"
    assert answer.headers["Location"] == f"{path}?print=now"
    shown = desk.get(f"{path}?print=now")
    assert 'data-print="now"' in shown.text
    assert f'src="{path}.png?paper=a5"' in shown.text
    (issue,) = of_case(bureau, "issue", "A1")
    assert issue["handed_over_at"] is None


def test_all_that_can_be_told_at_intake_is_kept(bureau: Bureau, desk: Browser) -> None:
    told = {
        "kind": "administrative",
        "name": "张某被殴打案",
        "parties.0.name": "匿名",
        "parties.0.id_last4": "123x",
        "parties.1.role": "guardian",
        "parties.1.name": "李四",
        "parties.1.phone": "028-55551234",
        "taken_in_at": days_ago(1),
        "reported_at": days_ago(2)[:10],
        "channel": "110",
        "officer": "王芳",
        "badge": "510777",
        "materials": "身份证（复印件）\r\n\r\n诊断证明\r\n诊断证明",
        "property.1.name": "手机",
        "property.1.quantity": "2",
        "property.1.unit": "部",
        "property.1.measure": "sealed",
        "property.1.place": "物证室",
        "withheld_reason": "minor",
        "remark": "已到现场",
    }
    assert register(desk, "蓉公（东）受〔2026〕1号", **told).status_code == 303
    case = require_case(bureau.db, "蓉公（东）受〔2026〕1号")
    kept = ("kind", "name", "channel", "officer", "badge", "remark")
    assert [case[name] for name in kept] == [told[name] for name in kept]
    assert said_moment(Moment.read(case["intake_day"], case["intake_at"])) == f"{days_ago(1)}:00"
    assert (case["reported_day"], case["reported_at"]) == (days_ago(2)[:10], None)
    people = [
        (one["role"], *(bureau.seals.open(one[f"{what}_sealed"]) for what in ("name", "id_last4")))
        for one in parties_of(bureau.db, case["id"])
    ]
    assert people == [("complainant", "", "123X"), ("guardian", "李四", "")]
    number = case["number"]
    assert len(of_case(bureau, "issue", number)) == 2
    materials = [one["name"] for one in of_case(bureau, "material", number)]
    assert materials == ["身份证（复印件）", "诊断证明"]
    (thing,) = of_case(bureau, "property", number)
    assert [thing[name] for name in ("name", "quantity", "unit", "measure", "status", "place")] == [
        *("手机", "2", "部", "sealed", "kept", "物证室")
    ]
    (withheld,) = of_case(bureau, "withholding", number)
    assert (withheld["reason"], withheld["approved_at"]) == ("minor", None)
    assert form_of(desk.get("/desk/new"))["kind"] == "administrative"


def test_every_refusal_stands_beside_its_field_and_nothing_typed_is_lost(
    bureau: Bureau, desk: Browser
) -> None:
    before = counts(bureau)
    tomorrow = (beijing_day(datetime.now(UTC)) + timedelta(days=1)).isoformat()
    wrong = {
        "number": "A 1/2",
        "name": "长" * 201,
        "parties.0.name": " ",
        "parties.0.phone": "1990000",
        "parties.0.id_last4": "12A4",
        "parties.2.phone": "13900000000",
        "taken_in_at": tomorrow,
        "reported_at": "昨天",
        "unit": WEST,
        "officer": "",
        "materials": "身份证\n" + "长" * 201,
        "property.2.quantity": "0",
        "remark": "长" * 4001,
    }
    page = register(desk, **wrong)
    assert page.status_code == 422
    found = mistakes_in(page)
    quantity = {"property.2.name", "property.2.quantity"}
    others = {"parties.2.name"} | quantity
    assert set(found) == set(wrong) - {"parties.2.phone"} | others
    assert "请改正或清空" in found["parties.0.phone"] and "略去" not in page.text
    assert focused(page) == "number"
    kept = form_of(page)
    assert {name: kept[name] for name in wrong if name != "unit"} == {
        name: typed for name, typed in wrong.items() if name != "unit"
    }
    opened = [one.get("open") is not None for one in tree_of(page).iter("details")]
    assert opened == [True, True, False, True]
    assert counts(bureau) == before
    mended = kept | PLAIN | {"number": "A12", "name": "", "parties.0.id_last4": ""}
    mended |= {"parties.2.name": "李四", "taken_in_at": days_ago(0)[:10], "reported_at": ""}
    mended |= {"officer": "李明", "materials": "身份证", "remark": "", "property.2.quantity": ""}
    assert send(desk, mended).status_code == 303
    assert len(parties_of(bureau.db, require_case(bureau.db, "A12")["id"])) == 2


def test_an_intake_before_the_report_is_refused(bureau: Bureau, desk: Browser) -> None:
    page = register(desk, "A1", **PLAIN, taken_in_at=days_ago(3), reported_at=days_ago(2))
    assert "早于报案时间" in mistakes_in(page)["taken_in_at"]
    assert focused(page) == "taken_in_at"
    assert find_case(bureau.db, "A1") is None


def test_a_form_sent_over_a_lost_session_is_sent_again_after_logging_in(bureau: Bureau) -> None:
    hire(bureau, "li", "desk_officer")
    desk = browser_of(site_of(bureau))
    desk.log_in("li")
    form = form_of(desk.get("/desk/new")) | PLAIN | {"number": "A1", "materials": "发票\n照片"}
    desk.client.delete_cookie("__Host-staff", domain="daylight.example.cn")
    asked = send(desk, form)
    assert asked.status_code == 401
    assert find_case(bureau.db, "A1") is None
    carried = form_of(asked) | {"login": "li", "password": "three grey herons at dawn"}
    resumed = desk.client.post("/login", data=carried)
    assert resumed.status_code == 200
    again = form_of(resumed)
    assert {name for name in form if form[name] != again.get(name)} == {"csrf_token"}
    assert send(desk, again).status_code == 303
    assert len(of_case(bureau, "material", "A1")) == 2


def test_the_same_content_sent_twice_is_one_case(bureau: Bureau, desk: Browser) -> None:
    form = form_of(desk.get("/desk/new")) | PLAIN
    form |= {"number": "A1", "materials": "发票", "withheld_reason": "privacy"}
    form |= {"property.0.name": "车", "property.0.quantity": "1"}
    first = send(desk, form)
    before, entries = counts(bureau), bureau.db.rows("SELECT * FROM trail_entry")
    second = send(desk, form)
    assert first.status_code == second.status_code == 303
    assert first.headers["Location"] == second.headers["Location"]
    assert counts(bureau) == before
    assert bureau.db.rows("SELECT * FROM trail_entry") == entries


def test_a_number_in_use_is_refused_and_shows_the_earlier_case_to_those_who_may_see_it(
    bureau: Bureau,
) -> None:
    desk, sister, chief = (
        at_work(bureau),
        at_work(bureau, unit=SISTER),
        at_work(bureau, "supervisor", EAST),
    )
    form = form_of(desk.get("/desk/new")) | PLAIN | {"number": "A1（东）", "name": "张某案"}
    assert send(desk, form).status_code == 303
    before = bureau.db.rows("SELECT * FROM cases, party")
    link = 'data-key="f2"'
    for other in ({"parties.0.name": "王五"}, {"channel": "110"}, {"materials": "发票"}):
        page = send(desk, form | other)
        assert page.status_code == 422
        assert list(mistakes_in(page)) == ["number"]
        assert link in page.text
        assert focused(page) == "number"
        assert form_of(page) == form | other | {"csrf_token": form_of(page)["csrf_token"]}
    own = {"number": "a1(东)", "name": "张某案"} | PLAIN
    seen = send(chief, form_of(chief.get("/desk/new")) | own)
    assert seen.status_code == 422 and link in seen.text and "锦江路派出所" in seen.text
    unseen = send(sister, form_of(sister.get("/desk/new")) | own)
    assert list(mistakes_in(unseen)) == ["number"]
    assert link not in unseen.text and "锦江路派出所" not in unseen.text
    # Told together with whatever else is wrong.
    assert set(mistakes_in(register(desk, "A1（东）"))) == {"number", "parties.0.name"}
    assert bureau.db.rows("SELECT * FROM cases, party") == before


def test_a_likely_duplicate_is_shown_once_and_registered_all_the_same(
    bureau: Bureau, desk: Browser
) -> None:
    people = [{"role": "complainant", "name": "某人", "phone": "13900000001"}]
    put(bureau, "OLD", days_ago(95), parties=people)
    put(bureau, "WEST", days_ago(1), parties=people, unit=WEST)
    put(bureau, "B10", days_ago(3), parties=[{"role": "complainant", "name": "甲"}])
    put(bureau, "B2", days_ago(2), parties=people, name="某人被盗窃案")
    before = counts(bureau)
    told = {"parties.0.name": "张三", "parties.1.name": "李四", "parties.1.phone": "13900000001"}
    page = register(desk, "BIO", **told)
    assert page.status_code == 409
    assert counts(bureau) == before
    links = [one for one in tree_of(page).find(".//main").iter("a")]
    assert [(unquote(one.get("href")), one.get("data-key")) for one in links] == [
        ("/desk/cases/B2", "1"),
        ("/desk/cases/B10", "2"),
    ]
    assert {one.get("target") for one in links} == {"_blank"}
    assert focused(page) == "/desk/cases/B2"
    assert "某人被盗窃案" in page.text
    # One that came meanwhile is shown before it is too late.
    put(bureau, "B3", days_ago(0), parties=people)
    again = send(desk, form_of(page))
    assert again.status_code == 409
    assert focused(again) == "/desk/cases/B3"
    # A mistake made meanwhile does not make her confirm anew.
    form = form_of(again)
    slip = send(desk, form | {"parties.0.phone": "1"})
    assert form_of(slip)["warned"] == form["warned"]
    assert send(desk, form).status_code == 303
    assert find_case(bureau.db, "BIO")


def test_fifty_registrations_at_once_lose_nothing_and_double_nothing(bureau: Bureau) -> None:
    desks = []
    for unit in (STATION, SISTER, WEST, EAST):
        # One person in two browsers, both of which send every form.
        first, second = at_work(bureau, unit=unit), browser_of(site_of(bureau))
        assert second.log_in(f"desk_officer.{unit}").status_code == 303
        desks.append((first, second))
    forms = [form_of(first.get("/desk/new")) for first, _ in desks]

    def work(place: int) -> list[tuple[str, int, str]]:
        desk, form = desks[place // 2][place % 2], forms[place // 2]
        form = form | {"csrf_token": desk.token()}
        sent = []
        for number in (f"P{n}" for n in range(place // 2, 25, 4)):
            answer = send(desk, form | {"number": number, "parties.0.name": f"人{number}"})
            sent.append((number, answer.status_code, answer.headers.get("Location", "")))
        bureau.db.close()
        return sent

    with ThreadPoolExecutor(8) as pool:
        answers = [one for sent in pool.map(work, range(8)) for one in sent]
    assert len(answers) == 50
    assert {status for _, status, _ in answers} == {303}
    assert len({there for *_, there in answers}) == len(set(answers)) == 25
    tables = ("cases", "party", "issue", "milestone")
    assert {table: counts(bureau)[table] for table in tables} == dict.fromkeys(tables, 25)
    entries = bureau.db.rows("SELECT action, case_number FROM trail_entry")
    for action in ("case.registered", "receipt.issued"):
        named = [one["case_number"] for one in entries if one["action"] == action]
        assert sorted(named) == sorted(f"P{number}" for number in range(25))
    assert verify(bureau.db) == []


@pytest.mark.parametrize("role", ["auditor", "callback_officer", "administrator"])
def test_others_register_nothing(bureau: Bureau, role: str) -> None:
    other = at_work(bureau, role)
    assert other.get("/desk/new").status_code == 403
    assert other.post("/desk/new", number="A1", **PLAIN).status_code == 403
    assert find_case(bureau.db, "A1") is None


def test_only_a_form_of_this_site_registers(bureau: Bureau, desk: Browser) -> None:
    form = form_of(desk.get("/desk/new")) | PLAIN | {"number": "A1"}
    del form["csrf_token"]
    assert send(desk, form).status_code == 400
    assert desk.client.put("/desk/new", data=form).status_code == 405
    assert find_case(bureau.db, "A1") is None


def test_an_empty_or_made_up_form_is_refused_beside_its_fields(desk: Browser) -> None:
    assert set(mistakes_in(desk.post("/desk/new"))) == {
        *("number", "kind", "unit", "taken_in_at", "officer"),
        *("parties.0.name", "parties.0.role"),
    }
    page = register(desk, "A1", **PLAIN, kind="x", warned=["?", "1"])
    assert re.search("案件类别“x”未配置", mistakes_in(page)["kind"])
