"""Units ranked on weighted rates: ties, too few marks, movement, weights of the bureau's own."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

from lookup.beijing import BEIJING
from lookup.bureau import Bureau
from lookup.errors import ConfigError
from lookup.figures import RATES
from lookup.issues import count_visit, hand_over
from lookup.oversight import SHIPPED, Measure, Rate, Weights, load_oversight
from lookup.periods import read_period
from lookup.ranking import Ranked, rank
from lookup.trail import change
from tests.office import BUREAU, EAST, SISTER, STATION, WEST
from tests.public_cases import CLERK, put

QUARTER = read_period("2026-Q3")
BRANCH_WEST = "5101040200"


@pytest.fixture
def bureau(bureau: Bureau) -> Bureau:
    """One that ranks by disclosure, three to one over look-ups, from two cases on."""
    measures = (Measure("disclosure_rate", 3), Measure("lookup_rate", 1))
    return ranking_by(bureau, *measures)


def ranking_by(bureau: Bureau, *measures: Measure) -> Bureau:
    return replace(bureau, oversight=replace(bureau.oversight, ranking=Weights(2, measures)))


def cases(bureau: Bureau, unit: str, month: str, given: str) -> None:
    """Cases of a unit: each is y (its paper was given), l (looked up as well) or n."""
    for n, letter in enumerate(given):
        number, now = f"{unit}-{month}-{n}", datetime.fromisoformat(f"{month}-0{n + 1}T12:00+08:00")
        issue = put(bureau, number, f"{month}-0{n + 1} 09:30", now=now, unit=unit)
        if letter in "yl":
            with change(bureau.db, CLERK, now) as ongoing:
                hand_over(ongoing, issue)
        if letter == "l":
            count_visit(bureau.db, issue, now.astimezone(BEIJING) + timedelta(hours=1))


def said(rows: object) -> list[tuple[str, int | None, float | None, int | None]]:
    assert isinstance(rows, list)
    return [(row.unit, row.rank, row.score, row.moved) for row in rows]


def test_units_of_a_level_are_ranked_with_all_below_them_and_against_the_period_before(
    bureau: Bureau,
) -> None:
    cases(bureau, STATION, "2026-07", "yn")
    cases(bureau, SISTER, "2026-08", "yl")
    cases(bureau, WEST, "2026-09", "yy")
    # The period before, the other way round.
    cases(bureau, STATION, "2026-04", "yy")
    cases(bureau, WEST, "2026-05", "nn")
    east, west = 100 * (0.75 * 3 + 0.25) / 4, 75.0
    assert said(rank(bureau, QUARTER, BUREAU)) == [
        (BRANCH_WEST, 1, west, 1),
        (EAST, 2, east, -1),
    ]
    assert said(rank(bureau, QUARTER, BUREAU, depth=2)) == [
        (SISTER, 1, 87.5, None),
        (WEST, 2, 75.0, 0),
        (STATION, 3, 37.5, -2),
    ]
    assert [row.unit for row in rank(bureau, QUARTER, EAST)] == [SISTER, STATION]


def test_equal_scores_share_a_rank_and_the_next_is_left_out(bureau: Bureau) -> None:
    cases(bureau, STATION, "2026-07", "yy")
    cases(bureau, SISTER, "2026-07", "yy")
    cases(bureau, WEST, "2026-07", "yn")
    rows = rank(bureau, QUARTER, BUREAU, depth=2)
    assert [(row.unit, row.rank) for row in rows] == [(STATION, 1), (SISTER, 1), (WEST, 3)]


def test_too_few_cases_are_listed_and_not_ranked_and_a_missing_rate_is_marked(
    bureau: Bureau,
) -> None:
    measures = (Measure("disclosure_rate", 1), Measure("satisfaction", 9))
    bureau = ranking_by(bureau, *measures)
    cases(bureau, STATION, "2026-07", "yy")
    cases(bureau, WEST, "2026-07", "y")
    station, *others = rank(bureau, QUARTER, BUREAU, depth=2)
    assert isinstance(station, Ranked)
    # Nobody rated: what is known alone makes the score, and the sheet says what lacks.
    assert (station.unit, station.score, station.lacking) == (STATION, 100.0, ("satisfaction",))
    assert [(one.unit, one.rank, one.figures.due) for one in others] == [
        (SISTER, None, 0),
        (WEST, None, 1),
    ]


def test_a_bureaus_own_weights_stand_in_place_of_the_shipped_ones(tmp_path: Path) -> None:
    assert sum(one.weight for one in load_oversight(None).ranking.measures) == 100
    file = tmp_path / "oversight.toml"
    text = SHIPPED.read_text(encoding="utf-8")
    file.write_text(text.replace("weight = 25", "weight = 60"), encoding="utf-8")
    assert load_oversight(file).ranking.measures[0] == Measure("disclosure_rate", 60)
    file.write_text(text.replace('"satisfaction", w', '"happiness", w'), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"measures\[6\]\], key figure: must be one of"):
        load_oversight(file)
    file.write_text(re.sub(r"weight = \d+", "weight = 0", text), encoding="utf-8")
    with pytest.raises(ConfigError, match="measures"):
        load_oversight(file)


def test_every_rate_can_be_measured() -> None:
    assert set(get_args(Rate)) == {*RATES, "satisfaction"}
