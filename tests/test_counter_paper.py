"""The sign of a counter: of its true size, on one page, and read by two readers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from receipts.apart import render_apart
from receipts.sheet import CounterSign, SignSize, typeset
from tests.paper import TOKEN, image_of, run, text_of
from tests.test_scanning import READERS
from tests.test_sheet import bare, place, words_of

SIZES: tuple[SignSize, ...] = get_args(SignSize)
MILLIMETRES = {"a4": (210, 297), "a6": (105, 148)}
TYPICAL = CounterSign(
    bureau="蓉江市公安局",
    unit_name="锦江路派出所",
    counter="1号窗口（户籍）",
    url=f"https://chaxun.rongjiang.example/c/{TOKEN}",
    site="chaxun.rongjiang.example",
)
LONG_SITE = "anjian-jindu-chaxun.gonganju.rongjiang.example"
SAMPLES = {
    "typical": TYPICAL,
    "long": replace(
        TYPICAL,
        bureau="蓉江市经济技术开发区和高新技术产业园区联合公安分局",
        unit_name="蓉江市公安局城东区分局牛市口派出所社区警务和经济犯罪侦查联合工作队" * 2,
        counter="综合服务大厅二层东侧第十二号户籍身份证出入境证件受理窗口（含代办加急预约取件）",
        url=f"https://{LONG_SITE}/c/{TOKEN}",
        site=LONG_SITE,
    ),
    "unbroken": replace(TYPICAL, unit_name="U" * 200, counter="W" * 40),
    "markup": replace(TYPICAL, unit_name="#sys.version $x^2$ *bold*", counter="] \\u{41} <label>"),
}
EVERY_SIZE = pytest.mark.parametrize("size", SIZES)


@EVERY_SIZE
@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sign_is_one_page_of_its_size_that_says_whose_counter_it_is_and_what_to_do(
    sample: str, size: SignSize
) -> None:
    sign = replace(SAMPLES[sample], counter=f"{SAMPLES[sample].counter} Endofname")
    pdf = typeset([sign], size, "pdf")
    text = text_of(pdf)
    assert text.count("\f") == 1
    for said in (
        *(sign.bureau, sign.unit_name, sign.counter, sign.site),
        *("请扫码评价刚才的服务", "Rate the service you just received"),
        *("我们绝不会要求您付款", "We never ask for payment", "Not about a case"),
    ):
        assert bare(said) in text
    width, words = words_of(pdf)
    points = 72 / 25.4
    assert width == pytest.approx(MILLIMETRES[size][0] * points, abs=0.1)
    # The empty half of a full-width bracket may hang over a line's end.
    margin = 2.6 * {"a4": 16, "a6": 8}[size]
    assert min(float(word.attrib["xMin"]) for word in words) > margin
    assert max(float(word.attrib["xMax"]) for word in words) < width - margin
    assert place(words, "Endofname", "yMax") < place(words, "扫码打开的网站应是", "yMin")
    bottom = MILLIMETRES[size][1] * points
    assert place(words, "我们绝不会要求您付款", "yMax") < bottom - margin


@READERS
@EVERY_SIZE
def test_the_code_is_large_sharp_and_read_off_the_printed_sign(
    size: SignSize, read: Callable[..., list[str]], tmp_path: Path
) -> None:
    for sample in ("typical", "long"):
        sign, page = SAMPLES[sample], tmp_path / "page"
        (tmp_path / "sign.pdf").write_bytes(typeset([sign], size, "pdf"))
        run("pdftoppm", "-r", "120", "-gray", "-png", "-singlefile", tmp_path / "sign.pdf", page)
        printed = image_of(page.with_suffix(".png").read_bytes())
        assert read(printed, tmp_path / "copy.png") == [sign.url]
        # As seen from further off.
        small = printed.resize((printed.width // 2, printed.height // 2))
        assert read(small, tmp_path / "copy.png") == [sign.url]


def test_a_sign_drawn_in_a_process_of_its_own_is_the_same_image(tmp_path: Path) -> None:
    zxingcpp = pytest.importorskip("zxingcpp", reason="zxing-cpp is not installed")
    for size in SIZES:
        drawn = render_apart(TYPICAL, size, "png", 203)
        assert drawn == typeset([TYPICAL], size, "png", 203)
        image = image_of(drawn)
        assert abs(image.width - MILLIMETRES[size][0] / 25.4 * 203) < 2
        (found,) = zxingcpp.read_barcodes(image)
        corners = found.position
        assert (corners.top_right.x - corners.top_left.x) > image.width * 0.4
        area = corners.top_left.x + 1, corners.top_left.y + 1
        sharp = image.crop((*area, corners.bottom_right.x - 1, corners.bottom_right.y - 1))
        assert set(sharp.tobytes()) == {0, 255}
