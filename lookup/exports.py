"""Rates as text: JSON for programs, CSV for spreadsheets, a table for the terminal.

Nothing is counted here. Every form says its period, its cut-off and its definition, and shows
each rate with its numerator and denominator.
"""

import csv
import io
import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import Any

from lookup.beijing import BEIJING, utc_text
from lookup.cells import defuse
from lookup.language import Language, Text
from lookup.rates import DEFINITION, LEVELS, Figures, Rates, Row
from lookup.vocabulary import WITHHELD_REASONS

_WIDEST = 120
_WIDEST_LABEL = 36
_GAP = "  "
_NONE = "-"
FIGURES = (
    *("due", "disclosed", "disclosure_rate", "milestones", "on_time", "on_time_rate", "backlog"),
    *("clocks_due", "clocks_kept", "clocks_kept_rate", "clocks_extended", "looked_up"),
    *("lookup_rate", "rated", "participation", "ratings"),
)


def as_json(rates: Rates) -> str:
    """One object: period, cut-off (UTC), definition, grouping, unit chosen, ``rows``, ``total``.

    Rates are fractions, null for 0 / 0; keys that are not the grouping are null. ``withheld``
    maps the reasons that occur to their number of cases, ``levels`` each level to its ratings.
    """
    text = rates.definition_text
    said = _frame(rates) | {
        "definition_text": {
            "zh": {name: one.zh for name, one in text.items()},
            "en": {name: one.en for name, one in text.items()},
        },
        "rows": [_as_object(row) for row in rates.rows],
        "total": _as_object(rates.total),
    }
    return json.dumps(said, ensure_ascii=False, indent=2)


