"""What complainants send: ratings and comments, from the right page, once."""

from collections.abc import Iterator

import html5lib
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from lookup.bureau import Bureau
from lookup.comments import LONGEST_COMMENT, comments_of
from lookup.feedback import ratings_of
from lookup.issues import reissue
from lookup.trail import change
from tests.public_cases import CLERK, Phone, days_ago, form_in, issue_of, put, site_of

NUMBER = "A5101040120261120001"
PARTIES = [{"role": "complainant", "name": "张三"}, {"role": "victim", "name": "李四"}]


@pytest.fixture
def app(bureau: Bureau) -> Iterator[Flask]:
    put(bureau, NUMBER, days_ago(1), parties=PARTIES)
    site = site_of(bureau)
    yield site
    site.extensions["bureau"].db.close()


@pytest.fixture
def page(bureau: Bureau, app: Flask) -> "Page":
    return Page(bureau, app)


class Page:
    """The case page of one party, open on a phone of its own."""

    def __init__(self, bureau: Bureau, app: Flask, number: str = NUMBER, party: int = 0) -> None:
        self.bureau = bureau
        self.issue = issue_of(bureau, number, party)
        self.phone = app.test_client()
        assert isinstance(self.phone, Phone)
        self.html = self.phone.scan(bureau, self.issue).text

    def comment(self, body: str, **more: str) -> TestResponse:
        """Send the comment form of the page as it was drawn."""
        fields = form_in(self.html, "/case/comments") | {"body": body} | more
        return self.phone.post("/case/comments", data=fields)

    def rate(self, level: str, *tags: str, **more: str) -> TestResponse:
        """Send the rating form of the intake as it was drawn."""
        fields = form_in(self.html, "/case/ratings", "intake") | {"level": level} | more
        return self.phone.post("/case/ratings", data=fields | {"tags": list(tags)})

    def comments(self) -> list[str]:
        """The comments kept of this party."""
        return [row["body"] for row in comments_of(self.bureau.db, self.issue["party_id"])]

    def ratings(self) -> dict[str, tuple[int, list[str]]]:
        """The current ratings kept of this party."""
        rows = ratings_of(self.bureau.db, self.issue["party_id"])
        return {step: (row["level"], row["tags"]) for step, row in rows.items()}


# Sent and kept


def test_a_comment_is_kept_and_shown(page: Page) -> None:
    sent = page.comment("我的手机什么时候可以拿回来？")
    assert (sent.status_code, sent.location) == (303, "/case#sent")
    assert page.comments() == ["我的手机什么时候可以拿回来？"]
    assert "我的手机什么时候可以拿回来？" in page.phone.get("/case").text


def test_a_rating_is_kept_and_shown(page: Page) -> None:
    sent = page.rate("2", "no_news")
    assert (sent.status_code, sent.location) == (303, "/case#rated-intake")
    assert page.ratings() == {"intake": (2, ["no_news"])}
    html = page.phone.get("/case").text
    assert "您的评价：<b>不满意</b>" in html
    assert "没有说明进展" in html


def test_a_form_sent_twice_lands_once(page: Page) -> None:
    assert {page.comment("一次").status_code for _ in range(3)} == {303}
    assert {page.rate("4").status_code for _ in range(3)} == {303}
    assert page.comments() == ["一次"]
    rows = page.bureau.db.rows("SELECT id FROM rating")
    assert len(rows) == 1


def test_reasons_of_a_level_left_again_are_not_kept(page: Page) -> None:
    assert page.rate("5", "long_wait", "friendly").status_code == 303
    assert page.ratings() == {"intake": (5, ["friendly"])}


def test_a_rating_can_be_changed(page: Page) -> None:
    page.rate("1")
    page.html = page.phone.get("/case").text
    page.rate("3")
    assert page.ratings() == {"intake": (3, [])}


@pytest.mark.parametrize(
    "body",
    [
        "谢谢👮‍♀️🏽",
        "\u202eabc مرحبا",
        "𠮷野家 \U0002a6d6",
        "第一行\r\n第二行",
        "<script>alert(1)</script> & \"'",
        "=1+1",
        "{{ 7 * 7 }}",
        "长" * LONGEST_COMMENT,
    ],
)
def test_a_comment_in_any_script_is_kept_and_shown_harmless(page: Page, body: str) -> None:
    assert page.comment(body).status_code == 303
    (kept,) = page.comments()
    shown = page.phone.get("/case")
    assert "<script" not in shown.text
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(shown.text)
    said = [element.text for element in tree.iter("p") if element.get("class") == "said"]
    assert said == [kept]


# Sent and refused


