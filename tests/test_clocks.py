from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup.clocks import Clock, Due, Standing, days_left, due, standing
from lookup.language import Text
from lookup.workdays import load_calendar

PUBLISHED = load_calendar(None)
FILING = Clock(3, "intake", Text("依据", "Basis"), (7, 30))
AT_ONCE = Clock(0, "intake", Text("依据", "Basis"))

days = st.dates(date(2000, 1, 1), date(2040, 12, 31))
clocks = st.builds(
    Clock,
    days=st.integers(0, 90),
    counted_from=st.just("intake"),
    basis=st.just(Text("依据", "Basis")),
)
extensions = st.none() | st.integers(0, 120)
unhurried = settings(deadline=None)


@pytest.mark.parametrize(
    ("start", "last"),
    [
        (
            date(2026, 11, 16),
            date(2026, 11, 19),
        ),  # Monday to Thursday: the first day is not counted
        (date(2026, 11, 20), date(2026, 11, 23)),  # ends on a Monday
        (date(2026, 11, 18), date(2026, 11, 23)),  # a Saturday moves to the Monday
        (date(2026, 2, 11), date(2026, 2, 14)),  # a Saturday that is worked stays
        (date(2026, 2, 13), date(2026, 2, 24)),  # the Spring Festival moves it by eight days
        (date(2024, 2, 26), date(2024, 2, 29)),  # a leap day
        (date(2023, 2, 25), date(2023, 2, 28)),
        (date(2026, 9, 29), date(2026, 10, 8)),  # the National Day
    ],
)
def test_the_last_day_is_counted_without_the_first_and_never_a_day_off(
    start: date, last: date
) -> None:
    assert due(FILING, start, PUBLISHED) == Due(start, 3, last, provisional=False, extended=False)


@pytest.mark.parametrize("start", [date(2026, 11, 21), date(2026, 10, 1), date(2027, 1, 1)])
def test_at_once_is_the_same_day_even_if_nobody_works(start: date) -> None:
    assert due(AT_ONCE, start, PUBLISHED) == Due(start, 0, start, provisional=False, extended=False)


def test_an_extension_is_a_total_from_the_start() -> None:
    week = due(FILING, date(2026, 11, 20), PUBLISHED, 7)
    month = due(FILING, date(2026, 11, 20), PUBLISHED, 30)
    assert (week.day, week.days, week.extended) == (date(2026, 11, 27), 7, True)
    assert (month.day, month.days, month.extended) == (date(2026, 12, 21), 30, True)


@pytest.mark.parametrize("extended_days", [0, 2, 3])
def test_a_shorter_extension_shortens_nothing(extended_days: int) -> None:
    start = date(2026, 11, 20)
    assert due(FILING, start, PUBLISHED, extended_days) == due(FILING, start, PUBLISHED)


def test_an_extension_of_a_clock_that_is_due_at_once_is_counted_in_days() -> None:
    reckoned = due(AT_ONCE, date(2026, 11, 20), PUBLISHED, 1)
    assert (reckoned.day, reckoned.extended) == (date(2026, 11, 23), True)


def test_a_due_day_in_a_year_without_a_calendar_is_provisional_until_there_is_one(
    tmp_path: Path,
) -> None:
    start = date(2026, 12, 29)
    guess = due(FILING, start, PUBLISHED)
    assert (guess.day, guess.provisional) == (date(2027, 1, 1), True)

    file = tmp_path / "calendar.toml"
    file.write_text("[2027]\nholidays = [2027-01-01]\nworkdays = []\n", "utf-8")
    exact = due(FILING, start, load_calendar(file))
    assert (exact.day, exact.provisional) == (date(2027, 1, 4), False)
    assert not due(FILING, date(2026, 12, 28), PUBLISHED).provisional


@unhurried
@given(clocks, days, extensions)
def test_the_due_day_is_the_first_working_day_from_the_last_day_counted(
    clock: Clock, start: date, extended_days: int | None
) -> None:
    reckoned = due(clock, start, PUBLISHED, extended_days)
    total = max(clock.days, extended_days or 0)
    assert reckoned.days == total
    if total == 0:
        assert reckoned.day == start
        return
    counted = start + timedelta(days=total)
    moved = (reckoned.day - counted).days
    assert PUBLISHED.is_working(reckoned.day)
    assert moved >= 0
    assert not any(PUBLISHED.is_working(counted + timedelta(days=n)) for n in range(moved))


@unhurried
@given(clocks, days, st.integers(0, 400))
def test_a_later_start_is_never_due_earlier(clock: Clock, start: date, later: int) -> None:
    first = due(clock, start, PUBLISHED)
    second = due(clock, start + timedelta(days=later), PUBLISHED)
    assert first.day <= second.day


@unhurried
@given(clocks, days, st.integers(0, 120))
def test_an_extension_never_brings_the_due_day_forward(
    clock: Clock, start: date, extended_days: int
) -> None:
    extended = due(clock, start, PUBLISHED, extended_days)
    assert extended.day >= due(clock, start, PUBLISHED).day
    assert extended.extended == (extended_days > clock.days)


@pytest.mark.parametrize(
    ("decided", "today", "expected"),
    [
        (None, date(2026, 11, 20), Standing.RUNNING),
        (None, date(2026, 11, 23), Standing.RUNNING),  # its last day is still its own
        (None, date(2026, 11, 24), Standing.OVERDUE),
        (date(2026, 11, 20), date(2026, 11, 30), Standing.KEPT),
        (date(2026, 11, 23), date(2026, 11, 23), Standing.KEPT),
        (date(2026, 11, 24), date(2026, 11, 24), Standing.LATE),
    ],
)
def test_a_clock_stands_by_the_day_of_the_decision_or_else_by_today(
    decided: date | None, today: date, expected: Standing
) -> None:
    assert standing(date(2026, 11, 23), decided, today) is expected


@pytest.mark.parametrize(
    ("today", "left"),
    [(date(2026, 11, 20), 3), (date(2026, 11, 23), 0), (date(2026, 11, 25), -2)],
)
def test_the_days_left_turn_negative_once_the_clock_has_run_out(today: date, left: int) -> None:
    assert days_left(date(2026, 11, 23), today) == left


@unhurried
@given(days, days)
def test_an_open_clock_is_overdue_exactly_when_no_day_is_left(due_day: date, today: date) -> None:
    overdue = standing(due_day, None, today) is Standing.OVERDUE
    assert overdue == (days_left(due_day, today) < 0)
