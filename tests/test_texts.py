"""The words of texts: short, the bureau first, how to end them last, and no word of the matter."""

from collections.abc import Iterator
from datetime import date

import pytest

from lookup.kinds import Kind, load_kinds
from lookup.language import LANGUAGES, Language, Text
from lookup.sentences import said_day
from lookup.texts import TEMPLATES, compose, segments

KINDS = load_kinds(None)
END = {"zh": "打错请回“打错了”，退订回TD", "en": "Not you? Reply WRONG. Stop: TD"}
BUREAUS = (
    "市局",
    "蓉江市公安局",
    "某某藏族羌族自治州某某蒙古族自治县公安局某某经济技术开发区公安分局",
    "长" * 200,
    "𠮷𡈽县公安局" * 12,
    "Rongjiang Public Security Bureau",
)
SITES = ("d.cn", "daylight.example.cn", f"{'a-long-host-name.' * 13}example.gov.cn")
DAY = said_day(date(2025, 12, 31), 2026, weekday=False)


def told(kind: Kind) -> Iterator[Text | None]:
    """What a kind says of each of its milestones and their outcomes."""
    for milestone in kind.milestones:
        yield milestone.text.fill(day=DAY) if milestone.text else None


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", KINDS)
def test_every_text_takes_two_segments_at_most_whatever_the_bureau_is_called(
    code: str, language: Language
) -> None:
    for said in dict.fromkeys(told(KINDS[code])):
        for template in TEMPLATES:
            for bureau in BUREAUS:
                for site in SITES:
                    text = compose(template, language, bureau, site, said)
                    assert segments(text) <= 2, text
                    assert text[1:].startswith(bureau[:18])
                    assert text[0] == ("【" if language == "zh" else "[")
                    assert ("】" if language == "zh" else "] ") in text
                    assert text.endswith(END[language])
                    assert "{" not in text and "http" not in text


@pytest.mark.parametrize(("language", "site"), [("zh", "daylight.example.cn"), ("en", "d.cn")])
def test_a_usual_name_leaves_room_for_what_happened_and_where_to_look(
    language: Language, site: str
) -> None:
    for kind in KINDS.values():
        for said in told(kind):
            text = compose("milestone", language, "蓉江市公安局", site, said)
            news = said or Text("您的案件有新的进展", "There is news of your case")
            assert news.said_in(language) in text and site in text


def test_a_text_tells_neither_the_outcome_nor_what_only_one_kind_of_case_has() -> None:
    for kind in KINDS.values():
        # What a text says of a milestone, it says of the same milestone of any kind.
        assert {one.step: one.text for one in kind.milestones if one.text} == {
            one.step: one.text for one in KINDS["criminal"].milestones if one.text
        }
        revealing = {"notice", "measure"}  # a refusal, a suspect
        assert all(one.text is None for one in kind.milestones if one.step in revealing)
    # No question and no other text tells what happened.
    happened = Text("您的案件已撤销", "Your case was withdrawn")
    for template in set(TEMPLATES) - {"milestone"}:
        for language in LANGUAGES:
            text = compose(template, language, "蓉江市公安局", "d.cn", happened)
            assert happened.said_in(language) not in text


def test_a_question_names_every_level_that_may_be_replied() -> None:
    for language in LANGUAGES:
        text = compose("question", language, "蓉江市公安局", "daylight.example.cn", None)
        assert all(level in text for level in "12345")
    assert "5非常满意 4满意 3基本满意 2不满意 1非常不满意" in compose(
        "question", "zh", "蓉江市公安局", "daylight.example.cn", None
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("长" * 70, 1),
        ("长" * 71, 2),
        ("长" * 134, 2),
        ("长" * 135, 3),
        ("a" * 70 + "长", 2),
        ("𠮷" * 35, 1),
        ("𠮷" * 36, 2),
        ("👮" * 67, 2),
        ("👮" * 68, 3),
        ("é" * 160, 1),
        ("ê" * 71, 2),
    ],
)
def test_segments_are_counted_as_the_air_takes_them(text: str, parts: int) -> None:
    assert segments(text) == parts
