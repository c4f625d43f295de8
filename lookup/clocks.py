"""What is due when. Days are Beijing days; the day it is now is always handed in."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from lookup.language import Text
from lookup.workdays import Calendar


@dataclass(frozen=True, slots=True)
class Clock:
    """The time the law allows: so many calendar days counted from a milestone.

    ``days`` of 0 means "at once": on the same Beijing day. ``extensions`` are the longer times
    that may be approved, each a total from the start and not an addition. ``counted_from`` is
    the step that starts the clock, ``basis`` the source of the rule.
    """

    days: int
    counted_from: str
    basis: Text
    extensions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Due:
    """The last day of a clock started on ``start``; ``days`` are those that applied."""

    start: date
    days: int
    day: date
    provisional: bool
    extended: bool


def due(clock: Clock, start: date, calendar: Calendar, extended_days: int | None = None) -> Due:
    """The last day of a clock, with the total days of an approved extension if there is one.

    The first day does not count, and a last day that falls on a day off moves to the next working
    day (Criminal Procedure Law, art. 105). "At once" stays on its day, working or not. An
    extension shorter than the clock's own days never shortens it.
    """
    days = max(clock.days, extended_days or 0)
    extended = days > clock.days
    if days == 0:
        return Due(start, 0, start, provisional=False, extended=False)
    last = calendar.next_working(start + timedelta(days))
    return Due(start, days, last.day, last.provisional, extended)


class Standing(StrEnum):
    """How a clock stands on a day."""

    RUNNING = "running"
    OVERDUE = "overdue"
    KEPT = "kept"
    LATE = "late"


def standing(due_day: date, decided: date | None, today: date) -> Standing:
    """How a clock stands: decided on or before its last day or after it, or still undecided."""
    if decided is not None:
        return Standing.KEPT if decided <= due_day else Standing.LATE
    return Standing.RUNNING if today <= due_day else Standing.OVERDUE


def days_left(due_day: date, today: date) -> int:
    """Calendar days until the last day: 0 on that day, negative once the clock has run out."""
    return (due_day - today).days
