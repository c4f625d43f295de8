"""What a bureau promises to those who rate and write, and its own file for it."""

from pathlib import Path

import pytest

from lookup.errors import ConfigError
from lookup.service import SHIPPED, load_service


def _changed(tmp_path: Path, was: str, now: str) -> Path:
    text = SHIPPED.read_text(encoding="utf-8")
    assert was in text
    file = tmp_path / "service.toml"
    file.write_text(text.replace(was, now), encoding="utf-8")
    return file


def test_the_shipped_deadlines_are_those_promised() -> None:
    service = load_service(None)
    assert {one.code: one.days for one in service.categories} == {
        "inquiry": 2,
        "suggestion": 15,
        "complaint": 15,
        "report": 5,
        "thanks": 0,
    }
    assert [one.code for one in service.categories if one.goes_above] == ["report"]
    assert service.callbacks.days == 15


def test_a_bureaus_own_file_stands_in_place_of_the_shipped_one(tmp_path: Path) -> None:
    service = load_service(_changed(tmp_path, "days = 2\n", "days = 1\n"))
    found = service.category("inquiry")
    assert found
    assert found.days == 1
    assert service.category("no longer offered") is None
    assert service.problem_name("no longer offered").zh == "no longer offered"


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("a_day = 4", "a_day = -1", r"\[service\.texts\], key a_day"),
        ("attempts = 3", "attempts = true", r"\[service\.callbacks\], key attempts"),
        ("days = 2\n", "days = 2\nhours = 3\n", r"key hours: unknown key"),
        ("goes_above = true", 'goes_above = "yes"', r"categories\[4\]\], key goes_above"),
        ('zh = "投诉", en = "Complaint"', 'zh = "投诉"', r"categories\[3\].name\], key en"),
    ],
)
def test_a_mistake_is_named_by_file_table_and_key(
    tmp_path: Path, was: str, now: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load_service(_changed(tmp_path, was, now))
    assert "service.toml" in caught.value.text.en


def test_a_promise_of_nothing_offers_no_category_and_is_refused(tmp_path: Path) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    file = tmp_path / "service.toml"
    file.write_text(
        "categories = []\n"
        + text.partition("[[categories]]")[0]
        + text[text.index("[[problems]]") :]
    )
    with pytest.raises(ConfigError, match="categories"):
        load_service(file)
