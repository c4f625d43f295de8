"""Texts through the real gateway: Kannel as deploy/kannel.conf sets it up, with its fakesmsc in the
carrier's place; stopped, stalling, started again, killed."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lookup import sms
from lookup.beijing import utc_now
from lookup.bureau import Bureau
from lookup.database import Record
from lookup.feedback import ratings_of
from lookup.sending import LEASE, tidy
from lookup.work import Done, run
from tests.browsing import serve
from tests.kannel import PASSWORD, SECRET, USER, Kannel, port_of, running, until
from tests.office import at_work
from tests.public_cases import days_ago, issue_of, put
from tests.test_serving import ROOT

PHONES = [f"199000000{place:02d}" for place in range(1, 31)]
FILED = {"step": "filing", "at": days_ago(1), "outcome": "filed"}


@dataclass
class Street:
    """A bureau, its gateway, and the phones behind it."""

    bureau: Bureau
    kannel: Kannel

    def tell(self, *phones: str) -> None:
        """Record a milestone in a case of each number."""
        for phone in phones:
            people = [{"role": "complainant", "name": "张三", "phone": phone}]
            in_charge: dict[str, Any] = {"officer": "王伟", "badge": "030774"}
            put(self.bureau, f"A{phone}", days_ago(2), [FILED], parties=people, **in_charge)

    def stall(self, mode: str) -> None:
        """From now on texts go to the gateway by a line that may stall."""
        self.kannel.line.mode = mode
        config = replace(self.bureau.config, sms_url=self.kannel.url)
        self.bureau = replace(self.bureau, config=config)

    def work(self, stop: threading.Event | None = None) -> Done:
        return run(self.bureau, True, stop or threading.Event())

    def worker(self) -> "subprocess.Popen[bytes]":
        """`flask work` in a process of its own."""
        config = self.bureau.config
        environment = os.environ | {
            "DATABASE_URL": config.database_url,
            "SECRET_KEYS": ",".join(config.secret_keys),
            "BUREAU_NAME": config.bureau_name,
            "SMS_URL": config.sms_url,
            "SMS_USER": USER,
            "SMS_PASSWORD": PASSWORD,
            "SMS_SECRET": SECRET,
            "SMS_CALLBACK_URL": config.sms_callback_url,
            "SMS_QUIET_HOURS": "",
        }
        with (self.kannel.folder / "work.log").open("ab") as log:
            command = [sys.executable, "-m", "flask", "work"]
            return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)

    def messages(self) -> list[Record]:
        return self.bureau.db.rows("SELECT * FROM message ORDER BY id")

    def states(self) -> list[str]:
        return [one["state"] for one in self.messages()]

    def make_due(self) -> None:
        self.bureau.db.run("UPDATE message SET due_at = made_at")

    def got(self) -> list[str]:
        """The numbers of the texts received, a number for each text."""
        return sorted(number for number, _ in self.kannel.received())


@pytest.fixture
def street(bureau: Bureau, tmp_path: Path) -> Iterator[Street]:
    """The bureau with the gateway, each reachable for the other; no log may tell of anybody."""
    with running(tmp_path) as kannel:
        config = replace(
            bureau.config,
            sms_url=kannel.straight_url,
            sms_user=USER,
            sms_password=PASSWORD,
            sms_secret=SECRET,
            sms_callback_url=kannel.back_url,
            sms_quiet_hours=None,
        )
        office = replace(bureau, config=config)
        with serve(office, threaded=False) as url:
            kannel.back.target = port_of(url)
            yield Street(office, kannel)
            kannel.stop(signal.SIGKILL)
    logs = kannel.logs()
    for private in ("19900", "%E6", "蓉江", "立案", SECRET, PASSWORD):
        assert private not in logs


def test_a_reply_goes_from_rating_to_call_back_to_a_new_rating(street: Street) -> None:
    desk = at_work(street.bureau, "callback_officer")
    # Whatever the gateway tells, it tells twice.
    street.kannel.back.mode = "twice"
    [phone] = PHONES[:1]
    street.tell(phone)
    party = issue_of(street.bureau, f"A{phone}")["party_id"]

    def level() -> int:
        rating = ratings_of(street.bureau.db, party).get("filing")
        return rating["level"] if rating else 0

    assert street.work().became == {"sent": 1}
    until(lambda: street.states() == ["delivered"])
    street.kannel.reply(phone, "２")
    until(lambda: level() == 2)
    called: dict[str, Any] = {"result": "reached", "note": "愿意谈", "seen": "0"}
    assert desk.post("/callbacks/1/attempts", **called).status_code == 303
    closing: dict[str, Any] = {
        "result": "explained",
        "problem": "unclear",
        "remedy": "当面讲清",
        "responsible": "王伟",
    }
    assert desk.post("/callbacks/1/close", **closing, told="已向您说明").status_code == 303
    assert street.work().became == {"sent": 1}
    until(lambda: street.states() == ["delivered"] * 2)
    street.kannel.reply(phone, "5 非常满意")
    until(lambda: level() == 5)
    texts = [text for number, text in street.kannel.received() if number == phone]
    assert len(texts) == len(street.got()) == 2
    for text, said in zip(texts, ("立案", "请再次评价"), strict=True):
        assert text.startswith("【蓉江市公安局】您") and said in text and text.endswith("退订回TD")
    # The application is away for a moment: the gateway keeps the reply, and tells nobody of it.
    street.kannel.back.target, away = 1, street.kannel.back.target
    asked = street.kannel.back.asked.qsize()
    street.kannel.reply(phone, "打错了")
    until(lambda: street.kannel.back.asked.qsize() > asked)
    street.kannel.back.target = away
    until(lambda: street.bureau.db.rows("SELECT * FROM stopped_number WHERE why = 'wrong'"))
    for table, rows in (("rating", 2), ("callback", 1), ("comment", 0), ("inbound", 3)):
        assert len(street.bureau.db.rows(f"SELECT * FROM {table}")) == rows


def test_a_gateway_that_is_stopped_loses_nothing_and_sends_nothing_twice(street: Street) -> None:
    street.kannel.stop()
    street.tell(*PHONES[:5])
    assert street.work() == Done(Counter(put_off=1), "gateway_down")
    street.kannel.start()
    assert street.work().became == {"sent": 4}
    street.make_due()
    assert street.work().became == {"sent": 1}
    until(lambda: street.states() == ["delivered"] * 5)
    assert street.got() == PHONES[:5]


def test_of_a_gateway_that_stalls_nobody_knows_until_it_reports(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = at_work(street.bureau, "callback_officer")
    mute, deaf, fine = PHONES[:3]
    with monkeypatch.context() as hurry:
        hurry.setattr(sms, "_ANSWER_SECONDS", 0.3)
        for phone, mode in ((mute, "mute"), (deaf, "deaf")):
            street.tell(phone)
            street.stall(mode)
            assert street.work() == Done(Counter(unknown=1), "no_answer")
    street.stall("pass")
    street.tell(fine)
    street.make_due()
    assert street.work().became == {"sent": 1}
    until(lambda: street.states() == ["delivered", "unknown", "delivered"])
    assert street.got() == [mute, fine]
    assert browser.post("/callbacks/messages/2/again").status_code == 303
    assert street.work().became == {"sent": 1}
    until(lambda: street.states() == ["delivered"] * 3)
    assert street.got() == [mute, deaf, fine]


def _during(street: Street, happens: Callable[[], None]) -> None:
    """Send to all phones, and let something happen in the middle of it; then send the rest."""
    street.tell(*PHONES)
    over = threading.Event()

    def send() -> None:
        while "waiting" in street.states() and not over.is_set():
            street.work()
            street.make_due()
        street.bureau.db.close()

    sender = threading.Thread(target=send)
    sender.start()
    try:
        until(lambda: len(street.got()) > len(PHONES) // 4)
        happens()
        until(lambda: "waiting" not in street.states())
    finally:
        over.set()
        sender.join()


def test_a_gateway_started_again_in_the_middle_sends_each_text_once(street: Street) -> None:
    def restart() -> None:
        street.kannel.stop()
        street.kannel.start()

    _during(street, restart)
    _settle(street)
    assert len(street.got()) == len(set(street.got()))
    _check(street)


def test_of_a_gateway_killed_during_a_send_no_text_is_lost_unseen(street: Street) -> None:
    def kill() -> None:
        street.kannel.stop(signal.SIGKILL)
        street.kannel.start()

    _during(street, kill)
    _settle(street)
    _check(street)


def _settle(street: Street) -> None:
    """Wait until phones have got whatever the gateway took."""
    taken = {one["id"] for one in street.messages() if one["state"] in ("sent", "delivered")}
    until(lambda: len(set(street.got())) >= len(taken))


def _check(street: Street) -> None:
    """Each text was received, or nobody knows of it; and none was handed over twice."""
    got, states = street.got(), dict(zip(PHONES, street.states(), strict=True))
    assert set(states.values()) <= {"sent", "delivered", "unknown"}
    assert {phone for phone, state in states.items() if state != "unknown"} <= set(got)
    # What is unknown stays so, also where the gateway was certainly not reached the first time.
    assert not street.work().became


@contextmanager
def _working(street: Street) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker whose request has reached a gateway that says nothing."""
    street.stall("deaf")
    process = street.worker()
    try:
        assert b"sendsms" in street.kannel.line.asked.get(timeout=60)
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_worker_killed_during_a_send_leaves_a_text_that_only_a_person_sends_again(
    street: Street,
) -> None:
    browser = at_work(street.bureau, "callback_officer")
    street.tell(*PHONES[:2])
    with _working(street) as worker:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    street.stall("pass")
    assert street.states() == ["sending", "waiting"]
    assert street.work().became == {"sent": 1}
    assert tidy(street.bureau.db, utc_now() + LEASE + timedelta(minutes=1)) == {"unknown": 1}
    street.make_due()
    assert street.work().became == {}
    until(lambda: street.states() == ["unknown", "delivered"])
    assert street.got() == PHONES[1:2]
    assert browser.post("/callbacks/messages/1/again").status_code == 303
    assert street.work().became == {"sent": 1}
    until(lambda: street.got() == PHONES[:2])


def test_a_worker_told_to_end_ends_with_the_message_in_hand(street: Street) -> None:
    street.tell(*PHONES[:2])
    with _working(street) as worker:
        worker.send_signal(signal.SIGTERM)
        street.kannel.line.wake()
        assert worker.wait(30) == 0
    until(lambda: street.states() == ["delivered", "waiting"])
    assert street.got() == PHONES[:1]
    said = (street.kannel.folder / "work.log").read_text("utf-8")
    assert "1990000" not in said and "Traceback" not in said
