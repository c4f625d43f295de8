"""What all public pages share: the bureau they speak for, its wording, the reader's language."""

import hashlib
import re
from operator import attrgetter
from pathlib import Path
from urllib.parse import urlencode

from flask import Flask, Response, current_app, render_template, request
from jinja2 import StrictUndefined
from markupsafe import Markup, escape

from lookup.beijing import BEIJING, from_utc_text
from lookup.bureau import Bureau
from lookup.language import Language
from lookup.web.language import chosen_language
from lookup.web.wording import WORDS

_STAFF_PATHS = ("/desk", "/admin", "/account", "/login", "/callbacks", "/audit")
# From the first Chinese character of a run to its last, over digits and signs between them.
_CHINESE = re.compile(r"[\u2e80-\U0003ffff](?:[^A-Za-z<>&]*[\u2e80-\U0003ffff])?")
_BRACKETS = re.compile(r"（[^（）]*）|\([^()]*\)")


def register(app: Flask) -> None:
    """Set up the templates."""
    env = app.jinja_env
    env.trim_blocks = env.lstrip_blocks = True
    env.undefined = StrictUndefined
    env.filters["beijing"] = _beijing
    folder = Path(str(app.static_folder))
    # The content's hash in the address lets browsers keep the file for ever.
    env.globals["asset"] = {file.name: _address(file) for file in folder.iterdir()}


def _beijing(instant: str) -> str:
    """A kept instant as staff read it."""
    return from_utc_text(instant).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")


def _address(file: Path) -> str:
    return f"/static/{file.name}?v={hashlib.sha256(file.read_bytes()).hexdigest()[:10]}"


def the_bureau() -> Bureau:
    """The bureau this program serves."""
    bureau: Bureau = current_app.extensions["bureau"]
    return bureau


def page(template: str, status: int = 200, **values: object) -> Response:
    """A page in the reader's language, kept by no cache."""
    language = chosen_language()
    html = render_template(
        template,
        w=WORDS[language],
        say=attrgetter(language),
        lang=language,
        lighten=_lighten,
        native=_native if language == "en" else str,
        bureau_name=the_bureau().config.bureau_name,
        language_link=_language_link(language),
        for_staff=request.path.startswith(_STAFF_PATHS),
        **values,
    )
    return Response(html, status, mimetype="text/html", headers={"Cache-Control": "no-store"})


def _language_link(language: Language) -> str:
    """The same page again; a form that was refused belongs to the page it stands on."""
    posted = request.method == "POST" and request.path.startswith(("/case/", "/c/"))
    stood_on = request.path.rpartition("/")[0] if posted else ""
    asked = request.args.to_dict(flat=False) | {"lang": ["zh" if language == "en" else "en"]}
    return f"{stood_on}?{urlencode(asked, doseq=True)}"


def _native(text: str) -> Markup:
    """What stands in Chinese on an English page, marked as such for screen readers."""
    return Markup(_CHINESE.sub(r'<span lang="zh-CN">\g<0></span>', str(escape(text))))  # noqa: S704


def _lighten(sentence: str) -> Markup:
    """What stands in brackets in a headline is set lighter."""
    return Markup(_BRACKETS.sub(r"<small>\g<0></small>", str(escape(sentence))))  # noqa: S704
