"""The weekly digests: those of a unit, and one of them."""

from flask import Blueprint, Response

from lookup.digests import digests_of, open_digest
from lookup.supervision import NAMES
from lookup.supervision_recount import is_as_made
from lookup.web.audit_figures import HELPERS
from lookup.web.audit_frame import asked_unit, audit_page
from lookup.web.guard import allow, the_staff
from lookup.web.pages import the_bureau

blueprint = Blueprint("digests", __name__, url_prefix="/audit/digests")

_YEAR = 53
_RATES = ("disclosure_rate", "on_time_rate", "clocks_kept_rate")


@blueprint.get("/")
@allow("audit")
def show() -> Response:
    """The digests of a unit, the latest first."""
    found = digests_of(the_bureau().db, asked_unit(the_staff()), _YEAR)
    return audit_page("audit_digests.html", digests=found, rates=_RATES, **HELPERS)


@blueprint.get(f"/<int(max={2**63 - 1}):digest_id>")
@allow("audit")
def show_one(digest_id: int) -> Response:
    """One of them, as it was made; where it was altered since, the page says so."""
    db = the_bureau().db
    return audit_page(
        "audit_digest.html",
        digest=open_digest(db, the_staff().unit, digest_id),
        is_as_made=is_as_made(db, digest_id),
        rates=_RATES,
        names=NAMES,
        **HELPERS,
    )
