"""The public pages in a real browser: reach, weight, accessibility, and life without scripts."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from lookup import comments, feedback
from lookup.bureau import Bureau, open_bureau
from lookup.config import Config
from lookup.database import Record
from lookup.issues import manual_code
from lookup.migrations import migrate
from lookup.trail import Actor, change
from lookup.units import put_units
from tests.browsing import axe_faults, launch, serve
from tests.conftest import UNITS
from tests.office import hire
from tests.public_cases import CLERK, ask_for, days_ago, issue_of, path_of, put
from tests.published import publish_row

LIGHTEST_PAGE = 14 * 1024
PRESSED = "button, .button, header a, summary, .levels > label, .tags label, input[type=text]"
# Axe does not look at what is folded away.
OPEN_ALL = """document.querySelectorAll("details").forEach(one => one.open = true);
    document.querySelectorAll(".l2").forEach(one => one.checked = true)"""
TOO_SMALL = f"""[...document.querySelectorAll("{PRESSED}")]
    .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 44)
    .map(one => one.outerHTML)"""
FILED = {"step": "filing", "at": days_ago(60), "outcome": "filed"}
REFUSED = {"step": "filing", "at": days_ago(9), "outcome": "refused"}
PHONE_SEIZED = {
    "name": "手机",
    "quantity": "1",
    "unit": "部",
    "measure": "扣押",
    "status": "已发还",
    "place": "锦江路派出所物证室",
}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    """A bureau with a case in each state, the closed one with all that a case can have."""
    database = tmp_path_factory.mktemp("browser") / "daylight.db"
    town = open_bureau(
        Config(
            database_url=f"sqlite:///{database}",
            secret_keys=("a key for browser tests, 0123456789",),
            public_url="http://127.0.0.1:1",
            bureau_name="蓉江市公安局",
        )
    )
    migrate(town.db)
    with change(town.db, CLERK) as ongoing:
        put_units(ongoing, UNITS)
    put(town, "new", days_ago(0))
    extended = {"step": "filing", "extended_days": "7", "approved_by": "王局长"}
    put(town, "overdue", days_ago(20), [extended])
    put(town, "refused", days_ago(10), [REFUSED])
    put(town, "served", days_ago(10), [REFUSED, {"step": "notice", "at": days_ago(7)}])
    put(town, "withheld", days_ago(3), withheld_reason="minor")
    _fill(town)
    units = [("城东分局", {"taken_in": 450, "disclosed": 400}), ("城西分局", {"taken_in": 7})]
    publish_row(town, "2026-Q3", [*units, ("城北分局", {"taken_in": 90, "disclosed": 88})])
    yield town
    town.db.close()


def _fill(town: Bureau) -> None:
    measure = {"step": "measure", "at": days_ago(40), "outcome": "bail"}
    closure = {"step": "closure", "at": days_ago(2), "outcome": "prosecution"}
    closed = put(
        town,
        "A5101040120260901005",
        days_ago(70),
        [FILED, measure, closure],
        property=[PHONE_SEIZED | {"name": f"手机{n}"} for n in range(6)],
    )
    ask_for(town, closed["number"], ["购车发票", "身份证复印件"], ["身份证复印件"])
    with change(town.db, Actor("party", "web")) as ongoing:
        feedback.rate(town, ongoing, closed, "filing", "2", ["no_news"], "form 1")
        for n in range(4):
            comments.comment(town, ongoing, closed, f"第{n}次留言。" * 20, f"form {n}")
    made = comments.comments_of(town.db, closed["party_id"])[0]["id"]
    who = hire(town, "li.ming", "desk_officer")
    with change(town.db, who.actor) as ongoing:
        comments.answer(town, ongoing, who, made, "手机已经发还，请带身份证到所里领取。")


@pytest.fixture(scope="module")
def address(town: Bureau) -> Iterator[str]:
    """Where the pages are served."""
    with serve(town) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch() as launched:
        yield launched


@pytest.fixture
def context(browser: Browser, address: str) -> Iterator[BrowserContext]:
    """A small phone that reads Chinese."""
    made = browser.new_context(
        base_url=address, locale="zh-CN", viewport={"width": 360, "height": 740}
    )
    yield made
    made.close()


def issue(town: Bureau, number: str) -> Record:
    return issue_of(town, number)


def scan(page: Page, town: Bureau, number: str) -> None:
    page.goto(path_of(town, issue(town, number)))


# Each way to a page: the page as a reader reaches it.


def _case(number: str) -> Any:
    return lambda page, town: scan(page, town, number)


def _look_up(page: Page, _: Bureau) -> None:
    page.goto("/")


def _wrong_code(page: Page, town: Bureau) -> None:
    page.goto("/")
    page.fill("#number", "overdue")
    page.fill("#code", manual_code(town, issue(town, "new")))
    page.click("form button")


def _dead(page: Page, _: Bureau) -> None:
    page.goto("/r/nothing")


def _nowhere(page: Page, _: Bureau) -> None:
    page.goto(quote("/没有"))


def _too_long(page: Page, town: Bureau) -> None:
    scan(page, town, "new")
    page.fill("#body", "长" * 1001)
    page.click("#comments button")


def _no_level(page: Page, town: Bureau) -> None:
    scan(page, town, "new")
    page.click("#ratings button")


def _two_tabs(page: Page, town: Bureau) -> None:
    scan(page, town, "new")
    page.fill("#body", "写给第一个案件")
    second = page.context.new_page()
    scan(second, town, "refused")
    second.close()
    page.click("#comments button")


PAGES = {
    "new": _case("new"),
    "overdue": _case("overdue"),
    "refused": _case("refused"),
    "served": _case("served"),
    "closed": _case("A5101040120260901005"),
    "withheld": _case("withheld"),
    "look-up": _look_up,
    "wrong code": _wrong_code,
    "dead": _dead,
    "nowhere": _nowhere,
    "too long": _too_long,
    "no level": _no_level,
    "two tabs": _two_tabs,
    "open": lambda page, _: page.goto("/open"),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_in_both_languages_and_colour_schemes(
    browser: Browser, address: str, town: Bureau, name: str
) -> None:
    for locale in ("zh-CN", "en-US"):
        context = browser.new_context(
            base_url=address, locale=locale, viewport={"width": 360, "height": 740}
        )
        page = context.new_page()
        PAGES[name](page, town)
        assert (
            page.locator("html").get_attribute("lang") == {"zh-CN": "zh-CN", "en-US": "en"}[locale]
        )
        page.evaluate(OPEN_ALL)
        assert axe_faults(page) == [], locale
        context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_small_screen_and_a_finger(
    context: BrowserContext, town: Bureau, name: str
) -> None:
    page = context.new_page()
    PAGES[name](page, town)
    for width in (280, 360, 1366):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(TOO_SMALL) == []


def test_the_first_visit_is_light(context: BrowserContext, town: Bureau) -> None:
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    weights: list[float] = []
    network.on("Network.loadingFinished", lambda end: weights.append(end["encodedDataLength"]))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    scan(page, town, "A5101040120260901005")
    page.wait_for_load_state("networkidle")
    after_redirect = [url for url in asked if "/r/" not in url and not url.startswith("data:")]
    assert len(after_redirect) == 2, after_redirect
    assert 0 < sum(weights) <= LIGHTEST_PAGE
    assert messages == []


def test_the_whole_path_needs_no_script(browser: Browser, address: str, town: Bureau) -> None:
    context = browser.new_context(base_url=address, locale="zh-CN", java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.fill("#number", "served")
    page.fill("#code", manual_code(town, issue(town, "served")))
    page.click("form button")
    assert page.url.endswith("/case")
    rating = page.locator("#rate-notice")
    assert not rating.get_by_text("没有说明进展").is_visible()
    rating.get_by_label("不满意", exact=True).check()
    rating.get_by_text("没有说明进展").check()
    rating.get_by_role("button").click()
    assert page.get_by_text("评价已收到").nth(0).is_visible()
    assert page.locator("#rate-notice").get_by_text("您的评价：").is_visible()
    page.fill("#body", "请问什么时候有结果？")
    page.click("#comments button")
    assert page.get_by_text("留言已收到").is_visible()
    assert page.get_by_text("请问什么时候有结果？").is_visible()
    context.close()


def test_the_language_link_keeps_the_reader_on_the_page(
    context: BrowserContext, town: Bureau
) -> None:
    page = context.new_page()
    _too_long(page, town)
    page.click("header a")
    assert "next comes" in page.locator(".headline").inner_text()
    page.goto("/")
    assert page.locator("h1").inner_text() == "Follow your case"


def test_what_was_refused_is_where_the_reader_looks(context: BrowserContext, town: Bureau) -> None:
    page = context.new_page()
    _too_long(page, town)
    # The browser moves the focus with its first frame, a moment after the page is loaded.
    page.wait_for_function("document.activeElement.id === 'body'", timeout=5000)
    assert page.input_value("#body") == "长" * 1001
    assert "内容超出 1 个字" in page.locator("#mistake").inner_text()
