"""Rates as files: JSON for programs, CSV and XLSX for spreadsheets.

Nothing is counted here. Every form says its period, its cut-off and its definition, and shows
each rate with its numerator and denominator.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import IO, Any

from lookup.beijing import utc_text
from lookup.language import Text
from lookup.levels import POINTS
from lookup.rates import Rates, Row
from lookup.sheets import Column, Value, write_csv, write_xlsx
from lookup.trail import Head
from lookup.vocabulary import WITHHELD_REASONS, Word

FIGURES = (
    *("due", "disclosed", "disclosure_rate", "milestones", "on_time", "on_time_rate", "backlog"),
    *("clocks_due", "clocks_kept", "clocks_kept_rate", "clocks_extended", "looked_up"),
    *("lookup_rate", "rated", "participation", "ratings", "callbacks", "called", "callback_rate"),
    *("callbacks_due", "callbacks_kept", "callbacks_kept_rate", "callbacks_closed", "put_right"),
    *("put_right_rate", "rerated", "rerating_rate", "comments", "answered", "answer_rate"),
    *("answers_due", "answers_kept", "answers_kept_rate", "inspected", "sound", "sound_rate"),
)
GROUPS = {
    "unit": Text("单位", "Unit"),
    "kind": Text("类别", "Kind"),
    "month": Text("月份", "Month"),
    "quarter": Text("季度", "Quarter"),
    "year": Text("年份", "Year"),
    "officer": Text("主办民警", "Officer"),
}
# What each figure is called, in the order of a sheet.
HEADS: Mapping[str, Text] = {
    "taken_in": Text("受案数", "Taken in"),
    **{
        f"withheld_{code}": Text(f"不予公开：{said.zh}", f"Withheld: {said.en}")
        for code, said in WITHHELD_REASONS.items()
    },
    "due": Text("应公开数", "Due"),
    "disclosed": Text("公开数", "Disclosed"),
    "disclosure_rate": Text("公开率", "Disclosure rate"),
    "milestones": Text("已发生节点", "Milestones"),
    "on_time": Text("按时公开节点", "On time"),
    "on_time_rate": Text("按时公开率", "On-time rate"),
    "backlog": Text("历史节点", "Backlog"),
    "clocks_due": Text("到期的决定", "Decisions due"),
    "clocks_kept": Text("期限内作出", "Kept"),
    "clocks_kept_rate": Text("期限遵守率", "Clock kept"),
    "clocks_extended": Text("其中延长", "Extended"),
    "looked_up": Text("已查询案件", "Looked up"),
    "lookup_rate": Text("查询率", "Lookup rate"),
    "rated": Text("已评价案件", "Rated"),
    "participation": Text("参与率", "Participation"),
    "ratings": Text("现行评价", "Ratings"),
    "satisfied": Text("3 级及以上", "3 or more"),
    "satisfaction": Text("满意率", "Satisfaction"),
    **{f"level_{level}": Text(f"{level} 级", f"Level {level}") for level in POINTS},
    **{f"level_share_{level}": Text(f"{level} 级占比", f"Share of {level}") for level in POINTS},
    "callbacks": Text("差评回访件", "Call-backs"),
    "called": Text("已回访", "Called back"),
    "callback_rate": Text("回访率", "Call-back rate"),
    "callbacks_due": Text("到期的回访", "Call-backs due"),
    "callbacks_kept": Text("按期办结", "Closed in time"),
    "callbacks_kept_rate": Text("按期回访率", "In-time call-back rate"),
    "callbacks_closed": Text("已办结回访", "Call-backs closed"),
    "put_right": Text("已整改或说明", "Put right"),
    "put_right_rate": Text("整改率", "Put-right rate"),
    "rerated": Text("回访后再评价", "Rated again"),
    "rerating_rate": Text("再评价率", "Re-rating rate"),
    "comments": Text("应答复留言", "Comments"),
    "answered": Text("已答复", "Answered"),
    "answer_rate": Text("答复率", "Answer rate"),
    "answers_due": Text("到期的答复", "Answers due"),
    "answers_kept": Text("按期答复", "Answered in time"),
    "answers_kept_rate": Text("按期答复率", "In-time answer rate"),
    "inspected": Text("抽查案件", "Inspected"),
    "sound": Text("未发现问题", "Sound"),
    "sound_rate": Text("抽查合格率", "Inspection rate"),
}
_NAMED = {
    "cutoff": Text("截止时间", "Cut-off"),
    "withheld": Text("不予公开数", "Withheld"),
}
_TOO_FEW = Word("too_few", Text("过少", "too few"))
_LABEL_WIDTH = 34
# What tells a row apart: those that are not grouped by are null.
ROW_LABELS = ("unit", "unit_name", "kind", "month", "quarter", "year", "officer")


@dataclass(frozen=True, slots=True)
class Made:
    """By whom and when an export was made, and the head of the record at that time."""

    by: str
    at: datetime
    head: Head


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
    parts = [("row", row) for row in rates.rows] + [("total", rates.total)]
    lines = [{"part": part} | _frame(rates) | _spread(_as_object(row)) for part, row in parts]
    lines[-1]["definition_text"] = " ".join(one.both() for one in rates.definition_text.values())
    names = list(lines[-1])
    file = BytesIO()
    write_csv(file, names, ([line.get(name) for name in names] for line in lines))
    return file.getvalue().decode()


def as_xlsx(rates: Rates, out: IO[bytes], made: Made) -> None:
    """A workbook: a sheet of the rows with their total, and one that says how they were reached.

    Counts are integers, rates are fractions shown as percentages. Raises OSError where it cannot
    be written.
    """
    columns = [Column("label", GROUPS[rates.question.by], _LABEL_WIDTH)]
    columns += [Column(name, head) for name, head in HEADS.items()]
    rows = (_cells(row) for row in rates.rows)
    title, total = Text("统计表", "Rates"), _cells(rates.total)
    write_xlsx(out, title, columns, rows, about(rates, made), total=total, pages_wide=2)


def _cells(row: Row) -> list[Value]:
    told, label = _spread(_as_object(row)), row.label
    if row.figures.too_few:
        told["satisfaction"] = _TOO_FEW
    said = label.zh if label.zh == label.en else label.both()
    return [said, *(told[name] for name in HEADS)]


def about(rates: Rates, made: Made) -> Iterator[tuple[Text, Value]]:
    """What a sheet has to say of itself: what it counts, as of when, by which definition, who made
    it, and the head of the record."""
    question = rates.question
    yield Text("统计范围", "Counted"), heading(rates)
    yield Text("受案日自", "From"), question.first
    yield Text("受案日至", "To"), question.last
    yield _NAMED["cutoff"], rates.cutoff
    yield Text("制表人", "Made by"), made.by
    yield Text("制表时间", "Made at"), made.at
    yield Text("记录条数", "Entries of the record"), made.head.size
    yield Text("记录的根", "Root of the record"), made.head.root
    yield Text("统计口径", "Definition"), rates.definition.name
    for name, text in rates.definition_text.items():
        yield _NAMED.get(name) or HEADS[name], text


def heading(rates: Rates) -> Text:
    """Which cases a sheet counts."""
    first, last, unit = rates.question.first, rates.question.last, rates.unit_name
    return Text(
        f"{first} 至 {last} 受理的案件" + (f"，{unit}及其下属单位" if unit else ""),
        f"Cases taken in from {first} to {last}" + (f", {unit} and units below it" if unit else ""),
    )


def _frame(rates: Rates) -> dict[str, Any]:
    question = rates.question
    return {
        "from": question.first.isoformat(),
        "to": question.last.isoformat(),
        "cutoff": utc_text(rates.cutoff),
        "definition": rates.definition.name,
        "by": question.by,
        "within": question.unit,
        "within_name": rates.unit_name,
    }


def _as_object(row: Row) -> dict[str, Any]:
    figures = row.figures
    label = {name: getattr(row, name) for name in ROW_LABELS}
    return (
        label
        | {"taken_in": figures.taken_in, "withheld": dict(figures.withheld)}
        | {name: getattr(figures, name) for name in FIGURES}
        | {
            "levels": {str(level): figures.levels[level] for level in POINTS},
            "level_shares": {str(level): figures.level_share(level) for level in POINTS},
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
