"""Rates as plain SVG, for pages and for paper: text in the colour around it, marks in colours
that stand out on white and on dark, and nothing told by colour alone."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil

from lookup.language import Language, Text, width

Point = float | None
# A label's place and its value.
Known = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its name, and a fraction for each label, None for a gap."""

    name: str
    points: Sequence[Point]


# In pixels of a page; on paper one is some three quarters of a point.
_WIDTH = 640
_FONT, _SMALL = 13, 12
_LEFT, _TOP, _PLOT, _FOOT = 48, 36, 210, 34
_ROW, _LINE, _LONGEST_NAME = 24, 17, 224
# Each line's colour, of 3:1 and more on either ground, its dashes, and the shape of its points.
_STYLES = (
    ("#2f7fc1", "none", "M-4 -4h8v8h-8z"),
    ("#c2601c", "8 4", "M0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z"),
    ("#2e8b57", "2 3", "M0 -5l5 9h-10z"),
    ("#a05bb8", "9 3 2 3", "M0 5l5 -9h-10z"),
)
# What may lie between two ticks, in ten-thousandths; of which there are few.
_STEPS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 2500)
_GAPS = 5
# Where all is above this, an axis need not start at 0.
_NEAR = 0.8
_FROM = Text("纵轴从 {first} 起", "Axis starts at {first}")
_BROAD = re.compile("[A-Zmw%@&]")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def line_chart(
    labels: Sequence[str],
    series: Sequence[Series],
    title: str,
    summary: str,
    language: Language = "zh",
) -> str:
    """Lines over labels in the order of time, as a whole <svg>.

    One line has its values printed, of several each is named at its end with its last value.
    Where all is high the axis does not start at 0, and says so.
    """
    known = [value for line in series for value in line.points if value is not None]
    named = [_name_of(line) for line in series] if len(series) > 1 else []
    right = max((_room(_clipped(name)) + 14 for name in named), default=24)
    plot = _Plot(_ticks(known, low=min(known, default=0.0)), len(labels), _WIDTH - _LEFT - right)
    body = [*plot.grid(language), *plot.below(labels)]
    for place, line in enumerate(series):
        upon = [plot.meeting(line, later) for later in series[place + 1 :]]
        body += plot.line(line.points, upon, *_STYLES[place % len(_STYLES)])
    body += plot.names(series, named) if named else plot.values(series[0].points)
    return _svg(_TOP + _PLOT + _FOOT, title, summary, body)


def bar_chart(
    labels: Sequence[str],
    values: Sequence[Point],
    title: str,
    summary: str,
    *,
    are_scores: bool = False,
) -> str:
    """Horizontal bars from 0 to the whole, one below the other, as a whole <svg>; a dash is what
    has none. Shares are told per cent; scores of 100 to two places."""
    left = max((_room(_clipped(label)) for label in labels), default=0) + 10
    foot, across = _ROW * len(labels) + 6, _WIDTH - left - 60
    said, sign = (_of_100, "") if are_scores else (_percent, "%")
    body = []
    for tick in range(0, 101, 20):
        x = left + across * tick / 100
        body += [_rule(x, 0, x, foot), _text(x, foot + 16, f"{tick}{sign}", "middle", _SMALL)]
    for row, (label, value) in enumerate(zip(labels, values, strict=True)):
        top, long = row * _ROW + 5, across * (value or 0)
        body += [
            _text(left - 8, top + 14, label, "end"),
            f'<rect x="{left}" y="{top}" width="{long:.1f}" height="18" fill="{_STYLES[0][0]}"/>',
            _text(left + long + 6, top + 14, "—" if value is None else said(value)),
        ]
    return _svg(foot + 24, title, summary, [*body, _rule(left, 0, left, foot, strong=True)])


