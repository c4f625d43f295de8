"""A cast of staff for the tests, and browsers in which they are logged in."""

import re
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from lookup import passwords
from lookup.bureau import Bureau
from lookup.roles import STAFF_ROLES
from lookup.staff import Staff, add_staff, read_staff
from lookup.trail import Actor, change
from tests.public_cases import Phone, site_of

PASSWORD = "three grey herons at dawn"
# One hash for the whole cast: reckoning it is slow on purpose.
HASH = passwords.hashed(PASSWORD)
BUREAU, EAST, STATION, SISTER, WEST = (
    "5101000000",
    "5101040100",
    "5101040101",
    "5101040102",
    "5101040201",
)
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def hire(bureau: Bureau, login: str, role: str, unit: str = STATION, name: str = "李明") -> Staff:
    """An account whose password is PASSWORD, chosen already."""
    with change(bureau.db, Actor("test", "command")) as ongoing:
        made, _ = add_staff(ongoing, login, name, role, unit, "510123")
    bureau.db.run(
        "UPDATE staff SET password = :password, must_change = 0 WHERE id = :id",
        password=HASH,
        id=made,
    )
    row = bureau.db.row(
        """SELECT staff.*, unit.name AS unit_name FROM staff
        JOIN unit ON unit.code = staff.unit WHERE staff.id = :id""",
        id=made,
    )
    assert row
    return read_staff(row)


@dataclass
class Browser:
    """A browser at a desk: it sends the anti-forgery token as its pages do."""

    client: Phone

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.client.get(path, **options)

    def token(self, page: str = "/account") -> str:
        found = _TOKEN.search(self.client.get(page).text)
        return found[1] if found else ""

    def post(self, path: str, *, csrf: bool = True, **form: Any) -> TestResponse:
        """Post a form; a list sends a field several times."""
        sent = {"csrf_token": self.token()} | form if csrf else form
        return self.client.post(path, data=sent)

    def log_in(self, login: str, password: str = PASSWORD, **form: Any) -> TestResponse:
        token = self.token("/login")
        sent = {"csrf_token": token, "login": login, "password": password} | form
        return self.client.post("/login", data=sent)


def browser_of(app: Flask) -> Browser:
    """A browser in which nobody is logged in."""
    client = app.test_client()
    assert isinstance(client, Phone)
    return Browser(client)


def at_work(
    bureau: Bureau, role: str = "desk_officer", unit: str = STATION, app: Flask | None = None
) -> Browser:
    """A browser in which somebody of a role has logged in; the login is role and unit."""
    assert role in STAFF_ROLES
    login = f"{role}.{unit}"
    hire(bureau, login, role, unit)
    browser = browser_of(app or site_of(bureau))
    assert browser.log_in(login).status_code == 303
    return browser


def too_large(browser: Browser, path: str, largest: int) -> int:
    """The answer to a body that is one byte too large."""
    form = "multipart/form-data; boundary=x"
    return browser.client.post(path, data=b"x" * (largest + 1), content_type=form).status_code
