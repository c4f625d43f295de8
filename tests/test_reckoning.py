"""Days that are kept beside a case, reckoned anew when the rules behind them change."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lookup.bureau import Bureau
from lookup.errors import ConfigError
from lookup.kinds import SHIPPED, load_kinds
from lookup.reckoning import refresh
from tests.intake import House
from tests.registers import AWAITED, row

CRIMINAL = row(1, 案件类别="刑事", 报案时间="", 受案时间="2026-11-02 10:00:00", **AWAITED)
ADMINISTRATIVE = row(2, 案件类别="行政")


@pytest.fixture
def house(bureau: Bureau, tmp_path: Path) -> House:
    made = House(bureau, tmp_path)
    made.take([CRIMINAL, ADMINISTRATIVE])
    return made


@pytest.fixture
def under(house: House) -> Callable[[str], House]:
    """The house with kinds of its own."""

    def reopen(toml: str) -> House:
        path = house.folder / "kinds.toml"
        path.write_text(toml, encoding="utf-8")
        config = replace(house.bureau.config, kinds_file=path)
        return replace(house, bureau=replace(house.bureau, config=config, kinds=load_kinds(path)))

    return reopen


def test_days_reckoned_under_the_same_rules_stay(house: House) -> None:
    refresh(house.bureau)
    before = house.all()
    assert refresh(house.bureau) == 0
    assert house.all() == before


def test_days_follow_the_rules_of_the_bureau(house: House, under: Callable[[str], House]) -> None:
    refresh(house.bureau)
    shipped = SHIPPED.read_text(encoding="utf-8")
    criminal = shipped[shipped.index("[criminal]") : shipped.index("[administrative]")]
    own = under(
        criminal.replace("days = 3\nextensions", "days = 5\nextensions").replace(
            "visible_within = 5", "visible_within = 2"
        )
    )
    assert house.of("clock", CRIMINAL)[0]["due_day"] == "2026-11-05"
    assert house.steps(CRIMINAL)["intake"]["visible_by"] == "2026-11-09"
    other = house.steps(ADMINISTRATIVE)
    assert refresh(own.bureau) == 2
    assert own.of("clock", CRIMINAL)[0]["due_day"] == "2026-11-09"
    assert own.steps(CRIMINAL)["intake"]["visible_by"] == "2026-11-04"
    assert own.steps(ADMINISTRATIVE) == other


def test_a_kind_that_has_cases_cannot_be_left_out(house: House) -> None:
    house.bureau.db.run("UPDATE cases SET kind = 'lost_property' WHERE kind = 'criminal'")
    with pytest.raises(ConfigError, match="lost_property"):
        refresh(house.bureau)
