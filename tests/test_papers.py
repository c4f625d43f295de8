"""Receipts at the desk: printed, handed over, issued anew for a reason, revoked."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from lookup.beijing import utc_now
from lookup.bureau import Bureau
from lookup.database import Record
from lookup.errors import NotFound
from lookup.issues import find_live, link, revoke
from lookup.printing import Order, print_receipts, receipt_of
from lookup.trail import change, verify
from tests.browsing import launch, serve
from tests.conftest import ENGINES
from tests.office import EAST, PASSWORD, SISTER, Browser, at_work, browser_of, hire
from tests.paper import image_of, run, text_of
from tests.public_cases import CLERK, days_ago, issue_of, path_of, put, site_of
from tests.test_intake import focused, form_of, mistakes_in, tree_of
from tests.test_scanning import read_by_zbar, read_by_zxing

TWO = [
    {"role": "complainant", "name": "张三丰", "phone": "13800138000"},
    {"role": "victim", "name": "李四"},
]
MILLIMETRES = {"a5": (148, 210), "a4": (210, 297), "roll80": (72, None)}
# Reading paper back does not depend on where the case was kept.
ONE_ENGINE = pytest.mark.parametrize("database_url", ENGINES[:1], indirect=True)


@pytest.fixture
def desk(bureau: Bureau) -> Browser:
    return at_work(bureau)


def page_of(issue: Record) -> str:
    return f"/desk/cases/{issue['number']}/receipts/{issue['party_id']}"


def issues_of(bureau: Bureau) -> list[Record]:
    return bureau.db.rows("SELECT * FROM issue ORDER BY party_id, ordinal")


def actions(bureau: Bureau) -> list[str]:
    rows = bureau.db.rows("SELECT action FROM trail_entry ORDER BY position")
    return [row["action"] for row in rows if row["action"].startswith("receipt.")]


def act(desk: Browser, issue: Record, what: str, **typed: Any) -> TestResponse:
    """Send one of the page's forms for the issue it showed."""
    return desk.post(f"{page_of(issue)}/{what}", issue=issue["ordinal"], **typed)


def opens(bureau: Bureau, issue: Record) -> bool:
    status = browser_of(site_of(bureau)).get(path_of(bureau, issue)).status_code
    assert status in (303, 404)
    return status == 303


@ONE_ENGINE
def test_the_paper_is_drawn_at_its_size_and_the_desk_remembers_which(
    bureau: Bureau, desk: Browser
) -> None:
    issue = put(bureau, "A1", days_ago(1), name="张某案")
    for paper, (width, height) in MILLIMETRES.items():
        page = desk.get(f"{page_of(issue)}?paper={paper}")
        assert f'class="paper {paper}" src="{page_of(issue)}.png?paper={paper}"' in page.text
        drawn = desk.get(f"{page_of(issue)}.png")
        assert (drawn.mimetype, drawn.headers["Cache-Control"]) == ("image/png", "no-store")
        image = image_of(drawn.data)
        dots = 203 if paper == "roll80" else 300
        assert abs(image.width - width * dots / 25.4) < 2
        assert height is None or abs(image.height - height * dots / 25.4) < 2
    assert "data-roll" in desk.get(f"{page_of(issue)}?paper=nonsense").text
    pdf = desk.get(f"{page_of(issue)}.pdf?paper=a5")
    assert pdf.headers["Content-Disposition"] == "attachment; filename=A1-1.pdf"
    assert "张某案" in text_of(pdf.data)
    assert desk.get(f"{page_of(issue)}.gif").status_code == 404


@ONE_ENGINE
def test_the_paper_of_a_withheld_case_says_only_where_to_ask(bureau: Bureau, desk: Browser) -> None:
    issue = put(bureau, "A1", days_ago(1), name="张某案", withheld_reason="minor")
    words = text_of(desk.get(f"{page_of(issue)}.pdf").data)
    assert "锦江路派出所" in words and "请当面向办案单位了解" in words
    assert "张某案" not in words and "李明" not in words


def test_an_officer_without_a_badge_is_printed_without_brackets(bureau: Bureau) -> None:
    issue = put(bureau, "A1", days_ago(1), badge="")
    assert receipt_of(bureau, issue, utc_now()).officer == "李明"


def test_a_reissue_kills_the_old_paper_at_once_and_counts(bureau: Bureau, desk: Browser) -> None:
    old = put(bureau, "A1", days_ago(1))
    assert opens(bureau, old)
    answer = act(desk, old, "reissue", reason=" 遗失 ")
    assert answer.headers["Location"] == f"{page_of(old)}?print=now"
    new = find_live(bureau.db, old["party_id"])
    assert new and new["ordinal"] == 2
    assert opens(bureau, new) and not opens(bureau, old)
    assert "第2次出具" in desk.get(page_of(old)).text
    assert receipt_of(bureau, new, utc_now()).issue_number == 2
    dead, _ = issues_of(bureau)
    assert (dead["revoked_for"], dead["revoked_by"]) == ("遗失", "李明 desk_officer.5101040101")
    assert actions(bureau) == ["receipt.issued", "receipt.revoked", "receipt.issued"]


