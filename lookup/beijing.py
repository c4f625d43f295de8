"""Beijing time: instants are kept in UTC, days are Beijing days."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

# China has kept one zone without daylight saving since 1992, before any case kept here.
BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")

# How a date, or a date and time, may be written; also told to programs that write them. No case
# is older than 1949: an earlier year is a slip.
WRITTEN = re.compile(
    r"(1949|19[5-9][0-9]|20[0-9]{2})[-/.年](0?[1-9]|1[0-2])[-/.月]([12][0-9]|3[01]|0?[1-9])日?"
    r"(?:[T ]*([01]?[0-9]|2[0-3])[:时]([0-5]?[0-9])(?:[:分]([0-5]?[0-9])(?:\.[0-9]+)?)?[分秒]?)?"
    r" *(Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])?"
)

# 20261120, or 20261120 09:05
_RUN_TOGETHER = re.compile(r"^(\d{4})(\d\d)(\d\d)(?=$|[T ])[T ]*(.*)$")


def utc_now() -> datetime:
    """The present instant in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def utc_text(instant: datetime) -> str:
    """An aware instant as the fixed-width text kept in the database: 2026-11-20T01:02:03Z."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_utc_text(text: str) -> datetime:
    """The aware instant behind the database's text."""
    return datetime.fromisoformat(text)


def beijing_day(instant: datetime) -> date:
    """The Beijing day an instant falls on."""
    return instant.astimezone(BEIJING).date()


def start_of_day(day: date) -> datetime:
    """The first instant of a Beijing day."""
    return datetime.combine(day, time(), BEIJING)


def end_of_day(day: date) -> datetime:
    """The last whole second of a Beijing day."""
    return datetime.combine(day, time(23, 59, 59), BEIJING)


@dataclass(frozen=True)
class Moment:
    """When something happened: always a Beijing day, an instant only where one was recorded."""

    day: date
    at: datetime | None = None

    @classmethod
    def of(cls, instant: datetime) -> "Moment":
        """The moment of an aware instant."""
        return cls(beijing_day(instant), instant.astimezone(UTC))

    @classmethod
    def read(cls, day: str, at: str | None) -> "Moment":
        """The moment behind the database's two columns."""
        return cls(date.fromisoformat(day), from_utc_text(at) if at else None)

    @property
    def at_text(self) -> str | None:
        """The instant as database text, None where only the day is known."""
        return utc_text(self.at) if self.at else None

    @property
    def day_text(self) -> str:
        """The Beijing day as ISO text."""
        return self.day.isoformat()

    def is_before(self, other: "Moment") -> bool:
        """Certainly earlier: by the instant where both have one, else by the day."""
        if self.at and other.at:
            return self.at < other.at
        return self.day < other.day


def parse_moment(written: str) -> Moment:
    """Read a Beijing date or date-time as people and registers write it.

    Accepts ``2026-11-20``, ``20261120``, ``2026/11/20 9:05``, ``2026年11月20日 09时05分``,
    ISO 8601 with or without an offset, and full-width digits and signs. Without a time, only
    the day is known.
    Raises ValueError where there is no such date.
    """
    plain = unicodedata.normalize("NFKC", written).strip()
    match = WRITTEN.fullmatch(_RUN_TOGETHER.sub(r"\1-\2-\3 \4", plain).strip())
    if match is None:
        raise ValueError(written)
    year, month, day, hour, minute, second = (int(g) if g else 0 for g in match.groups()[:6])
    if match[4] is None:
        return Moment(date(year, month, day))
    wall = datetime(year, month, day, hour, minute, second, tzinfo=_zone(match[7]))
    return Moment.of(wall)


def _zone(offset: str | None) -> timezone:
    if offset is None:
        return BEIJING
    if offset == "Z":
        return UTC
    sign = -1 if offset[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:])))
