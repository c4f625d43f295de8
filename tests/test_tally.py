"""What is kept ready is what the cases say, whatever happened to them, in whatever order."""

import os
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from lookup import attested, purging, withholding
from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.callbacks import attempt, close, open_sample
from lookup.casefile import change_details, extend_clock, record_milestone, take_case
from lookup.comments import answer, comment, recategorise
from lookup.corrections import correct_milestone, take_back, take_back_extension
from lookup.errors import Conflict, NotFound, Refused
from lookup.feedback import rate
from lookup.issues import count_visit, hand_over, live_issue, reissue
from lookup.parties import parties_of
from lookup.rates import GROUPINGS, Question, rates
from lookup.records import CaseRefused
from lookup.recount import verify
from lookup.staff import Staff
from lookup.tally import catch_up, spans
from lookup.trail import Actor, Change, change
from lookup.vocabulary import WITHHELD_REASONS
from tests.office import BUREAU, EAST, SISTER, STATION, WEST, hire
from tests.public_cases import days_ago, put
from tests.test_rates import CATEGORIES, Recount, counted, inspect

# More for a long run by hand; so many on each engine.
HISTORIES = int(os.environ.get("HISTORIES", "14"))
OPERATIONS = int(os.environ.get("OPERATIONS", "45"))
UNITS = (STATION, SISTER, EAST, WEST, BUREAU)
OFFICERS = (("李明", "510123"), ("李明", "510124"), ("白警官", ""))
STEPS = ("intake", "filing", "closure", "notice", "measure")
OUTCOMES = {
    "intake": ("",),
    "filing": ("filed", "filed", "refused"),
    "closure": ("terminated", "withdrawn", "penalty"),
    "notice": ("",),
    "measure": ("summons", "bail"),
}
FIRST = date(2020, 1, 1)


