"""Beijing time: what people write, and which day an instant falls on."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.beijing import (
    Moment,
    beijing_day,
    end_of_day,
    from_utc_text,
    parse_moment,
    start_of_day,
    utc_text,
)

NINE_FIVE = Moment(date(2026, 11, 20), datetime(2026, 11, 20, 1, 5, tzinfo=UTC))


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-20",
        "2026/11/20",
        "2026.11.20",
        "2026年11月20日",
        "20261120",
        " ２０２６－１１－２０ ",
    ],
)
def test_a_day_without_a_time_stays_a_day(written: str) -> None:
    assert parse_moment(written) == Moment(date(2026, 11, 20))


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-20 09:05",
        "2026-11-20 9:05:00",
        "2026-11-20T09:05:00.000",
        "2026-11-20T09:05+08:00",
        "2026-11-20T01:05:00Z",
        "2026年11月20日 09时05分",
        "20261120 09:05",
        "２０２６－１１－２０　０９：０５：００",
    ],
)
def test_a_time_is_beijing_time_unless_it_says_otherwise(written: str) -> None:
    assert parse_moment(written) == NINE_FIVE


@pytest.mark.parametrize(
    "written",
    [
        "2026-13-40 09:00:00",
        "2026-02-29",
        "20261340",
        "202611",
        "46341.5",
        "",
        "昨天",
        "2026-11-20 24:00",
    ],
)
def test_what_is_no_date_is_refused(written: str) -> None:
    with pytest.raises(ValueError):
        parse_moment(written)


@given(st.integers(694_224_000, 4_102_444_800))
def test_an_instant_lies_within_its_beijing_day_and_survives_storage(seconds: int) -> None:
    instant = datetime.fromtimestamp(seconds, UTC)
    day = beijing_day(instant)
    assert start_of_day(day) <= instant <= end_of_day(day)
    assert from_utc_text(utc_text(instant)) == instant


def test_order_is_judged_by_the_instant_where_both_have_one_else_by_the_day() -> None:
    evening = parse_moment("2026-11-20 21:00")
    assert NINE_FIVE.is_before(evening)
    assert not parse_moment("2026-11-20").is_before(NINE_FIVE)
    assert not NINE_FIVE.is_before(parse_moment("2026-11-20"))
    assert NINE_FIVE.is_before(parse_moment("2026-11-21"))
