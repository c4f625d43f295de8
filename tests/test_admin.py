"""The administrator's pages: accounts, units, keys, each within the own unit's tree."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from werkzeug.test import TestResponse

from lookup import clients
from lookup.bureau import Bureau
from lookup.web.admin import LARGEST_LIST
from tests.office import (
    BUREAU,
    EAST,
    PASSWORD,
    SISTER,
    STATION,
    WEST,
    Browser,
    at_work,
    browser_of,
    hire,
    too_large,
)
from tests.public_cases import site_of

_SECRET = re.compile(r'<p class="secret"><code>([^<]+)</code>')
_NEW: dict[str, Any] = {"name": "王芳", "role": "desk_officer", "unit": STATION, "badge": "510200"}
_UNIT: dict[str, Any] = {
    "name": "新所",
    "parent": EAST,
    "address": "新街1号",
    "phone": "028-1",
    "known": "",
}


@pytest.fixture
def admin(bureau: Bureau) -> Browser:
    return at_work(bureau, "administrator", BUREAU)


@pytest.fixture
def east(bureau: Bureau) -> Browser:
    return at_work(bureau, "administrator", EAST)


def secret_in(answer: TestResponse) -> str:
    found = _SECRET.search(answer.text)
    assert found, answer.text
    return found[1]


def row(bureau: Bureau, login: str) -> dict[str, Any]:
    found = bureau.db.row("SELECT * FROM staff WHERE login = :login", login=login)
    assert found
    return found


def done(bureau: Bureau, action: str) -> int:
    return len(bureau.db.rows("SELECT at FROM trail_entry WHERE action = :a", a=action))


def test_a_new_account_has_a_first_password_that_is_shown_once(
    bureau: Bureau, admin: Browser
) -> None:
    answer = admin.post("/admin/staff", login=" Wang.Fang ", **_NEW)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    first = secret_in(answer)
    page = admin.get("/admin/staff")
    assert first not in page.text
    assert 'href="/admin/staff/wang.fang">wang.fang</a>' in page.text
    assert "未改初始密码" in page.text
    theirs = browser_of(site_of(bureau))
    assert theirs.log_in("wang.fang", first).status_code == 303
    assert theirs.get("/desk/").headers["Location"] == "/account"
    again = admin.post("/admin/staff", login="wang.fang", **_NEW)
    assert again.status_code == 422
    assert "已被使用" in again.text
    assert done(bureau, "staff.added") == 2  # this one and the administrator
    assert first not in str(bureau.db.rows("SELECT * FROM trail_entry"))


def test_what_will_not_do_is_said_beside_its_field_and_nothing_typed_is_lost(
    admin: Browser,
) -> None:
    typed = _NEW | {"login": "<b>x</b>", "name": '"><script>'}
    answer = admin.post("/admin/staff", **typed)
    assert answer.status_code == 422
    assert "用户名须为" in answer.text
    assert 'aria-invalid="true" aria-describedby="login-error" autofocus' in answer.text
    assert "<script>" not in answer.text.partition("<main>")[2]
    assert "&lt;b&gt;x&lt;/b&gt;" in answer.text and "&#34;&gt;&lt;script&gt;" in answer.text
    assert admin.post("/admin/staff", **_NEW | {"login": "a\0b"}).status_code == 422


def test_accounts_beyond_reach_are_not_there_and_none_is_put_there(
    bureau: Bureau, east: Browser
) -> None:
    for login, unit in (("west", WEST), ("above", BUREAU), ("own", SISTER)):
        hire(bureau, login, "desk_officer", unit)
    shown = east.get("/admin/staff").text
    assert ">own<" in shown and ">west<" not in shown and ">above<" not in shown
    for login in ("west", "above", "nobody"):
        assert east.get(f"/admin/staff/{login}").status_code == 404
        assert east.post(f"/admin/staff/{login}", **_NEW).status_code == 404
        for act in ("disable", "enable", "reset", "unlock", "end"):
            assert east.post(f"/admin/staff/{login}/{act}").status_code == 404
    for unit in (WEST, BUREAU, "nowhere", ""):
        added = east.post("/admin/staff", login="fresh", **_NEW | {"unit": unit})
        moved = east.post("/admin/staff/own", **_NEW | {"unit": unit})
        assert (added.status_code, moved.status_code) == (422, 422)
        assert "不归您管理" in added.text and 'aria-describedby="unit-error"' in moved.text
    assert row(bureau, "own")["unit"] == SISTER
    assert bureau.db.rows("SELECT id FROM staff WHERE login = 'fresh'") == []


def test_an_account_is_changed_moved_and_found(bureau: Bureau, admin: Browser) -> None:
    hire(bureau, "wang", "desk_officer", STATION, name="王芳")
    theirs = browser_of(site_of(bureau))
    theirs.log_in("wang")
    to: dict[str, Any] = {"name": "王芬", "role": "supervisor", "unit": SISTER, "badge": ""}
    assert admin.post("/admin/staff/wang", **to).status_code == 303
    assert {name: row(bureau, "wang")[name] for name in to} == to
    assert theirs.get("/account").status_code == 303  # whose rights change is logged out
    assert "已保存" in admin.get("/admin/staff/wang").text
    assert admin.post("/admin/staff/wang", **to).status_code == 303
    assert done(bureau, "staff.changed") == 1
    assert ">wang<" in admin.get("/admin/staff?q=牛市口").text
    assert ">wang<" not in admin.get("/admin/staff?q=锦江路").text


def test_what_buttons_do_to_an_account(bureau: Bureau, admin: Browser) -> None:
    hire(bureau, "wang", "desk_officer")

    def press(act: str) -> TestResponse:
        return admin.post(f"/admin/staff/wang/{act}")

    def in_with(password: str = PASSWORD) -> bool:
        return browser_of(site_of(bureau)).log_in("wang", password).status_code == 303

    theirs = browser_of(site_of(bureau))
    theirs.log_in("wang")
    assert press("end").status_code == 303
    assert theirs.get("/account").status_code == 303
    assert [press("disable").status_code for _ in range(2)] == [303, 303]
    assert done(bureau, "staff.disabled") == 1
    assert "已停用" in admin.get("/admin/staff/wang").text
    assert not in_with()
    press("enable")
    assert in_with()
    first = secret_in(press("reset"))
    assert in_with(first) and not in_with()
    stranger = browser_of(site_of(bureau))
    stranger.client.environ_base |= {"REMOTE_ADDR": "203.0.113.9"}
    for _ in range(12):
        locked = stranger.log_in("wang", "guess").status_code
    assert locked == 429
    press("unlock")
    assert stranger.log_in("wang", first).status_code == 303


def test_nobody_closes_or_lowers_the_own_account(bureau: Bureau, admin: Browser) -> None:
    me = f"administrator.{BUREAU}"
    for act in ("disable", "reset"):
        answer = admin.post(f"/admin/staff/{me}/{act}")
        assert answer.status_code == 422 and "另一位管理员" in answer.text
    now: dict[str, Any] = {"name": "李明", "badge": "1", "role": "administrator", "unit": BUREAU}
    for change in ({"role": "auditor"}, {"unit": EAST}):
        assert admin.post(f"/admin/staff/{me}", **now | change).status_code == 422
    assert admin.post(f"/admin/staff/{me}", **now | {"name": "李鸣"}).status_code == 303
    kept = row(bureau, me)
    assert (kept["name"], kept["role"], kept["unit"]) == ("李鸣", "administrator", BUREAU)
    assert kept["disabled_at"] is None


def test_of_two_who_shut_each_other_out_one_is_left(bureau: Bureau, admin: Browser) -> None:
    hire(bureau, "second", "administrator", BUREAU)
    other = browser_of(site_of(bureau))
    other.log_in("second")
    tokens = {"second": admin.token(), f"administrator.{BUREAU}": other.token()}

    def shut(browser: Browser, login: str) -> int:
        form = {"csrf_token": tokens[login]}
        answer = browser.client.post(f"/admin/staff/{login}/disable", data=form)
        browser.client.application.extensions["bureau"].db.close()  # this thread's connection
        return answer.status_code

    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(shut, admin, "second"),
            pool.submit(shut, other, f"administrator.{BUREAU}"),
        ]
        answers = [one.result() for one in both]
    left = bureau.db.rows(
        "SELECT login FROM staff WHERE role = 'administrator' AND disabled_at IS NULL"
    )
    assert len(left) == 1
    assert 303 in answers and set(answers) <= {303, 401, 404}


@pytest.mark.parametrize("role", ["desk_officer", "callback_officer", "auditor", "supervisor"])
def test_nobody_else_comes_in(bureau: Bureau, role: str) -> None:
    browser = at_work(bureau, role, BUREAU)
    for path in ("staff", "units", "clients", f"staff/{role}.{BUREAU}"):
        assert browser.get(f"/admin/{path}").status_code == 403
        assert browser.post(f"/admin/{path}", **_NEW).status_code == 403
    assert done(bureau, "staff.added") == 1


def test_every_change_is_a_post_that_this_site_drew(bureau: Bureau, admin: Browser) -> None:
    hire(bureau, "wang", "desk_officer")
    assert admin.get("/admin/").headers["Location"] == "/admin/staff"
    assert admin.get("/admin/staff/wang/disable").status_code == 405
    assert admin.get("/admin/units/list").status_code == 405
    assert admin.post("/admin/staff/wang/promote").status_code == 404
    for path in ("staff", "staff/wang/disable", "units", "units/list", "clients", "clients/revoke"):
        assert admin.post(f"/admin/{path}", csrf=False, login="x", **_NEW).status_code == 400
    assert row(bureau, "wang")["disabled_at"] is None


def test_a_unit_is_added_and_changed_with_its_former_values_in_the_record(
    bureau: Bureau, admin: Browser
) -> None:
    assert admin.post("/admin/units", code="N1", **_UNIT).status_code == 303
    tree = admin.get("/admin/units").text
    assert tree.index("牛市口派出所</a>") < tree.index("新所</a>") < tree.index("城西分局</a>")
    twice = admin.post("/admin/units", code="N1", **_UNIT | {"name": "别的"})
    assert twice.status_code == 422 and "这个代码已有单位" in twice.text and "别的" in twice.text
    assert 'value="新所"' in admin.get("/admin/units?code=N1").text
    moved = _UNIT | {"known": "N1", "name": "老所", "parent": STATION}
    assert admin.post("/admin/units", code="N1", **moved).status_code == 303
    kept = bureau.db.row("SELECT name, parent FROM unit WHERE code = 'N1'")
    assert kept == {"name": "老所", "parent": STATION}
    [entry] = bureau.db.rows("SELECT detail FROM trail_entry WHERE action = 'unit.changed'")
    assert f'"was":{{"name":"新所","parent":"{EAST}"}}' in entry["detail"]
    for wrong in ({"name": ""}, {"parent": "N1"}, {"parent": "nowhere"}):
        answer = admin.post("/admin/units", code="N1", **moved | wrong)
        assert answer.status_code == 422 and "没有写入任何单位" in answer.text
    for code, parent in (("N1", "N1"), (EAST, STATION)):
        typed = _UNIT | {"known": code, "parent": parent}
        answer = admin.post("/admin/units", code=code, **typed)
        assert answer.status_code == 422 and "不能是它自己或它的下级单位" in answer.text


def test_no_unit_beyond_reach_is_altered(bureau: Bureau, east: Browser) -> None:
    units = bureau.db.rows("SELECT * FROM unit ORDER BY code")
    assert "青羊宫派出所" not in east.get("/admin/units").text
    assert "青羊宫派出所" not in east.get(f"/admin/units?code={WEST}").text
    tries = [
        _UNIT | {"code": WEST, "known": WEST, "parent": "5101040200"},
        _UNIT | {"code": WEST, "known": WEST, "parent": EAST},  # drawn into one's own tree
        _UNIT | {"code": STATION, "known": STATION, "parent": "5101040200"},  # pushed out of it
        _UNIT | {"code": "N1", "parent": BUREAU},
        _UNIT | {"code": "N1", "parent": ""},
        _UNIT | {"code": EAST, "known": EAST, "parent": ""},  # the own unit freed from those above
    ]
    for typed in tries:
        answer = east.post("/admin/units", **typed)
        assert answer.status_code == 422 and "不归您管理" in answer.text
    assert bureau.db.rows("SELECT * FROM unit ORDER BY code") == units
    own = _UNIT | {"code": EAST, "known": EAST, "parent": BUREAU, "name": "城东公安分局"}
    assert east.post("/admin/units", **own).status_code == 303


def _list(browser: Browser, text: str | bytes, name: str = "units.csv") -> TestResponse:
    content = text.encode() if isinstance(text, str) else text
    return browser.post("/admin/units/list", file=(BytesIO(content), name))


def test_a_list_of_units_is_taken_whole_or_not_at_all(
    bureau: Bureau, admin: Browser, east: Browser
) -> None:
    head = "代码,名称,上级代码,地址,电话\n"
    own = f"N1,一所,{EAST},,\nN2,二组,N1,,\n"
    far = f"N3,三所,5101040200,,\n{WEST},改名,5101040200,,\n"
    refused = _list(east, head + own + far)
    assert refused.status_code == 422 and "第 4 行" in refused.text
    assert 'aria-describedby="file-error"' in refused.text
    untouched = f"{WEST},青羊宫派出所,5101040200,城西区青羊街9号,028-55550201\n"
    assert _list(east, head + own + untouched).status_code == 303
    assert "新增 2，变更 0，未变 1" in east.get("/admin/units").text
    assert _list(admin, head + own + far + "\n" * 100_000).status_code == 303
    assert _list(admin, b"\x89PNG\r\n\x1a\n", "../../<b>x</b>.csv").status_code == 422
    strange = _list(admin, head + "N9,,,,\n", "../../<b>x.csv")
    assert strange.status_code == 422 and "<b>" not in strange.text.partition("<main>")[2][:2000]
    assert admin.post("/admin/units/list").status_code == 422
    assert too_large(admin, "/admin/units/list", LARGEST_LIST) == 413
    assert len(bureau.db.rows("SELECT code FROM unit WHERE code LIKE 'N%'")) == 3


def test_a_key_is_shown_once_and_ends_at_once(bureau: Bureau, admin: Browser) -> None:
    answer = admin.post("/admin/clients", name="案件系统", unit="")
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    key = secret_in(answer)
    listed = admin.get("/admin/clients").text
    assert key not in listed and "案件系统" in listed and "全部单位" in listed
    assert admin.post("/admin/clients", name="案件系统", unit="").status_code == 422

    def opens() -> bool:
        return clients.admit(bureau.db, key, datetime.now(UTC)) is not None

    assert opens()
    assert admin.post("/admin/clients/revoke", name="案件系统").status_code == 303
    assert not opens()
    assert admin.post("/admin/clients/revoke", name="案件系统").status_code == 404
    assert "吊销" in admin.get("/admin/clients").text


@pytest.mark.parametrize("unit", ["", BUREAU, WEST, "nowhere"])
def test_no_key_reaches_further_than_who_makes_it(bureau: Bureau, east: Browser, unit: str) -> None:
    refused = east.post("/admin/clients", name="<i>x", unit=unit)
    assert refused.status_code == 422 and "不归您管理" in refused.text
    assert "<i>" not in refused.text and "&lt;i&gt;x" in refused.text
    if unit != "nowhere":
        at_work(bureau, "administrator", BUREAU).post("/admin/clients", name="theirs", unit=unit)
    assert "theirs" not in east.get("/admin/clients").text
    assert east.post("/admin/clients/revoke", name="theirs").status_code == 404
    assert east.post("/admin/clients", name="ours", unit=STATION).status_code == 200
    assert bureau.db.rows("SELECT name FROM client WHERE revoked_at IS NOT NULL") == []
