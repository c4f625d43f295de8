"""The parts of a case's file: its people, seized property, materials, and its disclosure."""

from collections.abc import Callable
from functools import partial

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from lookup import withholding
from lookup.beijing import beijing_day, utc_now
from lookup.bureau import Bureau
from lookup.callback_lists import heard_in
from lookup.casefile import take_case
from lookup.cases import OnFile
from lookup.course import IN_CUSTODY, rows_of
from lookup.database import Record
from lookup.feedback import enter_rating
from lookup.inbox import comments_about
from lookup.issues import find_live
from lookup.language import Text
from lookup.materials import asked_for, receive_material, request_materials
from lookup.people import open_person, people_of, put_person, require_person
from lookup.reach import reach_case
from lookup.sealing import mask_name, mask_phone
from lookup.seized import add_thing, change_thing
from lookup.staff import Staff
from lookup.trail import Change, change
from lookup.typed import read_day, read_part, read_words, refusal
from lookup.vocabulary import MEASURES, PROPERTY_STATES, ROLES, WITHHELD_REASONS
from lookup.web import status
from lookup.web.callbacks import rating_words, told_rating
from lookup.web.casefile import answer, case_page
from lookup.web.errors import message
from lookup.web.guard import allow, the_staff
from lookup.web.pages import the_bureau
from lookup.web.wording import said

blueprint = Blueprint("holdings", __name__, url_prefix="/desk/cases/<number>")


def holdings_of(bureau: Bureau, staff: Staff, case: Record) -> dict[str, object]:
    """What the parts of a case's page show, personal data masked."""
    live = withholding.live_withholding(bureau.db, case["id"])
    people = [_masked(bureau, one) for one in people_of(bureau.db, case["id"])]
    return {
        "people": people,
        "whose": {
            str(one["id"]): Text(*(f"{said} {one['name']}" for said in ROLES[one["role"]]))
            for one in people
        },
        "opened": {},
        "things": rows_of(bureau.db, "property", [case["id"]], "position"),
        "asked": asked_for(bureau.db, case["id"]),
        "withheld": live,
        "asker": withholding.requester(live),
        "may_decide": staff.may("approve") and withholding.is_second(staff.actor, live),
        "roles": ROLES,
        "heard": heard_in(bureau, staff, case["id"]),
        "comments": comments_about(bureau.db, staff.unit, case["id"], beijing_day(utc_now())),
        "service": bureau.service,
        **rating_words(),
        "measures": MEASURES,
        "states": PROPERTY_STATES,
        "reasons": WITHHELD_REASONS,
    }


def _masked(bureau: Bureau, person: Record) -> Record:
    name, phone = (bureau.seals.open(person[f"{what}_sealed"]) for what in ("name", "phone"))
    return person | {"name": mask_name(name), "phone": mask_phone(phone)}


@blueprint.post("/parties")
@allow("write")
def put_party(number: str) -> AnyResponse:
    """Add a person; or correct the one that is named."""
    known = request.form.get("party", type=int)
    put = partial(put_person, the_bureau(), told=request.form, party_id=known)
    return _answer(number, f"party-{known or 'new'}", said("holdings_party_saved"), put)


@blueprint.post("/parties/<int:party_id>/open")
@allow("people")
def open_party(number: str, party_id: int) -> Response:
    """Show a person's data in full, on this one answer."""
    bureau, staff = the_bureau(), the_staff()
    with change(bureau.db, staff.actor) as ongoing:
        case = reach_case(bureau.db, staff.unit, number)
        found = open_person(bureau, ongoing, case, party_id)
    return case_page(number, opened={party_id: found})


@blueprint.post("/ratings")
@allow("write")
def put_rating(number: str) -> AnyResponse:
    """Take down a rating that a party gives at the desk."""
    bureau, staff, told = the_bureau(), the_staff(), told_rating()
    party = request.form.get("party", 0, type=int)

    def put(ongoing: Change, _: int) -> None:
        case = reach_case(bureau.db, staff.unit, number, lock=True)
        issue = case | {"case_id": case["id"], "party_id": party}
        enter_rating(bureau, ongoing, staff, issue, told)

    return answer(number, "rating", said("callbacks_rated"), put)


