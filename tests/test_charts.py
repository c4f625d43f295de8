"""Charts: whole SVG out of any labels, no text upon another, nothing said that is not so."""

import random
import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typst
from noto_cjk_sans_otc import FONT_PATH

from lookup.charts import Series, bar_chart, line_chart
from lookup.language import width

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    '<script>alert("1")</script>',
    "a'&amp;\"b\0\x1b\ud800",
    "蓉江市公安局" * 900,
    "",
    " ",
    "‮&#0;",
]
QUARTERS = [f"{year}-Q{n}" for year in (2025, 2026) for n in (1, 2, 3, 4)]
MONTHS = [f"{year}-{n:02}" for year in (2025, 2026) for n in range(1, 13)]
STATIONS = [f"蓉江市公安局城东区公安分局第{n}派出所" for n in range(1, 31)]


def read(svg: str) -> ElementTree.Element:
    """The parsed chart, which loads nothing and styles nothing by what pages forbid."""
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in {
            *("svg", "title", "desc", "text", "line"),
            "path",
            "rect",
        }
        assert not {"style", "id", "href", "onload"} & set(element.keys())
        numbers = (element.get(name) for name in ("x", "y", "width", "height", "x1", "y2"))
        assert all(float(one) >= 0 for one in numbers if one)
    return root


def texts(root: ElementTree.Element) -> list[str]:
    """What is printed, without what a pointer shows."""
    return [
        "".join(one.itertext()) if len(one) == 0 else one[0].tail or ""
        for one in root.iter(f"{SVG}text")
    ]


def said(root: ElementTree.Element) -> tuple[str | None, str | None]:
    """What a screen reader reads."""
    return root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")


def touching(root: ElementTree.Element) -> list[tuple[str, str]]:
    """Texts that stand upon each other, or beyond the edge."""
    boxes = []
    for one, shown in zip(root.iter(f"{SVG}text"), texts(root), strict=True):
        size = float(one.get("font-size", "0"))
        long = width(shown) * size * 0.53
        x, y = float(one.get("x", "0")), float(one.get("y", "0"))
        left = x - {"start": 0, "middle": long / 2, "end": long}[one.get("text-anchor", "")]
        assert left >= 0 and left + long <= float(root.get("width", "0")), shown
        assert size < y <= float(root.get("height", "0")), shown
        boxes.append((left, left + long, y - size * 0.8, y, shown))
    return [
        (a[4], b[4])
        for a, b in combinations(boxes, 2)
        if a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]
    ]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_whatever_the_figures_no_label_stands_upon_another(count: int) -> None:
    dice = random.Random(count)
    for labels in (QUARTERS, MONTHS, MONTHS[:12], QUARTERS[:1], []):
        for low, high in (
            (0, 1),
            (0.99, 1),
            (0.9948, 0.9952),
            (1, 1),
            (0, 0),
            (0, 0.004),
            (0.4, 0.42),
        ):
            series = [
                Series(name, [dice.choice((None, *[dice.uniform(low, high)] * 5)) for _ in labels])
                for name in STATIONS[:count]
            ]
            root = read(line_chart(labels, series, "公开率", "最高 99.82%"))
            axis = [one for one in texts(root) if one.startswith("纵轴从")]
            assert touching(root) == []
            known = [one for line in series for one in line.points if one is not None]
            assert bool(axis) == bool(known and min(known) > 0.8)
            values = [dice.choice((None, dice.uniform(low, high))) for _ in STATIONS]
            assert touching(read(bar_chart(STATIONS, values, "t", "s"))) == []


def test_hostile_labels_are_text_and_nothing_else() -> None:
    for label in HOSTILE:
        line = line_chart([label] * 3, [Series(label, [0.5, None, 0.6])] * 2, label, label)
        bars = bar_chart([label, "b"], [0.5, 1], label, label)
        for svg in (line, bars):
            root = read(svg)
            kept = re.sub("[\0\x1b\ud800]", "", label)
            assert [one or "" for one in said(root)] == [kept, kept]
            if width(kept) < 30:
                assert kept in [one or "" for one in texts(root)] or any(
                    kept in one for one in texts(root)
                )
            assert len(svg) < 40_000 + 4 * len(label)


