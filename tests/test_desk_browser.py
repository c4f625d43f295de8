"""The desk in a real browser: from the first key to the complainant's phone, and every page."""

import io
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page

from lookup import bulletins, comments, counters, feedback, inspections
from lookup.beijing import beijing_day, utc_now
from lookup.bureau import Bureau, open_bureau
from lookup.config import Config
from lookup.digests import make_digests
from lookup.migrations import migrate
from lookup.periods import quarter_of, read_period
from lookup.roles import STAFF_ROLES
from lookup.staff import read_staff, require_staff
from lookup.trail import Actor, change, verify
from lookup.units import put_units
from tests.browsing import axe_faults, launch, serve
from tests.conftest import UNITS
from tests.office import BUREAU, PASSWORD, STATION, hire
from tests.public_cases import CLERK, ask_for, days_ago, put

DESK = {"width": 1366, "height": 768}
RICH = "A5101040120260901005"
_REFUSED = {"step": "filing", "at": days_ago(9), "outcome": "refused"}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    """A bureau at work: cases in several states, somebody in each role."""
    database = tmp_path_factory.mktemp("desk") / "daylight.db"
    town = open_bureau(
        Config(
            database_url=f"sqlite:///{database}",
            secret_keys=("a key for the desk's browser tests, 0123456789",),
            public_url="http://127.0.0.1:1",
            bureau_name="蓉江市公安局",
        )
    )
    migrate(town.db)
    with change(town.db, CLERK) as ongoing:
        put_units(ongoing, UNITS)
    for role in STAFF_ROLES:
        unit = STATION if role in ("desk_officer", "supervisor") else BUREAU
        hire(town, role.replace("_", "."), role, unit, "李明" if unit == STATION else "赵磊")
    for n in range(60):
        put(town, f"A51010401202611{n:05d}", days_ago(n % 30), name=f"王某被盗窃案之{n}")
    put(town, "J5101-refused", days_ago(10), [_REFUSED])
    put(town, "J5101-withheld", days_ago(3), withheld_reason="minor")
    thing = {"name": "手机", "quantity": "1", "unit": "部", "measure": "扣押", "status": "保管中"}
    filed = {"step": "filing", "at": days_ago(60), "outcome": "filed"}
    rich = put(town, RICH, days_ago(70), [filed], property=[thing, thing | {"name": "银行卡"}])
    ask_for(town, rich["number"], ["购车发票", "身份证复印件"], ["身份证复印件"])
    with change(town.db, Actor("party", "web")) as ongoing:
        comments.comment(town, ongoing, rich, "请问手机什么时候可以领回？", "form")
        feedback.rate(town, ongoing, rich, "filing", "2", ["no_news"], "another form")
    with change(town.db, CLERK) as ongoing:
        counters.add(ongoing, STATION, STATION, "1号窗口")
    inspect(town)
    town.db.run("UPDATE message SET state = 'unknown', reason = 'no_answer' WHERE id = 1")
    make_digests(town, utc_now())
    draft_bulletin(town)
    yield town
    town.db.close()


def inspect(town: Bureau) -> None:
    """The case of which most is known is drawn, and something is found in it."""
    who, day = read_staff(require_staff(town.db, BUREAU, "auditor")), days_ago(70)[:10]
    who = replace(who, badge="510124")  # another than the officer in charge
    inspections.draw(town, who, STATION, read_period(f"{day}..{day}"), 1, "清风")
    with change(town.db, who.actor) as ongoing:
        inspections.check(town, ongoing, who, 1, ["dates", "property"], "与案卷不符")


def draft_bulletin(town: Bureau) -> None:
    """Of the last quarter, whatever there was in it."""
    who, now = read_staff(require_staff(town.db, BUREAU, "auditor")), utc_now()
    quarter = quarter_of(beijing_day(now)).before().code
    bulletins.draft(town, who, quarter, {"foreword": "请各单位对照。", "changed": ""}, now)


