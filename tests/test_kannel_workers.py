"""Workers that are killed or told to end while the real gateway has a request of theirs."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from lookup.beijing import utc_now
from lookup.sending import LEASE, tidy
from tests.kannel import until
from tests.office import at_work
from tests.street import PHONES, Street


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
