"""Withholding and disclosing a case at the desk: hidden at once, decided by a second person."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from lookup.beijing import Moment, beijing_day
from lookup.bodies import Bounds, read_case
from lookup.bureau import Bureau
from lookup.cases import AsOf, Put, put_case
from lookup.database import Record
from lookup.entries import entries_of
from lookup.figures import Figures
from lookup.rates import Question, rates
from lookup.trail import change, verify
from lookup.units import unit_codes
from lookup.withholding import live_withholding
from tests.case_pages import CasePage, rows_of
from tests.office import EAST, SISTER, STATION, WEST, Browser, at_work
from tests.public_cases import CLERK, Phone, days_ago, issue_of, put, site_of

NUMBER = "A5101（2026）8"
FILED = {"step": "filing", "at": days_ago(2), "outcome": "filed"}


@pytest.fixture
def desk(bureau: Bureau) -> CasePage:
    """The page of a case before a desk officer of its station."""
    put(bureau, NUMBER, days_ago(3))
    return CasePage(at_work(bureau), NUMBER).open()


@pytest.fixture
def chief(bureau: Bureau, desk: CasePage) -> CasePage:
    """The same page before the supervisor of the branch."""
    return CasePage(at_work(bureau, "supervisor", EAST), desk.number).open()


def scanned(bureau: Bureau) -> Phone:
    """A complainant's phone that has opened the case."""
    phone = site_of(bureau).test_client()
    assert isinstance(phone, Phone)
    assert "办理经过" in phone.scan(bureau, issue_of(bureau, NUMBER)).text
    return phone


def told(bureau: Bureau, reason: str | None, *milestones: dict[str, str]) -> Put:
    """The next hand-in of the case system."""
    now = datetime.now(UTC)
    body = {
        "milestones": milestones,
        "number": NUMBER,
        "kind": "criminal",
        "unit": STATION,
        "taken_in_at": days_ago(3),
    }
    bounds = Bounds(bureau.kinds, unit_codes(bureau.db), Moment.of(now))
    with change(bureau.db, CLERK, now) as ongoing:
        record = read_case(body | {"withheld_reason": reason}, bounds)
        return put_case(bureau, ongoing, record, AsOf(now))


def live(bureau: Bureau) -> Record | None:
    (case,) = bureau.db.rows("SELECT id FROM cases")
    return live_withholding(bureau.db, case["id"])


def figures(bureau: Bureau) -> Figures:
    # A second later, so that nothing of this second is left out.
    now = datetime.now(UTC) + timedelta(seconds=1)
    today = beijing_day(now)
    return rates(bureau, Question(today - timedelta(days=30), today, cutoff=now)).total.figures


def shown(bureau: Bureau) -> dict[str, bool]:
    rows = rows_of(bureau, NUMBER, "milestone")
    return {row["step"]: row["visible_at"] is not None for row in rows}


def actions(bureau: Bureau) -> list[str]:
    """What was done about disclosure, oldest first."""
    done = [entry["action"] for entry in entries_of(bureau.db, NUMBER)]
    return [one for one in reversed(done) if one.startswith(("withholding", "disclosure"))]


def test_a_case_is_hidden_at_once_and_counts_as_due_until_a_second_person_approves(
    bureau: Bureau, desk: CasePage, chief: CasePage
) -> None:
    phone = scanned(bureau)
    assert figures(bureau).disclosed == 1
    assert desk.send("withholding", reason="").status_code == 422
    assert "请选择理由" in desk.text and not desk.offers("approve")
    assert desk.send("withholding", reason="privacy").status_code == 303
    hidden = phone.get("/case")
    assert "办理情况请当面了解" in hidden.text and "028-55550101" in hidden.text
    assert not any(word in hidden.text for word in ("盗窃", "接报案", "隐私", "李明"))
    assert phone.get("/case/receipt.pdf").status_code == 404
    assert "等待另一人审批" in desk.text and not desk.offers("approve")
    pending = figures(bureau)
    assert (pending.due, pending.disclosed, pending.withheld) == (1, 0, {})
    # What is recorded meanwhile stays hidden; it is not asked for twice.
    assert desk.send("milestones").status_code == 303
    assert shown(bureau) == {"intake": True, "filing": False}
    again = desk.browser.post(
        f"/desk/cases/{NUMBER}/withholding", seen=desk.form("milestones")["seen"], reason="minor"
    )
    assert again.status_code == 409
    assert chief.open().send("withholding/approve", "approve").status_code == 303
    approved = live(bureau)
    assert approved and approved["approved_by"] == f"李明 supervisor.{EAST}"
    assert approved["requested_by"] == f"李明 desk_officer.{STATION}"
    counted = figures(bureau)
    assert (counted.due, counted.withheld) == (0, {"privacy": 1})
    assert actions(bureau) == ["withholding.requested", "withholding.approved"]
    assert "办理情况请当面了解" in phone.get("/case").text
    assert verify(bureau.db) == []


