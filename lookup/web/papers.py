"""A receipt at the desk: shown as it is printed, handed over, issued anew, revoked."""

from collections.abc import Callable
from io import BytesIO
from typing import cast, get_args

from flask import Blueprint, Response, redirect, request, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from lookup import issues
from lookup.beijing import utc_now
from lookup.bodies import LONGEST
from lookup.database import Record
from lookup.errors import Conflict, DaylightError, NotFound, Refused
from lookup.language import plain
from lookup.parties import parties_of
from lookup.reach import reach_case
from lookup.sealing import mask_name
from lookup.trail import Change, change
from lookup.vocabulary import ROLES
from lookup.web.guard import allow, staff_page, tell, the_staff
from lookup.web.pages import the_bureau
from lookup.web.wording import said
from receipts.sheet import Format, Paper

blueprint = Blueprint("papers", __name__, url_prefix="/desk/cases/<number>/receipts")

_YEAR = 365 * 24 * 3600
_PAPERS = get_args(Paper)


def remember(answer: AnyResponse, name: str, value: str) -> None:
    """Keep a choice at this desk, whoever works there."""
    secure = the_bureau().config.is_https
    answer.set_cookie(name, value, max_age=_YEAR, secure=secure, httponly=True, samesite="Lax")


@blueprint.get("/<int:party_id>")
@allow("write")
def paper(number: str, party_id: int) -> Response:
    """The paper as it will be printed, and what can be done with it."""
    return _page(200, number, party_id)


@blueprint.get("/<int:party_id>.png", defaults={"form": "png"})
@blueprint.get("/<int:party_id>.pdf", defaults={"form": "pdf"})
@allow("write")
def file(number: str, party_id: int, form: Format) -> Response:
    """The paper itself, of exactly its size."""
    from lookup.printing import draw_receipt

    bureau = the_bureau()
    _, party = _found(number, party_id)
    issue = issues.find_live(bureau.db, party["id"])
    if issue is None:
        raise NotFound(*said("papers_none"))
    drawn = BytesIO(draw_receipt(bureau, issue, utc_now(), _chosen(), form))
    name = f"{issue['number']}-{issue['ordinal']}.{form}"
    answer = send_file(drawn, as_attachment=form == "pdf", download_name=name)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/<int:party_id>")
@allow("write")
def make(number: str, party_id: int) -> AnyResponse:
    """Make the receipt of a party who has none."""
    bureau = the_bureau()
    with change(bureau.db, the_staff().actor) as ongoing:
        _, party = _found(number, party_id, lock=True)
        issues.live_issue(bureau, ongoing, party["id"])
    return _to_paper(number, party_id, "now")


@blueprint.post("/<int:party_id>/handed-over")
@allow("write")
def hand_over(number: str, party_id: int) -> AnyResponse:
    """Note that the paper was put into the party's hand; then on to whatever is next."""
    refused = _refuse(number, party_id, issues.hand_over)
    if refused:
        return refused
    tell(said("papers_handed_over").fill(number=number))
    printing = request.form.get("print", "")
    case, _ = _found(number, party_id)
    for other, issue in _papers(case):
        if issue and not issue["handed_over_at"]:
            return _to_paper(number, other["id"], printing)
    # Whoever came from registering has the next person in front of her.
    if printing:
        return redirect(url_for("intake.new_case"), 303)
    return redirect(url_for("casefile.show", number=number), 303)


@blueprint.post("/<int:party_id>/reissue")
@allow("write")
def reissue(number: str, party_id: int) -> AnyResponse:
    """A new paper for a reason; the old one opens nothing from now on."""

    def act(ongoing: Change, issue: Record) -> None:
        issues.reissue(the_bureau(), ongoing, issue["party_id"], _reason())

    return _refuse(number, party_id, act) or _to_paper(number, party_id, "now")


@blueprint.post("/<int:party_id>/revoke")
@allow("write")
def revoke(number: str, party_id: int) -> AnyResponse:
    """Make a paper void without another in its place."""
    refused = _refuse(
        number, party_id, lambda ongoing, issue: issues.revoke(ongoing, issue, _reason())
    )
    return refused or _to_paper(number, party_id)


def _refuse(number: str, party_id: int, act: Callable[[Change, Record], None]) -> Response | None:
    """Act on the issue that the page showed; the page again where that cannot be."""
    bureau, seen = the_bureau(), request.form.get("issue", "")
    try:
        with change(bureau.db, the_staff().actor) as ongoing:
            _, party = _found(number, party_id, lock=True)
            act(ongoing, issues.require_live(bureau.db, party["id"], seen))
    except (Refused, Conflict) as mistake:
        return _page(422 if isinstance(mistake, Refused) else 409, number, party_id, mistake)
    return None


def _reason() -> str:
    reason = plain(request.form.get("reason", ""))
    if not 0 < len(reason) <= LONGEST:
        raise Refused("reason", reason, *said("papers_reason_missing").fill(most=LONGEST))
    return reason


def _found(number: str, party_id: int, *, lock: bool = False) -> tuple[Record, Record]:
    """The case within reach and its party; raises NotFound."""
    db = the_bureau().db
    case = reach_case(db, the_staff().unit, number, lock=lock)
    for party in parties_of(db, case["id"]):
        if party["id"] == party_id:
            return case, party
    raise NotFound(*said("papers_nobody"))


def _papers(case: Record) -> list[tuple[Record, Record | None]]:
    """The parties of a case, each with the live issue of its receipt."""
    db = the_bureau().db
    return [(one, issues.find_live(db, one["id"])) for one in parties_of(db, case["id"])]


def _chosen() -> Paper:
    asked = (request.args.get("paper"), request.cookies.get("paper"), "a5")
    return cast(Paper, next(one for one in asked if one in _PAPERS))


def _to_paper(number: str, party_id: int, print: str = "") -> AnyResponse:
    there = url_for("papers.paper", number=number, party_id=party_id, print=print or None)
    return redirect(there, 303)


def _page(
    status: int, number: str, party_id: int, mistake: DaylightError | None = None
) -> Response:
    case, party = _found(number, party_id)
    seals, chosen = the_bureau().seals, _chosen()
    answer = staff_page(
        "paper.html",
        status,
        case=case,
        party=party,
        papers=_papers(case),
        issue=issues.find_live(the_bureau().db, party_id),
        masked=lambda one: mask_name(seals.open(one["name_sealed"])),
        roles=ROLES,
        paper=chosen,
        printing=request.values.get("print", ""),
        mistake=mistake,
        reason=request.form.get("reason", ""),
    )
    remember(answer, "paper", chosen)
    return answer
