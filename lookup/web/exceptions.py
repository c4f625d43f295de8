"""What stands out: all lists with how long they are, and each with its rows; as a file too."""

import re
from contextlib import ExitStack
from tempfile import TemporaryFile

from flask import Blueprint, Response, abort, request, send_file
from werkzeug.wrappers import Response as AnyResponse

from lookup import exceptions
from lookup.beijing import utc_now
from lookup.exception_sql import Asked
from lookup.exceptions import RULES, Key, Rule
from lookup.sheets import write_csv
from lookup.web.audit_frame import asked_link, asked_period, asked_unit, audit_page
from lookup.web.guard import allow, the_staff
from lookup.web.pages import the_bureau

blueprint = Blueprint("exceptions", __name__, url_prefix="/audit/exceptions")

_KEY = re.compile(r"(\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\dZ)?)\.(\d{1,18})", re.ASCII)
_COLUMNS = ("number", "kind", "unit", "unit_name", "officer", "badge", "reason")


@blueprint.get("")
@allow("audit")
def show() -> Response:
    """All lists, each with how many rows it has."""
    bureau, asked = the_bureau(), _asked()
    return audit_page(
        "audit_exceptions.html",
        lists=[
            (one, exceptions.meaning_of(bureau, one), exceptions.count(bureau, one, asked))
            for one in RULES.values()
        ],
        most=exceptions.MOST,
    )


@blueprint.get("/<code>")
@allow("audit")
def one_list(code: str) -> Response:
    """A page of one list."""
    bureau, asked, rule = the_bureau(), _asked(), _rule(code)
    after = request.args.get("after", type=_page_key)
    rows, beyond = exceptions.page(bureau, rule, asked, after)
    told = None if after else exceptions.authors(bureau, rule, asked)
    return audit_page(
        "audit_exception.html",
        rule=rule,
        meaning=exceptions.meaning_of(bureau, rule),
        rows=rows,
        authors=told,
        after=after,
        further=beyond and asked_link(request.path, after=".".join(map(str, beyond))),
    )


@blueprint.get("/<code>.csv")
@allow("audit")
def download(code: str) -> AnyResponse:
    """All rows of one list."""
    bureau, asked, rule = the_bureau(), _asked(), _rule(code)
    with ExitStack() as unless_made:
        file = unless_made.enter_context(TemporaryFile(prefix="daylight-"))
        rows = exceptions.every(bureau, rule, asked)
        write_csv(file, _COLUMNS, ([getattr(row, name) for name in _COLUMNS] for row in rows))
        file.seek(0)
        unless_made.pop_all()  # the answer closes it once it is sent
    period = f"-{asked.period.code}" if rule.by_period else ""
    answer = send_file(file, "text/csv", True, f"{code}{period}-{asked.unit}.csv")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _asked() -> Asked:
    return Asked(asked_unit(the_staff()), asked_period(), utc_now())


def _rule(code: str) -> Rule:
    return RULES.get(code) or abort(404)


def _page_key(written: str) -> Key:
    """Where a page begins; raises ValueError for what is no key."""
    match = _KEY.fullmatch(written)
    if match is None:
        raise ValueError(written)
    return match[1], int(match[2])
