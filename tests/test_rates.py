"""The auditor's figures: each rule by itself, and all of them against an independent recount."""

import json
import random
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import pytest

from lookup.beijing import (
    BEIJING,
    Moment,
    beijing_day,
    from_utc_text,
    parse_moment,
    start_of_day,
    utc_text,
)
from lookup.bodies import Bounds, read_case
from lookup.bureau import Bureau
from lookup.callbacks import attempt, close, open_for_rating, open_sample
from lookup.cases import AsOf, put_case, require_case
from lookup.comments import answer, comment, recategorise
from lookup.database import Record
from lookup.errors import Conflict, NotFound, Refused
from lookup.facts import SUMMED
from lookup.figures import Figures
from lookup.issues import count_visit, hand_over, live_issue, reissue
from lookup.parties import parties_of
from lookup.rates import GROUPINGS, Question, Rates, Row, rates
from lookup.records import CaseRefused
from lookup.recount import verify
from lookup.staff import Staff
from lookup.trail import Actor, Change, change
from lookup.units import unit_codes
from tests.office import hire

BUREAU = "5101000000"
BRANCH, STATION, NEIGHBOUR, FAR = "5101040100", "5101040101", "5101040102", "5101040201"
STEPS = ("intake", "filing", "closure")
PHONE = "19900000001"


def at(written: str) -> datetime:
    """An instant written in Beijing time."""
    return parse_moment(written).at or start_of_day(parse_moment(written).day)


@dataclass
class Station:
    """Everything that can happen to cases, each at a stated instant."""

    bureau: Bureau

    @cached_property
    def chief(self) -> Staff:
        """Who calls back, answers and inspects."""
        return hire(self.bureau, "chief", "supervisor", BUREAU, "赵局")

    def put(self, now: datetime, number: str, *, backlog: bool = False, **told: Any) -> None:
        """Hand in a case as the case system does."""
        body = {
            **{"kind": "criminal", "unit": STATION, "name": "王某被盗窃案", "officer": "陈警官"},
            **{"badge": "023456", "taken_in_at": "2026-10-12 09:00:00"},
            "parties": [{"role": "complainant", "name": f"王{number}", "phone": PHONE}],
        }
        bounds = Bounds(
            self.bureau.kinds, unit_codes(self.bureau.db), Moment.of(at("2030-01-01 00:00"))
        )
        record = read_case(body | {"number": number} | told, bounds)
        with change(self.bureau.db, Actor("case system", "api"), now) as ongoing:
            put_case(self.bureau, ongoing, record, AsOf(now, stated=True, backlog=backlog))

    def issue(self, number: str, now: datetime, party: int = 0, *, again: bool = False) -> Record:
        """The live receipt of a party, printed anew where asked."""
        who = parties_of(self.bureau.db, require_case(self.bureau.db, number)["id"])[party]["id"]
        with change(self.bureau.db, Actor("周警官", "desk"), now) as ongoing:
            if again:
                return reissue(self.bureau, ongoing, who, "遗失")
            return live_issue(self.bureau, ongoing, who)

    def hand_over(self, number: str, now: datetime, party: int = 0) -> None:
        """Print the receipt and put it into the party's hand."""
        issue = self.issue(number, now, party)
        with change(self.bureau.db, Actor("周警官", "desk"), now) as ongoing:
            hand_over(ongoing, issue)

    def look_up(self, number: str, now: datetime, party: int = 0) -> None:
        """Open the receipt's page."""
        count_visit(self.bureau.db, self.issue(number, now, party), now)

    def rate(self, number: str, now: datetime, level: int, party: int = 0) -> None:
        """Rate the intake; a later rating replaces the earlier."""
        issue = self.issue(number, now, party)
        self._write(
            """UPDATE rating SET replaced_at = :at
            WHERE party_id = :party AND step = 'intake' AND replaced_at IS NULL""",
            number,
            now,
            party=issue["party_id"],
        )
        with change(self.bureau.db, Actor("party 1", "web"), now) as ongoing:
            [rating] = ongoing.db.rows(
                """INSERT INTO rating (case_id, party_id, step, level, tags, unit, officer, badge,
                    via, form, rated_at)
                SELECT id, :party, 'intake', :level, '[]', unit, '', '', 'web', :form, :at
                FROM cases WHERE id = :case_id RETURNING *""",
                case_id=issue["case_id"],
                party=issue["party_id"],
                level=level,
                form=f"{issue['token_id']} {now} {level}",
                at=ongoing.at,
            )
            ongoing.record("case.changed", number)
            open_for_rating(self.bureau, ongoing, rating)

    def sample(self, number: str, now: datetime, party: int = 0) -> None:
        """Put somebody drawn at random on the list of those to be called."""
        issue = self.issue(number, now, party)
        with change(self.bureau.db, Actor("worker", "worker"), now) as ongoing:
            open_sample(self.bureau, ongoing, issue["case_id"], issue["party_id"], "intake")

    def call(self, number: str, now: datetime, result: str) -> None:
        """Call, where a call-back is open."""
        self._on_last(
            "callback",
            number,
            now,
            lambda ongoing, one: attempt(
                self.bureau, ongoing, self.chief, one["id"], result, "", one["called"]
            ),
        )

    def close(self, number: str, now: datetime, result: str) -> None:
        """End the call-back."""
        told = {"result": result, "problem": "slow", "remedy": "已办", "told": "已办"}
        told["responsible"] = "陈警官"
        self._on_last(
            "callback",
            number,
            now,
            lambda ongoing, one: close(self.bureau, ongoing, self.chief, one["id"], told),
        )

    def comment(self, number: str, now: datetime, category: str, party: int = 0) -> None:
        """Write something in the name of a party."""
        issue = self.issue(number, now, party)
        with change(self.bureau.db, Actor("party 1", "web"), now) as ongoing:
            comment(self.bureau, ongoing, issue, "请问", f"{issue['id']} {now}", category)

    def answer(self, number: str, now: datetime) -> None:
        """Answer the last comment."""
        self._on_last(
            "comment",
            number,
            now,
            lambda ongoing, one: answer(self.bureau, ongoing, self.chief, one["id"], "已办"),
        )

    def recategorise(self, number: str, now: datetime, category: str) -> None:
        """Put the last comment in another category."""
        self._on_last(
            "comment",
            number,
            now,
            lambda ongoing, one: recategorise(
                self.bureau, ongoing, self.chief, one["id"], category
            ),
        )

    def inspect(self, number: str, now: datetime, findings: int) -> None:
        """Draw a case, check it and find so much wrong."""
        inspect(self.bureau, number, now, findings)

    def _on_last(
        self, table: str, number: str, now: datetime, act: Callable[[Change, Record], None]
    ) -> None:
        case_id = require_case(self.bureau.db, number)["id"]
        rows = self.bureau.db.rows(
            f"""SELECT id, (SELECT COUNT(*) FROM callback_attempt
                WHERE callback_id = {table}.id) AS called
            FROM {table} WHERE case_id = {case_id} ORDER BY id"""
        )
        if rows:
            with change(self.bureau.db, self.chief.actor, now) as ongoing:
                act(ongoing, rows[-1])

    def request(self, number: str, now: datetime) -> None:
        """Ask to withhold a case; it waits for the second person."""
        self._write(
            """INSERT INTO withholding (case_id, reason, requested_at, requested_by, approved_by,
                ended_by, via) VALUES (:case_id, 'privacy', :at, '周警官', '', '', 'desk')""",
            number,
            now,
            case_id=require_case(self.bureau.db, number)["id"],
        )

    def settle(self, number: str, column: str, now: datetime) -> None:
        """Approve (``approved_at``) or end (``ended_at``) the withholding in force."""
        self._write(
            f"""UPDATE withholding SET {column} = :at
            WHERE case_id = :case_id AND ended_at IS NULL""",
            number,
            now,
            case_id=require_case(self.bureau.db, number)["id"],
        )

    def _write(self, sql: str, number: str, now: datetime, **values: Any) -> None:
        """At instants, and in an order, that the program itself would not take."""
        with change(self.bureau.db, Actor("周警官", "desk"), now) as ongoing:
            ongoing.db.run(sql, at=utc_text(now), **values)
            ongoing.record("case.changed", number)


