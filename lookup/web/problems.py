"""What programs are told when something goes wrong: problem details (RFC 9457)."""

from collections.abc import Sequence
from http import HTTPStatus

from flask import Response, request

from lookup.errors import Refused
from lookup.language import Text
from lookup.web.language import chosen_language
from lookup.web.wording import said

MEDIA_TYPE = "application/problem+json"
# What is said of an error that has no words of its own.
GENERAL = {
    "missing": said("api_missing"),
    "method": said("api_method"),
    "large": said("api_large"),
    "fault": said("api_fault"),
    "refused": said("api_refused"),
    "storage": said("api_storage"),
}


def is_wanted() -> bool:
    """Whether a program asks, which can do nothing with a page."""
    return request.path.startswith("/api/") or request.path == "/open.json"


def problem(status: int, text: Text, refusals: Sequence[Refused] = ()) -> Response:
    """One problem in the reader's language; each value refused also in both languages."""
    from msgspec import UNSET, json

    from lookup.answers import Problem, flaw_of

    language = chosen_language()
    told = Problem(
        "about:blank",
        HTTPStatus(status).phrase,
        status,
        text.said_in(language),
        [flaw_of(one) for one in refusals] or UNSET,
    )
    answer = Response(json.encode(told), status, {"Cache-Control": "no-store"}, MEDIA_TYPE)
    answer.headers["Content-Language"] = language
    answer.vary.add("Accept-Language")
    return answer
