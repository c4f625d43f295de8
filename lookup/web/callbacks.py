"""The call-back desk: its lists, one call-back with its forms, and recurring problems."""

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from functools import partial
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from lookup import callbacks, recurring
from lookup.beijing import beijing_day, from_utc_text, utc_now
from lookup.callback_lists import LISTS, Task, count_tasks, list_tasks, open_task
from lookup.entries import WAYS
from lookup.errors import Conflict
from lookup.feedback import enter_rating
from lookup.language import Text
from lookup.levels import LEVELS, TAGS
from lookup.people import open_person
from lookup.reach import units_within
from lookup.records import CaseRefused
from lookup.sentences import said_day
from lookup.supervision import said_until
from lookup.trail import Actor, Change, change
from lookup.vocabulary import ROLES
from lookup.web.casefile import typed_in
from lookup.web.find import page_key
from lookup.web.guard import allow, staff_page, tell, the_staff
from lookup.web.pages import the_bureau
from lookup.web.wording import said

blueprint = Blueprint("callbacks", __name__, url_prefix="/callbacks")

_WORDS: dict[str, object] = {
    "levels": LEVELS,
    "ways": WAYS,
    "results": callbacks.RESULTS,
    "causes": callbacks.CAUSES,
}
_ONE = f"/<int(max={2**63 - 1}):task_id>"
# What an officer wants to see first: her own; whoever has none, what nobody has taken.
_FIRST_WANTED = ("mine", "unassigned")
_MONTHS = (1, 3, 6, 12)
_CLOSING = ("result", "problem", "remedy", "responsible", "told")


@blueprint.get("/")
@allow("call")
def show() -> Response:
    """A list of call-backs, as its address asks for it."""
    bureau, staff, today = the_bureau(), the_staff(), beijing_day(utc_now())
    counts, wanted = count_tasks(bureau, staff, today), request.args.get("list", "")
    if wanted not in LISTS:
        wanted = next((one for one in _FIRST_WANTED if counts[one]), "open")
    after = request.args.get("after", type=page_key)
    rows, further = list_tasks(bureau, staff, wanted, today, after)
    beyond = {"list": wanted, "after": ".".join(map(str, further))} if further else {}
    return staff_page(
        "callbacks.html",
        200,
        lists=LISTS,
        counts=counts,
        wanted=wanted,
        rows=rows,
        further=beyond and f"/callbacks/?{urlencode(beyond)}",
        today=today.isoformat(),
        until=said_until(bureau, today),
        roles=ROLES,
        **_WORDS,
    )


@blueprint.get("/problems")
@allow("call", "trail")
def problems() -> Response:
    """What was wrong, by category, unit or month."""
    bureau, staff, args, today = the_bureau(), the_staff(), request.args, beijing_day(utc_now())
    units, months, month = units_within(bureau.db, staff.unit), args.get("months", type=int), today
    with suppress(ValueError):
        month = date.fromisoformat(f"{args.get('month', '')}-01")
    period = recurring.Period.of(months if months in _MONTHS else 3, month, today)
    by, unit, only = (args.get(name, "") for name in ("by", "unit", "only"))
    by, unit = by if by in recurring.GROUPINGS else "problem", unit if unit in units else staff.unit
    shown = {"months": period.months, "month": period.last.isoformat()[:7]}
    return staff_page(
        "callback_problems.html",
        found=recurring.problems(bureau, unit, period, by, only),
        asked=shown | {"by": by, "unit": unit, "only": only},
        period=period,
        units=units,
        all_months=_MONTHS,
        categories=_categories(),
    )


@blueprint.get(_ONE)
@allow("call")
def show_one(task_id: int) -> Response:
    """One call-back, names and phone masked."""
    return _page(task_id)


@blueprint.post(f"{_ONE}/open")
@allow("call")
def open_phone(task_id: int) -> AnyResponse:
    """Show whom to call, on this one answer; that it was opened is recorded."""
    bureau, staff, found = the_bureau(), the_staff(), {}
    try:
        with change(bureau.db, staff.actor) as ongoing:
            task = callbacks.reach_task(bureau.db, staff.unit, task_id)
            callbacks.refuse_own(staff, task)
            case = {"id": task["case_id"], "number": task["number"]}
            found = open_person(bureau, ongoing, case, task["party_id"])
    except CaseRefused as refused:
        return _page(task_id, 422, "open", refused)
    return _page(task_id, opened=found)


@blueprint.post(f"{_ONE}/take")
@allow("call")
def take(task_id: int) -> AnyResponse:
    """Make it one's own."""
    act = partial(callbacks.take, seen=request.form.get("owner", 0, type=int))
    return _answer(task_id, "owner", said("callbacks_taken"), act)


