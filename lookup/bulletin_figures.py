"""What a bulletin counts: all figures of one state of the database, with its head."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from lookup.beijing import utc_text
from lookup.bureau import Bureau
from lookup.database import Record
from lookup.facts import FIGURES
from lookup.figures import Figures, counts_of, figures_from, together
from lookup.periods import Period
from lookup.ranking import Ranked, rank
from lookup.rates import Question, Row, rates
from lookup.trail import head
from lookup.units import tree_of

_QUARTERS = 8


def count_quarter(bureau: Bureau, unit: str, quarter: Period, now: datetime) -> Record:
    """The figures of a quarter, by unit one step below a unit and on each ``further`` level,
    against seven quarters before it: what a row of ``bulletin`` keeps as its data."""
    quarters = [quarter]
    while len(quarters) < _QUARTERS:
        quarters.insert(0, quarters[0].before())
    with bureau.db.transaction(reading=True):
        asked = Question(quarter.first, quarter.last, "unit", unit)
        counted = rates(bureau, asked, now)
        trend = _trend(bureau, unit, quarters, now)
        tree, made = tree_of(bureau.db, unit), head(bureau.db)
        levels = [
            rank(bureau, quarter, unit, depth, now)
            for depth in range(1, 1 + max(one["depth"] for one in tree))
        ]
    return {
        "unit": unit,
        "unit_name": counted.unit_name,
        "period": {"code": quarter.code, "first": f"{quarter.first}", "last": f"{quarter.last}"},
        "cutoff": utc_text(counted.cutoff),
        "definition": counted.definition.name,
        "definition_text": {name: text._asdict() for name, text in counted.definition_text.items()},
        "fewest_ratings": asked.fewest_ratings,
        "total": _told(counted.total.figures),
        "former": trend[-2] if trend[-2]["counts"]["taken_in"] else None,
        "trend": trend,
        "units": list(_units(tree, counted.rows, asked.fewest_ratings)),
        "ranking": [_place(one) for level in levels[:1] for one in level],
        "further": [
            {"depth": depth, "units": _by_code(level), "ranking": [_place(one) for one in level]}
            for depth, level in enumerate(levels[1:], 2)
            if len(level) > 1
        ],
        "weights": [
            {"figure": one.figure, "weight": one.weight}
            for one in bureau.oversight.ranking.measures
        ],
        "least_cases": bureau.oversight.ranking.least_cases,
        "head": {"size": made.size, "root": made.root},
    }


def _told(figures: Figures) -> Record:
    return {"counts": counts_of(figures), "withheld": dict(figures.withheld)}


def _place(one: Ranked) -> Record:
    told = {name: getattr(one, name) for name in ("unit", "name", "rank", "score", "moved")}
    told |= {"lacking": list(one.lacking), "due": one.figures.due}
    return told | {"disclosure_rate": one.figures.disclosure_rate}


def _by_code(level: Sequence[Ranked]) -> list[Record]:
    return [
        {"unit": one.unit, "name": one.name} | _told(one.figures)
        for one in sorted(level, key=lambda one: one.unit)
    ]


def _trend(bureau: Bureau, unit: str, quarters: Sequence[Period], now: datetime) -> list[Record]:
    asked = Question(quarters[0].first, quarters[-1].last, "quarter", unit)
    found = {row.quarter: row.figures for row in rates(bureau, asked, now).rows}
    nothing = figures_from(dict.fromkeys(FIGURES, 0), {}, asked.fewest_ratings)
    return [{"period": one.code} | _told(found.get(one.code, nothing)) for one in quarters]


def _units(tree: Sequence[Record], rows: Sequence[Row], fewest: int) -> Iterator[Record]:
    """Each unit a step below the top with all below it, and the top where it has cases itself."""
    own = {row.unit: row.figures for row in rows}
    groups: list[tuple[Record, list[Figures]]] = []
    for unit in tree:  # each after the one above it
        if unit["depth"] < 2:
            groups.append((unit, []))
        if unit["code"] in own:
            groups[-1][1].append(own[unit["code"]])
    for unit, parts in groups:
        if parts or unit["depth"]:
            name = unit["name"] if unit["depth"] else f"{unit['name']}（本级）"
            yield {"unit": unit["code"], "name": name} | _told(together(parts, fewest))