class _Plot:
    """The field of a line chart: where each value of each label stands, and what is drawn there."""

    def __init__(self, ticks: Sequence[float], count: int, across: float) -> None:
        self.ticks, self.across, self.apart = ticks, across, across / max(count, 1)

    def x(self, place: int) -> float:
        return _LEFT + (place + 0.5) * self.apart

    def y(self, value: float) -> float:
        first, last = self.ticks[0], self.ticks[-1]
        return _TOP + _PLOT * (last - value) / (last - first)

    def grid(self, language: Language) -> Iterator[str]:
        first, foot = self.ticks[0], _TOP + _PLOT
        for tick in self.ticks:
            y = self.y(tick)
            yield _rule(_LEFT, y, _LEFT + self.across, y, strong=tick == 0)
            yield _text(_LEFT - 8, y + 4, f"{100 * tick:g}%", "end", _SMALL)
        if first:
            yield _text(2, 13, _FROM.fill(first=f"{100 * first:g}%").said_in(language), size=_SMALL)
            broken = f"M{_LEFT} {_TOP}V{foot}l-4 3l8 5l-8 5l4 3"
            yield f'<path d="{broken}" fill="none" stroke="currentColor"/>'

    def below(self, labels: Sequence[str]) -> Iterator[str]:
        """As many labels as there is room for, the last among them."""
        every = ceil((max(map(_room, labels), default=0) + 6) / self.apart)
        for place in range(len(labels) - 1, -1, -every):
            yield _text(self.x(place), _TOP + _PLOT + 26, labels[place], "middle", _SMALL)

    def meeting(self, line: Series, other: Series) -> set[int]:
        """Where a point of one line would hide that of the other."""
        pairs = enumerate(zip(line.points, other.points, strict=True))
        return {
            place
            for place, (a, b) in pairs
            if a is not None and b is not None and abs(self.y(a) - self.y(b)) < 2
        }

    def line(
        self, points: Sequence[Point], upon: Sequence[set[int]], colour: str, dashes: str, mark: str
    ) -> Iterator[str]:
        """One with marks; broader by each other that lies ``upon`` some of its points, and so
        still seen below them."""
        covering = sum(any(place + 1 in one for place in one) for one in upon)
        drawn, pen = "", "M"
        for place, value in enumerate(points):
            drawn += "" if value is None else f"{pen}{self.x(place):.1f} {self.y(value):.1f}"
            pen = "M" if value is None else "L"
        yield (
            f'<path d="{drawn}" fill="none" stroke="{colour}" stroke-width="{2 + 3 * covering}" '
            f'stroke-dasharray="{dashes}"/>'
        )
        for place, value in _told(points):
            spot = f"{self.x(place):.1f} {self.y(value):.1f}"
            hiding = sum(place in one for one in upon)
            grown = f"translate({spot}) scale({1 + 0.45 * hiding:.2f})"
            yield f'<path d="{mark}" transform="{grown}" fill="{colour}"/>'

    def values(self, points: Sequence[Point]) -> Iterator[str]:
        """The value of each point; where they would touch, of the last, lowest and highest."""
        told = _told(points)
        if any(_room(_percent(value)) + 4 > self.apart for _, value in told):
            ranked = sorted(told, key=lambda one: one[1])
            told = self._spaced([told[-1], ranked[-1], ranked[0]])
        for place, value in told:
            beside = [other for n, other in _told(points) if abs(n - place) == 1]
            y, anchor = self.y(value), "middle"
            is_low = beside and value < min(beside) and y < _TOP + _PLOT - 24
            if len(beside) == 2 and min(beside) < value < max(beside):
                anchor = "start" if beside[0] > value else "end"  # clear of the line
            yield _text(self.x(place), y + (20 if is_low else -9), _percent(value), anchor, _SMALL)

    def _spaced(self, told: Sequence[Known]) -> list[Known]:
        """Those whose value would not be printed upon that of one before them."""
        kept: list[Known] = []
        for place, value in told:
            if all(
                abs(place - other) * self.apart >= 54 or abs(self.y(value) - self.y(one)) >= 44
                for other, one in kept
            ):
                kept.append((place, value))
        return kept

    def names(self, series: Sequence[Series], named: Sequence[str]) -> Iterator[str]:
        """What each line is called, at its last point, and none upon another."""
        told = [(_told(line.points), name) for line, name in zip(series, named, strict=True)]
        ends = sorted(
            (self.y(points[-1][1]), points[-1][0], name) for points, name in told if points
        )
        spots, right = [y for y, _, _ in ends], _LEFT + self.across
        for n in range(1, len(spots)):
            spots[n] = max(spots[n], spots[n - 1] + _LINE)
        for n in range(len(spots)):
            spots[n] = min(spots[n], _TOP + _PLOT - (len(spots) - 1 - n) * _LINE)
        for (y, place, name), spot in zip(ends, spots, strict=True):
            yield _rule(self.x(place) + 6, y, right, spot, strong=True)
            yield _text(right + 5, spot + 4, name)


def _ticks(known: Sequence[float], low: float) -> list[float]:
    """Round values from below the lowest to above the highest, some five of them."""
    high = max(known, default=1.0)
    if low <= _NEAR:
        low = 0
    else:
        low, high = min(low - (1 - low) / 4, 0.99), 1.0
    # In whole ten-thousandths, which add up.
    first, last = int(low * 10_000), max(ceil(round(high * 10_000, 6)), 1)
    step = next(one for one in _STEPS if ceil(last / one) - first // one <= _GAPS)
    return [tick * step / 10_000 for tick in range(first // step, ceil(last / step) + 1)]


def _told(points: Sequence[Point]) -> list[Known]:
    return [(place, value) for place, value in enumerate(points) if value is not None]


def _name_of(line: Series) -> str:
    told = _told(line.points)
    return f"{line.name} {_percent(told[-1][1])}" if told else ""


def _percent(value: float) -> str:
    return f"{value:.2%}".replace(".00%", "%")


def _of_100(value: float) -> str:
    return f"{100 * value:.2f}"


def _room(text: str) -> float:
    """How wide a text is set: a letter is some 0.57 of the font's size, a broad one 0.9."""
    return (width(text) + 0.6 * len(_BROAD.findall(text))) * _FONT * 0.57


def _clipped(name: str) -> str:
    """A long name without its middle: units of one bureau begin alike."""
    shown, kept = name[:_WIDTH], len(name[:_WIDTH])
    while _room(shown) > _LONGEST_NAME:
        kept -= 1
        shown = f"{name[: kept // 3]}…{name[kept // 3 - kept :]}"
    return shown


def _text(x: float, y: float, said: str, anchor: str = "start", size: int = _FONT) -> str:
    shown = _clipped(said)
    whole = f"<title>{_escaped(said)}</title>" if shown != said else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">'
        f"{whole}{_escaped(shown)}</text>"
    )


def _rule(x: float, y: float, to_x: float, to_y: float, *, strong: bool = False) -> str:
    light = "" if strong else ' stroke-opacity="0.25"'
    spots = f'x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"'
    return f'<line {spots} stroke="currentColor"{light}/>'


def _svg(height: float, title: str, summary: str, body: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" class="chart" width="{_WIDTH}" '
        f'height="{height:.0f}" viewBox="0 0 {_WIDTH} {height:.0f}" '
        'font-family="\'Noto Sans CJK SC\', sans-serif" fill="currentColor">'
        f"<title>{_escaped(title)}</title><desc>{_escaped(summary)}</desc>{''.join(body)}</svg>"
    )


def _escaped(text: str) -> str:
    return escape(_UNPRINTABLE.sub("", text))