def test_values_are_printed_and_a_gap_stays_a_gap() -> None:
    points = [0.9812, 0.985, None, 0.9901, 0.9948, 0.9982, 0.9979, 1.0]
    root = read(line_chart(QUARTERS, [Series("公开率", points)], "公开率", "s", "en"))
    printed = texts(root)
    assert {"98.12%", "98.50%", "99.01%", "99.48%", "99.82%", "99.79%", "100%"} <= set(printed)
    assert "Axis starts at 97.5%" in printed and printed.count("0%") == 0
    drawn = next(one.get("d", "") for one in root.iter(f"{SVG}path") if one.get("stroke-dasharray"))
    assert (drawn.count("M"), drawn.count("L")) == (2, 5)
    # Where there is no room for all: the highest, the lowest and the last.
    many = [0.5 + n % 7 / 100 for n in range(23)] + [0.31]
    printed = texts(read(line_chart(MONTHS, [Series("a", many)], "t", "s")))
    assert {"56%", "31%"} <= set(printed) and "53%" not in printed
    assert "2026-12" in printed and "0%" in printed


def test_lines_are_told_apart_without_colour_and_bars_begin_at_nothing() -> None:
    series = [Series(name, [0.9, 0.9]) for name in STATIONS[:4]]
    root = read(line_chart(["a", "b"], series, "t", "s"))
    paths = [one for one in root.iter(f"{SVG}path")]
    assert len({one.get("stroke-dasharray") for one in paths if one.get("stroke-dasharray")}) == 4
    assert len({one.get("d") for one in paths if one.get("transform")}) == 4
    assert sum(one.endswith(" 90%") for one in texts(root)) == 4
    # What would lie below others is broader than they are.
    lines = [float(one.get("stroke-width", "")) for one in paths if one.get("stroke-dasharray")]
    marks = [one.get("transform", "").partition(") ")[2] for one in paths if one.get("transform")]
    assert sorted(lines, reverse=True) == lines and len({*lines}) == len({*marks}) == 4
    apart = [Series("a", [0.1, 0.2]), Series("b", [0.2, 0.1])]
    paths = [*read(line_chart(["a", "b"], apart, "t", "s")).iter(f"{SVG}path")]
    assert {one.get("stroke-width") for one in paths if one.get("stroke-dasharray")} == {"2"}
    root = read(bar_chart(["甲", "乙", "丙"], [0.999, 0.5, None], "t", "s"))
    long = [float(one.get("width", "")) for one in root.iter(f"{SVG}rect")]
    assert long[0] == pytest.approx(2 * long[1], rel=0.01) and long[2] == 0
    assert {"甲", "99.90%", "50%", "—", "0%", "100%"} <= set(texts(root))
    # However small all of them are, a bar as long as the chart is the whole.
    small = read(bar_chart(["甲"], [0.27], "t", "s"))
    [(short, x)] = [
        (float(bar.get("width", "")), float(bar.get("x", ""))) for bar in small.iter(f"{SVG}rect")
    ]
    end = next(one for one in small.iter(f"{SVG}text") if one.text == "100%")
    assert short == pytest.approx(0.27 * (float(end.get("x", "")) - x), abs=0.1)
    scores = texts(read(bar_chart(["甲", "乙"], [0.8562, 1], "t", "s", are_scores=True)))
    assert {"85.62", "100.00", "0", "100"} <= set(scores) and "%" not in "".join(scores)
    # A broad letter has its room.
    broad = read(bar_chart(["U" * 90], [0.5], "t", "s"))
    label, bar = next(broad.iter(f"{SVG}text"), None), next(broad.iter(f"{SVG}rect"))
    shown = next(one for one in texts(broad) if "…" in one)
    assert label is not None and len(shown) * 0.72 * 13 < float(bar.get("x", ""))
    # A long name keeps its ends, and a pointer shows the whole.
    name = "蓉江市公安局高新技术产业开发区公安分局第十二派出所"
    root = read(bar_chart([name], [0.5], "t", "s"))
    assert any(one.endswith("第十二派出所") and "…" in one for one in texts(root))
    assert [one.text for one in root.iter(f"{SVG}title")] == ["t", name]


def test_the_typesetter_prints_its_words(tmp_path: Path) -> None:
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONT_PATH.parent]
    )
    drawn = []
    for label in ("甲所", "乙所", ""):
        (tmp_path / "chart.svg").write_text(bar_chart([label], [0.5], "t", "s"))
        (tmp_path / "page.typ").write_text(
            '#set page(width: 90mm, height: 20mm)\n#image("chart.svg")'
        )
        compiler = typst.Compiler(tmp_path / "page.typ", font_paths=fonts)
        drawn.append(compiler.compile(format="png", ppi=72))
    assert len({*drawn}) == 3
