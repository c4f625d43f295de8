"""What stands out: who is on which list, and who only just is not."""

import csv
import io
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest

from lookup import counters, exceptions, purging
from lookup.beijing import Moment, beijing_day, utc_now
from lookup.bodies import Bounds, read_case
from lookup.bureau import Bureau
from lookup.callbacks import attempt, close
from lookup.casefile import change_details, extend_clock, record_milestone, take_case
from lookup.cases import AsOf, put_case, require_case
from lookup.comments import comment, recategorise
from lookup.corrections import correct_milestone, take_back
from lookup.database import Record
from lookup.errors import Refused
from lookup.exception_sql import Asked
from lookup.feedback import enter_rating, rate
from lookup.issues import count_visit, hand_over, live_issue, reissue
from lookup.migrations import MIGRATIONS, migrate
from lookup.parties import parties_of
from lookup.periods import Period, quarter_of, read_period
from lookup.reckoning import refresh
from lookup.replies import receive
from lookup.staff import Staff
from lookup.trail import Actor, blank, change
from lookup.units import unit_codes
from lookup.withholding import ask_to_withhold
from tests.office import BUREAU, EAST, SISTER, STATION, WEST, at_work, browser_of, hire
from tests.public_cases import CLERK, Phone, form_in, put, site_of
from tests.texting import ask

FRIDAY = datetime.fromisoformat("2026-11-20T12:00:00+08:00")
AUTUMN = read_period("2026-Q4")
SYSTEM, DESK = Actor("案件系统", "api"), Actor("王丽 wang", "desk")
FILED, CLOSED = {"step": "filing", "outcome": "filed"}, {"step": "closure", "outcome": "terminated"}
PERSON = {"role": "complainant", "name": "张三", "phone": "19900000001"}


def at(day: str) -> datetime:
    """An instant of Beijing's autumn of 2026: a day, at noon where no time is told."""
    return datetime.fromisoformat(f"2026-{day}{'' if 'T' in day else 'T12:00:00'}+08:00")


def took_in(
    bureau: Bureau,
    number: str,
    day: str,
    milestones: Sequence[dict[str, str]] = (),
    entered: str = "",
    by: Actor = SYSTEM,
    *,
    backlog: bool = False,
    **more: Any,
) -> Record:
    """A case taken in on a day of 2026, and entered then or later."""
    now = at(entered or max([day, *(one["at"][5:] for one in milestones)]))
    number = number.replace(" ", "-")
    body: dict[str, Any] = {
        "number": number,
        "kind": "criminal",
        "unit": STATION,
        "name": "张三被盗窃案",
    }
    body |= {"officer": "李明", "badge": "023456", "parties": [PERSON]}
    body |= {"taken_in_at": f"2026-{day}", "milestones": milestones} | more
    record = read_case(body, Bounds(bureau.kinds, unit_codes(bureau.db), Moment.of(now)))
    with change(bureau.db, by, now) as ongoing:
        put_case(bureau, ongoing, record, AsOf(now, backlog=backlog))
    return require_case(bureau.db, number)


def on(step: dict[str, str], day: str) -> dict[str, str]:
    return step | {"at": f"2026-{day}"}


def paper(bureau: Bureau, case: Record, day: str, party: int = 0) -> Record:
    """The receipt of a party, made out on a day where there is none yet."""
    with change(bureau.db, DESK, at(day)) as ongoing:
        return live_issue(bureau, ongoing, parties_of(bureau.db, case["id"])[party]["id"])


def rated(
    bureau: Bureau, case: Record, step: str, level: int, when: datetime, network: str = ""
) -> None:
    issue = paper(bureau, case, "11-20")
    actor = Actor(f"party {issue['party_id']}", "web", network)
    with change(bureau.db, actor, when) as ongoing:
        rate(bureau, ongoing, issue, step, str(level), (), f"{case['number']} {step} {when}")


def listed(
    bureau: Bureau,
    code: str,
    unit: str = BUREAU,
    period: Period = AUTUMN,
    now: datetime = FRIDAY,
) -> dict[str, str]:
    """The reasons of a list by case number, in its order; those of page, file and count agree."""
    rule, asked = exceptions.RULES[code], Asked(unit, period, now)
    rows, further = exceptions.page(bureau, rule, asked)
    assert further is None
    assert rows == list(exceptions.every(bureau, rule, asked))
    assert len(rows) == exceptions.count(bureau, rule, asked)
    if rows and rows[0].number:
        assert exceptions.page(bureau, rule, asked, rows[0].key)[0] == rows[1:]
    return {row.number.replace("-", " ") or row.unit_name: row.reason.zh for row in rows}


