"""The way from the receipt to the page of the case, over HTTP."""

import gzip
import logging
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from lookup.bureau import Bureau
from lookup.issues import manual_code, reissue, revoke
from lookup.trail import change
from lookup.web.access import COOKIE_SECONDS
from tests.public_cases import CLERK, days_ago, issue_of, path_of, put, site_of

NUMBER = "A5101040120261120001"
ROUTES = {
    "/": {"GET", "HEAD", "POST"},
    "/r/abc": {"GET", "HEAD"},
    "/case": {"GET", "HEAD"},
    "/case/ratings": {"POST"},
    "/case/comments": {"POST"},
    "/case/receipt.pdf": {"GET", "HEAD"},
    "/case/proof.json": {"GET", "HEAD"},
    "/healthz": {"GET", "HEAD"},
    "/robots.txt": {"GET", "HEAD"},
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE")
# What the database has no part in is not tried on the second one.
one_engine = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def app(bureau: Bureau) -> Iterator[Flask]:
    put(bureau, NUMBER, days_ago(1))
    site = site_of(bureau)
    yield site
    site.extensions["bureau"].db.close()


@pytest.fixture
def phone(app: Flask) -> FlaskClient:
    return app.test_client()


def visits(bureau: Bureau) -> list[str]:
    return [row["day"] for row in bureau.db.rows("SELECT day FROM visit ORDER BY day")]


def type_code(phone: FlaskClient, number: str, code: str) -> TestResponse:
    return phone.post("/", data={"number": number, "code": code})


# From the paper to the case


def test_a_scan_leads_to_the_case_without_the_token(bureau: Bureau, phone: FlaskClient) -> None:
    path = path_of(bureau, issue_of(bureau, NUMBER))
    scanned = phone.get(path)
    assert (scanned.status_code, scanned.location) == (303, "/case")
    page = phone.get("/case")
    assert page.status_code == 200
    assert NUMBER in page.text
    assert issue_of(bureau, NUMBER)["match_word"] in page.text
    assert path.removeprefix("/r/") not in page.text


def test_number_and_code_open_the_case_however_they_are_typed(
    bureau: Bureau, phone: FlaskClient
) -> None:
    code = manual_code(bureau, issue_of(bureau, NUMBER))
    misread = NUMBER.replace("0", "O").replace("1", "I")
    for number in (f" {NUMBER.lower()} ", misread):
        opened = type_code(phone, number, f"{code[:4]} {code[4:].lower().replace('0', 'o')}")
        assert (opened.status_code, opened.location) == (303, "/case")
        assert NUMBER in phone.get("/case").text


@one_engine
@pytest.mark.parametrize(
    ("url", "name", "secure"),
    [
        ("https://daylight.example.cn", "__Host-case", True),
        ("http://127.0.0.1:8000", "case", False),
    ],
)
def test_the_cookie_is_kept_from_scripts_and_other_sites(
    bureau: Bureau, url: str, name: str, secure: bool
) -> None:
    issue = put(bureau, NUMBER, days_ago(1))
    app = site_of(bureau, public_url=url)
    header = app.test_client().get(path_of(bureau, issue)).headers["Set-Cookie"]
    assert header.startswith(f"{name}=")
    wanted = {"HttpOnly", "Path=/", "SameSite=Lax", f"Max-Age={COOKIE_SECONDS}"}
    assert wanted <= set(header.split("; "))
    assert ("Secure" in header.split("; ")) is secure
    assert "Domain" not in header
    app.extensions["bureau"].db.close()


@pytest.mark.parametrize("cookie", ["", "x", "expired"])
def test_without_a_valid_cookie_the_case_asks_for_number_and_code(
    bureau: Bureau, phone: FlaskClient, cookie: str
) -> None:
    if cookie == "expired":
        issue = issue_of(bureau, NUMBER)
        past = int(datetime.now(UTC).timestamp()) - 1
        cookie = bureau.cookies.sign_until(f"{issue['token_id']}.2026-11-20", past)
    phone.set_cookie("__Host-case", cookie, domain="daylight.example.cn")
    page = phone.get("/case")
    assert page.status_code == 200
    assert "请再打开一次" in page.text
    assert 'name="code"' in page.text
    assert NUMBER not in page.text


# Papers that open nothing


def dead_papers(bureau: Bureau) -> dict[str, str]:
    """Paths of a forged, an unknown, a revoked and a replaced receipt, and of broken ones."""
    revoked = put(bureau, "A1", days_ago(1))
    with change(bureau.db, CLERK) as ongoing:
        revoke(ongoing, revoked, "lost")
    replaced = put(bureau, "A2", days_ago(1))
    with change(bureau.db, CLERK) as ongoing:
        reissue(bureau, ongoing, replaced["party_id"], "lost")
    return {
        "forged": path_of(bureau, issue_of(bureau, NUMBER))[:-1] + "!",
        "unknown": f"/r/{bureau.papers.sign('AAAAAAAA')}",
        "revoked": path_of(bureau, revoked),
        "replaced": path_of(bureau, replaced),
        "empty of sense": "/r/%00%0A",
        "very long": "/r/" + "A" * 5000,
        "in Chinese": "/r/案件",
        "of another purpose": f"/r/{bureau.forms.sign(revoked['token_id'])}",
    }


def test_all_dead_papers_get_one_answer(bureau: Bureau, phone: FlaskClient) -> None:
    papers = dead_papers(bureau)
    answers = {name: phone.get(path) for name, path in papers.items()}
    assert {answer.status_code for answer in answers.values()} == {404}
    assert len({answer.data for answer in answers.values()}) == 1
    assert len({str(answer.headers) for answer in answers.values()}) == 1
    assert "可能已经换发" in answers["forged"].text
    assert "蓉江市公安局" in answers["forged"].text
    assert {phone.head(path).status_code for path in papers.values()} == {404}


@one_engine
def test_dead_papers_are_never_throttled(bureau: Bureau, phone: FlaskClient) -> None:
    assert {phone.get(f"/r/x{n}").status_code for n in range(700)} == {404}
    assert not bureau.db.rows("SELECT bucket FROM throttle")


@one_engine
def test_altered_secrets_open_nothing(bureau: Bureau, app: Flask) -> None:
    issue = issue_of(bureau, NUMBER)
    token = bureau.papers.sign(issue["token_id"])
    expires = int(datetime.now(UTC).timestamp()) + 60
    cookie = bureau.cookies.sign_until(f"{issue['token_id']}.2026-11-20", expires)
    handle = bureau.forms.sign(f"{issue['token_id']}.abc")
    pick = random.Random(11)
    phone = app.test_client()
    for _ in range(700):
        assert phone.get(f"/r/{altered(token, pick)}").status_code == 404
        phone.set_cookie("__Host-case", altered(cookie, pick), domain="daylight.example.cn")
        assert "请再打开一次" in phone.get("/case").text
        form = {"form": altered(handle, pick), "body": "x"}
        assert phone.post("/case/comments", data=form).status_code == 403


def altered(secret: str, pick: random.Random) -> str:
    """The secret with one character changed, dropped, doubled or put elsewhere."""
    place = pick.randrange(len(secret))
    other = pick.choice("ABCXYZabcxyz0189-_.".replace(secret[place], ""))
    before, here, after = secret[:place], secret[place], secret[place + 1 :]
    return pick.choice([before + other + after, before + after, before + here + here + after])


def test_a_cookie_of_a_paper_replaced_since_opens_nothing(
    bureau: Bureau, phone: FlaskClient
) -> None:
    issue = issue_of(bureau, NUMBER)
    phone.get(path_of(bureau, issue))
    with change(bureau.db, CLERK) as ongoing:
        reissue(bureau, ongoing, issue["party_id"], "lost")
    page = phone.get("/case")
    assert page.status_code == 404
    assert "可能已经换发" in page.text


# Number and code


def test_a_slip_in_the_code_is_told_apart_from_a_foreign_character(
    bureau: Bureau, phone: FlaskClient
) -> None:
    code = manual_code(bureau, issue_of(bureau, NUMBER))
    slip = type_code(phone, NUMBER, code[:-1])
    assert slip.status_code == 422
    assert "查询码应为9位，您填了8位" in slip.text
    other = "0" if code[0] != "0" else "1"
    assert "查询码有一处不对，请" in type_code(phone, NUMBER, other + code[1:]).text
    assert f'value="{NUMBER}"' in slip.text
    foreign = type_code(phone, NUMBER, code[:-1] + "é")
    assert "没有“é”这个字符" in foreign.text
    assert "U+E000" in type_code(phone, NUMBER, code[:-1] + "\ue000").text


def test_a_code_of_another_case_is_refused_and_the_number_kept(
    bureau: Bureau, phone: FlaskClient
) -> None:
    other = put(bureau, "A1", days_ago(1))
    answer = type_code(phone, NUMBER, manual_code(bureau, other))
    assert answer.status_code == 404
    assert "案件编号与查询码不符" in answer.text
    assert f'value="{NUMBER}"' in answer.text
    assert not visits(bureau)


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [("", "ABC", "请填写案件编号"), ("A1", " ", "请填写查询码"), ("", "", "请填写案件编号")],
)
def test_an_empty_field_is_named(phone: FlaskClient, number: str, code: str, said: str) -> None:
    answer = type_code(phone, number, code)
    assert answer.status_code == 422
    assert said in answer.text


