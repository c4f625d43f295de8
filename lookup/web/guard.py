"""Who may call what: every view declares it, and nothing is served that does not.

A staff session is Flask's signed cookie with the secret of a session kept in the database; the
anti-forgery tokens (Flask-WTF) belong to it and end with it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeVar

from flask import Flask, Response, current_app, flash, g, redirect, request, session, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import Forbidden, RequestEntityTooLarge
from werkzeug.wrappers import Response as AnyResponse

from lookup.beijing import utc_now
from lookup.bureau import Bureau
from lookup.errors import StorageError
from lookup.language import Text
from lookup.networks import network_print
from lookup.roles import ALL_POWERS, POWERS, Power
from lookup.sessions import live_session, start_session
from lookup.staff import Staff, read_staff
from lookup.web.errors import message, storage_page
from lookup.web.headers import SAFE
from lookup.web.pages import page, the_bureau
from lookup.web.wording import said

# Nobody logs in for it; whoever holds an API key; whoever is logged in.
Access = Power | Literal["public", "machine", "anyone"]
View = TypeVar("View", bound=Callable[..., Any])

csrf = CSRFProtect()
_SCRIPTED = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_STANDING = ("login.password", "login.change_password", "login.log_out")
_NOT_CARRIED = {"csrf_token", "password", "old", "new", "again"}


def allow(*access: Access, largest: int | None = None) -> Callable[[View], View]:
    """Declare who may call a view: staff with any one of these powers, or one of the others.

    ``largest`` is how many bytes they may send, where a file is taken in.
    """

    def declare(view: View) -> View:
        view.__dict__.update(access=access, largest=largest)
        return view

    return declare


def access_of(app: Flask, endpoint: str) -> tuple[Access, ...]:
    """Who may call an endpoint; empty where nothing was declared."""
    if endpoint == "static":
        return ("public",)
    declared: tuple[Access, ...] = getattr(app.view_functions[endpoint], "access", ())
    return declared


def may_call(role: str, access: Sequence[Access]) -> bool:
    """Whether staff of a role may call what is declared so."""
    return not {"public", "anyone", *POWERS[role]}.isdisjoint(access)


def register(app: Flask) -> None:
    """Stand guard over all routes; called when all of them are there."""
    bureau: Bureau = app.extensions["bureau"]
    *older, newest = [key.hex() for key in bureau.config.keys("session")]
    app.config.update(
        SECRET_KEY=newest,
        SECRET_KEY_FALLBACKS=older,
        SESSION_COOKIE_NAME="__Host-staff" if bureau.config.is_https else "staff",
        SESSION_COOKIE_SECURE=bureau.config.is_https,
        SESSION_COOKIE_SAMESITE="Lax",
        # Where a post comes from is checked for all pages alike, and a shift is a long time.
        WTF_CSRF_SSL_STRICT=False,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_CHECK_DEFAULT=False,
    )
    csrf.init_app(app)
    app.before_request(_stand_guard)
    app.context_processor(_reader)
    app.register_error_handler(CSRFError, _forged)
    app.register_error_handler(StorageError, _not_saved)
    undeclared = [name for name in app.view_functions if not access_of(app, name)]
    if undeclared:
        raise RuntimeError(f"nobody said who may call {undeclared}")


def begin_session(bureau: Bureau, who: Staff) -> None:
    """Log somebody in on this browser; whatever session the browser held before ends."""
    before = session.get("secret", "")
    session.clear()
    address, agent = request.remote_addr or "", request.user_agent.string
    network = network_print(bureau, address)
    started = start_session(bureau.db, who.id, address, agent, utc_now(), before, network)
    session["secret"] = started


def present_staff() -> Staff | None:
    """Who is logged in on this browser; None where nobody is."""
    if "staff" not in g:
        secret = session.get("secret")
        row = live_session(the_bureau().db, secret, utc_now()) if secret else None
        g.staff, g.session = (read_staff(row), row["session"]) if row else (None, None)
    found: Staff | None = g.staff
    return found


def the_staff() -> Staff:
    """Who is logged in, on pages that nobody else reaches."""
    staff = present_staff()
    if staff is None:
        raise Forbidden
    return staff


def staff_page(template: str, status: int = 200, **values: object) -> Response:
    """A page for whoever is logged in."""
    present_staff()
    answer = page(template, status, **values)
    answer.headers["Content-Security-Policy"] = _SCRIPTED
    return answer


def _reader() -> dict[str, object]:
    """Who is logged in, as far as this request has asked, and what that person may do."""
    staff: Staff | None = g.get("staff")
    may = {power: staff is not None and staff.may(power) for power in ALL_POWERS}
    return {"staff": staff, "may": may}


def tell(text: Text) -> None:
    """Say on the next page what was done."""
    flash(list(text))  # type: ignore[arg-type]


def send_again_page(
    status: int, title: Text, text: Text, target: str, carried: Sequence[tuple[str, str]]
) -> Response:
    """What was posted and not saved, one press away from being sent again."""
    return staff_page("resume.html", status, title=title, text=text, target=target, carried=carried)


def log_in_page(status: int, wanted: str, **values: Any) -> Response:
    """The form to log in; ``carried`` is a post that came without a session."""
    named: dict[str, Any] = {"mistake": None, "login": "", "carried": []}
    return staff_page("login.html", status, wanted=wanted, **named | values)


def _stand_guard() -> AnyResponse | None:
    if request.endpoint is None:
        return None  # no such page
    access = access_of(current_app, request.endpoint)
    if not {"public", "machine"}.isdisjoint(access):
        return None
    staff = present_staff()
    if staff is None:
        return _ask_to_log_in()
    may = may_call(staff.role, access)
    if request.method not in SAFE:
        if may:
            view = current_app.view_functions[request.endpoint]
            request.max_content_length = getattr(view, "largest", None)
        csrf.protect()
    if not may:
        current_app.logger.warning("refused: %s to %s", request.endpoint, staff.login)
        return message(403, "staff_no_right_title", said("staff_no_right_text"))
    if staff.must_change and request.endpoint not in _STANDING:
        return redirect(url_for("login.password"), 303)
    return None


def _ask_to_log_in() -> AnyResponse:
    if request.method in SAFE:
        wanted = request.full_path.rstrip("?")
        return redirect(url_for("login.log_in_form", next=wanted), 303)
    try:
        fields = list(request.form.items(multi=True))
    except RequestEntityTooLarge:
        fields = []  # with a file, which is chosen anew
    return log_in_page(401, request.path, mistake=said("staff_session_over"), carried=_kept(fields))


def _kept(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in fields if name not in _NOT_CARRIED]


def _not_saved(error: StorageError) -> Response:
    """What staff sent while nothing could be saved can be sent again as it is."""
    answer = storage_page(error)
    if request.method in SAFE or not g.get("staff"):
        return answer
    carried = _kept(request.form.items(multi=True))
    text = said("staff_not_saved_text")
    return send_again_page(503, said("storage_title"), text, request.path, carried)


def _forged(_: CSRFError) -> Response:
    return message(400, "not_saved_title", said("staff_forged"))