def test_clocks_that_ran_out_and_cases_that_stand_still(bureau: Bureau) -> None:
    took_in(bureau, "due yesterday", "11-16", withheld_reason="minor")
    took_in(bureau, "due today", "11-17")
    took_in(bureau, "decided late", "11-02", [on(FILED, "11-12")])
    assert listed(bureau, "overdue") == {
        "due yesterday": "“立案决定”最迟应于 2026-11-19 完成，已超 1天"
    }
    assert listed(bureau, "overdue", WEST) == {}

    took_in(bureau, "still", "09-20", [on(FILED, "09-21")])
    took_in(bureau, "not yet", "09-20", [on(FILED, "09-22")])
    took_in(bureau, "a minor thing", "11-05", [on(FILED, "11-05")], kind="administrative")
    took_in(bureau, "refused", "08-01", [on(FILED | {"outcome": "refused"}, "08-02")])
    took_in(bureau, "closed", "08-01", [on(FILED, "08-02"), on(CLOSED, "08-09")])
    passed_on = {"step": "transfer"}
    took_in(bureau, "came from elsewhere", "08-01", [on(passed_on, "08-02"), on(FILED, "08-03")])
    assert listed(bureau, "unmoved") == {
        "came from elsewhere": "2026-08-03 立案，此后 109天没有进展",
        "still": "2026-09-21 立案，此后 60天没有进展",
        "a minor thing": "2026-11-05 立案，此后 15天没有进展",
    }

    bailed = {"step": "measure", "outcome": "bail"}
    took_in(bureau, "begun", "05-19", [on(FILED, "05-20"), on(bailed, "05-24")])
    took_in(bureau, "begun later", "05-19", [on(FILED, "05-20"), on(bailed, "05-25")])
    assert listed(bureau, "unclosed") == {"begun": "最近一个节点在 2026-05-24，此后 180天没有办结"}
    begun = [on(FILED, "05-20"), on(bailed, "05-24"), on(CLOSED, "11-20")]
    took_in(bureau, "begun", "05-19", begun)
    took_in(bureau, "still", "09-20", [on(FILED, "09-21"), on(bailed, "11-20")])
    assert listed(bureau, "unclosed") == {}
    assert "still" not in listed(bureau, "unmoved")


def test_cases_of_an_older_database_stand_still_too_once_it_is_prepared(bureau: Bureau) -> None:
    took_in(bureau, "still", "08-20", [on(FILED, "08-21")])
    refresh(bureau)
    bureau.db.run("UPDATE cases SET still_since = ''")
    [forget] = [one for _, steps in MIGRATIONS for one in steps if "UPDATE reckoning" in one]
    bureau.db.run(forget.partition("\n")[2] if forget.startswith("--") else forget)
    assert migrate(bureau.db) == []
    assert refresh(bureau) == 1
    assert list(listed(bureau, "unmoved")) == ["still"]


