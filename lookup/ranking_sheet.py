"""A ranking as a grid, the same in every file: each rate with its counts and its weight."""

from collections.abc import Iterator

from lookup.exports import HEADS
from lookup.figures import SHARES
from lookup.language import Text
from lookup.oversight import Weights
from lookup.ranking import Ranked
from lookup.sheets import Column, Value

_PARTS = {
    "part": Text("{rate}：分子", "{rate}: numerator"),
    "whole": Text("{rate}：分母", "{rate}: denominator"),
    "weight": Text("{rate}：权重", "{rate}: weight"),
}


def ranking_columns(weights: Weights) -> list[Column]:
    """The columns of `ranking_row`; ``level`` is how many steps below the top the units stand."""
    return [
        Column("level", Text("层级", "Level")),
        Column("rank", Text("名次", "Rank")),
        Column("moved", Text("比上期升（降为负）", "Places up since before")),
        Column("unit", Text("单位代码", "Unit")),
        Column("unit_name", Text("单位", "Name"), 28),
        Column("score", Text("得分（占满分）", "Score (of the full one)")),
        Column("due", HEADS["due"]),
        *(column for one in weights.measures for column in _columns(one.figure)),
    ]


def _columns(figure: str) -> Iterator[Column]:
    yield Column(figure, HEADS[figure])
    for name, said in _PARTS.items():
        yield Column(f"{figure}_{name}", said.fill(rate=HEADS[figure]))


def ranking_row(weights: Weights, level: int, row: Ranked) -> list[Value]:
    """A unit; its score is a fraction, as its rates are."""
    score = None if row.score is None else row.score / 100
    told: list[Value] = [level, row.rank, row.moved, row.unit, row.name, score, row.figures.due]
    for one in weights.measures:
        counts = SHARES[one.figure]
        told.append(getattr(row.figures, one.figure))
        told += [getattr(row.figures, counts.part), getattr(row.figures, counts.whole), one.weight]
    return told