def test_guessing_a_code_is_throttled(bureau: Bureau, phone: FlaskClient) -> None:
    other = manual_code(bureau, put(bureau, "A1", days_ago(1)))
    statuses = [type_code(phone, NUMBER, other).status_code for _ in range(11)]
    assert statuses == [404] * 10 + [429]
    answer = type_code(phone, NUMBER, manual_code(bureau, issue_of(bureau, NUMBER)))
    assert answer.status_code == 429
    assert answer.headers["Retry-After"].isdigit()
    assert phone.get(path_of(bureau, issue_of(bureau, NUMBER))).status_code == 303


@pytest.mark.parametrize("number", ["\0", "<script>alert(1)</script>", "９" * 300, "👮‍♀️‮x"])
def test_whatever_is_typed_comes_back_harmless(phone: FlaskClient, number: str) -> None:
    answer = type_code(phone, number, "\0<b>")
    assert answer.status_code == 422
    assert "<script" not in answer.text
    strictly(answer)


# Look-ups


def test_a_look_up_is_counted_once_a_day(bureau: Bureau, phone: FlaskClient) -> None:
    issue = issue_of(bureau, NUMBER)
    phone.head(path_of(bureau, issue))
    assert not visits(bureau)
    for _ in range(3):
        phone.get(path_of(bureau, issue))
        phone.get("/case")
    assert len(visits(bureau)) == 1