def test_what_was_shown_late_and_what_was_dated_back(bureau: Bureau) -> None:
    second = Actor("赵静 zhao", "desk")
    took_in(bureau, "in time", "11-02", entered="11-09")
    took_in(bureau, "a day late", "11-02", entered="11-10", by=DESK)
    took_in(bureau, "years late", "11-02", entered="11-12", backlog=True)
    took_in(bureau, "withheld", "11-02", withheld_reason="minor", unit=SISTER)
    hidden = took_in(bureau, "hidden", "11-16", unit=SISTER)
    with change(bureau.db, DESK, at("11-16T13:00:00")) as ongoing:
        ask_to_withhold(ongoing, hidden, "minor")
    bureau.db.run(
        "UPDATE milestone SET visible_at = NULL, visible_day = NULL WHERE case_id = :id",
        id=hidden["id"],
    )
    assert listed(bureau, "shown_late") == {
        "a day late": "“接报案”最迟应于 2026-11-09 公开，到 2026-11-10 晚了 1天"
    }
    assert listed(bureau, "shown_late", now=at("11-23")).keys() == {"a day late"}
    reason = listed(bureau, "shown_late", now=at("11-24"))["hidden"]
    assert reason == "“接报案”最迟应于 2026-11-23 公开，到 今天 晚了 1天"
    assert listed(bureau, "shown_late", period=read_period("2026-10")) == {}

    took_in(bureau, "three days", "11-02", entered="11-05T23:59:59")
    took_in(bureau, "four days", "11-02", entered="11-06T00:00:00", by=second, unit=SISTER)
    took_in(bureau, "filed", "11-05", entered="11-05")
    took_in(bureau, "filed", "11-05", [on(FILED, "11-06")], "11-11", second)
    assert listed(bureau, "dated_back") == {
        "four days": "“接报案”发生于 2026-11-02，4天后（2026-11-06）才录入；录入者：赵静 zhao",
        "in time": "“接报案”发生于 2026-11-02，7天后（2026-11-09）才录入；录入者：案件系统",
        "a day late": "“接报案”发生于 2026-11-02，8天后（2026-11-10）才录入；录入者：王丽 wang",
        "filed": "“立案决定”发生于 2026-11-06，5天后（2026-11-11）才录入；录入者：赵静 zhao",
    }
    rule, asked = exceptions.RULES["dated_back"], Asked(BUREAU, AUTUMN, FRIDAY)
    assert [(unit, who.zh, n) for unit, who, n in exceptions.authors(bureau, rule, asked)] == [
        ("锦江路派出所", "案件系统", 1),
        ("锦江路派出所", "王丽 wang", 1),
        ("锦江路派出所", "赵静 zhao", 1),
        ("牛市口派出所", "赵静 zhao", 1),
    ]
    assert not exceptions.authors(bureau, exceptions.RULES["shown_late"], asked)

    took_in(bureau, "next day", "11-05", [on(FILED, "11-06")], "11-10", second)
    assert listed(bureau, "entered_late") == {
        "filed": "“立案决定”填为 2026-11-06，在期限内，"
        "期限过后（2026-11-11）才录入；录入者：赵静 zhao"
    }


def wang(bureau: Bureau, unit: str = STATION) -> Staff:
    return hire(bureau, "wang", "desk_officer", unit, "王丽")


def told_by(bureau: Bureau, code: str, unit: str = BUREAU) -> list[tuple[str, str, int]]:
    """Who did how much of what a list holds."""
    rule, asked = exceptions.RULES[code], Asked(unit, AUTUMN, FRIDAY)
    return [(at, who.zh, n) for at, who, n in exceptions.authors(bureau, rule, asked)]


