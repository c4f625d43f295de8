"""Counters at the desk: who is on duty, how each is rated, and what hangs or stands there."""

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any, cast, get_args

from flask import Blueprint, Response, redirect, request, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from lookup import counters
from lookup.beijing import beijing_day, utc_now
from lookup.bodies import read_moment
from lookup.database import Record
from lookup.errors import Refused
from lookup.language import Text
from lookup.levels import BAD, LEVELS, TAGS
from lookup.reach import units_within
from lookup.trail import change
from lookup.web.guard import allow, staff_page, tell, the_staff
from lookup.web.pages import the_bureau
from lookup.web.wording import said
from receipts.apart import render_apart
from receipts.sheet import Format, SignSize

blueprint = Blueprint("counters", __name__, url_prefix="/desk/counters")

# The period shown unless another is asked for.
_DAYS = timedelta(days=29)
_DPI = 300
_SIZES = get_args(SignSize)


@blueprint.get("")
@allow("read")
def show(mistake: Refused | None = None) -> Response:
    """The counters within reach with their ratings; one of them is looked at more closely."""
    bureau, who, now = the_bureau(), the_staff(), utc_now()
    today = beijing_day(now)
    asked = {"from": f"{today - _DAYS}", "to": f"{today}"} | request.args.to_dict()
    try:
        first, last = sorted(read_moment(asked[name], name).day for name in ("from", "to"))
    except Refused as unread:
        first, last, mistake = today - _DAYS, today, unread
    known = counters.counters_below(bureau.db, who.unit)
    chosen = _chosen(known)
    return staff_page(
        "counters.html",
        422 if mistake else 200,
        counters=known,
        figures=counters.figures(bureau.db, who.unit, first, last),
        on_duty=lambda counter: counters.on_duty(counter, now),
        chosen=chosen,
        colleagues=counters.colleagues(bureau.db, chosen, who) if chosen else {},
        latest=counters.latest(bureau.db, chosen) if chosen else [],
        units=units_within(bureau.db, who.unit),
        typed={"unit": who.unit, "name": chosen["name"] if chosen else ""}
        | asked
        | request.form.to_dict(),
        mistakes={mistake.field: mistake.text} if mistake else {},
        levels=LEVELS,
        tags=TAGS,
        bad=BAD,
        sizes=_SIZES,
    )


@blueprint.post("")
@allow("write")
def add() -> AnyResponse:
    """A new counter; its code is next to be printed."""
    who, form = the_staff(), request.form
    with change(the_bureau().db, who.actor) as ongoing:
        made = counters.add(ongoing, who.unit, form.get("unit", ""), form.get("name", ""))
    return _done(said("counters_added"), made)


@blueprint.post("/<int:counter_id>/name")
@allow("write")
def rename(counter_id: int) -> AnyResponse:
    """Call a counter something else."""
    name = request.form.get("name", "")
    return _act(counter_id, said("counters_renamed"), counters.rename, name)


@blueprint.post("/<int:counter_id>/duty")
@allow("write")
def duty(counter_id: int) -> AnyResponse:
    """Note who is at a counter from now on."""
    login = request.form.get("officer", "")
    return _act(counter_id, said("counters_duty_set"), counters.set_duty, the_staff(), login)


@blueprint.post("/<int:counter_id>/retire")
@allow("write")
def retire(counter_id: int) -> AnyResponse:
    """End a counter and its code."""
    return _act(counter_id, said("counters_retired"), counters.retire)


@blueprint.get("/<int:counter_id>.png", defaults={"form": "png"})
@blueprint.get("/<int:counter_id>.pdf", defaults={"form": "pdf"})
@allow("read")
def sign(counter_id: int, form: Format) -> Response:
    """What hangs (A4) or stands (A6) at a counter, of exactly that size."""
    bureau, asked = the_bureau(), request.args.get("size")
    counter = counters.require_counter(bureau.db, the_staff().unit, counter_id)
    size = cast(SignSize, asked if asked in _SIZES else _SIZES[0])
    drawn = render_apart(counters.sign_of(bureau, counter), size, form, _DPI)
    name = f"counter-{counter_id}-{size}.{form}"
    answer = send_file(BytesIO(drawn), as_attachment=form == "pdf", download_name=name)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.errorhandler(Refused)
def _refused(mistake: Refused) -> Response:
    """The page of the form again, with what was typed and the mistake beside its field."""
    return show(mistake)


def _chosen(known: list[Record]) -> Record | None:
    asked = (request.view_args or {}).get("counter_id") or request.args.get("counter", type=int)
    in_use = (one for one in known if not one["retired_at"])
    return next((one for one in in_use if one["id"] == asked), None)


def _act(counter_id: int, told: Text, do: Callable[..., None], *values: Any) -> AnyResponse:
    with change(the_bureau().db, the_staff().actor) as ongoing:
        counter = counters.require_counter(ongoing.db, the_staff().unit, counter_id)
        do(ongoing, counter, *values)
    return _done(told, counter_id)


def _done(told: Text, counter_id: int) -> AnyResponse:
    tell(told)
    return redirect(url_for(".show", counter=counter_id), 303)
