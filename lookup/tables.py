"""Tabular files as offices hand them out, CSV and XLSX, read as a stream.

What was found in a cell is never altered, so a rejected row goes back as it came. The one
exception is the guard against spreadsheet formulas: `cells.defuse` adds an apostrophe, reading
takes exactly that one away again.
"""

import codecs
import csv
import io
import mmap
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import BinaryIO, Self

from lookup.cells import Cells, Rows, as_meant, column_key, unfit
from lookup.errors import FileError
from lookup.language import Text, plain
from lookup.workbooks import worksheets

_CHUNK = 1 << 20
_LONGEST_ROW = 1 << 22  # characters; a quotation mark never closed must not fill the memory
_MOST_LINE_FEEDS = 253  # in one cell: Excel's own limit
csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_ROW))

_DELIMITERS = (",", "\t", ";", "，")
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"
_FOREIGN = {
    b"\x89PNG": Text("PNG 图片", "a PNG picture"),
    b"\xff\xd8\xff": Text("JPEG 图片", "a JPEG picture"),
    b"%PDF": Text("PDF 文件", "a PDF document"),
    b"Rar!": Text("RAR 压缩包", "a RAR archive"),
    b"7z\xbc\xaf": Text("7z 压缩包", "a 7z archive"),
    b"\x1f\x8b": Text("GZIP 压缩包", "a GZIP archive"),
}
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")

_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    ``number`` is the one a spreadsheet program shows, ``cells`` maps each of the table's columns
    to the text found (missing cells are empty). ``excess`` holds the cells that lie beyond the
    last column; such a row is flawed, most often by a delimiter inside a cell without quotes.
    """

    number: int
    cells: dict[str, str]
    excess: tuple[str, ...] = ()


class Table:
    """An open table: a context manager, and once through, a stream of its rows.

    ``columns`` are the headers as ``column_key`` gives them (the keys of ``Row.cells``),
    ``headers`` the same as found. Reading raises FileError where the rest cannot be read.
    """

    def __init__(self, raw: BinaryIO, headers: Cells, columns: list[str], rows: Rows) -> None:
        self.headers = headers
        self.columns = columns
        self.size = os.fstat(raw.fileno()).st_size
        self._raw = raw
        self._rows = rows

    @property
    def position(self) -> int:
        """Bytes of the file read so far, of ``size``; in an XLSX, where reading is about."""
        return self._raw.tell()

    def __iter__(self) -> Iterator[Row]:
        width = len(self.columns)
        for number, found in self._rows:
            cells = [as_meant(cell) for cell in found]
            if _is_blank(cells):
                continue
            excess = () if _is_blank(cells[width:]) else tuple(cells[width:])
            yield Row(
                number, dict(zip(self.columns, chain(cells, repeat("")), strict=False)), excess
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()


def open_table(path: Path, required: Collection[Collection[str]] = ()) -> Table:
    """Open a CSV or XLSX file whose first row that is not blank names the columns.

    Each of ``required`` is one column that must be there, under any of the names given. Of a
    workbook the first sheet that has them all is read. A CSV file may be UTF-8, UTF-16 with a
    byte order mark or GB18030 (so GBK and GB2312 too), with commas, tabs or semicolons.
    Raises FileError, which says what the file is instead or which columns are missing.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise unfit(path, "打不开（不存在或无权读取）", "cannot be opened") from error
    try:
        return _find_table(path, raw, [{column_key(n): n for n in names} for names in required])
    except BaseException:
        raw.close()
        raise


def _find_table(path: Path, raw: BinaryIO, required: list[dict[str, str]]) -> Table:
    first: Cells | None = None
    for rows in _sheets(path, raw):
        headers = _trimmed(next((cells for _, cells in rows if not _is_blank(cells)), []))
        if headers and not _missing(headers, required):
            return Table(raw, headers, _columns(path, headers), rows)
        first = first or headers
    if not first:
        raise unfit(path, "是空的，没有表头", "is empty, it has no header row")
    missing = [list(names.values()) for names in _missing(first, required)]
    found = [" ".join(plain(header).split())[:40] for header in first[:40]]
    raise unfit(
        path,
        f"缺少列：{'、'.join('或'.join(names) for names in missing)}（现有列：{'、'.join(found)}）",
        f"lacks the columns: {', '.join(' or '.join(names) for names in missing)} "
        f"(it has: {', '.join(found)})",
    )


def _sheets(path: Path, raw: BinaryIO) -> Iterator[Rows]:
    head = raw.read(_CHUNK)
    if head.startswith(_ZIP):
        yield from worksheets(path, raw)
        return
    _refuse_foreign(path, raw, head)
    encoding, start = _encoding(path, raw, head)
    raw.seek(start)
    yield _CsvRows(path, raw, encoding)


def _is_blank(cells: Sequence[str]) -> bool:
    return not any(cell and not cell.isspace() for cell in cells)


def _trimmed(headers: Cells) -> Cells:
    """The headers as meant, less the blank ones at the end."""
    width = max((n for n, header in enumerate(headers, 1) if not _is_blank([header])), default=0)
    return [as_meant(header) for header in headers[:width]]


