"""The life of a bulletin: drafted, approved by another, published, corrected; never changed."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from lookup import bulletins, editions
from lookup.beijing import beijing_day
from lookup.bulletin_sheet import sheet_of
from lookup.bureau import Bureau
from lookup.errors import Conflict, NotFound, Refused
from lookup.figures import counts_of, figures_from, together
from lookup.issues import hand_over
from lookup.language import Text
from lookup.oversight import Measure
from lookup.periods import quarter_of, read_period
from lookup.ranking import rank
from lookup.rates import Question, rates
from lookup.staff import Staff
from lookup.trail import change, head, verify
from tests.office import BUREAU, EAST, SISTER, STATION, WEST, Browser, at_work, hire
from tests.paper import text_of
from tests.public_cases import CLERK, put, site_of
from tests.test_ranking import BRANCH_WEST, cases, ranking_by

QUARTER = read_period("2026-Q3")
NOW = datetime(2026, 10, 9, 1, 2, 3, tzinfo=UTC)
NOTHING = {"foreword": "", "changed": ""}
HOSTILE = "请看 #sys.version $x^2$ *粗*\n<script>alert(1)</script> {{ 7*7 }} \\u{41}"


@pytest.fixture
def bureau(bureau: Bureau) -> Bureau:
    """One that ranks by disclosure and ratings, from two cases on."""
    return ranking_by(bureau, Measure("disclosure_rate", 3), Measure("satisfaction", 1))


@pytest.fixture
def crew(bureau: Bureau) -> tuple[Staff, Staff]:
    chief = hire(bureau, "chief", "supervisor", BUREAU)
    return hire(bureau, "auditor", "auditor", BUREAU), replace(chief, badge="510124")


def told(**told: str) -> dict[str, str]:
    return NOTHING | told


def step(act: Callable[..., None], bureau: Bureau, who: Staff, made: int) -> None:
    """As somebody does who has just looked at it."""
    act(bureau, who, made, bulletins.find(bureau.db, who, made)["seal"], NOW)


def seal_on(browser: Browser, path: str) -> str:
    """The hidden field of the forms of a bulletin's page."""
    [seal] = set(re.findall(r'name="seen" value="(\w+)"', browser.get(path).text))
    return str(seal)


def main_of(browser: Browser, path: str) -> str:
    """A page without its head, whose anti-forgery token is new each time."""
    return browser.get(path).text.partition("<main>")[2]


