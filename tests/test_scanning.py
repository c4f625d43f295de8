"""Two independent readers read the code off the paper, through what paper and phones do to it.

Limits found with the same photographs, at which the first of the two readers fails: an image cut
to 0.3 of 203 dpi (1.5 pixels a module), a blur of 2.5 pixels, black and white within 5 % of full
contrast, a stain over an eighth of the code, 400 specks of 0.3 mm about the code, grains of single
pixels that no lens has softened (1 in 200), 20 % noise.
"""

import random
from collections.abc import Callable
from functools import cache, reduce
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from receipts.batch import render
from receipts.sheet import Paper, render_pdf, typeset
from tests.paper import LONG, SHORT, TYPICAL, image_of, run

Picture = Image.Image
Change = Callable[[Picture], Picture]

PAPERS: tuple[Paper, ...] = get_args(Paper)
RESOLUTIONS = (203, 300)
WHITE = 255


def read_by_zxing(picture: Picture, file: Path) -> list[str]:
    zxingcpp = pytest.importorskip("zxingcpp", reason="zxing-cpp is not installed")
    return [found.text for found in zxingcpp.read_barcodes(picture)]


def read_by_zbar(picture: Picture, file: Path) -> list[str]:
    picture.save(file)
    options = "--raw", "-q", "--nodbus", "-Sdisable", "-Sqrcode.enable"
    return run("zbarimg", *options, file, answers=(0, 4)).splitlines()


READERS = pytest.mark.parametrize("read", [read_by_zxing, read_by_zbar])


def scaled(factor: float) -> Change:
    return lambda p: p.resize(
        (round(p.width * factor), round(p.height * factor)), Image.Resampling.BILINEAR
    )


def blurred(pixels: float) -> Change:
    return lambda p: p.filter(ImageFilter.GaussianBlur(pixels))


def turned(degrees: float) -> Change:
    return lambda p: p.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=WHITE)


def dimmed(contrast: float, light: float) -> Change:
    return lambda p: ImageEnhance.Brightness(ImageEnhance.Contrast(p).enhance(contrast)).enhance(
        light
    )


def shaded(darkest: float) -> Change:
    """A shadow falls across, from full light at the right."""
    return lambda p: Image.fromarray(
        (np.asarray(p) * np.linspace(darkest, 1, p.width)).astype("uint8")
    )


def noisy(percent: float) -> Change:
    def change(p: Picture) -> Picture:
        noise = np.random.default_rng(1).normal(0, 2.55 * percent, (p.height, p.width))
        return Image.fromarray((np.asarray(p) + noise).clip(0, WHITE).astype("uint8"))

    return change


def salted(share: float) -> Change:
    """Grains of black and white, softened as a lens does."""

    def change(p: Picture) -> Picture:
        grains = np.random.default_rng(1).random((p.height, p.width))
        pixels = np.where(grains < share / 2, 0, np.asarray(p))
        return Image.fromarray(np.where(grains > 1 - share / 2, WHITE, pixels).astype("uint8"))

    return in_turn(change, blurred(0.8))


def drawn(draw: Callable[[ImageDraw.ImageDraw, int], object]) -> Change:
    """Something on the paper; it is drawn in parts of the picture's side."""

    def change(p: Picture) -> Picture:
        copy = p.copy()
        draw(ImageDraw.Draw(copy), p.width)
        return copy

    return change


def pen(width: float) -> Change:
    stroke = ((0.2, 0.35), (0.5, 0.52), (0.85, 0.6))
    return drawn(
        lambda paper, side: paper.line(
            [(x * side, y * side) for x, y in stroke], 0, max(1, round(width * side))
        )
    )


def fold(width: float) -> Change:
    """A crease from which the ink has come off."""
    return drawn(
        lambda paper, side: paper.line(
            [(0, 0.5 * side), (side, 0.47 * side)], WHITE, round(width * side)
        )
    )


def stain(radius: float, shade: int) -> Change:
    def draw(paper: ImageDraw.ImageDraw, side: int) -> None:
        box = [part * side for part in (0.55 - radius, 0.6 - radius, 0.55 + radius, 0.6 + radius)]
        paper.ellipse(box, shade)

    return drawn(draw)


def specks(count: int) -> Change:
    """Toner where none belongs and none where it does: spots of about half a module."""

    def draw(paper: ImageDraw.ImageDraw, side: int) -> None:
        rng = random.Random(3)
        for _ in range(count):
            x, y, r = rng.random() * side, rng.random() * side, 0.003 * side
            paper.ellipse([x - r, y - r, x + r, y + r], rng.choice((0, WHITE)))

    return drawn(draw)


def tilted(by: float) -> Change:
    """Seen from the side and from above, as a phone is held."""

    def change(p: Picture) -> Picture:
        side = p.width
        seen = ((by, by / 2), (1 - by, 0), (1, 1), (0, 1 - by * 0.3))
        flat = ((0, 0), (1, 0), (1, 1), (0, 1))
        rows = []
        for (x, y), (u, v) in zip(seen, flat, strict=True):
            rows.append([x * side, y * side, 1, 0, 0, 0, -u * x * side**2, -u * y * side**2])
            rows.append([0, 0, 0, x * side, y * side, 1, -v * x * side**2, -v * y * side**2])
        corners = [part * side for corner in flat for part in corner]
        terms = tuple(np.linalg.solve(np.array(rows), np.array(corners)))
        way = Image.Transform.PERSPECTIVE
        return p.transform(p.size, way, terms, Image.Resampling.BICUBIC, fillcolor=WHITE)

    return change


