"""Rejected rows, written so that they can be mended and handed in again."""

import csv
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from lookup.cells import Cells, column_key, defuse
from lookup.errors import Refused
from lookup.tables import Row

REJECT_COLUMNS = ("行号 row", "字段 field", "值 value", "原因 reason")


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
