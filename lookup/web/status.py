"""The complainant's side: from the receipt to the page of the case, its ratings and comments."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from io import BytesIO

from flask import Blueprint, Response, abort, current_app, redirect, request, send_file
from markupsafe import Markup
from werkzeug.wrappers import Response as AnyResponse

from lookup.beijing import beijing_day, utc_now
from lookup.bureau import Bureau
from lookup.comments import LONGEST_COMMENT, comment
from lookup.database import Record
from lookup.errors import Conflict, NotFound, Refused, StorageError, Throttled
from lookup.feedback import rate
from lookup.issues import count_visit, open_by_code, open_by_id, open_by_token
from lookup.language import Language, Text, plain
from lookup.levels import LEVELS, TAGS
from lookup.migrations import check_ready
from lookup.networks import network_print
from lookup.open_figures import open_periods
from lookup.progress import progress_of
from lookup.proofs import case_proof, place_of
from lookup.reach import is_within
from lookup.stops import choose_texts, texts_of
from lookup.trail import Actor, change
from lookup.web.access import ForgedForm, new_handle, opened, read_handle, remember
from lookup.web.errors import RETRY_SECONDS, message
from lookup.web.guard import allow
from lookup.web.pages import page, the_bureau
from lookup.web.wording import WORDS, said
from receipts.manual import CODE_LENGTH, BadCode

blueprint = Blueprint("status", __name__)

_LONGEST_ECHO = 80
# Controls but tab and line breaks: browsers will not take them back from a page.
_CONTROLS = dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(127, 160)])
# Levels that offer the same tags share one set of boxes on the page.
_TAGS = [
    ([str(of) for of in TAGS if TAGS[of] is words], words)
    for words in {id(words): words for words in TAGS.values()}.values()
]


@dataclass(frozen=True)
class Mistake:
    """What was refused, the id of its place on the page, and what its sender had typed."""

    place: str
    text: Text
    typed: Mapping[str, str] = field(default_factory=dict)


@blueprint.get("/")
@allow("public")
def front_door() -> Response:
    """The form for a case number and code."""
    return _lookup_page()


@blueprint.post("/")
@allow("public")
def open_with_code() -> AnyResponse:
    """Open a case by its number and the code printed on the receipt."""
    bureau, now = the_bureau(), utc_now()
    number, code = (request.form.get(name, "") for name in ("number", "code"))
    if not number.strip():
        return _refuse_code(422, Mistake("number", said("number_missing"), _echo(number, code)))
    if not code.strip():
        return _refuse_code(422, Mistake("code", said("code_missing"), _echo(number)))
    try:
        issue = open_by_code(bureau, number, code, request.remote_addr or "", now)
    except BadCode as bad:
        return _refuse_code(422, Mistake("code", _said_of(bad), _echo(number, code)))
    except NotFound as error:
        return _refuse_code(404, Mistake("pair", error.text, _echo(number)))
    except Throttled as error:
        answer = _refuse_code(429, Mistake("pair", error.text, _echo(number)))
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
        return answer
    return _let_in(bureau, issue, now)


@blueprint.get("/r/<token>")
@allow("public")
def open_with_token(token: str) -> AnyResponse:
    """What the QR code opens; the secret leaves the address bar at once."""
    bureau = the_bureau()
    try:
        issue = open_by_token(bureau, token)
    except NotFound:
        return page("dead.html", 404)
    return _let_in(bureau, issue, utc_now())


@blueprint.get("/case")
@allow("public")
def case() -> Response:
    """How the case stands."""
    bureau, now = the_bureau(), utc_now()
    seen = opened(bureau, now)
    if seen is None:
        return _lookup_page(again=True)
    try:
        issue = open_by_id(bureau.db, seen.token_id)
    except NotFound:
        return page("dead.html", 404)
    if seen.day != beijing_day(now):
        _count(bureau, issue, now)
    return case_page(bureau, issue, now)


@blueprint.post("/case/ratings")
@allow("public")
def send_rating() -> AnyResponse:
    """Rate one milestone of the case."""
    bureau, now = the_bureau(), utc_now()
    issue, form = _admitted(bureau, now)
    step, level = (plain(request.form.get(name, "")) for name in ("step", "level"))
    tags = chosen_tags(level)
    try:
        with change(bureau.db, _actor(issue), now) as ongoing:
            rate(bureau, ongoing, issue, step, level, tags, form)
    except Refused as refusal:
        return case_page(bureau, issue, now, Mistake(f"rate-{step}", refusal.text))
    return redirect(f"/case#rated-{step}", 303)


@blueprint.post("/case/comments")
@allow("public")
def send_comment() -> AnyResponse:
    """Write to the handling unit."""
    bureau, now = the_bureau(), utc_now()
    issue, form = _admitted(bureau, now)
    try:
        with change(bureau.db, _actor(issue), now) as ongoing:
            body, category = (request.form.get(name, "") for name in ("body", "category"))
            comment(bureau, ongoing, issue, body, form, category)
    except Refused as refusal:
        typed = {"body": _typed(), "category": category}
        return case_page(bureau, issue, now, Mistake("body", refusal.text, typed))
    return redirect("/case#sent", 303)


@blueprint.post("/case/messages")
@allow("public")
def set_texts() -> AnyResponse:
    """End the texts to this person, or have them, in the page's language."""
    bureau, now = the_bureau(), utc_now()
    issue, _ = _admitted(bureau, now)
    try:
        with change(bureau.db, _actor(issue), now) as ongoing:
            choose_texts(bureau, ongoing, issue, request.form.get("texts", ""))
    except Refused as refusal:
        return case_page(bureau, issue, now, Mistake("texts", refusal.text))
    return redirect("/case#texts-set", 303)