@pytest.fixture(scope="module")
def address(town: Bureau) -> Iterator[str]:
    with serve(town) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch() as launched:
        yield launched


def at_desk(browser: Browser, address: str, role: str, **options: Any) -> BrowserContext:
    """A desk screen at which somebody of a role has logged in by typing."""
    options = {"locale": "zh-CN", "viewport": DESK} | options
    context = browser.new_context(base_url=address, **options)
    page = context.new_page()
    page.goto("/login")
    focused(page, "login")
    page.keyboard.type(role.replace("_", "."))
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)
    page.close()
    return context


def focused(page: Page, field: str) -> None:
    """Wait for the focus: the browser moves it with its first frame, a moment after loading."""
    page.wait_for_function("id => document.activeElement.id === id", arg=field)


def codes_on(paper: bytes) -> list[str]:
    with Image.open(io.BytesIO(paper)) as image:
        return [found.text for found in zxingcpp.read_barcodes(image.convert("L"))]


def _zbar(paper: bytes, folder: Path) -> str:
    if which("zbarimg") is None:
        pytest.skip("no zbarimg")
    (folder / "paper.png").write_bytes(paper)
    read = subprocess.run(
        ["zbarimg", "--quiet", "--raw", str(folder / "paper.png")], capture_output=True, check=True
    )
    return read.stdout.decode().strip()


def test_from_the_first_key_to_the_complainants_phone(
    browser: Browser, address: str, town: Bureau, tmp_path: Path
) -> None:
    """Registers by keyboard alone, prints, scans the print, opens the page, records the filing."""
    desk = at_desk(browser, address, "desk_officer")
    page = desk.new_page()
    page.add_init_script("window.print = () => { document.documentElement.dataset.printed = 1 }")
    page.goto("/desk/")
    page.locator("h1").first.wait_for()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("n")
    page.wait_for_url("**/desk/new")
    focused(page, "number")
    keys = 0
    for typed in ("A5101040120261122777", None, "王某被盗窃案", None, "王芳", "13900001111"):
        if typed:
            page.keyboard.type(typed)
        page.keyboard.press("Tab")
        keys += 1
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/receipts/**")
    # The printer's dialogue opens by itself once the paper is there.
    page.wait_for_function("document.documentElement.dataset.printed")
    shown = page.locator("img.paper").get_attribute("src")
    assert shown
    paper = desk.request.get(shown).body()
    link = _zbar(paper, tmp_path)
    assert codes_on(paper) == [link]
    assert re.fullmatch(r"http://127\.0\.0\.1:1/r/\S{20,60}", link)

    phone = browser.new_context(
        base_url=address, locale="zh-CN", viewport={"width": 360, "height": 740}
    )
    scanned = phone.new_page()
    scanned.goto(link.removeprefix("http://127.0.0.1:1"))
    assert "受理登记" in scanned.locator(".headline").inner_text()
    assert "A5101040120261122777" in scanned.inner_text("main")

    page.keyboard.press("h")  # handed over; the next person is in front of her
    page.wait_for_url("**/desk/new")
    page.goto("/desk/cases/A5101040120261122777")
    page.keyboard.press("m")
    page.keyboard.press("Control+Enter")  # the milestone that is due is chosen already
    page.get_by_role("status").wait_for()
    scanned.reload()
    assert "已于" in scanned.locator(".headline").inner_text()
    assert "立案" in scanned.locator(".headline").inner_text()
    phone.close()
    desk.close()
    assert keys <= 6
    assert verify(town.db) == []


