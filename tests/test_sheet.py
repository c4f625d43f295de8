"""The printed sheet: what it says, that it fits, and the files it comes in."""

import re
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import pytest

from receipts.batch import SheetError, render
from receipts.fonts import printable, uncovered
from receipts.sheet import Paper, Receipt, render_pdf, typeset, unprintable
from tests.paper import LONG, SHORT, TYPICAL, UNBROKEN, image_of, run, text_of

PAPERS: tuple[Paper, ...] = get_args(Paper)
SAMPLES = {"short": SHORT, "typical": TYPICAL, "long": LONG, "unbroken": UNBROKEN}
EVERY_PAPER = pytest.mark.parametrize("paper", PAPERS)
EVERY_SAMPLE = pytest.mark.parametrize("sample", SAMPLES)


def numbered(count: int) -> Iterator[Receipt]:
    """Receipts whose numbers and codes tell them apart."""
    for index in range(count):
        yield replace(TYPICAL, number=f"A{index:05}", code=f"7K3M-{index:04}-H")


def bare(text: str) -> str:
    return "".join(text.split())


@EVERY_PAPER
@EVERY_SAMPLE
def test_every_paper_says_all_that_the_law_and_the_reader_ask_for(
    paper: Paper, sample: str
) -> None:
    receipt = SAMPLES[sample]
    text = text_of(render_pdf(receipt, paper))
    for said in (
        *(receipt.title + receipt.kind + receipt.next_step + receipt.statement + receipt.complain),
        *(receipt.number, receipt.case_name, receipt.party_name, receipt.bureau),
        *(receipt.unit_name, receipt.unit_address, receipt.unit_phone, receipt.officer),
        *(words for line in receipt.happened for words in line),
        *(receipt.site, receipt.code, receipt.match, receipt.printed_on),
        "我们绝不会要求您付款",
        "We never ask for payment",
        "扫码查看案件进展",
        "Match word",
    ):
        assert bare(said) in text


@EVERY_PAPER
def test_a_reissue_says_its_number_and_that_earlier_papers_are_void(paper: Paper) -> None:
    first = text_of(render_pdf(TYPICAL, paper))
    third = text_of(render_pdf(replace(TYPICAL, issue_number=3), paper))
    assert "补发（第3次出具），此前的回执已作废" in third
    assert "issueno.3" in third
    assert "补发" not in first
    assert "Reissued" not in first


def words_of(pdf: bytes) -> tuple[float, list[ElementTree.Element]]:
    """The width of the first page, and its words with their places."""
    page = ElementTree.fromstring(run("pdftotext", "-bbox", "-", "-", given=pdf)).find(".//{*}page")
    assert page is not None
    return float(page.attrib["width"]), page.findall("{*}word")


def place(words: list[ElementTree.Element], start: str, side: str) -> float:
    """Where the only word that begins with ``start`` has its ``side``."""
    (found,) = [word for word in words if (word.text or "").startswith(start)]
    return float(found.attrib[side])


@EVERY_PAPER
@EVERY_SAMPLE
def test_a_receipt_is_one_page_on_which_nothing_overlaps_or_leaves_the_margins(
    paper: Paper, sample: str
) -> None:
    # The last words of the upper part; the lower one begins with a line of its own.
    pdf = render_pdf(replace(SAMPLES[sample], complain=("投诉", "Endofstory")), paper)
    assert text_of(pdf).count("\f") == 1
    width, words = words_of(pdf)
    assert place(words, "Endofstory", "yMax") < place(words, "也可打开网址", "yMin")
    # Points, less than set: the empty half of a full-width bracket may hang over a line's end.
    margin = {"a5": 31, "a4": 56, "roll80": 9}[paper]
    assert min(float(word.attrib["xMin"]) for word in words) > margin
    assert max(float(word.attrib["xMax"]) for word in words) < width - margin


def test_materials_still_missing_come_first_and_what_does_not_fit_is_counted() -> None:
    twelve = tuple((f"材料{n:02}", n < 5) for n in range(1, 13))
    a5 = text_of(render_pdf(replace(TYPICAL, materials=twelve), "a5"))
    assert sorted(re.findall("材料[0-9]{2}", a5)) == [f"材料{n:02}" for n in range(5, 12)]
    assert "另有5项5more" in a5
    a4 = text_of(render_pdf(replace(TYPICAL, materials=twelve), "a4"))
    assert len(re.findall("材料[0-9]{2}", a4)) == 12
    assert a4.count("✓") == 4
    assert "另有" not in a4