@blueprint.get("/case/receipt.pdf")
@allow("public")
def receipt() -> AnyResponse:
    """The paper itself, to keep on the phone."""
    from lookup.printing import draw_receipt

    bureau, now = the_bureau(), utc_now()
    issue = _disclosed(bureau, now)
    return _file(draw_receipt(bureau, issue, now), "application/pdf", f"{issue['number']}.pdf")


@blueprint.get("/case/proof.json")
@allow("public")
def proof() -> AnyResponse:
    """That the entries about the case are in the bureau's record, to keep and to compare later;
    with ``size``, against the head that was given out when the record had so many entries."""
    bureau, now = the_bureau(), utc_now()
    issue = _disclosed(bureau, now)
    size = request.args.get("size", type=int)
    made = case_proof(bureau.db, issue["number"], _actor(issue), now, size)
    told = json.dumps(made, ensure_ascii=False, indent=1).encode()
    return _file(told, "application/json", f"{issue['number']}.proof.json")


@blueprint.get("/healthz")
@allow("public")
def healthz() -> Response:
    """Whether this program and its database work."""
    check_ready(the_bureau().db)
    return Response("ok\n", mimetype="text/plain", headers={"Cache-Control": "no-store"})


@blueprint.get("/robots.txt")
@allow("public")
def robots() -> Response:
    """Nothing here is for search engines."""
    return Response("User-agent: *\nDisallow: /\n", mimetype="text/plain")


@blueprint.errorhandler(Conflict)
def _conflict(error: Conflict) -> Response:
    return message(409, "not_saved_title", error.text, _typed())


@blueprint.errorhandler(ForgedForm)
def _forged(_: ForgedForm) -> Response:
    return message(403, "not_saved_title", said("forged_form"), _typed())


def case_page(
    bureau: Bureau,
    issue: Record,
    now: datetime,
    mistake: Mistake | None = None,
    *,
    preview: str = "",
) -> Response:
    """The case as the party of a receipt issue sees it. A ``preview`` takes no forms, and shows the
    staff of that unit no comment that went elsewhere."""
    if issue["withheld"]:
        return page("withheld.html", issue=issue, preview=preview)
    kind = bureau.kinds.get(issue["kind"])
    progress = progress_of(bureau, issue, beijing_day(now))
    return page(
        "case.html",
        422 if mistake else 200,
        issue=issue,
        progress=progress,
        comments=[
            one
            for one in progress.comments
            if not preview or is_within(bureau.db, preview, one.unit)
        ],
        categories=bureau.service.categories,
        # Without a gateway none go out, and nothing is promised.
        texts=texts_of(bureau.seals, issue) if bureau.config.sms_url else None,
        complain=kind.paper.complain if kind else None,
        new_handle=lambda: "" if preview else new_handle(bureau, issue["token_id"]),
        preview=preview,
        choices=choices,
        longest=LONGEST_COMMENT,
        place=place_of(bureau.db, issue["number"]),
        mistake=mistake,
    )