def inspect(bureau: Bureau, number: str, now: datetime, findings: int) -> None:
    """Draw a case, check it and find so much wrong with it, within one change."""
    with change(bureau.db, Actor("钱督察", "desk"), now) as ongoing:
        case = require_case(bureau.db, number)
        [drawn] = ongoing.db.rows(
            """INSERT INTO inspection (unit, by_unit, first_day, last_day, per_unit, seed, sheet,
                drawn_at, drawn_by)
            VALUES (:unit, :unit, '', '', 1, :seed, '{}', :at, '') RETURNING id""",
            unit=case["unit"],
            seed=secrets.token_hex(4),
            at=ongoing.at,
        )
        [one] = ongoing.db.rows(
            """INSERT INTO inspected_case (inspection_id, case_id, unit, place, among, checked_at)
            VALUES (:inspection, :case_id, :unit, 1, 1, :at) RETURNING id""",
            inspection=drawn["id"],
            case_id=case["id"],
            unit=case["unit"],
            at=ongoing.at,
        )
        for n in range(findings):
            ongoing.db.run(
                """INSERT INTO finding (inspected_id, item, found_at, due_day, provisional)
                VALUES (:id, :item, :at, '', 0)""",
                id=one["id"],
                item=str(n),
                at=ongoing.at,
            )
        ongoing.record("case.changed", number)


@pytest.fixture
def station(bureau: Bureau) -> Station:
    return Station(bureau)


def asked(station: Station, cutoff: str = "2026-11-20 12:00:00", **more: Any) -> Rates:
    """The answer for October and November."""
    question = Question(date(2026, 10, 1), date(2026, 11, 30), cutoff=at(cutoff), **more)
    return rates(station.bureau, question)


def figures(station: Station, cutoff: str = "2026-11-20 12:00:00", **more: Any) -> Figures:
    return asked(station, cutoff, **more).total.figures


