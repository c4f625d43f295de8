"""The wording of all pages, both languages side by side in the files of words/."""

from pathlib import Path
from types import SimpleNamespace

from lookup.language import LANGUAGES, Language, Text
from lookup.toml_tables import read_toml

WORDS_FILES = sorted(Path(__file__).with_name("words").glob("*.toml"))


def _load() -> dict[Language, SimpleNamespace]:
    words = {key: text for file in WORDS_FILES for key, text in read_toml(file).items()}
    return {
        language: SimpleNamespace(**{key: text[language] for key, text in words.items()})
        for language in LANGUAGES
    }


# Words are reached as attributes: a misspelt one is an error, never an empty place on a page.
WORDS = _load()


def said(key: str) -> Text:
    """The words under a key, in both languages."""
    return Text(*(getattr(WORDS[language], key) for language in LANGUAGES))
