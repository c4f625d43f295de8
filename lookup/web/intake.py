"""Registering a case: one screen, and then the paper."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from lookup.beijing import Moment, utc_now
from lookup.database import Record
from lookup.errors import Refused
from lookup.intake import Intake, LikelyDuplicates, NumberTaken, take_in
from lookup.reach import units_within
from lookup.records import CaseRefused, prose, said_moment
from lookup.vocabulary import CHANNELS, MEASURES, ROLES, WITHHELD_REASONS
from lookup.web.guard import allow, staff_page, the_staff
from lookup.web.pages import the_bureau
from lookup.web.papers import remember

blueprint = Blueprint("intake", __name__)

Typed = Mapping[str, str]

# Fields are named by the paths of the API's body: a refusal finds its place by its name.
_FIELDS = (
    *("number", "kind", "unit", "name", "officer", "badge", "channel", "reported_at"),
    *("taken_in_at", "withheld_reason", "remark"),
)
_PARTY = ("role", "name", "phone", "id_last4")
_THING = ("name", "quantity", "unit", "measure", "place")
_CHOSEN = {"role", "measure", "at_path"}  # told before anybody types
_ROWS = 3


@blueprint.get("/desk/new")
@allow("write")
def new_case() -> Response:
    """The form, with what is most likely filled in."""
    who, kinds = the_staff(), the_bureau().kinds
    last = request.cookies.get("kind", "")
    typed = {
        "kind": last if last in kinds else next(iter(kinds)),
        "parties.1.role": "victim",
        "parties.2.role": "guardian",
        "taken_in_at": said_moment(Moment.of(utc_now()))[:-3],
        "channel": "counter",
        "unit": who.unit,
        "officer": who.name,
        "badge": who.badge,
    }
    return _page(200, typed)


@blueprint.post("/desk/new")
@allow("write")
def register() -> AnyResponse:
    """Register the case and go on to its first paper."""
    typed = request.form
    lines = map(prose, typed.get("materials", "").splitlines())
    intake = Intake(_body(typed), list(filter(None, lines)), frozenset(typed.getlist("warned")))
    try:
        number, party = take_in(the_bureau(), the_staff(), intake, utc_now())
    except CaseRefused as refused:
        return _page(422, typed, refused.refusals())
    except LikelyDuplicates as likely:
        return _page(409, typed, duplicates=likely.cases)
    answer = redirect(url_for("papers.paper", number=number, party_id=party, print="now"), 303)
    remember(answer, "kind", typed["kind"])
    return answer


def _body(typed: Typed) -> dict[str, Any]:
    parties, things = list(_rows(typed, "parties", _PARTY)), list(_rows(typed, "property", _THING))
    return {name: typed.get(name, "") for name in _FIELDS} | {
        "parties": parties[:1] + list(filter(_is_told, parties[1:])),
        "property": [one | {"status": "kept"} for one in things if _is_told(one)],
    }


def _rows(typed: Typed, group: str, names: Sequence[str]) -> Iterator[dict[str, str]]:
    for path in (f"{group}.{place}" for place in range(_ROWS)):
        yield {name: typed.get(f"{path}.{name}", "") for name in names} | {"at_path": path}


def _is_told(row: Mapping[str, str]) -> bool:
    return any(told.strip() for name, told in row.items() if name not in _CHOSEN)


def _page(
    status: int, typed: Typed, refusals: Sequence[Refused] = (), duplicates: Sequence[Record] = ()
) -> Response:
    bureau, now = the_bureau(), utc_now()
    mistakes = {one.field: one for one in reversed(refusals)}
    shown = [str(one["id"]) for one in duplicates]
    return staff_page(
        "new.html",
        status,
        typed=typed,
        body=_body(typed),
        mistakes=mistakes,
        first=next((name for name in typed if name in mistakes), "number"),
        taken=next((one.case for one in refusals if isinstance(one, NumberTaken)), None),
        duplicates=duplicates,
        warned=shown or request.form.getlist("warned"),
        rows=range(_ROWS),
        kinds=[(code, kind.name) for code, kind in bureau.kinds.items()],
        units=units_within(bureau.db, the_staff().unit),
        roles=ROLES,
        channels=CHANNELS,
        measures=MEASURES,
        reasons=WITHHELD_REASONS,
        now=int(now.timestamp() * 1000),
    )