def test_a_case_is_disclosed_once_its_receipt_is_delivered_and_not_when_it_is_printed(
    station: Station,
) -> None:
    for number in ("A1", "A2", "A3"):
        station.put(at("2026-10-12 10:00"), number)
        station.issue(number, at("2026-10-12 10:05"))
    station.hand_over("A2", at("2026-10-12 10:10"))
    station.look_up("A3", at("2026-10-13 08:00"))
    found = figures(station)
    assert (found.due, found.disclosed, found.looked_up) == (3, 2, 1)
    assert (found.disclosure_rate, found.lookup_rate) == (2 / 3, 1 / 3)
    assert figures(station, "2026-10-12 10:09:59").disclosed == 0


def test_the_receipt_of_any_party_in_any_issue_counts_as_delivered(station: Station) -> None:
    people = [{"role": "victim", "name": "赵一"}, {"role": "victim", "name": "钱二"}]
    station.put(at("2026-10-12 10:00"), "A1", parties=people)
    station.hand_over("A1", at("2026-10-12 11:00"), party=1)
    station.issue("A1", at("2026-10-14 11:00"), party=1, again=True)
    assert figures(station).disclosed == 1


def test_a_milestone_that_was_entered_late_was_not_visible_before(station: Station) -> None:
    station.put(at("2026-10-12 10:00"), "A1")
    station.hand_over("A1", at("2026-10-12 10:00"))
    filed = [{"step": "filing", "at": "2026-10-14 15:00:00", "outcome": "filed"}]
    station.put(at("2026-10-30 09:00"), "A1", milestones=filed)
    before, between = figures(station, "2026-10-14 14:59:59"), figures(station, "2026-10-20 12:00")
    assert (before.disclosed, before.milestones, before.on_time) == (1, 1, 1)
    assert (between.disclosed, between.milestones, between.on_time) == (0, 2, 1)
    now = figures(station)
    assert (now.disclosed, now.milestones, now.on_time, now.on_time_rate) == (1, 2, 1, 0.5)


@pytest.mark.parametrize(
    ("shown", "on_time"), [("2026-10-19 23:59:59", 1), ("2026-10-20 00:00", 0)]
)
def test_on_time_ends_with_the_fifth_working_day(
    station: Station, shown: str, on_time: int
) -> None:
    # 12 October 2026 is a Monday.
    station.put(at(shown), "A1")
    assert figures(station).on_time == on_time


def test_a_milestone_seen_before_its_own_date_counts_with_its_decision(station: Station) -> None:
    filed = [{"step": "filing", "at": "2026-10-14 15:00:00", "outcome": "filed"}]
    station.put(at("2026-10-12 10:00"), "A1", milestones=filed)
    found = figures(station, "2026-10-12 12:00")
    assert (found.milestones, found.clocks_due, found.clocks_kept) == (2, 1, 1)


def test_a_milestone_without_a_time_has_happened_from_the_start_of_its_day(
    station: Station,
) -> None:
    filed = [{"step": "filing", "at": "2026-10-14", "outcome": "filed"}]
    station.put(at("2026-10-20 10:00"), "A1", milestones=filed)
    assert figures(station, "2026-10-13 23:59:59").milestones == 1
    assert figures(station, "2026-10-14 00:00:00").milestones == 2


def test_a_first_load_is_counted_apart(station: Station) -> None:
    filed = [{"step": "filing", "at": "2026-10-14 15:00:00", "outcome": "filed"}]
    station.put(at("2026-11-10 09:00"), "A1", backlog=True)
    station.put(at("2026-11-11 09:00"), "A1", milestones=filed)
    found = figures(station)
    assert (found.backlog, found.milestones, found.on_time) == (1, 1, 0)


def test_a_withheld_case_is_excluded_by_reason_from_its_approval_to_its_end(
    station: Station,
) -> None:
    station.put(at("2026-10-12 10:00"), "A1")
    station.look_up("A1", at("2026-10-12 11:00"))
    station.request("A1", at("2026-10-13 10:00"))
    station.settle("A1", "approved_at", at("2026-10-14 10:00"))
    station.settle("A1", "ended_at", at("2026-10-15 10:00"))
    shown, hidden = figures(station, "2026-10-13 09:59:59"), figures(station, "2026-10-13 10:00:00")
    assert (shown.due, shown.disclosed) == (1, 1)
    # Hidden at once, excluded only with the second person's approval.
    assert (hidden.due, hidden.disclosed, hidden.looked_up) == (1, 0, 1)
    for cutoff in ("2026-10-14 10:00:00", "2026-10-15 09:59:59"):
        found = figures(station, cutoff)
        assert (found.taken_in, found.withheld, found.due) == (1, {"privacy": 1}, 0)
        assert (found.looked_up, found.milestones, found.disclosure_rate) == (0, 0, None)
    ended = figures(station, "2026-10-15 10:00:00")
    assert (ended.withheld, ended.due, ended.disclosed) == ({}, 1, 1)


