"""What is handed in, read field by field: what is accepted, and how each refusal is said."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.beijing import Moment
from lookup.bodies import Bounds, read_case
from lookup.columns import body_of, load_columns
from lookup.kinds import load_kinds
from lookup.records import CaseRecord, CaseRefused, MilestoneRecord
from tests.registers import COLUMNS, row

BOUNDS = Bounds(
    load_kinds(None),
    frozenset({"5101040101", "5101040102", "5101040201"}),
    Moment.of(datetime(2026, 12, 4, tzinfo=UTC)),
)
BODY: dict[str, Any] = {
    "number": "A2026001",
    "kind": "criminal",
    "unit": "5101040101",
    "reported_at": "2026-11-02 09:00:00",
    "taken_in_at": "2026-11-02 10:00:00",
}
THING = {"name": "手机", "quantity": "1", "unit": "部", "measure": "扣押", "status": "保管中"}
FILED = {"step": "filing", "at": "2026-11-04 09:00:00", "outcome": "filed"}


def read(**told: Any) -> CaseRecord:
    return read_case(BODY | told, BOUNDS)


def milestone(**told: Any) -> dict[str, Any]:
    return {"milestones": [FILED | told]}


def thing(**told: Any) -> dict[str, Any]:
    return {"property": [THING | told]}


DATES = "请写成 2026-11-20 或 2026-11-20 09:05。"
REFUSALS: list[tuple[dict[str, Any], str, str, str, str]] = [
    (
        {"number": ""},
        "number",
        "",
        "没有案件编号，请补上编号。",
        "There is no case number; add it.",
    ),
    (
        {"number": "A/1"},
        "number",
        "A/1",
        "案件编号“A/1”不对：只能由 1–64 个字母、数字、汉字和 -_()（）〔〕[] 组成。",
        "“A/1” is no case number: 1–64 letters, digits, Chinese characters and -_()（）〔〕[].",
    ),
    (
        {"kind": "民事"},
        "kind",
        "民事",
        "案件类别“民事”未配置，可用：刑事、行政。",
        "The kind of case “民事” is not configured; use one of: Criminal, Administrative.",
    ),
    (
        {"kind": None},
        "kind",
        "",
        "案件类别“（空白）”未配置，可用：刑事、行政。",
        "The kind of case “(blank)” is not configured; use one of: Criminal, Administrative.",
    ),
    (
        {"unit": "1"},
        "unit",
        "1",
        "受理单位代码“1”不存在，请先导入该单位或改正代码。",
        "There is no unit with the code “1”; import the unit first or mend the code.",
    ),
    (
        {"taken_in_at": "昨天"},
        "taken_in_at",
        "昨天",
        f"“昨天”不是有效的日期，{DATES}",
        "“昨天” is not a possible date; write it as 2026-11-20 or 2026-11-20 09:05.",
    ),
    (
        {"reported_at": "2026-12-05"},
        "reported_at",
        "2026-12-05",
        "“2026-12-05”晚于截止时间 2026-12-04 08:00:00，尚未发生。",
        "“2026-12-05” is later than 2026-12-04 08:00:00: it cannot have happened yet.",
    ),
    (
        {"reported_at": " ", "taken_in_at": None},
        "taken_in_at",
        "",
        "没有受案时间，也没有报案时间，请至少填写一个。",
        "Neither the time of taking in nor that of reporting is given; add one of them.",
    ),
    (
        {"taken_in_at": "2026-11-02 08:00"},
        "taken_in_at",
        "2026-11-02 08:00:00",
        "受案时间早于报案时间（2026-11-02 09:00:00），请核对。",
        "“Taken in” is dated before “Reported” (2026-11-02 09:00:00); please check.",
    ),
    (
        milestone(at="2026-11-01"),
        "milestones.filing.at",
        "2026-11-01",
        "立案决定时间早于受案时间（2026-11-02 10:00:00），请核对。",
        "“Filing decision” is dated before “Taken in” (2026-11-02 10:00:00); please check.",
    ),
    (
        milestone(step="filling"),
        "milestones.0.step",
        "filling",
        "刑事案件没有可以记录的节点“filling”。",
        "Criminal cases have no milestone “filling” to record.",
    ),
    (
        milestone(step="intake"),
        "milestones.0.step",
        "intake",
        "刑事案件没有可以记录的节点“intake”。",
        "Criminal cases have no milestone “intake” to record.",
    ),
    (
        {"milestones": [FILED, FILED]},
        "milestones",
        "filing",
        "节点“filing”出现了两次。",
        "“filing” is there twice.",
    ),
    (
        milestone(outcome="也许"),
        "milestones.0.outcome",
        "也许",
        "刑事案件的立案决定没有“也许”这一结果，可用：立案、不予立案。",
        "“Filing decision” of Criminal cases has no outcome “也许”; known outcomes: Filed, "
        "Not filed.",
    ),
    (
        milestone(step="notice", outcome="已送达"),
        "milestones.0.outcome",
        "已送达",
        "刑事案件的不予立案通知书送达没有“已送达”这一结果，可用：无。",
        "“Notice of refusal served” of Criminal cases has no outcome “已送达”; known outcomes: "
        "none.",
    ),
    (
        milestone(outcome=""),
        "milestones.0.outcome",
        "",
        "有立案决定时间但没有结果，请填写结果。",
        "“Filing decision” has a date but no outcome; add it.",
    ),
    (
        milestone(at=""),
        "milestones.0.outcome",
        "filed",
        "有立案决定结果但没有时间，请补上时间。",
        "“Filing decision” has an outcome but no date; add it.",
    ),
    (
        milestone(extended_days="5日"),
        "milestones.0.extended_days",
        "5日",
        "立案决定的期限不能延长为“5日”，允许的总天数：7天、30天。",
        "The clock of “Filing decision” cannot be extended to “5日”; totals allowed: 7 days, "
        "30 days.",
    ),
    (
        milestone(step="closure", outcome="withdrawn", extended_days=60),
        "milestones.0.extended_days",
        "60",
        "结案的期限不能延长为“60”，允许的总天数：无。",
        "The clock of “Closure” cannot be extended to “60”; totals allowed: none.",
    ),
    (
        {"parties": [{"role": "witness", "name": "王某"}]},
        "parties.0.role",
        "witness",
        "“witness”不在可用词之内：报案人、被害人、监护人。",
        "“witness” is not one of: Complainant, Victim, Guardian.",
    ),
    (
        {"parties": [{"name": "王某"}]},
        "parties.0.role",
        "",
        "“（空白）”不在可用词之内：报案人、被害人、监护人。",
        "“(blank)” is not one of: Complainant, Victim, Guardian.",
    ),
    (
        thing(quantity="0"),
        "property.0.quantity",
        "0",
        "数量“0”不是正数。",
        "The quantity “0” is not a positive number.",
    ),
    (
        thing(quantity="1e999999999"),
        "property.0.quantity",
        "1e999999999",
        "数量“1e999999999”不是正数。",
        "The quantity “1e999999999” is not a positive number.",
    ),
    (thing(name=" "), "property.0.name", "", "涉案财物没有名称。", "A seized thing has no name."),
    (
        thing(measure="没有"),
        "property.0.measure",
        "没有",
        "“没有”不在可用词之内：扣押、查封、冻结。",
        "“没有” is not one of: Seized, Sealed, Frozen.",
    ),
    (
        thing(status="丢了"),
        "property.0.status",
        "丢了",
        "“丢了”不在可用词之内：保管中、已发还、已移送、已没收、已销毁。",
        "“丢了” is not one of: In custody, Returned, Transferred, Forfeited, Destroyed.",
    ),
    (
        {"withheld_reason": "领导要求"},
        "withheld_reason",
        "领导要求",
        "“领导要求”不在可用词之内：涉密、个人隐私、未成年人、性侵案件、被害人要求、可能影响办案。",
        "“领导要求” is not one of: State or police-work secret, Privacy, Minor involved, Sexual "
        "offence, Wish of the victim, Would endanger the case.",
    ),
    (
        {"officer": "甲" * 201},
        "officer",
        "甲" * 40 + "…",
        "内容过长（201 字），最多 200 字。",
        "Too long (201 characters); at most 200.",
    ),
    (
        {"remark": "字" * 4001},
        "remark",
        "字" * 40 + "…",
        "内容过长（4001 字），最多 4000 字。",
        "Too long (4001 characters); at most 4000.",
    ),
]


@pytest.mark.parametrize(
    ("told", "field", "value", "zh", "en"), REFUSALS, ids=[str(one[0])[:40] for one in REFUSALS]
)
def test_each_refusal_names_field_and_value_and_is_said_in_both_languages(
    told: dict[str, Any], field: str, value: str, zh: str, en: str
) -> None:
    with pytest.raises(CaseRefused) as caught:
        read(**told)
    (refused,) = caught.value.refusals()
    assert (refused.field, refused.value) == (field, value)
    assert (refused.text.zh, refused.text.en) == (zh, en)


WARNINGS = [
    (
        {"parties": [{"role": "victim", "name": "王某", "phone": "1990000"}]},
        "parties.0.phone",
        "电话“1990000”位数或格式不对，已略去，案件照常收下。",
        "The phone “1990000” has the wrong length or form; it was left out, the case taken in.",
    ),
    (
        {"parties": [{"role": "victim", "name": "王某", "id_last4": "12A4"}]},
        "parties.0.id_last4",
        "证件后四位“12A4”格式不对，已略去，案件照常收下。",
        "“12A4” is no end of an identity number; it was left out, the case taken in.",
    ),
    (
        milestone(extended_days=30),
        "milestones.0.approved_by",
        "延长期限没有填写批准人。",
        "The extension does not say who approved it.",
    ),
]


@pytest.mark.parametrize(("told", "field", "zh", "en"), WARNINGS)
def test_what_is_left_out_is_said_and_the_case_taken_in(
    told: dict[str, Any], field: str, zh: str, en: str
) -> None:
    (warning,) = read(**told).warnings
    assert (warning.field, warning.text.zh, warning.text.en) == (field, zh, en)


def test_all_that_is_wrong_is_said_at_once() -> None:
    told = {"number": "", "kind": "?", "unit": "?", "taken_in_at": "?", "officer": "甲" * 201}
    with pytest.raises(CaseRefused) as caught:
        read(**told, property=[THING | {"quantity": "-1", "status": "?"}])
    fields = ["number", "kind", "unit", "taken_in_at", "property.0.quantity", "property.0.status"]
    assert [one.field for one in caught.value.refusals()] == [*fields, "officer"]


def test_a_whole_case_is_read() -> None:
    record = read(
        name="王某被盗窃案（一）",
        channel="窗口",
        parties=[
            {"role": "控告人", "name": "王 娟", "phone": "（028）5555-0101", "id_last4": "12３x"},
            {"role": "guardian", "name": "", "phone": None},
        ],
        milestones=[FILED | {"outcome": "已立案"}, {"step": "closure", "at": "2026-11-20"}],
        property=[THING | {"quantity": 1.50, "place": "一号库"}],
        withheld_reason="",
        remark=None,
    )
    assert (record.kind.code, record.channel, record.name) == (
        "criminal",
        "counter",
        "王某被盗窃案（一）",
    )
    (party,) = record.parties
    assert (party.role, party.name, party.phone) == ("complainant", "王 娟", "02855550101")
    assert party.id_last4 == "123X"
    assert [one.outcome for one in record.milestones] == ["filed", ""]
    assert (record.seized[0].quantity, record.seized[0].place) == ("1.5", "一号库")
    assert (record.withheld_reason, record.remark) == ("", "")


def test_what_is_not_told_is_not_known() -> None:
    record = read()
    assert record.withheld_reason is None
    assert record.tells is None
    assert [(one.role, one.name) for one in record.parties] == [("complainant", "")]
    assert (record.milestones, record.seized, record.warnings) == ((), (), ())


def test_an_extension_alone_is_no_milestone() -> None:
    told = {"step": "filing", "extended_days": "30 日", "approved_by": "赵局"}
    assert read(milestones=[told]).milestones == (MilestoneRecord("filing", None, "", 30, "赵局"),)


@pytest.mark.parametrize(
    "number", ["A-1_(2026)", "川公（刑）〔2026〕1号", "[1]", "𠮷〇1", 20260001]
)
def test_numbers_as_bureaus_write_them_are_accepted(number: object) -> None:
    assert read(number=number).number == str(number)


ROW = row(1)
FOUND = load_columns(None, {"filing", "closure"}).found(COLUMNS)
CELLS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", "是", "否", "立案", "2026-11-20", "涉密", "手机|1|部|扣押|保管中"]),
    st.datetimes().map(str),
    st.dates().map(str),
)


@given(st.dictionaries(st.sampled_from(COLUMNS), CELLS, max_size=8))
def test_whatever_the_cells_hold_a_row_is_read_or_refused_in_whole_sentences(
    cells: dict[str, str],
) -> None:
    body, refusals = body_of(ROW | cells, FOUND)
    try:
        record = read_case(body, BOUNDS, refusals)
    except CaseRefused as refused:
        assert refused.refusals()
        for one in refused.refusals():
            assert one.text.zh.endswith("。")
            assert one.text.en.endswith(".")
            assert len(one.value) <= 41
    else:
        assert record.number
        assert record.unit in BOUNDS.units
