"""What runs out soon: on the desk of whoever sees to it, and as a text to the duty phone."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import Event
from typing import Any

import pytest

from lookup import duty
from lookup.beijing import beijing_day, utc_now
from lookup.bureau import Bureau
from lookup.comments import comment
from lookup.database import Record
from lookup.docket import Question, find_cases
from lookup.doctor import examine
from lookup.duty import disown
from lookup.feedback import rate
from lookup.language import Text
from lookup.sending import BACKOFF, Fate
from lookup.supervision import due_soon, said_until
from lookup.texts import compose_duty, segments
from lookup.trail import Actor, change
from lookup.work import run
from tests.office import BUREAU, EAST, STATION, WEST, at_work, hire
from tests.public_cases import put, site_of
from tests.test_sending import Gateway, at_once

# A Friday, at eight in Beijing.
FRIDAY = datetime(2026, 11, 20, 0, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
PHONE = "19900000077"
TEXT = (
    "【蓉江市公安局】锦江路派出所：截至11月23日（周一）到期的期限3件、回访1件、留言2件，"
    "已超期2件，请登录查看。"
)


def say(bureau: Bureau, issue: Record, now: datetime, category: str = "inquiry") -> None:
    with change(bureau.db, Actor("party", "web"), now) as ongoing:
        comment(bureau, ongoing, issue, "请问什么时候有结果？", f"{now} {category}", category)


@pytest.fixture
def town(bureau: Bureau) -> Bureau:
    """At the station three decisions, a call-back and two comments are due by Monday, and a
    decision and a comment are overdue; a report and more cases are not to be counted."""
    first = put(bureau, "A-friday", "2026-11-17 09:00", now=FRIDAY)
    put(bureau, "A-saturday", "2026-11-18 09:00", now=FRIDAY)
    other = put(bureau, "A-other", "2026-11-19 09:00", now=FRIDAY, officer="赵磊", badge="510999")
    put(bureau, "A-late", "2026-11-10 09:00", now=FRIDAY)
    put(
        bureau,
        "A-done",
        "2026-11-17 09:00",
        [{"step": "filing", "at": "2026-11-18 09:00", "outcome": "filed"}],
        now=FRIDAY,
    )
    put(bureau, "A-west", "2026-11-17 09:00", now=FRIDAY, unit=WEST)
    say(bureau, first, FRIDAY - 2 * DAY)
    say(bureau, other, FRIDAY - DAY)
    say(bureau, other, FRIDAY - 7 * DAY)
    # Both of them are due on Monday too, and neither is the station's.
    say(bureau, first, datetime(2026, 11, 16, 1, tzinfo=UTC), "report")
    with change(bureau.db, Actor("party", "web"), FRIDAY) as ongoing:
        rate(bureau, ongoing, first, "intake", "1", [], "a form")
    bureau.db.run("UPDATE callback SET due_day = '2026-11-21'")
    return bureau


def test_what_runs_out_by_the_next_working_day_is_on_the_desk_of_whoever_sees_to_it(
    town: Bureau,
) -> None:
    reports = town.db.rows("SELECT unit, due_day FROM comment WHERE is_report = 1")
    assert reports == [{"unit": EAST, "due_day": "2026-11-23"}]
    soon = {
        role: due_soon(town, hire(town, role.replace("_", "."), role, STATION), FRIDAY)
        for role in ("desk_officer", "callback_officer", "supervisor", "auditor")
    }
    assert soon["desk_officer"] == ({"clocks": 2, "comments": 1}, True)
    assert soon["callback_officer"] == ({"callbacks": 1, "comments": 2}, False)
    assert soon["supervisor"] == ({"clocks": 3, "callbacks": 1, "comments": 2}, False)
    assert soon["auditor"] == ({}, False)
    # Whoever is to answer a report is told as of any other comment.
    chief = hire(town, "chief", "supervisor", EAST)
    assert due_soon(town, chief, FRIDAY).counts == {"clocks": 3, "callbacks": 1, "comments": 3}
    # What is listed is what was counted, also over a weekend and before long holidays.
    officer = hire(town, "other", "desk_officer", STATION, "赵磊")
    listed = [
        [row.case["number"] for row in find_cases(town, who, question, FRIDAY)[0]]
        for who, question in (
            (chief, Question(due="tomorrow")),
            (chief, Question(due="today")),
            (officer, Question(due="tomorrow", mine=True)),
        )
    ]
    assert listed[:2] == [["A-friday", "A-saturday", "A-other"], ["A-friday"]]
    saturday = due_soon(town, chief, FRIDAY + DAY)
    assert saturday.counts == {"clocks": 2, "callbacks": 1, "comments": 2}
    untils = [said_until(town, day) for day in (date(2026, 11, 19), date(2026, 9, 30))]
    assert untils == [("明日", "tomorrow"), ("10月8日（周四）", "Thu 8 Oct")]


def test_the_desk_begins_with_what_runs_out_soon_and_leads_to_it(town: Bureau) -> None:
    today = f"{beijing_day(utc_now())}"
    for table in ("clock", "callback", "comment"):
        town.db.run(f"UPDATE {table} SET due_day = :today", today=today)
    app = site_of(town)
    chief = at_work(town, "supervisor", app=app)
    page = chief.get("/desk/").text
    links = re.findall(r'small" href="(/[^"]*=tomorrow)">\w+ (\d+)</a>', page)
    assert len(links) == 3
    for address, number in links:
        rows = re.findall(r'<td><a href="/', chief.get(address).text)
        assert len(rows) == int(number) > 0
    assert "到期：</b>" not in chief.get("/desk/?due=next").text
    assert "到期：</b>" not in at_work(town, "auditor", app=app).get("/desk/").text
    own = at_work(town, app=app)
    assert 'href="/desk/?due=tomorrow&amp;mine=yes"' in own.get("/desk/").text
    comments = own.get("/desk/comments/?list=tomorrow&mine=yes").text
    assert len(re.findall(r'<td><a href="/desk/comments/\d+"', comments)) == 1


# The duty phone


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.close()


@pytest.fixture
def office(town: Bureau, gateway: Gateway) -> Bureau:
    """The town with a gateway and a duty phone at the station and at one that has nothing to do."""
    told = {"phone": PHONE, "station": STATION, "idle": "5101040102"}
    town.db.run("UPDATE unit SET duty_phone = :phone WHERE code IN (:station, :idle)", **told)
    return replace(town, config=replace(town.config, **gateway.settings))


def kept(bureau: Bureau) -> list[tuple[str, str, str, int]]:
    rows = bureau.db.rows("SELECT * FROM duty_text ORDER BY day, unit")
    return [(row["unit"], row["day"][-2:], row["state"], row["tries"]) for row in rows]


def test_one_text_with_counts_only_goes_to_each_duty_phone_on_a_working_morning(
    office: Bureau, gateway: Gateway
) -> None:
    before = [FRIDAY - MINUTE, FRIDAY + DAY, FRIDAY + 2 * DAY]
    assert [duty.send_next(office, now) for now in before] == [None] * 3
    at_once(office, 3, lambda: (duty.send_next(office, FRIDAY), duty.send_next(office, FRIDAY)))
    assert duty.send_next(office, FRIDAY + 60 * MINUTE) is None
    assert kept(office) == [(STATION, "20", "sent", 1), ("5101040102", "20", "dropped", 1)]
    [told] = gateway.asked
    assert (told["to"], told["text"]) == (PHONE, TEXT)
    assert segments(TEXT) == 1
    # A report of the gateway on it changes no other text.
    client, secret = site_of(office).test_client(), told["dlr-url"].partition("?")[2]
    assert client.get(f"/sms/delivery?{secret % 2}").status_code == 200
    assert kept(office)[0][2] == "sent"
    # On Monday anew, unless it may have gone before a backup came back.
    disown(office.db, FRIDAY + 3 * DAY)
    assert duty.send_next(office, FRIDAY + 3 * DAY) is None
    assert duty.send_next(office, FRIDAY + 4 * DAY) == ("sent", "", FRIDAY + 4 * DAY + BACKOFF[0])


@pytest.mark.parametrize(("answer", "state"), [(0, "unknown"), (400, "failed"), (202, "sent")])
def test_a_gateway_at_fault_is_tried_again_within_the_day_and_no_text_goes_twice(
    office: Bureau, gateway: Gateway, answer: int, state: str
) -> None:
    gateway.answer = 503
    fate = duty.send_next(office, FRIDAY)
    assert fate == Fate("waiting", "gateway_busy", FRIDAY + BACKOFF[0]) and fate.is_trouble
    assert duty.send_next(office, FRIDAY) == ("dropped", "nothing", None)
    assert duty.send_next(office, FRIDAY + BACKOFF[0] - MINUTE / 60) is None
    gateway.answer = answer
    again = duty.send_next(office, FRIDAY + BACKOFF[0])
    assert again and again.state == state
    for now in (FRIDAY + BACKOFF[0] + BACKOFF[1], FRIDAY + DAY / 2):
        assert duty.send_next(office, now) is None
    assert (kept(office)[0], len(gateway.asked)) == ((STATION, "20", state, 2), 2)
    found = [one.name for one in examine(office, {}, FRIDAY, debug=False)]
    assert ("duty_failed" in found) is (state != "sent")


def test_the_worker_sends_it(
    office: Bureau, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.db.run("UPDATE message SET state = 'sent'")
    monkeypatch.setattr("lookup.work.utc_now", lambda: FRIDAY)
    done = run(office, once=True, stop=Event())
    assert done.became["sent"] >= 1 and TEXT in [told["text"] for told in gateway.asked]


def test_a_duty_text_takes_two_parts_at_most_whatever_the_names() -> None:
    counts = {"clocks": 1234, "callbacks": 1234, "comments": 1234, "overdue": 12345}
    until = Text("11月23日（周一）", "Mon 23 Nov")
    text = compose_duty("公安局" * 60, "派出所" * 60, {**counts, "until": until})
    assert segments(text) == 2 and text.startswith("【公安局") and "已超期12345件" in text


def test_the_administrator_sets_a_duty_phone_that_can_get_texts(bureau: Bureau) -> None:
    chief = at_work(bureau, "administrator", BUREAU)
    told: dict[str, Any] = {
        "known": STATION,
        "code": STATION,
        "name": "锦江路派出所",
        "parent": EAST,
    }
    told |= {"address": "城东区锦江路18号", "phone": "028-55550101"}
    wrong = chief.post("/admin/units", **told, duty_phone="028-55550101")
    assert wrong.status_code == 422 and 'id="duty_phone-error"' in wrong.text
    for typed, phone in (("+86 199-0000-0077", PHONE), ("", "")):
        assert chief.post("/admin/units", **told, duty_phone=typed).status_code == 303
        [unit] = bureau.db.rows("SELECT duty_phone FROM unit WHERE code = :code", code=STATION)
        assert unit["duty_phone"] == phone