@pytest.mark.parametrize("what", ["reissue", "revoke"])
@pytest.mark.parametrize("reason", ["", " ", "长" * 201])
def test_without_a_reason_the_paper_stays(
    bureau: Bureau, desk: Browser, what: str, reason: str
) -> None:
    issue = put(bureau, "A1", days_ago(1))
    page = act(desk, issue, what, reason=reason)
    assert page.status_code == 422
    assert list(mistakes_in(page)) == ["reason"]
    assert focused(page) == "reason"
    assert form_of(page)["reason"] == reason
    assert opens(bureau, issue)
    assert actions(bureau) == ["receipt.issued"]


def test_a_revoked_paper_may_be_followed_by_another(bureau: Bureau, desk: Browser) -> None:
    old = put(bureau, "A1", days_ago(1))
    assert act(desk, old, "revoke", reason="信息有误").headers["Location"] == page_of(old)
    assert not opens(bureau, old)
    assert desk.get(f"{page_of(old)}.png").status_code == 404
    for what in ("revoke", "reissue", "handed-over"):
        late = act(desk, old, what, reason="再来")
        assert late.status_code == 409
        assert "刚才已被作废" in late.text
    assert len(issues_of(bureau)) == 1
    made = desk.post(page_of(old))
    assert made.headers["Location"] == f"{page_of(old)}?print=now"
    assert [one["ordinal"] for one in issues_of(bureau)] == [1, 2]
    assert opens(bureau, issue_of(bureau, "A1"))


def test_a_party_without_a_receipt_gets_one_by_a_post_alone(bureau: Bureau, desk: Browser) -> None:
    first = put(bureau, "A1", days_ago(1), parties=TWO)
    second = bureau.db.row("SELECT MAX(id) AS id FROM party")
    assert second
    path = f"/desk/cases/A1/receipts/{second['id']}"
    page = desk.get(path)
    assert "现在没有有效的回执" in page.text
    assert "李*" in page.text and "张**" in page.text and "张三丰" not in page.text
    assert len(issues_of(bureau)) == 1
    for _ in range(2):
        assert desk.post(path).status_code == 303
    assert [one["party_id"] for one in issues_of(bureau)] == [first["party_id"], second["id"]]


def test_handing_over_counts_once_and_goes_on_to_what_is_next(
    bureau: Bureau, desk: Browser
) -> None:
    first = put(bureau, "A1", days_ago(1), parties=TWO)
    second = issue_of(bureau, "A1", party=1)
    page = form_of(desk.get(f"{page_of(first)}?print=now"))
    assert (page["issue"], page["print"]) == ("1", "now")
    answer = act(desk, first, "handed-over", print="now")
    assert answer.headers["Location"] == f"{page_of(second)}?print=now"
    assert "已记为交付" in desk.get(page_of(second)).text
    (given, waiting) = issues_of(bureau)
    assert given["handed_over_by"] == "李明 desk_officer.5101040101"
    assert waiting["handed_over_at"] is None
    again = act(desk, second, "handed-over", print="now")
    assert again.headers["Location"] == "/desk/new"
    # A second press changes nothing; whoever came from the case goes back to it.
    before = issues_of(bureau)
    assert act(desk, first, "handed-over").headers["Location"] == "/desk/cases/A1"
    assert issues_of(bureau) == before
    assert actions(bureau).count("receipt.handed_over") == 2
    shown = tree_of(desk.get(page_of(first)))
    assert not [one for one in shown.iter("button") if one.get("data-key") == "h"]


def test_of_two_who_reissue_at_once_the_second_is_told(bureau: Bureau) -> None:
    issue = put(bureau, "A1", days_ago(1))
    desks = [at_work(bureau), at_work(bureau, "supervisor", EAST)]

    def send(desk: Browser) -> TestResponse:
        answer = act(desk, issue, "reissue", reason="损坏")
        bureau.db.close()
        return answer

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(send, desks), key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == [303, 409]
    late = answers[1]
    assert "补发（第 2 次出具）" in late.text
    assert (form_of(late)["reason"], form_of(late)["issue"]) == ("损坏", "2")
    assert actions(bureau) == ["receipt.issued", "receipt.revoked", "receipt.issued"]
    assert verify(bureau.db) == []


