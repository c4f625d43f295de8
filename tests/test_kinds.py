from datetime import date
from pathlib import Path

import pytest

from lookup.clocks import due
from lookup.errors import ConfigError
from lookup.kinds import Kind, Kinds, load_kinds
from lookup.language import Text
from lookup.workdays import load_calendar

SHIPPED = load_kinds(None)
CRIMINAL = SHIPPED["criminal"]
ADMINISTRATIVE = SHIPPED["administrative"]

LOST_PROPERTY = """
[lost_property]
name = { zh = "遗失物品", en = "Lost property" }
register = ["失物招领"]
visible_within = 2

[[lost_property.milestones]]
step = "intake"
name = { zh = "登记", en = "Registered" }

[[lost_property.milestones]]
step = "search"
name = { zh = "查找", en = "Search" }
follows = "intake"
expected = { zh = "查找的结果", en = "result of the search" }

[lost_property.milestones.clock]
days = 10
extensions = [20]
counted_from = "intake"
basis = { zh = "本局规定", en = "Rules of the bureau" }

[[lost_property.milestones.outcomes]]
code = "found"
name = { zh = "找到", en = "Found" }
register = ["已找到"]

[[lost_property.milestones.outcomes]]
code = "not_found"
name = { zh = "未找到", en = "Not found" }
ends = true

[[lost_property.milestones]]
step = "return"
name = { zh = "发还", en = "Returned" }
follows = "search"
only_after = "found"
expected = { zh = "物品的发还", en = "return of the property" }

[[lost_property.remedies]]
code = "second_search"
name = { zh = "再次查找", en = "Second search" }
after = "search"
outcome = "not_found"
days = 5
counted_from = "search"
roles = ["complainant"]
text = { zh = "最迟 {day} 提出。", en = "Ask by {day}." }
text_undated = { zh = "五日以内提出。", en = "Ask within 5 days." }
basis = { zh = "本局规定", en = "Rules of the bureau" }

[lost_property.paper]
title = { zh = "登记单", en = "Registration slip" }
statement = { zh = "已经登记。", en = "It is registered." }
query = { zh = "请扫码查询。", en = "Scan the code." }
complain = { zh = "请拨打 12389。", en = "Call 12389." }
"""

INTAKE = "lost_property.milestones[1]"
SEARCH = "lost_property.milestones[2]"
RETURN = "lost_property.milestones[3]"
REMEDY = "lost_property.remedies[1]"


def kinds_from(directory: Path, text: str) -> Kinds:
    file = directory / "own.toml"
    file.write_text(text, "utf-8")
    return load_kinds(file)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("刑事", "criminal"),
        ("行政", "administrative"),
        (" 刑事案件 ", "criminal"),
        ("criminal", "criminal"),
        ("ＣＲＩＭＩＮＡＬ", "criminal"),
    ],
)
def test_a_registers_word_for_a_kind_is_understood(written: str, code: str) -> None:
    kind = SHIPPED.by_register(written)
    assert kind is SHIPPED[code]


@pytest.mark.parametrize("written", ["民事", "", "Criminal case"])
def test_an_unknown_word_is_no_kind(written: str) -> None:
    assert SHIPPED.by_register(written) is None


@pytest.mark.parametrize(
    ("kind", "step", "written", "code"),
    [
        (CRIMINAL, "filing", "立案", "filed"),
        (CRIMINAL, "filing", "不予立案", "refused"),
        (CRIMINAL, "closure", "撤销案件", "withdrawn"),
        (CRIMINAL, "closure", "移送审查起诉", "prosecution"),
        (CRIMINAL, "closure", "终止侦查", "terminated"),
        (CRIMINAL, "closure", "移送其他单位处理", "transferred"),
        (CRIMINAL, "measure", "刑事拘留", "detention"),
        (ADMINISTRATIVE, "filing", "立案", "filed"),
        (ADMINISTRATIVE, "filing", "不予立案", "refused"),
        (ADMINISTRATIVE, "closure", "行政处罚决定", "penalty"),
        (ADMINISTRATIVE, "closure", "不予行政处罚", "no_penalty"),
        (ADMINISTRATIVE, "closure", "调解结案", "mediated"),
        (ADMINISTRATIVE, "closure", "终止调查", "terminated"),
        (ADMINISTRATIVE, "closure", "\u3000终止调查 ", "terminated"),
        (ADMINISTRATIVE, "closure", "Mediated", "mediated"),
    ],
)
def test_a_registers_word_for_an_outcome_is_understood(
    kind: Kind, step: str, written: str, code: str
) -> None:
    outcome = kind.outcome_named(step, written)
    assert outcome is not None
    assert outcome.code == code


