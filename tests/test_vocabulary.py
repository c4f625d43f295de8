"""The coded words: known by code, by both languages, and by what registers write."""

import pytest

from lookup.vocabulary import (
    CHANNELS,
    DISCLOSED,
    MEASURES,
    PROPERTY_STATES,
    ROLES,
    WITHHELD_REASONS,
    Words,
)

ALL = [CHANNELS, DISCLOSED, MEASURES, PROPERTY_STATES, ROLES, WITHHELD_REASONS]


@pytest.mark.parametrize("words", ALL)
def test_each_word_is_known_by_its_code_and_in_both_languages(words: Words) -> None:
    assert len(words) == len(set(words))
    for code in words:
        for written in (code, words[code].zh, words[code].en):
            assert words.code_for(written) == code


@pytest.mark.parametrize(
    ("words", "written", "code"),
    [
        (PROPERTY_STATES, "返还", "returned"),
        (PROPERTY_STATES, "随案移送", "transferred"),
        (ROLES, "法定代理人", "guardian"),
        (CHANNELS, "１１０", "110"),
        (DISCLOSED, "不予公开", "no"),
        (DISCLOSED, " Ｙ ", "yes"),
        (WITHHELD_REASONS, "涉及未成年人", "minor"),
        (WITHHELD_REASONS, "\u200bSECRET", "secret"),
        (WITHHELD_REASONS, "领导要求", None),
        (DISCLOSED, "", None),
    ],
)
def test_what_registers_write_is_understood(words: Words, written: str, code: str | None) -> None:
    assert words.code_for(written) == code


def test_the_words_are_listed_for_whoever_must_choose_one() -> None:
    assert MEASURES.listed().zh == "扣押、查封、冻结"
    assert MEASURES.listed().en == "Seized, Sealed, Frozen"
