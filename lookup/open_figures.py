"""What everybody may read: of each quarter whose bulletin is published, what the bureau chose."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from io import BytesIO
from typing import Any

from lookup.database import Database, Record
from lookup.editions import SAID, recorded, seal_of
from lookup.exports import HEADS
from lookup.figures import SHARES, figures_from
from lookup.language import Text
from lookup.oversight import Published
from lookup.periods import Period, read_period
from lookup.sheets import write_csv
from lookup.suppression import KEPT_BACK, Cell, cell_of, cells_of

# These tell how many ratings there were, or how many were bad.
_OF_RATINGS = frozenset(
    ("participation", "callback_rate", "callbacks_kept_rate", "put_right_rate", "rerating_rate")
)
_COLUMNS = (
    *("period", "from", "to", "edition", "published_at", "cutoff", "definition", "unit"),
    *("unit_name", "figure", "shown", "part", "whole", "rate"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A unit, with all below it, and what is shown of its rate; the bureau has no code."""

    unit: str
    name: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class Figure:
    """A rate of `Figures` by its code, what the bulletin said of it, and its lines: the bureau's
    and then those of its units."""

    code: str
    said: Text
    lines: Sequence[Line]

    @property
    def name(self) -> Text:
        """What it is called."""
        return HEADS[self.code]


@dataclass(frozen=True)
class Quarter:
    """The latest published edition of a quarter's bulletin, instants as database text."""

    period: Period
    edition: int
    published_at: str
    cutoff: str
    definition: str
    figures: Sequence[Figure]

    @cached_property
    def rates(self) -> Sequence[dict[str, Any]]:
        """For programs: one for each figure and unit, the bureau's ``unit`` empty."""
        days = (self.period.first.isoformat(), self.period.last.isoformat())
        frame = (self.period.code, *days, self.edition, self.published_at, self.cutoff)
        return [
            dict(zip(_COLUMNS, (*frame, self.definition, *row), strict=True))
            for row in _rows(self.figures)
        ]


def _rows(figures: Sequence[Figure]) -> Iterator[tuple[Any, ...]]:
    for figure in figures:
        for line in figure.lines:
            cell = line.cell
            told = (cell.shown, cell.part, cell.whole, cell.rate)
            yield line.unit, line.name, figure.code, *told


def open_periods(db: Database) -> list[str]:
    """The codes of the quarters that by the record are published, the latest first."""
    return sorted({period for period, _ in recorded(db)}, reverse=True)


def open_quarters(db: Database, chosen: Published, periods: Sequence[str]) -> list[Quarter]:
    """The quarters of some of those codes, the latest first, without those of which an edition is
    not what the record says was published."""
    named = {f"period{place}": code for place, code in enumerate(periods)}
    rows = db.rows(
        f"""SELECT {", ".join(SAID)} FROM bulletin
        WHERE state = 'published' AND period IN ({", ".join(f":{name}" for name in named) or "''"})
        ORDER BY edition""",
        **named,
    )
    told = {key: one["sheet"] for key, (_, one) in recorded(db).items()}
    quarters = []
    for code in sorted(periods, reverse=True):
        found = [row for row in rows if row["period"] == code]
        if found and {(code, row["edition"]): seal_of(row) for row in found} == {
            key: seal for key, seal in told.items() if key[0] == code
        }:
            editions = ((row["edition"], row["published_at"], row["data"]) for row in found)
            quarters.append(_quarter(chosen, tuple(editions)))
    return quarters


@lru_cache(maxsize=64)
def _quarter(chosen: Published, editions: Sequence[tuple[int, str, str]]) -> Quarter:
    """What is published never changes, so it is read once."""
    number, published_at, _ = editions[-1]
    told = [json.loads(data) for _, _, data in editions]
    return Quarter(
        read_period(told[-1]["period"]["code"]),
        number,
        published_at,
        told[-1]["cutoff"],
        told[-1]["definition"],
        [_figure(code, told, chosen) for code in chosen.figures],
    )


def _figure(code: str, editions: Sequence[Record], chosen: Published) -> Figure:
    latest = editions[-1]
    units: Sequence[Line] = ()
    if chosen.by_unit:
        columns = [_lines(code, one["units"], chosen) for one in editions]
        units = columns[-1]
        # Two editions that hide other cells could be held against each other.
        if len({tuple((one.unit, one.cell.shown) for one in column) for column in columns}) > 1:
            units = [Line(one.unit, one.name, KEPT_BACK) for one in units]
    [cell] = _cells(code, [latest["total"]], chosen, _alone)
    total = Line("", latest["unit_name"], cell)
    return Figure(code, Text(**latest["definition_text"][code]), [total, *units])


def _lines(code: str, units: Sequence[Record], chosen: Published) -> list[Line]:
    cells = _cells(code, units, chosen, cells_of)
    return [Line(one["unit"], one["name"], cell) for one, cell in zip(units, cells, strict=True)]


def _alone(counts: Sequence[tuple[int, int]], fewest: int) -> list[Cell]:
    return [cell_of(*one, fewest) for one in counts]


def _cells(
    code: str,
    told: Sequence[Record],
    chosen: Published,
    shown: Callable[[Sequence[tuple[int, int]], int], list[Cell]],
) -> list[Cell]:
    """What is shown of a rate: where satisfaction is hidden, nothing that tells of ratings."""
    cells = shown([_counts(code, one) for one in told], chosen.fewest)
    if code not in _OF_RATINGS or "satisfaction" not in chosen.figures:
        return cells
    ratings = _cells("satisfaction", told, chosen, shown)
    return [
        cell if of_ratings.shown == "exact" else KEPT_BACK
        for cell, of_ratings in zip(cells, ratings, strict=True)
    ]


def _counts(code: str, told: Record) -> tuple[int, int]:
    """Part and whole of a rate."""
    rate, figures = SHARES[code], figures_from(told["counts"], told["withheld"], 0)
    return getattr(figures, rate.part), getattr(figures, rate.whole)


def as_json(
    head: Record, fewest: int, periods: Sequence[str], quarters: Sequence[Quarter]
) -> bytes:
    """One object: ``head`` as `proofs.head_now` tells it, ``fewest``, all ``periods`` that can be
    asked for, and the ``rates`` of these quarters."""
    rates = [one for quarter in quarters for one in quarter.rates]
    told = {"head": head, "fewest": fewest, "periods": periods, "rates": rates}
    return json.dumps(told, ensure_ascii=False).encode()


def as_csv(head: Record, quarters: Sequence[Quarter]) -> bytes:
    """The rates as a grid, each line with size and root of the record."""
    file, record = BytesIO(), (head["size"], head["root"])
    rows = ([*one.values(), *record] for quarter in quarters for one in quarter.rates)
    write_csv(file, [*_COLUMNS, "head_size", "head_root"], rows)
    return file.getvalue()