def test_a_page_kept_open_counts_again_on_another_day(bureau: Bureau, phone: FlaskClient) -> None:
    issue = issue_of(bureau, NUMBER)
    now = datetime.now(UTC)
    cookie = bureau.cookies.sign_until(
        f"{issue['token_id']}.{(now - timedelta(days=2)).date()}", int(now.timestamp()) + 60
    )
    phone.set_cookie("__Host-case", cookie, domain="daylight.example.cn")
    phone.get("/case")
    assert len(visits(bureau)) == 1


# What the page says


@one_engine
def test_the_page_names_unit_officer_and_ways_to_complain(
    bureau: Bureau, phone: FlaskClient
) -> None:
    page = phone.get(path_of(bureau, issue_of(bureau, NUMBER)), follow_redirects=True).text
    for said in ("锦江路派出所", "城东区锦江路18号", 'href="tel:028-55550101"', "510123", "12389"):
        assert said in page
    for said in ("接下来：是否立案的决定", "张*", "我们绝不会要求您付款"):
        assert said in page
    assert "张三" not in page
    assert "13800138000" not in page


def test_a_withheld_case_shows_the_unit_and_nothing_else(bureau: Bureau, app: Flask) -> None:
    issue = put(bureau, "A1", days_ago(3), withheld_reason="sexual_offence")
    phone = app.test_client()
    page = phone.get(path_of(bureau, issue), follow_redirects=True)
    assert page.status_code == 200
    assert "当面了解" in page.text
    for said in ("锦江路派出所", "城东区锦江路18号", "028-55550101"):
        assert said in page.text
    for hidden in ("A1", "张某", "李明", "510123", "张*", "性侵", "form", issue["match_word"]):
        assert hidden not in re.sub(r"<meta.*?>", "", page.text)
    assert phone.get("/case/receipt.pdf").status_code == 404


