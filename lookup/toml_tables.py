"""Frozen dataclasses out of TOML tables that people write: every mistake is named by its place."""

import re
import tomllib
from collections.abc import Collection
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date
from pathlib import Path
from string import Formatter
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from lookup.errors import ConfigError
from lookup.language import LANGUAGES, Text

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
    if origin in (Union, UnionType):
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
