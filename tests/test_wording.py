"""The pages' words: every one is used, and every one is there in both languages."""

import re
from pathlib import Path
from string import Formatter

import pytest

from lookup.language import LANGUAGES
from lookup.toml_tables import read_toml
from lookup.web.wording import WORDS_FILES, said

ROOT = Path(__file__).resolve().parent.parent
READ = [read_toml(file) for file in WORDS_FILES]
WORDS = {key: text for words in READ for key, text in words.items()}
# errors.py puts these names together from the kind of error and what is said of it.
COMPOSED = {
    f"{name}_{part}"
    for name in ("missing", "method", "large", "fault", "refused", "storage")
    for part in ("title", "text")
} | {"not_saved_title", "busy_title"}


def _used() -> set[str]:
    templates = "".join(path.read_text("utf-8") for path in (ROOT / "templates").glob("*.html"))
    code = "".join(path.read_text("utf-8") for path in (ROOT / "lookup/web").glob("*.py"))
    spoken = re.findall(r'\b(?:said\(|message\(\d+, )"(\w+)"', code)
    return set(re.findall(r"\bw\.(\w+)", templates)) | set(spoken)


def test_no_word_is_there_twice() -> None:
    assert sum(map(len, READ)) == len(WORDS)


def test_the_pages_use_exactly_the_words_there_are() -> None:
    assert _used() | COMPOSED == set(WORDS)


@pytest.mark.parametrize("key", WORDS)
def test_each_word_is_said_in_both_languages_with_the_same_places_to_fill(key: str) -> None:
    assert set(WORDS[key]) == set(LANGUAGES)
    assert all(text.strip() for text in said(key))
    zh, en = ({name for _, name, _, _ in Formatter().parse(text) if name} for text in said(key))
    assert zh == en
