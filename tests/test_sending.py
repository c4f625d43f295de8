"""The outbox: what is sent, when, and at most once. Here a stand-in answers for the gateway, for
Kannel cannot be made to give every answer; test_kannel.py has the real one."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app import create_app
from lookup import sms
from lookup.backups import back_up, restore
from lookup.beijing import BEIJING, beijing_day, start_of_day, utc_now, utc_text
from lookup.bureau import Bureau, open_bureau
from lookup.cases import require_case
from lookup.config import Config
from lookup.database import Record
from lookup.messages import queue
from lookup.migrations import migrate
from lookup.parties import parties_of
from lookup.reckoning import refresh
from lookup.sending import BACKOFF, LEASE, Fate, quiet_until, report, send_next, tidy
from lookup.stops import choose_texts, stop_number
from lookup.trail import Actor, change
from lookup.withholding import ask_to_withhold
from lookup.work import JOBS, Done, run
from tests.office import EAST, SISTER, WEST, at_work
from tests.public_cases import days_ago, issue_of, put

WORKER, PERSON = Actor("test", "worker"), Actor("party 1", "web")
PHONE, SECRET = "19900000001", "Secret0123456789"
# Tomorrow: all that is queued today is due, and nothing has lapsed.
NOON = start_of_day(beijing_day(utc_now()) + timedelta(1)) + timedelta(hours=12)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Gateway:
    """Answers each request with a status; with nothing, where ``answer`` is 0; or only once
    ``go`` is set."""

    def __init__(self) -> None:
        self.answer, self.asked = 202, list[dict[str, str]]()
        self.go, self.arrived = threading.Event(), threading.Event()
        self.go.set()
        gateway = self

        class Door(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                told = parse_qs(urlsplit(self.path).query)
                gateway.asked.append({name: value for name, [value] in told.items()})
                gateway.arrived.set()
                gateway.go.wait(20)
                with suppress(OSError):
                    if gateway.answer:
                        self.send_response(gateway.answer)
                        self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()

    @property
    def settings(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.server.server_port}/cgi-bin/sendsms"
        told = {"sms_url": url, "sms_user": "daylight", "sms_password": "pass word&"}
        return told | {"sms_secret": SECRET, "sms_quiet_hours": None}


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.close()


@pytest.fixture
def office(bureau: Bureau, gateway: Gateway) -> Bureau:
    """The bureau with a gateway."""
    return replace(bureau, config=replace(bureau.config, **gateway.settings))


def register(bureau: Bureau, number: str = "A-1", phone: str = PHONE, **more: Any) -> Record:
    """A case that was filed yesterday, which is news."""
    filed = {"step": "filing", "at": days_ago(1), "outcome": "filed"}
    people = [{"role": "complainant", "name": "张三", "phone": phone}]
    return put(bureau, number, days_ago(2), [filed], parties=people, **more)


def ask(bureau: Bureau, number: str, template: str = "question", about: str = "") -> None:
    with change(bureau.db, WORKER) as ongoing:
        assert queue(ongoing, template, require_case(bureau.db, number)["id"], "filing", about)


def messages(bureau: Bureau) -> list[Record]:
    return bureau.db.rows("SELECT * FROM message ORDER BY id")


def states(bureau: Bureau) -> list[tuple[str, str]]:
    return [(one["state"], one["reason"]) for one in messages(bureau)]


def send_all(bureau: Bureau, now: datetime) -> list[Fate]:
    return list(iter(lambda: send_next(bureau, now), None))


def one_pass(bureau: Bureau) -> Done:
    return run(bureau, True, threading.Event())


def begin(bureau: Bureau, work: Callable[[], object]) -> threading.Thread:
    """Work in a thread, which closes its connection at the end."""

    def whole() -> None:
        work()
        bureau.db.close()

    thread = threading.Thread(target=whole)
    thread.start()
    return thread


def at_once(bureau: Bureau, workers: int, work: Callable[[], object]) -> None:
    for thread in [begin(bureau, work) for _ in range(workers)]:
        thread.join()


def _take_back(bureau: Bureau) -> None:
    bureau.db.run("DELETE FROM milestone WHERE step = 'filing'")


# What is sent, and what is not


def test_a_text_names_bureau_and_step_and_never_the_case(office: Bureau, gateway: Gateway) -> None:
    issue = register(office)
    with change(office.db, PERSON) as ongoing:
        choose_texts(office, ongoing, issue, "en")
    register(office, "A-2", "19900000002")
    assert [fate.state for fate in send_all(office, NOON)] == ["sent", "sent"]
    english, chinese = gateway.asked
    yesterday = beijing_day(utc_now()) - DAY
    assert chinese["text"].startswith("【蓉江市公安局】您的案件已于")
    assert f"已于{yesterday.month}月{yesterday.day}日作出是否立案的决定" in chinese["text"]
    assert english["text"].startswith("[蓉江市公安局] Whether to file your case was decided on ")
    for told in gateway.asked:
        assert not any(word in told["text"] for word in ("盗窃", "张", "刑事", "正在侦查", "filed"))
    del chinese["text"]
    back = f"https://daylight.example.cn/sms/delivery?secret={SECRET}&id=2.1&status=%d"
    assert chinese == {
        **{"user": "daylight", "password": "pass word&", "to": "19900000002"},
        **{"coding": "2", "charset": "UTF-8", "dlr-mask": "31", "dlr-url": back},
    }


def _withhold(bureau: Bureau) -> None:
    with change(bureau.db, Actor("李明 a", "desk")) as ongoing:
        ask_to_withhold(ongoing, require_case(bureau.db, "A-1"), "privacy")


def _mute(bureau: Bureau) -> None:
    with change(bureau.db, PERSON) as ongoing:
        choose_texts(bureau, ongoing, issue_of(bureau, "A-1"), "off")


def _stop(bureau: Bureau, why: Any = "stop") -> None:
    with change(bureau.db, PERSON) as ongoing:
        stop_number(bureau, ongoing, PHONE, why)


def _correct(bureau: Bureau, phone: str = "02855550000") -> None:
    register(bureau, phone=phone)


BARS: dict[str, Callable[[Bureau], None]] = {
    "withheld": _withhold,
    "muted": _mute,
    "stopped": _stop,
    "wrong_number": lambda bureau: _stop(bureau, "wrong"),
    "no_phone": _correct,
    "taken_back": _take_back,
}


@pytest.mark.parametrize("reason", BARS)
def test_what_is_not_to_be_sent_any_more_is_dropped(
    office: Bureau, gateway: Gateway, reason: str
) -> None:
    register(office)
    BARS[reason](office)
    assert send_all(office, NOON) == [Fate("dropped", reason)]
    assert (states(office), gateway.asked) == ([("dropped", reason)], [])


def test_a_number_corrected_meanwhile_is_the_one_that_gets_the_text(
    office: Bureau, gateway: Gateway
) -> None:
    register(office)
    _correct(office, "19900000009")
    send_all(office, NOON)
    assert [told["to"] for told in gateway.asked] == ["19900000009"]


# What the gateway answers


ANSWERS = {
    202: ("sent", ""),
    400: ("failed", "refused"),
    403: ("waiting", "gateway_setting"),
    404: ("waiting", "gateway_setting"),
    503: ("waiting", "gateway_busy"),
    200: ("unknown", "odd_answer"),
    500: ("unknown", "odd_answer"),
    0: ("unknown", "no_answer"),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_only_what_was_certainly_not_sent_is_sent_again_by_itself(
    office: Bureau, gateway: Gateway, answer: int
) -> None:
    register(office)
    gateway.answer = answer
    assert [fate[:2] for fate in send_all(office, NOON)] == [ANSWERS[answer]]
    assert states(office) == [ANSWERS[answer]]
    gateway.answer = 202
    again = send_all(office, NOON + DAY)
    assert bool(again) == (len(gateway.asked) == 2) == (ANSWERS[answer][0] == "waiting")


def test_a_gateway_that_is_silent_is_not_waited_for_for_ever(
    office: Bureau, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sms, "_ANSWER_SECONDS", 0.2)
    register(office)
    gateway.go.clear()
    assert send_all(office, NOON)[0][:2] == ("unknown", "no_answer")
    gateway.go.set()


def test_a_gateway_that_is_down_is_tried_less_and_less_and_then_given_up_visibly(
    bureau: Bureau, gateway: Gateway
) -> None:
    settings = gateway.settings | {"sms_url": "http://127.0.0.1:1/cgi-bin/sendsms"}
    office = replace(bureau, config=replace(bureau.config, **settings))
    register(office)
    now, waits = NOON, []
    for _ in range(6):
        assert send_all(office, now)[0][:2] == ("waiting", "gateway_down")
        [kept] = messages(office)
        assert (kept["sent_at"], kept["sent_day"]) == (None, None), "it counts for nothing"
        waits.append(datetime.fromisoformat(kept["due_at"]) - now)
        assert send_all(office, now + waits[-1] - MINUTE / 2) == []
        now += waits[-1]
    assert waits == [*BACKOFF, BACKOFF[-1], BACKOFF[-1]]
    assert tidy(office.db, NOON + 3 * DAY) == {"failed": 1}
    assert states(office) == [("failed", "lapsed")]


def test_what_never_had_its_turn_lapses(office: Bureau) -> None:
    register(office)
    assert tidy(office.db, NOON + 3 * DAY) == {"dropped": 1}
    assert send_all(office, NOON + 3 * DAY) == []


def test_a_faulty_gateway_ends_the_pass_and_leaves_the_rest_alone(
    office: Bureau, gateway: Gateway
) -> None:
    for place in range(3):
        register(office, f"A-{place}", f"1990000000{place}")
    gateway.answer = 500
    done = one_pass(office)
    assert (done.became, done.trouble) == ({"unknown": 1}, "odd_answer")
    gateway.answer = 202
    assert one_pass(office).became == {"sent": 2}
    assert [state for state, _ in states(office)] == ["unknown", "sent", "sent"]


# How often, and when


def test_a_number_gets_so_many_a_day_strictly_and_the_rest_in_the_morning(
    office: Bureau, gateway: Gateway
) -> None:
    office = replace(office, config=replace(office.config, sms_quiet_hours=(21, 8)))
    register(office)
    register(office, "A-2")
    for place in range(6):
        ask(office, f"A-{1 + place % 2}", "answered", str(place))
    at_once(office, 3, lambda: send_all(office, NOON))
    a_day = office.service.texts.a_day
    assert len(gateway.asked) == a_day
    left = [one for one in messages(office) if one["state"] == "waiting"]
    morning = utc_text(start_of_day(beijing_day(NOON) + DAY) + 8 * HOUR)
    assert {(one["reason"], one["due_at"]) for one in left} == {("a_day", morning)}
    assert len(send_all(office, NOON + DAY)) == len(left) == 8 - a_day


def test_one_question_at_a_time_goes_to_a_number(office: Bureau, gateway: Gateway) -> None:
    for number in ("A-1", "A-2"):
        register(office, number)
        ask(office, number)
    assert len(send_all(office, NOON)) == 4
    asked, waits = (one for one in messages(office) if one["template"] == "question")
    assert (asked["state"], waits["state"], waits["reason"]) == ("sent", "waiting", "question")
    assert send_all(office, NOON + HOUR)[0].reason == "question"
    office.db.run("UPDATE message SET answered_at = sent_at WHERE id = :id", id=asked["id"])
    assert [fate.state for fate in send_all(office, NOON + 2 * HOUR)] == ["sent"]
    ask(office, "A-1", "callback")
    assert send_all(office, NOON + 3 * HOUR)[0].reason == "question"
    lapsed = NOON + 2 * HOUR + office.service.texts.question_days * DAY
    assert [fate.state for fate in send_all(office, lapsed)] == ["sent"]


@pytest.mark.parametrize(
    ("hours", "hour", "until"),
    [
        ((21, 8), 20, None),
        ((21, 8), 21, (1, 8)),
        ((21, 8), 7, (0, 8)),
        ((21, 8), 8, None),
        ((0, 6), 0, (0, 6)),
        ((0, 6), 6, None),
        ((22, 0), 23, (1, 0)),
        ((22, 0), 0, None),
        (None, 3, None),
    ],
)
def test_quiet_hours_are_beijing_ones_and_may_go_over_midnight(
    hours: tuple[int, int] | None, hour: int, until: tuple[int, int] | None
) -> None:
    config = Config("sqlite:///x", (), sms_quiet_hours=hours)
    midnight = datetime(2026, 11, 20, tzinfo=BEIJING)
    found = quiet_until(config, (midnight + hour * HOUR + 59 * MINUTE).astimezone(UTC))
    assert found == (until and midnight + until[0] * DAY + until[1] * HOUR)


def test_nothing_is_sent_in_quiet_hours(office: Bureau, gateway: Gateway) -> None:
    register(office)
    hour = utc_now().astimezone(BEIJING).hour
    quiet = replace(office.config, sms_quiet_hours=(hour, (hour + 2) % 24))
    assert one_pass(replace(office, config=quiet)) == Done()
    assert one_pass(office).became == {"sent": 1}


# Once, whoever sends


def test_several_workers_send_each_message_once(office: Bureau, gateway: Gateway) -> None:
    numbers = [f"199000001{place:02d}" for place in range(20)]
    for place, phone in enumerate(numbers):
        register(office, f"A-{place}", phone)
    at_once(office, 3, lambda: one_pass(office))
    assert sorted(told["to"] for told in gateway.asked) == numbers
    assert set(states(office)) == {("sent", "")}


@pytest.mark.parametrize("decided", [False, True])
def test_an_answer_that_comes_too_late_counts_until_a_person_has_decided(
    office: Bureau, gateway: Gateway, decided: bool
) -> None:
    browser = at_work(office, "callback_officer")
    register(office)
    gateway.go.clear()
    slow = begin(office, lambda: send_next(office, NOON))
    assert gateway.arrived.wait(20)
    assert tidy(office.db, NOON + LEASE) == {}
    assert tidy(office.db, NOON + 2 * LEASE) == {"unknown": 1}
    assert states(office) == [("unknown", "broken_off")]
    assert send_all(office, NOON + DAY) == []
    if decided:
        assert browser.post("/callbacks/messages/1/left").status_code == 303
    gateway.go.set()
    slow.join()
    assert states(office) == [("dropped", "by_hand") if decided else ("sent", "")]


def test_reports_come_in_any_order_twice_or_for_nothing_and_never_lead_back(
    office: Bureau, gateway: Gateway
) -> None:
    register(office)

    def told(name: str, *statuses: str) -> str:
        for status in statuses:
            report(office.db, name, status, NOON)
        return str(messages(office)[0]["state"])

    assert told("1.0", "1", "2", "8", "16") == "delivered"
    office.db.run("UPDATE message SET state = 'waiting'")
    gateway.answer = 500
    send_all(office, NOON)
    for stranger in ("1.2", "2.1", "1", "", "1.1.1", "9" * 30 + ".1", "x.1", "1.1; DROP"):
        assert told(stranger, "8", "1", "2") == "unknown"
    assert told("1.1", "", "3", "32", "one", "-1") == "unknown"
    assert told("1.1", "8", "4") == "sent"
    assert told("1.1", "2") == "failed"
    assert told("1.1", "8") == "failed"
    assert told("1.1", "1") == "delivered"
    assert told("1.1", "16", "2", "8", "1") == "delivered"


def test_a_report_overtakes_the_answer_and_a_decision_to_send_again(
    office: Bureau, gateway: Gateway
) -> None:
    browser = at_work(office, "callback_officer")
    register(office)
    gateway.go.clear()
    slow = begin(office, lambda: send_next(office, NOON))
    assert gateway.arrived.wait(20)
    report(office.db, "1.1", "16", NOON)
    gateway.go.set()
    slow.join()
    assert states(office) == [("failed", "refused")]
    assert browser.post("/callbacks/messages/1/again").status_code == 303
    assert states(office) == [("waiting", "")]
    report(office.db, "1.1", "1", NOON)
    assert (send_all(office, NOON), states(office)) == ([], [("delivered", "")])


def test_a_message_whose_key_is_missing_keeps_no_other_waiting(
    office: Bureau, gateway: Gateway
) -> None:
    register(office)
    register(office, "A-2", "19900000002")
    [party] = parties_of(office.db, require_case(office.db, "A-1")["id"])
    office.db.run("UPDATE party SET phone_sealed = 'x' WHERE id = :id", id=party["id"])
    assert [fate[:2] for fate in send_all(office, NOON)] == [
        ("waiting", "key_missing"),
        ("sent", ""),
    ]


def test_what_waited_in_a_backup_may_have_been_sent_since_then(
    office: Bureau, gateway: Gateway, tmp_path: Path
) -> None:
    refresh(office)
    register(office)
    back_up(office, tmp_path / "night.backup", WORKER, NOON)
    assert [fate.state for fate in send_all(office, NOON)] == ["sent"]
    restore(office, tmp_path / "night.backup", WORKER, NOON, replace=True)
    assert (states(office), send_all(office, NOON)) == ([("unknown", "restored")], [])


# The worker


def test_without_a_gateway_texts_wait_and_the_command_says_so(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(bureau)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    runner = create_app(bureau.config).test_cli_runner()
    told = runner.invoke(args=["work", "--once"])
    assert told.exit_code == 0
    assert "No gateway is set" in told.output
    assert "0 sent" in told.output and "1 waiting" in told.output
    told = runner.invoke(args=["work", "--once", "--format", "json"])
    runner.app.extensions["bureau"].db.close()
    assert json.loads(told.output) == {
        **dict.fromkeys(("sent", "put_off", "failed", "unknown", "dropped"), 0),
        **{"waiting": 1, "gateway": False, "trouble": ""},
        "quiet": quiet_until(bureau.config, utc_now()) is not None,
    }
    assert states(bureau) == [("waiting", "")]


def test_the_jobs_of_the_day_are_done_once_a_day(bureau: Bureau) -> None:
    def keep() -> None:
        bureau.db.run("INSERT INTO inbound VALUES ('old', :at)", at=utc_text(utc_now() - 31 * DAY))
        bureau.db.run("INSERT INTO inbound VALUES ('new', :at)", at=utc_text(utc_now() - 29 * DAY))
        bureau.db.run("INSERT INTO throttle VALUES ('gone', 0, 1)")

    def kept() -> tuple[list[str], int]:
        inbound = bureau.db.rows("SELECT id FROM inbound ORDER BY id")
        return [one["id"] for one in inbound], len(bureau.db.rows("SELECT * FROM throttle"))

    keep()
    one_pass(bureau)
    assert kept() == (["new"], 0)
    bureau.db.run("DELETE FROM inbound")
    keep()
    one_pass(bureau)
    assert kept() == (["new", "old"], 1)
    bureau.db.run("UPDATE job SET at = :at", at=utc_text(utc_now() - DAY))
    at_once(bureau, 2, lambda: one_pass(bureau))
    assert kept() == (["new"], 0)
    jobs = bureau.db.rows("SELECT name, at FROM job ORDER BY name")
    assert [job["name"] for job in jobs] == sorted([*JOBS, "worker"])
    assert all(
        beijing_day(datetime.fromisoformat(job["at"])) == beijing_day(utc_now()) for job in jobs
    )


def test_a_database_that_cannot_be_used_is_waited_for(
    config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("lookup.work._IDLE_SECONDS", 0.02)
    bureau, stop = open_bureau(config), threading.Event()
    worker = begin(bureau, lambda: run(bureau, False, stop))
    while not caplog.records:
        worker.join(0.01)
    assert {record.getMessage() for record in caplog.records} == {
        "storage: The database has not been prepared; run flask init first."
    }
    migrate(bureau.db)
    while not bureau.db.rows("SELECT * FROM job WHERE name = 'uploads'"):
        worker.join(0.01)
    stop.set()
    worker.join()
    bureau.db.close()


# What people decide


def test_the_page_shows_what_has_to_be_decided_within_reach_and_lets_it_be_decided_once(
    office: Bureau, gateway: Gateway
) -> None:
    register(office)
    register(office, "A-2", "19900000002")
    register(office, "B-1", "19900000003", unit=WEST)
    browser = at_work(office, "callback_officer")
    page = browser.get("/callbacks/messages").text
    assert "后台程序没有运行" in page and "没有需要处理的短信" in page
    for answer in (500, 400):
        gateway.answer = answer
        one_pass(office)
    page = browser.get("/callbacks/messages").text
    assert "后台程序没有运行" not in page
    assert "A-1" in page and "A-2" in page and "B-1" not in page
    assert "网关或运营商拒收" in page and "网关的回答看不懂" in page
    assert "1990000" not in page and "张三" not in page
    assert "No worker" not in browser.get("/callbacks/messages?lang=en").text

    before = states(office)
    here = "/callbacks/messages"
    assert browser.post(f"{here}/3/again").status_code == 404
    assert browser.post(f"{here}/99/again").status_code == 404
    assert browser.post(f"{here}/{2**63}/again").status_code == 404
    assert browser.post(f"{here}/1/again", csrf=False).status_code != 303
    assert browser.get(f"{here}/1/again").status_code == 405
    for role, unit in (("callback_officer", SISTER), ("desk_officer", EAST), ("auditor", EAST)):
        assert at_work(office, role, unit).post(f"{here}/1/left").status_code in (403, 404)
    assert states(office) == before

    assert browser.post(f"{here}/1/again").status_code == 303
    assert browser.post(f"{here}/2/left").status_code == 303
    assert browser.post(f"{here}/1/left").status_code == 409
    assert browser.post(f"{here}/2/again").status_code == 409
    assert [state for state, _ in states(office)] == ["waiting", "dropped", "failed"]
    gateway.answer = 202
    assert one_pass(office).became == {"sent": 1}
    assert gateway.asked[-1]["dlr-url"].endswith("id=1.2&status=%d")
    trail = office.db.rows("SELECT * FROM trail_entry WHERE action LIKE 'message.%'")
    assert [(one["action"], one["case_number"]) for one in trail] == [
        ("message.sent_again", "A-1"),
        ("message.left", "A-2"),
    ]
    seen = at_work(office, "auditor").get(here)
    assert seen.status_code == 200 and "再发一次" not in seen.text
