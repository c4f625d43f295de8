"""The auditor's overview of a period against the one before, and its table; as pages and files."""

from contextlib import ExitStack
from datetime import datetime
from tempfile import TemporaryFile

from flask import Blueprint, Response, request, send_file
from werkzeug.wrappers import Response as AnyResponse

from lookup.beijing import BEIJING, utc_now
from lookup.case_export import FORMS, export_cases
from lookup.errors import Refused
from lookup.exports import GROUPS, Made, about
from lookup.language import Text
from lookup.periods import Period
from lookup.rates import Question, Rates, rates
from lookup.sheets import Value
from lookup.trail import head
from lookup.vocabulary import WITHHELD_REASONS
from lookup.web.api import rates_file
from lookup.web.audit_figures import HELPERS, TABLES
from lookup.web.audit_frame import answer_400, asked_period, asked_unit, audit_page
from lookup.web.errors import message
from lookup.web.guard import allow, the_staff
from lookup.web.pages import the_bureau
from lookup.web.wording import said

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

# A workbook of so many takes some ten seconds, of the thirty that a worker is given to answer.
MOST_CASES = 20_000


@blueprint.get("/")
@allow("audit")
def overview() -> Response:
    """The main rates of a period, how they moved, and the table that they are the total of."""
    bureau, staff, now = the_bureau(), the_staff(), utc_now()
    counted = _counted()
    former = rates(bureau, _question(asked_period().before(), "year"), now)
    made = Made(staff.actor.name, now, head(bureau.db))
    notes = [(name, _said(value)) for name, value in about(counted, made)]
    columns = request.args.get("columns", "")
    return audit_page(
        "audit.html",
        counted=counted,
        figures=counted.total.figures,
        former=former.total.figures,
        # The words of the definition come last.
        notes=notes[: -len(counted.definition_text)],
        words=notes[-len(counted.definition_text) :],
        reasons=WITHHELD_REASONS,
        groups=GROUPS,
        tables=TABLES,
        column_names={code: name for code, (name, _) in TABLES.items()},
        columns=columns if columns in TABLES else "main",
        forms=FORMS,
        **HELPERS,
    )


@blueprint.get("/rates.<any(csv, xlsx, json):form>")
@allow("audit")
def download(form: str) -> Response:
    """The table with all its columns as a file."""
    answer = rates_file(_counted(), form, the_staff().actor)
    name = _file_name("rates", form)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


@blueprint.post("/cases-export")
@allow("audit")
def export() -> AnyResponse:
    """The cases behind the figures; that they were taken away is recorded."""
    bureau, staff, form = the_bureau(), the_staff(), request.form.get("format", "")
    personal = "personal" in request.form
    if form not in FORMS:
        return message(400, "refused_title", said("audit_no_form"))
    if personal and not staff.may("people"):
        return message(403, "staff_no_right_title", said("audit_no_people"))
    question = _question(asked_period())
    if rates(bureau, question).total.figures.taken_in > MOST_CASES:
        return message(409, "refused_title", _by_command(question))
    with ExitStack() as unless_made:
        file = unless_made.enter_context(TemporaryFile(prefix="daylight-"))
        export_cases(bureau, question, form, file, staff.actor, utc_now(), personal=personal)
        file.seek(0)
        unless_made.pop_all()  # the answer closes it once it is sent
    answer = send_file(file, as_attachment=True, download_name=_file_name("cases", form))
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _counted() -> Rates:
    """The table that the address asks for."""
    try:
        question = _question(asked_period(), request.args.get("by", "") or "unit")
    except Refused as refused:
        answer_400(refused)
    return rates(the_bureau(), question)


def _question(period: Period, by: str = "year") -> Question:
    return Question(period.first, period.last, by, asked_unit(the_staff()))


def _said(value: Value) -> Text:
    if isinstance(value, Text):
        return value
    in_beijing = isinstance(value, datetime) and f"{value.astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"
    told = in_beijing or str(value)
    return Text(told, told)


def _file_name(stem: str, form: str) -> str:
    return f"{stem}-{asked_period().code}-{asked_unit(the_staff())}.{form}"


def _by_command(question: Question) -> Text:
    options = f"--from {question.first} --to {question.last} --unit {question.unit}"
    return said("audit_too_many").fill(most=f"{MOST_CASES:,}", options=options)
