"""The rows of a register: which are refused and how it is told, and what only looks odd."""

from pathlib import Path

import pytest

from lookup.bureau import Bureau
from tests.intake import House, counts, until
from tests.registers import (
    AWAITED,
    COLUMNS,
    FLAWS,
    ODDITIES,
    Cells,
    flawed,
    row,
    write_csv,
)


@pytest.fixture
def house(bureau: Bureau, tmp_path: Path) -> House:
    return House(bureau, tmp_path)


# Rejected rows


SAID = {
    "no number": ("案件编号", "", "没有案件编号"),
    "impossible date": ("报案时间", "2026-13-40 09:00:00", "不是有效的日期"),
    "unknown kind": ("案件类别", "民事", "未配置"),
    "unknown unit": ("受理单位代码", "9999999999", "不存在"),
    "closed before filed": ("结案时间", "2026-11-08", "早于立案"),
    "after the register": ("立案时间", "2027-01-01 09:00:00", "晚于截止时间"),
    "withheld without a reason": ("不公开理由", "", "没有理由"),
    "withheld for an unknown reason": ("不公开理由", "领导要求", "不在可用词之内"),
    "unreadable property": ("涉案财物", "手机一部", "读不懂"),
}


def test_flawed_rows_are_refused_alone_with_row_column_value_and_reason(house: House) -> None:
    good = [row(serial) for serial in range(100, 100 + len(FLAWS))]
    bad = [flawed(row(serial), flaw) for serial, flaw in enumerate(FLAWS)]
    mixed = [one for pair in zip(good, bad, strict=True) for one in pair]
    assert counts(house.take(mixed)) == (len(good), 0, 0, len(bad))
    for place, (flaw, reject) in enumerate(zip(FLAWS, house.rejects(), strict=True)):
        column, value, reason = SAID[flaw]
        assert reject["行号 row"] == str(2 * place + 3)
        assert (reject["字段 field"], reject["值 value"]) == (column, value)
        assert reason in reject["原因 reason"]
        assert " / " in reject["原因 reason"]


WRONG: list[tuple[Cells, str]] = [
    ({"受案时间": "2026-06-01 08:00:00", "报案时间": "2026-06-01 08:00:01"}, "受案时间"),
    ({"立案时间": "2026-01-01"}, "立案时间"),
    ({"立案时间": "", "立案结果": "", "结案时间": "2026-01-01"}, "结案时间"),
    ({"立案时间": "", "立案结果": "立案"}, "立案结果"),
    ({"立案结果": ""}, "立案结果"),
    ({"立案结果": "也许立案"}, "立案结果"),
    ({"处理结果": "撤销案件"}, "处理结果"),
    ({"延长期限": "5日"}, "延长期限"),
    ({"报案时间": "", "受案时间": ""}, "受案时间"),
    ({"报案时间": "2026-02-29"}, "报案时间"),
    ({"报案时间": "2026-07-01 24:00:00"}, "报案时间"),
    ({"报案时间": "46346"}, "报案时间"),
    ({"报案时间": "0001-01-01 00:00:00"}, "报案时间"),
    ({"报案时间": "0000-00-00 00:00:00"}, "报案时间"),
    ({"是否公开": "待定"}, "是否公开"),
    ({"是否公开": "无"}, "是否公开"),
    ({"是否公开": "是", "不公开理由": "涉密"}, "不公开理由"),
    ({"涉案财物": "手机|一|部|扣押|保管中"}, "涉案财物"),
    ({"涉案财物": "手机|1e9|部|扣押|保管中"}, "涉案财物"),
    ({"涉案财物": "手机|1|部|没有|保管中"}, "涉案财物"),
    ({"涉案财物": "手机|1|部|扣押|丢了"}, "涉案财物"),
    ({"涉案财物": "|1|部|扣押|保管中"}, "涉案财物"),
    ({"涉案财物": "手机|1|部|扣押|保管中|库房|多余"}, "涉案财物"),
    ({"案件编号": "编号 第/1 号"}, "案件编号"),
    ({"案件编号": "A" * 65}, "案件编号"),
    ({"案件编号": "无"}, "案件编号"),
    ({"案件编号": "NULL"}, "案件编号"),
    ({"案件编号": "　"}, "案件编号"),
    ({"案件类别": ""}, "案件类别"),
    ({"受理单位代码": " "}, "受理单位代码"),
    ({"主办民警": "甲" * 201}, "主办民警"),
    ({"备注": "字" * 4001}, "备注"),
]