def test_a_clock_is_due_when_decided_or_run_out(station: Station) -> None:
    def filing(day: str) -> list[dict[str, Any]]:
        return [{"step": "filing", "at": f"{day} 09:00:00", "outcome": "refused"}]

    late = [filing("2026-10-19")[0] | {"extended_days": "7", "approved_by": "赵局长"}]
    station.put(at("2026-10-12 10:00"), "running")
    station.put(at("2026-10-12 10:00"), "kept", milestones=filing("2026-10-15"))
    station.put(at("2026-10-12 10:00"), "late", milestones=filing("2026-10-16"))
    station.put(at("2026-10-12 10:00"), "extended", milestones=late)
    # Filing is due on the 15th, by extension on the 19th; serving the notices is no decision.
    last_day = figures(station, "2026-10-15 23:59:59")
    run_out = figures(station, "2026-10-16 00:00:00")
    assert (last_day.clocks_due, last_day.clocks_kept, last_day.clocks_extended) == (3, 2, 1)
    assert (run_out.clocks_due, run_out.clocks_kept, run_out.clocks_extended) == (4, 2, 1)
    assert run_out.clocks_kept_rate == 0.5
    assert figures(station, "2026-11-30 00:00:00").clocks_due == 4


def test_a_clock_from_intake_runs_before_filing_and_until_a_refusal(station: Station) -> None:
    """Administrative closure: 30 days from intake, so until Wednesday 11 November."""
    unfiled: dict[str, Any] = {"kind": "administrative"}
    station.put(at("2026-10-12 10:00"), "A1", **unfiled)
    before = figures(station, "2026-11-30 00:00:00")
    assert (before.clocks_due, before.clocks_kept) == (2, 0)
    filing = [{"step": "filing", "at": "2026-12-02 09:00", "outcome": "filed"}]
    station.put(at("2026-12-02 10:00"), "A1", milestones=filing, **unfiled)
    assert figures(station, "2026-11-30 00:00:00") == before
    refusal = [{"step": "filing", "at": "2026-12-03 09:00", "outcome": "refused"}]
    station.put(at("2026-12-03 10:00"), "A1", milestones=refusal, **unfiled)
    assert figures(station, "2026-12-05 00:00:00").clocks_due == 1


def test_a_replaced_rating_counts_until_it_was_replaced(station: Station) -> None:
    station.put(at("2026-10-12 10:00"), "A1")
    station.rate("A1", at("2026-10-13 10:00"), 1)
    station.rate("A1", at("2026-10-14 10:00"), 3)
    first, second = figures(station, "2026-10-14 09:59:59"), figures(station, "2026-10-14 10:00:00")
    assert (first.rated, first.ratings, first.satisfied) == (1, 1, 0)
    assert (second.rated, second.ratings, second.satisfied) == (1, 1, 1)
    assert second.levels == {5: 0, 4: 0, 3: 1, 2: 0, 1: 0}


def test_a_call_back_counts_from_its_bad_rating_and_by_what_came_of_it(station: Station) -> None:
    station.put(at("2026-10-12 10:00"), "A1")
    station.sample("A1", at("2026-10-13 09:00"))
    station.rate("A1", at("2026-10-14 09:00"), 3)
    # One drawn at random is none of them until a bad rating joins it; 14 working days are left.
    station.rate("A1", at("2026-10-15 09:00"), 2)
    station.call("A1", at("2026-10-16 09:00"), "no_answer")
    station.call("A1", at("2026-10-16 10:00"), "reached")
    station.close("A1", at("2026-10-17 09:00"), "explained")
    station.rate("A1", at("2026-10-18 09:00"), 4)
    names = ("callbacks", "called", "callbacks_due", "callbacks_kept", "put_right", "rerated")
    for cutoff, expected in {
        "2026-10-15 08:59:59": (0, 0, 0, 0, 0, 0),
        "2026-10-16 09:59:59": (1, 0, 0, 0, 0, 0),
        "2026-10-17 08:59:59": (1, 1, 0, 0, 0, 0),
        "2026-10-17 09:00": (1, 1, 1, 1, 1, 0),
        "2026-10-18 09:00": (1, 1, 1, 1, 1, 1),
    }.items():
        found = figures(station, cutoff)
        assert tuple(getattr(found, name) for name in names) == expected, cutoff
    # Overdue is one once its last day has gone by, kept if it is closed on that day.
    station.put(at("2026-10-12 10:00"), "A2")
    station.rate("A2", at("2026-10-13 09:00"), 1)
    [due] = station.bureau.db.rows("SELECT due_day AS day FROM callback WHERE case_id = 2")
    following = date.fromisoformat(due["day"]) + timedelta(1)
    open_still = figures(station, f"{due['day']} 23:59:59")
    overdue = figures(station, f"{following} 00:00")
    assert (open_still.callbacks_due, overdue.callbacks_due) == (1, 2)
    station.call("A2", at(f"{due['day']} 23:00"), "refused")
    station.close("A2", at(f"{due['day']} 23:59:59"), "declined")
    found = figures(station, "2026-12-20 12:00")
    assert (found.callbacks_kept_rate, found.put_right_rate, found.rerating_rate) == (1, 0.5, 0.5)


