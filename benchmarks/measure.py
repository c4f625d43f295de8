"""Measuring contenders in turn, so that a machine that slows down slows all of them."""

import statistics
import time
from collections.abc import Callable, Mapping


def rounds(contenders: Mapping[str, Callable[[], float]], times: int) -> dict[str, list[float]]:
    """Run each contender once a round; the figures each one returned, by name."""
    figures: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(times):
        for name, run in contenders.items():
            figures[name].append(run())
    return figures


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def report(title: str, unit: str, figures: Mapping[str, list[float]], baseline: str) -> None:
    """Print each contender's median and range, and the median of its ratios to the baseline."""
    print(f"\n{title} ({unit}; median, least–most of {len(figures[baseline])} rounds)")
    for name, values in figures.items():
        ratio = statistics.median(
            value / base for value, base in zip(values, figures[baseline], strict=True)
        )
        middle = statistics.median(values)
        spread = f"{min(values):,.4g}–{max(values):,.4g}"
        print(f"  {name:<44}{middle:>12,.4g}  {spread:<22}×{ratio:.3g} of {baseline}")
