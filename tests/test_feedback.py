"""Ratings and comments: one current rating, texts kept as written, nothing twice, nothing lost."""

import json
import signal
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import pytest

from lookup import trail
from lookup.beijing import Moment
from lookup.bodies import Bounds, read_case
from lookup.bureau import Bureau, open_bureau
from lookup.cases import AsOf, put_case, require_case
from lookup.comments import LONGEST_COMMENT, answer, comment, comments_of
from lookup.config import Config
from lookup.database import Record
from lookup.errors import Conflict, NotFound, Refused
from lookup.feedback import rate, ratings_of
from lookup.issues import live_issue, open_by_id
from lookup.levels import LEVELS, TAGS
from lookup.parties import parties_of
from lookup.staff import Staff
from lookup.trail import Actor, Change, change
from lookup.units import unit_codes

NUMBER = "A5101040120260001"
PARTY = Actor("complainant", "web")
OFFICER = Actor("王丽", "desk")
STATION, NEIGHBOUR = "5101040101", "5101040102"


NOW = datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC)


def _put(bureau: Bureau, ongoing: Change, **told: Any) -> None:
    body = {
        **{"number": NUMBER, "kind": "criminal", "unit": STATION, "name": "王某被盗窃案"},
        **{"officer": "陈警官", "badge": "023456", "taken_in_at": "2026-10-12 09:00:00"},
        "parties": [
            {"role": "complainant", "name": "王小明", "phone": "13800138000"},
            {"role": "victim", "name": "王小红"},
        ],
        "milestones": [{"step": "filing", "at": "2026-10-13 10:00:00", "outcome": "filed"}],
    }
    bounds = Bounds(bureau.kinds, unit_codes(bureau.db), Moment.of(NOW))
    put_case(bureau, ongoing, read_case(body | told, bounds), AsOf(NOW, stated=True))


def _hand_in(bureau: Bureau, **told: Any) -> None:
    with change(bureau.db, Actor("case system", "api"), NOW) as ongoing:
        _put(bureau, ongoing, **told)


def _issues(bureau: Bureau) -> list[Record]:
    parties = parties_of(bureau.db, require_case(bureau.db, NUMBER)["id"])
    with change(bureau.db, OFFICER) as ongoing:
        return [live_issue(bureau, ongoing, party["id"]) for party in parties]


@pytest.fixture
def issue(bureau: Bureau) -> Record:
    """The receipt of the complainant of a case that has been filed."""
    _hand_in(bureau)
    return _issues(bureau)[0]


def _rate(
    bureau: Bureau,
    issue: Record,
    level: str,
    tags: Iterable[str] = (),
    form: str = "",
    step: str = "filing",
) -> None:
    with change(bureau.db, PARTY) as ongoing:
        rate(bureau, ongoing, issue, step, level, list(tags), form or f"{time.monotonic_ns()}")


def _comment(bureau: Bureau, issue: Record, body: str, form: str = "") -> None:
    with change(bureau.db, PARTY) as ongoing:
        comment(bureau, ongoing, issue, body, form or f"{time.monotonic_ns()}")


def _ratings(bureau: Bureau) -> list[Record]:
    return bureau.db.rows("SELECT * FROM rating ORDER BY id")


def _bodies(bureau: Bureau, issue: Record) -> list[str]:
    return [row["body"] for row in comments_of(bureau.db, issue["party_id"])]


def _trail(bureau: Bureau, action: str) -> list[Any]:
    rows = bureau.db.rows(
        "SELECT * FROM trail_entry WHERE action = :action ORDER BY position", action=action
    )
    assert {row["case_number"] for row in rows} <= {NUMBER}
    return [json.loads(row["detail"]) for row in rows]


# What can be chosen


def test_there_are_five_levels_and_a_handful_of_tags_for_each() -> None:
    assert list(LEVELS) == ["5", "4", "3", "2", "1"]
    assert [text.zh for text in LEVELS.values()] == [
        *("非常满意", "满意", "基本满意", "不满意", "非常不满意"),
    ]
    assert sorted(TAGS) == [1, 2, 3, 4, 5]
    for words in TAGS.values():
        assert 4 <= len(words) <= 6
        assert len({text for text in words.values()}) == len(words)


