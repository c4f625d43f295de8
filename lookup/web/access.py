"""Which receipt a browser has opened: a cookie, and a signed handle in each form.

The handle is the anti-forgery token. It names the receipt its page was drawn for, so that a
form never lands in another case opened meanwhile in a second tab.
"""

import secrets
from dataclasses import dataclass
from datetime import date, datetime

from flask import request
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response

from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.database import Record
from receipts.token import BadToken

COOKIE_SECONDS = 12 * 3600


class ForgedForm(Forbidden):
    """A form whose handle is missing or not ours."""


@dataclass(frozen=True)
class Opened:
    """The receipt a browser has opened, and the Beijing day on which that was counted."""

    token_id: str
    day: date


def cookie_name(bureau: Bureau) -> str:
    """The cookie's name; over https with the prefix that keeps other hosts from setting it."""
    return "__Host-case" if bureau.config.is_https else "case"


def remember(bureau: Bureau, response: Response, issue: Record, now: datetime) -> None:
    """Keep in the browser which receipt it opened."""
    payload = f"{issue['token_id']}.{beijing_day(now)}"
    response.set_cookie(
        cookie_name(bureau),
        bureau.cookies.sign_until(payload, int(now.timestamp()) + COOKIE_SECONDS),
        max_age=COOKIE_SECONDS,
        secure=bureau.config.is_https,
        httponly=True,
        samesite="Lax",
    )


def opened(bureau: Bureau, now: datetime) -> Opened | None:
    """What the browser has opened; None without a cookie, or with one expired or altered."""
    cookie = request.cookies.get(cookie_name(bureau), "")
    try:
        token_id, _, day = bureau.cookies.read_until(cookie, int(now.timestamp())).partition(".")
    except BadToken:
        return None
    return Opened(token_id, date.fromisoformat(day))


def new_handle(bureau: Bureau, token_id: str) -> str:
    """The handle of one form of a receipt's page."""
    return bureau.forms.sign(f"{token_id}.{secrets.token_urlsafe(9)}")


def read_handle(bureau: Bureau, handle: str) -> tuple[str, str]:
    """The receipt id a form was drawn for and the form's own name; raises ForgedForm."""
    try:
        token_id, _, form = bureau.forms.read(handle).partition(".")
    except BadToken:
        raise ForgedForm from None
    return token_id, form