@pytest.mark.parametrize(
    ("kind", "step", "written"),
    [(CRIMINAL, "closure", "行政处罚决定"), (CRIMINAL, "filing", ""), (CRIMINAL, "lunch", "立案")],
)
def test_an_unknown_word_is_no_outcome(kind: Kind, step: str, written: str) -> None:
    assert kind.outcome_named(step, written) is None


def test_the_shipped_clocks_are_those_of_the_law() -> None:
    clocks = {
        (kind.code, milestone.step): (clock.days, clock.extensions, clock.counted_from)
        for kind in SHIPPED.values()
        for milestone, clock in kind.clocks()
    }
    assert clocks == {
        ("criminal", "filing"): (3, (7, 30), "intake"),
        ("criminal", "notice"): (3, (), "filing"),
        ("administrative", "filing"): (0, (), "intake"),
        ("administrative", "closure"): (30, (60,), "intake"),
    }


def test_each_kind_has_the_paper_of_its_forms() -> None:
    assert CRIMINAL.paper.title == Text("接受案件回执", "Receipt of report")
    assert ADMINISTRATIVE.paper.title == Text("立案告知书", "Filing notice")
    for kind in SHIPPED.values():
        assert all("12389" in said for said in kind.paper.complain)


def test_reconsideration_runs_seven_days_from_the_service_of_the_notice() -> None:
    (remedy,) = CRIMINAL.remedies_after("filing", "refused")
    assert remedy.counted_from == "notice"
    assert set(remedy.roles) == {"complainant", "victim", "guardian"}
    last = due(remedy.clock, date(2026, 11, 20), load_calendar(None))
    assert last.day == date(2026, 11, 27)
    assert "11月27日" in remedy.text.fill(day="11月27日").zh
    assert "7 days from the day you receive the notice" in remedy.text_undated.en
    for text in (remedy.text, remedy.text_undated):
        assert all(way in text.zh for way in ("复议", "复核", "立案监督"))


@pytest.mark.parametrize("outcome", ["filed", None])
def test_nobody_is_offered_reconsideration_of_anything_but_a_refusal(outcome: str | None) -> None:
    assert CRIMINAL.remedies_after("filing", outcome) == ()
    assert ADMINISTRATIVE.remedies_after("filing", "refused") == ()


@pytest.mark.parametrize("kind", [CRIMINAL, ADMINISTRATIVE])
@pytest.mark.parametrize(
    ("reached", "step"),
    [
        ({}, "intake"),
        ({"intake": None}, "filing"),
        ({"intake": None, "transfer": None}, "filing"),
        ({"intake": None, "filing": "filed"}, "closure"),
        ({"intake": None, "filing": "filed", "measure": "detention"}, "closure"),
        ({"intake": None, "filing": "refused"}, None),
        ({"intake": None, "filing": "refused", "notice": None}, None),
        ({"intake": None, "filing": None}, None),
        ({"intake": None, "filing": "filed", "closure": "terminated"}, None),
        ({"intake": None, "filing": "filed", "closure": None}, None),  # a date without an outcome
        ({"intake": None, "filing": "refused", "closure": None}, None),  # closed after a refusal
        ({"intake": None, "closure": None}, None),  # the filing was passed over
        ({"intake": None, "some_step_of_an_older_file": "done"}, "filing"),
    ],
)
def test_a_case_awaits_its_next_milestone_until_it_has_ended(
    kind: Kind, reached: dict[str, str | None], step: str | None
) -> None:
    awaited = kind.awaited(reached)
    assert (awaited and awaited.step) == step


def test_whatever_is_awaited_can_be_said_in_a_sentence() -> None:
    filing = CRIMINAL.awaited({"intake": None})
    assert filing is not None
    assert filing.expected == Text("是否立案的决定", "decision whether to file a case")
    for kind in SHIPPED.values():
        required = [m for m in kind.milestones[1:] if not m.optional]
        assert all(milestone.expected for milestone in required)


@pytest.mark.parametrize(
    ("reached", "ended"),
    [
        ({"intake": None, "filing": "filed"}, False),
        ({"intake": None, "filing": "refused"}, True),
        ({"intake": None, "filing": "filed", "closure": "prosecution"}, True),
        ({"intake": None, "filing": "filed", "measure": "arrest"}, False),
    ],
)
def test_only_some_outcomes_end_a_case(reached: dict[str, str | None], ended: bool) -> None:
    assert CRIMINAL.has_ended(reached) is ended


