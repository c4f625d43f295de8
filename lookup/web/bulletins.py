"""Bulletins: drafted, approved and published by those of the whole bureau, read by all staff."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from flask import Blueprint, Response, redirect, request, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from lookup import bulletins
from lookup.beijing import utc_now
from lookup.bulletin_sheet import STATES, sheet_of
from lookup.database import Record
from lookup.errors import Conflict, Refused
from lookup.language import Text
from lookup.periods import read_period
from lookup.web.audit_frame import audit_page
from lookup.web.guard import allow, tell, the_staff
from lookup.web.pages import the_bureau
from lookup.web.wording import said

blueprint = Blueprint("bulletins", __name__, url_prefix="/audit/bulletins")

_ONE = f"/<int(max={2**63 - 1}):bulletin_id>"


@blueprint.get("/")
@allow("read")
def show_all(status: int = 200, mistake: Refused | Conflict | None = None) -> Response:
    """All that this reader may read, and the form of a draft."""
    db, staff = the_bureau().db, the_staff()
    field = mistake.field if isinstance(mistake, Refused) else ""
    return audit_page(
        "audit_bulletins.html",
        status,
        bulletins=bulletins.bulletins(db, staff),
        makes=bulletins.makes(db, staff),
        states=STATES,
        name_of=lambda code: read_period(code).name,
        typed=request.form,
        mistakes={field: mistake.text} if mistake else {},
    )


@blueprint.post("/")
@allow("inspect")
def draft() -> AnyResponse:
    """Count a quarter as a draft, or its draft anew."""
    code, seen, now = request.form.get("period", ""), request.form.get("seen", ""), utc_now()
    told = {name: request.form.get(name, "") for name in ("foreword", "changed")}
    try:
        made = bulletins.draft(the_bureau(), the_staff(), code, told, now, seen)
    except (Refused, Conflict) as mistake:
        return show_all(422 if isinstance(mistake, Refused) else 409, mistake)
    return _done(said("bulletin_drafted"), made)


@blueprint.get(_ONE)
@allow("read")
def show(bulletin_id: int) -> Response:
    """A bulletin, what the record says of it, and what is next to be done."""
    db, staff = the_bureau().db, the_staff()
    row = bulletins.find(db, staff, bulletin_id)
    return audit_page(
        "audit_bulletin.html",
        row=row,
        sheet=sheet_of(row),
        newer=_newer(bulletins.bulletins(db, staff), row),
        makes=row["state"] != "published",
        is_own=bulletins.is_own(db, staff, row),
        typed=row,
        mistakes={},
    )


@blueprint.get(f"{_ONE}.pdf")
@allow("read")
def paper(bulletin_id: int) -> Response:
    """The paper; of a published one, as it was published."""
    row = bulletins.find(the_bureau().db, the_staff(), bulletin_id)
    name = f"{row['period']}-{row['edition']}.pdf"
    pdf = BytesIO(bulletins.paper(row))
    answer = send_file(pdf, as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post(f"{_ONE}/approved")
@allow("approve")
def approve(bulletin_id: int) -> AnyResponse:
    """Let a draft be published."""
    return _act(bulletin_id, said("bulletin_approved"), bulletins.approve)


@blueprint.post(f"{_ONE}/published")
@allow("inspect", "approve")
def publish(bulletin_id: int) -> AnyResponse:
    """Publish what was approved."""
    return _act(bulletin_id, said("bulletin_published"), bulletins.publish)


def _newer(known: list[Record], row: Record) -> Record | None:
    """The latest published edition of the same quarter, where it is another one."""
    same = [one for one in known if one["period"] == row["period"] and one["published_at"]]
    return same[0] if same and same[0]["edition"] > row["edition"] else None


def _act(bulletin_id: int, told: Text, do: Callable[..., Any]) -> AnyResponse:
    do(the_bureau(), the_staff(), bulletin_id, request.form.get("seen", ""), utc_now())
    return _done(told, bulletin_id)


def _done(told: Text, bulletin_id: int) -> AnyResponse:
    tell(told)
    return redirect(url_for(".show", bulletin_id=bulletin_id), 303)
