"""The auditor's figures: each rule by itself, and all of them against an independent recount."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
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
from lookup.cases import AsOf, put_case, require_case
from lookup.database import Record
from lookup.errors import NotFound, Refused
from lookup.issues import count_visit, hand_over, live_issue, reissue
from lookup.parties import parties_of
from lookup.rates import GROUPINGS, Figures, Question, Rates, Row, rates
from lookup.trail import Actor, change
from lookup.units import unit_codes

BRANCH, STATION, NEIGHBOUR, FAR = "5101040100", "5101040101", "5101040102", "5101040201"
STEPS = ("intake", "filing", "closure")


def at(written: str) -> datetime:
    """An instant written in Beijing time."""
    return parse_moment(written).at or start_of_day(parse_moment(written).day)


@dataclass
class Station:
    """Everything that can happen to cases, each at a stated instant."""

    bureau: Bureau

    def put(self, now: datetime, number: str, *, backlog: bool = False, **told: Any) -> None:
        """Hand in a case as the case system does."""
        body = {
            **{"kind": "criminal", "unit": STATION, "name": "王某被盗窃案", "officer": "陈警官"},
            **{"badge": "023456", "taken_in_at": "2026-10-12 09:00:00"},
            "parties": [{"role": "complainant", "name": f"王{number}"}],
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
        self.bureau.db.run(
            """UPDATE rating SET replaced_at = :at
            WHERE party_id = :party AND step = 'intake' AND replaced_at IS NULL""",
            at=utc_text(now),
            party=issue["party_id"],
        )
        self.bureau.db.run(
            """INSERT INTO rating (case_id, party_id, step, level, tags, unit, officer, badge, via,
                form, rated_at)
            VALUES (:case_id, :party, 'intake', :level, '[]', '', '', '', 'web', :form, :at)""",
            case_id=issue["case_id"],
            party=issue["party_id"],
            level=level,
            form=f"{issue['token_id']} {now} {level}",
            at=utc_text(now),
        )

    def request(self, number: str, now: datetime) -> None:
        """Ask to withhold a case; it waits for the second person."""
        self.bureau.db.run(
            """INSERT INTO withholding (case_id, reason, requested_at, requested_by, approved_by,
                ended_by, via) VALUES (:case_id, 'privacy', :at, '周警官', '', '', 'desk')""",
            case_id=require_case(self.bureau.db, number)["id"],
            at=utc_text(now),
        )

    def settle(self, number: str, column: str, now: datetime) -> None:
        """Approve (``approved_at``) or end (``ended_at``) the withholding in force."""
        self.bureau.db.run(
            f"""UPDATE withholding SET {column} = :at
            WHERE case_id = :case_id AND ended_at IS NULL""",
            case_id=require_case(self.bureau.db, number)["id"],
            at=utc_text(now),
        )


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
    with pytest.raises(Refused, match="unit, kind, month, officer") as unknown:
        Question(date(2026, 10, 1), date(2026, 10, 1), "weekday")
    assert unknown.value.field == "by"


def test_the_definition_names_the_fewest_ratings_in_use(station: Station) -> None:
    text = asked(station, fewest_ratings=25).definition_text["satisfaction"]
    assert "少于 25 个" in text.zh and "Fewer than 25 " in text.en


# The recount: random histories, counted once more from dumps of the tables, case by case.

OFFICERS = (("陈警官", "000001"), ("陈警官", "000002"), ("白警官", ""))
PEOPLE = [{"role": "victim", "name": "赵一"}, {"role": "victim", "name": "钱二"}]


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


def receive(station: Station, dice: random.Random, number: str, party: int) -> None:
    """What one party does with the receipt."""
    if dice.random() < 0.5:
        station.hand_over(number, moment(dice), party)
    if dice.random() < 0.3:
        station.issue(number, moment(dice), party, again=True)
    for _ in range(dice.randrange(3)):
        station.look_up(number, moment(dice), party)
    for now in sorted(moment(dice) for _ in range(dice.randrange(4))):
        station.rate(number, now, dice.randrange(1, 6), party)


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
        dump = {name: bureau.db.rows(f"SELECT * FROM {name}") for name in ("unit", "cases", *FACTS)}
        self.cases = dump["cases"]
        self.above = {unit["code"]: unit["parent"] for unit in dump["unit"]}
        self.facts: dict[str, dict[int, list[Record]]] = {n: defaultdict(list) for n in FACTS}
        for name in FACTS:
            for row in dump[name]:
                self.facts[name][row["case_id"]].append(row)

    def instants(self) -> list[datetime]:
        """Every instant at which anything happened."""
        rows = [row for name in FACTS for of_case in self.facts[name].values() for row in of_case]
        texts = {text for row in rows for name, text in row.items() if text and name in INSTANTS}
        return [from_utc_text(text) for text in sorted(texts)]

    def answer(self, question: Question) -> dict[str | None, Counter[str]]:
        """The counts by label, the total under None."""
        tallies: dict[str | None, Counter[str]] = defaultdict(Counter)
        for case in self.cases:
            if self.is_asked_for(case, question):
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
        decided = {m["step"]: m["happened_day"] for m in happened}
        for clock in self.facts["clock"][case_id]:
            last = date.fromisoformat(clock["due_day"])
            if clock["void_step"] in decided or not clock["is_decision"]:
                continue
            if clock["step"] in decided or last < beijing_day(cutoff):
                yield from ["clocks_due"] + ["clocks_extended"] * clock["extended"]
                day = decided.get(clock["step"], "9999-12-31")
                yield from ["clocks_kept"] * (date.fromisoformat(day) <= last)
        current = [
            r["level"]
            for r in self.facts["rating"][case_id]
            if by(r["rated_at"], cutoff) and not by(r["replaced_at"], cutoff)
        ]
        yield from [f"level {level}" for level in current] + ["rated"] * bool(current)


FACTS = ("withholding", "milestone", "clock", "issue", "visit", "rating")
INSTANTS = {
    *("requested_at", "approved_at", "ended_at", "happened_at", "visible_at"),
    *("handed_over_at", "at", "rated_at", "replaced_at"),
}


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
    return str((case | {"month": case["intake_day"][:7], "officer": officer})[grouping])


def counted(row: Row) -> Counter[str]:
    """A row of the answer in the recount's words; what is 0 is left out on both sides."""
    found = row.figures
    plain = ("taken_in", "due", "disclosed", "milestones", "on_time", "backlog", "looked_up")
    more = ("clocks_due", "clocks_kept", "clocks_extended", "rated")
    tally = Counter({name: getattr(found, name) for name in plain + more})
    tally.update({f"withheld {reason}": n for reason, n in found.withheld.items()})
    tally.update({f"level {level}": n for level, n in found.levels.items()})
    return +tally


