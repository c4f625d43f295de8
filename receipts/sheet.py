"""Sheets as their readers see them, typeset from a template: receipts, and signs for counters."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from receipts.bulletin import Bulletin, Pair
from receipts.code import qr_code
from receipts.fonts import printable, uncovered

if TYPE_CHECKING:
    from typst import Compiler

Paper = Literal["a5", "a4", "roll80"]
SignSize = Literal["a4", "a6"]
Format = Literal["pdf", "png"]


@dataclass(frozen=True)
class Receipt:
    """What one issue of a receipt says, ready for display; a ``Pair`` is (Chinese, English).

    An empty string leaves its line out. ``officer`` is the name with the badge number, ``site``
    the host as it is typed, ``code`` the manual code in its printed groups, ``match`` the match
    word. ``happened`` has (label in Chinese, in English, what and when), ``materials``
    (what, received). ``issue_number`` is 1 for the first paper, more for a reissue.
    """

    template: ClassVar[str] = "receipt.typ"
    title: Pair
    bureau: str
    number: str
    kind: Pair
    case_name: str
    party_name: str
    unit_name: str
    unit_address: str
    unit_phone: str
    officer: str
    happened: Sequence[tuple[str, str, str]]
    next_step: Pair
    materials: Sequence[tuple[str, bool]]
    statement: Pair
    query: Pair
    complain: Pair
    url: str
    site: str
    code: str
    match: str
    issue_number: int
    printed_on: str


@dataclass(frozen=True)
class CounterSign:
    """What asks for a rating at a counter: a poster (A4), or a plain card for a stand (A6)."""

    template: ClassVar[str] = "counter.typ"
    bureau: str
    unit_name: str
    counter: str
    url: str
    site: str


Sheet = Receipt | CounterSign | Bulletin


def unprintable(receipt: Receipt) -> list[str]:
    """The characters of a receipt that the font lacks: they are printed as their code points."""
    return uncovered(json.dumps(vars(receipt), ensure_ascii=False))


def render_pdf(receipt: Receipt, paper: Paper) -> bytes:
    """One receipt as a tagged PDF, which a screen reader can read aloud."""
    return typeset([receipt], paper, "pdf")


def typeset(
    sheets: Sequence[Sheet], paper: Paper | SignSize, format: Format, dpi: int = 300
) -> bytes:
    """Sheets of one kind as a PDF of one page each, or a single one as a PNG at ``dpi``. Of a
    bulletin, one alone as a PDF, of as many pages as it takes.

    Memory grows with the number of sheets. Only a single sheet's PDF is tagged. A PNG of
    ``roll80`` is the 72 mm that a print head reaches: 576 dots at 203 dpi.
    """
    inputs = {
        "paper": paper,
        "format": format,
        "sheets": json.dumps([_data(sheet) for sheet in sheets]),
    }
    compiler = _compiler(sheets[0].template if sheets else Receipt.template)
    with _one_at_a_time:
        made = compiler.compile(
            format=format, ppi=dpi, sys_inputs=inputs, pdf_tags=len(sheets) == 1
        )
        if len(sheets) > 1:
            _forget(compiler)
    return cast(bytes, made)  # A list comes only of several pages as PNG.


_one_at_a_time = threading.Lock()


@cache
def _compiler(template: str) -> "Compiler":
    # Loaded only where something is drawn: a web worker that never draws stays small.
    import typst
    from noto_cjk_sans_otc import FONT_PATH

    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONT_PATH.parent]
    )
    return typst.Compiler(Path(__file__).with_name(template), font_paths=fonts)


def _forget(compiler: "Compiler") -> None:
    """Let go of what was laid out: the typesetter keeps it for ten more compilations."""
    for _ in range(10):
        compiler.compile(sys_inputs={"paper": "a4", "format": "pdf", "sheets": "[]"})


def _data(sheet: Sheet) -> dict[str, Any]:
    said = {field: _printable(value) for field, value in vars(sheet).items()}
    if isinstance(sheet, Bulletin):
        return said
    image = qr_code(sheet.url)
    return said | {"png": list(image.png), "modules": image.modules}


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Sequence):
        return [_printable(item) for item in value]
    return value
