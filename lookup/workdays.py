"""Chinese working days: weekends and public holidays off, make-up working days (调休) on.

The years come from chinesecalendar and from the bureau's own file, whose years prevail:

    [2027]
    holidays = ["2027-01-01", 2027-02-06]    # every public day off, weekends among them or not
    workdays = ["2027-02-20"]                # the weekend days worked instead

Of a year without a calendar only the weekends are known: an answer that had to look into one is
marked provisional, never handed out as certain.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from lookup.toml_tables import Place, read_table, read_toml

_DAY = timedelta(days=1)
_SATURDAY = 5
_YEAR = re.compile(r"[1-9]\d{3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reckoned:
    """A day, and whether finding it meant looking into a year without a calendar."""

    day: date
    provisional: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    """The years that are known, their days off, and the weekend days worked instead."""

    years: frozenset[int]
    holidays: frozenset[date]
    workdays: frozenset[date]

    def is_known(self, year: int) -> bool:
        """Whether the year's days off have been published and loaded."""
        return year in self.years

    def is_working(self, day: date) -> bool:
        """Whether the day is worked; in a year without a calendar, any day but a weekend."""
        if day.weekday() >= _SATURDAY:
            return day in self.workdays
        return day not in self.holidays

    def next_working(self, day: date) -> Reckoned:
        """The day itself where it is worked, else the next one that is."""
        return self._reckoned(day, self._worked_from(day))

    def add_working(self, day: date, n: int) -> Reckoned:
        """The n-th working day after the day, which itself does not count; n is 1 or more."""
        if n < 1:
            raise ValueError(f"cannot count {n} working days")
        last = day
        for _ in range(n):
            last = self._worked_from(last + _DAY)
        return self._reckoned(day + _DAY, last)

    def _worked_from(self, day: date) -> date:
        while not self.is_working(day):
            day += _DAY
        return day

    def _reckoned(self, first: date, last: date) -> Reckoned:
        looked_into = range(first.year, last.year + 1)
        return Reckoned(last, not all(map(self.is_known, looked_into)))


def load_calendar(path: Path | None) -> Calendar:
    """chinesecalendar's years, and those of the bureau's own file in their stead or besides.

    Raises ConfigError naming file, table and key where the file holds a mistake.
    """
    # Imported here, so that only a program that reckons working days pays for it.
    from chinese_calendar import constants

    own = _read_calendar(path) if path else Calendar(frozenset(), frozenset(), frozenset())
    holidays = frozenset(d for d in constants.holidays if d.year not in own.years)
    workdays = frozenset(d for d in constants.workdays if d.year not in own.years)
    years = frozenset(d.year for d in holidays)
    return Calendar(years | own.years, holidays | own.holidays, workdays | own.workdays)


@dataclass(frozen=True, slots=True)
class _Year:
    holidays: tuple[date, ...]
    workdays: tuple[date, ...]


def _read_calendar(file: Path) -> Calendar:
    years: dict[int, _Year] = {}
    for name, table in read_toml(file).items():
        place = Place(file, name)
        if not _YEAR.fullmatch(name):
            raise place.mistake(
                name, "表名须为年份，如 [2027]。", "a table is named by its year, such as [2027]."
            )
        year = read_table(_Year, table, place)
        _check_year(int(name), year, place)
        years[int(name)] = year
    holidays = frozenset(day for year in years.values() for day in year.holidays)
    workdays = frozenset(day for year in years.values() for day in year.workdays)
    return Calendar(frozenset(years), holidays, workdays)


def _check_year(number: int, year: _Year, place: Place) -> None:
    for key, days in (("holidays", year.holidays), ("workdays", year.workdays)):
        for day in days:
            if day.year != number:
                raise place.mistake(key, f"{day} 不在 {number} 年。", f"{day} is not in {number}.")
    # A year that names no holiday would pass for a known one with nothing but weekends.
    if not year.holidays:
        raise place.mistake("holidays", "没有列出节假日。", "no public holiday is listed.")
    for day in year.workdays:
        if day.weekday() < _SATURDAY or day in year.holidays:
            raise place.mistake(
                "workdays",
                f"{day} 不是可以调休上班的周末。",
                f"{day} is not a weekend day that could be worked instead.",
            )
