"""A case's page in somebody's browser, whose forms are sent as they were drawn and filled in."""

from dataclasses import dataclass
from html.parser import HTMLParser

from werkzeug.test import TestResponse

from lookup.bureau import Bureau
from lookup.cases import require_case
from lookup.database import Record
from tests.office import Browser


class _Forms(HTMLParser):
    """The fields of every form of a page as a browser would send them, by the form's action."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self._fields: dict[str, str] = {}
        self._select = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        if tag == "form":
            self._fields = self.forms.setdefault(str(has["action"]).rpartition("/")[2], {})
        elif tag == "input" and has.get("name"):
            self._fields[str(has["name"])] = has.get("value") or ""
        elif tag == "select":
            self._select = str(has["name"])
        elif tag == "option" and ("selected" in has or self._select not in self._fields):
            self._fields[self._select] = has["value"] or ""


@dataclass
class CasePage:
    """The page of one case, as last seen in one browser."""

    browser: Browser
    number: str
    text: str = ""

    def open(self, query: str = "") -> "CasePage":
        """Load the page."""
        answer = self.browser.get(f"/desk/cases/{self.number}{query}")
        assert answer.status_code == 200, answer.text
        self.text = answer.text
        return self

    def form(self, action: str) -> dict[str, str]:
        """What a form would send now; KeyError where it is not offered."""
        return _Forms(self.text).forms[action]

    def offers(self, action: str) -> bool:
        """Whether the page has a form."""
        return action in _Forms(self.text).forms

    def send(self, action: str, drawn: str = "", **typed: str) -> TestResponse:
        """Send a form, with some fields typed over; a refused one is the page from now on."""
        sent = self.form(drawn or action) | typed
        answer = self.browser.client.post(f"/desk/cases/{self.number}/{action}", data=sent)
        if answer.status_code == 303:
            after = self.browser.get(answer.location)
            self.text = after.text
        else:
            self.text = answer.text
        return answer


def rows_of(bureau: Bureau, number: str, table: str) -> list[Record]:
    """What a table holds of a case."""
    case = require_case(bureau.db, number)
    return bureau.db.rows(f"SELECT * FROM {table} WHERE case_id = :id", id=case["id"])
