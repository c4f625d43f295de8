"""Chinese working days: weekends and public holidays off, make-up working days (调休) on.

The years come from chinesecalendar and from the bureau's own file, whose years prevail:

    [2027]
    holidays = ["2027-01-01", 2027-02-06]    # every public day off, weekends among them or not
    workdays = ["2027-02-20"]                # the weekend days worked instead

Of a year without a calendar only the weekends are known: an answer that had to look into one is
marked provisional, never handed out as certain.
"""

import re
import tomllib
from collections.abc import Collection
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date, timedelta
from pathlib import Path
from string import Formatter
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from lookup.errors import ConfigError
from lookup.language import LANGUAGES, Text

_DAY = timedelta(days=1)
_SATURDAY = 5
_YEAR = re.compile(r"[1-9]\d{3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reckoned:
    """A day, and whether finding it meant looking into a year without a calendar."""

    day: date
    provisional: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    """The years that are known, their days off, and the weekend days worked instead."""

    years: frozenset[int]
    holidays: frozenset[date]
    workdays: frozenset[date]

    def is_known(self, year: int) -> bool:
        """Whether the year's days off have been published and loaded."""
        return year in self.years

    def is_working(self, day: date) -> bool:
        """Whether the day is worked; in a year without a calendar, any day but a weekend."""
        if day.weekday() >= _SATURDAY:
            return day in self.workdays
        return day not in self.holidays

    def next_working(self, day: date) -> Reckoned:
        """The day itself where it is worked, else the next one that is."""
        return self._reckoned(day, self._worked_from(day))

    def add_working(self, day: date, n: int) -> Reckoned:
        """The n-th working day after the day, which itself does not count; n is 1 or more."""
        if n < 1:
            raise ValueError(f"cannot count {n} working days")
        last = day
        for _ in range(n):
            last = self._worked_from(last + _DAY)
        return self._reckoned(day + _DAY, last)

    def _worked_from(self, day: date) -> date:
        while not self.is_working(day):
            day += _DAY
        return day

    def _reckoned(self, first: date, last: date) -> Reckoned:
        looked_into = range(first.year, last.year + 1)
        return Reckoned(last, not all(map(self.is_known, looked_into)))


# Reading the tables that people write, the years here and the kinds in kinds.py.

_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
# What the reader asks of a field beyond its type.
Code = Annotated[str, _CODE]
TextWithDay = Annotated[Text, "day"]

# Every number in these files counts days; ten years of them is surely a slip.
_MOST_DAYS = 3650
_WANTED: dict[Any, tuple[str, str]] = {
    str: ("须为非空文字。", "must be text, and not empty."),
    int: (
        f"须为天数，即 0 至 {_MOST_DAYS} 的整数。",
        f"must be a number of days, a whole number from 0 to {_MOST_DAYS}.",
    ),
    bool: ("须为 true 或 false。", "must be true or false."),
    date: ("须为日期，如 2027-01-01。", "must be a date, such as 2027-01-01."),
    list: ("须为列表 [ … ]。", "must be a list [ … ]."),
    dict: ("须为表，即键和值。", "must be a table of keys and values."),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A table in a file, for the sentence that refuses a mistake in it."""

    file: Path
    table: str

    def inside(self, key: str) -> "Place":
        """The table under a key of this one."""
        return Place(self.file, f"{self.table}.{key}")

    def mistake(self, key: str, zh: str, en: str) -> ConfigError:
        """The error that names file, table and key."""
        return ConfigError(
            f"文件 {self.file}，表 [{self.table}]，键 {key}：{zh}",
            f"{self.file}, table [{self.table}], key {key}: {en}",
        )

    def missing(self, key: str) -> ConfigError:
        """The error for a key that is not there."""
        return self.mistake(key, "缺少这个键。", "this key is missing.")


def read_toml(file: Path) -> dict[str, Any]:
    """A TOML file as a dictionary; ConfigError where it is missing, not UTF-8 or not TOML."""
    try:
        # Notepad puts a byte-order mark before UTF-8.
        return tomllib.loads(file.read_text("utf-8-sig"))
    except OSError as error:
        raise ConfigError(
            f"无法读取文件 {file}（{error.strerror}）。请检查路径和权限。",
            f"The file {file} cannot be read ({error.strerror}). Check its path and permissions.",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"文件 {file} 不是 UTF-8 编码。请另存为 UTF-8。",
            f"The file {file} is not in UTF-8. Save it as UTF-8.",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"文件 {file} 不符合 TOML 格式：{error}。",
            f"The file {file} is not valid TOML: {error}.",
        ) from error


def read_table(cls: Any, table: object, place: Place, **given: object) -> Any:
    """The dataclass ``cls`` from a table, field by field, by the types of its fields.

    A field with a default may be left out; ``given`` fields are filled here and are no keys.
    Lists are numbered from 1 in the place of a mistake. Raises ConfigError.
    """
    hints = get_type_hints(cls, include_extras=True)
    keys = {f.name: f for f in fields(cls) if f.init and f.name not in given}
    needed = [name for name, f in keys.items() if f.default is MISSING]
    found = _keyed(table, keys, needed, place)
    return cls(**given, **{k: _value(hints[k], v, place, k) for k, v in found.items()})


def _keyed(
    table: object, known: Collection[str], needed: Collection[str], place: Place
) -> dict[str, object]:
    if not isinstance(table, dict):
        raise place.mistake(place.table.rpartition(".")[2], *_WANTED[dict])
    for key in table:
        if key not in known:
            names = ", ".join(known)
            raise place.mistake(
                key, f"没有这个键，可用的有：{names}。", f"unknown key; known are: {names}."
            )
    for key in needed:
        if key not in table:
            raise place.missing(key)
    return table


def _value(hint: Any, value: object, place: Place, key: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return _value(args[0], value, place, key)
    if origin is tuple:
        items = enumerate(_plain(list, value, place, key), 1)
        return tuple(_value(args[0], item, place, f"{key}[{n}]") for n, item in items)
    if origin is Literal:
        return _chosen(args, value, place, key)
    if args[:1] == (Text,) or hint is Text:
        return _text(set(args[1:]), value, place.inside(key))
    if is_dataclass(hint):
        return read_table(hint, value, place.inside(key))
    return read_code(value, place, key) if hint == Code else _plain(hint, value, place, key)


def _plain(wanted: type, value: Any, place: Place, key: str) -> Any:
    if wanted is date and isinstance(value, str):
        value = _date(value)
    # By exact type: to Python, true is a number too, and a date-time a date.
    fits = type(value) is wanted
    if fits and wanted is str:
        fits = bool(value.strip())
    if fits and wanted is int:
        fits = 0 <= value <= _MOST_DAYS
    if not fits:
        raise place.mistake(key, *_WANTED[wanted])
    return value


def _date(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


def _chosen(choices: tuple[str, ...], value: object, place: Place, key: str) -> str:
    if value not in choices:
        names = ", ".join(choices)
        raise place.mistake(key, f"只能是：{names}。", f"must be one of: {names}.")
    return str(value)


def read_code(value: object, place: Place, key: str) -> str:
    """A code, as it stands in the database and in addresses: lower-case letters, digits, _."""
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        raise place.mistake(
            key,
            "代码须以小写英文字母开头，只含小写字母、数字和下划线。",
            "a code begins with a letter and has only lower-case letters, digits and underscores.",
        )
    return value


def _text(wanted: set[str], table: object, place: Place) -> Text:
    said = {
        language: _plain(str, words, place, language)
        for language, words in _keyed(table, LANGUAGES, LANGUAGES, place).items()
    }
    for language, words in said.items():
        if _placeholders(words) != {(name, "", None) for name in wanted}:
            names = " ".join(f"{{{name}}}" for name in wanted)
            raise place.mistake(
                language,
                f"占位符须为：{names or '无'}。",
                f"must hold these placeholders and no others: {names or 'none'}.",
            )
    return Text(**said)


def _placeholders(words: str) -> set[tuple[str, str | None, str | None]] | None:
    try:
        parsed = list(Formatter().parse(words))
    except ValueError:
        return None
    return {(name, spec, conversion) for _, name, spec, conversion in parsed if name is not None}


def load_calendar(path: Path | None) -> Calendar:
    """chinesecalendar's years, and those of the bureau's own file in their stead or besides.

    Raises ConfigError naming file, table and key where the file holds a mistake.
    """
    # Imported here, so that only a program that reckons working days pays for it.
    from chinese_calendar import constants

    own = _read_calendar(path) if path else Calendar(frozenset(), frozenset(), frozenset())
    holidays = frozenset(d for d in constants.holidays if d.year not in own.years)
    workdays = frozenset(d for d in constants.workdays if d.year not in own.years)
    years = frozenset(d.year for d in holidays)
    return Calendar(years | own.years, holidays | own.holidays, workdays | own.workdays)


@dataclass(frozen=True, slots=True)
class _Year:
    holidays: tuple[date, ...]
    workdays: tuple[date, ...]


def _read_calendar(file: Path) -> Calendar:
    years: dict[int, _Year] = {}
    for name, table in read_toml(file).items():
        place = Place(file, name)
        if not _YEAR.fullmatch(name):
            raise place.mistake(
                name, "表名须为年份，如 [2027]。", "a table is named by its year, such as [2027]."
            )
        year = read_table(_Year, table, place)
        _check_year(int(name), year, place)
        years[int(name)] = year
    holidays = frozenset(day for year in years.values() for day in year.holidays)
    workdays = frozenset(day for year in years.values() for day in year.workdays)
    return Calendar(frozenset(years), holidays, workdays)


def _check_year(number: int, year: _Year, place: Place) -> None:
    for key, days in (("holidays", year.holidays), ("workdays", year.workdays)):
        for day in days:
            if day.year != number:
                raise place.mistake(key, f"{day} 不在 {number} 年。", f"{day} is not in {number}.")
    # A year that names no holiday would pass for a known one with nothing but weekends.
    if not year.holidays:
        raise place.mistake("holidays", "没有列出节假日。", "no public holiday is listed.")
    for day in year.workdays:
        if day.weekday() < _SATURDAY or day in year.holidays:
            raise place.mistake(
                "workdays",
                f"{day} 不是可以调休上班的周末。",
                f"{day} is not a weekend day that could be worked instead.",
            )
