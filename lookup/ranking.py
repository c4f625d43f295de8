"""Units of one level ranked on a weighted score, against the period before.

The weights are configuration and printed with the ranking. A rate that cannot be given, because
there is nothing to count or there are too few ratings, leaves its weight out of the unit's score
and is marked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lookup.bureau import Bureau
from lookup.database import Record
from lookup.figures import Figures, together
from lookup.oversight import Rate, Weights
from lookup.periods import Period
from lookup.rates import Question, rates
from lookup.units import tree_of


@dataclass(frozen=True, slots=True)
class Ranked:
    """A unit with all below it. ``score`` is of 100; ``rank`` is None where there are too few
    cases, ``moved`` how many places up since the period before, None where it had none then.
    ``lacking`` are the measures without a rate."""

    unit: str
    name: str
    figures: Figures
    score: float | None
    rank: int | None
    moved: int | None
    lacking: tuple[Rate, ...]


def rank(
    bureau: Bureau, period: Period, top: str, depth: int = 1, now: datetime | None = None
) -> Sequence[Ranked]:
    """The units that stand ``depth`` steps below a unit, the best first, then those not ranked."""
    depth = max(depth, 0)
    tree = tree_of(bureau.db, top)
    before = _places(_scored(bureau, period.before(), top, tree, depth, now))
    rows = _scored(bureau, period, top, tree, depth, now)
    places = _places(rows)
    ranked = [
        Ranked(
            unit=unit["code"],
            name=unit["name"],
            figures=figures,
            score=score,
            rank=places.get(unit["code"]),
            moved=_moved(before.get(unit["code"]), places.get(unit["code"])),
            lacking=tuple(
                one.figure
                for one in bureau.oversight.ranking.measures
                if getattr(figures, one.figure) is None
            ),
        )
        for unit, figures, score in rows
    ]
    return sorted(ranked, key=lambda one: (one.rank is None, one.rank or 0, one.unit))


def _moved(was: int | None, now: int | None) -> int | None:
    return was - now if was is not None and now is not None else None


Scored = tuple[Record, Figures, float | None]


def _scored(
    bureau: Bureau,
    period: Period,
    top: str,
    tree: Sequence[Record],
    depth: int,
    now: datetime | None,
) -> list[Scored]:
    counted = rates(bureau, Question(period.first, period.last, "unit", top), now)
    own = {row.unit: row.figures for row in counted.rows}
    found: list[tuple[Record, list[Figures]]] = []
    for unit in tree:  # each after the one above it
        if unit["depth"] == depth:
            found.append((unit, []))
        if unit["depth"] >= depth and unit["code"] in own:
            found[-1][1].append(own[unit["code"]])
    whole = ((unit, together(parts, counted.question.fewest_ratings)) for unit, parts in found)
    return [(unit, figures, _score(bureau.oversight.ranking, figures)) for unit, figures in whole]


def _score(weights: Weights, figures: Figures) -> float | None:
    """Of 100, to two places as it is printed: what looks equal is equal."""
    told = [(getattr(figures, one.figure), one.weight) for one in weights.measures]
    known: list[tuple[float, int]] = [one for one in told if one[0] is not None and one[1]]
    if figures.due < weights.least_cases or not known:
        return None
    return round(100 * sum(r * w for r, w in known) / sum(w for _, w in known), 2)


def _places(rows: Sequence[Scored]) -> Mapping[str, int]:
    """The rank of each unit that has a score; equal scores share one, and the next is left out."""
    scores = {unit["code"]: score for unit, _, score in rows if score is not None}
    return {
        code: 1 + sum(other > score for other in scores.values()) for code, score in scores.items()
    }
