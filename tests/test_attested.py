"""What the tables say of a case is what its entries told, or it is named."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lookup import purging, withholding
from lookup.attested import forgotten, verify
from lookup.bureau import Bureau
from lookup.casefile import record_milestone, take_case
from lookup.cases import require_case
from lookup.corrections import correct_milestone, take_back
from lookup.feedback import rate
from lookup.issues import hand_over
from lookup.recount import verify as recounted
from lookup.tally import refresh
from lookup.trail import Actor, change
from tests.office import BUREAU, hire
from tests.public_cases import issue_of, put

NOW = datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC)
LATER, SECOND = NOW + timedelta(days=1), timedelta(seconds=1)
PARTIES = [
    {"role": "complainant", "name": "张三", "phone": "19900001111"},
    {"role": "victim", "name": "李四", "phone": "19900002222"},
]
STEPS: list[dict[str, Any]] = [
    {"step": "filing", "at": "2026-10-30 10:00", "outcome": "filed", "extended_days": 7}
    | {"approved_by": "陈局长"},
    {"step": "closure", "at": "2026-11-09", "outcome": "terminated"},
]
AT_FILING = "WHERE step = 'filing' AND case_id = (SELECT id FROM cases WHERE number = 'A-1')"

# What somebody alters by hand → what is named.
ALTERED = {
    f"UPDATE milestone SET happened_day = '2026-10-13' {AT_FILING}": (
        "milestone.happened_day Filing decision: the table has 2026-10-13; by the record it should "
        "be 2026-10-30"
    ),
    f"UPDATE milestone SET happened_at = '2026-10-30T01:00:00Z' {AT_FILING}": "happened_at",
    f"UPDATE milestone SET outcome = 'refused' {AT_FILING}": "the table has refused",
    f"UPDATE milestone SET entered_at = '2026-10-30T03:00:00Z' {AT_FILING}": "entered_at",
    f"UPDATE milestone SET visible_at = '2026-10-30T03:00:00Z' {AT_FILING}": "visible_at",
    f"UPDATE milestone SET visible_day = '2026-10-30' {AT_FILING}": "visible_day",
    f"UPDATE milestone SET visible_by = '2027-10-30' {AT_FILING}": "visible_by",
    f"DELETE FROM milestone {AT_FILING}": "milestone Filing decision: the table has nothing",
    f"UPDATE clock SET decided_day = '2026-10-13' {AT_FILING}": "clock.decided_day",
    f"UPDATE clock SET due_day = '2026-12-13' {AT_FILING}": "clock.due_day",
    f"DELETE FROM clock {AT_FILING}": "clock Filing decision",
    f"UPDATE extension SET days = 30 {AT_FILING}": "extension.days",
    "UPDATE issue SET handed_over_at = '2026-10-13T03:00:00Z' WHERE handed_over_at IS NOT NULL": (
        "issue.handed_over_at 1: the table has 2026-10-13T03:00:00Z"
    ),
    "UPDATE issue SET handed_over_at = NULL": "issue 1: the table has nothing",
    "UPDATE issue SET handed_over_at = issued_at WHERE handed_over_at IS NULL": "issue",
    "UPDATE rating SET level = 5 WHERE level = 1": "the table has 5[]; by the record it should be",
    "UPDATE rating SET replaced_at = rated_at WHERE replaced_at IS NULL": "rating.replaced_at",
    "UPDATE rating SET rated_at = '2026-10-13T03:00:00Z' WHERE replaced_at IS NULL": "rating",
    "DELETE FROM rating WHERE level = 4": "by the record it should be 4[]",
    "UPDATE cases SET intake_day = '2026-09-12'": "cases.intake_day: the table has 2026-09-12",
    "UPDATE cases SET intake_at = NULL": "cases.intake_at: the table has nothing",
    "UPDATE cases SET unit = '5101040102'": "cases.unit",
    "UPDATE cases SET kind = 'administrative'": "cases.kind",
    "UPDATE cases SET number = 'B-1'": "Case A-1, cases: the table has nothing",
    "UPDATE withholding SET ended_at = NULL": "cases.withheld",
    "UPDATE trail_entry SET detail = '{}' WHERE action = 'rating.given'": "should be nothing",
    "UPDATE trail_entry SET leaf = '' WHERE action = 'case.registered'": "cannot be compared",
}


@pytest.fixture
def lived(bureau: Bureau) -> Bureau:
    """A case to which much has happened."""
    chief = hire(bureau, "chief", "supervisor", BUREAU, "赵局")
    second = hire(bureau, "second", "supervisor", BUREAU, "钱局")
    put(bureau, "A-1", "2026-10-12 09:30", STEPS[:1], now=NOW, parties=PARTIES)
    with change(bureau.db, chief.actor, NOW) as ongoing:
        case = require_case(bureau.db, "A-1")
        withholding.ask_to_withhold(ongoing, case, "secret")
    with change(bureau.db, chief.actor, NOW) as ongoing:
        record_milestone(bureau, ongoing, chief, "A-1", STEPS[1])
    with change(bureau.db, second.actor, LATER) as ongoing:
        withholding.decide(ongoing, case, approved=False, why="理由不足")
    with change(bureau.db, chief.actor, LATER) as ongoing:
        told = STEPS[0] | {"at": "2026-10-30 11:00", "why": "记错了"}
        correct_milestone(bureau, ongoing, take_case(ongoing, chief, "A-1"), told)
        hand_over(ongoing, issue_of(bureau, "A-1"))
    for party, level in ((0, "1"), (1, "3"), (0, "4")):
        with change(bureau.db, Actor("party", "web"), LATER + int(level) * SECOND) as ongoing:
            rate(bureau, ongoing, issue_of(bureau, "A-1", party), "filing", level, [], level)
    return bureau


def named(bureau: Bureau) -> str:
    return "\n".join(fault.both() for fault in verify(bureau))


def test_what_was_altered_by_hand_is_named_though_the_sums_agree(lived: Bureau) -> None:
    db, done = lived.db, list[int]()
    assert (verify(lived, done.append), done) == ([], [1])
    for statement, words in ALTERED.items():
        with db.rehearsal():
            assert db.run(statement), statement
            refresh(db, [case["id"] for case in db.rows("SELECT id FROM cases")])
            assert recounted(db) == []
            assert words in named(lived), (statement, named(lived))
    with db.rehearsal():
        db.run("UPDATE milestone SET happened_day = '2026-10-14'")
        db.run("UPDATE cases SET intake_day = '2026-10-14'")
        assert "案件 A-1，cases.intake_day：表中为 2026-10-14，按变动记录应为" in named(lived)
    assert verify(lived) == []


def test_what_was_taken_back_is_not_missed_and_what_was_forgotten_not_compared(
    lived: Bureau,
) -> None:
    db = lived.db
    chief = hire(lived, "third", "supervisor", BUREAU, "孙局")
    with change(db, chief.actor, LATER) as ongoing:
        told = {"step": "closure", "why": "没有发生"}
        take_back(lived, ongoing, take_case(ongoing, chief, "A-1"), told)
    assert (verify(lived), forgotten(db)) == ([], 0)
    put(lived, "A-2", "2026-10-12 09:30", STEPS, now=NOW)
    old = LATER + timedelta(days=lived.config.purge_after_days + 99)
    assert purging.purge(lived, chief.actor, purging.due(lived, old), old) == 1
    assert (verify(lived), forgotten(db)) == ([], 1)
