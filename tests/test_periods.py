"""Periods by name, and the ones they are compared with."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.errors import Refused
from lookup.periods import Period, quarter_of, read_period

DAYS = st.dates(date(1950, 1, 1), date(2090, 12, 31))


@pytest.mark.parametrize(
    ("code", "first", "last", "name", "before"),
    [
        ("2026", "2026-01-01", "2026-12-31", "2026年", "2025"),
        ("2026-Q1", "2026-01-01", "2026-03-31", "2026年第一季度", "2025-Q4"),
        ("2024-02", "2024-02-01", "2024-02-29", "2024年2月", "2024-01"),
        ("2026-01", "2026-01-01", "2026-01-31", "2026年1月", "2025-12"),
        (
            "2026-07-02..2026-07-11",
            "2026-07-02",
            "2026-07-11",
            "2026-07-02至2026-07-11",
            "2026-06-22..2026-07-01",
        ),
        (
            "2026-01-01..2026-06-30",
            "2026-01-01",
            "2026-06-30",
            "2026-01-01至2026-06-30",
            "2025-07-01..2025-12-31",
        ),
    ],
)
def test_a_period_is_read_named_and_compared(
    code: str, first: str, last: str, name: str, before: str
) -> None:
    period = read_period(code)
    assert (str(period.first), str(period.last)) == (first, last)
    assert (period.code, period.name.zh) == (code, name)
    assert period.before().code == before


@pytest.mark.parametrize(
    "bad",
    ["", "2026-Q5", "2026-13", "26", "2026-07-02..2026-07-01", "2026-02-30..2026-03-01", "0001"],
)
def test_what_is_no_period_is_refused_with_an_example(bad: str) -> None:
    with pytest.raises(Refused, match="2026-Q3"):
        read_period(bad)


@given(DAYS, DAYS)
def test_periods_join_without_gap_and_their_codes_are_read_back(one: date, other: date) -> None:
    for period in (Period(min(one, other), max(one, other)), quarter_of(one)):
        assert read_period(period.code) == period
        assert (period.first - period.before().last).days == 1
        assert (period.after().first - period.last).days == 1
        if period.months:
            assert period.before().after() == period


@given(DAYS)
def test_every_day_is_in_its_quarter(day: date) -> None:
    quarter = quarter_of(day)
    assert quarter.first <= day <= quarter.last
    assert quarter.months == 3