@pytest.mark.parametrize(
    "words",
    [
        "#sys.version #let x = 1",
        "] } ) \\ \\n \\u{41}",
        "\"quoted\" 'single' `raw`",
        "$x^2$ *bold* _it_ = head",
        "@ref <label> // comment",
        "https://a.example/b -- --- ...",
        "~ - + / 1. [x]",
        "王某（#1）案",
    ],
)
def test_text_is_printed_as_it_is_and_never_read_as_markup(words: str) -> None:
    pdf = render_pdf(replace(TYPICAL, case_name=words, party_name=words), "a5")
    assert text_of(pdf).count(bare(words)) == 2
    assert b"/URI" not in pdf


def test_rare_characters_print_and_those_the_font_lacks_show_as_code_points() -> None:
    receipt = replace(TYPICAL, case_name="䶮某𠮷·买买提案", party_name="𪚥😀")
    text = text_of(render_pdf(receipt, "a5"))
    assert "䶮某𠮷·买买提案" in text
    assert "[U+2A6A5][U+1F600]" in text
    assert unprintable(receipt) == ["𪚥", "😀"]
    assert unprintable(TYPICAL) == []


@pytest.mark.parametrize(
    ("text", "printed", "lacking"),
    [
        ("䶮𠮷·〔2026〕①", "䶮𠮷·〔2026〕①", []),
        ("𪚥某𪚥", "[U+2A6A5]某[U+2A6A5]", ["𪚥"]),
        ("张\n三\t四\u3000五\r\n", "张 三 四 五", []),
        ("a\0b\x07c\x85d\ufeffe\ud800f", "abc def", []),
        ("\u202e某\u200f张\u2066三\u200b", "某张三", []),
        ("葛\U000e0100✓\ufe0f", "葛✓", []),
        ("ئۇ", "[U+0626][U+06C7]", ["ئ", "ۇ"]),
        ("", "", []),
    ],
)
def test_what_a_text_becomes_on_paper(text: str, printed: str, lacking: list[str]) -> None:
    assert printable(text) == printed
    assert uncovered(text) == lacking


@pytest.mark.parametrize("hostile", ["\0", "\ud800", "\u202e", "\n\n", "\\", "\x1b[2J"])
def test_a_character_without_a_shape_does_not_stop_the_printer(hostile: str) -> None:
    receipt = replace(TYPICAL, case_name=f"甲{hostile}乙", number=f"A{hostile}1")
    assert "乙" in text_of(render_pdf(receipt, "a5"))


@EVERY_PAPER
def test_the_code_is_sharp_at_203_dpi_with_modules_of_half_a_millimetre_or_more(
    paper: Paper,
) -> None:
    zxingcpp = pytest.importorskip("zxingcpp", reason="zxing-cpp is not installed")
    for receipt, modules in ((SHORT, 37), (TYPICAL, 41), (LONG, 49)):
        image = image_of(typeset([receipt], paper, "png", dpi=203))
        (found,) = zxingcpp.read_barcodes(image)
        corners = found.position
        area = (
            corners.top_left.x + 1,
            corners.top_left.y + 1,
            corners.bottom_right.x - 1,
            corners.bottom_right.y - 1,
        )
        assert set(image.crop(area).tobytes()) == {0, 255}
        assert (area[2] - area[0]) / modules > 3.9  # Dots; four are 0.5 mm.


def test_a_roll_image_is_as_wide_as_the_print_head_and_its_pdf_as_the_roll() -> None:
    assert image_of(typeset([LONG], "roll80", "png", dpi=203)).width == 576
    assert words_of(render_pdf(TYPICAL, "roll80"))[0] == pytest.approx(80 / 25.4 * 72, abs=0.1)


def test_the_same_receipt_is_the_same_file_from_any_thread() -> None:
    wanted = [render_pdf(receipt, "a5") for receipt in SAMPLES.values()] * 4
    with ThreadPoolExecutor(4) as threads:
        again = threads.map(lambda r: render_pdf(r, "a5"), list(SAMPLES.values()) * 4)
    assert list(again) == wanted