def test_an_answer_is_in_time_until_its_last_day_ends_and_a_report_never_counts(
    station: Station,
) -> None:
    for number in ("A1", "A2", "A3"):
        station.put(at("2026-10-12 10:00"), number)
        # 12 October 2026 is a Monday; a question is answered within two working days.
        station.comment(number, at("2026-10-12 11:00"), "inquiry")
        station.comment(number, at("2026-10-12 10:30"), "thanks")
    station.comment("A1", at("2026-10-12 11:00"), "report")
    station.answer("A2", at("2026-10-12 12:00"))
    for n, answered in enumerate(("2026-10-14 23:59:59", "2026-10-15 00:00"), 1):
        station._write(
            "UPDATE comment SET answered_at = :at WHERE case_id = :n AND category = 'inquiry'",
            f"A{n}",
            at(answered),
            n=n,
        )
    found = figures(station, "2026-10-14 23:59:59")
    assert (found.comments, found.answered, found.answers_due, found.answers_kept) == (3, 1, 1, 1)
    found = figures(station, "2026-10-15 00:00")
    assert (found.comments, found.answered, found.answers_due, found.answers_kept) == (3, 2, 3, 1)
    with change(station.bureau.db, station.chief.actor) as ongoing:
        [one] = ongoing.db.rows("SELECT id FROM comment WHERE case_id = 3 AND category = 'inquiry'")
        recategorise(station.bureau, ongoing, station.chief, one["id"], "report")
    for cutoff in ("2026-10-15 00:00", "2026-12-20 12:00"):
        assert figures(station, cutoff).comments == 2
    with change(station.bureau.db, station.chief.actor) as ongoing:
        recategorise(station.bureau, ongoing, station.chief, one["id"], "inquiry")
    # Nor does it count once it is none any more; and so say the figures kept ready.
    assert figures(station).comments == 2
    assert verify(station.bureau.db) == []


@pytest.mark.parametrize(("ratings", "satisfaction"), [(9, None), (10, 0.9)])
def test_fewer_than_ten_ratings_give_no_satisfaction(
    station: Station, ratings: int, satisfaction: float | None
) -> None:
    for n in range(ratings):
        station.put(at("2026-10-12 10:00"), f"A{n}")
        station.rate(f"A{n}", at("2026-10-13 10:00"), 5 if n else 2)
    found = figures(station)
    assert (found.ratings, found.satisfied) == (ratings, ratings - 1)
    assert found.satisfaction == satisfaction
    assert found.too_few is (satisfaction is None)
    assert found.level_share(5) == satisfaction
    assert found.participation == 1.0
    assert figures(station, fewest_ratings=9).satisfaction == (ratings - 1) / ratings


def test_a_case_belongs_to_its_beijing_day_and_the_period_includes_both_ends(
    station: Station,
) -> None:
    for n, intake in enumerate(("2026-09-30 23:59:59", "2026-10-01 00:00", "2026-11-30 23:59:59")):
        station.put(at("2026-12-12 10:00"), f"A{n}", taken_in_at=intake)
    answer = asked(station, "2026-12-20 00:00", by="month")
    assert [(row.month, row.figures.taken_in) for row in answer.rows] == [
        ("2026-10", 1),
        ("2026-11", 1),
    ]


def test_a_unit_selects_its_subtree_and_each_row_its_own_cases(station: Station) -> None:
    for number, unit in {"A1": STATION, "A2": NEIGHBOUR, "A3": BRANCH, "A4": FAR}.items():
        station.put(at("2026-10-12 10:00"), number, unit=unit)
    answer = asked(station, unit=BRANCH)
    assert answer.unit_name == "城东分局"
    assert [(row.unit, row.unit_name, row.figures.taken_in) for row in answer.rows] == [
        (BRANCH, "城东分局", 1),
        (STATION, "锦江路派出所", 1),
        (NEIGHBOUR, "牛市口派出所", 1),
    ]
    assert answer.total.figures.taken_in == 3


def test_kinds_stand_in_their_configured_order_and_officers_are_told_apart_by_badge(
    station: Station,
) -> None:
    station.put(at("2026-10-12 10:00"), "A1", kind="administrative", badge="000002")
    station.put(at("2026-10-12 10:00"), "A2", badge="000001")
    station.put(at("2026-10-12 10:00"), "A3", badge="", officer="白警官")
    assert [row.kind for row in asked(station, by="kind").rows] == ["criminal", "administrative"]
    assert [row.officer for row in asked(station, by="officer").rows] == [
        "白警官",
        "陈警官 (000001)",
        "陈警官 (000002)",
    ]


def test_a_cut_off_before_everything_leaves_cases_due_and_nothing_done(station: Station) -> None:
    station.put(at("2026-10-12 10:00"), "A1")
    station.look_up("A1", at("2026-10-12 11:00"))
    found = figures(station, "2020-01-01 00:00")
    assert (found.taken_in, found.due, found.disclosed) == (1, 1, 0)
    assert (found.milestones, found.clocks_due, found.looked_up, found.ratings) == (0, 0, 0, 0)
    assert (found.on_time_rate, found.clocks_kept_rate, found.satisfaction) == (None, None, None)


def test_an_empty_period_has_no_rows_and_no_rates(station: Station) -> None:
    answer = asked(station)
    assert list(answer.rows) == []
    assert (answer.total.figures.taken_in, answer.total.figures.disclosure_rate) == (0, None)


def test_an_unknown_unit_is_not_found(station: Station) -> None:
    with pytest.raises(NotFound, match="no unit “999”"):
        asked(station, unit="999")


def test_a_period_that_ends_before_it_begins_and_an_unknown_grouping_are_refused() -> None:
    with pytest.raises(Refused, match="before it begins") as turned:
        Question(date(2026, 10, 2), date(2026, 10, 1))
    assert turned.value.field == "to"
    with pytest.raises(Refused, match="unit, kind, month, quarter, year, officer") as unknown:
        Question(date(2026, 10, 1), date(2026, 10, 1), "weekday")
    assert unknown.value.field == "by"


