"""Rates as text: JSON for programs, CSV for spreadsheets, a table for the terminal.

Nothing is counted here. Every form says its period, its cut-off and its definition, and shows
each rate with its numerator and denominator.
"""

import csv
import io
import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lookup.beijing import BEIJING, utc_text
from lookup.language import Language, Text
from lookup.rates import DEFINITION, LEVELS, Figures, Rates, Row
from lookup.tables import defuse
from lookup.vocabulary import WITHHELD_REASONS

_WIDEST = 120
_WIDEST_LABEL = 40
_GAP = "  "
_FIGURES = (
    *("due", "disclosed", "disclosure_rate", "milestones", "on_time", "on_time_rate", "backlog"),
    *("clocks_due", "clocks_kept", "clocks_kept_rate", "clocks_extended", "looked_up"),
    *("lookup_rate", "rated", "participation", "ratings"),
)


def as_json(rates: Rates) -> str:
    """One object: period, cut-off (UTC), definition, ``rows`` and ``total``.

    Rates are fractions, null for 0 / 0; keys that are not the grouping are null. ``withheld``
    maps the reasons that occur to their number of cases, ``levels`` each level to its ratings.
    """
    text = rates.definition_text
    said = _frame(rates) | {
        "definition_text": {
            "zh": {name: one.zh for name, one in text.items()},
            "en": {name: one.en for name, one in text.items()},
        },
        "by": rates.question.by,
        "unit": rates.question.unit,
        "unit_name": rates.unit_name,
        "rows": [_as_object(row) for row in rates.rows],
        "total": _as_object(rates.total),
    }
    return json.dumps(said, ensure_ascii=False, indent=2)


def as_csv(rates: Rates) -> str:
    """A plain grid for spreadsheets: byte order mark, CRLF, one header, one line a row.

    Columns are the keys of the JSON, ``withheld`` and ``levels`` spread out. So that every line
    can be read and stacked by programs, period, cut-off and definition are columns and not
    comment lines; the line of the total (``part``) carries the definition's text in its last one.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    parts = [("row", row) for row in rates.rows] + [("total", rates.total)]
    lines = [{"part": part} | _frame(rates) | _spread(_as_object(row)) for part, row in parts]
    lines[-1]["definition_text"] = " ".join(one.both() for one in rates.definition_text.values())
    columns = list(lines[-1])
    writer.writerow(columns)
    writer.writerows([_cell(line.get(column)) for column in columns] for line in lines)
    return "\ufeff" + file.getvalue()


def _frame(rates: Rates) -> dict[str, Any]:
    question = rates.question
    return {
        "from": question.first.isoformat(),
        "to": question.last.isoformat(),
        "cutoff": utc_text(question.cutoff),
        "definition": DEFINITION,
    }


def _as_object(row: Row) -> dict[str, Any]:
    figures = row.figures
    label = {name: getattr(row, name) for name in ("unit", "unit_name", "kind", "month", "officer")}
    return (
        label
        | {"taken_in": figures.taken_in, "withheld": dict(figures.withheld)}
        | {name: getattr(figures, name) for name in _FIGURES}
        | {
            "levels": {str(level): figures.levels[level] for level in LEVELS},
            "level_shares": {str(level): figures.level_share(level) for level in LEVELS},
            "satisfied": figures.satisfied,
            "satisfaction": figures.satisfaction,
            "too_few": figures.too_few,
        }
    )


def _spread(told: dict[str, Any]) -> dict[str, Any]:
    spread: dict[str, Any] = {}
    for name, value in told.items():
        if name == "withheld":
            spread |= {f"withheld_{code}": value.get(code, 0) for code in WITHHELD_REASONS}
        elif isinstance(value, dict):
            singular = name.removesuffix("s")
            spread |= {f"{singular}_{key}": one for key, one in value.items()}
        else:
            spread[name] = value
    return spread


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return defuse(value)
    return "" if value is None else json.dumps(value)


@dataclass(frozen=True)
class _Column:
    head: Text
    cell: Callable[[Figures, Language], str]


_TOO_FEW = Text("过少", "too few")
_TOTAL = Text("合计", "Total")
_COLUMNS = (
    _Column(Text("受案", "Taken in"), lambda f, _: str(f.taken_in)),
    _Column(Text("不予公开", "Withheld"), lambda f, _: str(sum(f.withheld.values()))),
    _Column(Text("应公开", "Due"), lambda f, _: str(f.due)),
    _Column(Text("公开率", "Disclosed"), lambda f, _: _rate(f.disclosed, f.due, f.disclosure_rate)),
    _Column(
        Text("按时公开率", "On time"), lambda f, _: _rate(f.on_time, f.milestones, f.on_time_rate)
    ),
    _Column(Text("历史节点", "Backlog"), lambda f, _: str(f.backlog)),
    _Column(
        Text("期限遵守率", "Clock kept"),
        lambda f, _: _rate(f.clocks_kept, f.clocks_due, f.clocks_kept_rate),
    ),
    _Column(Text("其中延长", "Extended"), lambda f, _: str(f.clocks_extended)),
    _Column(Text("查询率", "Looked up"), lambda f, _: _rate(f.looked_up, f.due, f.lookup_rate)),
    _Column(Text("参与率", "Participation"), lambda f, _: _rate(f.rated, f.due, f.participation)),
    _Column(Text("满意率", "Satisfaction"), lambda f, language: _satisfaction(f, language)),
    *(
        _Column(
            Text(f"{level} 级", f"Level {level}"),
            lambda f, _, level=level: f"{f.levels[level]} {_percent(f.level_share(level))}",
        )
        for level in LEVELS
    ),
)


def as_table(rates: Rates, language: Language) -> str:
    """A table of at most 120 columns in the terminal's font, continued below where wider.

    Beside each rate stand its numerator and denominator; below it the withheld cases by reason,
    the cut-off in Beijing time and the definition.
    """
    rows = [*rates.rows, rates.total]
    labels = [
        _GROUPS[rates.question.by].said_in(language),
        *(_label(rates, row, language) for row in rows),
    ]
    columns = [
        [column.head.said_in(language), *(column.cell(row.figures, language) for row in rows)]
        for column in _COLUMNS
    ]
    blocks = ["\n".join(lines) for lines in _blocks(labels, columns)]
    return "\n\n".join([_heading(rates).said_in(language), *blocks, _notes(rates, language)])