def as_csv(rates: Rates) -> str:
    """A plain grid for spreadsheets: byte order mark, CRLF, one header, one line a row.

    Columns are the keys of the JSON, ``withheld`` and ``levels`` spread out. Period, cut-off,
    definition and choice are columns and not comment lines, so that programs can read and stack
    every line. The line of the total (``part``) has the definition's text in its last cell.
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
        "by": question.by,
        "within": question.unit,
        "within_name": rates.unit_name,
    }


def _as_object(row: Row) -> dict[str, Any]:
    figures = row.figures
    label = {name: getattr(row, name) for name in ("unit", "unit_name", "kind", "month", "officer")}
    return (
        label
        | {"taken_in": figures.taken_in, "withheld": dict(figures.withheld)}
        | {name: getattr(figures, name) for name in FIGURES}
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


def as_table(rates: Rates, language: Language) -> str:
    """A table of at most 120 columns of a terminal, continued below where it is wider.

    Beside each rate stand its numerator and denominator; below, the withheld cases by reason,
    the cut-off in Beijing time and the definition.
    """
    rows = [*rates.rows, rates.total]

    def column(head: Text, cell: Cell) -> Lines:
        texts = (head, *(cell(row.figures) for row in rows))
        return _aligned([text.said_in(language) for text in texts], str.rjust)

    texts = (_GROUPS[rates.question.by], *(row.label for row in rows))
    labels = _aligned([_clipped(text.said_in(language)) for text in texts], str.ljust)
    groups = (reduce(_beside, (column(*one) for one in group)) for group in _COLUMNS)
    blocks = _blocks(labels, groups)
    heading = _heading(rates).said_in(language)
    notes = "\n".join(note.said_in(language) for note in _notes(rates))
    return "\n\n".join([heading, *map("\n".join, blocks), notes])


Cell = Callable[[Figures], Text]
Lines = list[str]


def _number(name: str) -> Cell:
    return lambda figures: _same(f"{getattr(figures, name)}")


def _rate(part: str, whole: str, rate: str) -> Cell:
    def cell(figures: Figures) -> Text:
        parts = f"{getattr(figures, part)}/{getattr(figures, whole)}"
        return _same(f"{parts} {_percent(getattr(figures, rate))}")

    return cell


def _withheld(figures: Figures) -> Text:
    return _same(f"{figures.taken_in - figures.due}")


def _satisfaction(figures: Figures) -> Text:
    parts = f"{figures.satisfied}/{figures.ratings}"
    if figures.too_few:
        return Text(f"{parts} 过少", f"{parts} too few")
    return _same(f"{parts} {_percent(figures.satisfaction)}")


def _level(level: int) -> Cell:
    def cell(figures: Figures) -> Text:
        share = figures.level_share(level)
        return _same(f"{figures.levels[level]} {_NONE if share is None else f'{share:.0%}'}")

    return cell


def _same(said: str) -> Text:
    return Text(said, said)


def _percent(share: float | None) -> str:
    return _NONE if share is None else f"{share:.2%}"


_GROUPS = {
    "unit": Text("单位", "Unit"),
    "kind": Text("类别", "Kind"),
    "month": Text("月份", "Month"),
    "officer": Text("主办民警", "Officer"),
}
# Columns that are read together stand together.
_COLUMNS: tuple[tuple[tuple[Text, Cell], ...], ...] = (
    (
        (Text("受案", "Taken in"), _number("taken_in")),
        (Text("不予公开", "Withheld"), _withheld),
        (Text("应公开", "Due"), _number("due")),
        (Text("公开率", "Disclosed"), _rate("disclosed", "due", "disclosure_rate")),
        (Text("按时公开率", "On time"), _rate("on_time", "milestones", "on_time_rate")),
        (Text("历史节点", "Backlog"), _number("backlog")),
    ),
    (
        (Text("期限遵守率", "Clock kept"), _rate("clocks_kept", "clocks_due", "clocks_kept_rate")),
        (Text("其中延长", "Extended"), _number("clocks_extended")),
    ),
    (
        (Text("查询率", "Looked up"), _rate("looked_up", "due", "lookup_rate")),
        (Text("参与率", "Participation"), _rate("rated", "due", "participation")),
    ),
    (
        (Text("满意率", "Satisfaction"), _satisfaction),
        *((Text(f"{level} 级", f"Level {level}"), _level(level)) for level in LEVELS),
    ),
)


def _blocks(labels: Lines, groups: Iterable[Lines]) -> Iterator[Lines]:
    """The table, begun anew below with the labels where a group of columns does not fit."""
    block = labels
    for group in groups:
        wider = _beside(block, group)
        if _width(wider[0]) > _WIDEST and block is not labels:
            yield block
            wider = _beside(labels, group)
        block = wider
    yield block


def _beside(left: Lines, right: Lines) -> Lines:
    return [one + _GAP + other for one, other in zip(left, right, strict=True)]


def _aligned(cells: Lines, align: Callable[[str, int], str]) -> Lines:
    widest = max(map(_width, cells))
    # Padding counts characters, of which Chinese ones take two columns.
    return [align(cell, widest - _width(cell) + len(cell)) for cell in cells]


def _width(text: str) -> int:
    """The columns a terminal takes for a text."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide


def _clipped(label: str) -> str:
    if _width(label) <= _WIDEST_LABEL:
        return label
    while _width(label) > _WIDEST_LABEL - 1:
        label = label[:-1]
    return label + "…"


def _heading(rates: Rates) -> Text:
    first, last, unit = rates.question.first, rates.question.last, rates.unit_name
    return Text(
        f"{first} 至 {last} 受理的案件" + (f"，{unit}及其下属单位" if unit else ""),
        f"Cases taken in from {first} to {last}" + (f", {unit} and units below it" if unit else ""),
    )


def _notes(rates: Rates) -> Iterator[Text]:
    withheld = rates.total.figures.withheld
    counted = [(WITHHELD_REASONS[code], number) for code, number in withheld.items()]
    zh = "，".join(f"{reason.zh} {number}" for reason, number in counted) or "无"
    en = ", ".join(f"{reason.en} {number}" for reason, number in counted) or "none"
    yield Text(f"不予公开的理由：{zh}", f"Withheld by reason: {en}")
    cutoff = rates.question.cutoff.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
    yield Text(f"截止时间：{cutoff}（北京时间）", f"Cut-off: {cutoff} (Beijing time)")
    yield Text(
        f"统计口径：{DEFINITION}，全文见 JSON 和 CSV 导出中的 definition_text。",
        f"Definition: {DEFINITION}; its full text is definition_text in the JSON and CSV exports.",
    )
