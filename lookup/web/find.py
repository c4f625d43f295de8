"""Finding cases, and recording one milestone for many of them at once.

What is typed to find a case may be a person's name or phone. It is posted, and stands sealed in
the address of the list it leads to: that address can be shared, gone back to and asked for in
the other language, and no history or log tells whom it was about.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from lookup import docket
from lookup.beijing import Moment, beijing_day, utc_now
from lookup.bodies import LONGEST
from lookup.docket import Key, Question, Row, find_cases
from lookup.errors import NotFound, StorageError
from lookup.language import Text, plain
from lookup.reach import reach_case, units_within
from lookup.records import said_moment
from lookup.stages import STAGES
from lookup.supervision import NAMES, due_soon, said_until
from lookup.web.guard import allow, staff_page, tell, the_staff
from lookup.web.pages import the_bureau
from lookup.web.wording import said

blueprint = Blueprint("find", __name__, url_prefix="/desk")

Asked = Mapping[str, str]
Shortly = tuple[Text, int, str]

_PARTS = ("q", "stage", "due", "unit", "from", "to", "mine", "after")
# What an officer wants to see first: her own open cases; whoever has none, what is due next.
_OWN = {"mine": "yes", "stage": "open"}
_FIRST_WANTED = (_OWN, {"due": "next"})
_STAGES = {**STAGES, **docket.MARKS}
_SOON = {
    "clocks": "/desk/?due=tomorrow",
    "callbacks": "/callbacks/?list=tomorrow",
    "comments": "/desk/comments/?list=tomorrow",
}
_KEY = re.compile(r"(\d{4}-\d\d-\d\d)\.(\d{1,18})", re.ASCII)
# Keeps other sealed texts, which only the database holds, from being read by way of an address.
_SOUGHT = "find:"


@blueprint.get("/")
@allow("read")
def show() -> Response:
    """A list of cases, as its address asks for it."""
    asked = _asked(request.args)
    for wanted in [asked] if asked else _FIRST_WANTED:
        rows, after = find_cases(the_bureau(), the_staff(), _question(wanted), utc_now())
        if rows:
            break
    return _page(200, wanted, rows, after, soon=() if asked else _soon())


@blueprint.post("/")
@allow("read")
def seek() -> AnyResponse:
    """Go to the list of what was typed, or right to the case whose number it is."""
    bureau, asked = the_bureau(), _asked(request.form)
    typed = plain(request.form.get("text", ""))[:LONGEST]
    with suppress(NotFound):
        number = reach_case(bureau.db, the_staff().unit, typed)["number"]
        return redirect(url_for("casefile.show", number=number), 303)
    if typed:
        asked["q"] = sealed(typed)
    return redirect(_address(asked), 303)


@blueprint.post("/milestones")
@allow("write")
def record_many() -> AnyResponse:
    """Record a milestone for the ticked cases; those refused are shown again, still ticked."""
    bureau, staff, now, typed = the_bureau(), the_staff(), utc_now(), request.form
    back = _asked(dict(parse_qsl(typed.get("back", "").partition("?")[2])))
    kind, step, outcome = (typed.get("choice", "").split(" ") + [""] * 3)[:3]
    at = typed.get("at", "").strip() or said_moment(Moment.of(now))
    told = {"kind": kind, "step": step, "outcome": outcome, "at": at}
    ticked = typed.getlist("case")
    if not (ticked and step):
        mistake = said("find_none_chosen") if ticked else said("find_none_ticked")
        rows, after = find_cases(bureau, staff, _question(back), now)
        return _page(422, back, rows, after, mistake=mistake, ticked=ticked)
    done, refused = docket.record_for_many(bureau, staff, ticked, told, now)
    if done:
        tell(said("find_recorded").fill(cases=done))
    if not refused:
        return redirect(_address(back), 303)
    rows, _ = find_cases(bureau, staff, Question(numbers=list(refused)), now)
    return _page(422, back, rows, refused=refused, ticked=ticked)


def _asked(fields: Mapping[str, str]) -> dict[str, str]:
    """The parts of a question that were told."""
    return {name: fields[name] for name in _PARTS if fields.get(name)}


def _question(asked: Asked) -> Question:
    """The question behind an address; what it cannot mean asks nothing."""
    args = MultiDict(asked)
    stage, due = asked.get("stage", ""), asked.get("due", "")
    return Question(
        text=opened(asked.get("q", "")),
        stage=stage if stage in _STAGES else "",
        due=due if due in docket.DUE else "",
        unit=asked.get("unit", ""),
        first=args.get("from", type=date.fromisoformat),
        last=args.get("to", type=date.fromisoformat),
        mine="mine" in asked,
        after=args.get("after", type=page_key),
    )


def _address(asked: Asked) -> str:
    return f"/desk/?{urlencode(asked)}".rstrip("?")


def sealed(typed: str) -> str:
    """What was typed to be sought, as the address of a list carries it."""
    return the_bureau().seals.seal(_SOUGHT + typed)


def opened(sought: str) -> str:
    """What was typed; an address made by hand has it in the clear."""
    try:
        found = the_bureau().seals.open(sought)
    except StorageError:
        return plain(sought)[:LONGEST]
    return found.removeprefix(_SOUGHT) if found.startswith(_SOUGHT) else ""


def page_key(written: str) -> Key:
    """Where a page begins, out of an address; raises ValueError for what is no key."""
    match = _KEY.fullmatch(written)
    if match is None:
        raise ValueError(written)
    return date.fromisoformat(match[1]).isoformat(), int(match[2])


def _soon() -> list[Shortly]:
    """What runs out soon, where there is any: what it is, how much, and the list of it."""
    found = due_soon(the_bureau(), the_staff(), utc_now())
    mine = "&mine=yes" if found.mine else ""
    return [(NAMES[one], n, _SOON[one] + mine) for one, n in found.counts.items() if n]


def _page(
    status: int,
    asked: Asked,
    rows: Sequence[Row],
    after: Key | None = None,
    mistake: Text | None = None,
    refused: Mapping[str, Text] | None = None,
    ticked: Sequence[str] = (),
    soon: Sequence[Shortly] = (),
) -> Response:
    bureau, staff, question, now = the_bureau(), the_staff(), _question(asked), utc_now()
    beyond = ".".join(map(str, after or ()))
    return staff_page(
        "find.html",
        status,
        asked={name: value for name, value in asked.items() if name != "after"},
        question=question,
        rows=rows,
        here=_address(asked),
        further=_address({**asked, "after": beyond}) if after else None,
        own=_OWN,
        stages=_STAGES,
        units=units_within(bureau.db, staff.unit),
        waiting=docket.count_marked(bureau, staff, "waiting", now) if staff.may("approve") else 0,
        wrong=docket.count_marked(bureau, staff, "wrong_number", now),
        choices=docket.choices(bureau.kinds) if staff.may("write") else (),
        today=beijing_day(now),
        until=said_until(bureau, beijing_day(now)),
        soon=soon,
        mistake=mistake,
        refused=refused or {},
        ticked=ticked,
    )