def compressed(quality: int) -> Change:
    def change(p: Picture) -> Picture:
        kept = BytesIO()
        p.save(kept, "JPEG", quality=quality)
        return Image.open(kept).convert("L")

    return change


def thermal(p: Picture) -> Picture:
    """Each dot burnt or not."""
    return p.point(lambda shade: WHITE if shade > 140 else 0)


def in_turn(*changes: Change) -> Change:
    return lambda p: reduce(lambda changed, change: change(changed), changes, p)


CONDITIONS: dict[str, Change] = {
    "as printed": lambda p: p,
    **{f"at {factor} of its size": scaled(factor) for factor in (0.35, 0.4, 0.5, 0.7, 1.5)},
    **{f"blurred by {pixels}": blurred(pixels) for pixels in (1, 2)},
    **{
        f"turned by {degrees}": turned(degrees) for degrees in (-15, -3, 3, 8, 15, 45, 90, 180, 270)
    },
    **{f"tilted by {by}": tilted(by) for by in (0.05, 0.15)},
    "in poor light": dimmed(0.5, 0.6),
    "in bad light": dimmed(0.3, 0.5),
    "faded": dimmed(0.15, 1),
    "in half shadow": shaded(0.6),
    "in deep shadow": shaded(0.25),
    **{f"{percent} % noise": noisy(percent) for percent in (3, 6)},
    **{f"{share:.0%} of grains": salted(share) for share in (0.01, 0.04)},
    "with 200 specks": specks(200),
    **{f"a pen stroke of {width}": pen(width) for width in (0.01, 0.03)},
    **{f"a stain of shade {shade}": stain(0.1, shade) for shade in (0, 90, WHITE)},
    **{f"a fold of {width}": fold(width) for width in (0.01, 0.02)},
    "sent on as a poor JPEG": compressed(40),
    "burnt by a thermal head": thermal,
    "from afar": in_turn(blurred(1), scaled(0.4), noisy(2)),
    "worn": in_turn(pen(0.005), stain(0.05, 90), fold(0.01), turned(-5), blurred(1)),
    "in a hurry": in_turn(
        turned(7), scaled(0.7), blurred(1), dimmed(0.6, 0.7), noisy(3), compressed(60)
    ),
}


class Photo(NamedTuple):
    """The part of a printed receipt about its code, and what the code must say."""

    picture: Picture
    url: str


@cache
def photo(paper: Paper, dpi: int, sample: str) -> Photo:
    receipt = {"short": SHORT, "long": LONG}[sample]
    sheet = image_of(typeset([receipt], paper, "png", dpi))
    zxingcpp = pytest.importorskip("zxingcpp", reason="zxing-cpp is not installed")
    (found,) = zxingcpp.read_barcodes(sheet)
    corner, side = found.position.top_left, found.position.top_right.x - found.position.top_left.x
    about = round(side * 0.35)
    start = corner.x - about, corner.y - about
    size = side + 2 * about
    return Photo(sheet.crop((*start, start[0] + size, start[1] + size)), receipt.url)


@READERS
@pytest.mark.parametrize("sample", ["short", "long"])
@pytest.mark.parametrize("dpi", RESOLUTIONS)
@pytest.mark.parametrize("paper", PAPERS)
def test_the_code_is_read_in_every_condition(
    paper: Paper, dpi: int, sample: str, read: Callable[..., list[str]], tmp_path: Path
) -> None:
    picture, url = photo(paper, dpi, sample)
    unread = [
        condition
        for condition, change in CONDITIONS.items()
        if read(change(picture), tmp_path / "photo.png") != [url]
    ]
    assert unread == []


@READERS
@pytest.mark.parametrize("dpi", RESOLUTIONS)
@pytest.mark.parametrize("paper", PAPERS)
def test_a_whole_printed_page_holds_one_code_and_nothing_taken_for_one(
    paper: Paper, dpi: int, read: Callable[..., list[str]], tmp_path: Path
) -> None:
    for receipt in (SHORT, TYPICAL, LONG):
        source, page = tmp_path / "page.pdf", tmp_path / "page"
        source.write_bytes(render_pdf(receipt, paper))
        run("pdftoppm", "-r", str(dpi), "-gray", "-png", "-singlefile", source, page)
        image = image_of(page.with_suffix(".png").read_bytes())
        assert read(image, tmp_path / "copy.png") == [receipt.url]


@READERS
def test_pages_of_a_batch_keep_their_own_codes_where_its_parts_are_joined(
    read: Callable[..., list[str]], tmp_path: Path
) -> None:
    batch = [SHORT, TYPICAL] * 30
    source = tmp_path / "batch.pdf"
    render(batch, "a5", source, format="pdf")
    around = "-f", "48", "-l", "53"
    run("pdftoppm", "-r", "203", "-gray", "-png", *around, source, tmp_path / "page")
    pages = sorted(tmp_path.glob("page-*.png"))
    found = [read(image_of(page.read_bytes()), tmp_path / "copy.png") for page in pages]
    assert found == [[receipt.url] for receipt in batch[47:53]]
