"""Comments at the desk: lists of them, one with its answer, and the ready answers."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from lookup import comments, inbox, library
from lookup.beijing import beijing_day, utc_now
from lookup.entries import WAYS
from lookup.errors import Conflict, NotFound, Refused
from lookup.language import Text, plain
from lookup.reach import is_within
from lookup.sealing import mask_name
from lookup.supervision import said_until
from lookup.trail import Change, change
from lookup.vocabulary import ROLES
from lookup.web.errors import message
from lookup.web.find import opened, sealed
from lookup.web.guard import allow, staff_page, tell, the_staff
from lookup.web.pages import the_bureau
from lookup.web.wording import said
from lookup.withholding import live_withholding

blueprint = Blueprint("comments", __name__, url_prefix="/desk/comments")

_ONE = "<int(max=9223372036854775807):one>"
_PARTS = ("list", "category", "mine", "q")
_KEY = re.compile(r"([\dTZ:-]+)\.(\d{1,18})", re.ASCII)
# So many ready answers as there are keys for them.
_READY = 9
# What else can be done to a comment than to answer it, and the fields of its form.
_ACTS: Mapping[str, tuple[Callable[..., None], Text, tuple[str, ...]]] = {
    "category": (comments.recategorise, said("comments_recategorised"), ("category",)),
    "forward": (comments.forward, said("comments_forwarded"), ("unit", "why")),
    "notes": (comments.note, said("comments_noted"), ("note",)),
}


@blueprint.get("/")
@allow("answer")
def show() -> Response:
    """A list of comments, as its address asks for it."""
    bureau, staff, today = the_bureau(), the_staff(), beijing_day(utc_now())
    asked = {name: request.args[name] for name in _PARTS if request.args.get(name)}
    which, text = asked.get("list", ""), opened(asked.get("q", ""))
    question = inbox.Question(
        which=which if which in inbox.LISTS else "open",
        category=asked.get("category", ""),
        text=text,
        mine="mine" in asked,
        after=_key(request.args.get("after", "")),
    )
    rows, after = inbox.find_comments(bureau, staff, question, today)
    return staff_page(
        "comments.html",
        question=question,
        addresses={name: f"?{urlencode({**asked, 'list': name})}" for name in inbox.LISTS},
        counts=inbox.count_comments(bureau, staff, today, mine=question.mine),
        rows=rows,
        further=after and f"?{urlencode({**asked, 'after': '.'.join(map(str, after))})}",
        service=bureau.service,
        today=today,
        until=said_until(bureau, today),
    )


@blueprint.post("/")
@allow("answer")
def seek() -> AnyResponse:
    """Go to the list of what was typed: somebody's own words perhaps, so it is sealed."""
    asked = {name: request.form[name] for name in _PARTS[:3] if request.form.get(name)}
    if typed := plain(request.form.get("text", ""))[:100]:
        asked["q"] = sealed(typed)
    return redirect(f"{url_for('.show')}?{urlencode(asked)}", 303)


@blueprint.get(f"/{_ONE}")
@allow("answer")
def comment_page(
    one: int,
    form: str = "",
    status: int = 200,
    mistakes: Mapping[str, Text] | None = None,
) -> Response:
    """A comment. ``form`` names the form that was sent and keeps what was typed, with
    ``mistakes`` by field; a ready answer that was taken comes after it."""
    bureau, staff, now = the_bureau(), the_staff(), utc_now()
    letter = inbox.open_comment(bureau, staff.unit, one, now)
    row, units = letter.comment, comments.recipients(bureau, letter.comment)
    words, taken = (request.form.get(name, "") for name in ("words", "take"))
    every = library.offered(bureau.db, staff.unit)
    ready = (library.fill(r["body"], letter.facts) for r in every if str(r["id"]) == taken)
    return staff_page(
        "comment.html",
        status,
        letter=letter,
        comment=row,
        party=mask_name(bureau.seals.open(row["name_sealed"])),
        roles=ROLES,
        ways=WAYS,
        form=form,
        mistakes=mistakes or {},
        typed=partial(_typed, form),
        written="\n".join(filter(None, [_typed(form, "answer", "answer"), *ready])),
        used=request.form.getlist("ready") + request.form.getlist("take"),
        ready=library.offered(bureau.db, staff.unit, words, row["category"])[:_READY],
        recipients={"": said("comments_choose")} | {c: Text(n, n) for c, n in units.items()},
        categories={category.code: category.name for category in bureau.service.categories},
        category=bureau.service.category_name(row["category"]),
        is_report=comments.is_report(bureau, row["category"]),
        is_withheld=live_withholding(bureau.db, row["case_id"]) is not None,
        is_ours=is_within(bureau.db, staff.unit, letter.case["unit"]),
        longest=comments.LONGEST_COMMENT,
        today=beijing_day(now),
    )