def _missing(headers: Cells, required: list[dict[str, str]]) -> list[dict[str, str]]:
    found = {column_key(header) for header in headers}
    return [names for names in required if not found & names.keys()]


def _columns(path: Path, headers: Cells) -> list[str]:
    """The key of each column; one without a header is called by its place."""
    keys = [column_key(header) or f"第{n}列" for n, header in enumerate(headers, 1)]
    for key in keys:
        if keys.count(key) > 1:
            raise unfit(path, f"有两列都叫“{key}”", f"has two columns named “{key}”")
    return keys


def _refuse_foreign(path: Path, raw: BinaryIO, head: bytes) -> None:
    """Name what is plainly no text: pictures, archives, old and encrypted workbooks."""
    for magic, kind in _FOREIGN.items():
        if head.startswith(magic):
            raise unfit(path, f"是{kind.zh}，不是表格", f"is {kind.en}, not a table")
    if head.startswith(_OLE):
        with mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            locked = whole.find(_ENCRYPTED) >= 0
        if locked:
            raise unfit(path, "设有打开密码", "is locked with a password")
        raise unfit(path, "是旧版 Office 文件（.xls）", "is an old Office file (.xls)")
    if b"\0" in head and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise unfit(path, "是二进制文件，不是表格", "is a binary file, not a table")


def _encoding(path: Path, raw: BinaryIO, head: bytes) -> tuple[str, int]:
    """The encoding the whole file decodes in, and the length of its byte order mark."""
    mark = next((mark for mark in _MARKS if head.startswith(mark)), b"")
    flaws = []
    for encoding in [_MARKS[mark]] if mark else ["utf-8", "gb18030"]:
        raw.seek(len(mark))
        flaw = _first_flaw(path, raw, encoding)
        if flaw is None:
            return encoding, len(mark)
        flaws.append(flaw)
    position, line = max(flaws)
    raise unfit(
        path,
        f"既不是 UTF-8 也不是 GB18030 文本（第 {line} 行，第 {position} 字节）",
        f"is text in neither UTF-8 nor GB18030 (line {line}, byte {position})",
    )


def _first_flaw(path: Path, raw: BinaryIO, encoding: str) -> tuple[int, int] | None:
    """Where the rest of the file does not decode: the byte and the line, both counted from 1."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    more = True
    while more:
        chunk = raw.read(_CHUNK)
        more = bool(chunk)
        try:
            text = decoder.decode(chunk, final=not more)
        except UnicodeDecodeError as error:
            good = error.object[: error.start].decode(encoding)
            return raw.tell() - len(error.object) + error.start + 1, line + _line_ends(good)
        if "\0" in text:
            line += _line_ends(text[: text.index("\0")])
            raise unfit(path, f"第 {line} 行含有空字符", f"has NUL characters in line {line}")
        line += _line_ends(text)
    return None


def _line_ends(text: str) -> int:
    return text.count("\n") or text.count("\r")


class _CsvRows:
    """The records of a CSV text with their numbers, each checked for a runaway quotation mark."""

    def __init__(self, path: Path, raw: BinaryIO, encoding: str) -> None:
        self._path = path
        start = raw.tell()
        self._delimiter = self._find_delimiter(raw.read(_CHUNK), encoding)
        raw.seek(start)
        self._text = io.TextIOWrapper(raw, encoding, newline="")
        self._number = 0
        self._pulled: list[str] = []  # the lines of the present record
        self._length = 0
        self._ended = False
        self._records = csv.reader(self._lines(), delimiter=self._delimiter)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[int, Cells]:
        self._pulled.clear()
        self._length = 0
        self._number += 1
        cells = next(self._records)
        # The reader forgives a quotation mark out of place as spreadsheet programs do. Where it
        # has joined lines, that would make one row of many without a word.
        if (self._ended or len(self._pulled) > 1) and not self._is_well_quoted():
            raise self._runaway()
        return self._number, cells

    def _find_delimiter(self, head: bytes, encoding: str) -> str:
        text = codecs.getincrementaldecoder(encoding)().decode(head).lstrip("\ufeff\r\n ")
        if text.startswith(("<", "MIME-Version:")):
            raise unfit(self._path, "是网页，不是表格", "is a web page, not a table")
        header = re.split(r"[\r\n]", _QUOTED.sub("", text), maxsplit=1)[0]
        return max(_DELIMITERS, key=header.count)

    def _lines(self) -> Iterator[str]:
        while line := self._text.readline(_LONGEST_ROW + 1):
            self._pulled.append(line)
            self._length += len(line)
            if self._length > _LONGEST_ROW:
                raise self._runaway()
            yield line
        self._ended = True

    def _is_well_quoted(self) -> bool:
        reader = csv.reader(self._pulled, delimiter=self._delimiter, strict=True)
        try:
            return all(_line_ends(cell) <= _MOST_LINE_FEEDS for cell in next(reader))
        except csv.Error:
            return False

    def _runaway(self) -> FileError:
        return unfit(
            self._path,
            f"第 {self._number} 行过长，或有引号没有成对",
            f"has a row {self._number} that is too long or has a quotation mark never closed",
        )
