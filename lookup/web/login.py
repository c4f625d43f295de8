"""Logging in and out, the own password, the own sessions."""

from flask import Blueprint, Response, current_app, g, redirect, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from lookup.beijing import utc_now
from lookup.errors import Refused, Throttled
from lookup.sessions import end_all, end_session, live_sessions
from lookup.staff import Staff, admit, choose_password, recheck
from lookup.trail import change
from lookup.web.guard import (
    allow,
    begin_session,
    csrf,
    log_in_page,
    present_staff,
    send_again_page,
    staff_page,
    tell,
    the_staff,
)
from lookup.web.pages import the_bureau
from lookup.web.wording import said

blueprint = Blueprint("login", __name__)

_MARK = "carried:"


@blueprint.get("/login")
@allow("public")
def log_in_form() -> AnyResponse:
    """The form to log in."""
    if present_staff():
        return redirect(_local(request.args.get("next", "")) or _home(the_staff()), 303)
    return log_in_page(200, _local(request.args.get("next", "")))


@blueprint.post("/login")
@allow("public")
def log_in() -> AnyResponse:
    """Log in; a form that was sent without a session is then shown for sending again."""
    csrf.protect()
    bureau, now = the_bureau(), utc_now()
    login, wanted = request.form.get("login", ""), _local(request.form.get("next", ""))
    try:
        who = admit(bureau, login, request.form.get("password", ""), request.remote_addr or "", now)
    except (Refused, Throttled) as error:
        current_app.logger.warning("log-in refused: %r from %s", login[:40], request.remote_addr)
        status = 429 if isinstance(error, Throttled) else 422
        return log_in_page(status, wanted, mistake=error.text, login=login, carried=_carried())
    with change(bureau.db, who.actor, now) as ongoing:
        ongoing.record("staff.logged_in", login=who.login)
    begin_session(bureau, who)
    g.pop("staff", None)
    if _carried():
        title, text = said("staff_resume_title"), said("staff_resume_text")
        return send_again_page(200, title, text, wanted or _home(who), _carried())
    return redirect(wanted or _home(who), 303)


@blueprint.post("/logout")
@allow("anyone")
def log_out() -> AnyResponse:
    """End this session, or with ``everywhere`` all of them."""
    who = the_staff()
    with change(the_bureau().db, who.actor) as ongoing:
        if request.form.get("everywhere"):
            end_all(ongoing, who.id)
        else:
            end_session(ongoing, who.id, g.session)
        ongoing.record("staff.logged_out", login=who.login)
    session.clear()
    return redirect(url_for("login.log_in_form"), 303)


@blueprint.get("/account")
@allow("anyone")
def password() -> Response:
    """The own password and sessions."""
    return _account(200)


@blueprint.post("/account/password")
@allow("anyone")
def change_password() -> AnyResponse:
    """Choose another password; every session ends, and this browser begins a new one."""
    bureau, who = the_bureau(), the_staff()
    old, new, again = (request.form.get(name, "") for name in ("old", "new", "again"))
    try:
        if new != again:
            raise Refused("again", "", *said("staff_passwords_differ"))
        recheck(bureau, who, old, request.remote_addr or "", utc_now())
        with change(bureau.db, who.actor) as ongoing:
            choose_password(bureau, ongoing, who, old, new)
    except Refused as refusal:
        return _account(422, refusal)
    begin_session(bureau, who)
    tell(said("staff_password_changed"))
    return redirect(_home(who), 303)


@blueprint.post("/account/sessions/<session_id>/end")
@allow("anyone")
def end_other(session_id: str) -> AnyResponse:
    """End one of the own sessions."""
    who = the_staff()
    with change(the_bureau().db, who.actor) as ongoing:
        end_session(ongoing, who.id, session_id)
    return redirect(url_for("login.password"), 303)


def _account(status: int, mistake: Refused | None = None) -> Response:
    who = the_staff()
    return staff_page(
        "account.html",
        status,
        mistake=mistake,
        sessions=live_sessions(the_bureau().db, who.id, utc_now()),
        present=g.session,
    )


def _home(who: Staff) -> str:
    return "/desk/" if who.may("read") else "/admin/"


def _local(path: str) -> str:
    """A path of this site; empty for anything that would lead elsewhere."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\", "/login"))
    return path if inside and path.isprintable() else ""


def _carried() -> list[tuple[str, str]]:
    """The fields of a post that came without a session; sent again once somebody is logged in."""
    fields = request.form.items(multi=True)
    return [(name[len(_MARK) :], value) for name, value in fields if name.startswith(_MARK)]
