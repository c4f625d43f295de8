"""Proof that the figures kept ready are those of the cases: all are counted anew and compared."""

from collections import Counter
from collections.abc import Callable, Iterator

from lookup.database import Database
from lookup.language import Text
from lookup.tally import TABLES, Sums, reckon, summed

_PAGE = 500
_MOST = 100
_OTHERWISE = Text(
    "案件 {number}：所存的数与重新计算的不符（{names}）。",
    "Case {number}: what is kept differs from what was counted anew ({names}).",
)
_NO_CASE = Text("案件 {number}：没有计入。", "Case {number}: it was not counted.")
_STRAY = Text("有 {n} 个已不存在的案件仍被计入。", "{n} cases that do not exist are counted.")
_SUM = Text(
    "汇总 {key}：{name} 所存为 {kept}，应为 {right}。",
    "Sum {key}: {name} is kept as {kept} and should be {right}.",
)


def verify(db: Database, progress: Callable[[int], None] = lambda _: None) -> list[Text]:
    """Every figure that is not what the cases say, at most the first hundred; empty where all are.

    Counted in one state of the database, month by month. ``progress`` is told of each lot of
    cases.
    """
    faults: list[Text] = []
    with db.transaction(reading=True):
        for fault in _faults(db, progress):
            faults.append(fault)
            if len(faults) == _MOST:
                break
    return faults


def _faults(db: Database, progress: Callable[[int], None]) -> Iterator[Text]:
    [stray] = db.rows(
        """SELECT COUNT(*) AS n FROM standing
        WHERE NOT EXISTS (SELECT 1 FROM cases WHERE cases.id = standing.case_id)"""
    )
    if stray["n"]:
        yield _STRAY.fill(n=stray["n"])
    years: tuple[Sums, Sums] = ({}, {})
    for month in _months(db):
        found: tuple[Sums, Sums] = ({}, {})
        yield from _of_month(db, month, found, progress)
        for sums, of_years in zip(found, years, strict=True):
            for key in [key for key in sums if len(key[1]) == len("2026")]:
                of_years.setdefault(key, Counter()).update(sums.pop(key))
        yield from _compared(db, found, "span >= :first AND span <= :last", month, f"{month}-31")
    yield from _compared(
        db, years, "LENGTH(span) = 4 AND span >= :first AND span <= :last", "", "9"
    )


def _months(db: Database) -> list[str]:
    """The months that have cases or are said to have some."""
    rows = db.rows(
        """SELECT DISTINCT SUBSTR(intake_day, 1, 7) AS month FROM cases
        UNION SELECT DISTINCT SUBSTR(span, 1, 7) FROM tally WHERE LENGTH(span) > 4
        UNION SELECT DISTINCT SUBSTR(span, 1, 7) FROM tally_running WHERE LENGTH(span) > 4"""
    )
    return sorted(row["month"] for row in rows)


def _of_month(
    db: Database, month: str, found: tuple[Sums, Sums], progress: Callable[[int], None]
) -> Iterator[Text]:
    """The cases of a month against what stands for them; their sums are added to ``found``."""
    cases = db.rows(
        """SELECT id, number FROM cases
        WHERE intake_day >= :first AND intake_day <= :last ORDER BY id""",
        first=month,
        last=f"{month}-31",
    )
    for start in range(0, len(cases), _PAGE):
        numbers = {row["id"]: row["number"] for row in cases[start : start + _PAGE]}
        among = ", ".join(map(str, numbers))
        rows = db.rows(f"SELECT * FROM standing WHERE case_id IN ({among})")
        kept = {row["case_id"]: row for row in rows}
        right = reckon(db, list(numbers))
        for row in right:
            was = kept.get(row["case_id"])
            if was is None:
                yield _NO_CASE.fill(number=numbers[row["case_id"]])
            elif was != row:
                names = ", ".join(name for name in row if row[name] != was[name])
                yield _OTHERWISE.fill(number=numbers[row["case_id"]], names=names)
        for sums, more in zip(found, summed((right, 1)), strict=True):
            for key, figures in more.items():
                sums.setdefault(key, Counter()).update(figures)
        progress(len(numbers))


def _compared(
    db: Database, found: tuple[Sums, Sums], which: str, first: str, last: str
) -> Iterator[Text]:
    """What the tables keep against the sums found anew."""
    for (table, (keys, columns)), sums in zip(TABLES.items(), found, strict=True):
        for row in db.rows(f"SELECT * FROM {table} WHERE {which}", first=first, last=last):
            right = sums.pop(tuple(row[name] for name in keys), Counter())
            yield from _differences(row["span"], {n: row[n] for n in columns}, right, row)
        for key, right in sums.items():
            yield from _differences(key[1], {}, right, dict(zip(keys, key, strict=True)))


def _differences(
    span: str, kept: dict[str, int], right: Counter[str], row: dict[str, object]
) -> Iterator[Text]:
    key = " ".join(str(row[name]) for name in ("unit", "kind", "officer", "badge") if row[name])
    for name in sorted({*kept, *right}):
        if kept.get(name, 0) != right[name]:
            named = {"key": f"{span} {key}", "name": name}
            yield _SUM.fill(**named, kept=kept.get(name, 0), right=right[name])