@pytest.mark.parametrize(
    ("role", "unit", "status"),
    [
        ("auditor", EAST, 403),
        ("callback_officer", EAST, 403),
        ("administrator", EAST, 403),
        ("desk_officer", SISTER, 404),
    ],
)
def test_others_neither_see_nor_touch_a_paper(
    bureau: Bureau, role: str, unit: str, status: int
) -> None:
    issue = put(bureau, "A1", days_ago(1))
    other = at_work(bureau, role, unit)
    for form in ("", ".png", ".pdf"):
        assert other.get(page_of(issue) + form).status_code == status
    assert other.post(page_of(issue)).status_code == status
    for what in ("handed-over", "reissue", "revoke"):
        assert act(other, issue, what, reason="遗失").status_code == status
    assert actions(bureau) == ["receipt.issued"]


def test_a_paper_is_reached_only_through_its_own_case_and_by_its_own_method(
    bureau: Bureau, desk: Browser
) -> None:
    one, other = put(bureau, "A1", days_ago(1)), put(bureau, "A2", days_ago(1))
    for party in (other["party_id"], 0, 10**30):
        mixed = one | {"party_id": party}
        assert desk.get(page_of(mixed)).status_code == 404
        assert act(desk, mixed, "reissue", reason="遗失").status_code == 404
    for what in ("handed-over", "reissue", "revoke"):
        assert desk.get(f"{page_of(one)}/{what}").status_code == 405
    assert desk.client.post(f"{page_of(one)}/revoke", data={"reason": "x"}).status_code == 400
    assert opens(bureau, one) and opens(bureau, other)


def test_whoever_was_forgotten_has_no_paper(bureau: Bureau, desk: Browser) -> None:
    issue = put(bureau, "A1", days_ago(1))
    with change(bureau.db, CLERK):
        bureau.db.run("UPDATE issue SET revoked_at = '2026-01-01T00:00:00Z'")
        bureau.db.run("UPDATE party SET forgotten_at = '2026-01-01T00:00:00Z', name_sealed = ''")
    assert desk.get(page_of(issue)).status_code == 200
    assert desk.post(page_of(issue)).status_code == 404
    assert len(issues_of(bureau)) == 1


@ONE_ENGINE
def test_a_browser_prints_one_sheet_of_each_paper_whose_code_is_read(
    bureau: Bureau, tmp_path: Path
) -> None:
    # Over plain http the browser keeps the cookie only of a site that says so.
    bureau = replace(bureau, config=replace(bureau.config, public_url="http://127.0.0.1:1"))
    hire(bureau, "li", "desk_officer")
    issue = put(bureau, "A1", days_ago(1))
    sheet = tmp_path / "sheet.pdf"
    with serve(bureau) as address, launch() as browser:
        page = browser.new_page(base_url=address)
        page.goto("/login")
        page.fill("#login", "li")
        page.fill("#password", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/desk/**")
        for paper, (width, height) in {**MILLIMETRES, "roll80": (80, None)}.items():
            page.goto(f"{page_of(issue)}?paper={paper}")
            page.pdf(path=sheet, prefer_css_page_size=True)
            told = dict(line.split(":", 1) for line in run("pdfinfo", sheet).splitlines())
            assert told["Pages"].strip() == "1"
            points = [float(one) for one in told["Page size"].split() if one[0].isdigit()]
            assert abs(points[0] / 72 * 25.4 - width) < 0.5
            assert height is None or abs(points[1] / 72 * 25.4 - height) < 0.5
            run("pdftoppm", "-r", "203", "-gray", "-png", "-singlefile", sheet, tmp_path / "sheet")
            picture = image_of((tmp_path / "sheet.png").read_bytes())
            for read in (read_by_zxing, read_by_zbar):
                assert read(picture, tmp_path / "copy.png") == [link(bureau, issue)]


def test_a_stack_of_papers_brings_no_revoked_one_back(bureau: Bureau, tmp_path: Path) -> None:
    """Only an explicit reissue, with its reason, makes a new paper."""
    issue, other = put(bureau, "A1", days_ago(2)), put(bureau, "A2", days_ago(2))
    with change(bureau.db, CLERK) as ongoing:
        revoke(ongoing, issue, "误发")
    ids = [issue["party_id"], other["party_id"]]
    printed = print_receipts(bureau, ids, Order(), CLERK, utc_now())
    assert [line["case"] for line in printed.links] == ["A2"]
    assert "A1" in printed.warnings[0].zh and "已作废" in printed.warnings[0].zh
    with pytest.raises(NotFound, match="was revoked"):
        print_receipts(bureau, ids[:1], Order(), CLERK, utc_now())
    again = print_receipts(bureau, ids[:1], Order(reissue="补发"), CLERK, utc_now())
    assert [line["case"] for line in again.links] == ["A1"]