def test_a_bulletin_keeps_the_figures_of_the_moment_by_unit_and_in_words(
    bureau: Bureau, crew: tuple[Staff, Staff]
) -> None:
    auditor, chief = crew
    cases(bureau, STATION, "2026-07", "yn")
    cases(bureau, SISTER, "2026-08", "yy")
    cases(bureau, WEST, "2026-09", "yyn")
    cases(bureau, BUREAU, "2026-09", "y")
    cases(bureau, WEST, "2026-05", "nn")
    put(bureau, "hidden", "2026-07-05 09:30", unit=WEST, withheld_reason="minor")
    asked = Question(QUARTER.first, QUARTER.last, unit=BUREAU)
    counted, ranked = rates(bureau, asked, NOW), rank(bureau, QUARTER, BUREAU, now=NOW)
    below = rank(bureau, QUARTER, BUREAU, 2, NOW)
    made = bulletins.draft(bureau, auditor, "2026-Q3", told(foreword="请各单位对照。"), NOW)
    # What happens next changes no figure of it.
    cases(bureau, SISTER, "2026-07", "nn")
    for who, act in ((chief, bulletins.approve), (auditor, bulletins.publish)):
        step(act, bureau, who, made)

    row = bulletins.find(bureau.db, auditor, made)
    data = row["data"]
    read = [figures_from(one["counts"], one["withheld"], 10) for one in data["units"]]
    assert [
        (one["unit"], figures.due) for one, figures in zip(data["units"], read, strict=True)
    ] == [
        (BUREAU, 1),
        (EAST, 4),
        (BRANCH_WEST, 3),
    ]
    assert counted.total.figures == together(read, 10)
    assert data["total"] == {"counts": counts_of(together(read, 10)), "withheld": {"minor": 1}}
    assert [one["period"] for one in data["trend"]][-2:] == ["2026-Q2", "2026-Q3"]
    assert data["former"]["counts"]["taken_in"] == 2 and len(data["trend"]) == 8
    assert [(one["unit"], one["rank"], one["score"], one["moved"]) for one in data["ranking"]] == [
        (one.unit, one.rank, one.score, one.moved) for one in ranked
    ]
    [stations] = data["further"]
    assert [(one["unit"], one["counts"]["disclosed"]) for one in stations["units"]] == [
        *((STATION, 1), (SISTER, 2), (WEST, 2)),
    ]
    assert [(one["unit"], one["rank"], one["score"]) for one in stations["ranking"]] == [
        (one.unit, one.rank, one.score) for one in below
    ]
    assert (data["unit_name"], data["cutoff"]) == ("蓉江市公安局", "2026-10-09T01:02:03Z")
    assert data["period"] == {"code": "2026-Q3", "first": "2026-07-01", "last": "2026-09-30"}
    assert data["head"]["size"] < head(bureau.db).size

    sheet = sheet_of(row)
    said = "\n".join(text.zh for text in map(Text._make, sheet.summary))
    assert "共受理案件9起（上季度2起），经批准不予公开1起，应公开8起。" in said
    assert "公开率：75.00%（6/8），比上季度上升75.00个百分点。" in said
    assert "公开率最高：城东分局（75.00%）；最低：城西分局（66.67%）。" in said
    assert "综合得分最高：城东分局（75.00分）；最低：城西分局（66.67分）。" in said
    assert all(text[1].strip() for text in sheet.summary)
    assert sheet.mark == ("", "")
    assert not {"None", "nan"} & set(str(sheet).split())
    # The paper is drawn of these very words.
    paper = text_of(bulletins.paper(row))
    for words in (
        "75.00%（6/8）",
        "下2级单位综合排名",
        "下2级单位主要指标",
        "请各单位对照。",
        "第1页，共",
        data["head"]["root"],
    ):
        assert words in paper
    assert "草稿" not in paper


def test_only_one_of_two_at_once_is_heard_and_nobody_approves_what_he_did_not_see(
    bureau: Bureau, crew: tuple[Staff, Staff]
) -> None:
    auditor, chief = crew
    draft = partial(bulletins.draft, bureau, auditor, "2026-Q3", NOTHING, NOW)
    seals: list[Any] = []

    def at_once(act: Callable[[], Any]) -> str:
        try:
            seals.append(act())
        except Conflict:
            return "conflict"
        finally:
            bureau.db.close()
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(at_once, [draft, draft])) == ["conflict", "done"]
        [made] = seals
        seen = bulletins.find(bureau.db, auditor, made)["seal"]
        # Counted anew, it is no longer what was looked at.
        assert draft(seen=seen) == made
        cases(bureau, WEST, "2026-09", "y")
        with pytest.raises(Conflict):
            bulletins.approve(bureau, chief, made, seen, NOW)
        newest = bulletins.find(bureau.db, auditor, made)["seal"]
        approve = partial(bulletins.approve, bureau, chief, made, newest, NOW)
        assert sorted(pool.map(at_once, [approve, approve])) == ["conflict", "done"]
    with pytest.raises(Conflict):  # approved, so no draft any more
        step(bulletins.approve, bureau, chief, made)
    # A change takes the approval away, also from one's own hands.
    seen = bulletins.find(bureau.db, auditor, made)["seal"]
    assert draft(seen=seen) == made
    with pytest.raises(Conflict):
        step(bulletins.publish, bureau, auditor, made)
    with pytest.raises(Refused, match="somebody else"):
        step(bulletins.approve, bureau, replace(auditor, role="supervisor"), made)
    assert bulletins.find(bureau.db, auditor, made)["state"] == "draft"
    assert verify(bureau.db) == []


