"""What was recorded wrongly is put right, and what was there before stays to be seen."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lookup import feedback
from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.cases import require_case
from lookup.figures import Figures
from lookup.purging import due, purge
from lookup.rates import Question, rates
from lookup.trail import change, verify
from tests.case_pages import CasePage, rows_of
from tests.office import BUREAU, WEST, Browser, at_work
from tests.public_cases import CLERK, days_ago, issue_of, put
from tests.test_casefile import FILED, NUMBER, last_entry, public_page, steps
from tests.test_record import shown


@pytest.fixture
def desk(bureau: Bureau) -> Browser:
    """A desk officer at work at the station, 李明."""
    return at_work(bureau)


def correcting(desk: Browser, step: str) -> CasePage:
    return CasePage(desk, NUMBER).open(f"?correct={step}")


def figures(bureau: Bureau) -> Figures:
    today = beijing_day(datetime.now(UTC))
    return rates(bureau, Question(today - timedelta(60), today)).total.figures


def test_a_correction_leaves_the_former_value_beside_it_and_in_the_record(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(5), [FILED])
    assert not CasePage(desk, NUMBER).open().offers("corrections")
    page = correcting(desk, "filing")
    drawn = page.form("corrections")
    assert (drawn["at"], drawn["outcome"], drawn["why"]) == (days_ago(4), "filed", "")
    sent = page.send("corrections", at=days_ago(2), outcome="refused", why="看错了决定书")
    assert sent.status_code == 303
    assert f"原为 {days_ago(4)} 立案，李明 desk_officer" in page.text
    assert "，原因：看错了决定书" in page.text
    _, detail = last_entry(bureau)
    assert detail["reason"] == "看错了决定书" and "was" in str(detail["milestones"])
    assert "决定不予立案" in public_page(bureau)
    clocks = {row["step"]: row for row in rows_of(bureau, NUMBER, "clock")}
    assert clocks["filing"]["decided_day"] == clocks["notice"]["start_day"] == days_ago(2)[:10]
    # What the case system says no longer counts against it.
    put(bureau, NUMBER, days_ago(5), [FILED])
    assert steps(bureau)["filing"] == "refused"


def test_the_time_of_taking_in_is_corrected_likewise_and_the_clocks_follow(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(5), [FILED | {"at": days_ago(1)}])
    page = correcting(desk, "intake")
    assert page.send("corrections", at=days_ago(4), why="登记错了一天").status_code == 303
    assert f"原为 {days_ago(5)}，李明 desk_officer" in page.text and "登记错了一天" in page.text
    clock = next(row for row in rows_of(bureau, NUMBER, "clock") if row["step"] == "filing")
    assert clock["start_day"] == require_case(bureau.db, NUMBER)["intake_day"] == days_ago(4)[:10]
    # By hand: the case system's word does not undo it.
    put(bureau, NUMBER, days_ago(5), [FILED | {"at": days_ago(1)}])
    assert require_case(bureau.db, NUMBER)["intake_day"] == days_ago(4)[:10]


def test_a_correction_keeps_the_order_and_needs_a_reason(bureau: Bureau, desk: Browser) -> None:
    closure = {"step": "closure", "at": days_ago(2), "outcome": "withdrawn"}
    put(bureau, NUMBER, days_ago(5), [FILED, closure], reported_at=days_ago(5))
    page = correcting(desk, "filing")
    for typed, reason in (
        ({"why": ""}, "请填写原因"),
        ({"at": days_ago(1)}, "结案时间早于立案决定时间"),
        ({"at": days_ago(6)}, "立案决定时间早于受案时间"),
        ({"at": "2099-01-01"}, "尚未发生"),
        ({"outcome": "mediated"}, "没有“mediated”这一结果"),
        ({"at": days_ago(4)}, "与已有记录相同"),
        ({"step": "notice", "outcome": ""}, "无从更正"),
        ({"step": "intake", "at": days_ago(3)}, "立案决定时间早于受案时间"),
        ({"step": "intake", "at": days_ago(6)}, "早于报案时间"),
    ):
        answer = page.send("corrections", **{"at": days_ago(3), "why": "抄错了"} | typed)
        assert answer.status_code == 422 and reason in answer.text, typed
        page = correcting(desk, "filing")
    assert require_case(bureau.db, NUMBER)["version"] == 1


def test_a_milestone_that_never_happened_is_taken_back_as_if_it_had_not_been(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(20))
    before = figures(bureau)
    assert CasePage(desk, NUMBER).open().send("milestones", at=days_ago(1)).status_code == 303
    with change(bureau.db, CLERK) as ongoing:
        feedback.rate(bureau, ongoing, issue_of(bureau, NUMBER), "filing", "1", [], "form")
    page = correcting(desk, "filing")
    assert page.send("taken-back", drawn="corrections").status_code == 422
    assert page.send("taken-back", drawn="corrections", why="录到别的案件了").status_code == 303
    assert steps(bureau) == {"intake": ""}
    (clock,) = rows_of(bureau, NUMBER, "clock")
    assert clock["step"] == "filing" and clock["decided_day"] is None
    _, detail = last_entry(bureau)
    assert detail["was"] and detail["reason"] == "录到别的案件了"
    assert "录到别的案件了" in page.text and page.form("milestones")["choice"] == "filing filed"
    after = figures(bureau)
    assert "已超期" in public_page(bureau)
    # What the complainant said of it stays said, and he is to be called back.
    assert (after.rated, after.callbacks, before.rated, before.callbacks) == (1, 1, 0, 0)
    assert replace(after, rated=0, callbacks=0, levels=before.levels) == before
    assert page.send("milestones", choice="filing refused").status_code == 303
    assert "原为" not in page.text.partition("案件记录")[0]
    assert verify(bureau.db) == []


def test_only_the_last_milestone_that_the_desk_recorded_can_be_taken_back(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(5), [FILED])
    page = CasePage(desk, NUMBER).open()
    assert page.send("milestones", choice="closure withdrawn").status_code == 303
    for step, reason in (
        ("intake", "不能撤回"),
        ("transfer", "不能撤回"),
        ("filing", "它之后还有节点"),
    ):
        page = correcting(desk, "filing")
        answer = page.send("taken-back", drawn="corrections", step=step, why="录错了")
        assert answer.status_code == 422 and reason in answer.text, step
    closed = correcting(desk, "closure")
    assert closed.send("taken-back", drawn="corrections", why="录错了").status_code == 303
    # Corrected by hand it still came from the case system, and would come again.
    fixed = correcting(desk, "filing")
    assert fixed.send("corrections", at=days_ago(3), why="抄错了").status_code == 303
    theirs = correcting(desk, "filing")
    answer = theirs.send("taken-back", drawn="corrections", why="录错了")
    assert answer.status_code == 422 and "请在案件系统中改正" in answer.text
    assert steps(bureau) == {"intake": "", "filing": "filed"}


def test_the_second_to_correct_is_shown_the_first_correction(bureau: Bureau, desk: Browser) -> None:
    put(bureau, NUMBER, days_ago(5))
    assert CasePage(desk, NUMBER).open().send("milestones", at=days_ago(3)).status_code == 303
    first, second, third = (correcting(desk, "filing") for _ in range(3))
    assert first.send("corrections", at=days_ago(2), why="抄错了").status_code == 303
    typed = {"at": days_ago(1), "outcome": "refused", "why": "决定书上是这样"}
    assert second.send("corrections", **typed).status_code == 409
    assert "抄错了" in second.text
    assert typed.items() <= second.form("corrections").items()
    assert second.send("corrections").status_code == 303
    assert all(f"原为 {was} 立案，" in second.text for was in (days_ago(3), days_ago(2)))
    assert (
        first.open("?correct=filing")
        .send("taken-back", drawn="corrections", why="录错案件")
        .status_code
        == 303
    )
    # The milestone is gone, what she typed is not.
    assert third.send("corrections", **typed).status_code == 409
    assert typed.items() <= third.form("corrections").items()


def test_an_extension_entered_by_mistake_is_taken_back_and_what_it_replaced_holds_again(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(1))
    told = {"approved_by": "陈局长", "why": "线索需要核查"}
    page = CasePage(desk, NUMBER).open()
    assert "taken-back" not in page.text
    assert page.send("extensions", choice="filing 7", **told).status_code == 303
    assert page.send("extensions", choice="filing 30", **told).status_code == 303
    path, form = "extensions/taken-back", "taken-back"
    assert page.send(path, form, why=" ").status_code == 422
    for days in (7, 3):
        assert page.send(path, form, why="没有批准").status_code == 303
        [clock] = rows_of(bureau, NUMBER, "clock")
        assert clock["days"] == days
    assert rows_of(bureau, NUMBER, "extension") == []
    _, detail = last_entry(bureau)
    assert (detail["was"], detail["reason"]) == ({"days": 7, "approved_by": "陈局长"}, "没有批准")
    assert "撤销延期" in page.open().text
    # What nobody entered here cannot be taken back here.
    extended = {"step": "filing", "extended_days": 7, "approved_by": "陈局长"}
    put(bureau, "A-2", days_ago(1), [extended])
    other = CasePage(desk, "A-2").open()
    assert "taken-back" not in other.text
    forged = other.form("extensions") | {"step": "filing", "why": "没有批准"}
    refused = desk.client.post(f"/desk/cases/A-2/{path}", data=forged)
    assert refused.status_code == 422
    assert rows_of(bureau, "A-2", "clock")[0]["days"] == 7
    assert verify(bureau.db) == []


def test_what_staff_change_is_found_in_the_record_by_what_it_was(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(3))
    page = CasePage(desk, NUMBER).open()
    extension = {"choice": "filing 7", "approved_by": "陈局长", "why": "线索需要核查"}
    assert page.send("extensions", **extension).status_code == 303
    assert page.send("milestones", choice="filing filed", at=days_ago(1)).status_code == 303
    page.open("?correct=filing")
    assert page.send("corrections", outcome="refused", why="看错了").status_code == 303
    page.open("?correct=intake")
    assert page.send("corrections", at=days_ago(2), why="登记错了一天").status_code == 303
    assert page.send("parties", name="李四", phone="13900139000").status_code == 303
    put(bureau, NUMBER, days_ago(3), officer="孙接")
    assert page.open().send("details", unit=WEST, officer="待定").status_code == 303
    auditor = at_work(bureau, "auditor", BUREAU)
    for action, said in {
        "clock.extended": ["延长期限：立案决定 期限共 7 天 批准人 陈局长"],
        "milestone.recorded": ["记录节点：立案决定"],
        "milestone.corrected": ["更正节点：受案时间", "更正节点：立案决定"],
        "case.moved": ["案件转到其他单位：单位 锦江路派出所 → 青羊宫派出所"],
        # The desk's other changes, and all that the case system changes.
        "case.changed": ["→ 孙接", "变更案件：当事人：新增"],
    }.items():
        rows = shown(auditor, action=action)
        assert len(rows) == len(said)
        assert all(words in row for words, row in zip(said, rows, strict=True)), rows


def test_a_case_whose_people_were_forgotten_is_shown_and_left_alone(
    bureau: Bureau, desk: Browser
) -> None:
    ended = [FILED, {"step": "closure", "at": days_ago(3), "outcome": "withdrawn"}]
    put(bureau, NUMBER, days_ago(5), ended)
    page = correcting(desk, "filing")
    later = datetime.now(UTC) + timedelta(days=365 * 20)
    assert purge(bureau, CLERK, due(bureau, later), later) == 1
    answer = page.send("corrections", at=days_ago(3), why="抄错了")
    assert answer.status_code == 409
    shown = CasePage(desk, NUMBER).open("?correct=filing")
    assert not any(shown.offers(form) for form in ("milestones", "corrections", "details"))
    assert "结案" in shown.text


def test_an_entry_that_somebody_altered_tells_nothing_of_a_milestone(
    bureau: Bureau, desk: Browser
) -> None:
    put(bureau, NUMBER, days_ago(5))
    page = CasePage(desk, NUMBER).open()
    assert page.send("milestones", at=days_ago(3)).status_code == 303
    for detail in ("[]", "{", '{"milestones": {"filing": {"was": {"at": "?"}}}}'):
        bureau.db.run(
            "UPDATE trail_entry SET detail = :detail WHERE action = 'milestone.recorded'",
            detail=detail,
        )
        assert "原为" not in page.open().text.partition("案件记录")[0]
        answer = correcting(desk, "filing").send("taken-back", drawn="corrections", why="录错了")
        assert answer.status_code == 422
    assert verify(bureau.db)