@EVERY_PAPER
def test_a_batch_has_one_page_for_each_receipt_in_order(paper: Paper, tmp_path: Path) -> None:
    out = tmp_path / "receipts.pdf"
    heard: list[int] = []
    lacking = render(numbered(120), paper, out, format="pdf", progress=heard.append)
    assert lacking == {}
    assert heard[-1] == 120
    assert heard == sorted(set(heard))
    *pages, rest = text_of(out.read_bytes()).split("\f")
    assert rest == ""
    assert [re.findall("A[0-9]{5}", page) for page in pages] == [[f"A{n:05}"] for n in range(120)]
    assert [f"7K3M-{n:04}-H" in page for n, page in enumerate(pages)] == [True] * 120


def test_a_batch_of_long_receipts_has_no_more_pages_than_receipts(tmp_path: Path) -> None:
    out = tmp_path / "receipts.pdf"
    render([LONG, SHORT, UNBROKEN, TYPICAL] * 3, "a5", out, format="pdf")
    assert text_of(out.read_bytes()).count("\f") == 12


def test_a_batch_tells_which_receipts_have_characters_the_font_lacks(tmp_path: Path) -> None:
    batch = [TYPICAL, replace(TYPICAL, number="A2", party_name="𪚥某")]
    assert render(batch, "a5", tmp_path / "out.pdf", format="pdf") == {"A2": ["𪚥"]}


def test_a_png_holds_one_receipt(tmp_path: Path) -> None:
    out = tmp_path / "receipt.png"
    render([TYPICAL], "a5", out, format="png", dpi=203)
    assert image_of(out.read_bytes()).size == (1183, 1678)
    with pytest.raises(SheetError) as refused:
        render([TYPICAL, SHORT], "a5", tmp_path / "two.png", format="png")
    assert ".zip" in refused.value.zh
    assert ".zip" in refused.value.en
    assert [path.name for path in tmp_path.iterdir()] == ["receipt.png"]


def test_a_zip_holds_a_png_for_each_receipt_even_of_one_case(tmp_path: Path) -> None:
    out = tmp_path / "receipts.ZIP"
    reissue = replace(TYPICAL, issue_number=2)
    outside = replace(TYPICAL, number="../../x\\y")
    render([TYPICAL, TYPICAL, reissue, outside], "roll80", out, format="png", dpi=100)
    with zipfile.ZipFile(BytesIO(out.read_bytes())) as archive:
        number = TYPICAL.number
        assert archive.namelist() == [
            f"{number}-1.png",
            f"{number}-1-2.png",
            f"{number}-2.png",
            ".._.._x_y-1.png",
        ]
        assert all(image_of(archive.read(name)).width > 200 for name in archive.namelist())


@pytest.mark.parametrize("name", ["out.pdf", "out.png", "out.zip"])
def test_a_file_appears_whole_or_not_at_all(name: str, tmp_path: Path) -> None:
    out = tmp_path / name
    out.write_bytes(b"the paper of yesterday")
    taken = iter([TYPICAL])

    def interrupted() -> Iterator[Receipt]:
        yield from taken
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(interrupted(), "a5", out, format="pdf" if name.endswith("pdf") else "png")
    assert next(taken, None) is None
    assert out.read_bytes() == b"the paper of yesterday"
    assert list(tmp_path.iterdir()) == [out]


def test_printing_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match="no receipt"):
        render([], "a5", tmp_path / "out.pdf", format="pdf")
    assert list(tmp_path.iterdir()) == []


def test_a_batch_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    out = tmp_path / "out.pdf"
    render([TYPICAL], "a5", out, format="pdf")
    assert out.stat().st_mode & 0o077 == 0


def test_importing_the_paper_does_not_load_what_draws_it() -> None:
    heavy = "typst", "PIL", "qrcode"
    loaded = run(
        sys.executable,
        "-c",
        "import sys, receipts.batch, receipts.token, receipts.manual; print(*sys.modules)",
    ).split()
    assert not set(heavy) & set(loaded)
    assert "receipts.sheet" in loaded
