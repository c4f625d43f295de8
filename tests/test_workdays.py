import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import chinese_calendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup.errors import ConfigError
from lookup.workdays import Calendar, load_calendar

PUBLISHED = load_calendar(None)
DAY = timedelta(days=1)

days = st.dates(date(2004, 1, 1), date(2026, 11, 20))
any_days = st.dates(date(1990, 1, 1), date(2050, 12, 31))
counts = st.integers(1, 20)
unhurried = settings(deadline=None)

YEAR_2027 = """
[2027]
holidays = ["2027-01-01", 2027-01-02, 2027-01-03, 2027-02-05, "2027-02-08"]
workdays = [2027-01-30, "2027-02-14"]
"""


def calendar_from(directory: Path, text: str) -> Calendar:
    file = directory / "calendar.toml"
    file.write_text(text, "utf-8")
    return load_calendar(file)


def worked_between(day: date, last: date) -> int:
    """The working days after a day up to and with the last, by the library's own word."""
    later = (day + n * DAY for n in range(1, (last - day).days + 1))
    return sum(chinese_calendar.is_workday(d) for d in later)


def test_every_published_day_is_worked_as_the_library_says() -> None:
    day, differing = date(2004, 1, 1), []
    while day.year < 2027:
        if PUBLISHED.is_working(day) != chinese_calendar.is_workday(day):
            differing.append(day)
        day += DAY
    assert differing == []


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2026, 2, 14), True),  # a Saturday worked for the Spring Festival
        (date(2026, 2, 16), False),  # a Monday of the Spring Festival
        (date(2026, 10, 10), True),  # a Saturday worked for the National Day
        (date(2026, 11, 21), False),  # a plain Saturday
        (date(2026, 11, 23), True),  # a plain Monday
        (date(2027, 1, 1), True),  # a Friday, as far as anybody knows yet
        (date(2027, 1, 2), False),  # a Saturday
    ],
)
def test_weekends_and_holidays_are_off_and_make_up_days_are_on(day: date, worked: bool) -> None:
    assert PUBLISHED.is_working(day) is worked


@pytest.mark.parametrize(
    ("day", "following"),
    [
        (date(2026, 2, 14), date(2026, 2, 14)),
        (date(2026, 2, 15), date(2026, 2, 24)),
        (date(2026, 10, 1), date(2026, 10, 8)),
        (date(2026, 11, 21), date(2026, 11, 23)),
        (date(2024, 2, 29), date(2024, 2, 29)),
    ],
)
def test_the_next_working_day_is_the_day_itself_if_it_is_worked(day: date, following: date) -> None:
    reckoned = PUBLISHED.next_working(day)
    assert reckoned.day == following
    assert not reckoned.provisional


@pytest.mark.parametrize(
    ("day", "n", "last"),
    [
        (date(2026, 11, 20), 1, date(2026, 11, 23)),
        (date(2026, 2, 13), 1, date(2026, 2, 14)),
        (date(2026, 2, 13), 2, date(2026, 2, 24)),
        (date(2026, 9, 30), 5, date(2026, 10, 13)),
        (date(2024, 2, 28), 2, date(2024, 3, 1)),
    ],
)
def test_working_days_are_counted_from_the_day_after(day: date, n: int, last: date) -> None:
    reckoned = PUBLISHED.add_working(day, n)
    assert reckoned.day == last
    assert not reckoned.provisional


@unhurried
@given(days, counts)
def test_an_added_span_holds_exactly_that_many_working_days(day: date, n: int) -> None:
    last = PUBLISHED.add_working(day, n).day
    assert chinese_calendar.is_workday(last)
    assert worked_between(day, last) == n


@unhurried
@given(any_days, counts, counts)
def test_adding_twice_is_adding_the_sum(day: date, some: int, more: int) -> None:
    halfway = PUBLISHED.add_working(day, some).day
    assert PUBLISHED.add_working(halfway, more).day == PUBLISHED.add_working(day, some + more).day


@unhurried
@given(any_days)
def test_the_next_working_day_is_worked_and_none_before_it_is(day: date) -> None:
    following = PUBLISHED.next_working(day).day
    assert PUBLISHED.is_working(following)
    assert not any(PUBLISHED.is_working(day + n * DAY) for n in range((following - day).days))


@unhurried
@given(any_days, counts)
def test_an_answer_is_provisional_when_a_day_looked_at_has_no_calendar(day: date, n: int) -> None:
    reckoned = PUBLISHED.add_working(day, n)
    looked_at = {(day + i * DAY).year for i in range(1, (reckoned.day - day).days + 1)}
    assert reckoned.provisional == any(not 2004 <= year <= 2026 for year in looked_at)