def test_days_that_staff_altered_and_cases_that_they_moved_are_read_from_the_record(
    bureau: Bureau,
) -> None:
    clerk, course = wang(bureau, BUREAU), [on(FILED, "11-03")]
    for number in ("wrong day", "wrong hour", "purged", "altered"):
        took_in(bureau, number, "11-02", course)
        with change(bureau.db, clerk.actor, at("11-10")) as ongoing:
            kept = take_case(ongoing, clerk, number.replace(" ", "-"))
            day = "2026-11-03 09:30" if number == "wrong hour" else "2026-11-05"
            told = FILED | {"at": day, "why": "记错了"}
            correct_milestone(bureau, ongoing, kept, told)
    with change(bureau.db, DESK) as ongoing:
        blank(ongoing, "purged")
    bureau.db.run("UPDATE trail_entry SET detail = '{\"was\":3}' WHERE case_number = 'altered'")
    took_in(bureau, "system", "11-02", course)
    took_in(bureau, "system", "11-02", [on(FILED, "11-04")], "11-11")
    took_in(bureau, "register", "11-02", course)
    took_in(
        bureau, "register", "11-01", [on(FILED, "11-04")], "11-11", Actor("王丽 wang", "upload")
    )
    took_in(bureau, "never", "11-02")
    with change(bureau.db, clerk.actor, at("11-12")) as ongoing:
        record_milestone(bureau, ongoing, clerk, "never", on(FILED, "11-12"))
    with change(bureau.db, clerk.actor, at("11-13")) as ongoing:
        told = {"step": "filing", "why": "录错了"}
        take_back(bureau, ongoing, take_case(ongoing, clerk, "never"), told)
    longer = {"step": "filing", "extended_days": "7", "approved_by": "赵局", "why": "复杂"}
    for number, day in (("in time", "11-16"), ("too late", "11-15")):
        took_in(bureau, number, day)
        with change(bureau.db, clerk.actor, at("11-19")) as ongoing:
            kept = take_case(ongoing, clerk, number.replace(" ", "-"))
            extend_clock(clerk, bureau, ongoing, kept, longer)

    by = "；操作者：王丽 wang"
    assert listed(bureau, "redated") == {
        "wrong day": f"2026-11-10 “立案决定”由 2026-11-03 更正为 2026-11-05{by}",
        "register": "2026-11-11 “接报案”由 2026-11-02 更正为 2026-11-01；"
        f"“立案决定”由 2026-11-03 更正为 2026-11-04{by}",
        "never": f"2026-11-13 撤回“立案决定”（原为 2026-11-12）{by}",
        "too late": f"2026-11-19 “立案决定”最迟应于 2026-11-18 完成，超期后延长为共 7 天{by}",
    }
    assert listed(bureau, "redated", WEST) == {}
    assert listed(bureau, "redated", period=read_period("2026-Q3")) == {}
    assert told_by(bureau, "redated") == [("锦江路派出所", "王丽 wang", 4)]

    with change(bureau.db, clerk.actor, at("11-14")) as ongoing:
        kept = take_case(ongoing, clerk, "system")
        change_details(bureau, ongoing, kept, {"unit": WEST, "officer": "待定"})
    reason = f"2026-11-14 由锦江路派出所移交青羊宫派出所{by}"
    for unit in (BUREAU, STATION, WEST):
        assert listed(bureau, "moved", unit) == {"system": reason}
        assert told_by(bureau, "moved", unit) == [("锦江路派出所", "王丽 wang", 1)]
    assert listed(bureau, "moved", SISTER) == {}


def test_comments_put_elsewhere_and_the_way_out_into_a_report_that_is_closed(
    bureau: Bureau,
) -> None:
    clerk, above = wang(bureau), hire(bureau, "zhao", "supervisor", EAST, "赵局")
    made = {}
    for number in ("late", "longer", "nothing owed", "in time", "report", "sooner"):
        issue = paper(bureau, took_in(bureau, number, "11-02"), "11-02")
        with change(bureau.db, Actor("party", "web"), at("11-03")) as ongoing:
            category = "suggestion" if number == "sooner" else "inquiry"
            comment(bureau, ongoing, issue, "什么时候有结果", number, category)
        [made[number]] = [
            one["id"]
            for one in bureau.db.rows("SELECT id FROM comment WHERE form = :form", form=number)
        ]

    def becomes(number: str, code: str, day: str, who: Staff = clerk) -> None:
        with change(bureau.db, who.actor, at(day)) as ongoing:
            recategorise(bureau, ongoing, who, made[number], code)

    # The answers were due by 5 November.
    becomes("report", "report", "11-05")
    becomes("sooner", "inquiry", "11-05")
    becomes("longer", "suggestion", "11-05")
    becomes("nothing owed", "thanks", "11-05")
    becomes("late", "complaint", "11-06")
    by = "；操作者：王丽 wang"
    due = "，原定最迟 2026-11-05 答复"
    told = {
        "longer": f"2026-11-05 留言由“咨询”改为“建议”{due}{by}",
        "nothing owed": f"2026-11-05 留言由“咨询”改为“表扬感谢”{due}{by}",
        "late": f"2026-11-06 留言由“咨询”改为“投诉”{due}{by}",
    }
    assert listed(bureau, "recategorised", STATION) == told
    assert listed(bureau, "recategorised", SISTER) == {}
    assert told_by(bureau, "recategorised") == [("锦江路派出所", "王丽 wang", 3)]
    for number in ("longer", "late", "in time"):
        with pytest.raises(Refused, match="answer it first or forward it"):
            becomes(number, "report", "11-06")
    becomes("in time", "report", "11-06", above)
    becomes("late", "report", "11-06", above)
    # A report is on no list, nor what was made one.
    assert listed(bureau, "recategorised") == {one: told[one] for one in ("longer", "nothing owed")}


