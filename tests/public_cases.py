"""Invented cases for the tests of what complainants see."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.test import TestResponse

from app import create_app
from lookup.beijing import Moment, beijing_day
from lookup.bodies import Bounds, read_case
from lookup.bureau import Bureau
from lookup.cases import AsOf, put_case, require_case
from lookup.database import Record
from lookup.issues import link, live_issue
from lookup.materials import receive_material, request_materials
from lookup.parties import parties_of
from lookup.trail import Actor, change
from lookup.units import unit_codes

STATION = "5101040101"
CLERK = Actor("test", "command")


def days_ago(days: int) -> str:
    """A Beijing day before today, at half past nine."""
    return f"{beijing_day(datetime.now(UTC)) - timedelta(days=days)} 09:30"


def put(
    bureau: Bureau,
    number: str,
    taken_in: str,
    milestones: Sequence[dict[str, Any]] = (),
    now: datetime | None = None,
    **more: Any,
) -> Record:
    """Take in a case, or move it on; the live receipt issue of its first party."""
    now = now or datetime.now(UTC)
    body = {
        "number": number,
        "kind": "criminal",
        "unit": STATION,
        "name": "张某被盗窃案",
        "officer": "李明",
        "badge": "510123",
        "taken_in_at": taken_in,
        "parties": [{"role": "complainant", "name": "张三", "phone": "13800138000"}],
        "milestones": milestones,
    } | more
    record = read_case(body, Bounds(bureau.kinds, unit_codes(bureau.db), Moment.of(now)))
    with change(bureau.db, CLERK, now) as ongoing:
        put_case(bureau, ongoing, record, AsOf(now))
    return issue_of(bureau, number)


def issue_of(bureau: Bureau, number: str, party: int = 0) -> Record:
    """The live receipt issue of a party of a case."""
    case = require_case(bureau.db, number)
    with change(bureau.db, CLERK) as ongoing:
        return live_issue(bureau, ongoing, parties_of(bureau.db, case["id"])[party]["id"])


def ask_for(bureau: Bureau, number: str, names: Sequence[str], received: Sequence[str]) -> None:
    """Ask for materials, some of which have come in."""
    case = require_case(bureau.db, number)
    with change(bureau.db, CLERK) as ongoing:
        request_materials(ongoing, case, names)
        for name in received:
            receive_material(ongoing, case, name, beijing_day(ongoing.now))


class Phone(FlaskClient):
    """A browser that reaches the site by its public address, as through a proxy."""

    def open(self, *args: Any, **options: Any) -> TestResponse:
        options.setdefault("buffered", True)
        options.setdefault("base_url", self.application.extensions["bureau"].config.public_url)
        return super().open(*args, **options)

    def scan(self, bureau: Bureau, issue: Record) -> TestResponse:
        """Open a receipt as its QR code does; the answer that follows it to the case."""
        return self.get(path_of(bureau, issue), follow_redirects=True)


def path_of(bureau: Bureau, issue: Record) -> str:
    """The path of a receipt's QR code."""
    return link(bureau, issue).removeprefix(bureau.config.public_url)


class _Compiled(BytecodeCache):
    """Compiles a template once, not once for each application that a test makes."""

    kept: ClassVar[dict[str, bytes]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


def site_of(bureau: Bureau, **settings: Any) -> Flask:
    """The application of a bureau as complainants reach it."""
    app = create_app(replace(bureau.config, **settings))
    if "database_url" not in settings:
        # One connection, closed with the bureau's own.
        app.extensions["bureau"] = replace(app.extensions["bureau"], db=bureau.db)
    app.jinja_env.bytecode_cache = _Compiled()
    app.test_client_class = Phone
    return app


def form_in(html: str, action: str, step: str = "") -> dict[str, str]:
    """The hidden fields of a page's form, for ratings that of one step."""
    for form in re.findall(r"<form.*?</form>", html, re.S):
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
        if f'action="{action}"' in form and hidden.get("step", "") == step:
            return hidden
    raise AssertionError(f"no form for {action} {step}")