def test_what_is_rejected_is_disclosed_again_with_all_that_was_entered_meanwhile(
    bureau: Bureau, desk: CasePage, chief: CasePage
) -> None:
    phone = scanned(bureau)
    desk.send("withholding", reason="endangers_case")
    desk.send("milestones")
    for why in ("", " ", "长" * 201):
        assert chief.open().send("withholding/reject", "reject", why=why).status_code == 422
        assert 'aria-invalid="true"' in chief.text and live(bureau)
    assert chief.send("withholding/reject", "reject", why="理由不成立").status_code == 303
    assert live(bureau) is None and shown(bureau) == {"intake": True, "filing": True}
    assert "正在侦查" in phone.get("/case").text
    assert (figures(bureau).due, figures(bureau).disclosed) == (1, 1)
    assert actions(bureau) == ["withholding.requested", "withholding.rejected"]
    assert "理由不成立" in chief.text
    # Here nothing was disclosed against the case system: it may still withhold the case.
    assert told(bureau, "minor").result == "changed"


def test_disclosure_resumes_in_the_same_way_and_the_next_register_does_not_undo_it(
    bureau: Bureau, desk: CasePage, chief: CasePage
) -> None:
    phone = scanned(bureau)
    assert told(bureau, "minor").result == "changed"
    put(bureau, NUMBER, days_ago(3), [FILED])
    before = figures(bureau)
    assert desk.open().send("disclosure").status_code == 303
    assert "批准前仍不公开" in desk.text and not desk.offers("disclosure")
    assert figures(bureau) == before and "当面" in phone.get("/case").text
    assert chief.open().send("withholding/reject", "reject", why="仍涉未成年人").status_code == 303
    assert figures(bureau) == before and desk.open().offers("disclosure")
    desk.send("disclosure")
    assert told(bureau, "minor", FILED).result == "unchanged" and figures(bureau) == before
    assert chief.open().send("withholding/approve", "approve").status_code == 303
    assert shown(bureau) == {"intake": True, "filing": True}
    assert "正在侦查" in phone.get("/case").text and figures(bureau).due == 1
    still = told(bureau, "minor", FILED)
    assert still.result == "unchanged" and live(bureau) is None
    assert [warning.field for warning in still.warnings] == ["withheld_reason"]
    # A new reason is not the old one repeated: hidden at once, for a second person to look at.
    for result in ("changed", "unchanged"):
        assert told(bureau, "sexual_offence", FILED).result == result
        pending = live(bureau)
        assert pending and pending["approved_at"] is None and "当面" in phone.get("/case").text
    chief.open().send("withholding/reject", "reject", why="已核实，与原理由相同")
    assert told(bureau, "sexual_offence", FILED).result == "unchanged" and live(bureau) is None
    assert told(bureau, "", FILED).warnings == []
    assert desk.open().send("withholding", reason="secret").status_code == 303
    assert told(bureau, "", FILED).result == told(bureau, None, FILED).result == "unchanged"
    assert actions(bureau) == [
        "disclosure.requested",
        "disclosure.rejected",
        "disclosure.requested",
        "disclosure.approved",
        "withholding.rejected",
        "withholding.requested",
    ]


def test_what_the_case_system_says_while_disclosure_is_asked_for_ends_the_request(
    bureau: Bureau, desk: CasePage, chief: CasePage
) -> None:
    told(bureau, "minor")
    desk.open().send("disclosure")
    assert told(bureau, "").result == "changed" and live(bureau) is None
    told(bureau, "privacy")
    late = {"seen": desk.open().form("milestones")["seen"]}
    answer = chief.browser.post(f"/desk/cases/{NUMBER}/withholding/approve", seen=late["seen"])
    assert answer.status_code == 409 and "本案是否公开已有变化" in answer.text
    assert not chief.open().offers("approve")


