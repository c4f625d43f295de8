"""Text in the two languages that screen and paper speak, Chinese first."""

import unicodedata
from typing import Literal, NamedTuple

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


class Text(NamedTuple):
    """One sentence or label, said in both languages."""

    zh: str
    en: str

    def said_in(self, language: Language) -> str:
        """The text in one language."""
        return self.zh if language == "zh" else self.en

    def fill(self, **values: "str | int | Text") -> "Text":
        """The text with its ``{placeholders}`` filled, each value in the same language."""

        def one(language: Language) -> str:
            said = {k: v.said_in(language) if isinstance(v, Text) else v for k, v in values.items()}
            return self.said_in(language).format(**said)

        return Text(one("zh"), one("en"))

    def both(self) -> str:
        """Chinese, then English, on one line: for files that either reader may open."""
        return f"{self.zh} / {self.en}"


_INVISIBLE = {"Cc", "Cf", "Cs"}  # not Co: GB18030 keeps rare characters of names there


def plain(written: str) -> str:
    """A value as meant: full-width forms narrowed, controls, invisibles and margins removed."""
    text = unicodedata.normalize("NFKC", written)
    if not text.isprintable():
        text = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in _INVISIBLE)
    return " ".join(text.split())


def width(text: str) -> int:
    """How much room a text takes, in half-width characters: a Chinese one takes two."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide
