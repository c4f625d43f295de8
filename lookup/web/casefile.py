"""The file of one case: what there is of it, and what staff record of its course."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from lookup.beijing import Moment, beijing_day, from_utc_text, utc_now
from lookup.bureau import Bureau
from lookup.casefile import (
    CaseFile,
    Overtaken,
    change_details,
    extend_clock,
    name_choice,
    open_file,
    record_milestone,
    take_case,
)
from lookup.corrections import (
    correct_milestone,
    history_of,
    take_back,
    take_back_extension,
)
from lookup.database import Record
from lookup.entries import WAYS, entries_of, said_entry, said_who
from lookup.kinds import Kind
from lookup.language import Text
from lookup.reach import is_within
from lookup.records import CaseRefused, said_moment
from lookup.trail import Change, change
from lookup.units import unit_names
from lookup.vocabulary import CHANNELS
from lookup.web.guard import allow, staff_page, tell, the_staff
from lookup.web.pages import the_bureau
from lookup.web.wording import said

blueprint = Blueprint("casefile", __name__, url_prefix="/desk/cases/<number>")

_SHOWN = 30
_ALL = 10_000
_TOO_LONG = 19  # for a number that a database keeps
_NO_SECONDS = ":00"
_DETAILS = ("name", "officer", "badge", "channel", "kind", "unit", "reported_at", "remark")


def case_page(
    number: str,
    status: int = 200,
    form: str = "",
    mistakes: Mapping[str, Text] | None = None,
    overtaken: Overtaken | None = None,
    **more: object,
) -> Response:
    """The file of a case. ``form`` names the form that was refused: it keeps what was typed, with
    the ``mistakes`` beside its fields, or with what others did meanwhile."""
    # Its forms come back to this page, so neither module can be first.
    from lookup.web.holdings import holdings_of

    bureau, staff, now = the_bureau(), the_staff(), utc_now()
    file = open_file(bureau, staff, number, now)
    values = {
        "form": form,
        "mistakes": mistakes or {},
        "overtaken": overtaken,
        "typed": partial(_typed, form),
        "now": said_moment(Moment.of(now.replace(second=0))).removesuffix(_NO_SECONDS),
        "today": beijing_day(now).isoformat(),
        "correcting": _typed(form, "correction", "step", request.args.get("correct", "")),
        "units": {code: Text(name, name) for code, name in unit_names(bureau.db).items()},
        "kinds": {kind.code: kind.name for kind in bureau.kinds.values()},
        "said_entry": partial(said_entry, bureau),
    }
    return staff_page(
        "casefile.html",
        status,
        **_HELPERS
        | values
        | _of_file(bureau, file, form)
        | holdings_of(bureau, staff, file.case)
        | more,
    )


def _of_file(bureau: Bureau, file: CaseFile, form: str) -> dict[str, object]:
    case, shown = file.case, _ALL if request.args.get("record") == "all" else _SHOWN
    return {
        "file": file,
        "case": case,
        "present": case | {"reported_at": _typed_moment(case, "reported")},
        "choices": _choices(form, file),
        "correctable": _correctable(file.kind),
        "history": history_of(bureau.db, case["number"]),
        "said_was": partial(_said_was, file.kind),
        "record": entries_of(bureau.db, case["number"], limit=shown + 1),
        "shown": shown,
    }


def answer(number: str, form: str, done: Text, write: Callable[[Change, int], Any]) -> AnyResponse:
    """Do what a form of the case's page asks; ``write`` is given the change and what she had seen.

    Refused, or overtaken by somebody else, it is shown again with everything that was typed.
    """
    mark = request.form.get("seen", "")
    seen = int(mark) if mark.isdecimal() and len(mark) < _TOO_LONG else -1
    try:
        with change(the_bureau().db, the_staff().actor) as ongoing:
            write(ongoing, seen)
    except CaseRefused as refused:
        return case_page(number, 422, form, _by_field(refused))
    except Overtaken as overtaken:
        return case_page(number, 409, form, overtaken=overtaken)
    tell(done)
    return redirect(url_for("casefile.show", number=number), 303)


def _typed(sent: str, form: str, field: str, otherwise: str = "") -> str:
    """What a field shows: of the form that was sent, what was typed."""
    return request.form.get(field, "") if form == sent else otherwise


def _by_field(refused: CaseRefused) -> dict[str, Text]:
    """The first mistake of each field of the form."""
    found: dict[str, Text] = {}
    for one in refused.refusals():
        field = one.field.rpartition(".")[2]
        chosen = "choice" in request.form and field in ("step", "outcome", "extended_days")
        found.setdefault("choice" if chosen else field, one.text)
    return found


def _choices(form: str, file: CaseFile) -> Mapping[str, Text]:
    """The steps on offer, and the one that was sent though it may be none of them."""
    sent = _typed(form, "milestone", "choice")
    return {sent: name_choice(file.kind, sent), **file.choices} if sent else file.choices


def _correctable(kind: Kind | None) -> dict[str, dict[str, Any]]:
    """The name and the outcomes of each milestone, by step."""
    return {
        one.step: {"name": one.name, "outcomes": {o.code: o.name for o in one.outcomes}}
        for one in (kind.milestones if kind else ())
    }


@blueprint.get("")
@allow("read")
def show(number: str) -> Response:
    """The whole file."""
    return case_page(number)


@blueprint.post("/milestones")
@allow("write")
def record(number: str) -> AnyResponse:
    """Record that a step was reached."""
    bureau, staff = the_bureau(), the_staff()
    told = _chosen("outcome") | typed_in("at")
    return answer(
        number,
        "milestone",
        said("casefile_recorded"),
        lambda ongoing, seen: record_milestone(bureau, ongoing, staff, number, told, seen),
    )


@blueprint.post("/extensions")
@allow("write")
def extend(number: str) -> AnyResponse:
    """Record that more time was approved."""
    told = _chosen("extended_days") | typed_in("approved_by", "why")
    act = partial(extend_clock, the_staff())
    return _amended(number, "extension", said("casefile_extended"), act, told)


@blueprint.post("/extensions/taken-back")
@allow("write")
def shorten(number: str) -> AnyResponse:
    """Take back an extension that was never approved."""
    told = typed_in("step", "why")
    done = said("casefile_not_extended")
    return _amended(number, f"shorten-{told['step']}", done, take_back_extension, told)


@blueprint.post("/corrections")
@allow("write")
def correct(number: str) -> AnyResponse:
    """Put right what was recorded of a milestone."""
    told = typed_in("step", "at", "outcome", "why")
    return _amended(number, "correction", said("casefile_corrected"), correct_milestone, told)


@blueprint.post("/taken-back")
@allow("write")
def withdraw(number: str) -> AnyResponse:
    """Take back a milestone that never happened."""
    told = typed_in("step", "why")
    return _amended(number, "correction", said("casefile_taken_back"), take_back, told)


@blueprint.post("/details")
@allow("write")
def details(number: str) -> AnyResponse:
    """Change what is said of the case itself; only fields that were touched are told."""
    told = typed_in(*_DETAILS)
    told = {name: now for name, now in told.items() if now != request.form.get(f"was_{name}", "")}
    unit = told.get("unit") or the_staff().unit
    is_away = not is_within(the_bureau().db, the_staff().unit, unit)
    moved = said("casefile_moved").fill(
        number=number, unit=unit_names(the_bureau().db).get(unit, "")
    )
    done = moved if is_away else said("casefile_saved")
    answered = _amended(number, "details", done, change_details, told)
    return redirect("/desk/", 303) if is_away and answered.status_code == 303 else answered


def typed_in(*names: str) -> dict[str, str]:
    """What was sent in some fields of a form."""
    return {name: request.form.get(name, "") for name in names}


def _chosen(second: str) -> dict[str, str]:
    """A choice of a step and of what goes with it."""
    step, _, chosen = request.form.get("choice", "").partition(" ")
    return {"step": step, second: chosen}


def _amended(
    number: str, form: str, done: Text, act: Callable[..., object], told: Mapping[str, str]
) -> AnyResponse:
    def write(ongoing: Change, seen: int) -> None:
        act(the_bureau(), ongoing, take_case(ongoing, the_staff(), number, seen), told)

    return answer(number, form, done, write)


def _typed_moment(row: Record, stem: str = "happened") -> str:
    """A moment of a row as it may be typed; empty where there is none."""
    day, at = row[f"{stem}_day"], row[f"{stem}_at"]
    return said_moment(Moment.read(day, at)).removesuffix(_NO_SECONDS) if day else ""


def _said_was(kind: Kind | None, step: str, was: Record) -> Text:
    """A former value of a milestone."""
    at = was["at"]
    day, instant = (beijing_day(from_utc_text(at)).isoformat(), at) if "T" in at else (at, None)
    moment = _typed_moment({"happened_day": day, "happened_at": instant})
    outcome = kind.outcome_named(step, was.get("outcome", "")) if kind else None
    return Text(*(f"{moment} {name}".strip() for name in (outcome.name if outcome else ("", ""))))


_HELPERS = {
    "typed_moment": _typed_moment,
    "said_who": said_who,
    "ways": WAYS,
    "channels": CHANNELS,
}