@one_engine
def test_the_receipt_can_be_kept_as_a_file(bureau: Bureau, phone: FlaskClient) -> None:
    assert phone.get("/case/receipt.pdf").location == "/case"
    phone.get(path_of(bureau, issue_of(bureau, NUMBER)))
    answer = phone.get("/case/receipt.pdf")
    assert answer.data.startswith(b"%PDF-")
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Cache-Control"] == "no-store"
    assert f"attachment; filename={NUMBER}.pdf" in answer.headers["Content-Disposition"]


# Language


@one_engine
def test_the_browsers_language_is_taken_until_another_is_chosen(
    bureau: Bureau, phone: FlaskClient
) -> None:
    english = {"Accept-Language": "en-GB,en;q=0.9,zh;q=0.5"}
    assert '<html lang="en">' in phone.get("/", headers=english).text
    assert '<html lang="zh-CN">' in phone.get("/", headers={"Accept-Language": "fr"}).text
    assert '<html lang="zh-CN">' in phone.get("/").text
    chosen = phone.get("/?lang=en")
    assert {"lang=en", "Secure", "HttpOnly"} <= set(chosen.headers["Set-Cookie"].split("; "))
    assert '<html lang="en">' in phone.get("/case").text
    assert '<html lang="zh-CN">' in phone.get("/?lang=zh", headers=english).text


@one_engine
def test_an_unknown_language_is_not_remembered(phone: FlaskClient) -> None:
    answer = phone.get("/?lang=xx%0d%0aSet-Cookie:a=b")
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


@one_engine
def test_chinese_on_an_english_page_is_marked_as_such(bureau: Bureau, phone: FlaskClient) -> None:
    phone.get(path_of(bureau, issue_of(bureau, NUMBER)))
    page = phone.get("/case?lang=en").text
    assert '<span lang="zh-CN">锦江路派出所</span>' in page
    assert "next comes the decision whether to file a case" in page


# Every answer


@one_engine
@pytest.mark.parametrize("path", ROUTES)
def test_a_wrong_method_is_refused_with_the_right_ones(phone: FlaskClient, path: str) -> None:
    for method in set(METHODS) - ROUTES[path]:
        answer = phone.open(path, method=method)
        assert answer.status_code == 405, method
        assert ROUTES[path] <= set(answer.headers["Allow"].split(", "))


@one_engine
@pytest.mark.parametrize("path", [*ROUTES, "/nowhere", "/static/app.css", "/static/x.css"])
def test_every_answer_carries_the_protecting_headers(phone: FlaskClient, path: str) -> None:
    headers = phone.get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Permissions-Policy" in headers


@one_engine
@pytest.mark.parametrize("path", ["/", "/r/x", "/case", "/nowhere", "/healthz"])
def test_no_cache_keeps_a_page(phone: FlaskClient, path: str) -> None:
    assert phone.get(path).headers["Cache-Control"] == "no-store"


@one_engine
def test_over_plain_http_no_https_is_promised(bureau: Bureau) -> None:
    app = site_of(bureau, public_url="http://127.0.0.1:8000")
    assert "Strict-Transport-Security" not in app.test_client().get("/robots.txt").headers


