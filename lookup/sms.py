"""The text gateway: Kannel's sendsms interface over HTTP.

What is told it, a number and a text with the secrets of the way there and back, stands in no
message of an error and in no log.
"""

from http.client import HTTPException
from typing import Literal, NamedTuple
from urllib.parse import urlencode, urlsplit

from lookup.config import Config
from lookup.texts import is_gsm

_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 20
# Every report there is: delivered, failed, buffered, with the carrier, refused by the carrier.
_REPORTS = 31

Outcome = Literal["accepted", "refused", "later", "unknown"]


class Answer(NamedTuple):
    """What became of a text, and why as a short code.

    ``later`` has certainly not been sent and may be tried again. ``unknown`` may have been sent:
    nobody can tell but the phone.
    """

    outcome: Outcome
    reason: str = ""


# A wrong password, path or route is the fault of a setting and no text's.
_SETTING = Answer("later", "gateway_setting")
_ANSWERS = {
    202: Answer("accepted"),
    400: Answer("refused", "refused"),
    503: Answer("later", "gateway_busy"),
}


def send(config: Config, number: str, text: str, message_id: str) -> Answer:
    """Hand one text to the gateway, once; reports on it name ``message_id``."""
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.exceptions import HTTPError

    url = urlsplit(config.sms_url)
    line = (HTTPSConnection if url.scheme == "https" else HTTPConnection)(
        url.hostname or "", url.port, timeout=_CONNECT_SECONDS
    )
    try:
        line.connect()
    except (HTTPError, OSError):
        return Answer("later", "gateway_down")
    try:
        line.timeout = _ANSWER_SECONDS
        asked = urlencode(_told(config, number, text, message_id))
        line.request("GET", f"{url.path}?{asked}", preload_content=False)
        status = line.getresponse().status
    except (HTTPError, HTTPException, OSError):
        return Answer("unknown", "no_answer")
    finally:
        line.close()
    is_setting = 400 <= status < 500
    return _ANSWERS.get(status) or (_SETTING if is_setting else Answer("unknown", "odd_answer"))


def _told(config: Config, number: str, text: str, message_id: str) -> dict[str, str | int]:
    report = urlencode({"secret": config.sms_secret, "id": message_id})
    return {
        "user": config.sms_user,
        "password": config.sms_password,
        "to": number,
        "text": text,
        "coding": 0 if is_gsm(text) else 2,  # seven bits, or UCS-2
        "charset": "UTF-8",
        "dlr-mask": _REPORTS,
        "dlr-url": f"{config.sms_callback_url or config.public_url}/sms/delivery"
        f"?{report}&status=%d",
    }
