"""What the auditor goes by: oversight.toml, or a file of the bureau's own."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from lookup.language import Text
from lookup.toml_tables import Code, Place, read_table, read_toml

_FEWEST_SHOWN = 10
SHIPPED = Path(__file__).with_suffix(".toml")
# The name of the definition that is shipped.
STANDARD = "daylight-1"
# What can keep a case from counting as disclosed (`facts.HINDRANCES`).
Hindrance = Literal["undelivered", "unseen", "hidden"]
# A rate of `Figures`; test_ranking.py holds the two together.
Rate = Literal[
    "disclosure_rate",
    "on_time_rate",
    "clocks_kept_rate",
    "lookup_rate",
    "participation",
    "satisfaction",
    "callback_rate",
    "callbacks_kept_rate",
    "put_right_rate",
    "rerating_rate",
    "answer_rate",
    "answers_kept_rate",
    "sound_rate",
]


@dataclass(frozen=True, slots=True)
class Definition:
    """What counts as disclosed: no official definition was found, so every sheet names its own."""

    name: str
    hindrances: tuple[Hindrance, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """A rate, and how much it weighs against the others."""

    figure: Rate
    weight: int


@dataclass(frozen=True, slots=True)
class Weights:
    """What is measured; a unit with fewer than ``least_cases`` due is not ranked."""

    least_cases: int
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """How many days a case of a kind may stand still after filing, and after what came last."""

    kind: str
    unmoved: int
    unclosed: int


@dataclass(frozen=True, slots=True)
class Exceptions:
    """From where on something stands out; in days where nothing else is said."""

    dated_back: int
    printed_late: int
    not_looked_up: int
    soured: int
    burst: int
    burst_minutes: int
    hasty_seconds: int
    withheld_times: int
    withheld_least: int
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """What an inspected case can fail in."""

    code: Code
    name: Text


@dataclass(frozen=True, slots=True)
class Inspections:
    """How many cases are drawn of each unit, against which sheet, and how many working days there
    are to put right what was found."""

    per_unit: int
    days: int
    items: tuple[Item, ...]

    def item_name(self, code: str) -> Text:
        """What an item is called; one that the sheet has no more is shown as its code."""
        return next((one.name for one in self.items if one.code == code), Text(code, code))


@dataclass(frozen=True, slots=True)
class Published:
    """Which rates everybody may read, also by unit, and how few cases are too few to show."""

    fewest: int
    by_unit: bool
    figures: tuple[Rate, ...]


@dataclass(frozen=True, slots=True)
class Oversight:
    """All that the auditor goes by."""

    definition: Definition
    ranking: Weights
    exceptions: Exceptions
    inspections: Inspections
    published: Published


def load_oversight(path: Path | None) -> Oversight:
    """The bureau's own file, else the one shipped; raises ConfigError."""
    file = path or SHIPPED
    oversight: Oversight = read_table(Oversight, read_toml(file), Place(file, "oversight"))
    if not sum(one.weight for one in oversight.ranking.measures):
        raise Place(file, "oversight.ranking").missing("measures")
    if oversight.published.fewest < _FEWEST_SHOWN:
        raise Place(file, "oversight.published").mistake(
            "fewest",
            f"不能少于 {_FEWEST_SHOWN}，否则公布的数字可能认出当事人。",
            f"at least {_FEWEST_SHOWN}: smaller groups could be recognised in public.",
        )
    return replace(oversight, definition=_read_definition(oversight.definition, file))


def _read_definition(told: Definition, file: Path) -> Definition:
    """In the order of Hindrance, as it is kept; one of the bureau's own has a name of its own."""
    place, every = Place(file, "oversight.definition"), get_args(Hindrance)
    if not told.hindrances:
        raise place.missing("hindrances")
    known = tuple(one for one in every if one in told.hindrances)
    if told.name == STANDARD and known != every:
        raise place.mistake(
            "name",
            f"口径已与程序自带的 {STANDARD} 不同，请另取一个名称。",
            f"this is not {STANDARD} as it is shipped any more; give it a name of its own.",
        )
    return Definition(told.name, known)
