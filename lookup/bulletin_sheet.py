"""A bulletin in words, tables and charts, out of the figures that are kept with it; pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import chain
from pathlib import Path

from lookup.beijing import Moment, beijing_day, from_utc_text
from lookup.charts import Series, bar_chart, line_chart
from lookup.database import Record
from lookup.exports import HEADS
from lookup.figures import RATES, Figures, figures_from
from lookup.language import LANGUAGES, Language, Text
from lookup.levels import POINTS
from lookup.periods import read_period
from lookup.records import said_moment
from lookup.sentences import said_day
from lookup.toml_tables import read_toml
from lookup.vocabulary import WITHHELD_REASONS, Word, Words
from receipts.bulletin import Bulletin, Cell, Table

_SAID = {key: Text(**said) for key, said in read_toml(Path(__file__).with_suffix(".toml")).items()}
_HEADS: Mapping[str, Text] = {**_SAID, **HEADS}
# What is told in words and drawn over time, and what each table counts.
_DRAWN = ("disclosure_rate", "on_time_rate", "clocks_kept_rate", "satisfaction")
_TOLD = (*_DRAWN, "callback_rate", "answer_rate", "sound_rate")
_RATES = (
    *("taken_in", "withheld", "due", "disclosure_rate", "on_time_rate", "clocks_kept_rate"),
    *("lookup_rate", "participation", "satisfaction"),
)
_SERVICE = (
    *("callback_rate", "callbacks_kept_rate", "put_right_rate", "rerating_rate"),
    *("answer_rate", "answers_kept_rate", "sound_rate"),
)
_RATINGS = ("ratings", *(f"level_{level}" for level in POINTS))
_NONE = Text("—", "—")
_BLANK = Text("", "")
# A unit by code and name, and a figure.
Printed = tuple[str, str, str]
STATES = Words(
    Word("draft", Text("草稿", "Draft")),
    Word("approved", Text("已审批，未发布", "Approved, not published")),
    Word("published", Text("已发布", "Published")),
)


def sheet_of(row: Record) -> Bulletin:
    """All that a row of ``bulletin`` says, with its data parsed; every ``Pair`` is a `Text`."""
    data, period = row["data"], read_period(row["period"]).name
    is_public = row["state"] == "published"
    made = beijing_day(from_utc_text(row["published_at" if is_public else "drafted_at"]))
    return Bulletin(
        title=_SAID["title"].fill(period=period),
        edition=_SAID["edition"].fill(n=row["edition"]),
        mark=_BLANK if is_public else STATES[row["state"]],
        bureau=data["unit_name"],
        addressed=_SAID["addressed"],
        day=said_day(made, weekday=False),
        changed=row["changed"].splitlines(),
        foreword=row["foreword"].splitlines(),
        summary=list(_summary(data, period)),
        tables=list(_tables(row["edition"], data)),
        definitions=[Text(**said) for said in data["definition_text"].values()],
        about=list(_about(row)),
    )


def differences(was: Record, now: Record) -> list[Record]:
    """What an edition tells otherwise than the one before: the ``unit`` (blank for all), the
    ``figure``, and what ``was`` and ``now`` is printed, None where nothing is."""
    before, after = _printed(was), _printed(now)
    keys = dict.fromkeys((*after, *before))
    return [
        {"unit": key[1], "figure": key[2], "was": before.get(key), "now": after.get(key)}
        for key in keys
        if before.get(key) != after.get(key)
    ]


def _printed(data: Record) -> dict[Printed, str]:
    found: dict[Printed, str] = {}
    everywhere = (*_RATES, *_SERVICE, *_RATINGS)
    for one in ({"unit": "", "name": ""} | data["total"], *data["units"]):
        found |= _figures_printed(data, one, everywhere)
    for level in _further(data):
        for one in level["units"]:
            found |= _figures_printed(data, one, _RATES)
    for one in chain(data["ranking"], *(level["ranking"] for level in _further(data))):
        found |= {
            (one["unit"], one["name"], figure): "—" if one[figure] is None else f"{one[figure]}"
            for figure in ("rank", "score")
        }
    return found


def _figures_printed(data: Record, one: Record, names: Sequence[str]) -> dict[Printed, str]:
    cells = {name: _cell(_figures(data, one), name) for name in names}
    return {
        (one["unit"], one["name"], name): f"{cell.said[0]} {cell.of}".strip()
        for name, cell in cells.items()
    }


def _further(data: Record) -> Sequence[Record]:
    """The levels below that of ``units``, which the first bulletins did not have."""
    levels: Sequence[Record] = data.get("further", ())
    return levels


def _figures(data: Record, counted: Record) -> Figures:
    return figures_from(counted["counts"], counted["withheld"], data["fewest_ratings"])


def _same(said: object) -> Text:
    return Text(f"{said}", f"{said}")


def _listed(texts: Sequence[Text]) -> Text:
    return Text("、".join(text.zh for text in texts), ", ".join(text.en for text in texts))


def _rate(share: float | None) -> Text:
    return _NONE if share is None else _same(f"{share:.2%}")


def _cell(figures: Figures, name: str) -> Cell:
    word, _, key = name.partition("_")
    if name == "satisfaction":
        if not figures.ratings:
            return Cell(_NONE)
        said = _SAID["too_few"] if figures.too_few else _rate(figures.satisfaction)
        return Cell(said, f"{figures.satisfied}/{figures.ratings}")
    if name in RATES:
        part, whole = (getattr(figures, one) for one in (RATES[name].part, RATES[name].whole))
        return Cell(_rate(getattr(figures, name)), f"{part}/{whole}" if whole else "")
    if word == "withheld":
        return Cell(_same(figures.withheld.get(key, 0) if key else figures.taken_in - figures.due))
    if word == "level":
        share = figures.level_share(int(key))
        return Cell(_same(figures.levels[int(key)]), "" if share is None else f"{share:.1%}")
    return Cell(_same(getattr(figures, name)))


def _summary(data: Record, period: Text) -> Iterator[Text]:
    total = _figures(data, data["total"])
    former = _figures(data, data["former"]) if data["former"] else None
    first, last = (
        said_day(date.fromisoformat(data["period"][end]), weekday=False)
        for end in ("first", "last")
    )
    yield _SAID["lead"].fill(period=period, first=first, last=last)
    yield _SAID["counted"].fill(
        taken_in=total.taken_in,
        withheld=total.taken_in - total.due,
        due=total.due,
        former=former.taken_in if former else 0,
    )
    for name in _TOLD:
        said, of = _cell(total, name)
        if of:
            moved = _moved(getattr(total, name), getattr(former, name) if former else None)
            yield _SAID["told"].fill(name=HEADS[name], rate=Text(*said), of=of, moved=moved)
    ranked = [one for one in data["ranking"] if one["rank"]]
    rates = {one["name"]: round(100 * one["disclosure_rate"], 2) for one in ranked}
    yield from _best_and_worst("spread", rates)
    yield from _best_and_worst("placed", {one["name"]: one["score"] for one in ranked})
    if data["changes"]:
        yield _SAID["differing"].fill(n=len(data["changes"]))


def _moved(now: float | None, was: float | None) -> Text:
    """The difference of two rates, in points as they are printed."""
    if now is None or was is None:
        return _SAID["no_former"]
    points = round(now * 100, 2) - round(was * 100, 2)
    return _SAID["risen" if points > 0 else "fallen" if points else "level"].fill(
        n=f"{abs(points):.2f}"
    )


def _best_and_worst(word: str, marks: Mapping[str, float]) -> Iterator[Text]:
    high, low = max(marks.values(), default=0), min(marks.values(), default=0)
    if high != low:
        best, worst = (
            _listed([_same(name) for name, one in marks.items() if one == mark])
            for mark in (high, low)
        )
        yield _SAID[word].fill(best=best, worst=worst, high=f"{high:.2f}", low=f"{low:.2f}")


def _tables(edition: int, data: Record) -> Iterator[Table]:
    yield _by_unit(data, "rates", _RATES, "former_note")
    yield _ranking(data["ranking"])._replace(note=_weights(data), chart=_scores(data))
    yield _trend(data)
    yield _by_unit(data, "service", _SERVICE)
    yield _by_unit(data, "ratings", _RATINGS)
    reasons = data["total"]["withheld"]
    if reasons:
        columns = [f"withheld_{code}" for code in WITHHELD_REASONS if code in reasons]
        yield _by_unit(data, "by_reason", ("withheld", *columns))
    for level in _further(data):
        yield _below(_ranking(level["ranking"]), level)
        rows = [(_same(one["name"]), one) for one in level["units"]]
        yield _below(_counted(data, "rates", "unit", rows, _RATES), level)
    if data["changes"]:
        yield _changes(edition, data["changes"])


def _by_unit(data: Record, title: str, names: Sequence[str], note: str = "") -> Table:
    rows = [(_same(one["name"]), one) for one in data["units"]]
    rows += [(_SAID[name], data[name]) for name in ("total", "former") if data[name]]
    made = _counted(data, title, "unit", rows, names)
    below = len(rows) - len(data["units"])
    return made._replace(totals=below, note=_SAID[note] if note else _BLANK)


def _counted(
    data: Record, title: str, key: str, rows: Sequence[tuple[Text, Record]], names: Sequence[str]
) -> Table:
    return Table(
        _SAID[title],
        [_SAID[key], *(_HEADS[name] for name in names)],
        [[Cell(said), *(_cell(_figures(data, one), name) for name in names)] for said, one in rows],
    )


def _below(table: Table, level: Record) -> Table:
    """A table of the units of a further level."""
    return table._replace(title=_SAID["below"].fill(n=level["depth"], title=Text(*table.title)))


def _ranking(ranking: Sequence[Record]) -> Table:
    return Table(
        _SAID["ranking"],
        [_HEADS[name] for name in ("rank", "unit", "score", "due", "moved", "lacking")],
        [_ranked(one, [other["rank"] for other in ranking]) for one in ranking],
        wide=(1, 5),
    )


def _weights(data: Record) -> Text:
    weights = [
        _SAID["weight"].fill(name=HEADS[one["figure"]], n=one["weight"]) for one in data["weights"]
    ]
    return _SAID["weights"].fill(weights=_listed(weights), least=data["least_cases"])


def _scores(data: Record) -> Text:
    ranking = data["ranking"]
    scores = [one["score"] and one["score"] / 100 for one in ranking]
    names = [f"{one['rank'] or '—'} {one['name']}" for one in ranking]
    charts = (bar_chart(names, scores, one, one, are_scores=True) for one in _SAID["score_chart"])
    return Text(*charts)


def _ranked(one: Record, ranks: Sequence[int | None]) -> list[Cell]:
    rank, moved = one["rank"], one["moved"]
    place = _SAID["tied"].fill(n=rank) if rank and ranks.count(rank) > 1 else _same(rank or "—")
    step = "" if not moved else "↑" if moved > 0 else "↓"
    told = (
        *(place, _same(one["name"]), _same("—" if one["score"] is None else f"{one['score']:.2f}")),
        *(_same(one["due"]), _same("—" if moved is None else f"{step}{abs(moved)}")),
        _listed([HEADS[name] for name in one["lacking"]]),
    )
    return [Cell(said) for said in told]


def _trend(data: Record) -> Table:
    quarters = [(read_period(one["period"]).name, one) for one in data["trend"]]
    made = _counted(data, "trend", "quarter", quarters, ("taken_in", "due", *_DRAWN))
    charts = (_lines(data, language) for language in LANGUAGES)
    return made._replace(note=_SAID["former_note"], chart=Text(*charts))


def _lines(data: Record, language: Language) -> str:
    figures = [_figures(data, one) for one in data["trend"]]
    lines = [
        Series(HEADS[name].said_in(language), [getattr(one, name) for one in figures])
        for name in _DRAWN
    ]
    quarters = [one["period"] for one in data["trend"]]
    title, told = (_SAID[name].said_in(language) for name in ("trend", "in_table"))
    return line_chart(quarters, lines, title, told, language)


def _changes(edition: int, changes: Sequence[Record]) -> Table:
    heads = ("unit", "figure", "was", "now")
    return Table(
        _SAID["changed"].fill(n=edition - 1),
        [_SAID[head].fill(n=edition - 1) for head in heads],
        [
            [
                Cell(_same(one["unit"]) if one["unit"] else _SAID["total"]),
                Cell(_HEADS[one["figure"]]),
                *(Cell(_same(one[when] or "—")) for when in ("was", "now")),
            ]
            for one in changes
        ],
        wide=(0, 1),
    )


def _about(row: Record) -> Iterator[tuple[Text, Text]]:
    data = row["data"]
    yield _SAID["cutoff"], _SAID["beijing"].fill(at=_at(data["cutoff"]))
    yield _SAID["definition"], _same(data["definition"])
    yield _SAID["head"], _SAID["head_is"].fill(**data["head"])
    for step in ("drafted", "approved", "published"):
        if row[f"{step}_at"]:
            yield (
                _SAID[step],
                _same(f"{row[f'{step}_by'].rpartition(' ')[0]}，{_at(row[f'{step}_at'])}"),
            )


def _at(instant: str) -> str:
    return said_moment(Moment.of(from_utc_text(instant)))
