"""What the status page is measured against."""

import os
import sqlite3

from flask import Flask, render_template_string

_PAGE = """<!doctype html><html lang="zh"><meta charset="utf-8"><title>{{ case[1] }}</title>
<h1>{{ case[1] }}</h1><p>{{ case[2] }} {{ case[3] }} {{ case[4] }}</p>
<ol>{% for name, day, outcome in steps %}<li>{{ day }} {{ name }} {{ outcome }}{% endfor %}</ol>
"""


def bare() -> Flask:
    """Flask that answers two words."""
    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: "hello there")
    return app


def minimal() -> Flask:
    """A status page as one would write it in an hour: no token, no language, no record."""
    app = Flask(__name__)

    @app.get("/case/<int:number>")
    def case(number: int) -> str:
        with sqlite3.connect(os.environ["MINIMAL_DB"]) as db:
            row = db.execute("SELECT * FROM c WHERE id = ?", (number,)).fetchone()
            steps = db.execute("SELECT name, day, outcome FROM m WHERE case_id = ?", (number,))
            return render_template_string(_PAGE, case=row, steps=steps.fetchall())

    return app