def test_the_definition_names_the_fewest_ratings_in_use(station: Station) -> None:
    text = asked(station, fewest_ratings=25).definition_text["satisfaction"]
    assert "少于 25 个" in text.zh and "Fewer than 25 " in text.en


# The recount: random histories, counted once more from dumps of the tables, case by case.

CATEGORIES = ("inquiry", "inquiry", "complaint", "report", "thanks")
OFFICERS = (("陈警官", "000001"), ("陈警官", "000002"), ("白警官", ""))
PEOPLE = [
    {"role": "victim", "name": "赵一", "phone": PHONE},
    {"role": "victim", "name": "钱二", "phone": PHONE},
]


def play(station: Station, dice: random.Random, number: str) -> None:
    """One case's random life: hand-ins, withholding, receipts, look-ups, ratings."""
    bureau = station.bureau
    kind = dice.choice(("criminal", "administrative"))
    officer, badge = dice.choice(OFFICERS)
    intake = at("2026-09-20 00:00") + timedelta(minutes=dice.randrange(60 * 24 * 60))
    told = {"kind": kind, "unit": dice.choice(sorted(unit_codes(bureau.db))), "parties": PEOPLE}
    told |= {"officer": officer, "badge": badge, "taken_in_at": written(dice, intake)}
    filing = intake + timedelta(hours=dice.randrange(200))
    closing = filing + timedelta(hours=dice.randrange(1200))
    decision = dice.choice(("filed", "refused"))
    course = [
        {"step": "filing", "at": written(dice, filing), "outcome": decision},
        {"step": "closure", "at": written(dice, closing), "outcome": "terminated"},
    ]
    if kind == "criminal" and dice.random() < 0.8:
        course[0] |= {"extended_days": "7", "approved_by": "赵局长"}
    steps = dice.randrange(2 if decision == "refused" else 3)
    now = intake
    for known in range(steps + 1):
        now += timedelta(minutes=dice.randrange(12 * 24 * 60))
        backlog = known == 0 and dice.random() < 0.2
        reason = dice.choice(("", "", "minor", "secret"))
        told |= {"milestones": course[:known], "withheld_reason": reason}
        station.put(now, number, backlog=backlog, **told)
    if not reason and dice.random() < 0.5:
        station.request(number, now := now + timedelta(hours=dice.randrange(99)))
        for column in ("approved_at", "ended_at"):
            now += timedelta(hours=dice.randrange(1, 300))
            if dice.random() < 0.6:
                station.settle(number, column, now)
    for party in range(len(PEOPLE)):
        receive(station, dice, number, party)
    hear(station, dice, number)


def receive(station: Station, dice: random.Random, number: str, party: int) -> None:
    """What one party does with the receipt."""
    if dice.random() < 0.5:
        station.hand_over(number, moment(dice), party)
    if dice.random() < 0.3:
        station.issue(number, moment(dice), party, again=True)
    for _ in range(dice.randrange(3)):
        station.look_up(number, moment(dice), party)


def hear(station: Station, dice: random.Random, number: str) -> None:
    """What both parties say in turn, and what becomes of it."""
    acts: list[Callable[[datetime, int], None]] = [
        *[lambda now, who: station.rate(number, now, dice.choice((1, 1, 2, 3, 4, 5)), who)] * 3,
        *[lambda now, _: station.call(number, now, dice.choice(("reached", "no_answer")))] * 3,
        *[lambda now, _: station.close(number, now, dice.choice(("explained", "declined")))] * 3,
        *[lambda now, who: station.comment(number, now, dice.choice(CATEGORIES), who)] * 2,
        lambda now, _: station.answer(number, now),
        lambda now, _: station.recategorise(number, now, dice.choice(CATEGORIES)),
        lambda now, who: station.sample(number, now, who),
        lambda now, _: station.inspect(number, now, dice.randrange(2)),
    ]
    now = moment(dice)
    for _ in range(dice.randrange(40)):
        now += timedelta(minutes=dice.randrange(3 * 24 * 60))
        # A withheld case takes no comment, an answered one no other answer, and so on.
        with suppress(CaseRefused, Refused, Conflict, NotFound):
            dice.choice(acts)(now, dice.randrange(len(PEOPLE)))


def moment(dice: random.Random) -> datetime:
    """Some instant of the autumn."""
    return at("2026-10-01 00:00") + timedelta(minutes=dice.randrange(60 * 24 * 60))


def written(dice: random.Random, instant: datetime) -> str:
    """As a register has it: with a time or without."""
    form = "%Y-%m-%d" if dice.random() < 0.3 else "%Y-%m-%d %H:%M:%S"
    return instant.astimezone(BEIJING).strftime(form)


