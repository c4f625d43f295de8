"""Tabular files as offices hand them out, CSV and XLSX, read as a stream; rejected rows, written.

What was found in a cell is never altered, so a rejected row goes back as it came. The one
exception is the guard against spreadsheet formulas: ``defuse`` adds an apostrophe, reading takes
exactly that one away again.
"""

import codecs
import csv
import io
import mmap
import os
import re
import tempfile
import unicodedata
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain, islice, repeat
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO, Self
from xml.parsers import expat
from zipfile import ZipFile

from lookup.errors import FileError, Refused
from lookup.language import Text

Cells = list[str]
Rows = Iterator[tuple[int, Cells]]

_CHUNK = 1 << 20
_LONGEST_ROW = 1 << 22  # characters; a quotation mark never closed must not fill the memory
_MOST_LINE_FEEDS = 253  # in one cell: Excel's own limit
_LAST_ROW = 1_048_576  # of a worksheet: a row said to lie beyond would be reached by empty ones
_MOST_UNPACKED = 4 << 30  # bytes
_MOST_SWELLING = 200  # unpacked / packed; registers reach about 20
_UNSUSPICIOUS = 64 << 20  # bytes unpacked, however well they packed
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
_STRICT = b"http://purl.oclc.org/ooxml/"  # openpyxl finds nothing in such a workbook
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")

_QUOTED = re.compile(r'"[^"]*"')
_SIGNS = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_INVISIBLE = {"Cc", "Cf", "Cs"}  # not Co: GB18030 keeps rare characters of names there
_FORMAT_LITERALS = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
# Number formats that Chinese Excel shows as dates and times but leaves out of the file
# (ECMA-376 part 1, 18.8.30, zh-cn); those of the second set show a time.
_CHINESE_DATES = {*range(27, 37), *range(50, 59)}
_CHINESE_TIMES = {32, 33, 34, 35, 55, 56}

REJECT_COLUMNS = ("行号 row", "字段 field", "值 value", "原因 reason")


def plain(text: str) -> str:
    """The text in NFKC, without control and invisible characters, stripped."""
    text = unicodedata.normalize("NFKC", text)
    if not text.isprintable():
        text = "".join(c for c in text if unicodedata.category(c) not in _INVISIBLE)
    return text.strip()


def column_key(header: str) -> str:
    """The name a column is matched by: its header, plain and without white space."""
    return "".join(plain(header).split())


def defuse(text: str) -> str:
    """The text, guarded by an apostrophe where a spreadsheet would take it for a formula.

    A text that already looks guarded gets one more, so that reading gives back the very text.
    """
    return f"'{text}" if _SIGNS.match(text) else text


def _as_meant(text: str) -> str:
    return text[1:] if text.startswith("'") and _SIGNS.match(text) else text


def _unfit(path: Path, zh: str, en: str) -> FileError:
    return FileError(
        f"《{plain(path.name)}》{zh}，请另存为 CSV UTF-8 或 XLSX 后重新提交。",
        f"{plain(path.name)} {en}; save it as CSV UTF-8 or XLSX and hand it in again.",
    )


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
            if _is_blank(found):
                continue
            cells = [_as_meant(cell) for cell in found]
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
        raise _unfit(path, "打不开（不存在或无权读取）", "cannot be opened") from error
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
        raise _unfit(path, "是空的，没有表头", "is empty, it has no header row")
    missing = [list(names.values()) for names in _missing(first, required)]
    found = [" ".join(plain(header).split())[:40] for header in first[:40]]
    raise _unfit(
        path,
        f"缺少列：{'、'.join('或'.join(names) for names in missing)}（现有列：{'、'.join(found)}）",
        f"lacks the columns: {', '.join(' or '.join(names) for names in missing)} "
        f"(it has: {', '.join(found)})",
    )


def _sheets(path: Path, raw: BinaryIO) -> Iterator[Rows]:
    head = raw.read(_CHUNK)
    if head.startswith(_ZIP):
        yield from _worksheets(path, raw)
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
    return [_as_meant(header) for header in headers[:width]]


def _missing(headers: Cells, required: list[dict[str, str]]) -> list[dict[str, str]]:
    found = {column_key(header) for header in headers}
    return [names for names in required if not found & names.keys()]


def _columns(path: Path, headers: Cells) -> list[str]:
    """The key of each column; one without a header is called by its place."""
    keys = [column_key(header) or f"第{n}列" for n, header in enumerate(headers, 1)]
    for key in keys:
        if keys.count(key) > 1:
            raise _unfit(path, f"有两列都叫“{key}”", f"has two columns named “{key}”")
    return keys


