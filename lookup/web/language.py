"""Which language a reader has chosen, or most likely reads."""

from flask import Response, request

from lookup.language import LANGUAGES, Language

_COOKIE = "lang"
_YEAR = 365 * 24 * 3600


def chosen_language() -> Language:
    """The language asked for in the address, else remembered, else of the browser; else Chinese."""
    asked = (request.args.get("lang"), request.cookies.get(_COOKIE))
    browsers = request.accept_languages.best_match(LANGUAGES)
    named = next((one for one in (*asked, browsers) if one in LANGUAGES), None)
    return "en" if named == "en" else "zh"


def remember_language(response: Response) -> Response:
    """Keep a choice made in the address."""
    asked = request.args.get("lang")
    if asked in LANGUAGES:
        response.set_cookie(_COOKIE, asked, max_age=_YEAR, samesite="Lax")
    return response