@pytest.mark.parametrize(
    "body", ["", " \n\u3000", "长" * (LONGEST_COMMENT + 1), "a\0b", "\x1b[31m"]
)
def test_a_refused_comment_comes_back_with_the_reason(page: Page, body: str) -> None:
    answer = page.comment(body)
    assert answer.status_code == 422
    assert not page.comments()
    html5lib.HTMLParser(strict=True).parse(answer.text)
    assert 'aria-invalid="true" autofocus' in answer.text
    assert "<title>有误：" in answer.text
    readable = body.replace("\0", "").replace("\x1b", "")
    assert readable.strip() in answer.text
    page.html = answer.text
    assert page.comment("短一些").status_code == 303


def test_a_megabyte_is_refused_before_it_is_read(page: Page) -> None:
    answer = page.comment("长" * 350_000)
    assert answer.status_code == 413
    assert "内容太长" in answer.text
    assert not page.comments()


@pytest.mark.parametrize("level", ["", "0", "6", "5 OR 1=1", "五"])
def test_a_rating_without_a_level_comes_back_with_the_reason(page: Page, level: str) -> None:
    answer = page.rate(level)
    assert answer.status_code == 422
    assert "请选择一项" in answer.text
    assert 'href="#rate-intake"' in answer.text
    assert not page.ratings()


@pytest.mark.parametrize(
    ("tags", "step"), [(["bribed"], "intake"), ([], "closure"), ([], "\0"), ([], "x" * 99)]
)
def test_tags_and_steps_that_were_not_offered_are_refused(
    page: Page, tags: list[str], step: str
) -> None:
    assert page.rate("5", *tags, step=step).status_code == 422
    assert not page.ratings()


# Whose form it is


@pytest.mark.parametrize("form", ["", "x", "abc.def"])
def test_a_form_without_a_handle_of_ours_is_refused(page: Page, form: str) -> None:
    answer = page.comment("我写的话", form=form)
    assert answer.status_code == 403
    assert "没有保存" in answer.text
    assert "我写的话" in answer.text
    assert page.rate("5", form=form).status_code == 403
    assert not page.comments()


def test_a_form_of_another_receipt_open_in_a_second_tab_is_not_kept(
    bureau: Bureau, page: Page
) -> None:
    other = put(bureau, "A2", days_ago(2))
    assert isinstance(page.phone, Phone)
    page.phone.scan(bureau, other)
    answer = page.comment("写给第一个案件")
    assert answer.status_code == 409
    assert "另一张回执" in answer.text
    assert "写给第一个案件" in answer.text
    assert page.rate("1").status_code == 409
    assert not page.comments()
    assert not comments_of(bureau.db, other["party_id"])
    assert not ratings_of(bureau.db, other["party_id"])


def test_a_form_without_its_cookie_is_not_kept(page: Page) -> None:
    page.phone.delete_cookie("__Host-case", domain="daylight.example.cn")
    answer = page.comment("写了很久的话")
    assert answer.status_code == 409
    assert "写了很久的话" in answer.text
    assert not page.comments()


def test_a_form_of_a_receipt_replaced_since_is_not_kept(bureau: Bureau, page: Page) -> None:
    with change(bureau.db, CLERK) as ongoing:
        reissue(bureau, ongoing, page.issue["party_id"], "lost")
    answer = page.comment("还在吗")
    assert answer.status_code == 409
    assert "回执已经换发" in answer.text
    assert not page.comments()


def test_a_form_of_a_case_withheld_since_is_not_kept(bureau: Bureau, page: Page) -> None:
    put(bureau, NUMBER, days_ago(1), parties=PARTIES, withheld_reason="minor")
    answer = page.comment("还在吗")
    assert answer.status_code == 409
    assert "当面告知" in answer.text
    assert page.rate("5").status_code == 409
    assert not page.comments()


def test_the_other_party_sees_nothing_of_it(bureau: Bureau, app: Flask, page: Page) -> None:
    page.comment("只给自己看")
    page.rate("1", "unfriendly")
    other = Page(bureau, app, party=1)
    assert other.phone is not page.phone
    assert "李*" in other.html
    assert "只给自己看" not in other.html
    assert "您的评价" not in other.html


# Where it was sent from


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://evil.daylight.example.cn"},
        {"Origin": "null"},
        {"Origin": "https://[evil"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/case/comments", "/case/ratings"])
def test_a_post_from_another_site_is_refused(
    page: Page, path: str, headers: dict[str, str]
) -> None:
    fields = form_in(page.html, "/case/comments") | {"body": "x"}
    answer = page.phone.post(path, data=fields, headers=headers)
    assert answer.status_code == 403
    assert "来自别的网站" in answer.text
    assert not page.comments()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://daylight.example.cn"},
        {"Sec-Fetch-Site": "none"},
        {},
    ],
)
def test_a_post_from_this_site_is_taken(page: Page, headers: dict[str, str]) -> None:
    fields = form_in(page.html, "/case/comments") | {"body": "好"}
    assert page.phone.post("/case/comments", data=fields, headers=headers).status_code == 303
