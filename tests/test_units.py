"""The tree of units, loaded from a file."""

from pathlib import Path

import pytest

from lookup.bureau import Bureau
from lookup.errors import FileError
from lookup.register import import_units
from lookup.units import unit_names
from tests.intake import CASE_SYSTEM, House, counts
from tests.registers import (
    row,
)


@pytest.fixture
def house(bureau: Bureau, tmp_path: Path) -> House:
    return House(bureau, tmp_path)


# Units


HEAD = "代码,名称,上级代码,地址,电话"
BUREAU = "6101000000,某市公安局,,人民路1号,028-55550000"
STATION = "6101010100,某某派出所,6101000000,某街2号,028-55550001"


def units(house: House, *lines: str, encoding: str = "utf-8") -> dict[str, int]:
    path = house.folder / "units.csv"
    path.write_text("\n".join((HEAD, *lines)), encoding=encoding)
    return import_units(house.bureau, path, CASE_SYSTEM)


def test_units_are_loaded_in_any_order_and_again_without_change(house: House) -> None:
    assert units(house, STATION, BUREAU) == {"rows": 2, "new": 2, "changed": 0, "unchanged": 0}
    assert units(house, BUREAU, STATION, encoding="gb18030")["unchanged"] == 2
    # No column of the file says whom to text, and what the administrator set is left alone.
    house.bureau.db.run("UPDATE unit SET duty_phone = '19900000009' WHERE code = '6101010100'")
    assert units(house, BUREAU, STATION)["unchanged"] == 2
    moved = STATION.replace("某街2号", "某街3号")
    assert units(house, moved) == {"rows": 1, "new": 0, "changed": 1, "unchanged": 0}
    kept = house.bureau.db.row("SELECT * FROM unit WHERE code = '6101010100'")
    assert kept == {
        "code": "6101010100",
        "name": "某某派出所",
        "parent": "6101000000",
        "address": "某街3号",
        "phone": "028-55550001",
        "duty_phone": "19900000009",
    }


@pytest.mark.parametrize(
    ("lines", "row_number"),
    [
        ([BUREAU, ",无代码,,,"], 3),
        ([BUREAU, "6101010100,,6101000000,,"], 3),
        ([BUREAU, BUREAU], 3),
        ([BUREAU, STATION.replace(",6101000000,", ",7777777777,")], 3),
        (["1,甲,2,,", "2,乙,1,,"], 2),
        (["1,甲,1,,"], 2),
        ([BUREAU, STATION.replace("某街2号", "某街2号,一楼")], 3),
    ],
    ids=["no code", "no name", "twice", "unknown above", "ring", "above itself", "spilt"],
)
def test_a_flawed_unit_stops_them_all(house: House, lines: list[str], row_number: int) -> None:
    before = unit_names(house.bureau.db)
    with pytest.raises(FileError) as caught:
        units(house, *lines)
    assert f"第 {row_number} 行" in caught.value.text.zh
    assert f"Row {row_number}" in caught.value.text.en
    assert unit_names(house.bureau.db) == before


def test_a_case_is_taken_in_once_its_unit_is_known(house: House) -> None:
    one = row(1, 受理单位代码="6101010100")
    assert counts(house.take([one])) == (0, 0, 0, 1)
    units(house, BUREAU, STATION)
    assert counts(house.take([one])) == (1, 0, 0, 0)
