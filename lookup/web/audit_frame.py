"""What all of the auditor's pages share: the period and the unit asked for, tabs, links."""

from functools import partial
from itertools import accumulate, repeat
from typing import NoReturn
from urllib.parse import urlencode

from flask import Response, abort, request

from lookup.beijing import beijing_day, utc_now
from lookup.errors import NotFound, Refused
from lookup.periods import Period, quarter_of, read_period
from lookup.reach import is_within
from lookup.staff import Staff
from lookup.units import tree_of
from lookup.web.errors import message
from lookup.web.guard import staff_page, the_staff
from lookup.web.pages import the_bureau
from lookup.web.wording import said

_QUARTERS, _MONTHS, _YEARS = 12, 24, 5
# What belongs to one list or period, and is not carried to another.
_LEFT_BEHIND = ("from", "to", "after", "before", "label", "badge", "lang")


def asked_period() -> Period:
    """The period of the address, by its code or from one day to another; else this quarter.

    Answers 400 to what is none.
    """
    first, last = (request.args.get(name, "").strip() for name in ("from", "to"))
    code = f"{first}..{last}" if first or last else request.args.get("period", "")
    try:
        return read_period(code) if code else quarter_of(beijing_day(utc_now()))
    except Refused as refused:
        answer_400(Refused("from", code, *said("audit_two_days")) if first or last else refused)


def asked_unit(staff: Staff) -> str:
    """The unit of the address, else her own; raises NotFound beyond her reach."""
    unit = request.args.get("unit", "") or staff.unit
    if not is_within(the_bureau().db, staff.unit, unit):
        raise NotFound(*said("audit_no_unit").fill(unit=unit))
    return unit


def answer_400(refused: Refused) -> NoReturn:
    """End the request with what is wrong with its address."""
    abort(message(400, "refused_title", refused.text))


def asked_link(path: str = "", **changed: str | int | None) -> str:
    """An address with what this one asks for, some of it changed, or left out where it is None."""
    kept = {name: one for name, one in request.args.items() if name not in _LEFT_BEHIND and one}
    asked = kept | changed
    return f"{path}?{urlencode({name: one for name, one in asked.items() if one is not None})}"


def audit_page(template: str, status: int = 200, **values: object) -> Response:
    """A page of the auditor's section.

    Its template knows ``period``, ``unit`` (a code), ``unit_name``, ``units`` ({code: name, set in
    as deep as the unit stands}), ``link`` (`asked_link` with period and unit) and ``carried``, what
    else the form of the period keeps of the address.
    """
    staff, period = the_staff(), asked_period()
    unit, tree = asked_unit(staff), tree_of(the_bureau().db, staff.unit)
    carried = request.args.keys() - {"period", "unit", *_LEFT_BEHIND}
    frame = {
        "period": period,
        "periods": _choices(),
        "unit": unit,
        "unit_name": next(one["name"] for one in tree if one["code"] == unit),
        "units": {one["code"]: "\u3000" * one["depth"] + one["name"] for one in tree},
        "carried": {name: request.args[name] for name in sorted(carried)},
        "link": partial(asked_link, period=period.code, unit=unit),
    }
    return staff_page(template, status, **frame | values)


def _choices() -> dict[str, list[Period]]:
    """The periods on offer, the latest first."""
    today = beijing_day(utc_now())
    month, year = read_period(f"{today:%Y-%m}"), read_period(f"{today:%Y}")
    return {
        "quarters": _back(quarter_of(today), _QUARTERS),
        "months": _back(month, _MONTHS),
        "years": _back(year, _YEARS),
    }


def _back(latest: Period, number: int) -> list[Period]:
    return list(accumulate(repeat(latest, number), lambda one, _: one.before()))