# Rating


@pytest.mark.parametrize("level", list(LEVELS))
def test_each_level_is_kept_with_any_of_its_tags(bureau: Bureau, issue: Record, level: str) -> None:
    offered = list(TAGS[int(level)])
    _rate(bureau, issue, level, reversed(offered))
    rating = ratings_of(bureau.db, issue["party_id"])["filing"]
    assert (rating["level"], rating["tags"], rating["via"]) == (int(level), offered, "web")


def test_a_rating_goes_to_who_was_in_charge_of_the_milestone(bureau: Bureau, issue: Record) -> None:
    _hand_in(bureau, unit=NEIGHBOUR, officer="赵警官", badge="029999")
    _rate(bureau, issue, "1")
    (rating,) = _ratings(bureau)
    assert (rating["unit"], rating["officer"], rating["badge"]) == (STATION, "陈警官", "023456")


def test_a_later_rating_replaces_the_earlier_which_stays_in_the_record(
    bureau: Bureau, issue: Record
) -> None:
    _rate(bureau, issue, "1", ["long_wait"])
    _rate(bureau, issue, "4")
    _rate(bureau, issue, "5", step="intake")
    first, second, third = _ratings(bureau)
    assert (first["level"], first["replaced_at"]) == (1, second["rated_at"])
    current = ratings_of(bureau.db, issue["party_id"])
    assert {step: row["id"] for step, row in current.items()} == {
        "filing": second["id"],
        "intake": third["id"],
    }


def test_the_same_rating_again_is_nothing_new(bureau: Bureau, issue: Record) -> None:
    _rate(bureau, issue, "2", ["no_news", "overdue"])
    _rate(bureau, issue, "2", ["overdue", "no_news", "overdue"])
    assert len(_ratings(bureau)) == len(_trail(bureau, "rating.given")) == 1
    _rate(bureau, issue, "2", ["overdue"])
    assert len(_ratings(bureau)) == 2


def test_a_form_sent_again_does_nothing(bureau: Bureau, issue: Record) -> None:
    _rate(bureau, issue, "1", form="first")
    _rate(bureau, issue, "5", form="second")
    _rate(bureau, issue, "1", form="first")
    assert [row["level"] for row in _ratings(bureau)] == [1, 5]
    assert ratings_of(bureau.db, issue["party_id"])["filing"]["level"] == 5


def test_each_party_rates_by_itself(bureau: Bureau, issue: Record) -> None:
    other = _issues(bureau)[1]
    _rate(bureau, issue, "5")
    _rate(bureau, other, "1")
    levels = [ratings_of(bureau.db, one["party_id"])["filing"]["level"] for one in (issue, other)]
    assert levels == [5, 1]


@pytest.mark.parametrize(("step", "named"), [("closure", "Closure"), ("arrested", "arrested")])
def test_a_milestone_that_has_not_happened_cannot_be_rated(
    bureau: Bureau, issue: Record, step: str, named: str
) -> None:
    with pytest.raises(Refused, match=f"“{named}” has not been shown yet") as caught:
        _rate(bureau, issue, "5", step=step)
    assert caught.value.field == "step"
    assert _ratings(bureau) == []


def test_a_milestone_that_is_not_shown_cannot_be_rated(bureau: Bureau, issue: Record) -> None:
    bureau.db.run("UPDATE milestone SET visible_at = NULL WHERE step = 'filing'")
    with pytest.raises(Refused, match="“Filing decision” has not been shown yet"):
        _rate(bureau, issue, "5")


@pytest.mark.parametrize("level", ["0", "6", "", "５", " 5", "满意", "5.0"])
def test_a_level_that_is_not_offered_is_refused(bureau: Bureau, issue: Record, level: str) -> None:
    with pytest.raises(Refused, match="Very satisfied, Satisfied") as caught:
        _rate(bureau, issue, level)
    assert (caught.value.field, caught.value.value) == ("level", level)


