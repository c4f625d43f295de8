"""The parts of SQL that the rules of exceptions.toml are put together from."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from lookup.beijing import beijing_day, start_of_day, utc_text
from lookup.bureau import Bureau
from lookup.database import Record
from lookup.periods import Period
from lookup.stages import RUNS, codes_of
from lookup.units import SUBTREE

_DAY = timedelta(days=1)


def _day_number(text: str) -> str:
    """The day that a text begins with, as a number: two of them differ by the days between. Counted
    from March on, as leap days fall from 1900 to 2100."""
    year, month, day = (
        f"CAST(SUBSTR({text}, {start}, {length}) AS BIGINT)"
        for start, length in ((1, 4), (6, 2), (9, 2))
    )
    months = f"({year} * 12 + {month} - 3)"
    return f"({months} / 12 * 1461 / 4 + ({months} % 12 * 153 + 2) / 5 + {day})"


def _days(since: str, until: str) -> str:
    """The days from a day to the Beijing day of an instant, which begins at 16:00 UTC."""
    late = f"CAST(SUBSTR({until}, 12, 2) AS BIGINT) / 16"
    return f"({_day_number(until)} + {late} - {_day_number(since)})"


def _second(instant: str) -> str:
    """An instant as a number of seconds."""
    hour, minute, second = (f"CAST(SUBSTR({instant}, {at}, 2) AS BIGINT)" for at in (12, 15, 18))
    return f"({_day_number(instant)} * 86400 + {hour} * 3600 + {minute} * 60 + {second})"


def _given(within: str, told: str = "network") -> str:
    """Ratings of cases and at counters."""
    return f"""(
        SELECT id * 2 AS id, case_id, step, unit, officer, badge, rated_at, {told}
        FROM rating WHERE {within} UNION ALL
        SELECT id * 2 + 1, NULL, '', unit, officer, badge, rated_at, {told}
        FROM counter_rating WHERE {within})"""


_NEARLY = "rated_at >= :before_first_at AND rated_at < :after_end_at"
# From where there are enough of them at all, which are few.
_MANY = f"""{_NEARLY} AND network <> '' AND network IN (SELECT network FROM (
        SELECT network FROM rating WHERE {_NEARLY} UNION ALL
        SELECT network FROM counter_rating WHERE {_NEARLY}) AS told
    GROUP BY network HAVING COUNT(*) >= :burst)"""
_AROUND = "OVER (PARTITION BY network ORDER BY second RANGE BETWEEN"
_PARTS = {
    "runs": RUNS,
    "not_withheld": """NOT EXISTS (SELECT 1 FROM withholding
        WHERE withholding.case_id = cases.id AND ended_at IS NULL AND approved_at IS NOT NULL)""",
    # Something came after the filing, or on its day.
    "moved": """EXISTS (SELECT 1 FROM milestone WHERE milestone.case_id = cases.id
        AND step NOT IN ('intake', 'filing') AND happened_day >= COALESCE(
            (SELECT filed.happened_day FROM milestone AS filed
                WHERE filed.case_id = cases.id AND filed.step = 'filing'), cases.intake_day))""",
    # As the index of schema/13_unusual_ratings.sql has it.
    "days_after_due": _days("clock.due_day", "milestone.entered_at"),
    "days_back": _days("milestone.happened_day", "milestone.entered_at"),
    "days_until_printed": _days("cases.intake_day", "issue.issued_at"),
    "days_until_rated": _days("closure.happened_day", "rating.rated_at"),
    # Of the entry in the record that tells who entered a milestone. Not by the bare action: SQLite
    # would go through all entries of it.
    "position": """(SELECT MIN(position) FROM trail_entry
        WHERE case_number = cases.number AND trail_entry.at = milestone.entered_at
            AND action || '' IN
                ('case.registered', 'case.changed', 'case.moved', 'milestone.recorded',
                    'milestone.corrected', 'clock.extended'))""",
    # Of that which tells who entered a rating.
    "given_position": """(SELECT MIN(position) FROM trail_entry
        WHERE case_number = cases.number AND trail_entry.at = rating.rated_at
            AND action || '' = 'rating.given'
            AND REPLACE(detail, '"rating":' || rating.id || ',', '') <> detail)""",
    # Clocks of one case that run out on one day, told apart.
    "clock_id": """(clock.case_id * 100 + (SELECT COUNT(*) FROM clock AS other
        WHERE other.case_id = clock.case_id AND other.step < clock.step))""",
    # Since this issue was revoked, the party has had no other that works: nothing was handed over,
    # nothing looked up. It is the first of those.
    "no_paper_since": """NOT EXISTS (SELECT 1 FROM issue AS later
        WHERE later.party_id = issue.party_id AND later.ordinal > issue.ordinal
            AND later.handed_over_at IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM visit
            WHERE visit.party_id = issue.party_id AND visit.at >= issue.revoked_at)
        AND (issue.ordinal = 1 OR issue.handed_over_at IS NOT NULL
            OR EXISTS (SELECT 1 FROM issue AS earlier JOIN visit
                ON visit.party_id = earlier.party_id AND visit.at >= earlier.revoked_at
                WHERE earlier.party_id = issue.party_id
                    AND earlier.ordinal = issue.ordinal - 1))""",
    "from_own": _given("own_network = 1 AND rated_at >= :first_at AND rated_at < :end_at"),
    # Each with the most ratings that stand together with it in so short a time.
    "bursts": f"""(SELECT id, case_id, step, unit, officer, badge, rated_at,
            MAX(until_then) {_AROUND} CURRENT ROW AND {{burst_seconds}} FOLLOWING) AS n
        FROM (SELECT near.*, COUNT(*) {_AROUND} {{burst_seconds}} PRECEDING AND CURRENT ROW)
                AS until_then
            FROM {_given(_MANY, f"network, {_second('rated_at')} AS second")} AS near)
                AS counted)""",
    "hasty": f"""(SELECT party_id AS id, case_id, MIN(rated_at) AS first_at,
            MAX(rated_at) AS last_at, COUNT(DISTINCT step) AS n
        FROM rating WHERE rated_at >= :first_at AND rated_at < :end_at AND replaced_at IS NULL
        GROUP BY party_id, case_id
        HAVING MIN(level) = 5 AND COUNT(DISTINCT step) > 1
            AND {_second("MAX(rated_at)")} - {_second("MIN(rated_at)")} <= :hasty_seconds)""",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Exceptions of which unit with those below it, of which period where a list goes by one, and
    when it is asked."""

    unit: str
    period: Period
    now: datetime


