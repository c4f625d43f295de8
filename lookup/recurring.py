"""Recurring problems: what was wrong in the call-backs of a period, and how that moves."""

from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, pairwise

from lookup.bureau import Bureau
from lookup.database import Record
from lookup.language import Text
from lookup.units import SUBTREE, unit_names

# Whose matter it is: the unit that was rated, also where the call-back has gone up.
_CONCERNED = "COALESCE(rating.unit, callback.unit)"
_KEYS = {"problem": "problem", "unit": _CONCERNED, "month": "SUBSTR(closed_day, 1, 7)"}
GROUPINGS = tuple(_KEYS)
# Closed without a trouble: there was none, or nobody could be asked.
_NOTHING, _UNTOLD = "none", ""
_MOST = 4
_EARLIEST = date(1949, 10, 1)
_NO_TROUBLES = Text("这一时期的回访没有问题记录。", "No trouble was found in this period.")
_FOUR = Text(
    "最多的{kinds}类问题是：{names}，共{n}件，占全部{total}件的{share}%。",
    "The {kinds} most frequent are {names}: {n} of {total}, {share} % of all.",
)
_ALL = Text(
    "问题只有{kinds}类：{names}，共{n}件。", "There are only {kinds} kinds, {names}: {n} in all."
)


@dataclass(frozen=True, slots=True)
class Period:
    """So many months; Beijing days, both included."""

    first: date
    last: date
    months: int

    @classmethod
    def of(cls, months: int, month: date, today: date) -> "Period":
        """So many months, the last being that of a day; no later than today."""
        month = min(max(month, _EARLIEST), today)
        first = _moved(month.replace(day=1), 1 - months)
        return cls(first, min(_end_of(month), today), months)

    @property
    def before(self) -> "Period":
        """As many months before, up to the same day."""
        last = _moved(self.last, -self.months)
        is_whole = self.last == _end_of(self.last)
        first = _moved(self.first, -self.months)
        return Period(first, _end_of(last) if is_whole else last, self.months)


@dataclass(frozen=True, slots=True)
class Line:
    """How often something came up, and before; ``running`` counts it with all lines above it."""

    code: str
    name: Text
    n: int
    before: int
    running: int


@dataclass(frozen=True, slots=True)
class Problems:
    """What was wrong in the call-backs closed in a period: ``lines`` are disjoint and add up to
    ``total``. In ``nothing`` others there was no trouble, in ``untold`` nobody could be asked."""

    lines: Sequence[Line]
    total: int
    nothing: int
    untold: int

    @property
    def said(self) -> Text:
        """Which few kinds of trouble make up most of it, in one sentence."""
        found = [one for one in self.lines if one.n]
        if not found:
            return _NO_TROUBLES
        most = found[:_MOST]
        zh, en = "".join(f"“{one.name.zh}”" for one in most), "; ".join(one.name.en for one in most)
        n = most[-1].running
        told = {"kinds": len(most), "n": n, "total": self.total, "share": self.share(n)}
        return (_FOUR if found[_MOST:] else _ALL).fill(names=Text(zh, en), **told)

    def share(self, n: int) -> int:
        """So many of all, in per cent."""
        return round(100 * n / self.total) if self.total else 0


def problems(
    bureau: Bureau, unit: str, period: Period, by: str = "problem", only: str = ""
) -> Problems:
    """The troubles of a unit and those below it by one of GROUPINGS, the most frequent first
    (months in their order); ``only`` those of one category.

    Each call-back closed counts once, for the unit that was rated. A month is compared with the
    month before it, all else with the period before.
    """
    now, was, apart = Counter[str](), Counter[str](), Counter[str]()
    for row in _counted(bureau, unit, period, by):
        if row["problem"] in (_NOTHING, _UNTOLD):
            apart[row["problem"]] += row["n"] if row["is_now"] else 0
        elif only in ("", row["problem"]):
            (now if row["is_now"] else was)[row["code"]] += row["n"]
    total = now.total()
    if by == "month":
        months = [_moved(period.first, n).isoformat()[:7] for n in range(-1, period.months)]
        now, codes = now + was, months[1:]
        was = Counter({month: now[earlier] for earlier, month in pairwise(months)})
    else:
        codes = sorted({*now, *was}, key=lambda code: (-now[code], -was[code], code))
    name, running = _namer(bureau, by), accumulate(now[code] for code in codes)
    lines = [
        Line(code, name(code), now[code], was[code], so_far)
        for code, so_far in zip(codes, running, strict=True)
    ]
    return Problems(lines, total, apart[_NOTHING], apart[_UNTOLD])


def _counted(bureau: Bureau, unit: str, period: Period, by: str) -> list[Record]:
    """How many were closed with each problem, in the period and (not ``is_now``) before."""
    was = period.before
    if by == "month":
        was = Period(_moved(period.first, -1), period.first - timedelta(days=1), 1)
    return bureau.db.rows(
        f"""{SUBTREE} SELECT {_KEYS[by]} AS code, problem, closed_day >= :first AS is_now,
            COUNT(*) AS n
        FROM callback LEFT JOIN rating ON rating.id = callback.rating_id
        WHERE (closed_day BETWEEN :first AND :last OR closed_day BETWEEN :was_first AND :was_last)
            AND {_CONCERNED} IN (SELECT code FROM subtree)
        GROUP BY 1, 2, 3""",
        unit=unit,
        first=period.first.isoformat(),
        last=period.last.isoformat(),
        was_first=was.first.isoformat(),
        was_last=was.last.isoformat(),
    )


def _namer(bureau: Bureau, by: str) -> Callable[[str], Text]:
    if by == "problem":
        return bureau.service.problem_name
    names = unit_names(bureau.db) if by == "unit" else {}
    return lambda code: Text(*[names.get(code, code)] * 2)


def _end_of(day: date) -> date:
    """The last day of a day's month."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def _moved(day: date, months: int) -> date:
    """The same day so many months later, or the last one of a month that is shorter."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    first = date(years, month + 1, 1)
    return first.replace(day=min(day.day, _end_of(first).day))
