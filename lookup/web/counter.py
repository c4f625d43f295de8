"""The page that a counter's code opens: rate the service just received, and who gave it."""

from datetime import datetime

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from lookup.beijing import beijing_day, end_of_day, utc_now
from lookup.bureau import Bureau
from lookup.counters import Rating, on_duty, open_by_token, rate
from lookup.database import Record
from lookup.errors import NotFound, Refused, Throttled
from lookup.language import Text, plain
from lookup.web.access import ForgedForm, new_handle, read_handle
from lookup.web.errors import RETRY_SECONDS
from lookup.web.guard import allow
from lookup.web.pages import page, the_bureau
from lookup.web.status import choices, chosen_tags
from lookup.web.wording import said
from receipts.token import BadToken

blueprint = Blueprint("counter", __name__, url_prefix="/c/<token>")

# Sent back to the page of its counter alone.
_COOKIE = "rated"


@blueprint.get("")
@allow("public")
def show(token: str) -> Response:
    """The form, or thanks where this browser has rated the counter today."""
    return _page(open_by_token(the_bureau(), token), utc_now())


@blueprint.post("/ratings")
@allow("public")
def send(token: str) -> AnyResponse:
    """Rate the counter, once a browser and Beijing day; what is sent again changes nothing."""
    bureau, now = the_bureau(), utc_now()
    counter = open_by_token(bureau, token)
    try:
        if not _has_rated(bureau, counter, now):
            rate(bureau, counter, _sent(bureau, counter), request.remote_addr or "", now)
    except Refused as refusal:
        return _page(counter, now, 422, refusal.text)
    except ForgedForm:
        return _page(counter, now, 403, said("counter_forged"))
    except Throttled as throttled:
        answer = _page(counter, now, 429, throttled.text)
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
        return answer
    back = redirect(url_for(".show", token=token, _anchor="thanks"), 303)
    _remember(bureau, back, counter, now)
    return back


@blueprint.errorhandler(NotFound)
def _gone(_: NotFound) -> Response:
    """One page for codes that are forged, unknown or retired."""
    return page("counter.html", 404, counter=None, mistake=None)


def _page(
    counter: Record, now: datetime, status: int = 200, mistake: Text | None = None
) -> Response:
    bureau, level = the_bureau(), plain(request.form.get("level", ""))
    return page(
        "counter.html",
        status,
        counter=counter,
        duty=on_duty(counter, now),
        rated=_has_rated(bureau, counter, now),
        handle=new_handle(bureau, counter["token_id"]),
        choices=choices,
        level=level,
        ticked=chosen_tags(level),
        mistake=mistake,
    )


def _sent(bureau: Bureau, counter: Record) -> Rating:
    token_id, form = read_handle(bureau, request.form.get("form", ""))
    if token_id != counter["token_id"]:
        raise ForgedForm
    level = plain(request.form.get("level", ""))
    return Rating(level, chosen_tags(level), request.form.get("officer", ""), form)


def _has_rated(bureau: Bureau, counter: Record, now: datetime) -> bool:
    """Whether the browser holds the cookie of a rating of this counter today."""
    try:
        kept = bureau.counters.read_until(request.cookies.get(_COOKIE, ""), int(now.timestamp()))
    except BadToken:
        return False
    return bool(kept == counter["token_id"])


def _remember(bureau: Bureau, answer: AnyResponse, counter: Record, now: datetime) -> None:
    midnight = int(end_of_day(beijing_day(now)).timestamp()) + 1
    answer.set_cookie(
        _COOKIE,
        bureau.counters.sign_until(counter["token_id"], midnight),
        max_age=midnight - int(now.timestamp()),
        path=url_for(".show", **request.view_args or {}),
        secure=bureau.config.is_https,
        httponly=True,
        samesite="Lax",
    )