def choices(language: Language, n: int, level: str, ticked: Sequence[str]) -> Markup:
    """The levels and reasons of the n-th rating form, with what was chosen of them."""
    offered = TAGS[int(level)] if level in LEVELS else ()
    return _choices(
        language, n, level if offered else "", tuple(tag for tag in offered if tag in ticked)
    )


@lru_cache(maxsize=1024)
def _choices(language: Language, n: int, level: str, ticked: tuple[str, ...]) -> Markup:
    """Most of the page, and nearly always the same, so drawn once: for what is offered alone, or
    whoever sends anything else would fill the memory with it."""
    template = current_app.jinja_env.get_template("choices.html")
    drawn = template.render(
        lang=language,
        n=n,
        level=level,
        ticked=ticked,
        levels=LEVELS,
        tags=_TAGS,
        w=WORDS[language],
    )
    return Markup(drawn)  # noqa: S704


def _disclosed(bureau: Bureau, now: datetime) -> Record:
    """The receipt that is open now, where its case is disclosed; else the answer is another."""
    seen = opened(bureau, now)
    if seen is None:
        abort(redirect("/case", 303))
    issue = open_by_id(bureau.db, seen.token_id)
    if issue["withheld"]:
        abort(404)
    return issue


def _file(content: bytes, form: str, name: str) -> AnyResponse:
    """A file to be saved, kept by no cache."""
    answer = send_file(BytesIO(content), form, True, name)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _refuse_code(status: int, mistake: Mistake) -> Response:
    return _lookup_page(status, mistake)


def _lookup_page(
    status: int = 200, mistake: Mistake | None = None, *, again: bool = False
) -> Response:
    is_open = False
    with suppress(StorageError):  # the form is there all the same
        is_open = bool(open_periods(the_bureau().db))
    return page("lookup.html", status, mistake=mistake, again=again, is_open=is_open)


def _echo(number: str, code: str = "") -> dict[str, str]:
    """What was typed, to be mended; a code that is well formed is not written out again."""
    return {"number": plain(number)[:_LONGEST_ECHO], "code": plain(code)[:_LONGEST_ECHO]}


def _said_of(bad: BadCode) -> Text:
    if bad.character is None:
        whole = bad.length == CODE_LENGTH
        return said("code_slip") if whole else said("code_length").fill(length=bad.length)
    shown = bad.character if bad.character.isprintable() else f"U+{ord(bad.character):04X}"
    return said("code_foreign").fill(character=shown)


def _let_in(bureau: Bureau, issue: Record, now: datetime) -> AnyResponse:
    if request.method != "HEAD":
        _count(bureau, issue, now)
    answer = redirect("/case", 303)
    answer.headers["Cache-Control"] = "no-store"
    remember(bureau, answer, issue, now)
    return answer


def _count(bureau: Bureau, issue: Record, now: datetime) -> None:
    try:
        count_visit(bureau.db, issue, now)
    except StorageError as error:
        # Where nothing can be written the page can still be read: that matters more.
        current_app.logger.warning("a look-up was not counted: %s", error)


def _admitted(bureau: Bureau, now: datetime) -> tuple[Record, str]:
    """The receipt a post belongs to and its form's own name.

    Raises ForgedForm, and Conflict where the form is not of the receipt that is open now.
    """
    token_id, form = read_handle(bureau, request.form.get("form", ""))
    seen = opened(bureau, now)
    if seen is not None and seen.token_id != token_id:
        raise Conflict(*said("other_receipt"))
    try:
        issue = open_by_id(bureau.db, seen.token_id if seen else "")
    except NotFound:
        raise Conflict(*said("closed_receipt")) from None
    return issue, form


def _actor(issue: Record) -> Actor:
    network = network_print(the_bureau(), request.remote_addr or "")
    return Actor(f"party {issue['party_id']}", "web", network)


def _typed() -> str:
    """The comment as it may be shown again."""
    return request.form.get("body", "").translate(_CONTROLS)


def chosen_tags(level: str) -> tuple[str, ...]:
    """The tags ticked, without those of another level that was chosen first and then left."""
    own = {tag for of, words in TAGS.items() for tag in words if str(of) == level}
    others = {tag for words in TAGS.values() for tag in words} - own
    return tuple(tag for tag in request.form.getlist("tags") if tag not in others)