def test_what_cannot_be_so_is_refused_in_the_column_where_it_stands(house: House) -> None:
    criminal = {"案件类别": "刑事"}
    rows = [row(serial, **(criminal | cells)) for serial, (cells, _) in enumerate(WRONG)]
    assert counts(house.take(rows)) == (0, 0, 0, len(WRONG))
    named = [(WRONG[int(one["行号 row"]) - 2][0], one["字段 field"]) for one in house.rejects()]
    assert named == WRONG
    assert house.count("cases") == 0


def test_every_flaw_of_a_row_is_told_at_once(house: House) -> None:
    cells = FLAWS["unknown kind"] | FLAWS["impossible date"] | FLAWS["unreadable property"]
    house.take([row(1, **(cells | FLAWS["withheld without a reason"] | {"受理单位代码": "1"}))])
    (reject,) = house.rejects()
    columns = ["案件类别", "受理单位代码", "报案时间", "涉案财物", "不公开理由"]
    assert sorted(reject["字段 field"].split("；")) == sorted(columns)
    assert all(f"{column}：" in reject["原因 reason"] for column in columns)


def test_a_cell_that_spills_over_is_refused(house: House) -> None:
    path = house.folder / "r.csv"
    cells = [row(1)[name] for name in COLUMNS]
    path.write_text(f"{','.join(COLUMNS)}\n{','.join(cells)},多出,来的\n", encoding="utf-8")
    assert counts(house.take_file(path)) == (0, 0, 0, 1)
    assert "没有加引号" in house.rejects()[0]["原因 reason"]
    assert "多出" in house.rejects()[0]["值 value"]


def test_mended_rejects_are_fed_in_again(house: House) -> None:
    good = [row(serial) for serial in range(1, len(FLAWS) + 1)]
    bad = [flawed(one, flaw) for one, flaw in zip(good, FLAWS, strict=True)]
    assert house.take(bad).rejected == len(FLAWS)
    columns, rejected = list(house.rejects()[0]), house.rejects()
    mended = [one | new for one, new in zip(rejected, good[:-1], strict=False)] + rejected[-1:]
    path = write_csv(house.folder / "mended.csv", mended, "utf-8-sig", columns=columns)
    assert counts(house.take_file(path)) == (len(FLAWS) - 1, 0, 0, 1)
    assert list(house.rejects()[0]) == columns
    path = write_csv(house.folder / "mended.csv", good, "utf-8-sig")
    assert counts(house.take_file(path)) == (1, 0, len(FLAWS) - 1, 0)


def test_a_formula_in_a_rejected_row_comes_back_as_the_text_it_was(house: House) -> None:
    formula = ODDITIES["formula"]
    house.take([flawed(row(1, **formula), "unknown unit")])
    assert house.rejects()[0]["备注"].startswith("'=")
    mended = [house.rejects()[0] | {"受理单位代码": row(1)["受理单位代码"]}]
    house.take_file(write_csv(house.folder / "m.csv", mended))
    assert house.case(row(1))["remark"] == formula["备注"]


# What looks odd and is right


def test_what_only_looks_odd_is_taken_in(house: House) -> None:
    bare = {"报案时间": "", "受案时间": "2026-11-01", **AWAITED}
    rows = [row(n, **bare) | ODDITIES[oddity] for n, oddity in enumerate(ODDITIES)]
    assert counts(house.take(rows)) == (len(ODDITIES), 0, 0, 0)


def test_full_width_forms_are_read_in_every_cell(house: House) -> None:
    one = row(1, 案件类别="刑事", **AWAITED) | {
        "案件编号": "Ａ５１０１（２０２６）１号",
        "受理单位代码": "５１０１０４０１０１",
        "报案人电话": "１９９０００００００１",
        "报案人证件后四位": "１２３ｘ",
        "报案时间": "２０２６／１１／０１　９：０５",
        "受案时间": "２０２６年１１月１日　１０时０５分",
        "延长期限": "７ 日",
        "延长批准人": "赵局",
        "涉案财物": "手机｜１｜部｜扣押｜保管中；现金｜３，２００．５０｜元｜查封｜已发还",
    }
    summary = house.take([one])
    assert (counts(summary), summary.warnings) == ((1, 0, 0, 0), [])
    case = house.case(one)
    assert case["number"] == "A5101（2026）1号"
    assert (case["unit"], case["intake_at"]) == ("5101040101", "2026-11-01T02:05:00Z")
    assert house.phone(one) == "19900000001"
    assert [thing["quantity"] for thing in house.of("property", one)] == ["1", "3200.5"]
    assert house.of("extension", one)[0]["days"] == 7


