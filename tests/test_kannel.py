"""Texts through the real gateway: Kannel as deploy/kannel.conf sets it up, with its fakesmsc in the
carrier's place; stopped, stalling, started again, killed."""

import signal
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from lookup import sms
from lookup.feedback import ratings_of
from lookup.work import Done
from tests.kannel import until
from tests.office import at_work
from tests.public_cases import issue_of
from tests.street import PHONES, Street


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
