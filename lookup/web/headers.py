"""What every answer carries, and posts that other sites send."""

import gzip

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden

from lookup.language import LANGUAGES
from lookup.web.language import COOKIE
from lookup.web.pages import the_bureau

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    # Under no-referrer browsers post with "Origin: null", which tells nothing.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_YEAR = 365 * 24 * 3600
_FOREVER = f"public, max-age={_YEAR}, immutable"
SAFE = {"GET", "HEAD", "OPTIONS"}
_TOO_SMALL_TO_PACK = 800


class CrossSite(Forbidden):
    """A post that another site sent."""


def register(app: Flask) -> None:
    """Refuse posts from other sites, and complete every answer."""
    app.before_request(_refuse_cross_site)
    app.after_request(_remember_language)
    app.after_request(_complete)
    app.after_request(_pack)


def _refuse_cross_site() -> None:
    """Browsers say where a post comes from; machines say nothing and carry no cookies."""
    if request.method in SAFE:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    own = (request.host, the_bureau().config.host)
    from_elsewhere = site not in (None, "same-origin", "none")
    if from_elsewhere or (origin is not None and origin.partition("://")[2] not in own):
        raise CrossSite


def _remember_language(response: Response) -> Response:
    """Keep a choice made in the address; but caches keep no cookies."""
    asked = request.args.get("lang")
    if asked in LANGUAGES and not response.cache_control.public:
        secure = the_bureau().config.is_https
        response.set_cookie(
            COOKIE, asked, max_age=_YEAR, secure=secure, httponly=True, samesite="Lax"
        )
    return response


def _complete(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if the_bureau().config.is_https:
        response.headers["Strict-Transport-Security"] = f"max-age={_YEAR}"
    if request.endpoint == "static" and "v" in request.args and response.status_code < 400:
        response.headers["Cache-Control"] = _FOREVER
    return response


def _pack(response: Response) -> Response:
    """Public pages for slow networks. Staff pages mix secrets with what strangers wrote, whose
    length packing would betray."""
    is_public = request.blueprint in (None, "status", "counter")
    is_page = is_public and response.mimetype in ("text/html", "text/css")
    if not is_page and request.blueprint != "open":
        return response
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] and response.status_code != 304:
        response.direct_passthrough = False
        body = response.get_data()
        if len(body) > _TOO_SMALL_TO_PACK:
            response.set_data(gzip.compress(body, 5, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
    return response
