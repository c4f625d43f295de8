"""What a party is told about the case, in both languages."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import permutations
from typing import Any

import pytest

from lookup import comments, feedback
from lookup.bureau import Bureau
from lookup.clocks import Standing
from lookup.database import Database, Record
from lookup.kinds import Kinds
from lookup.language import Text
from lookup.progress import Progress, progress_of
from lookup.records import CaseRefused
from lookup.trail import Actor, change
from tests.office import hire
from tests.public_cases import ask_for, issue_of, put

NUMBER = "A5101040120261120001"
NOW = datetime(2026, 12, 31, tzinfo=UTC)
FILED = {"step": "filing", "at": "2026-11-21", "outcome": "filed"}
REFUSED = {"step": "filing", "at": "2026-11-21", "outcome": "refused"}
SERVED = {"step": "notice", "at": "2026-11-23"}


def told(
    bureau: Bureau, today: str, milestones: Sequence[dict[str, Any]] = (), **more: Any
) -> Progress:
    """The progress on a day of a case taken in on Friday 20 November 2026."""
    taken_in = more.pop("taken_in", "2026-11-20 09:05")
    issue = put(bureau, NUMBER, taken_in, milestones, NOW, **more)
    return progress_of(bureau, issue, date.fromisoformat(today))


def test_a_new_case_says_what_comes_next_and_by_when(bureau: Bureau) -> None:
    progress = told(bureau, "2026-11-21")
    assert progress.headline == Text(
        "您的报案已于11月20日受理登记；接下来：是否立案的决定，"
        "最迟11月23日（周一，自11月20日次日起算3天）。",
        "Your report was taken in on 20 Nov; next comes the decision whether to file a case, at "
        "the latest by Mon 23 Nov (3 days, counted from the day after 20 Nov).",
    )
    assert progress.state == "going"
    assert progress.next_line == Text(
        "是否立案的决定，最迟2026年11月23日（周一，自2026年11月20日次日起算3天）",
        "The decision whether to file a case, at the latest by Mon 23 Nov 2026 (3 days, counted "
        "from the day after 20 Nov 2026)",
    )


def test_the_intake_is_shown_with_day_and_time(bureau: Bureau) -> None:
    (intake,) = told(bureau, "2026-11-21").steps
    assert intake.name == Text("接报案", "Report taken in")
    assert intake.when == Text("2026年11月20日（周五）09:05", "Fri 20 Nov 2026, 09:05")
    assert intake.shown == Text("12月31日", "31 Dec")


def test_a_time_that_was_not_recorded_is_not_invented(bureau: Bureau) -> None:
    (intake,) = told(bureau, "2026-11-21", taken_in="2026-11-20").steps
    assert intake.when == Text("2026年11月20日（周五）", "Fri 20 Nov 2026")


def test_the_last_day_says_today(bureau: Bureau) -> None:
    progress = told(bureau, "2026-11-23")
    assert "最迟今天，11月23日（周一" in progress.headline.zh
    assert "at the latest today, Mon 23 Nov" in progress.headline.en
    (awaited,) = progress.awaited
    assert awaited.term is not None
    assert awaited.term.standing_said == Text("今天到期", "due today")


@pytest.mark.parametrize(
    ("today", "zh", "en"),
    [("2026-11-24", "已超期1天", "1 day overdue"), ("2026-12-03", "已超期10天", "10 days overdue")],
)
def test_an_overdue_case_says_so_with_the_days(
    bureau: Bureau, today: str, zh: str, en: str
) -> None:
    progress = told(bureau, today)
    assert progress.state == "overdue"
    assert progress.state_said == Text(zh, en)
    assert zh in progress.headline.zh
    assert en in progress.headline.en


def test_the_count_can_be_followed_over_a_day_off(bureau: Bureau) -> None:
    (awaited,) = told(bureau, "2026-11-19", taken_in="2026-11-18 10:00").awaited
    assert awaited.term is not None
    assert awaited.term.due_day == date(2026, 11, 23)
    assert awaited.term.rule == Text(
        "自2026年11月18日（周三）“接报案”起算，首日不计，第3天是11月21日（周六），"
        "逢休息日，顺延至11月23日（周一）",
        "Counted from Wed 18 Nov 2026 (“Report taken in”), that day not included; day 3 is Sat 21 "
        "Nov, a day off, so it moves to Mon 23 Nov",
    )


def test_the_years_are_said_where_they_differ(bureau: Bureau) -> None:
    progress = told(bureau, "2027-01-04", taken_in="2026-12-30 10:00")
    assert "您的报案已于2026年12月30日受理登记" in progress.headline.zh
    assert "最迟今天，1月4日（周一，自2026年12月30日次日起算3天" in progress.headline.zh


def test_an_extension_names_its_approver(bureau: Bureau) -> None:
    extended = {"step": "filing", "extended_days": "30", "approved_by": "城东分局 王局长"}
    progress = told(bureau, "2026-11-30", [extended])
    (awaited,) = progress.awaited
    assert awaited.term is not None
    assert awaited.term.due_day == date(2026, 12, 21)
    assert awaited.term.notes == (
        Text(
            "期限已延长至共30天，批准人：城东分局 王局长",
            "Extended to 30 days in all, approved by 城东分局 王局长",
        ),
    )
    assert "延长后共30天，逢休息日顺延" in progress.headline.zh


def test_a_year_without_a_calendar_makes_the_day_provisional(bureau: Bureau) -> None:
    issue = put(bureau, NUMBER, "2031-03-03 10:00", now=datetime(2031, 3, 4, tzinfo=UTC))
    (awaited,) = progress_of(bureau, issue, date(2031, 3, 4)).awaited
    assert awaited.term is not None
    assert [note.en[:11] for note in awaited.term.notes] == ["Provisional"]


def test_at_once_is_said_in_plain_words(bureau: Bureau) -> None:
    progress = told(bureau, "2026-11-22", kind="administrative")
    assert progress.headline == Text(
        "您的报案已于11月20日受理登记；是否立案的决定最迟应在11月20日（周五，须当天办理）完成，"
        "现已超期2天。",
        "Your report was taken in on 20 Nov; the decision whether to file a case was due by Fri "
        "20 Nov (due on the same day) and is 2 days overdue.",
    )
    awaited, closure = progress.awaited
    assert closure.term is not None
    assert closure.term.due_day == date(2026, 12, 21)  # 30 days, and on from Sunday the 20th
    assert awaited.term is not None
    assert awaited.term.rule.zh == "应在“接报案”的当天完成"


def test_a_step_without_a_clock_promises_no_day(bureau: Bureau) -> None:
    progress = told(bureau, "2026-11-30", [FILED])
    assert progress.headline == Text(
        "您的案件已于11月21日立案，正在侦查；接下来：侦查的结果，这一步没有固定的期限。",
        "Your case was filed on 21 Nov and is being investigated; next comes the result of the "
        "investigation; no fixed date is set for it.",
    )
    assert [one.term for one in progress.awaited] == [None]
    assert progress.next_line.zh == "侦查的结果（没有固定的期限）"


def test_a_decision_keeps_the_clock_it_was_made_under(bureau: Bureau) -> None:
    progress = told(
        bureau,
        "2026-12-10",
        [FILED | {"at": "2026-11-25"}, {"step": "measure", "at": "2026-12-01", "outcome": "bail"}],
    )
    intake, filing, measure = progress.steps
    assert intake.term is None
    assert filing.outcome == Text("立案", "Filed")
    assert filing.term is not None
    assert filing.term.standing is Standing.LATE
    assert filing.term.standing_said == Text("超期2天完成", "done 2 days late")
    assert filing.term.basis is not None
    assert measure.outcome == Text("取保候审", "Release on bail pending trial")
    assert progress.headline.zh.startswith("您的案件已于11月25日立案")


def test_a_refusal_without_service_gives_no_last_day(bureau: Bureau) -> None:
    progress = told(bureau, "2026-11-22", [REFUSED])
    assert progress.state == "refused"
    assert progress.state_said == Text("不予立案", "Not filed")
    assert progress.headline.zh == (
        "公安机关已于11月21日决定不予立案；接下来：不予立案通知书的送达，"
        "最迟11月24日（周二，自11月21日次日起算3天）；您如不服，可以申请复议，办法见下文。"
    )
    (way,) = progress.ways
    assert "收到不予立案通知书后七日以内" in way.said.zh
    assert "7 days from the day you receive the notice" in way.said.en


def test_a_refusal_whose_notice_is_late_is_overdue(bureau: Bureau) -> None:
    progress = told(bureau, "2026-11-27", [REFUSED])
    assert progress.state == "overdue"
    assert "不予立案通知书的送达最迟应在11月24日" in progress.headline.zh
    assert "现已超期3天" in progress.headline.zh


def test_a_served_refusal_names_the_last_day_of_the_remedy(bureau: Bureau) -> None:
    progress = told(bureau, "2026-11-25", [REFUSED, SERVED])
    assert progress.headline == Text(
        "公安机关已于11月21日决定不予立案；您如不服，可以申请复议，最迟11月30日（周一）提出。",
        "The police decided on 21 Nov not to file a case; if you disagree, you may apply for "
        "reconsideration until Mon 30 Nov.",
    )
    assert "2026年11月30日（周一）" in progress.ways[0].said.zh
    assert progress.next_line == progress.ways[0].said


def test_a_remedy_whose_time_is_over_says_so(bureau: Bureau) -> None:
    (way,) = told(bureau, "2026-12-01", [REFUSED, SERVED]).ways
    assert way.is_over
    assert way.said.zh.startswith("申请复议的期限已于11月30日（周一）届满；")


def test_a_remedy_is_told_only_to_those_who_have_it(bureau: Bureau) -> None:
    kind = bureau.kinds["criminal"]
    remedies = tuple(replace(one, roles=("victim",)) for one in kind.remedies)
    others = replace(bureau, kinds=Kinds([replace(kind, remedies=remedies)]))
    issue = put(bureau, NUMBER, "2026-11-20 09:05", [REFUSED], NOW)
    assert progress_of(bureau, issue, date(2026, 11, 22)).ways
    assert not progress_of(others, issue, date(2026, 11, 22)).ways


def test_a_closed_case_says_with_which_outcome(bureau: Bureau) -> None:
    closure = {"step": "closure", "at": "2026-12-20", "outcome": "prosecution"}
    progress = told(bureau, "2026-12-25", [FILED, closure])
    assert progress.state == "closed"
    assert progress.state_said == Text("移送审查起诉", "Transferred for prosecution")
    assert progress.headline.en == (
        "The police closed your case on 20 Dec and transferred it for prosecution."
    )
    assert progress.awaited == ()
    assert progress.explanation is not None
    assert progress.explanation.zh.startswith("案件已移送人民检察院审查起诉")
    assert progress.next_line == progress.explanation


def test_a_step_that_was_passed_over_is_not_awaited(bureau: Bureau) -> None:
    closure = {"step": "closure", "at": "2026-12-20", "outcome": "withdrawn"}
    progress = told(bureau, "2026-12-25", [closure])
    assert progress.state == "closed"
    assert progress.awaited == ()


def test_a_case_of_a_forgotten_kind_is_still_told(bureau: Bureau) -> None:
    issue = put(bureau, NUMBER, "2026-11-20 09:05", [REFUSED], NOW)
    kindless = replace(bureau, kinds=Kinds([]))
    progress = progress_of(kindless, issue, date(2026, 11, 22))
    assert progress.headline.zh == "您的案件已于11月21日进展到“filing”。"
    assert [step.name.zh for step in progress.steps] == ["接报案", "filing"]


def test_a_step_that_the_kind_no_longer_has_is_still_told(bureau: Bureau) -> None:
    issue = put(bureau, NUMBER, "2026-11-20 09:05", [REFUSED, SERVED], NOW)
    kind = bureau.kinds["criminal"]
    milestones = tuple(one for one in kind.milestones if one.step != "notice")
    changed = replace(kind, milestones=milestones, remedies=())
    progress = progress_of(replace(bureau, kinds=Kinds([changed])), issue, date(2026, 11, 25))
    assert [step.name.zh for step in progress.steps] == ["接报案", "立案决定", "notice"]
    assert progress.headline.zh == "公安机关已于11月21日决定不予立案。"


def test_of_a_withheld_case_nothing_is_told(bureau: Bureau) -> None:
    progress = told(bureau, "2026-11-21", withheld_reason="minor")
    assert progress.state == "withheld"
    assert progress.next_line == progress.headline
    assert "当面" in progress.headline.zh
    assert not (progress.steps or progress.awaited or progress.materials or progress.masked_name)


def test_the_party_is_shown_masked(bureau: Bureau) -> None:
    progress = told(bureau, "2026-11-21")
    assert (progress.role, progress.masked_name) == (Text("报案人", "Complainant"), "张*")


def test_materials_are_ticked_off(bureau: Bureau) -> None:
    put(bureau, NUMBER, "2026-11-20 09:05", now=NOW)
    ask_for(bureau, NUMBER, ["购车发票", "身份证复印件"], ["身份证复印件"])
    missing, received = told(bureau, "2026-11-21").materials
    assert (missing.name, missing.received) == ("购车发票", None)
    assert received.received is not None
    closure = {"step": "closure", "at": "2026-12-20", "outcome": "withdrawn"}
    assert told(bureau, "2026-12-25", [FILED, closure]).materials == (received,)


def test_property_is_told_with_measure_and_whereabouts(bureau: Bureau) -> None:
    phone = {
        "name": "手机",
        "quantity": "1",
        "unit": "部",
        "measure": "扣押",
        "status": "已发还",
        "place": "物证室",
    }
    (thing,) = told(bureau, "2026-11-21", property=[phone]).seized
    assert (thing.name, thing.amount, thing.place) == ("手机", "1部", "物证室")
    assert (thing.measure.en, thing.status.en, thing.since) == ("Seized", "Returned", None)


def test_a_party_sees_own_ratings_and_comments_only(bureau: Bureau) -> None:
    both = [{"role": "complainant", "name": "张三"}, {"role": "victim", "name": "李四"}]
    mine = put(bureau, NUMBER, "2026-11-20 09:05", now=NOW, parties=both)
    other = issue_of(bureau, NUMBER, party=1)
    _say(bureau, mine, "2", ["no_news"], "什么时候有结果？")
    seen = progress_of(bureau, mine, date(2026, 11, 22))
    rating = seen.steps[0].rating
    assert rating is not None
    assert rating.level_said == Text("不满意", "Dissatisfied")
    assert rating.tags_said == (Text("没有说明进展", "Was not told about progress"),)
    (comment,) = seen.comments
    assert (comment.body, comment.answered) == ("什么时候有结果？", None)
    hidden = progress_of(bureau, other, date(2026, 11, 22))
    assert (hidden.steps[0].rating, hidden.comments) == (None, ())


def test_an_answer_stands_with_its_comment(bureau: Bureau) -> None:
    issue = put(bureau, NUMBER, "2026-11-20 09:05", now=NOW)
    _say(bureau, issue, "5", [], "谢谢。")
    who = hire(bureau, "li.ming", "desk_officer")
    with change(bureau.db, who.actor) as ongoing:
        made = comments.comments_of(bureau.db, issue["party_id"])[0]
        comments.answer(bureau, ongoing, who, made["id"], "不客气。")
    (comment,) = progress_of(bureau, issue, date(2026, 11, 22)).comments
    # In the name of the unit: who it was is for the bureau to know.
    assert (comment.answer, comment.unit_name) == ("不客气。", "锦江路派出所")
    assert comment.answered is not None and "李明" not in repr(comment)


def test_the_page_costs_few_statements(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    issue = put(bureau, NUMBER, "2026-11-20 09:05", [REFUSED, SERVED], NOW)
    statements: list[str] = []
    execute = Database._execute

    def counting(self: Database, sql: str, params: Record) -> Any:
        statements.append(sql)
        return execute(self, sql, params)

    monkeypatch.setattr(Database, "_execute", counting)
    progress_of(bureau, issue, date(2026, 11, 22))
    assert len(statements) <= 7


def _say(bureau: Bureau, issue: Record, level: str, tags: list[str], body: str) -> None:
    with change(bureau.db, Actor("party", "web")) as ongoing:
        feedback.rate(bureau, ongoing, issue, "intake", level, tags, "form 1")
        comments.comment(bureau, ongoing, issue, body, "form 2")


COURSES = [
    {"step": "transfer"},
    {"step": "filing", "outcome": "filed"},
    {"step": "filing", "outcome": "refused"},
    {"step": "notice"},
    {"step": "measure", "outcome": "bail"},
    {"step": "closure", "outcome": "prosecution"},
    {"step": "closure", "outcome": "withdrawn"},
]


def test_whatever_course_a_case_took_its_page_says_where_it_stands(bureau: Bureau) -> None:
    """Registers tell steps in every order, also a transfer after a refusal."""
    taken = 0
    for n, course in enumerate(one for size in range(4) for one in permutations(COURSES, size)):
        steps = [one | {"at": f"2026-11-{21 + place}"} for place, one in enumerate(course)]
        with suppress(CaseRefused):
            issue = put(bureau, f"A{n}", "2026-11-20", steps, NOW)
            taken += 1
            for today in (date(2026, 11, 21), date(2026, 12, 31)):
                progress = progress_of(bureau, issue, today)
                assert progress.state_said.zh and progress.headline.zh, course
    assert taken > 100
