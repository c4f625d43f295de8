"""What registers tell of a case over time: withholding, milestones, property."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lookup.bureau import Bureau
from tests.intake import NIGHT, House, counts
from tests.registers import (
    AWAITED,
    CLOSED,
    Cells,
    row,
)


@pytest.fixture
def house(bureau: Bureau, tmp_path: Path) -> House:
    return House(bureau, tmp_path)


# Withheld cases


def withheld(one: Cells, reason: str = "涉密") -> Cells:
    return one | {"是否公开": "否", "不公开理由": reason}


def test_a_withheld_case_shows_from_the_moment_it_is_disclosed(house: House) -> None:
    house.take([withheld(row(1))])
    assert {step["visible_at"] for step in house.steps(row(1)).values()} == {None}
    (live,) = house.of("withholding", row(1))
    assert (live["reason"], live["via"], live["ended_at"]) == ("secret", "register", None)
    assert live["approved_at"] == live["requested_at"]
    assert counts(house.take([withheld(row(1, **CLOSED))])) == (0, 1, 0, 0)
    assert counts(house.take([row(1, **CLOSED)])) == (0, 1, 0, 0)
    steps = house.steps(row(1))
    assert len({step["visible_at"] for step in steps.values()} - {None}) == 1
    assert house.of("withholding", row(1))[0]["ended_at"] == steps["closure"]["visible_at"]


def test_what_was_visible_stays_so_counted_when_a_case_is_withheld_later(house: House) -> None:
    house.take([row(1)])
    seen = {step: found["visible_at"] for step, found in house.steps(row(1)).items()}
    assert None not in seen.values()
    house.take([withheld(row(1, **CLOSED))])
    steps = house.steps(row(1))
    assert steps["closure"]["visible_at"] is None
    assert {step: steps[step]["visible_at"] for step in seen} == seen


def test_a_case_may_be_withheld_disclosed_and_withheld_again(house: House) -> None:
    for cells in (withheld(row(1)), row(1), withheld(row(1), "个人隐私"), withheld(row(1))):
        assert house.take([cells]).rejected == 0
    spans = house.of("withholding", row(1))
    assert [one["reason"] for one in spans] == ["secret", "privacy", "secret"]
    assert [one["ended_at"] is None for one in spans] == [False, False, True]


@pytest.mark.parametrize(
    "word", ["涉密", "国家秘密", "secret", "涉及个人隐私", "未成年人", "被害人要求"]
)
def test_known_reasons_go_by_several_names(house: House, word: str) -> None:
    assert counts(house.take([withheld(row(1), word)])) == (1, 0, 0, 0)


def test_a_reason_alone_withholds(house: House) -> None:
    house.take([row(1, 是否公开="", 不公开理由="涉密")])
    assert len(house.of("withholding", row(1))) == 1


def test_silence_about_disclosure_discloses_nothing(house: House) -> None:
    house.take([withheld(row(1))])
    assert counts(house.take([row(1, 是否公开="")])) == (0, 0, 1, 0)
    assert house.of("withholding", row(1))[0]["ended_at"] is None
    house.take([row(2, 是否公开="")])
    assert house.of("withholding", row(2)) == []


# Milestones


def test_an_extension_may_come_before_the_decision(house: House) -> None:
    one = row(1, 案件类别="刑事", 报案时间="", 受案时间="2026-11-02 10:00:00", **AWAITED)
    house.take([one])
    clock = {found["step"]: found for found in house.of("clock", one)}
    assert (clock["filing"]["days"], clock["filing"]["due_day"]) == (3, "2026-11-05")
    house.take([one | {"延长期限": "30日", "延长批准人": "赵局"}])
    (filing,) = [found for found in house.of("clock", one) if found["step"] == "filing"]
    assert (filing["days"], filing["due_day"], filing["extended"]) == (30, "2026-12-02", 1)
    assert filing["decided_day"] is None
    decided = {"立案时间": "2026-11-20 10:00:00", "立案结果": "立案"}
    house.take([one | decided])
    (filing,) = [found for found in house.of("clock", one) if found["step"] == "filing"]
    assert (filing["days"], filing["decided_day"]) == (30, "2026-11-20")


def test_an_extension_without_an_approver_is_told(house: House) -> None:
    summary = house.take([row(1, 案件类别="刑事", 延长期限="7日")])
    assert [warning["field"] for warning in summary.warnings] == ["延长批准人"]
    assert counts(house.take([row(1, 案件类别="刑事", 延长期限="7日", 延长批准人="赵局")])) == (
        0,
        1,
        0,
        0,
    )
    assert counts(house.take([row(1, 案件类别="刑事", 延长期限="7")])) == (0, 0, 1, 0)


def test_a_correction_leaves_the_former_value_in_the_trail(house: House) -> None:
    house.take([row(1, 案件类别="刑事", 立案时间="2026-11-10 09:00:00", 立案结果="不予立案")])
    seen = house.steps(row(1))["filing"]
    house.take(
        [
            row(
                1,
                案件类别="刑事",
                立案时间="2026-11-11 09:00:00",
                立案结果="立案",
                主办民警="新警官",
            )
        ]
    )
    now = house.steps(row(1))["filing"]
    assert (now["outcome"], now["happened_day"]) == ("filed", "2026-11-11")
    assert (now["visible_at"], now["entered_at"]) == (seen["visible_at"], seen["entered_at"])
    (entry,) = [one for one in house.trail() if one["action"] == "case.changed"]
    assert entry["detail"]["officer"] == [row(1)["主办民警"], "新警官"]
    assert entry["detail"]["milestones"]["filing"] == {
        "at": "2026-11-11T01:00:00Z",
        "outcome": "filed",
        "was": {"at": "2026-11-10T01:00:00Z", "outcome": "refused"},
    }


def test_the_trail_holds_nothing_personal_in_clear(house: House) -> None:
    house.take([row(1, 备注="证人电话 19911112222")])
    house.take([row(1, 备注="证人改号 19933334444", 报案人电话="19955556666", 报案人="更正名")])
    told = json.dumps([entry["detail"] for entry in house.trail()], ensure_ascii=False)
    for secret in (row(1)["报案人"], row(1)["报案人电话"], "19911112222", "19933334444", "更正名"):
        assert secret not in told
    assert "更**" in told


def test_a_time_told_after_a_bare_day_makes_it_exact_and_not_the_reverse(house: House) -> None:
    house.take([row(1, 立案时间="2026-11-10")])
    assert counts(house.take([row(1, 立案时间="2026-11-10 09:00:00")])) == (0, 1, 0, 0)
    assert counts(house.take([row(1, 立案时间="2026-11-10")])) == (0, 0, 1, 0)
    assert house.steps(row(1))["filing"]["happened_at"] == "2026-11-10T01:00:00Z"


def test_a_day_told_for_another_instant_takes_its_time_away(house: House) -> None:
    house.take([row(1, 报案时间="2026-06-10 09:00:00")])
    house.take([row(1, 报案时间="2026-06-09")])
    case = house.case(row(1))
    assert (case["reported_day"], case["reported_at"]) == ("2026-06-09", None)


def test_a_corrected_outcome_with_a_bare_day_keeps_the_time_known(house: House) -> None:
    house.take([row(1, 立案时间="2026-11-10 09:00:00", 立案结果="立案")])
    house.take([row(1, 立案时间="2026-11-10", 立案结果="不予立案")])
    filing = house.steps(row(1))["filing"]
    assert (filing["outcome"], filing["happened_at"]) == ("refused", "2026-11-10T01:00:00Z")


def test_intake_is_the_report_where_no_time_of_taking_in_is_told(house: House) -> None:
    one = row(1, 受案时间="", **AWAITED)
    house.take([one])
    case = house.case(one)
    assert case["intake_at"] == case["reported_at"] == house.steps(one)["intake"]["happened_at"]


def test_a_first_load_is_marked_and_what_comes_later_is_not(house: House) -> None:
    house.take([row(1)], replace(NIGHT, backlog=True))
    house.take([row(1, **CLOSED)])
    assert {step: one["backlog"] for step, one in house.steps(row(1)).items()} == {
        "intake": 1,
        "filing": 1,
        "closure": 0,
    }


# Property


def things(house: House, one: Cells) -> list[tuple[str, str]]:
    return [(thing["name"], thing["status"]) for thing in house.of("property", one)]


def test_property_follows_the_register(house: House) -> None:
    phone, knife = "手机|1|部|扣押|保管中", "刀具|1|把|查封|保管中|库房"
    house.take([row(1, 涉案财物=f"{phone};{knife}")])
    returned = phone.replace("保管中", "已发还")
    assert counts(house.take([row(1, 涉案财物=f"{returned}；{knife}；")])) == (0, 1, 0, 0)
    assert things(house, row(1)) == [("手机", "returned"), ("刀具", "kept")]
    assert counts(house.take([row(1, 涉案财物=f"{returned}\n{knife}")])) == (0, 0, 1, 0)
    (entry,) = [one for one in house.trail() if one["action"] == "case.changed"]
    assert entry["detail"]["property_was"][0][4] == "kept"


def test_of_two_things_alike_one_may_be_given_back(house: House) -> None:
    kept, returned = "手机|1|部|扣押|保管中", "手机|1|部|扣押|已发还"
    house.take([row(1, 涉案财物=f"{kept};{kept}")])
    assert counts(house.take([row(1, 涉案财物=f"{returned};{kept}")])) == (0, 1, 0, 0)
    assert counts(house.take([row(1, 涉案财物=f"{returned};{kept}", **CLOSED)])) == (0, 1, 0, 0)
    assert things(house, row(1)) == [("手机", "returned"), ("手机", "kept")]


def test_where_a_thing_is_kept_survives_a_register_that_does_not_tell(house: House) -> None:
    house.take([row(1, 涉案财物="手机|1|部|扣押|保管中|一号库")])
    house.take([row(1, 涉案财物="手机|1|部|扣押|已移送")])
    (thing,) = house.of("property", row(1))
    assert (thing["status"], thing["place"]) == ("transferred", "一号库")
