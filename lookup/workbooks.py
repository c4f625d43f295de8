"""Worksheets of an XLSX file as rows of text; nothing in it is computed or believed."""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, Any, BinaryIO
from xml.parsers import expat
from zipfile import ZipFile

from lookup.cells import Rows, unfit
from lookup.errors import FileError

Grid = Iterator[tuple[int, tuple[Any, ...]]]
_LAST_ROW = 1_048_576  # of a worksheet: a row said to lie beyond would be reached by empty ones
_MOST_UNPACKED = 4 << 30  # bytes
_MOST_SWELLING = 100  # unpacked / packed; registers reach about 20
_UNSUSPICIOUS = 8 << 20  # bytes unpacked, however well they packed
_LONGEST_ROW = 200_000  # elements: a row of the widest sheet has 16,384 cells of a few each
_STRICT = b"http://purl.oclc.org/ooxml/"  # openpyxl finds nothing in such a workbook
_FORMAT_LITERALS = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
# Number formats that Chinese Excel shows as dates and times but leaves out of the file
# (ECMA-376 part 1, 18.8.30, zh-cn); those of the second set show a time.
_CHINESE_DATES = {*range(27, 37), *range(50, 59)}
_CHINESE_TIMES = {32, 33, 34, 35, 55, 56}


@contextmanager
def _reading_workbook(path: Path) -> Iterator[None]:
    """Keep openpyxl's warnings in, and tell whatever it trips over as one sentence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except FileError:
            raise
        except Exception as error:  # a damaged file can trip any line of the parsers
            raise unfit(path, "已损坏或不完整", "is damaged or cut short") from error


def worksheets(path: Path, raw: BinaryIO) -> Iterator[Rows]:
    """The sheets of an open XLSX file, each as numbered rows. Raises FileError for a bad one."""
    with _reading_workbook(path):
        _check_archive(path, raw)
    formulas = _load(path, raw, results=False)
    for index in range(len(formulas.worksheets)):
        yield _in_batches(path, _sheet_rows(path, raw, formulas, index))


def _load(path: Path, raw: BinaryIO, *, results: bool) -> Any:
    """The workbook, its formulas as text or as the results that were stored with them."""
    with _reading_workbook(path):
        from openpyxl import load_workbook

        return load_workbook(raw, read_only=True, data_only=results, keep_links=False)


def _check_archive(path: Path, raw: BinaryIO) -> None:
    """Refuse what would harm the parsers: archives of other things, bombs, XML entities."""
    with ZipFile(raw) as archive:
        parts = archive.infolist()
        books = [part for part in parts if part.filename.endswith("xl/workbook.xml")]
        if not books:
            raise unfit(
                path, "是 ZIP 压缩包，不是 XLSX 表格", "is a ZIP archive, not an XLSX table"
            )
        unpacked = sum(part.file_size for part in parts)
        bearable = max(_UNSUSPICIOUS, _MOST_SWELLING * os.fstat(raw.fileno()).st_size)
        if unpacked > min(_MOST_UNPACKED, bearable):
            zh = f"解压后有 {unpacked >> 20} MB，过大"
            raise unfit(path, zh, f"would unpack to {unpacked >> 20} MB, too much")
        if _STRICT in archive.read(books[0]):
            zh = "存成了“严格 Open XML”格式"
            raise unfit(path, zh, "is saved as Strict Open XML")
        for part in parts:
            with archive.open(part) as xml:
                _check_part(path, xml)


def _check_part(path: Path, xml: IO[bytes]) -> None:
    """Refuse a document type, in which alone entities can be declared, and a row without end,
    which the real parser would build whole in memory."""
    since_row: int | None = None  # None in what is no worksheet

    def refuse_doctype(*_: object) -> None:
        raise unfit(path, "含有 XML 实体声明", "declares XML entities")

    def count(name: str, _: object) -> None:
        nonlocal since_row
        if name.rpartition(":")[2] in ("row", "sheetData"):
            since_row = 0
        elif since_row is not None:
            since_row += 1
            if since_row > _LONGEST_ROW:
                raise unfit(path, "有一行的单元格过多", "has a row with too many cells")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler, parser.StartElementHandler = refuse_doctype, count
    with suppress(expat.ExpatError):  # a picture, or for the real parser to stumble over
        while chunk := xml.read(1 << 16):
            parser.Parse(chunk)


def _in_batches(path: Path, rows: Rows) -> Rows:
    while True:
        with _reading_workbook(path):
            batch = list(islice(rows, 200))
        if not batch:
            return
        yield from batch


def _sheet_rows(path: Path, raw: BinaryIO, formulas: Any, index: int) -> Rows:
    """The rows of a sheet as text.

    A formula counts as the result stored with it, what its author saw on the screen; where none
    is stored (a program wrote the file) as its own text. Nothing is ever computed.
    """
    results = _results(path, raw, index)
    for number, cells in _grid(formulas, index):
        if number > _LAST_ROW:
            raise unfit(path, f"超过 {_LAST_ROW} 行", f"has more than {_LAST_ROW} rows")
        if any(cell.data_type == "f" for cell in cells):
            computed = next(row for n, row in results if n == number)
            cells = tuple(map(_result_or_formula, cells, computed))
        yield number, [_cell_text(cell) for cell in cells]


def _results(path: Path, raw: BinaryIO, index: int) -> Grid:
    """The rows once more with results for formulas; the file is opened at the first one asked."""
    yield from _grid(_load(path, raw, results=True), index)


def _grid(book: Any, index: int) -> Grid:
    sheet = book.worksheets[index]
    sheet.reset_dimensions()  # programs write wrong ones, and rows would be cut off
    return enumerate(sheet.iter_rows(), 1)


def _result_or_formula(formula: Any, result: Any) -> Any:
    # A stored empty text arrives as None too, but keeps the type of formula texts.
    stored = result.value is not None or result.data_type == "str"
    return result if stored or formula.data_type != "f" else formula


def _cell_text(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("_x000D_", "\r")
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return _number_text(cell, value)
    if isinstance(value, date | time | timedelta):
        return _time_text(value, bool(re.search("[hs]", _format(cell))))
    return str(getattr(value, "text", ""))  # an array formula without a result


def _format(cell: Any) -> str:
    return _FORMAT_LITERALS.sub("", cell.number_format).lower()


def _number_text(cell: Any, value: float) -> str:
    code = cell.style_array.numFmtId
    if code in _CHINESE_DATES:
        from openpyxl.utils.datetime import from_excel

        with suppress(ValueError, OverflowError):
            return _time_text(from_excel(value, cell.parent.parent.epoch), code in _CHINESE_TIMES)
    # Below 15 digits as Excel shows it, 0.3 and not 0.30000000000000004; above, as stored.
    exact = str(value) if isinstance(value, int) or abs(value) >= 1e15 else f"{value:.15g}"
    text = format(Decimal(exact), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    shown = _format(cell)
    return text.zfill(len(shown)) if set(shown) == {"0"} else text


def _time_text(value: date | time | timedelta, shows_time: bool) -> str:
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    if not isinstance(value, datetime):
        return value.isoformat()
    value = (value + timedelta(milliseconds=500)).replace(microsecond=0)
    if not shows_time and value.time() == time():
        return value.date().isoformat()
    return value.isoformat(" ")
