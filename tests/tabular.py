"""Small helpers for tests of tabular files."""

import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from openpyxl import Workbook

from lookup.errors import FileError
from lookup.tables import open_table

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
AT, DAY = map(datetime.fromisoformat, ["2026-11-20 09:05:00", "2026-11-20"])
ROWS = st.lists(st.lists(TEXTS, min_size=3, max_size=3), max_size=6)


def rows_of(path: Path, *required: str) -> list[tuple[int, list[str]]]:
    with open_table(path, [[name] for name in required]) as table:
        return [(row.number, list(row.cells.values())) for row in table]


def refusal(path: Path, *required: str) -> FileError:
    with pytest.raises(FileError) as caught:
        rows_of(path, *required)
    assert path.name in caught.value.text.zh
    assert path.name in caught.value.text.en
    assert str(path.parent) not in caught.value.text.both()
    return caught.value


def written(folder: Path, content: bytes) -> Path:
    path = folder / "登记.csv"
    path.write_bytes(content)
    return path


def workbook(folder: Path, *rows: list[Any]) -> Path:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    book.save(folder / "登记.xlsx")
    return folder / "登记.xlsx"


def patched(path: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """The workbook with each of its parts put through ``change``."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: change(name, archive.read(name)) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def with_sheet(path: Path, old: bytes, new: bytes) -> Path:
    def change(name: str, content: bytes) -> bytes:
        if name != "xl/worksheets/sheet1.xml":
            return content
        assert old in content
        return content.replace(old, new)

    return patched(path, change)