def test_nobody_decides_on_a_request_of_his_own_whatever_he_is_called_by_then(
    bureau: Bureau, desk: CasePage, chief: CasePage
) -> None:
    assert chief.send("withholding", reason="secret").status_code == 303
    bureau.db.run(
        "UPDATE staff SET name = '李明明' WHERE login = :login", login=f"supervisor.{EAST}"
    )
    assert not chief.open().offers("approve") and "等待另一人审批" in chief.text
    sent = {"why": "改主意了", "seen": chief.form("milestones")["seen"]}
    for decision in ("approve", "reject"):
        path = f"/desk/cases/{NUMBER}/withholding/{decision}"
        answer = chief.browser.post(path, why=sent["why"], seen=sent["seen"])
        assert answer.status_code == 422 and "须由另一人审批" in answer.text
    other = CasePage(at_work(bureau, "supervisor"), NUMBER).open()
    assert other.send("withholding/approve", "approve").status_code == 303
    other.send("disclosure")
    assert not other.offers("approve") and chief.open().offers("approve")


def test_only_a_second_person_within_reach_decides(bureau: Bureau, desk: CasePage) -> None:
    desk.send("withholding", reason="privacy")
    seen = desk.form("milestones")["seen"]
    out = [(desk.browser, 403), (at_work(bureau, "auditor", EAST), 403)]
    out += [(at_work(bureau, "supervisor", unit), 404) for unit in (SISTER, WEST)]
    for path in ("withholding/approve", "withholding/reject"):
        where = f"/desk/cases/{NUMBER}/{path}"
        for browser, status in out:
            assert browser.post(where, seen=seen, why="不同意").status_code == status
        assert desk.browser.get(where).status_code == 405
    pending = live(bureau)
    assert pending and pending["approved_at"] is None


@pytest.mark.parametrize("asked", ["withholding", "disclosure"])
def test_of_an_approval_and_a_rejection_at_once_one_wins_and_the_other_is_told(
    bureau: Bureau, desk: CasePage, chief: CasePage, asked: str
) -> None:
    if asked == "disclosure":
        told(bureau, "minor")
    desk.open().send(asked, **({"reason": "privacy"} if asked == "withholding" else {}))
    second = CasePage(at_work(bureau, "supervisor", STATION), NUMBER).open()
    chief.open()
    gate = Barrier(2)

    def decide(page: CasePage, decision: str) -> int:
        form = page.form(decision) | {"why": "不同意"}
        gate.wait()
        path = f"/desk/cases/{NUMBER}/withholding/{decision}"
        answer = page.browser.client.post(path, data=form)
        page.text = answer.text
        bureau.db.close()
        return answer.status_code

    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(decide, (chief, second), ("approve", "reject")))
    assert sorted(said) == [303, 409]
    won = "approved" if said[0] == 303 else "rejected"
    assert actions(bureau)[-1] == f"{asked}.{won}" and actions(bureau).count(f"{asked}.{won}") == 1
    hidden = (asked == "withholding") == (won == "approved")
    assert (live(bureau) is not None) == hidden
    loser = second if said[0] == 303 else chief
    changes = loser.text.partition('role="alert"')[2].partition("</div>")[0]
    assert f"supervisor.{EAST if won == 'approved' else STATION}" in changes


def test_a_withheld_case_is_previewed_as_the_complainant_sees_it(
    bureau: Bureau, desk: CasePage, chief: CasePage
) -> None:
    issue = issue_of(bureau, NUMBER)
    desk.send("withholding", reason="privacy")
    preview = desk.browser.get(f"/desk/cases/{NUMBER}/as/{issue['party_id']}").text
    assert "预览" in preview and "办理情况请当面了解" in preview and "接报案" not in preview
    english: Browser = chief.browser
    assert "Preview" in english.get(f"/desk/cases/{NUMBER}/as/{issue['party_id']}?lang=en").text
    assert "Approve withholding" in english.get(f"/desk/cases/{NUMBER}?lang=en").text