def test_bad_ratings_that_staff_replaced_and_parties_without_a_paper_that_works(
    bureau: Bureau,
) -> None:
    clerk, course = wang(bureau), [on(FILED, "11-03")]
    for number, first, then in (("better", 2, 4), ("worse", 2, 1), ("good", 3, 5)):
        case = took_in(bureau, number, "11-02", course)
        rated(bureau, case, "filing", first, at("11-08"))
        told = {"step": "filing", "level": str(then), "tag": "", "nonce": number}
        with change(bureau.db, clerk.actor, at("11-09")) as ongoing:
            enter_rating(bureau, ongoing, clerk, paper(bureau, case, "11-08"), told)
    rated(bureau, require_case(bureau.db, "worse"), "filing", 5, at("11-10"))
    reason = "2026-11-09 对“立案决定”的评价由“不满意”改为“满意”；录入者：王丽 wang"
    assert listed(bureau, "taken_down") == {"better": reason}
    assert told_by(bureau, "taken_down") == [("锦江路派出所", "王丽 wang", 1)]
    assert listed(bureau, "taken_down", WEST) == {}

    def revoked(number: str, *days: str, **more: Any) -> tuple[Record, Record]:
        issue = paper(bureau, took_in(bureau, number, "11-01", **more), "11-01")
        with change(bureau.db, DESK, at("11-02")) as ongoing:
            hand_over(ongoing, issue)
        for day in days:
            with change(bureau.db, DESK, at(day)) as ongoing:
                new = reissue(bureau, ongoing, issue["party_id"], "遗失")
        return issue, new

    revoked("left", "11-16T23:59:59")
    revoked("not yet", "11-17T00:00:00")
    revoked("again and again", "11-12", "11-15", "11-18")
    revoked("withheld", "11-10", withheld_reason="minor")
    _, new = revoked("handed over", "11-10")
    with change(bureau.db, DESK, at("11-11")) as ongoing:
        hand_over(ongoing, new)
    _, new = revoked("looked up", "11-10")
    count_visit(bureau.db, new, at("11-11"))
    issue, _ = revoked("since then", "11-10")
    count_visit(bureau.db, issue, at("11-11"))
    with change(bureau.db, DESK, at("11-12")) as ongoing:
        reissue(bureau, ongoing, issue["party_id"], "遗失")
    assert listed(bureau, "no_live_paper") == {
        "again and again": "回执于 2026-11-12 作废，此后 8天没有有效回执；操作者：王丽 wang",
        "since then": "回执于 2026-11-12 作废，此后 8天没有有效回执；操作者：王丽 wang",
        "left": "回执于 2026-11-16 作废，此后 4天没有有效回执；操作者：王丽 wang",
    }
    assert told_by(bureau, "no_live_paper", SISTER) == []
    with bureau.db.transaction():
        bureau.db.run("UPDATE issue SET code_sealed = ''")  # as a purge leaves them
    assert listed(bureau, "no_live_paper") == {}


def test_receipts_printed_late_and_never_looked_up(bureau: Bureau) -> None:
    def handed_over(number: str, printed: str, day: str, **more: Any) -> Record:
        issue = paper(bureau, took_in(bureau, number, "11-01", **more), printed)
        with change(bureau.db, DESK, at(day)) as ongoing:
            hand_over(ongoing, issue)
        return issue

    handed_over("unread", "11-04T23:59:59", "11-06T23:59:59")
    handed_over("not yet", "11-05T00:00:00", "11-07T00:00:00")
    read = handed_over("read", "11-06", "11-06")
    count_visit(bureau.db, read, at("11-06"))
    handed_over("withheld", "11-01", "11-06", withheld_reason="minor")
    handed_over("backlog", "11-10", "11-10", backlog=True)
    lost = handed_over("lost", "11-01", "11-02")
    with change(bureau.db, DESK, at("11-15")) as ongoing:
        reissue(bureau, ongoing, lost["party_id"], "遗失")
    mother = PERSON | {"role": "guardian", "name": "王芳"}
    joined = took_in(bureau, "joined", "11-01", parties=[PERSON, mother])
    paper(bureau, joined, "11-01")
    paper(bureau, joined, "11-18", party=1)

    assert listed(bureau, "printed_late") == {
        "not yet": "2026-11-01 受案，4天后（2026-11-05）才制作回执",
        "read": "2026-11-01 受案，5天后（2026-11-06）才制作回执",
    }
    assert listed(bureau, "not_looked_up") == {"unread": "2026-11-06 交付，14天没有查询"}


