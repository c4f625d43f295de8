"""Which column of a register fills which field."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lookup.bureau import Bureau
from lookup.columns import load_columns
from lookup.errors import ConfigError, FileError
from lookup.parties import parties_of
from tests.intake import House, counts
from tests.registers import (
    COLUMNS,
    row,
    write_csv,
)


@pytest.fixture
def house(bureau: Bureau, tmp_path: Path) -> House:
    return House(bureau, tmp_path)


# The mapping of columns


@pytest.fixture
def mapped(house: House) -> Callable[[str], House]:
    """The house with a mapping file of its own."""

    def configure(toml: str) -> House:
        path = house.folder / "register.toml"
        path.write_text(toml, encoding="utf-8")
        config = replace(house.bureau.config, register_file=path)
        return House(replace(house.bureau, config=config), house.folder)

    return configure


def test_a_bureau_may_name_its_own_columns(mapped: Callable[[str], House]) -> None:
    house = mapped(
        """[columns]
        number = ["警综编号"]
        "parties.victim.name" = ["被害人"]
        "milestones.notice.at" = ["通知书送达"]
        """
    )
    one = row(
        1, 案件类别="刑事", 警综编号=row(1)["案件编号"], 被害人="钱二", 通知书送达="2026-11-15"
    )
    one |= {"立案结果": "不予立案"}
    other = row(2, 案件类别="行政", 警综编号=row(2)["案件编号"], 被害人="", 通知书送达="")
    columns = [*COLUMNS[1:], "警综编号", "被害人", "通知书送达"]
    path = write_csv(house.folder / "r.csv", [one, other], columns=columns)
    assert counts(house.take_file(path)) == (2, 0, 0, 0)
    assert [party["role"] for party in parties_of(house.bureau.db, house.case(one)["id"])] == [
        "complainant",
        "victim",
    ]
    assert house.steps(one)["notice"]["happened_day"] == "2026-11-15"


def test_a_step_told_elsewhere_does_not_stop_a_register_without_its_column(
    mapped: Callable[[str], House], house: House
) -> None:
    rich = mapped('columns."milestones.notice.at" = ["通知书送达"]')
    one = row(1, 案件类别="刑事", 通知书送达="2026-11-15", 立案结果="不予立案")
    rich.take_file(write_csv(house.folder / "r.csv", [one], columns=[*COLUMNS, "通知书送达"]))
    summary = house.take([one | {"主办民警": "新警官"}])
    assert (counts(summary), summary.warnings) == ((0, 1, 0, 0), [])


def test_a_refusal_never_names_a_column_the_register_lacks(mapped: Callable[[str], House]) -> None:
    house = mapped(
        """[columns]
        "milestones.filing.outcome" = []
        withheld_reason = []
        taken_in_at = []
        """
    )
    columns = [c for c in COLUMNS if c not in ("立案结果", "不公开理由", "受案时间")]
    rows = [row(1), row(2, 是否公开="否", 立案时间=""), row(3, 报案时间="", 立案时间="")]
    house.take_file(write_csv(house.folder / "r.csv", rows, columns=columns))
    assert [one["字段 field"] for one in house.rejects()] == ["立案时间", "是否公开", "报案时间"]


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("[colums]", "colums"),
        ("columns = 3", "columns"),
        ("required = []", "required"),
        ('columns.numbr = ["编号"]', "columns.numbr"),
        ('columns.number = "编号"', "columns.number"),
        ("columns.number = [1]", "columns.number"),
        ('columns."milestones.filling.at" = ["立案"]', "columns.milestones.filling.at"),
        ('columns.name = ["编号"]\ncolumns.number = ["编 号"]', "columns.number"),
        ('required.fields = ["numbr"]', "required.fields"),
        ('required.field = ["number"]', "required.fields"),
        ("[columns", "TOML"),
    ],
)
def test_a_mistake_in_the_mapping_is_named(tmp_path: Path, toml: str, named: str) -> None:
    path = tmp_path / "register.toml"
    path.write_text(toml, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_columns(path, {"filing", "closure"})
    assert "register.toml" in caught.value.text.zh
    assert named in caught.value.text.zh
    assert named in caught.value.text.en


def test_a_column_that_the_bureau_gives_to_another_field_leaves_the_shipped_one(
    mapped: Callable[[str], House],
) -> None:
    house = mapped('columns.remark = ["处理结果"]')
    with pytest.raises(FileError, match="结案结果"):
        house.take([row(1)])
