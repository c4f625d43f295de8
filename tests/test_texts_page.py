"""The public page's switch for texts: one person's own, in the language that is read."""

import json
from collections.abc import Iterator

import html5lib
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from lookup.bureau import Bureau
from lookup.issues import reissue
from lookup.stops import stop_number, why_stopped
from lookup.trail import change, verify
from tests.office import at_work
from tests.public_cases import CLERK, Phone, days_ago, form_in, issue_of, put, site_of
from tests.texting import PEOPLE, PHONE

MASKED = "199****0001"
PAIR = [*PEOPLE, {"role": "victim", "name": "李四", "phone": PHONE}]


@pytest.fixture
def app(bureau: Bureau) -> Iterator[Flask]:
    put(bureau, "A1", days_ago(1), parties=PAIR)
    yield site_of(bureau, sms_url="http://127.0.0.1:9")


class Page:
    """The case page of one party, open on a phone of its own."""

    def __init__(self, bureau: Bureau, app: Flask, number: str = "A1", party: int = 0) -> None:
        self.bureau, self.issue = bureau, issue_of(bureau, number, party)
        phone = app.test_client()
        assert isinstance(phone, Phone)
        self.phone = phone
        self.html = phone.scan(bureau, self.issue).text

    def open(self, language: str = "zh") -> str:
        self.html = self.phone.get(f"/case?lang={language}").text
        html5lib.HTMLParser(strict=True).parse(self.html)
        return self.html

    def press(self, texts: str, **more: str) -> TestResponse:
        """Press a button of the section as it was drawn."""
        fields = form_in(self.html, "/case/messages") | {"texts": texts} | more
        return self.phone.post("/case/messages", data=fields)

    def offers(self, texts: str) -> bool:
        return f'name="texts" value="{texts}"' in self.html

    @property
    def kept(self) -> tuple[bool, str]:
        """Whether the party is muted, and the language of its texts."""
        row = self.bureau.db.row("SELECT * FROM party WHERE id = :id", id=self.issue["party_id"])
        assert row
        return row["texts_off_at"] is not None, row["language"]


def recorded(bureau: Bureau) -> list[tuple[str, str, dict[str, object]]]:
    rows = bureau.db.rows("SELECT * FROM trail_entry WHERE action LIKE 'texts.%' ORDER BY position")
    return [(row["action"], row["via"], json.loads(row["detail"])) for row in rows]


def test_one_person_ends_the_texts_for_oneself_and_has_them_again(
    bureau: Bureau, app: Flask
) -> None:
    page, other = Page(bureau, app), Page(bureau, app, party=1)
    assert f"短信会发到 {MASKED}" in page.html and PHONE not in page.html
    for _ in range(2):
        sent = page.press("off")
        assert (sent.status_code, sent.location) == (303, "/case#texts-set")
    assert page.kept == (True, "zh") and other.kept == (False, "zh")
    assert f"{MASKED} 的短信已停发" in page.open() and not page.offers("off")
    assert f"短信会发到 {MASKED}" in other.open()
    for _ in range(2):
        assert page.press("zh").status_code == 303
    assert page.kept == (False, "zh")
    assert page.open() and page.offers("off")
    party = page.issue["party_id"]
    assert recorded(bureau) == [
        ("texts.muted", "web", {"party": party}),
        ("texts.unmuted", "web", {"party": party, "language": "zh"}),
    ]
    assert not verify(bureau.db)


def test_texts_come_in_the_language_of_the_page_they_were_asked_for_on(
    bureau: Bureau, app: Flask
) -> None:
    page = Page(bureau, app)
    assert not page.offers("zh") and not page.offers("en")
    assert "Texts in English" in page.open("en") and page.offers("en")
    assert page.press("en").status_code == 303
    assert page.kept == (False, "en")
    assert "Texts in English" not in page.open("en")
    assert "短信改用中文" in page.open("zh")
    assert page.press("off").status_code == 303
    # Resumed on the page in Chinese they come in Chinese.
    assert page.open("zh") and not page.offers("en") and page.press("zh").status_code == 303
    assert page.kept == (False, "zh")


def test_a_number_that_replied_stop_is_started_on_the_page_but_not_a_wrong_one(
    bureau: Bureau, app: Flask
) -> None:
    page = Page(bureau, app)
    with change(bureau.db, CLERK) as ongoing:
        stop_number(bureau, ongoing, PHONE, "stop")
    assert "的短信已停发" in page.open() and not page.offers("off")
    assert page.press("zh").status_code == 303
    assert why_stopped(bureau, PHONE) is None
    assert "短信会发到" in page.open()
    drawn = page.html
    with change(bureau.db, CLERK) as ongoing:
        stop_number(bureau, ongoing, PHONE, "wrong")
    assert f"{MASKED} 的机主说打错了" in page.open()
    assert not page.offers("zh") and not page.offers("off")
    page.html = drawn
    before = recorded(bureau)
    answer = page.press("zh")
    assert answer.status_code == 409 and "说打错了" in answer.text
    assert why_stopped(bureau, PHONE) == "wrong" and recorded(bureau) == before


def test_without_a_phone_the_page_says_so_in_one_line(bureau: Bureau, app: Flask) -> None:
    put(bureau, "A2", days_ago(1), parties=[{"role": "complainant", "name": "王五"}])
    page = Page(bureau, app, "A2")
    assert "没有登记您的手机号" in page.html
    assert not page.offers("off") and not page.offers("zh")


def test_only_a_form_of_this_page_is_taken(bureau: Bureau, app: Flask) -> None:
    page = Page(bureau, app)
    for wanted in ("", "on", "fr", "\0", "off" * 99):
        answer = page.press(wanted)
        assert answer.status_code == 422
        assert 'href="#texts"' in answer.text
    assert page.press("off", form="").status_code == 403
    elsewhere = {"Origin": "https://evil.example"}
    fields = form_in(page.html, "/case/messages") | {"texts": "off"}
    answer = page.phone.post("/case/messages", data=fields, headers=elsewhere)
    assert answer.status_code == 403
    assert page.phone.get("/case/messages").status_code == 405
    page.phone.scan(bureau, put(bureau, "A2", days_ago(2)))
    assert page.press("off").status_code == 409
    stranger = app.test_client()
    assert stranger.post("/case/messages", data=fields).status_code == 409
    replaced = Page(bureau, app)
    with change(bureau.db, CLERK) as ongoing:
        reissue(bureau, ongoing, page.issue["party_id"], "lost")
    assert replaced.press("off").status_code == 409
    withheld = Page(bureau, app)
    put(bureau, "A1", days_ago(1), parties=PAIR, withheld_reason="minor")
    assert withheld.press("off").status_code == 409
    assert page.kept == (False, "zh") and recorded(bureau) == []


def test_staff_see_who_gets_no_texts_and_press_nothing_for_others(
    bureau: Bureau, app: Flask
) -> None:
    page, desk = Page(bureau, app), at_work(bureau, app=app)
    mark = '<span class="state">已退订短信</span>'
    assert mark not in desk.get("/desk/cases/A1").text
    assert page.press("off").status_code == 303
    file = desk.get("/desk/cases/A1").text
    assert file.count(mark) == 1 and "当事人停收短信" in file
    preview = desk.get(f"/desk/cases/A1/as/{page.issue['party_id']}").text
    assert f"{MASKED} 的短信已停发" in preview
    assert '<form method="post" action="/case/messages" inert>' in preview