PHONES = {
    "028-55550101": "02855550101",
    "（028）5555 0101": "02855550101",
    "028—55550101": "02855550101",
    "+86 199-0000-0001": "19900000001",
    "8619900000001": "19900000001",
    "": "",
    "无": "",
}


def test_phones_are_kept_in_digits(house: House) -> None:
    rows = [row(serial, 报案人电话=told) for serial, told in enumerate(PHONES)]
    assert house.take(rows).warned == 0
    assert [house.phone(one) for one in rows] == list(PHONES.values())


def test_a_phone_of_the_wrong_length_is_left_out_with_a_warning(house: House) -> None:
    wrong = ["1990000123", "199000012345", "5555010", "19900000001/19900000002"]
    rows = [row(serial, 报案人电话=told) for serial, told in enumerate(wrong)]
    summary = house.take(rows)
    assert counts(summary) == (len(wrong), 0, 0, 0)
    for place, (told, warning) in enumerate(zip(wrong, summary.warnings, strict=True)):
        assert (warning["row"], warning["field"]) == (place + 2, "报案人电话")
        assert told in str(warning["reason_zh"])
        assert told in str(warning["reason"])
        assert house.phone(rows[place]) == ""


def test_a_phone_of_the_wrong_length_leaves_the_one_on_file(house: House) -> None:
    house.take([row(1)])
    assert counts(house.take([row(1, 报案人电话="1990000123")])) == (0, 0, 1, 0)
    assert house.phone(row(1)) == row(1)["报案人电话"]


INSTANTS = (
    "2026/11/02 09:05",
    "2026-11-02T09:05",
    "2026.11.02 9:05",
    "2026年11月2日 9时5分",
    "2026-11-02T01:05:00Z",
    "2026-11-02T09:05:00.000+08:00",
)


def test_an_instant_may_be_written_in_many_ways(house: House) -> None:
    rows = [row(n, 受案时间=told, **AWAITED) for n, told in enumerate(INSTANTS)]
    house.take(rows)
    for one in rows:
        assert house.case(one)["intake_at"] == "2026-11-02T01:05:00Z"
        assert house.case(one)["intake_day"] == "2026-11-02"


def test_a_date_without_a_time_is_that_day_and_no_midnight(house: House) -> None:
    days = ("2026/11/02", "2026年11月2日", "2026.11.2", "2026-11-02")
    rows = [row(n, 受案时间=told, **AWAITED) for n, told in enumerate(days)]
    house.take(rows)
    for one in rows:
        assert house.case(one)["intake_day"] == "2026-11-02"
        assert house.case(one)["intake_at"] is None


def test_a_bare_day_goes_before_and_after_any_time_of_it(house: House) -> None:
    one = row(
        1, 报案时间="2026-11-02 10:00:00", 受案时间="2026-11-02", 立案时间="2026-11-02 09:00:00"
    )
    assert counts(house.take([one])) == (1, 0, 0, 0)


def test_the_day_of_the_register_itself_is_not_too_late(house: House) -> None:
    assert counts(house.take([row(1, 结案时间="2026-12-04")], until("2026-12-04"))) == (1, 0, 0, 0)
    late = row(2, 结案时间="2026-12-05")
    assert counts(house.take([late], until("2026-12-04"))) == (0, 0, 0, 1)


def test_a_cell_that_says_none_is_blank(house: House) -> None:
    may_be = ["报案人", "报案人电话", "报案人证件后四位", "立案时间", "立案结果", "延长期限"]
    may_be += ["延长批准人", "结案时间", "处理结果", "涉案财物", "不公开理由", "备注", "主办民警"]
    nothing = ["无", "/", "-", "——", "NULL", "空", "　", "n/a"]
    rows = [row(n, **dict.fromkeys(may_be, none), 是否公开="是") for n, none in enumerate(nothing)]
    summary = house.take(rows)
    assert (counts(summary), summary.warnings) == ((len(rows), 0, 0, 0), [])
    for one in rows:
        assert set(house.steps(one)) == {"intake"}
        assert (house.name(one), house.phone(one), house.case(one)["officer"]) == ("", "", "")
        assert house.of("property", one) == []


def test_free_text_keeps_the_punctuation_of_chinese(house: House) -> None:
    house.take([row(1, 备注="已告知（电话），\u200b待回复：１２３")])
    assert house.case(row(1))["remark"] == "已告知（电话），待回复：123"
