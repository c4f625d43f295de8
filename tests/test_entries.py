"""The record in words: every action has its own, and no detail however odd breaks the page."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lookup.bureau import Bureau
from lookup.entries import ACTIONS, entries_of, said_entry, said_who
from lookup.language import Text
from lookup.trail import Actor, blank, change
from tests.public_cases import ask_for, days_ago, put

_ACTION = re.compile(r"[a-z_]+\.[a-z_]+")
# withholding.py puts these together from what was asked and what was decided.
COMPOSED = {
    f"{asked}.{decided}"
    for asked in ("withholding", "disclosure")
    for decided in ("approved", "rejected")
}
ROOT = Path(__file__).resolve().parent.parent


def _actions() -> Iterator[str]:
    """What looks like an action in the modules that record something."""
    for path in (ROOT / "lookup").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        recording = [node for node in ast.walk(tree) if _is_record(node)]
        # Screens have other names of that form, so there only what they hand over counts.
        searched = recording if "web" in path.parts else [tree] if recording else []
        for part in (part for node in searched for part in ast.walk(node)):
            if isinstance(part, ast.Constant) and _ACTION.fullmatch(str(part.value)):
                yield str(part.value)


def _is_record(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "record"
    )


def test_every_action_that_the_program_records_has_words_and_no_other() -> None:
    recorded = set(_actions()) | COMPOSED
    assert {"case.purged", "staff.disabled", "staff.logged_in"} <= recorded
    assert recorded == ACTIONS.keys()


def _row(action: str, detail: Any, **more: Any) -> dict[str, Any]:
    kept = detail if isinstance(detail, str) else json.dumps(detail, ensure_ascii=False)
    plain = {"action": action, "detail": kept, "nonce": "ab", "via": "desk", "actor": "李明 li"}
    return plain | more


SAID = [
    (
        _row("case.changed", {"name": ["甲案", "乙案"], "officer": ["", "王芳"]}),
        "变更案件：名称 甲案 → 乙案；主办民警 （无） → 王芳",
        "Case changed: name 甲案 → 乙案; officer (none) → 王芳",
    ),
    (
        _row(
            "case.changed",
            {
                "milestones": {
                    "filing": {
                        "at": "2026-11-20",
                        "outcome": "filed",
                        "was": {"at": "2026-11-19T01:05:00Z", "outcome": "refused"},
                    }
                },
                "extensions": {"filing": {"days": 7, "approved_by": "陈局长"}},
                "remark": ["…", "…"],
                "withheld": ["", "minor"],
            },
        ),
        "变更案件：备注有改动；不予公开 （无） → 未成年人；"
        "节点：立案决定 2026-11-20 立案（原为 2026-11-19 09:05 不予立案）；"
        "延长期限：立案决定 期限共 7 天 批准人 陈局长",
        "Case changed: remark altered; withheld (none) → Minor involved; "
        "milestones: Filing decision 2026-11-20 Filed (was 2026-11-19 09:05 Not filed); "
        "extended: Filing decision 7 days in all approved by 陈局长",
    ),
    (
        _row("staff.changed", {"role": ["auditor", "supervisor"], "unit": ["5101040101", "x"]}),
        "变更账号：角色 督察/法制 → 主管领导；单位 锦江路派出所 → x",
        "Account changed: role Auditor → Supervisor; unit 锦江路派出所 → x",
    ),
    (
        _row("rating.given", {"step": "filing", "level": 2, "tags": ["no_news", "overdue"]}),
        "当事人评价：立案决定；不满意；没有说明进展、办理超期",
        "Rating given: Filing decision; Dissatisfied; Was not told about progress, "
        "Not done in time",
    ),
    (
        _row("case.purged", {"positions": [[1, 3], [5, 5], [7, 9]]}),
        "按期清除个人信息：清除了记录第 1–3、5、7–9 条的内容",
        "Personal data erased after the retention period: "
        "the text of entries 1–3, 5, 7–9 was dropped",
    ),
    (
        _row("case.changed", {}, nonce=""),
        "变更案件：内容已按期清除",
        "Case changed: its text was erased after the retention period",
    ),
    (
        _row("moon.landed", {"crew": ["a", "b", "c"], "at": "2026-99-99T00:00:00Z", "x": None}),
        "moon.landed：2026-99-99T00:00:00Z；crew a、b、c；x （无）",
        "moon.landed: 2026-99-99T00:00:00Z; crew a, b, c; x (none)",
    ),
    (
        _row("case.changed", "<not json>"),
        "变更案件：detail <not json>",
        "Case changed: detail <not json>",
    ),
    (
        _row("unit.changed", {"code": "N1", "phone": "2", "was": {"phone": "1"}}),
        "变更单位：代码 N1；电话 2（原为 电话 1）",
        "Unit changed: code N1; phone 2 (was phone 1)",
    ),
    (_row("staff.logged_in", {}), "登录", "Logged in"),
]


@pytest.mark.parametrize(("row", "zh", "en"), SAID, ids=[f"{n}" for n in range(len(SAID))])
def test_an_entry_is_said_in_words(bureau: Bureau, row: dict[str, Any], zh: str, en: str) -> None:
    assert said_entry(bureau, row) == Text(zh, en)


@pytest.mark.parametrize("odd", [[1, 2], {"a": [{"b": [1]}]}, [[]], [{}, 1], {}, "{0}", 7, [True]])
def test_no_detail_whatever_its_shape_breaks_the_page(bureau: Bureau, odd: Any) -> None:
    keys = ("milestones", "parties", "positions", "property", "kind", "step", "outcome", "unit")
    for key in (*keys, "names", "level", "was", "{value}"):
        assert all(said_entry(bureau, _row("case.changed", {key: odd, "step": odd})))


def test_the_entries_of_a_case_come_latest_first_and_from_a_position_on(bureau: Bureau) -> None:
    put(bureau, "A1", days_ago(3))
    put(bureau, "A2", days_ago(3))
    ask_for(bureau, "A1", ["身份证"], received=["身份证"])
    entries = entries_of(bureau.db, "A1")
    done = [said_entry(bureau, one).zh.partition("：")[0] for one in entries]
    assert done == ["收到材料", "一次性告知所需材料", "制作回执", "登记案件"]
    assert {one["kind"] for one in entries} == {"criminal"}
    seen = entries[2]["position"]
    assert [one["position"] for one in entries_of(bureau.db, "A1", after=seen)] == [
        one["position"] for one in entries[:2]
    ]
    assert len(entries_of(bureau.db, "A1", limit=1)) == 1


def test_a_purged_entry_says_that_its_text_was_forgotten(bureau: Bureau) -> None:
    put(bureau, "A1", days_ago(3))
    with change(bureau.db, Actor("root", "command")) as ongoing:
        blank(ongoing, "A1")
    latest, *older = entries_of(bureau.db, "A1")
    assert said_entry(bureau, latest).zh.startswith("按期清除个人信息：清除了记录第 ")
    assert {said_entry(bureau, one).en.partition(": ")[2] for one in older} == {
        "its text was erased after the retention period"
    }


def test_parties_are_not_told_apart_by_a_number(bureau: Bureau) -> None:
    assert said_who(_row("rating.given", {}, actor="party 12", via="web")).zh == "当事人"
    assert said_who(_row("rating.given", {})).en == "李明 li"