@pytest.mark.parametrize(
    ("reached", "may_follow"),
    [({"filing": "refused"}, True), ({"filing": "filed"}, False), ({"intake": None}, False)],
)
def test_the_notice_of_refusal_follows_only_a_refusal(
    reached: dict[str, str | None], may_follow: bool
) -> None:
    assert CRIMINAL.milestone("notice").may_follow(reached) is may_follow


def test_milestones_have_an_order_and_begin_with_the_intake() -> None:
    for kind in SHIPPED.values():
        assert kind.order_of("intake") == 0
        assert kind.order_of("intake") < kind.order_of("filing") < kind.order_of("closure")
    assert CRIMINAL.has_step("notice")
    assert not ADMINISTRATIVE.has_step("notice")
    with pytest.raises(KeyError):
        ADMINISTRATIVE.milestone("notice")


def test_a_bureaus_file_adds_a_kind(tmp_path: Path) -> None:
    kinds = kinds_from(tmp_path, LOST_PROPERTY)
    assert list(kinds) == ["criminal", "administrative", "lost_property"]
    kind = kinds["lost_property"]
    assert kinds.by_register("失物招领") is kind
    assert kind.visible_within == 2
    awaited = kind.awaited({"intake": None, "search": "found"})
    assert awaited is not None
    assert awaited.step == "return"
    assert kind.awaited({"intake": None, "search": "not_found"}) is None


def test_a_bureaus_file_replaces_a_whole_kind(tmp_path: Path) -> None:
    own = LOST_PROPERTY.replace("lost_property", "criminal").replace("visible_within = 2\n", "")
    kinds = kinds_from(tmp_path, own)
    assert list(kinds) == ["criminal", "administrative"]
    assert kinds["criminal"].name.zh == "遗失物品"
    assert kinds["criminal"].visible_within == 5
    assert kinds.by_register("刑事") is None
    assert kinds["administrative"] == ADMINISTRATIVE


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert dict(kinds_from(tmp_path, "")) == dict(SHIPPED)


