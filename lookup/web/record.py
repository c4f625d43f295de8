"""The record of what was done, searched by those who answer for it."""

from datetime import date
from itertools import pairwise
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from lookup import trail
from lookup.bodies import read_moment
from lookup.entries import ACTIONS, WAYS, said_entry, said_who
from lookup.errors import Refused
from lookup.language import Text
from lookup.reach import is_whole
from lookup.trail_search import NEWEST, PAGE, Sought, search
from lookup.web.guard import allow, staff_page, the_staff
from lookup.web.pages import the_bureau

blueprint = Blueprint("record", __name__)

_FIELDS = ("who", "action", "number", "from", "to")


@blueprint.get("/desk/record")
@allow("trail")
def show() -> Response:
    """The entries that answer to the fields of the search, the latest first."""
    bureau, unit = the_bureau(), the_staff().unit
    typed = {name: request.args.get(name, "").strip() for name in _FIELDS}
    mistakes: dict[str, Text] = {}
    first, last = _day("from", typed["from"], mistakes), _day("to", typed["to"], mistakes)
    sought = Sought(typed["who"], typed["action"], typed["number"], first, last)
    before = request.args.get("before", NEWEST, type=int)
    rows = [] if mistakes else search(bureau.db, unit, sought, before)
    is_all = not any(typed.values()) and is_whole(bureau.db, unit)
    told = [
        row
        | {"who": said_who(row), "done": said_entry(bureau, row)}
        # A purge leaves no nonce; whether it did is for `verify-trail` to prove.
        | {"altered": bool(row["nonce"]) and not trail.is_intact(row)}
        | {"missing": newer["position"] - row["position"] - 1 if is_all and newer else 0}
        for newer, row in pairwise([None, *rows[:PAGE]])
        if row
    ]
    return staff_page(
        "record.html",
        422 if mistakes else 200,
        entries=told,
        typed=typed,
        mistakes=mistakes,
        actions=ACTIONS,
        ways=WAYS,
        newest=_link(typed) if before < NEWEST else None,
        older=_link(typed | {"before": str(told[-1]["position"])}) if rows[PAGE:] else None,
        head=trail.head(bureau.db) if is_whole(bureau.db, unit) else None,
    )


def _link(asked: dict[str, str]) -> str:
    return f"?{urlencode({name: value for name, value in asked.items() if value})}"


def _day(name: str, written: str, mistakes: dict[str, Text]) -> date | None:
    try:
        return read_moment(written, name).day if written else None
    except Refused as mistake:
        mistakes[name] = mistake.text
        return None
