"""A bulletin in words, tables and charts, out of the figures that are kept with it; pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
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
        {"unit": key[0], "figure": key[1], "was": before.get(key), "now": after.get(key)}
        for key in keys
        if before.get(key) != after.get(key)
    ]


def _printed(data: Record) -> dict[tuple[str, str], str]:
    found = {}
    for one in ({"name": ""} | data["total"], *data["units"]):
        for figure in (*_RATES, *_SERVICE, *_RATINGS):
            said, of = _cell(_figures(data, one), figure)
            found[one["name"], figure] = f"{said[0]} {of}".strip()
    for one in data["ranking"]:
        found |= {
            (one["name"], figure): "—" if one[figure] is None else f"{one[figure]}"
            for figure in ("rank", "score")
        }
    return found


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
    yield _ranking(data)
    yield _trend(data)
    yield _by_unit(data, "service", _SERVICE)
    yield _by_unit(data, "ratings", _RATINGS)
    reasons = data["total"]["withheld"]
    if reasons:
        columns = [f"withheld_{code}" for code in WITHHELD_REASONS if code in reasons]
        yield _by_unit(data, "by_reason", ("withheld", *columns))
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


def _ranking(data: Record) -> Table:
    ranking, title = data["ranking"], _SAID["score_chart"]
    scores = [one["score"] and one["score"] / 100 for one in ranking]
    names = [f"{one['rank'] or '—'} {one['name']}" for one in ranking]
    weights = [
        _SAID["weight"].fill(name=HEADS[one["figure"]], n=one["weight"]) for one in data["weights"]
    ]
    return Table(
        _SAID["ranking"],
        [_HEADS[name] for name in ("rank", "unit", "score", "due", "moved", "lacking")],
        [_ranked(one, [other["rank"] for other in ranking]) for one in ranking],
        wide=(1, 5),
        note=_SAID["weights"].fill(weights=_listed(weights), least=data["least_cases"]),
        chart=Text(*(bar_chart(names, scores, one, one) for one in title)),
    )


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
    return line_chart(quarters, lines, title, told)


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
        wide=(0, 1, 2, 3),
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