@blueprint.post(f"{_ONE}/release")
@allow("call")
def release(task_id: int) -> AnyResponse:
    """Give it back."""
    act = partial(callbacks.release, seen=request.form.get("owner", 0, type=int))
    return _answer(task_id, "owner", said("callbacks_released"), act)


@blueprint.post(f"{_ONE}/attempts")
@allow("call")
def attempt(task_id: int) -> AnyResponse:
    """Record a call and what came of it."""
    result, note = typed_in("result", "note").values()
    seen = request.form.get("seen", -1, type=int)
    act = partial(callbacks.attempt, the_bureau(), result=result, note=note, seen=seen)
    return _answer(task_id, "attempt", said("callbacks_attempted"), act)


@blueprint.post(f"{_ONE}/close")
@allow("call")
def close(task_id: int) -> AnyResponse:
    """End it: what was wrong, what was done, and what the complainant reads."""
    act = partial(callbacks.close, the_bureau(), told=typed_in(*_CLOSING))
    return _answer(task_id, "closing", said("callbacks_closed"), act)


@blueprint.post(f"{_ONE}/ratings")
@allow("call")
def rate(task_id: int) -> AnyResponse:
    """Take down the rating that was given on the phone."""
    bureau, staff = the_bureau(), the_staff()

    def write(ongoing: Change, *_: object) -> None:
        ongoing.actor = Actor(staff.actor.name, "phone")
        task = callbacks.reach_task(ongoing.db, staff.unit, task_id)
        enter_rating(bureau, ongoing, staff, task, told_rating() | {"step": task["step"]})

    return _answer(task_id, "rating", said("callbacks_rated"), write)


def told_rating() -> dict[str, str]:
    """A rating as staff entered it; the same form sent twice counts once."""
    told = typed_in("step", "level", "tag", "nonce")
    return told | {"nonce": told["nonce"] or _nonce()}


def rating_words() -> dict[str, object]:
    """What the form in which staff enter a rating needs, and the tables of ratings."""
    return {"tags": TAGS, "nonce": _nonce(), **_WORDS}


def _nonce() -> str:
    return secrets.token_urlsafe(9)


def _categories() -> dict[str, Text]:
    return {one.code: one.name for one in the_bureau().service.problems}


def _answer(task_id: int, form: str, done: Text, act: Callable[..., object]) -> AnyResponse:
    """Do what a form asks; refused, it is shown again with everything that was typed."""
    staff = the_staff()
    try:
        with change(the_bureau().db, staff.actor) as ongoing:
            act(ongoing, staff, task_id)
    except (CaseRefused, Conflict) as refused:
        return _page(task_id, 422 if isinstance(refused, CaseRefused) else 409, form, refused)
    tell(done)
    return redirect(url_for("callbacks.show_one", task_id=task_id), 303)


def _page(
    task_id: int,
    status: int = 200,
    form: str = "",
    refused: CaseRefused | Conflict | None = None,
    opened: Mapping[str, str] | None = None,
) -> Response:
    bureau, now = the_bureau(), utc_now()
    task = open_task(bureau, the_staff(), task_id, now)
    return staff_page(
        "callback.html",
        status,
        task=task,
        row=task.row,
        opened=opened,
        form=form,
        mistakes=_mistakes(refused),
        typed=lambda sent, field, otherwise="": (
            request.form.get(field, otherwise) if sent == form else otherwise
        ),
        script=_script(task, opened),
        attempts=callbacks.ATTEMPTS,
        categories=_categories(),
        longest=callbacks.LONGEST_TOLD,
        calls=bureau.service.callbacks.attempts,
        is_own=callbacks.is_own_work(the_staff(), task.row["officer"], task.row["badge"]),
        today=beijing_day(now).isoformat(),
        roles=ROLES,
        **rating_words(),
    )


def _mistakes(refused: CaseRefused | Conflict | None) -> dict[str, Text]:
    """By field; what came in between is no field's."""
    if isinstance(refused, Conflict):
        return {"conflict": refused.text}
    return {one.field: one.text for one in reversed(refused.refusals())} if refused else {}


def _script(task: Task, opened: Mapping[str, str] | None) -> list[Text]:
    """What to say on the phone, sentence by sentence: who it is about before what it is about."""
    row, staff = task.row, the_staff()
    rated = [one for one in task.ratings if one["id"] == row["rating_id"]]
    why = said("callbacks_script_sampled")
    for one in rated:
        day = said_day(beijing_day(from_utc_text(one["rated_at"])))
        why = said("callbacks_script_rated").fill(
            day=day, level=LEVELS[str(one["level"])], step=row["step_name"]
        )
    greeting = said("callbacks_script_greeting").fill(
        bureau=the_bureau().config.bureau_name, officer=staff.name, badge=staff.badge or "—"
    )
    asked = said("callbacks_script_asked").fill(name=(opened or {}).get("name") or row["party"])
    return [greeting, asked, why, said("callbacks_script_wrong"), said("callbacks_script_done")]