@pytest.mark.parametrize("n", [0, -1])
def test_only_a_positive_number_of_working_days_can_be_counted(n: int) -> None:
    with pytest.raises(ValueError, match="cannot count"):
        PUBLISHED.add_working(date(2026, 11, 20), n)


def test_the_library_is_loaded_only_when_a_calendar_is() -> None:
    program = "import sys, lookup.kinds; sys.exit('chinese_calendar' in sys.modules)"
    here = Path(__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", program], cwd=here, check=False).returncode == 0


def test_a_year_without_a_calendar_becomes_exact_with_a_file(tmp_path: Path) -> None:
    guess = PUBLISHED.add_working(date(2026, 12, 31), 1)
    assert (guess.day, guess.provisional) == (date(2027, 1, 1), True)

    calendar = calendar_from(tmp_path, YEAR_2027)
    assert calendar.is_known(2027)
    assert not PUBLISHED.is_known(2027)
    exact = calendar.add_working(date(2026, 12, 31), 1)
    assert (exact.day, exact.provisional) == (date(2027, 1, 4), False)
    assert calendar.next_working(date(2027, 2, 14)).day == date(2027, 2, 14)
    assert calendar.next_working(date(2027, 2, 5)).day == date(2027, 2, 9)
    assert calendar.is_working(date(2026, 2, 14)), "the published years stay"


def test_a_year_of_the_file_replaces_the_published_one(tmp_path: Path) -> None:
    calendar = calendar_from(tmp_path, "[2026]\nholidays = [2026-03-02]\nworkdays = [2026-03-07]")
    assert not calendar.is_working(date(2026, 3, 2))
    assert calendar.is_working(date(2026, 3, 7))
    assert calendar.is_working(date(2026, 10, 1)), "a published holiday of a replaced year"
    assert not calendar.is_working(date(2026, 2, 14)), "a published make-up day of that year"
    assert not calendar.is_working(date(2025, 10, 1))


def test_a_gap_between_known_years_makes_an_answer_provisional(tmp_path: Path) -> None:
    calendar = calendar_from(tmp_path, "[2028]\nholidays = [2028-10-02]\nworkdays = []")
    assert calendar.add_working(date(2026, 12, 30), 300).provisional


def test_a_file_saved_by_notepad_is_read(tmp_path: Path) -> None:
    file = tmp_path / "calendar.toml"
    file.write_text(YEAR_2027, "utf-8-sig")
    assert load_calendar(file).is_known(2027)


@pytest.mark.parametrize(
    ("old", "new", "table", "key"),
    [
        ("[2027]", "[next_year]", "next_year", "next_year"),
        ("[2027]", "[02027]", "02027", "02027"),
        ("\n[2027]", "2028 = 5\n[2027]", "2028", "2028"),
        ("holidays", "holiday", "2027", "holiday"),
        ("workdays", "# workdays", "2027", "workdays"),
        ('"2027-01-01"', '"2027-13-01"', "2027", "holidays[1]"),
        ('"2027-01-01"', '"1 January"', "2027", "holidays[1]"),
        ("2027-01-02", "20270102", "2027", "holidays[2]"),
        ("2027-01-02", "2027-01-02T00:00:00", "2027", "holidays[2]"),
        ("2027-01-03", "2028-01-03", "2027", "holidays"),
        ("2027-01-30", "2026-01-31", "2027", "workdays"),
        ("[2027-01-30", "[2027-01-29", "2027", "workdays"),  # a Friday is worked anyway
        ("[2027-01-30", "[2027-01-02", "2027", "workdays"),  # off and worked at once
        ("workdays = [", 'workdays = "2027-01-30" # [', "2027", "workdays"),
        ("holidays = [", "holidays = [] # [", "2027", "holidays"),
    ],
)
def test_a_mistake_in_the_file_is_named_by_file_table_and_key(
    tmp_path: Path, old: str, new: str, table: str, key: str
) -> None:
    assert old in YEAR_2027
    with pytest.raises(ConfigError) as refusal:
        calendar_from(tmp_path, YEAR_2027.replace(old, new, 1))
    for said in refusal.value.text:
        assert "calendar.toml" in said
        assert f"[{table}]" in said
    assert f"key {key}:" in refusal.value.text.en
    assert f"键 {key}：" in refusal.value.text.zh


def test_a_file_that_is_no_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"calendar\.toml.*line 3"):
        calendar_from(tmp_path, "\n[2027]\nholidays = [2027-02-30]\n")


def test_a_file_that_is_missing_or_not_utf8_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read"):
        load_calendar(tmp_path / "nowhere.toml")
    (tmp_path / "gbk.toml").write_bytes("# 节假日".encode("gbk"))
    with pytest.raises(ConfigError, match=r"gbk\.toml is not in UTF-8"):
        load_calendar(tmp_path / "gbk.toml")