def test_a_bulletin_is_of_the_whole_bureau_and_of_a_quarter_that_is_over(
    bureau: Bureau, crew: tuple[Staff, Staff]
) -> None:
    for code in ("2026-Q4", "2027-Q1", "2026-08", "2026", "2026-07-01..2026-09-29"):
        with pytest.raises(Refused, match="quarter that is over"):
            bulletins.draft(bureau, crew[0], code, NOTHING, NOW)
    branch = hire(bureau, "branch", "auditor", EAST)
    with pytest.raises(Refused, match="whole bureau"):
        bulletins.draft(bureau, branch, "2026-Q3", NOTHING, NOW)
    made = bulletins.draft(bureau, crew[0], "2026-Q3", NOTHING, NOW)
    with pytest.raises(NotFound):
        bulletins.find(bureau.db, branch, made)
    assert bulletins.bulletins(bureau.db, branch) == []
    chief = hire(bureau, "branch.chief", "supervisor", EAST)
    with pytest.raises(NotFound):
        bulletins.approve(bureau, chief, made, "", NOW)


def test_from_the_first_draft_to_a_correction_and_a_row_that_somebody_altered(
    bureau: Bureau,
) -> None:
    site = site_of(bureau)
    auditor, chief, desk, other = (
        at_work(bureau, role, unit, site)
        for role, unit in (
            ("auditor", BUREAU),
            ("supervisor", BUREAU),
            ("desk_officer", STATION),
            ("supervisor", EAST),
        )
    )
    bureau.db.run("UPDATE staff SET badge = '510124' WHERE role = 'supervisor'")
    quarter = quarter_of(beijing_day(datetime.now(UTC))).before()
    day = quarter.first + timedelta(days=3)
    late = put(bureau, "A-1", f"{day} 09:30")
    put(bureau, "A-2", f"{day} 09:30", unit=WEST, now=datetime.now(UTC))
    home = "/audit/bulletins/"

    assert desk.post(home, period=quarter.code).status_code == 403
    assert chief.post(home, period=quarter.code).status_code == 403
    refused = auditor.post(home, period=quarter.after().code, foreword=HOSTILE)
    assert refused.status_code == 422 and "&lt;script&gt;" in refused.text
    made = auditor.post(home, period=quarter.code, foreword=HOSTILE).headers["Location"]
    assert made == f"{home}1"
    # Until it is published, it is there for those alone who make it.
    for one in (desk, other):
        assert one.get(made).status_code == one.get(f"{made}.pdf").status_code == 404
        assert made not in one.get(home).text
    page = auditor.get(made).text
    assert "草稿" in page and "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7*7 }}" in page
    assert "/approved" not in page
    seal = seal_on(auditor, made)
    assert auditor.post(f"{made}/approved", seen=seal).status_code == 403
    assert other.post(f"{made}/approved", seen=seal).status_code == 404
    assert chief.post(f"{made}/approved", seen=seal, csrf=False).status_code == 400
    assert auditor.post(f"{made}/published", seen=seal).status_code == 409
    assert chief.post(f"{made}/approved", seen="").status_code == 409
    assert chief.post(f"{made}/approved", seen=seal).status_code == 303
    assert chief.post(f"{made}/approved", seen=seal).status_code == 409
    seal = seal_on(auditor, made)
    assert auditor.get(f"{made}/published").status_code == 405
    assert auditor.post(f"{made}/published", seen=seal).status_code == 303
    assert auditor.post(f"{made}/published", seen=seal).status_code == 409

    shown, pdf = main_of(desk, made), desk.get(f"{made}.pdf").data
    assert "与发布时一致" in shown and "0/2" in shown and made in desk.get(home).text
    assert "To all units" in other.get(f"{made}?lang=en").text
    assert "".join(HOSTILE.split()) in text_of(pdf)
    # The case changes, and it stays.
    with change(bureau.db, CLERK) as ongoing:
        hand_over(ongoing, late)
    assert (main_of(desk, made), desk.get(f"{made}.pdf").data) == (shown, pdf)

    again = auditor.post(home, period=quarter.code, foreword="更正")
    assert again.status_code == 422 and ">更正</textarea>" in again.text
    why = "锦江路派出所补登一份回执。"
    corrected = auditor.post(home, period=quarter.code, changed=why).headers["Location"]
    assert auditor.post(home, period=quarter.code, changed=why).status_code == 409
    page = auditor.get(corrected).text
    assert why in page and "0.00% 0/2" in page and "50.00% 1/2" in page and "第2版" in page
    seal = seal_on(auditor, corrected)
    assert chief.post(f"{corrected}/approved", seen=seal).status_code == 303
    assert "已有更正版" not in desk.get(made).text
    seal = seal_on(auditor, corrected)
    assert auditor.post(f"{corrected}/published", seen=seal).status_code == 303
    assert f'已有更正版：<a href="{corrected}">' in desk.get(made).text
    assert desk.get(f"{made}.pdf").data == pdf
    assert editions.faults(bureau.db) == []

    bureau.db.run("UPDATE bulletin SET foreword = 'x' WHERE edition = 1")
    bureau.db.run("UPDATE bulletin SET pdf = 'AAAA' WHERE edition = 2")
    for path in (made, corrected):
        assert "与变动记录不符" in desk.get(path).text and desk.get(path).status_code == 404
        assert desk.get(f"{path}.pdf").status_code == 404
    bureau.db.run("DELETE FROM bulletin WHERE edition = 2")
    assert [fault.en[:39] for fault in editions.faults(bureau.db)] == [
        f"The bulletin {quarter.code}, edition {n}, is not" for n in (1, 2)
    ]
    for command in ("verify-trail", "verify-rates"):
        checked = site.test_cli_runner().invoke(args=[command])
        assert checked.exit_code == 1 and "edition 2" in checked.output, command


