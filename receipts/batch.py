"""Receipts into a file: a PDF of thousands, one PNG, or a ZIP of PNGs."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO
from zipfile import ZipFile

from receipts.joining import JoinedPdf
from receipts.sheet import Format, Paper, Receipt, typeset, unprintable

# Typesetting holds about 2 MB a receipt until its chunk is done; each chunk brings its own fonts,
# 40 kB and more.
_CHUNK = 50


class SheetError(ValueError):
    """Receipts that cannot become the file asked for, said in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


def render(
    receipts: Iterable[Receipt],
    paper: Paper,
    out: Path,
    *,
    format: Format = "pdf",
    dpi: int = 300,
    progress: Callable[[int], None] | None = None,
) -> dict[str, list[str]]:
    """Write receipts to ``out``, one page or image each, in steady memory.

    ``format`` "png" takes one receipt, or any number where ``out`` ends in ``.zip``. ``progress``
    hears how many receipts are done. The file appears whole or not at all, for its owner's eyes
    only. Returns, by case number, the characters printed as code points because the font lacks
    them. Raises SheetError for no receipts or too many, OSError where ``out`` cannot be written.
    """
    lacking: dict[str, list[str]] = {}
    done = 0
    with replacing(out) as file:
        for written in _writer(file, receipts, paper, out, format, dpi):
            lacking |= {r.number: chars for r in written if (chars := unprintable(r))}
            done += len(written)
            if progress:
                progress(done)
        if not done:
            raise SheetError("没有可打印的回执。", "There is no receipt to print.")
    return lacking


def _writer(
    file: IO[bytes], receipts: Iterable[Receipt], paper: Paper, out: Path, format: Format, dpi: int
) -> Iterator[Sequence[Receipt]]:
    if format == "pdf":
        return _write_pdf(file, receipts, paper)
    if out.suffix.lower() == ".zip":
        return _write_images(file, receipts, paper, dpi)
    return _write_image(file, receipts, paper, dpi)


def _write_pdf(
    file: IO[bytes], receipts: Iterable[Receipt], paper: Paper
) -> Iterator[Sequence[Receipt]]:
    joined = JoinedPdf(file)
    rest = iter(receipts)
    while chunk := list(islice(rest, _CHUNK)):
        joined.add(typeset(chunk, paper, "pdf"))
        yield chunk
    joined.close()


def _write_image(
    file: IO[bytes], receipts: Iterable[Receipt], paper: Paper, dpi: int
) -> Iterator[Sequence[Receipt]]:
    for index, receipt in enumerate(receipts):
        if index:
            raise SheetError(
                "一张 PNG 图片只能容纳一份回执：请改用 PDF，或将文件名改为以 .zip 结尾。",
                "A PNG holds one receipt: use PDF, or a file name that ends in .zip.",
            )
        file.write(typeset([receipt], paper, "png", dpi))
        yield [receipt]


def _write_images(
    file: IO[bytes], receipts: Iterable[Receipt], paper: Paper, dpi: int
) -> Iterator[Sequence[Receipt]]:
    names: Counter[str] = Counter()
    with ZipFile(file, "w") as archive:
        for receipt in receipts:
            name = re.sub(r'[\\/:*?"<>|]', "_", f"{receipt.number}-{receipt.issue_number}")
            # The parties of one case have receipts of the same number.
            names[name] += 1
            again = f"-{names[name]}" if names[name] > 1 else ""
            archive.writestr(f"{name}{again}.png", typeset([receipt], paper, "png", dpi))
            yield [receipt]


@contextmanager
def replacing(out: Path) -> Iterator[IO[bytes]]:
    """A file beside ``out`` that takes its place once all is written, and else leaves no trace.

    It is its owner's alone. Raises OSError where it cannot be written.
    """
    with NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}-", delete=False) as file:
        beside = Path(file.name)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            beside.replace(out)
        except BaseException:
            beside.unlink()
            raise