class Story:
    """Cases to which anything may happen that the program allows; what it refuses, it refuses."""

    def __init__(self, bureau: Bureau, seed: int, chief: Staff, second: Staff) -> None:
        self.bureau, self.dice = bureau, random.Random(seed)
        self.chief, self.second = chief, second
        self.numbers = [f"T{seed}-{n}" for n in range(2)]
        self.done: Counter[str] = Counter()
        # Time goes by from one thing to the next, so that promises are kept and broken.
        self.pace = timedelta(days=3)
        self.now = datetime.now(UTC) - OPERATIONS * self.pace
        for number in self.numbers:
            put(bureau, number, days_ago(self.dice.randrange(200, 400)))

    def go_on(self) -> None:
        """One thing happens, or is refused."""
        acts: list[Callable[[str], None]] = [
            *(self.hand_in, self.hand_in, self.move, self.record, self.record, self.record),
            *(self.correct, self.correct, self.take_back, self.extend, self.shorten, self.withhold),
            *(self.decide, self.decide, self.disclose, self.give, self.look_up),
            *(self.rate, self.rate, self.rate, self.reissue, self.sample),
            *(self.call, self.call, self.close, self.close, self.inspect),
            *(self.comment, self.comment, self.comment, self.answer, self.recategorise),
        ]
        self.now += self.dice.random() * self.pace
        act = self.purge if self.dice.random() < 0.01 else self.dice.choice(acts)
        try:
            act(self.dice.choice(self.numbers))
            self.done[act.__name__] += 1
        except (CaseRefused, Refused, Conflict, NotFound):
            self.done["refused"] += 1

    def day(self) -> str:
        day = beijing_day(self.now) - timedelta(days=self.dice.randrange(200))
        return f"{day} 09:30"[: self.dice.choice((10, 16))]

    def hand_in(self, number: str) -> None:
        officer, badge = self.dice.choice(OFFICERS)
        days = sorted(self.day() for _ in range(self.dice.randrange(3)))
        milestones = [
            {"step": step, "at": at, "outcome": self.dice.choice(OUTCOMES[step][:2])}
            for at, step in zip(days, ("filing", "closure"), strict=False)
        ]
        put(
            self.bureau,
            number,
            days_ago(self.dice.randrange(300, 400)),
            milestones,
            unit=self.dice.choice(UNITS),
            officer=officer,
            badge=badge,
            now=self.now,
            withheld_reason=self.dice.choice(("", "", "", *WITHHELD_REASONS)),
        )

    def record(self, number: str) -> None:
        told = self._told()
        with self._at_desk() as ongoing:
            record_milestone(self.bureau, ongoing, self.chief, number, told)

    def correct(self, number: str) -> None:
        with self._at_desk() as ongoing:
            kept = take_case(ongoing, self.chief, number)
            correct_milestone(self.bureau, ongoing, kept, self._told() | {"why": "记错了"})

    def take_back(self, number: str) -> None:
        with self._at_desk() as ongoing:
            told = self._told() | {"why": "没有发生"}
            take_back(self.bureau, ongoing, take_case(ongoing, self.chief, number), told)

    def extend(self, number: str) -> None:
        told = {"step": self.dice.choice(("filing", "closure")), "approved_by": "陈局长"}
        told |= {"extended_days": self.dice.choice(("7", "30", "60")), "why": "案情复杂"}
        with self._at_desk() as ongoing:
            kept = take_case(ongoing, self.chief, number)
            extend_clock(self.chief, self.bureau, ongoing, kept, told)

    def shorten(self, number: str) -> None:
        told = {"step": self.dice.choice(("filing", "closure")), "why": "没有批准"}
        with self._at_desk() as ongoing:
            kept = take_case(ongoing, self.chief, number)
            take_back_extension(self.bureau, ongoing, kept, told)

    def move(self, number: str) -> None:
        officer, badge = self.dice.choice(OFFICERS)
        told = {"unit": self.dice.choice(UNITS), "officer": officer, "badge": badge}
        told |= {"kind": self.dice.choice(("", "criminal", "administrative"))}
        with self._at_desk() as ongoing:
            kept = take_case(ongoing, self.chief, number)
            change_details(self.bureau, ongoing, kept, told)

    def withhold(self, number: str) -> None:
        with self._at_desk() as ongoing:
            case = take_case(ongoing, self.chief, number).case
            withholding.ask_to_withhold(ongoing, case, self.dice.choice(list(WITHHELD_REASONS)))

    def disclose(self, number: str) -> None:
        with self._at_desk() as ongoing:
            withholding.ask_to_disclose(ongoing, take_case(ongoing, self.chief, number).case)

    def decide(self, number: str) -> None:
        with change(self.bureau.db, self.second.actor, self.now) as ongoing:
            case = take_case(ongoing, self.second, number).case
            approved = self.dice.random() < 0.7
            withholding.decide(ongoing, case, approved=approved, why="理由不足")

    def give(self, number: str) -> None:
        with self._at_desk() as ongoing:
            hand_over(ongoing, self._issue(ongoing, number))

    def reissue(self, number: str) -> None:
        with self._at_desk() as ongoing:
            reissue(self.bureau, ongoing, self._issue(ongoing, number)["party_id"], "遗失")

    def look_up(self, number: str) -> None:
        with self._at_desk() as ongoing:
            issue = self._issue(ongoing, number)
        count_visit(self.bureau.db, issue, self.now)

    def rate(self, number: str) -> None:
        with self._as_party() as ongoing:
            issue, form = self._issue(ongoing, number), str(self.dice.random())
            level, step = self.dice.choice("112345"), self.dice.choice(("intake", *STEPS[:3]))
            rate(self.bureau, ongoing, issue, step, level, [], form)

    def sample(self, number: str) -> None:
        with self._at_desk() as ongoing:
            issue = self._issue(ongoing, number)
            open_sample(self.bureau, ongoing, issue["case_id"], issue["party_id"], "intake")

    def call(self, number: str) -> None:
        result = self.dice.choice(("reached", "refused", "no_answer"))
        with self._at_desk() as ongoing:
            task, made = self._last(ongoing, number, "callback"), "callback_attempt"
            seen = len(ongoing.db.rows(f"SELECT id FROM {made} WHERE callback_id = {task}"))
            attempt(self.bureau, ongoing, self.chief, task, result, "", seen)

    def close(self, number: str) -> None:
        told = {"result": self.dice.choice(("put_right", "explained", "content", "declined"))}
        told |= {"problem": "slow", "remedy": "已办", "responsible": "李明", "told": "已办"}
        with self._at_desk() as ongoing:
            task = self._last(ongoing, number, "callback")
            close(self.bureau, ongoing, self.chief, task, told)

    def comment(self, number: str) -> None:
        with self._as_party() as ongoing:
            issue, form = self._issue(ongoing, number), str(self.dice.random())
            comment(self.bureau, ongoing, issue, "请问", form, self.dice.choice(CATEGORIES))

    def answer(self, number: str) -> None:
        with self._at_desk() as ongoing:
            answer(self.bureau, ongoing, self.chief, self._last(ongoing, number, "comment"), "好")

    def recategorise(self, number: str) -> None:
        with self._at_desk() as ongoing:
            one, category = self._last(ongoing, number, "comment"), self.dice.choice(CATEGORIES)
            recategorise(self.bureau, ongoing, self.chief, one, category)

    def inspect(self, number: str) -> None:
        inspect(self.bureau, number, self.now, self.dice.randrange(3))

    def purge(self, number: str) -> None:  # noqa: ARG002
        later = datetime.now(UTC) + timedelta(days=self.bureau.config.purge_after_days - 200)
        cases = purging.due(self.bureau, later)
        purging.purge(self.bureau, self.chief.actor, cases[:1], later)

    def _told(self) -> dict[str, str]:
        step = self.dice.choice(STEPS)
        return {"step": step, "at": self.day(), "outcome": self.dice.choice(OUTCOMES[step])}

    def _issue(self, ongoing: Change, number: str) -> Any:
        kept = take_case(ongoing, self.chief, number)
        parties = parties_of(ongoing.db, kept.case["id"])
        return live_issue(self.bureau, ongoing, parties[0]["id"])

    def _last(self, ongoing: Change, number: str, table: str) -> int:
        case_id = take_case(ongoing, self.chief, number).case["id"]
        rows = ongoing.db.rows(f"SELECT MAX(id) AS id FROM {table} WHERE case_id = {case_id}")
        return rows[0]["id"] or 0

    def _at_desk(self) -> Any:
        return change(self.bureau.db, self.chief.actor, self.now)

    def _as_party(self) -> Any:
        return change(self.bureau.db, Actor("party 1", "web"), self.now)