class Recount:
    """Counts case by case in Python what the definition says, from dumps of the tables."""

    def __init__(self, bureau: Bureau) -> None:
        tables = ("unit", "cases", "trail_entry", *FACTS, *PARTS)
        dump = {name: bureau.db.rows(f"SELECT * FROM {name}") for name in tables}
        self.cases = dump["cases"]
        self.above = {unit["code"]: unit["parent"] for unit in dump["unit"]}
        self.facts: dict[str, dict[int, list[Record]]] = {n: defaultdict(list) for n in FACTS}
        for name in FACTS:
            for row in dump[name]:
                self.facts[name][row["case_id"]].append(row)
        self.parts: dict[str, dict[int, list[Record]]] = {n: defaultdict(list) for n in PARTS}
        for name, whole in PARTS.items():
            for row in dump[name]:
                self.parts[name][row[whole]].append(row)
        # Whatever was ever called a report, by the record.
        told = (json.loads(entry["detail"]) for entry in dump["trail_entry"])
        reports = (one for one in told if "report" in one.get("category", ()))
        self.reports = {one["comment"] for one in reports}

    def instants(self) -> list[datetime]:
        """Every instant at which anything happened."""
        dumps = (*self.facts.values(), *self.parts.values())
        rows = [row for dump in dumps for some in dump.values() for row in some]
        texts = {text for row in rows for name, text in row.items() if text and name in INSTANTS}
        return [from_utc_text(text) for text in sorted(texts)]

    def answer(self, question: Question) -> dict[str | None, Counter[str]]:
        """The counts by label, the total under None."""
        tallies: dict[str | None, Counter[str]] = defaultdict(Counter)
        for case in self.cases:
            if self.is_asked_for(case, question):
                assert question.cutoff
                found = Counter(self.facts_of(case["id"], question.cutoff))
                tallies[label_of(case, question.by)] += found
                tallies[None] += found
        return tallies

    def is_asked_for(self, case: Record, question: Question) -> bool:
        line = {None, unit := case["unit"]}
        while unit := self.above[unit]:
            line.add(unit)
        taken_in = date.fromisoformat(case["intake_day"])
        return question.unit in line and question.first <= taken_in <= question.last

    def facts_of(self, case_id: int, cutoff: datetime) -> Iterator[str]:
        """Everything one case counts as, each name as often as it counts."""
        yield "taken_in"
        withheld = self.facts["withholding"][case_id]
        live = [w for w in withheld if not by(w["ended_at"], cutoff)]
        approved = [w["reason"] for w in live if by(w["approved_at"], cutoff)]
        if approved:
            yield f"withheld {approved[0]}"
            return
        yield "due"
        looked_up = any(by(visit["at"], cutoff) for visit in self.facts["visit"][case_id])
        handed = any(by(issue["handed_over_at"], cutoff) for issue in self.facts["issue"][case_id])
        happened = [m for m in self.facts["milestone"][case_id] if has_happened(m, cutoff)]
        hidden = any(by(w["requested_at"], cutoff) for w in live)
        dark = hidden or any(not by(m["visible_at"], cutoff) for m in happened)
        if (looked_up or handed) and not dark:
            yield "disclosed"
        if looked_up:
            yield "looked_up"
        for one in happened:
            yield "backlog" if one["backlog"] else "milestones"
            if not one["backlog"] and by(one["visible_at"], cutoff):
                shown = beijing_day(from_utc_text(one["visible_at"]))
                yield from ["on_time"] * (shown <= date.fromisoformat(one["visible_by"]))
        yield from self.clocks(case_id, cutoff, {m["step"]: m["happened_day"] for m in happened})
        current = [
            r["level"]
            for r in self.facts["rating"][case_id]
            if by(r["rated_at"], cutoff) and not by(r["replaced_at"], cutoff)
        ]
        yield from [f"level {level}" for level in current] + ["rated"] * bool(current)
        yield from self.heard(case_id, cutoff)

    def clocks(self, case_id: int, cutoff: datetime, decided: dict[str, str]) -> Iterator[str]:
        """What its clocks count as."""
        for clock in self.facts["clock"][case_id]:
            last = date.fromisoformat(clock["due_day"])
            if clock["void_step"] in decided or not clock["is_decision"]:
                continue
            if clock["step"] in decided or last < beijing_day(cutoff):
                yield from ["clocks_due"] + ["clocks_extended"] * clock["extended"]
                day = decided.get(clock["step"], "9999-12-31")
                yield from ["clocks_kept"] * (date.fromisoformat(day) <= last)

    def heard(self, case_id: int, cutoff: datetime) -> Iterator[str]:
        """What its call-backs, comments and inspections count as."""
        for call in self.facts["callback"][case_id]:
            yield from self.called_back(call, self.facts["rating"][case_id], cutoff)
        for said in self.facts["comment"][case_id]:
            if said["due_day"] and said["id"] not in self.reports and by(said["made_at"], cutoff):
                yield from ["comments"] + ["answered"] * by(said["answered_at"], cutoff)
                yield from promised("answers", said["answered_at"], said["due_day"], cutoff)
        for one in self.facts["inspected_case"][case_id]:
            if by(one["checked_at"], cutoff):
                yield "inspected"
                found = [by(f["found_at"], cutoff) for f in self.parts["finding"][one["id"]]]
                yield from ["sound"] * (not any(found))

    def called_back(self, call: Record, ratings: list[Record], cutoff: datetime) -> Iterator[str]:
        """What a call-back counts as, once a bad rating brought it about or joined it."""
        own = [r for r in ratings if (r["party_id"], r["step"]) == (call["party_id"], call["step"])]
        rated = [r for r in own if by(r["rated_at"], cutoff)]
        closed = call["closed_at"] if by(call["closed_at"], cutoff) else None
        if not any(
            r["level"] <= 2
            and call["opened_at"] <= r["rated_at"]
            and (not call["closed_at"] or r["rated_at"] <= call["closed_at"])
            for r in rated
        ):
            return
        yield "callbacks"
        calls = self.parts["callback_attempt"][call["id"]]
        spoken = {one["result"] for one in calls if by(one["at"], cutoff)}
        yield from ["called"] * bool(spoken & {"reached", "refused"})
        yield from promised("callbacks", call["closed_at"], call["due_day"], cutoff)
        if closed:
            yield "callbacks_closed"
            yield from ["put_right"] * (call["result"] in ("put_right", "explained"))
            yield from ["rerated"] * any(r["rated_at"] > closed for r in rated)


