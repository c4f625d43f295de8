"""What runs out soon: decisions, call-backs and comments, by their last days."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import NamedTuple

from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.callback_lists import OPEN
from lookup.comments import WITHIN
from lookup.database import Record
from lookup.docket import MINE, own
from lookup.language import Text
from lookup.roles import Power
from lookup.sentences import said_day
from lookup.staff import Staff
from lookup.stages import FIRST_TO_RUN, RUNS, codes_of
from lookup.units import SUBTREE

NAMES: Mapping[str, Text] = {
    "clocks": Text("期限", "Time limits"),
    "callbacks": Text("回访", "Call-backs"),
    "comments": Text("留言", "Messages"),
}
# Each with its last day and the unit that sees to it.
_CLOCKS = """SELECT 'clocks' AS what, clock.due_day, cases.unit
FROM clock JOIN cases ON cases.id = clock.case_id
WHERE cases.unit || '' IN (SELECT code FROM subtree) AND clock.due_day BETWEEN :since AND :last"""
_CALLBACKS = """SELECT 'callbacks' AS what, due_day, unit FROM callback
WHERE unit IN (SELECT code FROM subtree) AND due_day BETWEEN :since AND :last"""
_COMMENTS = f"""SELECT 'comments' AS what, due_day, comment.unit {WITHIN}
    AND is_report <= :reports AND due_day BETWEEN :since AND :last"""
_WAITING = {
    "clocks": f"{_CLOCKS} AND {FIRST_TO_RUN}",
    "callbacks": f"{_CALLBACKS} AND {OPEN}",
    "comments": f"{_COMMENTS} AND answered_at IS NULL",
}
# Not done on its last day, whenever it was done since.
_RAN_OUT = {
    "clocks": f"""{_CLOCKS} AND clock.void_step IS NULL
        AND (decided_day > due_day OR ({RUNS}))""",
    "callbacks": f"{_CALLBACKS} AND (closed_day > due_day OR ({OPEN}))",
    # A Beijing day ends at 16:00 UTC.
    "comments": f"{_COMMENTS} AND (answered_at IS NULL OR answered_at >= due_day || 'T16')",
}
# Who is to see to it.
_POWERS: Mapping[str, Power] = {"clocks": "write", "callbacks": "call", "comments": "answer"}


class Soon(NamedTuple):
    """What is due by the end of the next working day and not overdue: how much of each of NAMES;
    ``mine`` where it is somebody's own."""

    counts: Mapping[str, int]
    mine: bool


def next_day(bureau: Bureau, today: date) -> date:
    """The next working day: whatever is due until its end may have to be done today."""
    return bureau.calendar.add_working(today, 1).day


def said_until(bureau: Bureau, today: date) -> Text:
    """The next working day as it is called."""
    until = next_day(bureau, today)
    is_tomorrow = (until - today).days == 1
    return Text("明日", "tomorrow") if is_tomorrow else said_day(until, today.year)


def due_soon(bureau: Bureau, staff: Staff, now: datetime) -> Soon:
    """What runs out soon of what somebody sees to: of an officer in charge her own cases and the
    comments about them, of anybody else all within reach."""
    today, mine = beijing_day(now), staff.may("write") and not staff.may("approve")
    parts = {name: _WAITING[name] for name, power in _POWERS.items() if staff.may(power)}
    if mine:
        parts = {name: f"{part} AND {MINE}" for name, part in parts.items() if name != "callbacks"}
    if not parts:
        return Soon({}, mine)
    until = next_day(bureau, today)
    # Of a report, whoever is to answer it is told as of any other comment.
    rows = _counted(
        bureau, staff.unit, parts, today, until, since=today, last=until, reports=1, **own(staff)
    )
    found = summed(rows, "due")
    return Soon({name: found[name] for name in parts}, mine)


def waiting(
    bureau: Bureau, unit: str, today: date, until: date, last: date = date.max
) -> list[Record]:
    """How much waits to be done within a unit's reach, by ``what`` of NAMES and by ``unit``: what
    is ``open`` and due up to a ``last`` day, of that what is ``overdue``, and ``due`` from today
    ``until`` a day. Reports of wrongdoing do not count."""
    return _counted(bureau, unit, _WAITING, today, until, since=date.min, last=last)


def ran_out(bureau: Bureau, unit: str, first: date, last: date) -> list[Record]:
    """How much was not done on its last day, within a unit's reach and some days, as ``due``."""
    return _counted(bureau, unit, _RAN_OUT, first, last, since=first, last=last)


def summed(rows: Iterable[Record], name: str) -> Counter[str]:
    """One of the numbers of some units together, by what it is of."""
    found = Counter[str]()
    for row in rows:
        found[row["what"]] += row[name]
    return found


def _counted(
    bureau: Bureau,
    unit: str,
    parts: Mapping[str, str],
    today: date,
    until: date,
    *,
    since: date,
    last: date,
    reports: int = 0,
    **asked: str,
) -> list[Record]:
    passed = {f"passed{n}": one for n, one in enumerate(codes_of(bureau.kinds)["passed"])}
    union = " UNION ALL ".join(parts.values())
    named = ", ".join(f":{name}" for name in passed) or "NULL"
    days = {"today": today, "until": until, "since": since, "last": last}
    return bureau.db.rows(
        f"""{SUBTREE} SELECT what, unit, COUNT(*) AS open,
            SUM(CASE WHEN due_day < :today THEN 1 ELSE 0 END) AS overdue,
            SUM(CASE WHEN due_day BETWEEN :today AND :until THEN 1 ELSE 0 END) AS due
        FROM ({union.format(passed=named)}) AS found GROUP BY what, unit""",
        unit=unit,
        reports=reports,
        **{name: day.isoformat() for name, day in days.items()},
        **passed,
        **asked,
    )