@pytest.mark.parametrize("seed", range(3))
def test_every_figure_agrees_with_a_recount_of_random_histories(
    station: Station, seed: int
) -> None:
    dice = random.Random(seed)
    with station.bureau.db.transaction():
        for n in range(40):
            play(station, dice, f"A{n}")
    recount = Recount(station.bureau)
    instants, met = recount.instants(), Counter[str]()
    for turn in range(60):
        first, last = sorted(date(2026, 9, 15) + timedelta(dice.randrange(75)) for _ in "12")
        question = Question(
            first if turn % 3 else date(2026, 9, 1),
            last if turn % 3 else date(2026, 12, 31),
            by=dice.choice(GROUPINGS),
            unit=dice.choice((None, None, *sorted(recount.above))),
            cutoff=dice.choice(instants) + timedelta(seconds=dice.choice((-1, 0, 0, 1))),
        )
        answer, expected = rates(station.bureau, question), recount.answer(question)
        assert counted(answer.total) == expected.pop(None, Counter()), question
        found = {getattr(row, question.by): counted(row) for row in answer.rows}
        assert found == expected, question
        assert len(found) == len(answer.rows)
        assert sum(found.values(), Counter()) == counted(answer.total)
        met += counted(answer.total)
    # The dice must have thrown everything that can be counted.
    assert {"backlog", "clocks_extended", "disclosed", "level 1", "withheld minor"} <= set(met)
    assert met["withheld privacy"] and met["milestones"] > met["on_time"] > 0
    assert met["clocks_due"] > met["clocks_kept"] > 0
