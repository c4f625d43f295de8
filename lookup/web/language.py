"""Which language a reader has chosen, or most likely reads."""

from flask import request

from lookup.language import LANGUAGES, Language

COOKIE = "lang"


def chosen_language() -> Language:
    """The language asked for in the address, else remembered, else of the browser; else Chinese."""
    asked = (request.args.get("lang"), request.cookies.get(COOKIE))
    browsers = request.accept_languages.best_match(LANGUAGES)
    named = next((one for one in (*asked, browsers) if one in LANGUAGES), None)
    return "en" if named == "en" else "zh"
