"""A case in register after register: nothing goes back, nothing is lost, nobody is mixed up."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lookup.bureau import Bureau
from lookup.cases import AsOf
from tests.intake import NIGHT, TRAIL, House, counts, until
from tests.registers import (
    AWAITED,
    CLOSED,
    SECOND_DAY,
    row,
    stranger,
    written,
)


@pytest.fixture
def house(bureau: Bureau, tmp_path: Path) -> House:
    return House(bureau, tmp_path)


# Older files and blanks


def test_a_blank_never_erases(house: House) -> None:
    full = row(1, 延长期限="7日", 延长批准人="赵局", 备注="已电话告知", 案件类别="刑事", **CLOSED)
    full |= {"处理结果": "撤销案件", "涉案财物": "手机|1|部|扣押|保管中", "是否公开": "否"}
    full |= {"不公开理由": "涉密"}
    house.take([full])
    before = house.all(*TRAIL)
    needed = {"案件编号", "案件类别", "受理单位代码", "报案人", "报案时间", "受案时间"}
    blank = {name: value if name in needed else "" for name, value in full.items()}
    for as_of in (NIGHT, until("2026-12-05")):
        assert counts(house.take([blank], as_of)) == (0, 0, 1, 0)
    after = house.all(*TRAIL)
    before["cases"][0]["known_as_of"] = after["cases"][0]["known_as_of"]
    assert after == before


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        (NIGHT, replace(NIGHT, instant=SECOND_DAY + timedelta(days=1))),
        (until("2026-12-04"), until("2026-11-20")),
        (until("2026-12-04"), NIGHT),
        (NIGHT, until("2026-11-20")),
    ],
    ids=["neither dated", "both dated", "newer dated", "older dated"],
)
def test_an_older_register_never_moves_a_case_back(house: House, newer: AsOf, older: AsOf) -> None:
    old = row(1, 主办民警="旧警官", 涉案财物="手机|1|部|扣押|保管中")
    new = row(1, 主办民警="新警官", 涉案财物="手机|1|部|扣押|已发还", **CLOSED)
    house.take([new], newer)
    before = house.all(*TRAIL)
    summary = house.take([old], older)
    assert counts(summary) == (0, 0, 1, 0)
    assert [warning["field"] for warning in summary.warnings] == ["案件编号"]
    assert "旧" in str(summary.warnings[0]["reason_zh"])
    assert house.all(*TRAIL) == before


def test_an_older_dated_register_changes_no_officer_either(house: House) -> None:
    house.take([row(1, 主办民警="新警官")], until("2026-12-04"))
    summary = house.take([row(1, 主办民警="旧警官")], until("2026-11-20"))
    assert (counts(summary), summary.warned) == ((0, 0, 1, 0), 1)
    assert house.case(row(1))["officer"] == "新警官"


def test_a_case_first_met_in_an_older_register_is_taken_in(house: House) -> None:
    house.take([row(1)], until("2026-12-04"))
    assert counts(house.take([row(2)], until("2026-11-20"))) == (1, 0, 0, 0)


def test_a_dated_register_after_an_undated_one_still_brings_its_news(house: House) -> None:
    house.take([row(1), row(2, 案件类别="刑事", **AWAITED)], NIGHT)
    news = [row(1, **CLOSED), row(2, 案件类别="刑事", **AWAITED, 延长期限="7日", 延长批准人="赵局")]
    assert counts(house.take(news, until("2026-11-25"))) == (0, 2, 0, 0)
    assert "closure" in house.steps(row(1))
    assert house.of("extension", row(2))[0]["days"] == 7


# By hand


def test_what_staff_entered_by_hand_stands_and_is_told(house: House) -> None:
    house.take([row(1)])
    house.at_desk(row(1), officer="手填警官", remark="手填备注")
    before = house.case(row(1))
    summary = house.take([row(1, 备注="系统备注", **CLOSED)])
    assert counts(summary) == (0, 1, 0, 0)
    assert {warning["field"] for warning in summary.warnings} == {"主办民警", "备注"}
    told = next(w for w in summary.warnings if w["field"] == "主办民警")
    assert "手填警官" in str(told["reason_zh"])
    assert row(1)["主办民警"] in str(told["reason"])
    after = house.case(row(1))
    assert (after["officer"], after["remark"]) == ("手填警官", "手填备注")
    assert after["badge"] == before["badge"]
    assert house.steps(row(1))["closure"]["officer"] == "手填警官"


def test_a_milestone_entered_by_hand_stands_and_is_told(house: House) -> None:
    house.take([row(1, 案件类别="刑事", **AWAITED)])
    by_hand = [{"step": "filing", "at": "2026-11-10 09:00:00", "outcome": "立案"}]
    house.at_desk(row(1, 案件类别="刑事"), milestones=by_hand)
    blank = house.take([row(1, 案件类别="刑事", **AWAITED)])
    assert (counts(blank), blank.warnings) == ((0, 0, 1, 0), [])
    other = {"立案时间": "2026-11-11 09:00:00", "立案结果": "不予立案"}
    summary = house.take([row(1, 案件类别="刑事", **other)])
    assert counts(summary) == (0, 0, 1, 0)
    (warning,) = summary.warnings
    assert warning["field"] == "立案时间"
    assert "2026-11-10 09:00:00 立案" in str(warning["reason_zh"])
    assert "2026-11-11 09:00:00 Not filed" in str(warning["reason"])
    assert house.steps(row(1))["filing"]["outcome"] == "filed"


def test_a_register_whose_closure_goes_before_a_filing_by_hand_is_refused(house: House) -> None:
    house.take([row(1, **AWAITED)])
    filing = {"step": "filing", "at": "2026-11-19", "outcome": "立案"}
    house.at_desk(row(1), milestones=[filing])
    assert counts(house.take([row(1, **CLOSED)])) == (0, 0, 0, 1)
    assert "2026-11-19" in house.rejects()[0]["原因 reason"]


def test_an_extension_entered_by_hand_stands_and_is_told(house: House) -> None:
    one = row(1, 案件类别="刑事", **AWAITED)
    house.take([one])
    extension = {"step": "filing", "extended_days": 30, "approved_by": "陈局长"}
    house.at_desk(one, milestones=[extension])
    summary = house.take([one | {"延长期限": "7日", "延长批准人": "赵局"}])
    assert counts(summary) == (0, 0, 1, 0)
    assert [warning["field"] for warning in summary.warnings] == ["延长期限"]
    assert house.of("extension", one)[0]["days"] == 30


def test_a_phone_and_a_name_entered_by_hand_stand_and_are_told_masked(house: House) -> None:
    house.take([row(1)])
    party = {"role": "complainant", "name": "王手填", "phone": "19900009999", "id_last4": "9999"}
    house.at_desk(row(1), parties=[party])
    summary = house.take([row(1, 报案人证件后四位="1234")])
    assert counts(summary) == (0, 0, 1, 0)
    fields = {warning["field"] for warning in summary.warnings}
    assert fields == {"报案人", "报案人电话", "报案人证件后四位"}
    assert (house.name(row(1)), house.phone(row(1))) == ("王手填", "19900009999")
    assert not any("19900009999" in str(warning) for warning in summary.warnings)
    assert "199****9999" in str(summary.warnings)


def test_a_time_of_intake_entered_by_hand_stands_and_is_told_once(house: House) -> None:
    house.take([row(1)])
    at = datetime.fromisoformat(row(1)["受案时间"]) + timedelta(minutes=1)
    house.at_desk(row(1), taken_in_at=f"{at:%Y-%m-%d %H:%M:%S}")
    summary = house.take([row(1)])
    assert (counts(summary), [w["field"] for w in summary.warnings]) == ((0, 0, 1, 0), ["受案时间"])
    assert f"{at:%H:%M:%S}" in str(summary.warnings[0]["reason_zh"])
    assert house.steps(row(1))["intake"]["happened_at"] == house.case(row(1))["intake_at"]


def test_property_entered_by_hand_stands_while_the_rest_moves_on(house: House) -> None:
    phone, cash = "手机|1|部|扣押|保管中", "现金|3200|元|扣押|保管中"
    house.take([row(1, 涉案财物=f"{phone};{cash}")])
    things = [
        {"name": "手机", "quantity": 1, "unit": "部", "measure": "扣押", "status": "已发还"},
        {"name": "现金", "quantity": 3200, "unit": "元", "measure": "扣押", "status": "保管中"},
    ]
    things[1]["place"] = "二号库"
    house.at_desk(row(1), property=things)
    summary = house.take([row(1, 涉案财物=f"{phone};{cash};银行卡|2|张|查封|保管中", **CLOSED)])
    assert counts(summary) == (0, 1, 0, 0)
    assert [warning["field"] for warning in summary.warnings] == ["涉案财物"]
    kept = [
        (thing["name"], thing["status"], thing["place"]) for thing in house.of("property", row(1))
    ]
    assert kept == [("手机", "returned", ""), ("现金", "kept", "二号库"), ("银行卡", "kept", "")]
    assert "closure" in house.steps(row(1))
    assert counts(house.take([row(1, 涉案财物=cash, **CLOSED)])) == (0, 1, 0, 0)
    assert "手机" in {thing["name"] for thing in house.of("property", row(1))}


def test_a_case_registered_by_hand_keeps_what_was_typed(house: House) -> None:
    assert house.at_desk(row(1), officer="手填警官").result == "new"
    summary = house.take([row(1)], until("2026-11-25"))
    assert counts(summary) == (0, 1, 0, 0)
    assert [warning["field"] for warning in summary.warnings] == ["主办民警"]
    case = house.case(row(1))
    assert (case["officer"], case["badge"]) == ("手填警官", row(1)["民警警号"])
    assert "filing" in house.steps(row(1))


def test_staff_may_change_again_what_they_entered(house: House) -> None:
    house.take([row(1)], until("2026-12-04"))
    for officer in ("甲警官", "乙警官"):
        assert house.at_desk(row(1), officer=officer).result == "changed"
    assert house.case(row(1))["officer"] == "乙警官"


# Numbers


def refused_as_strangers(house: House) -> bool:
    rejects = house.rejects()
    assert {reject["字段 field"] for reject in rejects} == {"案件编号"}
    return all("已属于另一案件" in reject["原因 reason"] for reject in rejects)


def test_a_namesake_does_not_take_over_a_number(house: House) -> None:
    undecided = dict.fromkeys(["立案时间", "立案结果", "延长期限", "结案时间", "处理结果"], "")
    mine = row(1, 报案人="王伟", 报案人电话="19900000001", 报案人证件后四位="1111", **undecided)
    other = {"受案时间": "2026-11-09 15:00:00", "报案时间": "2026-11-09 14:00:00"}
    assert counts(house.take([mine])) == (1, 0, 0, 0)
    for told in (
        {"报案人电话": "19900000009", "报案人证件后四位": "2222"},
        {"报案人电话": "19900000009", "报案人证件后四位": ""},
        {"报案人电话": "19900000001", "报案人证件后四位": "2222"},
    ):
        assert counts(house.take([mine | other | told])) == (0, 0, 0, 1)
        assert house.case(mine)["intake_at"] != "2026-11-09T07:00:00Z"
    same = {"报案人电话": "19900000009", "报案人证件后四位": "1111"}
    assert counts(house.take([mine | other | same])) == (0, 1, 0, 0)


def test_a_number_twice_in_one_register_stays_with_the_first(house: House) -> None:
    assert counts(house.take([row(1), stranger(row(1))])) == (1, 0, 0, 1)
    assert refused_as_strangers(house)
    assert house.name(row(1)) == row(1)["报案人"]


@pytest.mark.parametrize("as_of", [NIGHT, until("2026-11-20"), until("2026-12-20")])
def test_a_number_of_another_matter_is_refused_in_any_later_register(
    house: House, as_of: AsOf
) -> None:
    house.take([row(1)], until("2026-12-04"))
    before = house.all(*TRAIL)
    assert counts(house.take([stranger(row(1))], as_of)) == (0, 0, 0, 1)
    assert refused_as_strangers(house)
    assert house.all(*TRAIL) == before


DAYS = [
    ("2026-11-01", "2026-11-01"),
    ("2026-11-01 09:00:00", "2026-11-01"),
    ("2026-11-01", "2026-11-01 09:00:00"),
    ("2026-11-01 00:00:00", "2026-11-01 00:00:00"),
]


def test_one_day_is_not_one_time_of_intake(house: House) -> None:
    kept = [row(n, 报案时间="", 受案时间=days[0], **AWAITED) for n, days in enumerate(DAYS)]
    told = [stranger(row(n), 报案时间="", 受案时间=days[1]) for n, days in enumerate(DAYS)]
    assert counts(house.take(kept)) == (len(DAYS), 0, 0, 0)
    assert counts(house.take(told)) == (0, 0, 0, len(DAYS))
    assert refused_as_strangers(house)


def test_two_who_gave_no_name_are_not_one_person(house: House) -> None:
    for nobody in ("", "匿名", "不详", "无"):
        house.take([row(1, 报案人=nobody)])
        assert counts(house.take([stranger(row(1), 报案人=nobody)])) == (0, 0, 0, 1)
        assert refused_as_strangers(house)


def test_a_corrected_name_or_a_corrected_time_is_the_same_matter(house: House) -> None:
    house.take([row(1)])
    assert counts(house.take([row(1, 报案人="更正名")])) == (0, 1, 0, 0)
    assert house.name(row(1)) == "更正名"
    later = written(datetime.fromisoformat(row(1)["受案时间"] + "+08:00") + timedelta(minutes=2))
    assert counts(house.take([row(1, 报案人="更正名", 受案时间=later)])) == (0, 1, 0, 0)
    assert house.count("party") == 1


def test_an_intake_told_later_is_the_same_matter_though_nobody_gave_a_name(house: House) -> None:
    house.take([row(1, 报案人="", 受案时间="", **AWAITED)])
    assert counts(house.take([row(1, 报案人="")])) == (0, 1, 0, 0)


def test_numbers_that_differ_in_width_case_spaces_or_brackets_are_one(house: House) -> None:
    house.take([row(1, 案件编号="J(2026)1号")])
    for other in (
        "ｊ(2026)１号",
        "J（2026）1号",
        "J〔2026〕1号",
        " J[2026] 1号 ",
        "\u200bJ(2026)1号",
    ):
        assert counts(house.take([row(1, 案件编号=other)])) == (0, 0, 1, 0)
        assert house.case({"案件编号": other})["number"] == "J(2026)1号"
