"""Keeping small groups out of what everybody may read: of fewer than ``fewest`` nothing is shown,
and how many they are does not follow from what is shown; pure.

It is about a rate, a part of a whole, over disjoint units and all of them together. Nought is
shown: it is nobody.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lookup.scores import share

# As it is; not at all, where too few are behind it, or where another one that is not shown would
# follow from it.
Shown = Literal["exact", "few", "kept_back"]
Span = tuple[int, int]  # the least and the most that a reader knows a number to be


@dataclass(frozen=True, slots=True)
class Cell:
    """A rate as far as it is shown."""

    shown: Shown
    part: int | None = None
    whole: int | None = None

    @property
    def rate(self) -> float | None:
        """The fraction; None for 0 / 0 and where it is not told."""
        return None if self.part is None else share(self.part, self.whole or 0)


KEPT_BACK = Cell("kept_back")


def cell_of(part: int, whole: int, fewest: int) -> Cell:
    """A rate that stands alone."""
    return Cell("few") if 0 < whole < fewest else Cell("exact", part, whole)


def cells_of(counts: Sequence[tuple[int, int]], fewest: int) -> list[Cell]:
    """The rates of units, (part, whole) each, to stand beside their total as `cell_of` shows it.

    One whole alone that is not shown is the total less the others, so the next smallest is kept
    back with it. All units are where the sum still gives one away, as two do that make two, or is
    itself too small, and where none or all of what is hidden was done: it would be so of each.
    """
    wholes = [whole for _, whole in counts]
    hidden = _hidden(wholes, fewest)
    is_few = 0 < sum(wholes) < fewest
    if is_few or _is_told(counts, hidden) or _follows(hidden, sum(wholes[n] for n in hidden)):
        return [KEPT_BACK] * len(counts)
    cells = [cell_of(*one, fewest) for one in counts]
    return [
        KEPT_BACK if n in hidden and cell.shown == "exact" else cell for n, cell in enumerate(cells)
    ]


def _is_told(counts: Sequence[tuple[int, int]], hidden: Iterable[int]) -> bool:
    """Whether none or all of what is hidden was done, though that is not so of everything."""
    part, whole = _sums(counts[n] for n in hidden)
    done, everything = _sums(counts)
    return whole > 0 and part in (0, whole) and done not in (0, everything)


def _sums(counts: Iterable[tuple[int, int]]) -> tuple[int, int]:
    pairs = list(counts)
    return sum(part for part, _ in pairs), sum(whole for _, whole in pairs)


def _hidden(wholes: Sequence[int], fewest: int) -> dict[int, Span]:
    """The places of the wholes that are not shown, with what is known of each."""
    by_size = sorted(range(len(wholes)), key=wholes.__getitem__)
    spans = {n: (1, fewest - 1) for n in by_size if 0 < wholes[n] < fewest}
    larger = [n for n in by_size if wholes[n] >= fewest]
    if len(spans) == 1 and larger:
        next_one = wholes[larger[1]] if larger[1:] else sum(wholes) + 1
        spans[larger[0]] = (fewest, next_one - 1)
    return spans


def _follows(spans: Mapping[int, Span], total: int) -> bool:
    """Whether one of some numbers is known from their sum."""
    least, most = sum(low for low, _ in spans.values()), sum(high for _, high in spans.values())
    return any(
        max(low, total - (most - high)) >= min(high, total - (least - low))
        for low, high in spans.values()
    )
