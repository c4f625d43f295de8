"""Cells of tables as they are found, and the guard against spreadsheet formulas in them."""

import re
from collections.abc import Iterator
from pathlib import Path

from lookup.errors import FileError
from lookup.language import plain

Cells = list[str]
Rows = Iterator[tuple[int, Cells]]

_SIGNS = re.compile(r"'*[=+\-@\t\r＝＋－＠]")


def column_key(header: str) -> str:
    """The name a column is matched by: its header, plain and without white space."""
    return "".join(plain(header).split())


def defuse(text: str) -> str:
    """The text, guarded by an apostrophe where a spreadsheet would take it for a formula.

    A text that already looks guarded gets one more, so that reading gives back the very text.
    """
    return f"'{text}" if _SIGNS.match(text) else text


def as_meant(text: str) -> str:
    """The text without the one apostrophe that `defuse` put before it."""
    return text[1:] if text.startswith("'") and _SIGNS.match(text) else text


def unfit(path: Path, zh: str, en: str) -> FileError:
    """The error for a file that cannot be read as a table, with what to do about it."""
    return FileError(
        f"《{plain(path.name)}》{zh}，请另存为 CSV UTF-8 或 XLSX 后重新提交。",
        f"{plain(path.name)} {en}; save it as CSV UTF-8 or XLSX and hand it in again.",
    )
