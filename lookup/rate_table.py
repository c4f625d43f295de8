"""Rates, and a ranking on them, as a table for the terminal."""

from collections.abc import Callable, Iterable, Iterator
from functools import reduce

from lookup.beijing import BEIJING
from lookup.exports import GROUPS, HEADS, heading
from lookup.figures import RATES, Figures
from lookup.language import Language, Text, width
from lookup.levels import POINTS
from lookup.ranking import Ranked
from lookup.ranking_sheet import Ranking
from lookup.rates import Rates
from lookup.vocabulary import WITHHELD_REASONS

_WIDEST = 120
_WIDEST_LABEL = 36
_GAP = "  "
_NONE = "-"
_RANKED = (
    Text("层级", "Level"),
    Text("名次", "Rank"),
    Text("升降", "Moved"),
    GROUPS["unit"],
    Text("得分", "Score"),
    HEADS["due"],
)


def as_table(rates: Rates, language: Language) -> str:
    """A table of at most 120 columns of a terminal, continued below where it is wider.

    Beside each rate stand its numerator and denominator; below, the withheld cases by reason,
    the cut-off in Beijing time and the definition.
    """
    rows = [*rates.rows, rates.total]

    def column(head: Text, cell: Cell) -> Lines:
        texts = (head, *(cell(row.figures) for row in rows))
        return _aligned([text.said_in(language) for text in texts], str.rjust)

    texts = (GROUPS[rates.question.by], *(row.label for row in rows))
    labels = _aligned([_clipped(text.said_in(language)) for text in texts], str.ljust)
    groups = (reduce(_beside, (column(*one) for one in group)) for group in _COLUMNS)
    blocks = _blocks(labels, groups)
    notes = "\n".join(note.said_in(language) for note in _notes(rates))
    return "\n\n".join([heading(rates).said_in(language), *map("\n".join, blocks), notes])


def ranking_table(ranking: Ranking, language: Language) -> str:
    """Where each unit stands on its level, how many places up or down, and of what score."""
    rows = [[head.said_in(language) for head in _RANKED]]
    rows += [_place(level, one) for level, one in ranking.rows]
    columns = (
        _aligned(
            [_clipped(cell) for cell in cells], str.ljust if head == GROUPS["unit"] else str.rjust
        )
        for head, cells in zip(_RANKED, zip(*rows, strict=True), strict=True)
    )
    _, *notes = (note.said_in(language) for note in _notes(ranking.counted))
    said = (heading(ranking.counted).said_in(language), *reduce(_beside, columns), *notes)
    return "\n".join(said)


def _place(level: int, one: Ranked) -> list[str]:
    moved = _NONE if one.moved is None else f"{one.moved:+}" if one.moved else "0"
    score = _NONE if one.score is None else f"{one.score:.2f}"
    return [f"{level}", f"{one.rank or _NONE}", moved, one.name, score, f"{one.figures.due}"]


Cell = Callable[[Figures], Text]
Lines = list[str]


def _number(name: str) -> Cell:
    return lambda figures: _same(f"{getattr(figures, name)}")


def _rate(rate: str) -> Cell:
    part, whole = RATES[rate].part, RATES[rate].whole

    def cell(figures: Figures) -> Text:
        parts = f"{getattr(figures, part)}/{getattr(figures, whole)}"
        return _same(f"{parts} {_percent(getattr(figures, rate))}")

    return cell


def _named(rate: str) -> tuple[Text, Cell]:
    return HEADS[rate], _rate(rate)


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


# Columns that are read together stand together.
_COLUMNS: tuple[tuple[tuple[Text, Cell], ...], ...] = (
    (
        (Text("受案", "Taken in"), _number("taken_in")),
        (Text("不予公开", "Withheld"), _withheld),
        (Text("应公开", "Due"), _number("due")),
        (Text("公开率", "Disclosed"), _rate("disclosure_rate")),
        (Text("按时公开率", "On time"), _rate("on_time_rate")),
        (Text("历史节点", "Backlog"), _number("backlog")),
    ),
    (
        (Text("期限遵守率", "Clock kept"), _rate("clocks_kept_rate")),
        (Text("其中延长", "Extended"), _number("clocks_extended")),
    ),
    (
        (Text("查询率", "Looked up"), _rate("lookup_rate")),
        (Text("参与率", "Participation"), _rate("participation")),
    ),
    (
        (Text("满意率", "Satisfaction"), _satisfaction),
        *((Text(f"{level} 级", f"Level {level}"), _level(level)) for level in POINTS),
    ),
    (
        _named("callback_rate"),
        _named("callbacks_kept_rate"),
        _named("put_right_rate"),
        _named("rerating_rate"),
    ),
    (
        _named("answer_rate"),
        _named("answers_kept_rate"),
        _named("sound_rate"),
    ),
)


def _blocks(labels: Lines, groups: Iterable[Lines]) -> Iterator[Lines]:
    """The table, begun anew below with the labels where a group of columns does not fit."""
    block = labels
    for group in groups:
        wider = _beside(block, group)
        if width(wider[0]) > _WIDEST and block is not labels:
            yield block
            wider = _beside(labels, group)
        block = wider
    yield block


def _beside(left: Lines, right: Lines) -> Lines:
    return [one + _GAP + other for one, other in zip(left, right, strict=True)]


def _aligned(cells: Lines, align: Callable[[str, int], str]) -> Lines:
    widest = max(map(width, cells))
    # Padding counts characters, of which Chinese ones take two columns.
    return [align(cell, widest - width(cell) + len(cell)) for cell in cells]


def _clipped(label: str) -> str:
    if width(label) <= _WIDEST_LABEL:
        return label
    while width(label) > _WIDEST_LABEL - 1:
        label = label[:-1]
    return label + "…"


def _notes(rates: Rates) -> Iterator[Text]:
    withheld = rates.total.figures.withheld
    counted = [(WITHHELD_REASONS[code], number) for code, number in withheld.items()]
    zh = "，".join(f"{reason.zh} {number}" for reason, number in counted) or "无"
    en = ", ".join(f"{reason.en} {number}" for reason, number in counted) or "none"
    yield Text(f"不予公开的理由：{zh}", f"Withheld by reason: {en}")
    cutoff = rates.cutoff.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
    yield Text(f"截止时间：{cutoff}（北京时间）", f"Cut-off: {cutoff} (Beijing time)")
    name = rates.definition.name
    yield Text(
        f"统计口径：{name}，全文见 JSON 和 CSV 导出中的 definition_text。",
        f"Definition: {name}; its full text is definition_text in the JSON and CSV exports.",
    )