def test_bad_ratings_that_nobody_followed_up_and_those_after_a_closure(bureau: Bureau) -> None:
    course = [on(FILED, "11-02"), on(CLOSED, "11-09")]
    days = {"before": "11-08T23:59:59", "within": "11-16T23:59:59", "after": "11-17T00:00:00"}
    for number, day in days.items():
        rated(bureau, took_in(bureau, number, "11-01", course), "filing", 2, at(day))
    rated(bureau, took_in(bureau, "content", "11-01", course), "filing", 3, at("11-10"))
    reason = "2026-11-09 办结，2026-11-16 对“立案决定”评价不满意"
    assert listed(bureau, "soured") == {"within": reason}
    assert listed(bureau, "uncalled") == {}
    due = {one["due_day"] for one in bureau.db.rows("SELECT due_day FROM callback")}
    assert listed(bureau, "callback_overdue", now=at(f"{min(due)[5:]}")) == {}
    late = listed(bureau, "callback_overdue", now=at(f"{min(due)[5:]}") + timedelta(days=1))
    assert late == {"before": f"“立案决定”的回访最迟应于 {min(due)} 办结，已超 1天"}

    caller = hire(bureau, "caller", "callback_officer", BUREAU, "赵静")
    ids = {
        one["number"]: one["id"]
        for one in bureau.db.rows(
            "SELECT callback.id, number FROM callback JOIN cases ON cases.id = case_id"
        )
    }
    told = {"result": "explained", "problem": "slow", "remedy": "已说明", "responsible": "赵静"}
    with change(bureau.db, caller.actor, FRIDAY) as ongoing:
        attempt(bureau, ongoing, caller, ids["within"], "reached", "", 0)
        close(bureau, ongoing, caller, ids["within"], told | {"told": "已说明"})
    bureau.db.run("DELETE FROM callback WHERE id = :id", id=ids["before"])
    rated(bureau, require_case(bureau.db, "before"), "filing", 5, FRIDAY)
    assert listed(bureau, "uncalled") == {
        "before": "2026-11-08 对“立案决定”评价不满意，12天没有列入回访"
    }
    assert set(listed(bureau, "callback_overdue", now=at("12-30"))) == {"after"}