def test_what_is_published_is_published_once(bureau: Bureau, crew: tuple[Staff, Staff]) -> None:
    auditor, chief = crew
    draft = partial(bulletins.draft, bureau, auditor, "2026-Q3")
    made = draft(NOTHING, NOW)
    for who, act in ((chief, bulletins.approve), (auditor, bulletins.publish)):
        step(act, bureau, who, made)
    [published] = bureau.db.rows("SELECT * FROM bulletin")
    entry = bulletins.find(bureau.db, auditor, made)["entry"]

    # Set back by hand, it goes no step on.
    for state, act, who in (
        ("draft", bulletins.approve, chief),
        ("approved", bulletins.publish, auditor),
    ):
        bureau.db.run("UPDATE bulletin SET state = :state", state=state)
        with pytest.raises(Conflict, match="was altered since"):
            step(act, bureau, who, made)
        with pytest.raises(Conflict, match="was altered since"):
            draft(NOTHING, NOW, bulletins.find(bureau.db, auditor, made)["seal"])
        assert len(editions.faults(bureau.db)) == 1
    # Nor is one corrected whose data is not what was published, or that is gone.
    for data in ("not JSON", "{}"):
        bureau.db.run("UPDATE bulletin SET state = 'published', data = :data", data=data)
        with pytest.raises(Conflict, match="was altered since"):
            draft(told(changed="x"), NOW)
    bureau.db.run("DELETE FROM bulletin")
    with pytest.raises(Conflict, match="was altered since"):
        draft(NOTHING, NOW)

    # Of two entries the first one counts, and the second is a fault.
    names = ", ".join(published)
    values = ", ".join(f":{name}" for name in published)
    bureau.db.run(f"INSERT INTO bulletin ({names}) VALUES ({values})", **published)
    assert editions.faults(bureau.db) == []
    with change(bureau.db, CLERK, NOW) as ongoing:
        ongoing.record(editions.PUBLISHED, **editions.digests(published | {"foreword": "x"}))
    assert bulletins.find(bureau.db, auditor, made)["entry"] == entry
    [fault] = editions.faults(bureau.db)
    assert "more than once" in fault.en and verify(bureau.db) == []


def test_a_new_name_or_a_second_account_makes_nobody_a_second_person(
    bureau: Bureau, crew: tuple[Staff, Staff]
) -> None:
    auditor, chief = crew
    made = bulletins.draft(bureau, auditor, "2026-Q3", NOTHING, NOW)
    renamed = replace(auditor, role="supervisor", name="王 芳", badge="")
    for same in (renamed, replace(chief, badge=auditor.badge)):
        with pytest.raises(Refused, match="somebody else"):
            step(bulletins.approve, bureau, same, made)
    bureau.db.run("UPDATE staff SET badge = ''")
    step(bulletins.approve, bureau, replace(chief, badge=""), made)
