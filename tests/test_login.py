"""Logging in: who gets in, for how long, and what ends it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lookup import sessions, staff
from lookup.beijing import utc_text
from lookup.bureau import Bureau
from lookup.errors import Refused, Throttled
from lookup.passwords import require_strong
from lookup.staff import admit, change_staff, require_staff, reset_password, set_enabled
from lookup.trail import Actor, change
from tests.office import BUREAU, EAST, PASSWORD, STATION, Browser, browser_of, hire
from tests.public_cases import site_of

CLERK = Actor("test", "command")
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SITE = "https://daylight.example.cn"
ELSEWHERE = {"REMOTE_ADDR": "203.0.113.9"}


@pytest.fixture
def browser(bureau: Bureau) -> Browser:
    hire(bureau, "liming", "desk_officer")
    return browser_of(site_of(bureau))


def is_in(browser: Browser) -> bool:
    return browser.get("/account").status_code == 200


@contextmanager
def refusing_writes(bureau: Bureau) -> Iterator[None]:
    """While the table of cases is away, as while a database is being restored."""
    bureau.db.run("ALTER TABLE cases RENAME TO elsewhere")
    yield
    bureau.db.run("ALTER TABLE elsewhere RENAME TO cases")


def row(bureau: Bureau, login: str = "liming") -> dict[str, Any]:
    found = bureau.db.row("SELECT * FROM staff WHERE login = :login", login=login)
    assert found
    return found


def test_a_first_password_must_be_changed_before_anything_else(bureau: Bureau) -> None:
    with change(bureau.db, CLERK) as ongoing:
        _, first = staff.add_staff(ongoing, "WangFang", "王芳", "desk_officer", STATION, "510200")
    browser = browser_of(site_of(bureau))
    assert browser.log_in("wangfang", first).headers["Location"] == "/desk/"
    assert browser.get("/desk/").headers["Location"] == "/account"
    assert "初始密码" in browser.get("/account").text
    weak = browser.post(
        "/account/password", old=first, new="wangfang510200", again="wangfang510200"
    )
    assert weak.status_code == 422
    assert "太容易被猜到" in weak.text
    changed = browser.post("/account/password", old=first, new=PASSWORD, again=PASSWORD)
    assert changed.status_code == 303
    assert browser.get("/account").status_code == 200
    assert first not in str(bureau.db.rows("SELECT * FROM staff"))
    assert "staff.password_changed" in [
        entry["action"] for entry in bureau.db.rows("SELECT action FROM trail_entry")
    ]


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [
        ("wrong", "a fine long sentence", "a fine long sentence", "现在的密码不对"),
        (PASSWORD, "a fine long sentence", "another sentence", "两次输入的新密码不一样"),
        (PASSWORD, PASSWORD, PASSWORD, "与现在的相同"),
        (PASSWORD, "short", "short", "10 至 200"),
        (PASSWORD, "password123456", "password123456", "太容易被猜到"),
    ],
)
def test_a_new_password_that_will_not_do_is_refused_beside_its_field(
    browser: Browser, old: str, new: str, again: str, said: str
) -> None:
    browser.log_in("liming")
    answer = browser.post("/account/password", old=old, new=new, again=again)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert new not in answer.text


def test_wrong_name_wrong_password_and_a_closed_account_get_one_answer(
    bureau: Bureau, browser: Browser
) -> None:
    hire(bureau, "gone", "desk_officer")
    with change(bureau.db, CLERK) as ongoing:
        set_enabled(ongoing, row(bureau, "gone"), enabled=False)
    answers = [
        browser.log_in(login, password)
        for login, password in (("nobody", PASSWORD), ("liming", "x"), ("gone", PASSWORD))
    ]
    assert {answer.status_code for answer in answers} == {422}
    bodies = {
        answer.text.replace(login, "").split("csrf_token")[0]
        for answer, login in zip(answers, ("nobody", "liming", "gone"), strict=True)
    }
    assert len(bodies) == 1


def test_guessing_is_slowed_but_neither_the_station_nor_a_known_desk_is_locked_out(
    bureau: Bureau, browser: Browser
) -> None:
    hire(bureau, "zhaolei", "desk_officer")
    assert browser.log_in("liming").status_code == 303  # this desk is known from now on
    stranger = browser_of(site_of(bureau))
    stranger.client.environ_base |= ELSEWHERE
    answers = [stranger.log_in("liming", f"guess {n}").status_code for n in range(12)]
    assert answers == [422] * 10 + [429] * 2
    assert stranger.log_in("liming").status_code == 429, "the right password does not help now"
    assert stranger.log_in("zhaolei").status_code == 303, "other accounts of the address do"
    assert browser_of(site_of(bureau)).log_in("liming").status_code == 303


def test_many_addresses_cannot_guess_at_one_account(bureau: Bureau, browser: Browser) -> None:
    tried = 0
    with pytest.raises(Throttled):
        for tried in range(200):
            with pytest.raises(Refused):
                admit(bureau, "liming", "guess", f"198.51.100.{tried}", NOW)
    assert tried == 100
    with change(bureau.db, CLERK) as ongoing:
        staff.unlock(bureau, ongoing, row(bureau))
    assert admit(bureau, "liming", PASSWORD, "198.51.100.1", NOW).login == "liming"


def test_a_session_ends_idle_and_in_any_case_after_a_shift(bureau: Bureau) -> None:
    who = hire(bureau, "liming", "desk_officer")
    secret = sessions.start_session(bureau.db, who.id, "", "", NOW)
    minutes = timedelta(minutes=29)
    at = NOW
    while at + minutes <= NOW + sessions.LONGEST:
        at += minutes
        assert sessions.live_session(bureau.db, secret, at)
    assert sessions.live_session(bureau.db, secret, at + minutes) is None
    other = sessions.start_session(bureau.db, who.id, "", "", NOW)
    assert sessions.live_session(bureau.db, other, NOW + timedelta(minutes=31)) is None


def test_the_database_holds_nothing_to_log_in_with(bureau: Bureau, browser: Browser) -> None:
    browser.log_in("liming")
    with browser.client.session_transaction(base_url=SITE) as kept:
        secret = kept["secret"]
    assert secret not in str(bureau.db.rows("SELECT * FROM session"))
    held = bureau.db.rows("SELECT id FROM session")[0]["id"]
    assert sessions.live_session(bureau.db, held, NOW) is None


def test_logging_in_leaves_nothing_of_the_browser_before_it(
    bureau: Bureau, browser: Browser
) -> None:
    """Session fixation: a cookie planted before the log-in opens nothing after it."""
    before = browser.token("/login")
    planted = browser.client.get_cookie("__Host-staff", "daylight.example.cn")
    assert planted
    browser.log_in("liming")
    after = browser.client.get_cookie("__Host-staff", "daylight.example.cn")
    assert after and after.value != planted.value
    assert browser.token() != before
    other = browser_of(site_of(bureau))
    other.client.set_cookie(
        "__Host-staff", planted.value, domain="daylight.example.cn", secure=True
    )
    assert not is_in(other)


def test_the_cookie_is_for_this_site_over_https_and_no_script(browser: Browser) -> None:
    cookie = browser.log_in("liming").headers["Set-Cookie"]
    for part in ("__Host-staff=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie


@pytest.mark.parametrize("ending", ["password", "reset", "disable", "role", "unit", "everywhere"])
def test_what_changes_rights_ends_every_session(
    bureau: Bureau, browser: Browser, ending: str
) -> None:
    other = browser_of(site_of(bureau))
    for one in (browser, other):
        one.log_in("liming")
        assert is_in(one)
    if ending == "password":
        new = "seven herons fly at noon"
        assert (
            browser.post("/account/password", old=PASSWORD, new=new, again=new).status_code == 303
        )
        assert is_in(browser)
    elif ending == "everywhere":
        browser.post("/logout", everywhere="yes")
    else:
        held = row(bureau)
        with change(bureau.db, CLERK) as ongoing:
            if ending == "reset":
                reset_password(ongoing, held)
            elif ending == "disable":
                set_enabled(ongoing, held, enabled=False)
            elif ending == "role":
                change_staff(ongoing, held, held["name"], "auditor", held["unit"])
            else:
                change_staff(ongoing, held, held["name"], held["role"], EAST)
    assert not is_in(other)
    assert is_in(browser) == (ending == "password")


def test_another_device_can_be_ended_and_nobody_elses(bureau: Bureau, browser: Browser) -> None:
    hire(bureau, "zhaolei", "desk_officer")
    mine, his = browser_of(site_of(bureau)), browser_of(site_of(bureau))
    browser.log_in("liming")
    mine.log_in("liming")
    his.log_in("zhaolei")
    for held in bureau.db.rows("SELECT id FROM session"):
        mine_now = held["id"]
        with browser.client.session_transaction(base_url=SITE) as kept:
            if mine_now == sessions._id(kept["secret"]):
                continue
        assert browser.post(f"/account/sessions/{held['id']}/end").status_code == 303
    assert is_in(browser)
    assert not is_in(mine)
    assert is_in(his)


def test_logging_out_ends_this_session_alone(bureau: Bureau, browser: Browser) -> None:
    other = browser_of(site_of(bureau))
    browser.log_in("liming")
    other.log_in("liming")
    assert browser.get("/logout").status_code == 405
    assert browser.post("/logout").status_code == 303
    assert not is_in(browser)
    assert is_in(other)


def test_a_post_without_the_token_or_with_another_sessions_is_refused(
    bureau: Bureau, browser: Browser
) -> None:
    other = browser_of(site_of(bureau))
    browser.log_in("liming")
    other.log_in("liming")
    for token in ("", "x", other.token()):
        assert browser.client.post("/logout", data={"csrf_token": token}).status_code == 400
    assert browser.client.post("/login", data={"login": "liming"}).status_code == 400
    elsewhere = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    sent = {"csrf_token": browser.token()}
    assert browser.client.post("/logout", data=sent, headers=elsewhere).status_code == 403
    assert is_in(browser)


def test_a_post_after_the_session_is_over_is_kept_through_the_log_in(
    bureau: Bureau, browser: Browser
) -> None:
    browser.log_in("liming")
    token = browser.token()
    bureau.db.run("UPDATE session SET seen_at = :past", past=utc_text(NOW - timedelta(days=1)))
    answer = browser.client.post(
        "/account/password",
        data={"csrf_token": token, "old": PASSWORD, "remark": "<b>很长的说明</b>", "login": "x"},
    )
    assert answer.status_code == 401
    assert 'name="carried:remark" value="&lt;b&gt;很长的说明&lt;/b&gt;"' in answer.text
    assert PASSWORD not in answer.text
    again = browser.log_in(
        "liming",
        **{"next": "/account/password", "carried:remark": "很长的说明", "carried:login": "x"},
    )
    assert again.status_code == 200
    assert 'action="/account/password"' in again.text
    assert 'name="remark" value="很长的说明"' in again.text
    assert 'name="login" value="x"' in again.text


@pytest.mark.parametrize(
    "wanted", ["//evil.example/", "https://evil.example/", "/\\evil.example", "desk", "/login"]
)
def test_nobody_is_led_elsewhere_after_logging_in(browser: Browser, wanted: str) -> None:
    assert browser.log_in("liming", next=wanted).headers["Location"] == "/desk/"


def test_whoever_asks_for_a_page_gets_there_after_logging_in(browser: Browser) -> None:
    asked = browser.get("/account?lang=en")
    assert asked.headers["Location"] == "/login?next=/account?lang%3Den"
    assert browser.log_in("liming", next="/account?lang=en").headers["Location"] == (
        "/account?lang=en"
    )


def test_new_cookie_keys_end_no_session_and_old_ones_gone_end_all(
    bureau: Bureau, browser: Browser
) -> None:
    browser.log_in("liming")
    cookie = browser.client.get_cookie("__Host-staff", "daylight.example.cn")
    assert cookie
    old, new = bureau.config.secret_keys[0], "n3w" * 8 + "abcdefghijk"
    for keys, stays in (((old, new), True), ((new,), False)):
        there = browser_of(
            site_of(replace(bureau, config=replace(bureau.config, secret_keys=keys)))
        )
        there.client.set_cookie(
            "__Host-staff", cookie.value, domain="daylight.example.cn", secure=True
        )
        assert is_in(there) == stays


def test_an_account_out_of_reach_is_not_there(bureau: Bureau, browser: Browser) -> None:
    assert require_staff(bureau.db, BUREAU, "liming")["login"] == "liming"
    with pytest.raises(Exception, match="no such account"):
        require_staff(bureau.db, "5101040200", "liming")


@pytest.mark.parametrize(
    ("login", "name", "role", "field"),
    [
        ("L", "李明", "desk_officer", "login"),
        ("li ming", "李明", "desk_officer", "login"),
        ("liming", "李明", "desk_officer", "login"),
        ("other", "", "desk_officer", "name"),
        ("other", "李明", "chief", "role"),
    ],
)
def test_an_account_that_will_not_do_is_refused_by_field(
    bureau: Bureau, browser: Browser, login: str, name: str, role: str, field: str
) -> None:
    with pytest.raises(Refused) as refused, change(bureau.db, CLERK) as ongoing:
        staff.add_staff(ongoing, login, name, role, STATION)
    assert refused.value.field == field


def test_what_cannot_be_saved_now_can_be_sent_again(bureau: Bureau, browser: Browser) -> None:
    browser.log_in("liming")
    sent = {"csrf_token": browser.token(), "number": "A1", "parties.0.name": "王芳"}
    with refusing_writes(bureau):
        answer = browser.client.post("/desk/new", data=sent)
    assert answer.status_code == 503
    assert 'action="/desk/new"' in answer.text
    assert 'name="parties.0.name" value="王芳"' in answer.text
    assert bureau.db.rows("SELECT id FROM cases") == []


def test_the_present_password_cannot_be_guessed_in_a_borrowed_browser(
    bureau: Bureau, browser: Browser
) -> None:
    browser.log_in("liming")
    new = "seven herons fly at noon"

    def sent(old: str) -> int:
        return browser.post("/account/password", old=old, new=new, again=new).status_code

    assert [sent(f"guess {n}") for n in range(12)] == [422] * 10 + [429] * 2
    assert sent(PASSWORD) == 429


def test_logging_in_again_ends_the_session_before(bureau: Bureau, browser: Browser) -> None:
    browser.log_in("liming")
    with browser.client.session_transaction(base_url=SITE) as kept:
        before = kept["secret"]
    token = browser.token()
    sent = {"csrf_token": token, "login": "liming", "password": PASSWORD}
    assert browser.client.post("/login", data=sent).status_code == 303
    assert sessions.live_session(bureau.db, before, datetime.now(UTC)) is None
    assert is_in(browser)


@pytest.mark.parametrize(
    "weak", ["woaini1314520", "desk-desk-desk", "锦江路派出所2026", "daylight2026!"]
)
def test_what_lies_near_at_hand_is_no_password(weak: str) -> None:
    with pytest.raises(Refused, match="easy to guess"):
        require_strong(weak, ["desk", "李明", "510123", "锦江路派出所"])
