"""Many PDFs into one file, in memory that does not grow with their number.

Knows PDF as the typesetter writes it (ISO 32000-1, 7.5): whole objects in plain text, one tree of
pages, a cross-reference table. A general library would hold every page of every part.
"""

import re
from array import array
from itertools import pairwise
from typing import IO

_REFERENCE = re.compile(rb"\b(\d+) 0 R\b")
_ENTRY = re.compile(rb"(\d{10}) \d{5} n")
_COUNT = re.compile(rb"/Type/Pages/Count (\d+)")
_PAGES, _CATALOG = 1, 2


class JoinedPdf:
    """One PDF that grows at the end of ``file``: ``add`` its parts, then ``close`` it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        # Where each object lies; the first two are written last.
        self._places = array("Q", [0, 0])
        self._trees: list[int] = []
        self._pages = 0
        file.write(b"%PDF-1.7\n%\xff\xff\xff\xff\n")

    def add(self, part: bytes) -> None:
        """Append the pages of a PDF; raises ValueError for one written in another way."""
        table = part.rindex(b"xref\n", 0, part.rindex(b"startxref"))
        places = [int(place) for place in _ENTRY.findall(part, table)]
        ends = dict(pairwise([*sorted(places), table]))
        shift = len(self._places)
        for place in places:
            self._write_shifted(part[place : ends[place]], shift)

    def close(self) -> None:
        """Write the tree over all parts, the catalog and the cross-reference table."""
        kids = b" ".join(b"%d 0 R" % tree for tree in self._trees)
        self._write(_PAGES, b"<</Type/Pages/Count %d/Kids[%s]>>\nendobj\n" % (self._pages, kids))
        self._write(_CATALOG, b"<</Type/Catalog/Pages %d 0 R>>\nendobj\n" % _PAGES)
        table, size = self._file.tell(), len(self._places) + 1
        self._file.write(b"xref\n0 %d\n0000000000 65535 f \n" % size)
        self._file.writelines(b"%010d 00000 n \n" % place for place in self._places)
        self._file.write(b"trailer\n<</Size %d/Root %d 0 R>>\n" % (size, _CATALOG))
        self._file.write(b"startxref\n%d\n%%%%EOF\n" % table)

    def _write_shifted(self, written: bytes, shift: int) -> None:
        label, _, body = written.partition(b" 0 obj\n")
        self._places.append(0)
        number = len(self._places)
        if int(label) + shift != number:
            raise ValueError(f"object {number - shift} of the PDF is not in its place")
        head, stream, data = body.partition(b"\nstream\n")
        head = _REFERENCE.sub(lambda found: b"%d 0 R" % (int(found[1]) + shift), head)
        if count := _COUNT.search(head):
            self._trees.append(number)
            self._pages += int(count[1])
            head = head.replace(b"/Type/Pages", b"/Type/Pages/Parent %d 0 R" % _PAGES)
        self._write(number, head + stream + data)

    def _write(self, number: int, body: bytes) -> None:
        self._places[number - 1] = self._file.tell()
        self._file.write(b"%d 0 obj\n" % number + body)
