"""One receipt as its reader sees it, typeset from receipt.typ."""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from receipts.code import qr_code
from receipts.fonts import printable, uncovered

if TYPE_CHECKING:
    from typst import Compiler

Pair = tuple[str, str]
Paper = Literal["a5", "a4", "roll80"]
Format = Literal["pdf", "png"]


@dataclass(frozen=True)
class Receipt:
    """What one issue of a receipt says, ready for display; a ``Pair`` is (Chinese, English).

    An empty string leaves its line out. ``officer`` is the name with the badge number, ``site``
    the host as it is typed, ``code`` the manual code in its printed groups, ``match`` the match
    word. ``happened`` has (label in Chinese, in English, what and when), ``materials``
    (what, received). ``issue_number`` is 1 for the first paper, more for a reissue.
    """

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


def unprintable(receipt: Receipt) -> list[str]:
    """The characters of a receipt that the font lacks: they are printed as their code points."""
    return uncovered(json.dumps(vars(receipt), ensure_ascii=False))


def render_pdf(receipt: Receipt, paper: Paper) -> bytes:
    """One receipt as a tagged PDF, which a screen reader can read aloud."""
    return typeset([receipt], paper, "pdf")


def typeset(receipts: Sequence[Receipt], paper: Paper, format: Format, dpi: int = 300) -> bytes:
    """Receipts as a PDF of one page each, or one receipt as a PNG at ``dpi``.

    Memory grows with the number of receipts. Only a single receipt's PDF is tagged. A PNG of
    ``roll80`` is the 72 mm that a print head reaches: 576 dots at 203 dpi.
    """
    inputs = {
        "paper": paper,
        "format": format,
        "receipts": json.dumps([_data(receipt) for receipt in receipts]),
    }
    with _one_at_a_time:
        made = _compiler().compile(
            format=format, ppi=dpi, sys_inputs=inputs, pdf_tags=len(receipts) == 1
        )
        if len(receipts) > 1:
            _forget()
    return cast(bytes, made)  # A list comes only of several pages as PNG.


_one_at_a_time = threading.Lock()


@cache
def _compiler() -> "Compiler":
    # Loaded only where something is drawn: a web worker that never draws stays small.
    import typst
    from noto_cjk_sans_otc import FONT_PATH

    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONT_PATH.parent]
    )
    return typst.Compiler(Path(__file__).with_name("receipt.typ"), font_paths=fonts)


def _forget() -> None:
    """Let go of what was laid out: the typesetter keeps it for ten more compilations."""
    for _ in range(10):
        _compiler().compile(sys_inputs={"paper": "a5", "format": "pdf", "receipts": "[]"})


def _data(receipt: Receipt) -> dict[str, Any]:
    image = qr_code(receipt.url)
    said = {field: _printable(value) for field, value in vars(receipt).items()}
    return said | {"png": list(image.png), "modules": image.modules}


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Sequence):
        return [_printable(item) for item in value]
    return value