@one_engine
def test_the_style_sheet_is_kept_for_ever_under_its_hash(phone: FlaskClient) -> None:
    (address,) = re.findall(r'rel="stylesheet" href="([^"]+)"', phone.get("/").text)
    answer = phone.get(address)
    assert answer.mimetype == "text/css"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "immutable" not in phone.get("/static/app.css").headers["Cache-Control"]


@one_engine
@pytest.mark.parametrize("path", ["/", "/static/app.css"])
def test_pages_are_packed_for_those_who_can_unpack(phone: FlaskClient, path: str) -> None:
    plain = phone.get(path)
    packed = phone.get(path, headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.data) == plain.data
    refusing = phone.get(path, headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refusing.headers


@one_engine
def test_search_engines_are_sent_away(phone: FlaskClient) -> None:
    assert phone.get("/robots.txt").text == "User-agent: *\nDisallow: /\n"


# When things go wrong


def test_health_is_ok_only_while_the_database_answers(bureau: Bureau, phone: FlaskClient) -> None:
    assert (phone.get("/healthz").status_code, phone.get("/healthz").text) == (200, "ok\n")
    bureau.db.run("DROP TABLE migration")
    assert phone.get("/healthz").status_code == 503


@one_engine
def test_without_a_database_a_calm_page_asks_to_come_back(
    bureau: Bureau, caplog: pytest.LogCaptureFixture
) -> None:
    app = site_of(bureau, database_url="sqlite:////nowhere/daylight.db")
    phone = app.test_client()
    path = path_of(bureau, put(bureau, NUMBER, days_ago(1)))
    for answer in (phone.get(path), phone.get("/healthz"), type_code(phone, NUMBER, "0" * 9)):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"].isdigit()
        assert "系统暂时不能使用" in answer.text
        assert "nowhere" not in answer.text
        strictly(answer)
    assert phone.get("/").status_code == 200
    assert "/nowhere/daylight.db" in caplog.text
    assert path not in caplog.text


def test_a_fault_shows_a_calm_page_and_logs_no_token(
    bureau: Bureau, phone: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    path = path_of(bureau, issue_of(bureau, NUMBER))
    bureau.db.run("ALTER TABLE visit RENAME COLUMN case_id TO case_number")
    with caplog.at_level(logging.DEBUG):
        answer = phone.get(path)
    assert answer.status_code == 500
    assert "系统出了差错" in answer.text
    assert "Traceback" not in answer.text
    assert "fault in GET status.open_with_token" in caplog.text
    assert path.removeprefix("/r/") not in caplog.text


@one_engine
def test_a_page_that_is_not_there_says_so(phone: FlaskClient) -> None:
    for path in ("/nowhere", "/r/", "/case/", "/static/none.css"):
        answer = phone.get(path)
        assert answer.status_code == 404
        assert "没有这个页面" in answer.text


@one_engine
def test_every_page_is_sound_html(bureau: Bureau, app: Flask) -> None:
    phone = app.test_client()
    for path in ("/", "/case", "/nowhere", "/r/x"):
        strictly(phone.get(path))
    for number, milestones in COURSES.items():
        put(bureau, number, days_ago(20), milestones)
        phone.get(path_of(bureau, issue_of(bureau, number)))
        for language in ("zh", "en"):
            strictly(phone.get(f"/case?lang={language}"))


COURSES = {
    "B1": [],
    "B2": [{"step": "filing", "at": days_ago(18), "outcome": "refused"}],
    "B3": [
        {"step": "filing", "at": days_ago(18), "outcome": "filed"},
        {"step": "closure", "at": days_ago(1), "outcome": "withdrawn"},
    ],
}


def strictly(answer: TestResponse) -> None:
    """The page parses without a single fault, has a title and no id twice."""
    html5lib.HTMLParser(strict=True).parse(answer.text)
    ids = re.findall(r' id="([^"]*)"', answer.text)
    assert len(ids) == len(set(ids))
    assert re.search(r"<title>\S.*</title>", answer.text)