@blueprint.get("/as/<int:party_id>")
@allow("read")
def preview(number: str, party_id: int) -> Response:
    """The case as a party sees it; neither a visit nor a way to write in his name."""
    db, now = the_bureau().db, utc_now()
    case = reach_case(db, the_staff().unit, number)
    issue = find_live(db, require_person(db, case, party_id)["id"])
    if issue is None:
        return message(200, "holdings_no_receipt_title", said("holdings_no_receipt"))
    return status.case_page(the_bureau(), issue, now, preview=the_staff().unit)


@blueprint.post("/property")
@allow("write")
def put_property(number: str) -> AnyResponse:
    """Take in a thing, move it, or say what became of it."""
    form = request.form
    do, thing = form.get("do", ""), form.get("thing", 0, type=int)

    def put(ongoing: Change, kept: OnFile) -> None:
        case, day = kept.case, read_day(ongoing, form.get("day", ""))
        if do == "move":
            place = read_words("place", form.get("place", ""))
            change_thing(ongoing, case, thing, "place", place, day)
        elif do == "settle":
            change_thing(ongoing, case, thing, "status", form.get("status", ""), day)
        else:
            told = {**form, "status": IN_CUSTODY}
            record = read_part(the_bureau(), ongoing, case, "property", told)
            add_thing(ongoing, case, record.seized[0], day)

    return _answer(number, f"{do}-{thing or 'new'}", said("holdings_property_saved"), put)


@blueprint.post("/materials")
@allow("write")
def put_materials(number: str) -> AnyResponse:
    """Tick off what has come in, correct or take back a tick, ask for what was forgotten."""
    form = request.form
    do, names = form.get("do", ""), form.getlist("name")

    def put(ongoing: Change, kept: OnFile) -> None:
        if not names:
            raise refusal("name", "请先勾选收到的材料。", "Tick what was received.")
        if do == "ask":
            wanted = [read_words("name", name) for name in names]
            if not request_materials(ongoing, kept.case, wanted, later=True):
                raise refusal("name", "清单上已有这项材料。", "It is listed already.")
            return
        day = None if do == "take_back" else read_day(ongoing, form.get("day", ""))
        for name in names:
            receive_material(ongoing, kept.case, name, day)

    return _answer(number, f"materials-{do}", said("holdings_materials_saved"), put)


@blueprint.post("/withholding")
@allow("write")
def withhold(number: str) -> AnyResponse:
    """Hide the case at once; a second person approves it."""
    reason = request.form.get("reason", "")
    ask = partial(withholding.ask_to_withhold, reason=reason)
    return _answer(number, "withhold", said("holdings_withheld"), _of_case(ask))


@blueprint.post("/disclosure")
@allow("write")
def disclose(number: str) -> AnyResponse:
    """Ask for a withheld case to be disclosed; it stays hidden until a second person approves."""
    done = said("holdings_asked")
    return _answer(number, "disclose", done, _of_case(withholding.ask_to_disclose))


@blueprint.post("/withholding/approve")
@allow("approve")
def approve(number: str) -> AnyResponse:
    """Agree to what somebody else asked for."""
    decide = partial(withholding.decide, approved=True)
    return _answer(number, "decision", said("holdings_decided"), _of_case(decide))


@blueprint.post("/withholding/reject")
@allow("approve")
def reject(number: str) -> AnyResponse:
    """Do not agree to it, and say why."""
    decide = partial(withholding.decide, approved=False, why=request.form.get("why", ""))
    return _answer(number, "decision", said("holdings_decided"), _of_case(decide))


def _answer(
    number: str, form: str, done: Text, write: Callable[[Change, OnFile], None]
) -> AnyResponse:
    def take_and_write(ongoing: Change, seen: int) -> None:
        write(ongoing, take_case(ongoing, the_staff(), number, seen))

    return answer(number, form, done, take_and_write)


def _of_case(write: Callable[[Change, Record], None]) -> Callable[[Change, OnFile], None]:
    return lambda ongoing, kept: write(ongoing, kept.case)