PAGES = {
    "find": ("desk_officer", "/desk/?q=A5101"),
    "new": ("desk_officer", "/desk/new"),
    "case": ("supervisor", f"/desk/cases/{RICH}"),
    "withheld": ("supervisor", "/desk/cases/J5101-withheld"),
    "refused": ("desk_officer", "/desk/cases/J5101-refused"),
    "correction": ("desk_officer", "/desk/cases/J5101-refused?correct=filing"),
    "paper": ("desk_officer", f"/desk/cases/{RICH}/receipts/63"),
    "preview": ("desk_officer", f"/desk/cases/{RICH}/as/63"),
    "record": ("supervisor", "/desk/record"),
    "import": ("supervisor", "/desk/import"),
    "call-backs": ("supervisor", "/callbacks/?list=unassigned"),
    "call-back": ("supervisor", "/callbacks/1"),
    "problems": ("supervisor", "/callbacks/problems"),
    "messages": ("supervisor", "/callbacks/messages"),
    "comments": ("desk_officer", "/desk/comments"),
    "comment": ("desk_officer", "/desk/comments/1"),
    "answers": ("supervisor", "/desk/comments/library"),
    "counters": ("desk_officer", "/desk/counters"),
    "soon": ("supervisor", "/desk/?due=tomorrow"),
    "overview": ("auditor", "/audit/?period=2026"),
    "table": ("supervisor", "/audit/?by=officer&columns=disclosure"),
    "ranking": ("auditor", "/audit/ranking?depth=2"),
    "exceptions": ("auditor", "/audit/exceptions"),
    "exception": ("supervisor", "/audit/exceptions/dated_back"),
    "trend": ("auditor", "/audit/trend?period=2026"),
    "cases behind": ("supervisor", "/audit/cases?period=2026&figure=clocks_kept_rate&part=rest"),
    "digests": ("supervisor", "/audit/digests/"),
    "digest": ("supervisor", "/audit/digests/3"),
    "inspections": ("auditor", "/audit/inspections/"),
    "inspection": ("auditor", "/audit/inspections/1"),
    "check sheets": ("auditor", "/audit/inspections/1/sheets"),
    "check sheet": ("auditor", "/audit/inspections/1/1"),
    "findings": ("supervisor", "/audit/inspections/"),
    "finding": ("supervisor", "/audit/inspections/1/1"),
    "bulletins": ("auditor", "/audit/bulletins/"),
    "bulletin": ("auditor", "/audit/bulletins/1"),
    "account": ("desk_officer", "/account"),
    "staff": ("administrator", "/admin/staff"),
    "units": ("administrator", "/admin/units"),
    "clients": ("administrator", "/admin/clients"),
}
OPEN_ALL = 'document.querySelectorAll("details").forEach(one => one.open = true)'


@pytest.fixture(scope="module")
def desks(browser: Browser, address: str) -> Iterator[dict[tuple[str, str], BrowserContext]]:
    made = {
        (role, locale): at_desk(browser, address, role, locale=locale)
        for role in ("desk_officer", "supervisor", "auditor", "administrator")
        for locale in ("zh-CN", "en-US")
    }
    yield made
    for context in made.values():
        context.close()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
def test_a_page_of_the_desk_fits_is_quiet_and_can_be_used_by_everybody(
    desks: dict[tuple[str, str], BrowserContext], name: str, locale: str
) -> None:
    role, path = PAGES[name]
    page = desks[role, locale].new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    answer = page.goto(path)
    assert answer and answer.status == 200
    assert page.title().endswith("蓉江市公安局")
    for width in (1366, 1024, 480):
        page.set_viewport_size({"width": width, "height": 768})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    page.evaluate(OPEN_ALL)
    assert axe_faults(page) == []
    assert messages == []
    page.close()


def test_a_page_without_scripts_still_registers(
    browser: Browser, address: str, town: Bureau
) -> None:
    desk = at_desk(browser, address, "desk_officer", java_script_enabled=False)
    page: Page = desk.new_page()
    page.goto("/desk/new")
    page.fill('[name="number"]', "A5101040120261122888")
    page.fill('[name="parties.0.name"]', "陈静")
    page.locator("main form").get_by_role("button").last.click()
    assert "/receipts/" in page.url
    assert page.locator("img.paper").is_visible()
    desk.close()
