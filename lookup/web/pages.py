"""What all public pages share: the bureau they speak for, its wording, the reader's language."""

import hashlib
from operator import attrgetter
from pathlib import Path

from flask import Flask, Response, current_app, render_template, request
from jinja2 import StrictUndefined
from markupsafe import Markup

from lookup.bureau import Bureau
from lookup.web.language import chosen_language
from lookup.web.wording import WORDS

_FIRST_CJK = "\u2e80"


def register(app: Flask) -> None:
    """Set up the templates."""
    env = app.jinja_env
    env.trim_blocks = env.lstrip_blocks = True
    env.undefined = StrictUndefined
    css = Path(str(app.static_folder), "app.css").read_bytes()
    # The content's hash in the address lets browsers keep the file for ever.
    env.globals["css"] = f"/static/app.css?v={hashlib.sha256(css).hexdigest()[:10]}"


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
        native=_native if language == "en" else str,
        bureau_name=the_bureau().config.bureau_name,
        language_link=_language_link(),
        **values,
    )
    return Response(html, status, mimetype="text/html", headers={"Cache-Control": "no-store"})


def _language_link() -> str:
    """The same page again; a form that was refused belongs to the page of its case."""
    posted_to_case = request.method == "POST" and request.path.startswith("/case/")
    other = "zh" if chosen_language() == "en" else "en"
    return f"{'/case' if posted_to_case else ''}?lang={other}"


def _native(text: str) -> str:
    """What stands in Chinese on an English page, marked as such for screen readers."""
    if any(c >= _FIRST_CJK for c in text):
        return Markup('<span lang="zh-CN">{}</span>').format(text)
    return text
