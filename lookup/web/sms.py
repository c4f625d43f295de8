"""The gateway's way in (Kannel): what phones reply, and what became of the texts sent."""

import hmac

from flask import Blueprint, Response, abort, request

from lookup.beijing import utc_now
from lookup.replies import receive
from lookup.sending import report
from lookup.trail import Actor, change
from lookup.web.guard import allow
from lookup.web.pages import the_bureau

blueprint = Blueprint("sms", __name__, url_prefix="/sms")

_LONGEST_ID = 200


@blueprint.get("/inbound")
@allow("machine")
def inbound() -> Response:
    """A text from a phone. Whatever became of it, the gateway must not send it again."""
    sender, text, inbound_id = _told("from", "text", "id")
    if request.method != "HEAD":
        with change(the_bureau().db, Actor("gateway", "sms")) as ongoing:
            receive(the_bureau(), ongoing, sender, text, inbound_id)
    return Response()


@blueprint.get("/delivery")
@allow("machine")
def delivery() -> Response:
    """A report on a text that was sent."""
    message_id, status = _told("id", "status")
    if request.method != "HEAD":
        report(the_bureau().db, message_id, status, utc_now())
    return Response()


def _told(*names: str) -> list[str]:
    """What the gateway tells, once it has shown the secret; without one set there is no gateway."""
    secret, told = the_bureau().config.sms_secret, request.args
    if not secret:
        abort(404)
    if not hmac.compare_digest(told.get("secret", "").encode(), secret.encode()):
        abort(403)
    if any(name not in told for name in names) or not 0 < len(told["id"]) <= _LONGEST_ID:
        abort(400)
    return [told[name] for name in names]