@pytest.mark.parametrize(
    ("old", "new", "table", "key"),
    [
        # unknown and missing keys
        ("visible_within", "visible_in", "lost_property", "visible_in"),
        ("visible_within = 2", 'code = "x"', "lost_property", "code"),
        ("counted_from", "counted", f"{SEARCH}.clock", "counted"),
        ("days = 10", "# days = 10", f"{SEARCH}.clock", "days"),
        ('step = "search"', "", SEARCH, "step"),
        ('follows = "intake"', "", SEARCH, "follows"),
        ('expected = { zh = "查找的结果", en = "result of the search" }', "", SEARCH, "expected"),
        ("title = {", "heading = {", "lost_property.paper", "heading"),
        # texts
        (', en = "Search"', "", f"{SEARCH}.name", "en"),
        ('zh = "找到", ', "", f"{SEARCH}.outcomes[1].name", "zh"),
        ('en = "Search"', 'en = " "', f"{SEARCH}.name", "en"),
        ('en = "Search"', 'en = "Search", fr = "Recherche"', f"{SEARCH}.name", "fr"),
        ('{ zh = "查找", en = "Search" }', '"查找"', f"{SEARCH}.name", "name"),
        # placeholders
        ("最迟 {day} 提出", "最迟五日提出", f"{REMEDY}.text", "zh"),
        ("by {day}", "by {date}", f"{REMEDY}.text", "en"),
        ("by {day}", "by {day} or {}", f"{REMEDY}.text", "en"),
        ("by {day}", "by {day:x}", f"{REMEDY}.text", "en"),
        ("by {day}", "by {day", f"{REMEDY}.text", "en"),
        ("within 5 days", "by {day}", f"{REMEDY}.text_undated", "en"),
        # types
        ("days = 10", 'days = "10"', f"{SEARCH}.clock", "days"),
        ("days = 10", "days = true", f"{SEARCH}.clock", "days"),
        ("days = 10", "days = 10.0", f"{SEARCH}.clock", "days"),
        ("days = 10", "days = -1", f"{SEARCH}.clock", "days"),
        ("days = 10", "days = 99999999", f"{SEARCH}.clock", "days"),
        ("extensions = [20]", "extensions = 20", f"{SEARCH}.clock", "extensions"),
        ("extensions = [20]", "extensions = [20, -30]", f"{SEARCH}.clock", "extensions[2]"),
        ("visible_within = 2", "visible_within = -2", "lost_property", "visible_within"),
        ("ends = true", 'ends = "yes"', f"{SEARCH}.outcomes[2]", "ends"),
        ('register = ["已找到"]', "register = [7]", f"{SEARCH}.outcomes[1]", "register[1]"),
        ('roles = ["complainant"]', 'roles = ["officer"]', REMEDY, "roles[1]"),
        ("days = 5", "days = -5", REMEDY, "days"),
        ('step = "search"', 'step = "查找"', SEARCH, "step"),
        ("\n[lost_property]", "passport = 1\n[lost_property]", "passport", "passport"),
        ("\n[lost_property]", "[Passport]\n[lost_property]", "Passport", "Passport"),
        # steps and outcomes that are not there, or not yet
        ('step = "intake"', 'step = "start"', INTAKE, "step"),
        ('step = "intake"', 'step = "intake"\nfollows = "search"', INTAKE, "follows"),
        ('follows = "search"', 'follows = "found"', RETURN, "follows"),
        ('follows = "intake"', 'follows = "return"', SEARCH, "follows"),
        ('counted_from = "intake"', 'counted_from = "taken_in"', f"{SEARCH}.clock", "counted_from"),
        ('counted_from = "intake"', 'counted_from = "search"', f"{SEARCH}.clock", "counted_from"),
        ('only_after = "found"', 'only_after = "lost"', RETURN, "only_after"),
        ('after = "search"', 'after = "hunt"', REMEDY, "after"),
        ('outcome = "not_found"', 'outcome = "gone"', REMEDY, "outcome"),
        ('counted_from = "search"', 'counted_from = "hunt"', REMEDY, "counted_from"),
        # an extension written as an addition
        ("extensions = [20]", "extensions = [10]", f"{SEARCH}.clock", "extensions"),
        # what is there twice
        ('step = "return"', 'step = "search"', RETURN, "step"),
        ('code = "not_found"', 'code = "found"', f"{SEARCH}.outcomes[2]", "code"),
        ('zh = "未找到"', 'zh = "已找到"', f"{SEARCH}.outcomes[2]", "name"),
        ('register = ["失物招领"]', 'register = ["刑事案件"]', "lost_property", "register"),
        ('zh = "遗失物品"', 'zh = "行政"', "lost_property", "name"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_named_by_file_table_and_key(
    tmp_path: Path, old: str, new: str, table: str, key: str
) -> None:
    assert old in LOST_PROPERTY
    with pytest.raises(ConfigError) as refusal:
        kinds_from(tmp_path, LOST_PROPERTY.replace(old, new, 1))
    assert f"own.toml, table [{table}], key {key}: " in refusal.value.text.en
    assert f"own.toml，表 [{table}]，键 {key}：" in refusal.value.text.zh


def test_a_remedy_named_twice_is_refused(tmp_path: Path) -> None:
    start = LOST_PROPERTY.index("[[lost_property.remedies]]")
    remedy = LOST_PROPERTY[start : LOST_PROPERTY.index("[lost_property.paper]")]
    with pytest.raises(ConfigError, match=r"table \[lost_property\.remedies\[2\]\], key code: "):
        kinds_from(tmp_path, LOST_PROPERTY + remedy)


def test_a_kind_without_milestones_or_paper_is_refused(tmp_path: Path) -> None:
    name = '[a]\nname = { zh = "甲", en = "A" }\n'
    with pytest.raises(ConfigError, match=r"table \[a\], key milestones: .* missing"):
        kinds_from(tmp_path, name)
    paper = LOST_PROPERTY[LOST_PROPERTY.index("[lost_property.paper]") :]
    with pytest.raises(ConfigError, match=r"table \[a\.milestones\[1\]\], key step: .* intake"):
        kinds_from(tmp_path, f"{name}milestones = []\n{paper.replace('lost_property', 'a')}")


def test_a_kind_that_is_there_twice_is_refused_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"own\.toml is not valid TOML: .*line \d+"):
        kinds_from(tmp_path, LOST_PROPERTY + "\n[lost_property]\n")


def test_a_file_that_is_no_toml_is_refused_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"own\.toml is not valid TOML: .*line 3"):
        kinds_from(tmp_path, "\n[passport]\nname = 护照\n")


def test_a_file_that_is_missing_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read"):
        load_kinds(tmp_path / "nowhere.toml")