def test_ratings_that_come_in_bursts_and_all_the_best_within_seconds(bureau: Bureau) -> None:
    noon = at("11-10T12:00:00")
    with change(bureau.db, CLERK) as ongoing:
        [counter] = [counters.add(ongoing, SISTER, SISTER, "1号窗口")]
    window = counters.require_counter(bureau.db, BUREAU, counter)
    cases = [took_in(bureau, f"{n}", "11-02", [on(FILED, "11-03")]) for n in range(10)]
    for n, case in enumerate(cases[:4]):
        rated(bureau, case, "intake", 4, noon + timedelta(minutes=n), "one network")
    for n, case in enumerate(cases[4:9]):
        rated(bureau, case, "intake", 4, noon + timedelta(seconds=n * 150 + n // 4), "another")
    assert listed(bureau, "burst") == {}
    rated(bureau, cases[9], "intake", 4, noon + timedelta(minutes=10), "one network")
    reason = "2026-11-10 评价；同一来源在短时间内评价了 5 次"
    assert listed(bureau, "burst") == dict.fromkeys(["0", "1", "2", "3", "9"], reason)
    address, sent = "203.0.113.9", counters.Rating("5", [], "", "form")
    counters.rate(bureau, window, sent, address, noon)
    [kept] = bureau.db.rows("SELECT network FROM counter_rating")
    bureau.db.run("UPDATE rating SET network = :n WHERE network = 'another'", n=kept["network"])
    assert listed(bureau, "burst", SISTER) == {"牛市口派出所": reason}
    assert set(listed(bureau, "burst")) == {*"0123456789", "牛市口派出所"} - {"8"}

    for n, (first, second, seconds) in enumerate([(5, 5, 20), (5, 5, 21), (5, 4, 1)]):
        rated(bureau, cases[n], "intake", first, at("11-15"))
        rated(bureau, cases[n], "filing", second, at("11-15") + timedelta(seconds=seconds))
    rated(bureau, cases[3], "intake", 5, at("11-15"))
    assert listed(bureau, "hasty") == {"0": "2026-11-15，2 个节点在 20 秒内全部评为最高一级"}


def test_units_that_withhold_far_more_than_their_peers(bureau: Bureau) -> None:
    def withhold(unit: str, *reasons: str) -> None:
        for n, reason in enumerate(reasons):
            took_in(bureau, f"{unit}-{n}", "11-02", unit=unit, withheld_reason=reason)

    withhold(STATION, "minor", "minor", "privacy", "minor", "")
    withhold(SISTER, "minor", "", "")
    withhold(WEST, "minor", "", "")
    assert listed(bureau, "withheld_share") == {}
    took_in(bureau, "fifth", "11-03", withheld_reason="minor")
    reason = "受案 6 件，不予公开 5 件，占 83.33%；同级其他单位的中位数为 33.33%"
    branch = "受案 9 件，不予公开 6 件，占 66.67%；同级其他单位的中位数为 33.33%"
    assert listed(bureau, "withheld_share") == {"城东分局": branch, "锦江路派出所": reason}
    assert listed(bureau, "withheld_share", STATION) == {"锦江路派出所": reason}
    assert listed(bureau, "withheld_share", WEST) == {}
    assert listed(bureau, "withheld_share", period=read_period("2026-Q3")) == {}


def send(phone: Phone, bureau: Bureau, issue: Record, address: str) -> None:
    """Rate the intake from an address, as the proxy in front tells it."""
    phone.environ_base |= {"REMOTE_ADDR": "10.9.9.9", "HTTP_X_FORWARDED_FOR": address}
    page = phone.scan(bureau, issue).text
    told = form_in(page, "/case/ratings", "intake") | {"level": "4"}
    assert phone.post("/case/ratings", data=told).status_code == 303


def test_ratings_from_where_staff_log_in_are_known_by_prints_alone(bureau: Bureau) -> None:
    app, chief = site_of(bureau, proxies=1), hire(bureau, "chief", "auditor", BUREAU)
    desk, today = browser_of(app), beijing_day(utc_now())
    desk.client.environ_base |= {"HTTP_X_FORWARDED_FOR": "203.0.113.5, 2001:db8:7:8::1"}
    assert desk.log_in(chief.login).status_code == 303
    ended = [FILED | {"at": "2026-01-05 10:00"}, CLOSED | {"at": "2026-01-06 10:00"}]
    networks = {"own": "2001:db8:7:8:9::9", "mobile": "2001:db8:7:9::1", "forged": "203.0.113.8"}
    for number, address in networks.items():
        issue = put(bureau, number, "2026-01-05 09:00", ended, parties=[PERSON])
        phone = app.test_client()
        assert isinstance(phone, Phone)
        # Only what the last proxy adds is believed.
        send(phone, bureau, issue, f"2001:db8:7:8::1, {address}")
    reason = f"{today} 评价；所用网络此前 30 天内有民警登录，也可能是派出所的公共无线网络"
    now, quarter = utc_now(), quarter_of(today)
    assert listed(bureau, "own_network", period=quarter, now=now) == {"own": reason}
    month = now + timedelta(days=30, minutes=1)
    assert listed(bureau, "own_network", period=quarter, now=month) == {"own": reason}
    assert '<a href="/desk/cases/own">own</a>' in desk.get("/audit/exceptions/own_network").text

    ask(bureau, "mobile", "filing")
    with change(bureau.db, Actor("gateway", "sms")) as ongoing:
        assert receive(bureau, ongoing, "+86 199 0000 0001", "5", "in-1") == "rated"
    kept = [one["network"] for one in bureau.db.rows("SELECT network FROM rating")]
    assert {len(one) for one in kept} == {32} and len(set(kept)) == 4
    with change(bureau.db, CLERK) as ongoing:
        counter = counters.add(ongoing, STATION, STATION, "1号窗口")
    window = counters.require_counter(bureau.db, STATION, counter)
    counters.rate(bureau, window, counters.Rating("5", [], "", "form"), networks["own"], now)
    counters.rate(bureau, window, counters.Rating("5", [], "", "later"), networks["own"], month)
    own = "SELECT own_network FROM counter_rating ORDER BY id"
    assert [one["own_network"] for one in bureau.db.rows(own)] == [1, 0]
    assert len(listed(bureau, "own_network", period=quarter, now=now)) == 2
    for table in ("rating", "counter_rating", "trail_entry", "throttle"):
        told = str(bureau.db.rows(f"SELECT * FROM {table}"))
        assert not any(one in told for one in ("2001:db8", "203.0.113", "19900000001")), table

    later = now + timedelta(days=bureau.config.purge_after_days + 400)
    assert purging.purge(bureau, CLERK, purging.due(bureau, later), later) == 3
    left = "SELECT network FROM rating UNION SELECT network FROM counter_rating"
    assert bureau.db.rows(left) == [{"network": ""}]
    assert len(listed(bureau, "own_network", period=quarter, now=now)) == 2


def test_the_pages_show_each_their_own_and_page_and_file_hold_all(bureau: Bureau) -> None:
    chief, auditor = at_work(bureau, "supervisor", STATION), at_work(bureau, "auditor", BUREAU)
    with bureau.db.transaction():
        for n in range(52):
            took_in(bureau, f"S-{n}", "01-05", unit=STATION)
        case = took_in(bureau, "S-52", "01-06", unit=SISTER, officer="=cmd|calc", badge="")
    # Two clocks of one case that ran out on one day, where one page ends and the next begins.
    bureau.db.run(
        """INSERT INTO clock (case_id, step, start_day, days, due_day, provisional, extended,
            is_decision) SELECT case_id, 'second', start_day, days, due_day, provisional, extended,
            is_decision FROM clock JOIN cases ON cases.id = case_id WHERE number = 'S-49'"""
    )
    issue = paper(bureau, case, "01-06")
    with change(bureau.db, Actor("party", "web")) as ongoing:
        comment(bureau, ongoing, issue, "民警吃拿卡要", "form", "report")

    path, reports = "/audit/exceptions/overdue", ("民警吃拿卡要", "举报")
    first = auditor.get(f"{path}?lang=zh").text
    assert first.count("已超") == 50 and "S-49" in first and "S-50" not in first
    further = re.search(r'href="(/audit/exceptions/overdue\?[^"]*after=[^"]*)"', first)
    assert further
    second = auditor.get(unescape(further[1])).text
    assert set(re.findall(r">(S-\d+)</a>", second)) == {f"S-{n}" for n in range(49, 53)}
    assert not any(word in first + second for word in (*reports, "张三", "19900000001"))
    assert "S-52" not in chief.get(f"{path}?after=2026-01-08.1").text
    assert auditor.get(f"{path}?after=nonsense").status_code == 200

    answer = auditor.get(f"{path}.csv?unit={SISTER}")
    assert answer.headers["Content-Disposition"] == f"attachment; filename=overdue-{SISTER}.csv"
    [row] = csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig")))
    assert row["number"] == "S-52" and row["officer"] == "'=cmd|calc"
    assert row["reason"].startswith("“立案决定”最迟应于") and "days over" in row["reason"]
    assert len(auditor.get(f"{path}.csv").text.splitlines()) == 55
    assert len(chief.get(f"{path}.csv").text.splitlines()) == 54

    overview = auditor.get("/audit/exceptions?period=2026-Q1&lang=en").text
    assert all(f"/audit/exceptions/{code}?" in overview for code in exceptions.RULES)
    assert "<b>54</b>" in overview and "<b>53</b>" in chief.get("/audit/exceptions").text
    codes = exceptions.RULES
    everything = [auditor.get(f"/audit/exceptions/{code}?period=2026-Q1") for code in codes]
    assert {one.status_code for one in everything} == {200}
    assert not any(word in one.text for one in everything for word in (*reports, "张三被盗"))
    for wrong in (f"{path}?unit={SISTER}", f"{path}.csv?unit={BUREAU}", "/audit/exceptions/x"):
        assert chief.get(wrong).status_code == 404, wrong
    assert auditor.get(f"{path}?period=2026-Q5").status_code == 400
    assert auditor.post(path).status_code == 405
    desk = at_work(bureau, "desk_officer", STATION)
    assert {desk.get(one).status_code for one in (path, f"{path}.csv", "/audit/exceptions")} == {
        403
    }
