"""A register of any number of invented cases of three years, made by the database itself.

Each number that a case has follows from its own: the register is the same every time.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from lookup.bureau import Bureau
from lookup.database import Database
from lookup.migrations import migrate
from lookup.tally import catch_up
from lookup.trail import Actor, change
from lookup.units import UnitRecord, put_units

TOP, BRANCH = "5101000000", "5101030000"
_BRANCHES, _STATIONS = 6, 9
_DAYS, _LATER = 3 * 365, 60
_OFFICERS = 400

# n is the number of a case, d its day; `later` is a day so many after it. What lies ahead of today
# is not there: it has not happened.
_OF_CASES = "FROM cases AS c JOIN bench_day AS d ON d.day = c.intake_day"
_LATER_DAY = "JOIN bench_day AS later ON later.n = d.n + {days} AND later.day <= :today"
_ON = f"{_OF_CASES} {_LATER_DAY}"
_FILLED = (
    """INSERT INTO cases (id, number, number_key, kind, unit, name, officer, badge, channel,
        intake_day, intake_at, remark, known_as_of, by_hand, created_at, changed_at, version)
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :cases)
    SELECT numbers.n, 'A' || numbers.n, 'A' || numbers.n,
        CASE WHEN numbers.n / 7 % 2 = 0 THEN 'criminal' ELSE 'administrative' END,
        s.code, '某被盗窃案', '警官' || (numbers.n % :officers), '0' || (numbers.n % :officers),
        '110', d.day, d.day || 'T01:30:00Z', '', '', '[]', d.day || 'T01:30:00Z',
        d.day || 'T01:30:00Z', 1
    FROM numbers JOIN bench_day AS d ON d.n = (numbers.n - 1) * :days / :cases
    JOIN bench_station AS s ON s.n = numbers.n % :officers % :stations""",
    *(
        f"""INSERT INTO milestone (case_id, step, outcome, happened_day, entered_at, visible_at,
            visible_day, visible_by, backlog, via, unit, officer, badge)
        SELECT c.id, '{step}', '{outcome}', later.day, later.day || 'T01:30:00Z',
            later.day || 'T01:30:00Z', later.day,
            CASE WHEN c.id % 20 = 0 THEN '2000-01-01' ELSE later.day END, 0, 'bench', c.unit,
            c.officer, c.badge {_ON.format(days=days)} WHERE {which}"""
        for step, outcome, days, which in (
            ("intake", "", 0, "c.id > 0"),
            ("filing", "filed", 1, "c.id % 100 <> 0"),
            ("closure", "terminated", 30, "c.id % 10 <> 0"),
        )
    ),
    *(
        f"""INSERT INTO clock (case_id, step, start_day, days, due_day, provisional, extended,
            decided_day, is_decision)
        SELECT c.id, '{step}', c.intake_day, {days}, due.day, 0, 0, m.happened_day, 1
        {_OF_CASES} JOIN bench_day AS due ON due.n = d.n + {days}
        LEFT JOIN milestone AS m ON m.case_id = c.id AND m.step = '{step}'
        WHERE c.kind = 'administrative' OR '{step}' = 'filing'"""
        for step, days in (("filing", 3), ("closure", 30))
    ),
    """INSERT INTO party (id, case_id, role, name_sealed, name_found, phone_sealed, phone_found,
        id_last4_sealed) SELECT id, id, 'complainant', '', '', '', '', '' FROM cases""",
    """INSERT INTO issue (token_id, party_id, case_id, ordinal, code_sealed, match_word, issued_at,
        issued_by, revoked_by, revoked_for, handed_over_at, handed_over_by)
    SELECT 'bench' || id, id, id, 1, '', '', intake_at, '', '', '',
        CASE WHEN id % 11 <> 0 THEN intake_at END, '' FROM cases""",
    f"""INSERT INTO visit (party_id, day, case_id, at)
    SELECT c.id, later.day, c.id, later.day || 'T03:00:00Z' {_ON.format(days=2)}
    WHERE c.id % 3 = 0""",
    f"""INSERT INTO rating (id, case_id, party_id, step, level, tags, unit, officer, badge, via,
        form, rated_at)
    SELECT c.id, c.id, c.id, 'intake', 1 + c.id % 5, '[]', c.unit, c.officer, c.badge, 'web',
        'bench' || c.id, later.day || 'T03:00:00Z' {_ON.format(days=2)} WHERE c.id % 4 = 0""",
    # Half of them are closed ten days later.
    f"""INSERT INTO callback (id, case_id, party_id, step, cause, rating_id, unit, opened_at,
        opened_day, due_day, provisional, result, closed_at, closed_day)
    SELECT c.id, c.id, c.id, 'intake', 'rating', c.id, c.unit, r.rated_at, later.day, due.day, 0,
        CASE WHEN c.id % 8 = 0 AND done.day <= :today THEN 'explained' ELSE '' END,
        CASE WHEN c.id % 8 = 0 AND done.day <= :today THEN done.day || 'T03:00:00Z' END,
        CASE WHEN c.id % 8 = 0 AND done.day <= :today THEN done.day END
    {_ON.format(days=2)} JOIN rating AS r ON r.id = c.id
    JOIN bench_day AS due ON due.n = d.n + 23 JOIN bench_day AS done ON done.n = d.n + 12
    WHERE r.level <= 2""",
    """INSERT INTO callback_attempt (callback_id, at, by, result, note)
    SELECT id, COALESCE(closed_at, opened_at), '', CASE WHEN closed_at IS NULL THEN 'no_answer'
        ELSE 'reached' END, '' FROM callback""",
    f"""INSERT INTO comment (case_id, party_id, body, via, form, made_at, answer, answered_at,
        answered_by, category, about, unit, due_day)
    SELECT c.id, c.id, '', 'web', 'bench' || c.id, later.day || 'T03:00:00Z', '',
        CASE WHEN c.id % 30 = 0 THEN later.day || 'T08:00:00Z' END, '', 'inquiry', c.unit, c.unit,
        due.day {_ON.format(days=3)} JOIN bench_day AS due ON due.n = d.n + 5
    WHERE c.id % 15 = 0""",
)


def fill(bureau: Bureau, cases: int, today: date) -> None:
    """So many cases with all that is counted of them, and the figures kept ready."""
    db = bureau.db
    migrate(db)
    with change(db, Actor("bench", "command")) as ongoing:
        put_units(ongoing, [UnitRecord(0, *told, "", "") for told in _units()])
    stations = [code for code, _, _ in _units() if not code.endswith("0000")]
    db.run("CREATE TABLE bench_day (n BIGINT PRIMARY KEY, day TEXT NOT NULL)")
    db.run("CREATE TABLE bench_station (n BIGINT PRIMARY KEY, code TEXT NOT NULL)")
    first = today - timedelta(_DAYS - 1)
    with db.transaction():
        _put(db, "bench_day", ((n, f"{first + timedelta(n)}") for n in range(_DAYS + _LATER)))
        _put(db, "bench_station", enumerate(stations))
    asked = {"cases": cases, "officers": _OFFICERS, "days": _DAYS, "stations": len(stations)}
    for statement in _FILLED:
        # Only what a statement names is handed to it.
        named = {name: value for name, value in asked.items() if f":{name}" in statement}
        db.run(statement, **named, **({"today": f"{today}"} if ":today" in statement else {}))
    catch_up(db)
    if db.engine == "postgresql":  # which would come to it by itself
        db.run("ANALYZE")


def _put(db: Database, table: str, rows: Iterable[tuple[int, str]]) -> None:
    column = {"bench_day": "day", "bench_station": "code"}[table]
    values = [{"n": n, "told": told} for n, told in rows]
    db.run_many(f"INSERT INTO {table} (n, {column}) VALUES (:n, :told)", values)


def _units() -> Iterator[tuple[str, str, str]]:
    """The code, the name and the unit above, of bureau, branches and stations."""
    yield TOP, "蓉江市公安局", ""
    for branch in range(1, _BRANCHES + 1):
        above = f"5101{branch:02d}0000"
        yield above, f"第{branch}分局", TOP
        for station in range(1, _STATIONS + 1):
            yield f"5101{branch:02d}{station:02d}00", f"第{branch}分局第{station}所", above
