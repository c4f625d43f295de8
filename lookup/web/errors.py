"""Calm pages for whatever goes wrong; none of them needs the database."""

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException

from lookup.errors import Conflict, DaylightError, NotFound, Refused, StorageError, Throttled
from lookup.language import Text
from lookup.web import headers, pages, problems
from lookup.web.pages import page
from lookup.web.wording import said

# A case page and its forms are small; whoever takes in files allows himself more.
LARGEST_BODY = 64 * 1024
RETRY_SECONDS = 60

_HTTP = {404: "missing", 405: "method", 413: "large", 500: "fault"}
_OURS: dict[type[DaylightError], tuple[int, str]] = {
    NotFound: (404, "missing"),
    Refused: (422, "refused"),
    Conflict: (409, "not_saved"),
    Throttled: (429, "busy"),
}


def register(app: Flask) -> None:
    """Set up the error pages, the headers of every answer and the limit of a body."""
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    pages.register(app)
    headers.register(app)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(headers.CrossSite, _cross_site)
    app.register_error_handler(StorageError, storage_page)
    for kind in _OURS:
        app.register_error_handler(kind, _ours)
    app.log_exception = _log_fault  # type: ignore[method-assign]


def message(status: int, title: str, text: Text, typed: str = "") -> Response:
    """A page that says one thing; ``title`` names its words, ``typed`` is what was not saved.

    Programs are told it as a problem.
    """
    if problems.is_wanted():
        return problems.problem(status, text)
    return page("message.html", status, title=said(title), text=text, typed=typed)


def _http(error: HTTPException) -> Response | HTTPException:
    code = error.code or 500
    if code < 400 or error.response is not None:
        return error
    name = _HTTP.get(code, "fault" if code >= 500 else "refused")
    answer = message(code, f"{name}_title", _general(name))
    # What the standard wants beside the status: Allow, Retry-After and the like.
    for header, value in error.get_headers():
        if header not in ("Content-Type", "Content-Length"):
            answer.headers[header] = value
    return answer


def _general(name: str) -> Text:
    return problems.GENERAL[name] if problems.is_wanted() else said(f"{name}_text")


def _cross_site(_: headers.CrossSite) -> Response:
    return message(403, "refused_title", said("cross_site"))


def _ours(error: DaylightError) -> Response:
    status, name = next(found for kind, found in _OURS.items() if isinstance(error, kind))
    answer = message(status, f"{name}_title", error.text)
    if status == 429:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def storage_page(error: StorageError) -> Response:
    """The page that says that the database cannot be used."""
    # The sentence names files and settings: it is for the administrator alone.
    current_app.logger.error("storage: %s", error)
    answer = message(503, "storage_title", _general("storage"))
    answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


def _log_fault(exc_info: object) -> None:
    """Flask's own line names the path, and a path may hold a receipt's token."""
    current_app.logger.error("fault in %s %s", request.method, request.endpoint, exc_info=exc_info)  # type: ignore[arg-type]
