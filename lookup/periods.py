"""Periods that are counted over: quarters, months, years, and any run of days."""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from lookup.errors import Refused
from lookup.language import Text

_DAY = timedelta(days=1)
_EARLIEST, _LATEST = date(1900, 1, 1), date(2199, 12, 31)
_NAMED = re.compile(r"(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec")
_QUARTERS = "一二三四"


@dataclass(frozen=True, slots=True)
class Period:
    """Beijing days, both ends included."""

    first: date
    last: date

    @property
    def months(self) -> int:
        """How many whole months make it up, 0 where it is another run of days."""
        is_whole = self.first.day == 1 and (self.last + _DAY).day == 1
        return _month(self.last + _DAY) - _month(self.first) if is_whole else 0

    @property
    def code(self) -> str:
        """How it stands in addresses: 2026, 2026-Q3, 2026-07, or two days."""
        year, month = self.first.year, self.first.month
        if self.months == 12 and month == 1:
            return f"{year}"
        if self.months == 3 and month % 3 == 1:
            return f"{year}-Q{month // 3 + 1}"
        return f"{year}-{month:02}" if self.months == 1 else f"{self.first}..{self.last}"

    @property
    def name(self) -> Text:
        """How it is called."""
        year, _, part = self.code.partition("-")
        if self.code.count("-") > 1:
            return Text(f"{self.first}至{self.last}", f"{self.first} to {self.last}")
        if not part:
            return Text(f"{year}年", year)
        if part.startswith("Q"):
            return Text(f"{year}年第{_QUARTERS[int(part[1]) - 1]}季度", f"Q{part[1]} {year}")
        return Text(f"{year}年{int(part)}月", f"{_MONTHS[int(part) - 1]} {year}")

    def before(self) -> "Period":
        """The one it is compared with: as many whole months before it, else as many days."""
        last = self.first - _DAY
        if self.months:
            return Period(_first_of(_month(self.first) - self.months), last)
        return Period(last - (self.last - self.first), last)

    def after(self) -> "Period":
        """The one of the same length that follows."""
        first = self.last + _DAY
        if self.months:
            return Period(first, _first_of(_month(first) + self.months) - _DAY)
        return Period(first, first + (self.last - self.first))


def quarter_of(day: date) -> Period:
    """The quarter of a day."""
    start = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    return Period(start, _first_of(_month(start) + 3) - _DAY)


def read_period(code: str) -> Period:
    """The period of a code as `Period.code` writes it; raises Refused."""
    named = _NAMED.fullmatch(code)
    try:
        if named:
            period = _named(int(named[1]), named[2], named[3])
        else:
            period = Period(*map(date.fromisoformat, code.split("..")))
    except (TypeError, ValueError):
        period = Period(date.max, date.min)
    # Beyond these years there may be none before it, or after.
    if not _EARLIEST <= period.first <= period.last <= _LATEST:
        raise Refused(
            "period",
            code,
            f"“{code}”不是统计期间，应形如 2026-Q3、2026-07、2026 或 2026-07-01..2026-08-15。",
            f"“{code}” is no period; write it as 2026-Q3, 2026-07, 2026 or 2026-07-01..2026-08-15.",
        )
    return period


def _named(year: int, quarter: str | None, month: str | None) -> Period:
    if quarter:
        return quarter_of(date(year, int(quarter) * 3, 1))
    start, months = (date(year, int(month), 1), 1) if month else (date(year, 1, 1), 12)
    return Period(start, _first_of(_month(start) + months) - _DAY)


def _month(day: date) -> int:
    """Months since the year 0."""
    return day.year * 12 + day.month - 1


def _first_of(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)