@pytest.mark.parametrize(("level", "tag"), [("5", "long_wait"), ("1", "in_time"), ("2", "x\0")])
def test_a_tag_of_another_level_is_refused(
    bureau: Bureau, issue: Record, level: str, tag: str
) -> None:
    with pytest.raises(Refused, match="choose from") as caught:
        _rate(bureau, issue, level, ["other", tag])
    assert (caught.value.field, caught.value.value) == ("tags", tag)
    assert _ratings(bureau) == []


def test_a_withheld_case_takes_neither_ratings_nor_comments(bureau: Bureau, issue: Record) -> None:
    _hand_in(bureau, withheld_reason="privacy")
    with pytest.raises(Conflict, match="told in person") as caught:
        _rate(bureau, issue, "5")
    with pytest.raises(Conflict, match="nothing was saved"):
        _comment(bureau, issue, "谢谢")
    assert "当面" in caught.value.text.zh
    assert (_ratings(bureau), _bodies(bureau, issue)) == ([], [])


def test_the_trail_tells_of_ratings_and_comments_without_their_words(
    bureau: Bureau, issue: Record
) -> None:
    _rate(bureau, issue, "2", ["other", "no_news"])
    _comment(bureau, issue, "我叫王小明，电话 13800138000。")
    assert _trail(bureau, "rating.given") == [
        {"rating": 1, "step": "filing", "level": 2, "tags": ["no_news", "other"]}
    ]
    assert _trail(bureau, "comment.made") == [{"comment": 1, "category": "inquiry", "length": 21}]
    assert trail.verify(bureau.db) == []


# Comments


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  谢谢！\t请问何时有结果？\n\n", "  谢谢！\t请问何时有结果？\n\n"),
        ("一\r\n二\r三\n四", "一\n二\n三\n四"),
        ("Cafe\u0301", "Café"),
        ("𠮷 👨‍👩‍👧 '\";-- <b>%s</b> {x} \\n", "𠮷 👨‍👩‍👧 '\";-- <b>%s</b> {x} \\n"),
        ("=HYPERLINK(1)", "=HYPERLINK(1)"),
        ("转账\u202e001\u202c元\u2066x\u2069", "转账001元x"),
        ("א\u200fב", "א\u200fב"),
    ],
)
def test_a_comment_is_kept_as_written(
    bureau: Bureau, issue: Record, written: str, kept: str
) -> None:
    _comment(bureau, issue, written)
    assert _bodies(bureau, issue) == [kept]


@pytest.mark.parametrize(
    "blank", ["", " \r\n\t", "\u3000\u3000", "\u200b\ufeff", "\u202e\u2066", "\u2028"]
)
def test_a_comment_in_which_nothing_can_be_seen_is_refused(
    bureau: Bureau, issue: Record, blank: str
) -> None:
    with pytest.raises(Refused, match="Please write something") as caught:
        _comment(bureau, issue, blank)
    assert caught.value.field == "body"


@pytest.mark.parametrize("bad", ["\0", "\x01", "\x0b", "\x1b", "\x7f", "\x85", "\ud800", "\udfff"])
def test_a_character_that_cannot_be_kept_is_named_with_its_place(
    bureau: Bureau, issue: Record, bad: str
) -> None:
    with pytest.raises(Refused, match=rf"Character 3 \(U\+{ord(bad):04X}\)"):
        _comment(bureau, issue, f"谢谢{bad}！")
    assert _bodies(bureau, issue) == []


