"""A figure over time, beside other units, and down to its cases, as the auditor's pages show it."""

import html
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.figures import SHARES
from lookup.issues import hand_over
from lookup.periods import quarter_of
from lookup.trail import change
from lookup.trends import SPANS
from tests.office import BUREAU, EAST, SISTER, STATION, WEST, Browser, at_work, browser_of
from tests.public_cases import CLERK, days_ago, put, site_of

QUARTER = quarter_of(beijing_day(datetime.now(UTC)))
TODAY = f"{QUARTER.last} 09:30"
HERE = f"period={QUARTER.code}"


@pytest.fixture
def site(bureau: Bureau) -> Flask:
    return site_of(bureau)


def cases(bureau: Bureau, unit: str, given: str) -> None:
    """Cases taken in today: each is y (its paper was given) or n."""
    for n, letter in enumerate(given):
        issue = put(bureau, f"{unit}-{n}", days_ago(0)[:10], unit=unit, name="王某某被盗窃案")
        if letter == "y":
            with change(bureau.db, CLERK) as ongoing:
                hand_over(ongoing, issue)


def read(browser: Browser, path: str) -> str:
    """A page, its entities as what they stand for."""
    answer = browser.get(path)
    assert answer.status_code == 200, path
    return html.unescape(answer.text)


def links(page: str, part: str) -> list[str]:
    return [one for one in re.findall(r'href="([^"]+)"', page) if part in one]


def test_a_trend_and_a_comparison_lead_down_to_the_cases_and_back(
    bureau: Bureau, site: Flask
) -> None:
    cases(bureau, STATION, "yyn")
    cases(bureau, SISTER, "yn")
    cases(bureau, WEST, "y")
    auditor = at_work(bureau, "auditor", BUREAU, site)
    page = read(auditor, f"/audit/trend?{HERE}&lang=zh")
    assert f"{QUARTER.name.zh}公开率为 66.67%；与{QUARTER.before().name.zh}相比" in page
    assert "最高 100.00%（城西分局），最低 60.00%（城东分局）" in page
    drawn = re.findall(r"<svg.*?</svg>", page, re.S)
    assert len(drawn) == 2 and all('role="img"' in one and "<desc>" in one for one in drawn)
    assert drawn[1].index("城西分局") < drawn[1].index("城东分局") and "66.67%" in drawn[0]
    [whole] = [one for one in links(page, "part=whole") if f"unit={EAST}" in one]
    listed = read(auditor, whole)
    assert set(re.findall(r"/desk/cases/([\w-]+)", listed)) == {
        *(f"{STATION}-{n}" for n in range(3)),
        *(f"{SISTER}-{n}" for n in range(2)),
    }
    assert "计入：公开数 3" in listed and "未计入 2" in listed and "全部：应公开数 5" in listed
    [rest] = links(listed, "part=rest")
    missing = read(auditor, f"/audit/cases{rest}")
    assert missing.count("回执未送达") == 2 and "“未计入”共 2" in missing
    # Nobody's name, nor what the case is called.
    assert not re.search("王某某|张三|13800138000", missing)
    [back] = re.findall(r'href="([^"]+)">←', missing)
    assert f"{QUARTER.name.zh}公开率为 66.67%" in read(auditor, back)
    assert read(auditor, links(missing, "/desk/cases/")[0])
    for n, figure in enumerate(SHARES):
        over = list(SPANS)[n % len(SPANS)]
        page = read(auditor, f"/audit/trend?{HERE}&figure={figure}&over={over}&lang=en")
        assert page.count("<svg") == 2
    assert "没有下级单位" in read(auditor, f"/audit/trend?{HERE}&unit={STATION}&lang=zh")


def test_a_long_list_is_read_page_by_page(bureau: Bureau, site: Flask) -> None:
    with bureau.db.transaction():
        cases(bureau, STATION, "n" * 53)
    supervisor = at_work(bureau, "supervisor", STATION, site)
    row = "by=officer&label=李明&badge=510123"
    first = read(supervisor, f"/audit/cases?{HERE}&figure=taken_in&{row}")
    assert "共 53，由下列案件相加而成" in first and "李明 (510123)" in first
    [further] = links(first, "after=")
    second = read(supervisor, f"/audit/cases{further}")
    found = [re.findall(r"/desk/cases/([\w-]+)", one) for one in (first, second)]
    assert [len(one) for one in found] == [50, 3] and len({*found[0], *found[1]}) == 53
    assert 'rel="next"' in first and 'rel="next"' not in second
    assert parse_qs(urlsplit(links(second, "by=officer")[0]).query)["period"] == [QUARTER.code]
    none = read(supervisor, f"/audit/cases?{HERE}&figure=withheld")
    assert "没有这样的案件" in none


def test_what_is_out_of_reach_unknown_or_not_allowed_is_not_shown(
    bureau: Bureau, site: Flask
) -> None:
    cases(bureau, STATION, "n")
    auditor, clerk = at_work(bureau, "auditor", EAST, site), at_work(bureau, app=site)
    for path in ("/audit/trend?", "/audit/cases?figure=due&"):
        for unit in (WEST, BUREAU, "none"):
            assert auditor.get(f"{path}unit={unit}").status_code == 404
        assert auditor.get(f"{path}unit={STATION}").status_code == 200
        assert clerk.get(path).status_code == 403
        assert browser_of(site).get(path).status_code == 303
        assert auditor.get(f"{path}period=2026-Q9").status_code == 400
        assert auditor.client.post(path).status_code in (400, 405)
    for asked in ("", "figure=name", "figure=due&part=x", "figure=due&by=name"):
        assert auditor.get(f"/audit/cases?{asked}").status_code == 400
    assert auditor.get("/audit/cases?figure=due&by=month&label=x").status_code == 200
    # A key that is none begins the list anew; a way back that leads elsewhere is none.
    page = read(auditor, "/audit/cases?figure=due&after=x&back=//elsewhere.example")
    assert f"{STATION}-0" in page and "elsewhere.example" not in "".join(links(page, "/audit/?"))
    assert not [one for one in links(page, "elsewhere") if one.startswith("//")]
