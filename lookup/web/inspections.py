"""Inspections: draws, the sheets of their cases, and what was found and put right."""

from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from lookup import course, inspections
from lookup.beijing import beijing_day, utc_now
from lookup.casefile import name_choice, open_file
from lookup.errors import Conflict, NotFound, Refused
from lookup.inspection_lists import list_inspections, list_open, open_inspection, reach_drawn
from lookup.language import Text
from lookup.particulars import property_of
from lookup.people import people_of
from lookup.periods import read_period
from lookup.records import CaseRefused
from lookup.trail import Change, change
from lookup.vocabulary import ROLES, WITHHELD_REASONS
from lookup.web.audit_frame import audit_page
from lookup.web.find import page_key
from lookup.web.guard import allow, tell, the_staff
from lookup.web.pages import the_bureau
from lookup.web.wording import said

blueprint = Blueprint("inspections", __name__, url_prefix="/audit/inspections")

_NUMBER = f"int(max={2**63 - 1})"
_ONE = f"/<{_NUMBER}:inspection>"
_CASE = f"{_ONE}/<{_NUMBER}:drawn>"
NotDone = CaseRefused | Refused | Conflict


@blueprint.get("/")
@allow("audit")
def show(refused: NotDone | None = None) -> Response:
    """The inspections, or the findings that are open, as the address asks for it."""
    bureau, staff, args = the_bureau(), the_staff(), request.args
    is_open = args.get("list", "" if staff.may("inspect") else "open") == "open"
    find, after = list_open if is_open else list_inspections, args.get("after", type=page_key)
    rows, further = find(bureau.db, staff, beijing_day(utc_now()), after)
    beyond = {"list": args.get("list", ""), "after": ".".join(map(str, further or ()))}
    return _page(
        "audit_inspections.html",
        "draw",
        refused,
        is_open=is_open,
        rows=rows,
        further=further and f"?{urlencode(beyond)}",
        per_unit=bureau.oversight.inspections.per_unit,
        most=inspections.MOST,
        longest_seed=inspections.LONGEST_SEED,
    )


@blueprint.post("/")
@allow("inspect")
def draw() -> AnyResponse:
    """Draw cases."""
    bureau, staff, sent = the_bureau(), the_staff(), request.form
    unit, per_unit, seed = sent.get("unit", ""), sent.get("per_unit", 0, int), sent.get("seed", "")
    try:
        period = read_period(sent.get("period", ""))
        one, is_new = inspections.draw(bureau, staff, unit, period, per_unit, seed)
    except (CaseRefused, Refused) as refused:
        return show(refused)
    tell(said("inspections_done") if is_new else said("inspections_done_before"))
    return redirect(url_for(".show_one", inspection=one), 303)


@blueprint.get(_ONE)
@allow("audit")
def show_one(inspection: int) -> Response:
    """The cases of an inspection, by unit."""
    return _whole("audit_inspection.html", inspection)


@blueprint.get(f"{_ONE}/sheets")
@allow("inspect")
def sheets(inspection: int) -> Response:
    """The check sheets of all its cases, to be printed and taken along."""
    return _whole("audit_sheets.html", inspection)


def _whole(template: str, inspection: int) -> Response:
    bureau = the_bureau()
    row, cases = open_inspection(bureau.db, the_staff(), inspection, beijing_day(utc_now()))
    courses = course.read(bureau.db, [one["case_id"] for one in cases])
    return _page(
        template,
        row=row,
        cases=cases,
        courses=courses,
        said_step=lambda kind, code: name_choice(bureau.kinds.get(kind), code),
    )


@blueprint.get(_CASE)
@allow("audit")
def show_case(
    inspection: int, drawn: int, form: str = "", refused: NotDone | None = None
) -> Response:
    """The sheet of a case beside what Daylight shows of it."""
    bureau, staff, now = the_bureau(), the_staff(), utc_now()
    row = reach_drawn(bureau.db, staff, drawn, beijing_day(now))
    if row["inspection_id"] != inspection:
        raise NotFound(*said("inspections_not_in_it"))
    return _page(
        "audit_check.html",
        form,
        refused,
        row=row,
        file=open_file(bureau, staff, row["number"], now),
        people=people_of(bureau.db, row["case_id"]),
        things=property_of(bureau.db, row["case_id"]),
        roles=ROLES,
        reasons=WITHHELD_REASONS,
        longest=inspections.LONGEST_TOLD,
    )


@blueprint.post(_CASE)
@allow("inspect")
def check(inspection: int, drawn: int) -> AnyResponse:
    """Fill in the sheet of a case."""
    sent, seen = request.form, "seen" in request.form
    told = partial(inspections.check, failed=sent.getlist("item"), note=sent.get("note", ""))
    act = partial(told, the_bureau(), staff=the_staff(), inspected_id=drawn, seen=seen)
    to = url_for(".show_one", inspection=inspection)
    return _answer(inspection, drawn, "check", act, said("inspections_checked_done"), to)


@blueprint.post(f"{_CASE}/<item>")
@allow("approve")
def put_right(inspection: int, drawn: int, item: str) -> AnyResponse:
    """Record what was done about a finding."""
    told = partial(inspections.put_right, item=item, remedy=request.form.get("remedy", ""))
    act = partial(told, staff=the_staff(), inspected_id=drawn)
    to = url_for(".show_case", inspection=inspection, drawn=drawn)
    return _answer(inspection, drawn, item, act, said("inspections_mended"), to)


def _answer(
    inspection: int, drawn: int, form: str, act: Callable[[Change], None], done: Text, to: str
) -> AnyResponse:
    """Do what a form asks; refused, it is shown again with everything that was typed."""
    try:
        with change(the_bureau().db, the_staff().actor) as ongoing:
            act(ongoing)
    except (CaseRefused, Conflict) as refused:
        return show_case(inspection, drawn, form, refused)
    tell(done)
    return redirect(to, 303)


def _page(
    template: str, sent: str = "", refused: NotDone | None = None, **values: object
) -> Response:
    """A page; what was typed into the form that was ``sent`` and refused is kept."""
    form, status = (sent, 409 if isinstance(refused, Conflict) else 422) if refused else ("", 200)
    return audit_page(
        template,
        status,
        form=form,
        mistakes=_mistakes(refused) if refused else {},
        typed=lambda which, field, otherwise="": (
            request.form.get(field, "") if which == form else otherwise
        ),
        period_of=lambda row: read_period(f"{row['first_day']}..{row['last_day']}").name,
        **values,
    )


def _mistakes(refused: NotDone) -> dict[str, Text]:
    if isinstance(refused, CaseRefused):
        return {one.field: one.text for one in refused.refusals()}
    return {getattr(refused, "field", ""): refused.text}