def limits_of(bureau: Bureau) -> dict[str, int]:
    """From where on something stands out, but for the spans of kinds."""
    told = asdict(bureau.oversight.exceptions)
    return {name: limit for name, limit in told.items() if isinstance(limit, int)}


def complete(bureau: Bureau, asked: Asked, sql: str) -> tuple[str, Record]:
    """A statement with its parts filled in, in which ``subtree`` are the units asked for; and its
    parameters."""
    params = limits_of(bureau) | {"unit": asked.unit} | _times(bureau, asked)
    lists = {"burst_seconds": str(params["burst_minutes"] * 60)}
    for name, codes in codes_of(bureau.kinds).items():
        named = {f"{name}{place}": code for place, code in enumerate(codes)}
        params |= named
        lists[name] = ", ".join(f":{one}" for one in named) or "NULL"
    for name in ("unmoved", "unclosed"):
        stands = []
        for place, span in enumerate(bureau.oversight.exceptions.spans):
            day = beijing_day(asked.now) - timedelta(days=getattr(span, name))
            params |= {f"kind{place}": span.kind, f"{name}{place}": day.isoformat()}
            stands.append(f"(cases.kind = :kind{place} AND cases.still_since <= :{name}{place})")
        lists[name] = " OR ".join(stands) or "1 = 0"
    parts = {name: part.format(**lists) for name, part in _PARTS.items()}
    return f"{SUBTREE} {sql.format(**lists, **parts)}", params


def _times(bureau: Bureau, asked: Asked) -> Record:
    limits, today = bureau.oversight.exceptions, beijing_day(asked.now)
    first, end = start_of_day(asked.period.first), start_of_day(asked.period.last + _DAY)
    window = timedelta(minutes=limits.burst_minutes)
    instants = {
        "first_at": first,
        "end_at": end,
        "before_first_at": first - window,
        "after_end_at": end + window,
        # Handed over on this day, so many days have gone by today.
        "long_ago_at": start_of_day(today - timedelta(days=limits.not_looked_up) + _DAY),
        "late_ago_at": start_of_day(today - timedelta(days=limits.printed_late)),
    }
    days = {"first": asked.period.first, "last": asked.period.last, "today": today}
    return {name: utc_text(one) for name, one in instants.items()} | {
        name: day.isoformat() for name, day in days.items()
    }