@blueprint.post(f"/{_ONE}/answer")
@allow("answer")
def send_answer(one: int) -> AnyResponse:
    """Answer; or seek among the ready answers, or take one of them, keeping what was typed."""
    if {"seek", "take"} & request.form.keys():
        return comment_page(one, "answer")

    def write(ongoing: Change) -> None:
        comments.answer(the_bureau(), ongoing, the_staff(), one, request.form.get("answer", ""))
        library.count_used(ongoing, the_staff().unit, request.form.getlist("ready"))

    again = partial(comment_page, one, "answer")
    return _done(write, again, said("comments_answered_done"), lambda: _back(one))


@blueprint.post(f"/{_ONE}/<act>")
@allow("answer")
def handle(one: int, act: str) -> AnyResponse:
    """Put it in another category, hand it on to another unit, or note something beside it."""
    if act not in _ACTS:
        abort(404)
    do, done, fields = _ACTS[act]
    typed = [request.form.get(name, "") for name in fields]

    def write(ongoing: Change) -> None:
        do(the_bureau(), ongoing, the_staff(), one, *typed)

    return _done(write, partial(comment_page, one, act), done, lambda: _back(one))


@blueprint.get("/library")
@allow("answer")
def ready_answers(
    status: int = 200, mistakes: Mapping[str, Text] | None = None, known: int = 0
) -> Response:
    """The ready answers, and for who may, a form for a new one or the one ``known``."""
    bureau, staff, words = the_bureau(), the_staff(), request.args.get("q", "")
    known = known or request.args.get("change", 0, type=int)
    rows = library.offered(bureau.db, staff.unit, words)
    own = (row for row in rows if (row["id"], row["unit"]) == (known, staff.unit))
    shown = next(own, {})
    return staff_page(
        "ready_answers.html",
        status,
        rows=rows,
        words=words,
        known=known if shown or mistakes else 0,
        typed={"title": "", "body": "", "category": ""} | shown | request.form.to_dict(),
        mistakes=mistakes or {},
        placeholders=library.PLACEHOLDERS,
        service=bureau.service,
    )


@blueprint.post("/library", defaults={"one": 0})
@blueprint.post(f"/library/{_ONE}")
@allow("approve")
def put_ready(one: int) -> AnyResponse:
    """Keep a new ready answer of the own unit, or what one of them is to be now."""
    told = {name: request.form.get(name, "") for name in ("title", "body", "category")}
    put = partial(library.put_ready, the_bureau(), staff=the_staff(), told=told, known=one)
    return _done(put, partial(ready_answers, known=one), said("comments_ready_saved"), _library)


@blueprint.post(f"/library/{_ONE}/retire")
@allow("approve")
def retire_ready(one: int) -> AnyResponse:
    """Offer a ready answer no more."""
    retire = partial(library.retire_ready, staff=the_staff(), ready_id=one)
    done = said("comments_ready_retired")
    return _done(retire, partial(ready_answers, known=one), done, _library)


@blueprint.errorhandler(NotFound)
def _missing(error: NotFound) -> Response:
    """What was typed for a comment that has gone elsewhere meanwhile can be copied from here."""
    typed = [request.form.get(name, "") for name in ("answer", "why", "note")]
    return message(404, "missing_title", error.text, "\n".join(filter(None, typed)))


def _done(
    write: Callable[[Change], object],
    again: Callable[..., Response],
    done: Text,
    back: Callable[[], str],
) -> AnyResponse:
    """Do what a form asks; the page ``again``, with what was typed, where it cannot be done."""
    try:
        with change(the_bureau().db, the_staff().actor) as ongoing:
            write(ongoing)
    except Refused as refused:
        return again(status=422, mistakes={refused.field: refused.text})
    except Conflict as conflict:
        return again(status=409, mistakes={"": conflict.text})
    tell(done)
    return redirect(back(), 303)


def _library() -> str:
    return url_for(".ready_answers")


def _back(one: int) -> str:
    """To the comment, or to the list where it has left one's reach."""
    try:
        comments.reach_comment(the_bureau().db, the_staff().unit, one)
    except NotFound:
        return url_for(".show")
    return url_for(".comment_page", one=one)


def _typed(sent: str, form: str, field: str, otherwise: str = "") -> str:
    """What a field shows: of the form that was sent, what was typed."""
    return request.form.get(field, "") if form == sent else otherwise


def _key(written: str) -> inbox.Key | None:
    """Where a page ended; None for what is none."""
    match = _KEY.fullmatch(written)
    return (match[1], int(match[2])) if match else None
