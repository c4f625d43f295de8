"""A ranking as a file: each rate with its counts and its weight, the same in every form."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import IO

from lookup.beijing import utc_text
from lookup.bureau import Bureau
from lookup.database import Record
from lookup.exports import HEADS, Made, about
from lookup.figures import SHARES
from lookup.language import LANGUAGES, Text
from lookup.oversight import Weights
from lookup.periods import Period
from lookup.ranking import Ranked, rank
from lookup.rates import Question, Rates, rates
from lookup.sheets import Column, Row, Score, Value, write_csv, write_xlsx
from lookup.units import tree_of

FORMS = ("csv", "xlsx", "json")
_TITLE = Text("排名", "Ranking")
_LEAST = Text("少于多少个应公开案件不排名", "Cases due that a unit needs to be ranked")
_PARTS = {
    "part": Text("{rate}：分子", "{rate}: numerator"),
    "whole": Text("{rate}：分母", "{rate}: denominator"),
    "weight": Text("{rate}：权重", "{rate}: weight"),
}


@dataclass(frozen=True, slots=True)
class Ranking:
    """Units, each with how many steps below the top it stands; ``counted`` is what all of them
    have together, with period, cut-off and definition."""

    counted: Rates
    weights: Weights
    rows: Sequence[tuple[int, Ranked]]


def ranking_of(
    bureau: Bureau, period: Period, within: str | None, depth: int | None, now: datetime
) -> Ranking:
    """The units some steps below one, or below the top of the bureau; on each level below where
    none is named. Raises NotFound where there is no such unit."""
    with bureau.db.transaction(reading=True):
        asked = Question(period.first, period.last, "year", within)
        counted, db = rates(bureau, asked, now), bureau.db
        tops = db.rows("SELECT code FROM unit WHERE parent IS NULL ORDER BY code")
        rows = [
            (level, one)
            for top in ([within] if within else [row["code"] for row in tops])
            for level in ([depth] if depth is not None else levels_below(bureau, top))
            for one in rank(bureau, period, top, level, now)
        ]
    return Ranking(counted, bureau.oversight.ranking, rows)


def levels_below(bureau: Bureau, top: str) -> range:
    """How many steps below a unit there are others."""
    return range(1, 1 + max(unit["depth"] for unit in tree_of(bureau.db, top)))


def write_ranking(ranking: Ranking, form: str, out: IO[bytes], made: Made) -> None:
    """One of FORMS. Scores are of 100; rates are fractions, shown as percentages in a workbook.
    Raises OSError where it cannot be written."""
    columns, rows = _columns(ranking.weights), [_row(ranking.weights, *one) for one in ranking.rows]
    frame, names = _frame(ranking), [column.name for column in columns]
    if form == "csv":
        text = " ".join(one.both() for one in ranking.counted.definition_text.values())
        lines = ([*frame.values(), *row] for row in rows[:-1])
        last = ([*frame.values(), *row, text] for row in rows[-1:])
        write_csv(out, [*frame, *names, "definition_text"], chain(lines, last))
    elif form == "xlsx":
        notes = [*about(ranking.counted, made), (_LEAST, ranking.weights.least_cases)]
        write_xlsx(out, _TITLE, columns, rows, notes)
    else:
        told: Record = {**frame, "definition_text": _defined(ranking.counted)}
        told["rows"] = [dict(zip(names, row, strict=True)) for row in rows]
        out.write(f"{json.dumps(told, ensure_ascii=False, indent=2)}\n".encode())


def _frame(ranking: Ranking) -> dict[str, str | int | None]:
    asked = ranking.counted.question
    return {
        "from": asked.first.isoformat(),
        "to": asked.last.isoformat(),
        "cutoff": utc_text(ranking.counted.cutoff),
        "definition": ranking.counted.definition.name,
        "within": asked.unit,
        "least": ranking.weights.least_cases,
    }


def _defined(counted: Rates) -> dict[str, dict[str, str]]:
    told = counted.definition_text.items()
    return {language: {name: one.said_in(language) for name, one in told} for language in LANGUAGES}


def _columns(weights: Weights) -> list[Column]:
    return [
        Column("level", Text("层级", "Level")),
        Column("rank", Text("名次", "Rank")),
        Column("moved", Text("比上期升（降为负）", "Places up since before")),
        Column("unit", Text("单位代码", "Unit")),
        Column("unit_name", Text("单位", "Name"), 28),
        Column("score", Text("得分（满分 100）", "Score (of 100)")),
        Column("due", HEADS["due"]),
        *(column for one in weights.measures for column in _columns_of(one.figure)),
    ]


def _columns_of(figure: str) -> Iterator[Column]:
    yield Column(figure, HEADS[figure])
    for name, said in _PARTS.items():
        yield Column(f"{figure}_{name}", said.fill(rate=HEADS[figure]))


def _row(weights: Weights, level: int, row: Ranked) -> Row:
    score = None if row.score is None else Score(row.score)
    told: list[Value] = [level, row.rank, row.moved, row.unit, row.name, score, row.figures.due]
    for one in weights.measures:
        counts = SHARES[one.figure]
        told.append(getattr(row.figures, one.figure))
        told += [getattr(row.figures, counts.part), getattr(row.figures, counts.whole), one.weight]
    return told
