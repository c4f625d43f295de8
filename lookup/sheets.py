"""Tables written as files, row by row in steady memory: CSV, JSON lines, XLSX.

No cell can become a formula: a text that looks like one is guarded by an apostrophe.
"""

import codecs
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, islice
from tempfile import TemporaryDirectory
from typing import IO, Any

from lookup.beijing import BEIJING
from lookup.cells import defuse
from lookup.language import Text, width
from lookup.vocabulary import Word


class Score(float):
    """A number of 100, to two places; any other fraction is a share."""


# A float is a share or a Score, an instant is shown in Beijing time, a coded word is its code to
# programs and is said in both languages to readers.
Value = str | bool | int | float | date | datetime | Word | Text | None
Row = Sequence[Value]

MOST_ROWS = 1_048_575  # of a worksheet, below its header
_A4 = 9
_LINE = 14  # points
_NOTE_WIDTH = 90
_SETTINGS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "default_format_properties": {"font_name": "宋体", "font_size": 10, "valign": "vcenter"},
}
_HEAD = {"bold": True, "text_wrap": True, "align": "center", "bg_color": "#E7ECF2", "bottom": 1}
_TOTAL = {"bold": True, "top": 1}
_NOTE = {"text_wrap": True, "align": "left", "valign": "top"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its ``name`` for programs, its ``head`` for readers, its width in half-width
    characters."""

    name: str
    head: Text
    width: int = 12


def write_csv(out: IO[bytes], names: Sequence[str], rows: Iterable[Row]) -> None:
    """A plain grid for spreadsheets: byte order mark, CRLF, a header, one line a row."""
    writer = csv.writer(codecs.getwriter("utf-8-sig")(out))
    writer.writerow(names)
    writer.writerows([_csv_cell(value) for value in row] for row in rows)


def write_jsonl(out: IO[bytes], names: Sequence[str], rows: Iterable[Row]) -> None:
    """One object a line by its names; what has no value is left out."""
    for row in rows:
        told = {
            name: value if isinstance(value, str | int | float) else _in_text(value)
            for name, value in zip(names, row, strict=True)
            if value is not None
        }
        out.write(json.dumps(told, ensure_ascii=False).encode() + b"\n")


def _csv_cell(value: Value) -> str | float | None:
    if value is None or value.__class__ in (int, float):
        return value  # the writer has the same words for numbers
    return json.dumps(value) if isinstance(value, bool) else defuse(_in_text(value))


def _in_text(value: Value) -> str:
    if isinstance(value, datetime):
        return _in_beijing(value).isoformat(" ")
    if isinstance(value, Text):
        return value.both()
    return value.code if isinstance(value, Word) else str(value)


def write_xlsx(
    out: IO[bytes],
    title: Text,
    columns: Sequence[Column],
    rows: Iterable[Row],
    notes: Iterable[tuple[Text, Value]],
    *,
    total: Row = (),
    pages_wide: int = 1,
    most_rows: int = MOST_ROWS,
) -> None:
    """A workbook of typed cells: the rows, on further sheets where one is full, and the notes.

    Printed, so many pages hold all columns, and each repeats the header and the first column.
    Raises OSError where it cannot be written.
    """
    with _workbook(out) as book:
        formats, of_total = _formats(book), _formats(book, **_TOTAL)
        for number, lot in enumerate(_lots(rows, most_rows), 1):
            sheet = _begin(book, title, number, columns, pages_wide)
            last = 0
            for last, row in enumerate(lot, 1):
                _write(sheet, last, row, formats)
            sheet.autofilter(0, 0, last, len(columns) - 1)
        _write(sheet, last + 1, total, of_total)
        _explain(book, notes)


@contextmanager
def _workbook(out: IO[bytes]) -> Iterator[Any]:
    """A workbook whose rows wait in files, which a broken-off one takes with it."""
    # Loaded at first use: most workers never write one.
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError

    with TemporaryDirectory(prefix="daylight-") as folder:
        gate = _Gate(out)
        book = Workbook(gate, {**_SETTINGS, "tmpdir": folder})
        book.use_zip64()  # takes effect only where a sheet needs it
        try:
            yield book
            book.close()
        except FileCreateError as error:
            raise error.args[0] from None
        finally:
            gate.is_open = False
            for sheet in book.worksheets():
                sheet.row_data_fh.close()


class _Gate:
    """A file until it is shut: an archive that was broken off still tries to end itself in it."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out, self.is_open = out, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._out, name) if self.is_open else lambda *_: 0


def _lots(rows: Iterable[Row], most: int) -> Iterator[Iterable[Row]]:
    """The rows of each sheet, of which there is one at least."""
    rest = iter(rows)
    yield islice(rest, most)
    for first in rest:
        yield chain([first], islice(rest, most - 1))


def _begin(book: Any, title: Text, number: int, columns: Sequence[Column], wide: int) -> Any:
    """A new sheet with its header, ready to be printed."""
    sheet = book.add_worksheet(title.zh if number == 1 else f"{title.zh} {number}")
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.6)
    sheet.fit_to_pages(wide, 0)
    sheet.repeat_rows(0)
    sheet.repeat_columns(0)
    sheet.freeze_panes(1, 1)
    sheet.set_footer(f"&L{title.both()}&R&P / &N")
    rooms = [max(column.width, *(width(line) // 2 for line in column.head)) for column in columns]
    for place, room in enumerate(rooms):
        sheet.set_column(place, place, room)
    heads = [column.head for column in columns]
    # The letters of a header are wider.
    sheet.set_row(0, max(_height(head, room - 2) for head, room in zip(heads, rooms, strict=True)))
    _write(sheet, 0, heads, _formats(book, **_HEAD))
    return sheet


def _explain(book: Any, notes: Iterable[tuple[Text, Value]]) -> None:
    sheet = book.add_worksheet("说明")
    sheet.set_paper(_A4)
    sheet.fit_to_pages(1, 0)
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, _NOTE_WIDTH)
    named, told = _formats(book, bold=True, **_NOTE), _formats(book, **_NOTE)
    for place, (name, value) in enumerate(notes):
        sheet.set_row(place, _height(value if isinstance(value, Text) else name, _NOTE_WIDTH))
        _write(sheet, place, [name], named)
        _write(sheet, place, [None, value], told)


def _height(text: Text, room: int) -> int:
    """The height of a row for a text in a column: not every program fits rows to what they hold."""
    return _LINE * sum(1 + width(line) // room for line in text)


def _write(sheet: Any, place: int, row: Row, formats: Mapping[type, Any]) -> None:
    for column, value in enumerate(row):
        if value is not None and value != "":
            kind = value.__class__
            method, meant, _ = _CELLS[kind]
            getattr(sheet, method)(place, column, meant(value), formats[kind])


def _formats(book: Any, **style: Any) -> dict[type, Any]:
    """The format of each type of cell."""
    return {
        kind: book.add_format({"num_format": shown} | style)
        for kind, (_, _, shown) in _CELLS.items()
    }


def _harmless(text: str) -> str:
    # What stands between these XlsxWriter takes for ready-made XML of a cell.
    return f"'{text}" if text.startswith("<r>") else defuse(text)


def _in_beijing(instant: datetime) -> datetime:
    return instant.astimezone(BEIJING).replace(tzinfo=None)


# By the type of a value: how it is written, as what, and how it is shown.
_CELLS: Mapping[type, tuple[str, Callable[[Any], Any], str]] = {
    str: ("write_string", _harmless, "@"),
    Word: ("write_string", lambda word: _harmless(word.text.both()), "@"),
    # Excel shows long texts as #### in a cell of the format for text.
    Text: ("write_string", lambda text: _harmless("\n".join(text)), "General"),
    int: ("write_number", int, "#,##0"),
    float: ("write_number", float, "0.00%"),
    Score: ("write_number", float, "0.00"),
    date: ("write_datetime", lambda day: day, "yyyy-mm-dd"),
    datetime: ("write_datetime", _in_beijing, "yyyy-mm-dd hh:mm:ss"),
}