@pytest.fixture
def chiefs(bureau: Bureau) -> tuple[Staff, Staff]:
    """Two who may do everything, about whom no case is."""
    chief = hire(bureau, "chief", "supervisor", BUREAU, "赵局")
    return replace(chief, badge="510199"), hire(bureau, "second", "supervisor", BUREAU)


def agree(bureau: Bureau) -> None:
    """Whatever is asked as things stand is what an independent recount finds."""
    recount = Recount(bureau)
    for by in GROUPINGS:
        for unit in (None, EAST, STATION):
            question = Question(FIRST, beijing_day(datetime.now(UTC)), by, unit)
            answer = rates(bureau, question)
            expected = recount.answer(replace(question, cutoff=answer.cutoff))
            assert counted(answer.total) == expected.pop(None, Counter())
            assert {getattr(row, by): counted(row) for row in answer.rows} == expected


def test_after_any_history_the_figures_are_those_of_the_cases(
    bureau: Bureau, chiefs: tuple[Staff, Staff]
) -> None:
    done: Counter[str] = Counter()
    for seed in range(HISTORIES):
        story = Story(bureau, seed, *chiefs)
        for _ in range(OPERATIONS):
            story.go_on()
        done += story.done
        if seed % max(10, HISTORIES // 10) == 4:
            assert verify(bureau.db) == []
    assert verify(bureau.db) == []
    assert attested.verify(bureau) == []
    agree(bureau)
    print(f"{HISTORIES} histories on {bureau.db.engine}: {dict(done)}")
    # Each kind of thing must have happened, not only been refused.
    assert set(done) >= {
        *("hand_in", "record", "correct", "move", "withhold", "decide", "rate", "call", "close"),
        *("comment", "answer", "recategorise", "inspect"),
    }


def test_writers_at_the_same_time_lose_no_difference(
    bureau: Bureau, chiefs: tuple[Staff, Staff]
) -> None:
    faults: list[BaseException] = []
    now, instant = datetime.now(UTC) - timedelta(minutes=1), timedelta(0)

    def live(seed: int) -> None:
        try:
            story = Story(bureau, seed, *chiefs)
            # All of them the same cases, at the same instant.
            story.numbers, story.pace, story.now = [f"T900-{n}" for n in range(2)], instant, now
            for _ in range(OPERATIONS):
                story.go_on()
        except BaseException as error:  # for the thread that waits
            faults.append(error)
        finally:
            bureau.db.close()

    threads = [threading.Thread(target=live, args=(seed,)) for seed in range(900, 906)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert verify(bureau.db) == []
    assert attested.verify(bureau) == []
    agree(bureau)


def test_what_was_altered_by_hand_is_named(bureau: Bureau) -> None:
    put(
        bureau,
        "A-1",
        "2026-10-12 09:30",
        [{"step": "filing", "at": "2026-10-13", "outcome": "filed"}],
    )
    put(bureau, "A-2", "2026-10-12 09:30")
    assert verify(bureau.db) == []
    wrong = {
        "UPDATE tally SET disclosed = disclosed + 1 WHERE span = '2026'": "disclosed",
        "UPDATE tally_running SET clocks_due = 7 WHERE span = '2026-10'": "clocks_due",
        "DELETE FROM tally WHERE span = '2026-10-12' AND grain = 'officer'": "taken_in",
        "UPDATE standing SET unit = '5101040102'": "A-1",
        "DELETE FROM standing": "A-2",
        "UPDATE milestone SET visible_by = '2030-01-01'": "A-1",
        "UPDATE cases SET intake_day = '2026-09-12'": "day",
    }
    for statement, named in wrong.items():
        with bureau.db.rehearsal():
            assert bureau.db.run(statement)
            faults = verify_within(bureau)
            assert any(named in fault for fault in faults), (statement, faults)
    assert verify(bureau.db) == []


def verify_within(bureau: Bureau) -> list[str]:
    """What a recount says within a transaction."""
    return [fault.both() for fault in verify(bureau.db)]


def test_a_database_from_before_is_caught_up(bureau: Bureau) -> None:
    put(bureau, "A-1", "2026-10-12 09:30")
    for table in ("standing", "tally", "tally_running"):
        bureau.db.run(f"DELETE FROM {table}")
    assert any("A-1" in fault for fault in verify_within(bureau))
    assert catch_up(bureau.db) == 1
    assert verify(bureau.db) == []
    assert catch_up(bureau.db) == 0


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2026-01-01", "2026-12-31", "2026"),
        ("2026-07-01", "2026-09-30", "2026-07 2026-08 2026-09"),
        ("2025-12-31", "2026-02-01", "2025-12-31 2026-01 2026-02-01"),
        ("2024-02-29", "2024-02-29", "2024-02-29"),
        ("2023-12-01", "2026-01-01", "2023-12 2024 2025 2026-01-01"),
        ("2026-02-02", "2026-02-28", "2026-02 -2026-02-01"),
        ("2025-02-01", "2026-11-29", "2025 -2025-01 2026 -2026-11-3 -2026-12"),
        ("2026-03-12", "2026-05-31", "2026-03 -2026-03-0 -2026-03-10 -2026-03-11 2026-04 2026-05"),
    ],
)
def test_a_period_is_made_up_of_as_few_spans_as_can_be(
    first: str, last: str, expected: str
) -> None:
    found = spans(date.fromisoformat(first), date.fromisoformat(last), years=True)
    assert " ".join("-" * (sign < 0) + span for span, sign in found) == expected
