"""Which characters the one font can print. The typesetter itself draws an empty box in silence."""

import re
import struct
import unicodedata
from array import array
from bisect import bisect_right
from functools import cache, lru_cache
from typing import Any

# Controls, marks of direction and halves of surrogates have no shape, and a mark of direction
# could make a name read backwards. A variation selector only asks for another shape.
_SHAPELESS = {"Cc", "Cf", "Cs"}
_SELECTOR = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


def uncovered(text: str) -> list[str]:
    """The characters of ``text`` that the font lacks, each once, in the order they come."""
    return [char for char in dict.fromkeys(_shaped(text)) if not _covers(char)]


def printable(text: str) -> str:
    """``text`` as the font prints it: a character it lacks becomes its code point, [U+2A6A5].

    White space becomes single spaces; characters without a shape are left out.
    """
    return "".join(c if _covers(c) else f"[U+{ord(c):04X}]" for c in _shaped(text))


def _shaped(text: str) -> str:
    one_line = " ".join(_SELECTOR.sub("", text).split())
    if one_line.isprintable():
        return one_line
    return "".join(c for c in one_line if unicodedata.category(c) not in _SHAPELESS)


@lru_cache(maxsize=10_000)
def _covers(char: str) -> bool:
    starts, ends = _runs()
    place = bisect_right(starts, ord(char)) - 1
    return place >= 0 and ord(char) <= ends[place]


@cache
def _runs() -> "tuple[array[int], array[int]]":
    """First and last code points of the runs of characters that the font covers, ascending.

    The file is a collection of faces that cover the same characters, so the first one speaks
    for all. Its ``cmap`` table has a format 12 subtable (OpenType 1.9) for platform 3, encoding
    10: the whole of Unicode.
    """
    from noto_cjk_sans_otc import FONT_PATH

    with FONT_PATH.open("rb") as font:

        def read(layout: str, at: int) -> tuple[Any, ...]:
            font.seek(at)
            return struct.unpack(layout, font.read(struct.calcsize(layout)))

        (face,) = read(">L", 12)
        (tables,) = read(">H", face + 4)
        directory = [read(">4sLLL", face + 12 + 16 * i) for i in range(tables)]
        cmap = next(offset for tag, _, offset, _ in directory if tag == b"cmap")
        (maps,) = read(">H", cmap + 2)
        kinds = [read(">HHL", cmap + 4 + 8 * i) for i in range(maps)]
        unicode = cmap + next(offset for *kind, offset in kinds if kind == [3, 10])
        (count,) = read(">L", unicode + 12)
        groups = read(f">{3 * count}L", unicode + 16)
    return array("L", groups[0::3]), array("L", groups[1::3])
