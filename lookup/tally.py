"""Figures kept ready as cases change, in the same transaction.

What a case adds to the figures stands with it (``standing``). When it changes, the difference is
added to the sums (``tally``) of its day, ten days, month and year of intake, once for its unit and
once for its officer. What the mere passing of time changes, as a clock that runs out, is kept by
its last day and the month of that (``tally_running``) and summed when read.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import get_args

from lookup.database import Database, Record
from lookup.errors import ConfigError
from lookup.facts import FIGURES, HINDRANCES, RUNNING, RUNS, count
from lookup.oversight import Definition, Hindrance

# Later than anything: whatever is on file counts.
ALWAYS = {"cutoff": "9999", "cutoff_day": "9999", "today": ""}
_LABELS = ("unit", "kind", "officer", "badge")
_PAGE = 2000
_KEY = ("grain", "span", *_LABELS)
# Of the spans that are summed, a year, a month, ten days (by their first digit) and a day, as they
# begin the text of a day.
_LENGTHS = (4, 7, 9, 10)

Key = tuple[str, ...]
Sums = dict[Key, Counter[str]]


def refresh(db: Database, case_ids: Iterable[int]) -> None:
    """Bring the sums up to date with cases that were changed in this transaction."""
    ids = sorted(set(case_ids))
    for start in range(0, len(ids), _PAGE):
        page = ids[start : start + _PAGE]
        was = {row["case_id"]: row for row in _kept(db, page)}
        now = [row for row in reckon(db, page) if row != was.get(row["case_id"])]
        _write(db, [was[row["case_id"]] for row in now if row["case_id"] in was], now)


def ids_of(db: Database, numbers: Iterable[str]) -> list[int]:
    """The cases of some numbers."""
    named = {f"number{place}": number for place, number in enumerate(set(numbers))}
    wanted = ", ".join(f":{name}" for name in named) or "NULL"
    found = db.rows(f"SELECT id FROM cases WHERE number IN ({wanted})", **named)
    return [row["id"] for row in found]


def catch_up(db: Database) -> int:
    """Bring in the cases that no sum knows yet; how many there were."""
    done = last = 0
    while page := db.rows(
        """SELECT id FROM cases WHERE id > :last AND NOT EXISTS (
            SELECT 1 FROM standing WHERE case_id = cases.id) ORDER BY id LIMIT :page""",
        last=last,
        page=_PAGE,
    ):
        with db.transaction():
            refresh(db, [row["id"] for row in page])
        done, last = done + len(page), page[-1]["id"]
    return done


def in_force(db: Database) -> Definition:
    """The definition that everything is counted by."""
    [row] = db.rows("SELECT * FROM definition")
    every = get_args(Hindrance)
    return Definition(row["name"], tuple(name for name in every if row[name]))


def redefine(db: Database, definition: Definition) -> None:
    """Put a definition in force and count all cases anew by it, as one change: no sheet mixes it
    with the former one. Raises ConfigError where that has the same name."""
    former = in_force(db)
    if definition == former:
        return
    if definition.name == former.name:
        name = definition.name
        raise ConfigError(
            f"统计口径“{name}”已在使用，内容却不同；改了内容，请另取一个名称。",
            f"A definition “{name}” is in force that differs; what has changed wants another name.",
        )
    columns = ", ".join(f"{name} = :{name}" for name in HINDRANCES)
    with db.transaction():
        # Whoever is counting a case by the former one is done first; others wait.
        db.run(db.keep_out.format(table="standing"))
        told = {name: int(name in definition.hindrances) for name in HINDRANCES}
        db.run(f"UPDATE definition SET name = :name, {columns}", name=definition.name, **told)
        refresh(db, [row["id"] for row in db.rows("SELECT id FROM cases")])


def reckon(db: Database, ids: Sequence[int]) -> list[Record]:
    """What cases add to the figures, reckoned from the cases themselves: rows of ``standing``."""
    listed, named = _listed(ids)
    among = f"cases.id IN ({listed})"
    by_case = count("cases.id", "''", among)
    counted = {row["label"]: row for row in db.rows(f"WITH {by_case}", **ALWAYS, **named)}
    running: dict[int, list[list[str | int]]] = {case_id: [] for case_id in ids}
    order = ", ".join(("case_id", "due_day", *RUNNING))
    for row in db.rows(f"{RUNS.format(among=listed)} ORDER BY {order}", **named):
        running[row["case_id"]].append([row["due_day"], *(row[name] for name in RUNNING)])
    cases = db.rows(
        f"SELECT id, intake_day, unit, kind, officer, badge FROM cases WHERE {among} ORDER BY id",
        **named,
    )
    return [_standing(case, counted[case["id"]], running[case["id"]]) for case in cases]


def _standing(case: Record, counted: Record, running: list[list[str | int]]) -> Record:
    reason = counted["reason"] or ""
    return {
        "case_id": case["id"],
        "day": case["intake_day"],
        **{name: case[name] for name in _LABELS},
        "reason": reason,
        # Of a withheld case nothing counts but that there is one.
        "running": json.dumps([] if reason else running),
        **{name: 0 if reason else counted[name] or 0 for name in FIGURES},
        "taken_in": 1,
    }


def _kept(db: Database, ids: Sequence[int]) -> list[Record]:
    """Locked: what others changed of these cases at the same time is reckoned in."""
    listed, named = _listed(ids)
    among = f"case_id IN ({listed}) ORDER BY case_id{db.for_update}"
    return db.rows(f"SELECT * FROM standing WHERE {among}", **named)


def _write(db: Database, was: Sequence[Record], now: Sequence[Record]) -> None:
    db.run_many(_STAND, now)
    for (table, (keys, columns)), sums in zip(
        TABLES.items(), summed((was, -1), (now, 1)), strict=True
    ):
        # In one order for all, so that two writers wait for, and never on, each other.
        changed = sorted((key, moved) for key, moved in sums.items() if any(moved.values()))
        rows = [
            dict(zip(keys, key, strict=True)) | {name: moved[name] for name in columns}
            for key, moved in changed
        ]
        db.run_many(_ADD[table], rows)


def summed(*groups: tuple[Iterable[Record], int]) -> tuple[Sums, Sums]:
    """The sums of rows of ``standing``, each group times its sign: of figures by span, unit, kind,
    officer and reason; and of what runs likewise by its last day and by the month of that."""
    figures: Sums = {}
    running: Sums = {}
    for rows, sign in groups:
        for row in rows:
            told = {name: row[name] * sign for name in FIGURES if row[name]}
            runs = json.loads(row["running"])
            for key in _keys(row):
                figures.setdefault((*key, row["reason"]), Counter()).update(told)
                for due_day, *told_of in runs:
                    moved = {n: sign * one for n, one in zip(RUNNING, told_of, strict=True)}
                    for due in (("", due_day), (due_day[:7], "")):
                        running.setdefault((*key, *due), Counter()).update(moved)
    return figures, running


def _keys(row: Record) -> Iterator[Key]:
    """Where a case is summed."""
    for span in (row["day"][:length] for length in _LENGTHS):
        yield "unit", span, row["unit"], row["kind"], "", ""
        yield "officer", span, row["unit"], "", row["officer"], row["badge"]


# The key and the figures of each table of sums.
TABLES: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "tally": ((*_KEY, "reason"), FIGURES),
    "tally_running": ((*_KEY, "due_month", "due_day"), RUNNING),
}
_STANDS = ("day", *_LABELS, "reason", "running", *FIGURES)
_STAND = f"""INSERT INTO standing (case_id, {", ".join(_STANDS)})
    VALUES (:case_id, {", ".join(f":{name}" for name in _STANDS)})
    ON CONFLICT (case_id) DO UPDATE
    SET {", ".join(f"{name} = excluded.{name}" for name in _STANDS)}"""
_ADD = {
    table: f"""INSERT INTO {table} ({", ".join((*keys, *columns))})
        VALUES ({", ".join(f":{name}" for name in (*keys, *columns))})
        ON CONFLICT ({", ".join(keys)}) DO UPDATE
        SET {", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in columns)}"""
    for table, (keys, columns) in TABLES.items()
}