FACTS = (
    *("withholding", "milestone", "clock", "issue", "visit", "rating"),
    *("callback", "comment", "inspected_case"),
)
# What belongs to a case by way of something else, and the column that says to what.
PARTS = {"callback_attempt": "callback_id", "finding": "inspected_id"}
INSTANTS = {
    *("requested_at", "approved_at", "ended_at", "happened_at", "visible_at"),
    *("handed_over_at", "at", "rated_at", "replaced_at", "opened_at", "closed_at"),
    *("made_at", "answered_at", "checked_at", "found_at"),
}


def promised(name: str, done_at: str | None, due_day: str, cutoff: datetime) -> Iterator[str]:
    """What was to be done by a last day counts as due once it is done or overdue."""
    last = date.fromisoformat(due_day)
    if done_at and by(done_at, cutoff):
        yield f"{name}_due"
        yield from [f"{name}_kept"] * (beijing_day(from_utc_text(done_at)) <= last)
    elif last < beijing_day(cutoff):
        yield f"{name}_due"


def by(text: str | None, cutoff: datetime) -> bool:
    return text is not None and from_utc_text(text) <= cutoff


def has_happened(milestone: Record, cutoff: datetime) -> bool:
    if milestone["happened_at"]:
        begun = from_utc_text(milestone["happened_at"])
    else:
        begun = start_of_day(date.fromisoformat(milestone["happened_day"]))
    return begun <= cutoff or by(milestone["visible_at"], cutoff)


def label_of(case: Record, grouping: str) -> str:
    officer = f"{case['officer']} ({case['badge']})" if case["badge"] else case["officer"]
    year, month, _ = case["intake_day"].split("-")
    spans = {
        "year": year,
        "month": f"{year}-{month}",
        "quarter": f"{year}-Q{(int(month) + 2) // 3}",
    }
    return str((case | spans | {"officer": officer})[grouping])


def counted(row: Row) -> Counter[str]:
    """A row of the answer in the recount's words; what is 0 is left out on both sides."""
    found = row.figures
    tally = Counter({name: getattr(found, name) for name in ("taken_in", "due", *SUMMED)})
    tally.update({f"withheld {reason}": n for reason, n in found.withheld.items()})
    tally.update({f"level {level}": n for level, n in found.levels.items()})
    return +tally


@pytest.mark.parametrize("seed", range(2))
def test_every_figure_agrees_with_a_recount_of_random_histories(
    station: Station, seed: int
) -> None:
    dice = random.Random(seed)
    with station.bureau.db.transaction():
        for n in range(30):
            play(station, dice, f"A{n}")
    recount = Recount(station.bureau)
    assert verify(station.bureau.db) == []
    instants, met = recount.instants(), Counter[str]()
    now = instants[-1] + timedelta(days=dice.randrange(40))
    for turn in range(60):
        first, last = sorted(date(2026, 9, 15) + timedelta(dice.randrange(75)) for _ in "12")
        cutoff = dice.choice(instants) + timedelta(seconds=dice.choice((-1, 0, 0, 1)))
        question = Question(
            first if turn % 3 else date(2026, 9, 1),
            last if turn % 3 else date(2026, 12, 31),
            by=dice.choice(GROUPINGS),
            unit=dice.choice((None, None, *sorted(recount.above))),
            # Without one, what stands ready is summed.
            cutoff=cutoff if turn % 2 else None,
        )
        answer = rates(station.bureau, question, now)
        expected = recount.answer(replace(question, cutoff=answer.cutoff))
        assert counted(answer.total) == expected.pop(None, Counter()), question
        found = {getattr(row, question.by): counted(row) for row in answer.rows}
        assert found == expected, question
        assert len(found) == len(answer.rows)
        assert sum(found.values(), Counter()) == counted(answer.total)
        met += counted(answer.total)
    # The dice must have thrown everything that can be counted.
    assert {*SUMMED, "level 1", "withheld minor", "withheld privacy"} <= set(met)
    assert met["milestones"] > met["on_time"] and met["clocks_due"] > met["clocks_kept"]
    assert met["callbacks"] > met["callbacks_due"] > met["callbacks_closed"] > met["put_right"]
    assert met["callbacks"] > met["called"] and met["callbacks_closed"] > met["rerated"]
    assert met["comments"] > met["answers_due"] > met["answered"] > met["answers_kept"]
    assert met["inspected"] > met["sound"]
