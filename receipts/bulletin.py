"""The bulletin of a quarter, ready for display: on paper in Chinese with English heads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

# In Chinese and in English.
Pair = tuple[str, str]


class Cell(NamedTuple):
    """What stands in a table, and in small print what that is made of."""

    said: Pair
    of: str = ""


class Table(NamedTuple):
    """``wide`` are its columns of words; its last ``totals`` rows are no unit's own; ``chart`` is
    an SVG, blank where there is none."""

    title: Pair
    heads: Sequence[Pair]
    rows: Sequence[Sequence[Cell]]
    wide: Sequence[int] = (0,)
    totals: int = 0
    note: Pair = ("", "")
    chart: Pair = ("", "")


@dataclass(frozen=True)
class Bulletin:
    """What a bulletin says. ``mark`` tells that it is not published yet, and is blank once it is;
    ``changed`` and ``foreword`` are paragraphs as its authors wrote them."""

    template: ClassVar[str] = "bulletin.typ"
    title: Pair
    edition: Pair
    mark: Pair
    bureau: str
    addressed: Pair
    day: Pair
    changed: Sequence[str]
    foreword: Sequence[str]
    summary: Sequence[Pair]
    tables: Sequence[Table]
    definitions: Sequence[Pair]
    about: Sequence[tuple[Pair, Pair]]
