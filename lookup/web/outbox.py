"""The outbox at a glance, and what a person decides of texts that failed or are unknown."""

from collections.abc import Callable

from flask import Blueprint, Response, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from lookup import sending
from lookup.beijing import utc_now, utc_text
from lookup.bureau import Bureau
from lookup.casefile import name_choice
from lookup.database import Record
from lookup.language import Text
from lookup.sealing import mask_name
from lookup.staff import Staff
from lookup.trail import Change, change
from lookup.vocabulary import ROLES
from lookup.web.guard import allow, staff_page, tell, the_staff
from lookup.web.pages import the_bureau
from lookup.web.wording import said
from lookup.work import absent_since, seen_at

blueprint = Blueprint("outbox", __name__, url_prefix="/callbacks/messages")

_SHOWN = 100
_ONE = f"/<int(max={2**63 - 1}):message_id>"


@blueprint.get("")
@allow("call", "trail")
def show() -> Response:
    """How the outbox stands, and the texts of which somebody has to decide."""
    bureau, now = the_bureau(), utc_now()
    seen, quiet = seen_at(bureau.db, "worker"), sending.quiet_until(bureau.config, now)
    rows = sending.undecided(bureau.db, the_staff().unit, _SHOWN + 1)
    return staff_page(
        "outbox.html",
        gateway=bool(bureau.config.sms_url),
        quiet=quiet and utc_text(quiet),
        seen=seen and utc_text(seen),
        is_cut_off=sending.is_cut_off(bureau.db),
        is_absent=absent_since(bureau, now) is not None,
        counts=sending.counts(bureau.db),
        rows=[_named(bureau, row) for row in rows[:_SHOWN]],
        more=len(rows) > _SHOWN,
        roles=ROLES,
    )


@blueprint.post(f"{_ONE}/again")
@allow("call")
def send_again(message_id: int) -> AnyResponse:
    """Let it go once more."""
    return _decided(message_id, sending.send_again, said("outbox_done_again"))


@blueprint.post(f"{_ONE}/left")
@allow("call")
def leave(message_id: int) -> AnyResponse:
    """Leave it."""
    return _decided(message_id, sending.drop, said("outbox_done_left"))


def _decided(message_id: int, act: Callable[[Change, Staff, int], None], done: Text) -> AnyResponse:
    with change(the_bureau().db, the_staff().actor) as ongoing:
        act(ongoing, the_staff(), message_id)
    tell(done)
    return redirect(url_for("outbox.show"), 303)


def _named(bureau: Bureau, row: Record) -> Record:
    name = mask_name(bureau.seals.open(row["name_sealed"]))
    return row | {"party": name, "about": name_choice(bureau.kinds.get(row["kind"]), row["step"])}
