"""Which language a reader has chosen, or most likely reads."""

from flask import request

from lookup.language import LANGUAGES, Language

COOKIE = "lang"


def chosen_language() -> Language:
    """The language asked for in the address, else remembered, else of the browser; else Chinese."""
    for asked in (request.args.get("lang"), request.cookies.get(COOKIE)):
        if asked in LANGUAGES:
            return "en" if asked == "en" else "zh"
    return "en" if request.accept_languages.best_match(LANGUAGES) == "en" else "zh"