Spans = list[tuple[str, int]]


def spans(first: date, last: date, *, years: bool) -> Spans:
    """The fewest years (where wanted), months, tens of days and days that make up a period: each
    with 1, or with -1 where it is taken away again from one that reaches too far."""
    return _spans(first, last, _LENGTHS if years else _LENGTHS[1:])


def _spans(first: date, last: date, lengths: Sequence[int]) -> Spans:
    """By the length of their texts, the longest spans first."""
    found: Spans = []
    while first <= last:
        start, end = _bounds(first, lengths[0])
        until = min(end, last)
        whole = [(first.isoformat()[: lengths[0]], 1)]
        if (first, until) != (start, end):
            day, shorter = timedelta(days=1), lengths[1:]
            beyond = _spans(start, first - day, shorter) + _spans(until + day, end, shorter)
            without = whole + [(span, -sign) for span, sign in beyond]
            whole = min(_spans(first, until, shorter), without, key=len)
        found += whole
        first = end + timedelta(days=1)
    return found


def _bounds(day: date, length: int) -> tuple[date, date]:
    """The first and last day of a day's year (4), month (7) or ten days (9), or that day."""
    if length == 4:
        return date(day.year, 1, 1), date(day.year, 12, 31)
    if length == 10:
        return day, day
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    end = following - timedelta(days=1)
    if length == 7:
        return day.replace(day=1), end
    tens = day.day // 10 * 10
    return day.replace(day=max(tens, 1)), end.replace(day=min(tens + 9, end.day))


def _listed(ids: Sequence[int]) -> tuple[str, dict[str, int]]:
    """Cases for an IN, by name: the engine has prepared that statement for the last as many."""
    named = {f"id{place}": one for place, one in enumerate(ids)}
    return ", ".join(f":{name}" for name in named) or "NULL", named