def _refuse_foreign(path: Path, raw: BinaryIO, head: bytes) -> None:
    """Name what is plainly no text: pictures, archives, old and encrypted workbooks."""
    for magic, kind in _FOREIGN.items():
        if head.startswith(magic):
            raise _unfit(path, f"是{kind.zh}，不是表格", f"is {kind.en}, not a table")
    if head.startswith(_OLE):
        with mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            locked = whole.find(_ENCRYPTED) >= 0
        if locked:
            raise _unfit(path, "设有打开密码", "is locked with a password")
        raise _unfit(path, "是旧版 Office 文件（.xls）", "is an old Office file (.xls)")
    if b"\0" in head and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _unfit(path, "是二进制文件，不是表格", "is a binary file, not a table")


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
    raise _unfit(
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
            raise _unfit(path, f"第 {line} 行含有空字符", f"has NUL characters in line {line}")
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
            raise _unfit(self._path, "是网页，不是表格", "is a web page, not a table")
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
        return _unfit(
            self._path,
            f"第 {self._number} 行过长，或有引号没有成对",
            f"has a row {self._number} that is too long or has a quotation mark never closed",
        )


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
            raise _unfit(path, "已损坏或不完整", "is damaged or cut short") from error


def _worksheets(path: Path, raw: BinaryIO) -> Iterator[Rows]:
    with _reading_workbook(path):
        _check_archive(path, raw)
    formulas = _load(path, raw, results=False)
    for index in range(len(formulas.worksheets)):
        yield _sheet_rows(path, raw, formulas, index)


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
            raise _unfit(
                path, "是 ZIP 压缩包，不是 XLSX 表格", "is a ZIP archive, not an XLSX table"
            )
        unpacked = sum(part.file_size for part in parts)
        bearable = max(_UNSUSPICIOUS, _MOST_SWELLING * os.fstat(raw.fileno()).st_size)
        if unpacked > min(_MOST_UNPACKED, bearable):
            zh = f"解压后有 {unpacked >> 20} MB，过大"
            raise _unfit(path, zh, f"would unpack to {unpacked >> 20} MB, too much")
        if _STRICT in archive.read(books[0]):
            zh = "存成了“严格 Open XML”格式"
            raise _unfit(path, zh, "is saved as Strict Open XML")
        for part in parts:
            with archive.open(part) as xml:
                if _declares_doctype(xml):
                    raise _unfit(path, "含有 XML 实体声明", "declares XML entities")


def _declares_doctype(xml: IO[bytes]) -> bool:
    """Whether an XML part has a document type, in which alone entities can be declared."""
    met: list[bool] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = lambda *_: met.append(True)
    parser.StartElementHandler = lambda *_: met.append(False)
    with suppress(expat.ExpatError):  # a picture, or for the real parser to stumble over
        while not met and (chunk := xml.read(1 << 16)):
            parser.Parse(chunk)
    return met[:1] == [True]


def _sheet_rows(path: Path, raw: BinaryIO, formulas: Any, index: int) -> Rows:
    """The rows of a sheet as text.

    A formula counts as the result stored with it, what its author saw on the screen; where none
    is stored (a program wrote the file) as its own text. Nothing is ever computed.
    """
    results = _results(path, raw, index)
    for number, cells in enumerate(_grid(path, formulas, index), 1):
        if number > _LAST_ROW:
            raise _unfit(path, f"超过 {_LAST_ROW} 行", f"has more than {_LAST_ROW} rows")
        if any(cell.data_type == "f" for cell in cells):
            computed = next(row for n, row in results if n == number)
            cells = tuple(map(_result_or_formula, cells, computed))
        yield number, [_cell_text(cell) for cell in cells]


def _results(path: Path, raw: BinaryIO, index: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
    yield from enumerate(_grid(path, _load(path, raw, results=True), index), 1)


def _grid(path: Path, book: Any, index: int) -> Iterator[tuple[Any, ...]]:
    sheet = book.worksheets[index]
    sheet.reset_dimensions()  # programs write wrong ones, and rows would be cut off
    rows = sheet.iter_rows()
    while True:
        with _reading_workbook(path):
            batch = list(islice(rows, 200))
        if not batch:
            return
        yield from batch


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


class RejectsWriter:
    """Rejected rows as a CSV file that Excel opens and ``open_table`` reads again.

    A context manager. The columns are ``headers`` (a table's, as found) and ``REJECT_COLUMNS``.
    The file appears whole at the end, readable by its owner alone, and only if a row was
    rejected; an exception leaves nothing behind.
    """

    def __init__(self, path: Path, headers: Sequence[str]) -> None:
        self.count = 0
        self._path = path
        own = {column_key(name) for name in REJECT_COLUMNS}
        # A corrected rejects file that is handed in brings these columns along.
        self._kept = [n for n, header in enumerate(headers) if column_key(header) not in own]
        self._headers = [headers[n] for n in self._kept]
        self._file: IO[str] | None = None

    def add(self, row: Row, refused: Refused) -> None:
        """Write one row with the field, the value and the reason it was refused for."""
        if self._file is None:
            self._file = self._begin()
        cells = list(row.cells.values())
        found = [cells[n] for n in self._kept]
        why = [str(row.number), refused.field, refused.value, refused.text.both()]
        self._write(self._file, found + why)
        self.count += 1

    def _begin(self) -> IO[str]:
        file = tempfile.NamedTemporaryFile(  # noqa: SIM115
            "w",
            encoding="utf-8-sig",
            newline="",
            dir=self._path.parent,
            prefix=f".{self._path.name}.",
            delete=False,
        )
        self._write(file, [*self._headers, *REJECT_COLUMNS])
        return file

    @staticmethod
    def _write(file: IO[str], cells: Cells) -> None:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerow(map(defuse, cells))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        temporary = Path(self._file.name)
        try:
            with self._file as file:
                file.flush()
                os.fsync(file.fileno())
            if kind is None:
                temporary.replace(self._path)
        finally:
            temporary.unlink(missing_ok=True)
