"""Text in the two languages that screen and paper speak, Chinese first."""

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
