"""Texts on their way, as tests put them there without a gateway, and phones that reply."""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

from werkzeug.test import TestResponse

from lookup.beijing import utc_now, utc_text
from lookup.bureau import Bureau
from lookup.cases import require_case
from lookup.database import Record
from lookup.messages import queue
from lookup.trail import Actor, change
from tests.public_cases import Phone, site_of

SECRET = "k4nnelk4nnelk4nnel"
PHONE = "19900000001"
PEOPLE = [{"role": "complainant", "name": "张三", "phone": PHONE}]
_later = count(1)


def ask(bureau: Bureau, number: str, step: str = "intake", template: str = "question") -> None:
    """Send a question about a milestone, after all that was sent before."""
    case = require_case(bureau.db, number)
    with change(bureau.db, Actor("test", "worker")) as ongoing:
        assert queue(ongoing, template, case["id"], step, about=str(next(_later)))
    send_waiting(bureau)


def send_waiting(bureau: Bureau) -> None:
    """Let all texts that wait be sent."""
    bureau.db.run(
        "UPDATE message SET state = 'sent', sent_at = :at WHERE state = 'waiting'",
        at=utc_text(utc_now() + timedelta(seconds=next(_later))),
    )


def messages_of(bureau: Bureau, number: str) -> list[Record]:
    """The texts about a case, oldest first."""
    case = require_case(bureau.db, number)
    return bureau.db.rows("SELECT * FROM message WHERE case_id = :id ORDER BY id", id=case["id"])


@dataclass
class Gateway:
    """A gateway that hands in what phones reply."""

    bureau: Bureau
    _ids: "count[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        client = site_of(self.bureau, sms_secret=SECRET).test_client()
        assert isinstance(client, Phone)
        self.client = client

    def reply(self, text: str, sender: str = PHONE, **more: str) -> TestResponse:
        """Hand in a reply, under an id of its own if none is given."""
        told = {"secret": SECRET, "from": sender, "to": "10690", "text": text}
        told |= {"id": f"in-{next(self._ids)}"} | more
        return self.client.get("/sms/inbound", query_string=told)

    def takes(self, text: str, sender: str = PHONE, **more: str) -> None:
        """Hand in a reply, which must be understood."""
        answer = self.reply(text, sender, **more)
        assert (answer.status_code, answer.data) == (200, b"")