@pytest.mark.parametrize("one", ["字", "a", "𠮷", "e\u0301", "\r\n字", "각"])
def test_length_counts_composed_characters(bureau: Bureau, issue: Record, one: str) -> None:
    per_piece = 2 if "\n" in one else 1
    longest = one * (LONGEST_COMMENT // per_piece)
    _comment(bureau, issue, longest)
    assert len(_bodies(bureau, issue)[0]) == LONGEST_COMMENT
    with pytest.raises(Refused, match=r"3 characters too long; at most 1000") as caught:
        _comment(bureau, issue, longest + "abc")
    assert "超出 3 个字" in caught.value.text.zh
    assert len(_bodies(bureau, issue)) == 1


def test_a_comment_far_too_long_is_refused_by_its_length(bureau: Bureau, issue: Record) -> None:
    with pytest.raises(Refused, match="199001 characters too long"):
        _comment(bureau, issue, "a" + "\u0315\u0300" * 100_000)


def test_a_comment_sent_again_is_kept_once(bureau: Bureau, issue: Record) -> None:
    _comment(bureau, issue, "谢谢", form="first")
    _comment(bureau, issue, "谢谢", form="first")
    _comment(bureau, issue, "谢谢", form="second")
    assert _bodies(bureau, issue) == ["谢谢", "谢谢"]
    assert len(_trail(bureau, "comment.made")) == 2


def test_a_party_sees_its_own_comments_oldest_first(bureau: Bureau, issue: Record) -> None:
    for body in ("一", "二", "三"):
        _comment(bureau, issue, body)
    _comment(bureau, _issues(bureau)[1], "别人")
    assert _bodies(bureau, issue) == ["一", "二", "三"]


# Answers


def _answer(bureau: Bureau, comment_id: int, text: str) -> None:
    who = Staff(0, "wang", "王丽", "", "desk_officer", STATION, "锦江路派出所", must_change=False)
    with change(bureau.db, who.actor) as ongoing:
        answer(bureau, ongoing, who, comment_id, text)


def test_a_comment_is_answered_once(bureau: Bureau, issue: Record) -> None:
    _comment(bureau, issue, "请问何时有结果？")
    (made,) = comments_of(bureau.db, issue["party_id"])
    assert (made["answer"], made["answered_at"]) == ("", None)
    _answer(bureau, made["id"], "案件正在办理。\r\n请保持电话畅通。")
    with pytest.raises(Conflict, match="王丽 has answered this comment"):
        _answer(bureau, made["id"], "又一次")
    (answered,) = comments_of(bureau.db, issue["party_id"])
    assert answered["answer"] == "案件正在办理。\n请保持电话畅通。"
    assert answered["answered_at"] >= made["made_at"]
    assert answered["answered_by"] == "王丽"
    assert _trail(bureau, "comment.answered") == [{"comment": made["id"], "length": 16}]


@pytest.mark.parametrize("text", ["", "\n", "好\0", "长" * 1001])
def test_an_answer_keeps_the_rules_of_a_comment(bureau: Bureau, issue: Record, text: str) -> None:
    _comment(bureau, issue, "请问何时有结果？")
    (made,) = comments_of(bureau.db, issue["party_id"])
    with pytest.raises(Refused) as caught:
        _answer(bureau, made["id"], text)
    assert caught.value.field == "answer"
    assert comments_of(bureau.db, issue["party_id"])[0]["answered_at"] is None


def test_a_comment_that_is_not_there_cannot_be_answered(bureau: Bureau, issue: Record) -> None:
    with pytest.raises(NotFound, match="no such comment"):
        _answer(bureau, 4711, "谢谢")


# Several at once


def _overlapping(
    bureau: Bureau, first: Callable[[Change], None], second: Callable[[], None]
) -> None:
    """Let the second begin before the first is finished."""

    def meanwhile() -> None:
        try:
            second()
        finally:
            bureau.db.close()

    with ThreadPoolExecutor(1) as pool:
        with change(bureau.db, PARTY) as ongoing:
            first(ongoing)
            begun = pool.submit(meanwhile)
            time.sleep(0.3)
        begun.result()


def test_a_form_sent_while_the_same_one_is_being_kept_lands_once(
    bureau: Bureau, issue: Record
) -> None:
    _overlapping(
        bureau,
        lambda ongoing: rate(bureau, ongoing, issue, "filing", "1", [], "form"),
        lambda: _rate(bureau, issue, "5", form="form"),
    )
    _overlapping(
        bureau,
        lambda ongoing: comment(bureau, ongoing, issue, "谢谢", "form"),
        lambda: _comment(bureau, issue, "谢谢！", form="form"),
    )
    assert [row["level"] for row in _ratings(bureau)] == [1]
    assert _bodies(bureau, issue) == ["谢谢"]
    assert trail.verify(bureau.db) == []


def test_of_two_ratings_at_once_the_later_is_current(bureau: Bureau, issue: Record) -> None:
    _overlapping(
        bureau,
        lambda ongoing: rate(bureau, ongoing, issue, "filing", "1", [], "first"),
        lambda: _rate(bureau, issue, "5", form="second"),
    )
    assert [(row["level"], row["replaced_at"] is None) for row in _ratings(bureau)] == [
        (1, False),
        (5, True),
    ]
    assert len(_trail(bureau, "rating.given")) == 2
    assert trail.verify(bureau.db) == []


def test_a_case_being_withheld_takes_no_comment_any_more(bureau: Bureau, issue: Record) -> None:
    with pytest.raises(Conflict):
        _overlapping(
            bureau,
            lambda ongoing: _put(bureau, ongoing, withheld_reason="privacy"),
            lambda: _comment(bureau, issue, "谢谢"),
        )
    assert _bodies(bureau, issue) == []


def _alone(config: Config, token_id: str, say: Callable[..., None], times: range) -> None:
    """In a process of its own, do something once for each form number."""
    bureau = open_bureau(config)
    issue = open_by_id(bureau.db, token_id)
    for form in times:
        say(bureau, issue, form=str(form))
    bureau.db.close()


def _at_once(bureau: Bureau, issue: Record, *works: tuple[Any, ...]) -> None:
    spawn = get_context("spawn")
    with ProcessPoolExecutor(2, spawn, spawn.Barrier(2).wait) as pool:
        done = [pool.submit(_alone, bureau.config, issue["token_id"], *work) for work in works]
        for one in done:
            one.result()


def _say_both(bureau: Bureau, issue: Record, form: str) -> None:
    _rate(bureau, issue, "15"[int(form) % 2], form=form)
    _comment(bureau, issue, f"第{form}次", form=form)


def test_processes_that_send_the_same_forms_at_once_land_each_once(
    bureau: Bureau, issue: Record
) -> None:
    _at_once(bureau, issue, (_say_both, range(20)), (_say_both, range(20)))
    assert sorted(_bodies(bureau, issue)) == sorted(f"第{form}次" for form in range(20))
    given = _ratings(bureau)
    assert len({row["form"] for row in given}) == len(given) == 20
    assert [row["id"] for row in given if row["replaced_at"] is None] == [given[-1]["id"]]
    assert trail.verify(bureau.db) == []


def _correct(bureau: Bureau, issue: Record, form: str) -> None:
    _hand_in(
        bureau,
        officer=f"警官{form}",
        parties=[{"role": "complainant", "name": "王小明", "phone": f"139001380{form}"}],
    )


def test_ratings_and_hand_ins_of_one_case_do_not_block_each_other(
    bureau: Bureau, issue: Record
) -> None:
    _at_once(bureau, issue, (_say_both, range(20)), (_correct, range(10, 30)))
    assert len(_ratings(bureau)) == 20
    assert require_case(bureau.db, NUMBER)["officer"] == "警官29"
    assert trail.verify(bureau.db) == []


# Kept once reported


def _rate_and_report(config: Config, token_id: str, reports: Connection) -> None:
    bureau = open_bureau(config)
    _rate(bureau, open_by_id(bureau.db, token_id), "5", form="last words")
    reports.send("saved")
    time.sleep(600)


def test_a_rating_reported_as_saved_outlives_a_kill(bureau: Bureau, issue: Record) -> None:
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    args = (bureau.config, issue["token_id"], theirs)
    process = spawn.Process(target=_rate_and_report, args=args)
    process.start()
    try:
        assert ours.recv() == "saved"
    finally:
        process.kill()
        process.join()
    assert process.exitcode == -signal.SIGKILL
    assert ratings_of(bureau.db, issue["party_id"])["filing"]["form"] == "last words"
    assert trail.verify(bureau.db) == []
