"""The machines' way in: cases from the case system, figures for other programs."""

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

from flask import Blueprint, Response, abort, request, url_for
from werkzeug.datastructures import WWWAuthenticate

from lookup import exports
from lookup.beijing import end_of_day, utc_now
from lookup.bodies import read_moment, require_number
from lookup.bureau import Bureau
from lookup.cases import require_case
from lookup.clients import Client, admit
from lookup.errors import FileError, NotFound, Refused, Throttled
from lookup.exports import Made
from lookup.rates import Question, Rates, rates
from lookup.reach import is_within, reach_case
from lookup.records import CaseRefused
from lookup.trail import Actor, head
from lookup.units import unit_codes
from lookup.web.guard import allow
from lookup.web.pages import the_bureau
from lookup.web.problems import problem
from lookup.web.wording import said

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")

LARGEST_HAND_IN = 1024 * 1024
_JSON = "application/json"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@blueprint.put("/cases/<path:number>")
@allow("machine")
def put_case(number: str) -> Response:
    """Hand in a case as it stands in the case system now."""
    from lookup.answers import Taken, flaw_of
    from lookup.handins import put_hand_in, read_hand_in

    bureau, now = the_bureau(), utc_now()
    client = _caller(bureau)
    if request.mimetype != _JSON:
        return problem(415, said("api_json_only"))
    request.max_content_length = LARGEST_HAND_IN
    record = read_hand_in(bureau, client, number, request.get_data(), now)
    try:
        put = put_hand_in(bureau, client, record, now)
    except CaseRefused as refused:
        # Nothing is wrong with it in itself: it does not go with what is on file.
        return _refuse(refused.refusals(), 409)
    answer = _json(Taken(record.number, put.result, [flaw_of(one) for one in put.warnings]))
    if put.result == "new":
        answer.status_code = 201
        answer.headers["Location"] = url_for("api.get_case", number=record.number)
    return answer


@blueprint.get("/cases/<path:number>")
@allow("machine")
def get_case(number: str) -> Response:
    """A case as it is on file."""
    from lookup.answers import filed_case

    bureau = the_bureau()
    client = _caller(bureau)
    try:
        require_number(number)
    except Refused as refused:
        raise NotFound(*refused.text) from None
    if client.unit is None:
        case = require_case(bureau.db, number)
    else:
        case = reach_case(bureau.db, client.unit, number)
    return _json(filed_case(bureau, case))


@blueprint.get("/rates")
@allow("machine")
def get_rates() -> Response:
    """The rates of a period, as `flask rates` counts them."""
    from lookup.handins import RatesQuery, shaped

    bureau = the_bureau()
    client = _caller(bureau)
    asked = shaped(request.args.to_dict(), RatesQuery)
    unit = client.unit if asked.unit is None else asked.unit
    if unit is not None and client.unit and not is_within(bureau.db, client.unit, unit):
        raise NotFound(*said("api_unit").fill(unit=unit))
    first, last = read_moment(asked.first, "from"), read_moment(asked.last, "to")
    question = Question(first.day, last.day, asked.by, unit, _cutoff(asked.cutoff))
    return rates_file(rates(bureau, question), asked.format, client.actor)


def rates_file(counted: Rates, form: str, actor: Actor) -> Response:
    """A sheet as json, csv or xlsx."""
    if form == "json":
        return _answer(exports.as_json(counted).encode())
    if form == "csv":
        return _answer(exports.as_csv(counted).encode(), "text/csv")
    file = BytesIO()
    exports.as_xlsx(counted, file, Made(actor.name, utc_now(), head(the_bureau().db)))
    return _answer(file.getvalue(), _XLSX)


@blueprint.get("/openapi.json")
@allow("public")
def openapi() -> Response:
    """The description of this interface (OpenAPI 3.1)."""
    from lookup.web.openapi import description

    bureau = the_bureau()
    return _json(description(bureau.kinds, sorted(unit_codes(bureau.db))))


@blueprint.errorhandler(CaseRefused)
def _case_refused(refused: CaseRefused) -> Response:
    return _refuse(refused.refusals())


@blueprint.errorhandler(Refused)
def _refused(refused: Refused) -> Response:
    return _refuse([refused])


@blueprint.errorhandler(FileError)
def _unreadable(error: FileError) -> Response:
    return problem(400, error.text)


def _refuse(refusals: Sequence[Refused], status: int = 422) -> Response:
    several = said("api_refusals").fill(number=len(refusals))
    return problem(status, refusals[0].text if len(refusals) == 1 else several, refusals)


def _caller(bureau: Bureau) -> Client:
    """Whose key came with the request; answers 401 without one that is good."""
    bearer = request.authorization
    key = bearer.token if bearer and bearer.type == "bearer" else None
    try:
        client = admit(bureau.db, key, utc_now()) if key else None
    except Throttled:
        # A program makes calls, not tries.
        raise Throttled(*said("api_busy")) from None
    if client is None:
        answer = problem(401, said("api_key"))
        answer.www_authenticate = WWWAuthenticate("bearer")
        abort(answer)
    return client


def _cutoff(written: str | None) -> datetime | None:
    if written is None:
        return None
    moment = read_moment(written, "cutoff")
    return moment.at or end_of_day(moment.day)


def _json(told: Any) -> Response:
    from msgspec import json

    return _answer(json.encode(told))


def _answer(body: bytes, mimetype: str = _JSON) -> Response:
    return Response(body, headers={"Cache-Control": "no-store"}, mimetype=mimetype)
