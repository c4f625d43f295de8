"""The words of text messages. They never name the case or what it is about: whoever holds the
phone may read them."""

import re
from collections.abc import Mapping
from pathlib import Path

from lookup.language import Language, Text
from lookup.toml_tables import read_toml

_WORDS = {
    name: Text(**said) for name, said in read_toml(Path(__file__).with_suffix(".toml")).items()
}
_MOST = 2
_LONGEST_UNIT = 30
# Landlines get no texts, nor numbers of other countries.
MOBILE = re.compile(r"1[3-9][0-9]{9}")
# What GSM 03.38 carries in one unit; any other character makes the whole text UCS-2.
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_NEWS = ("news", "news_plain")
# The fullest wording first; what follows is for a bureau with a long name.
_WORDINGS = {
    "milestone": _NEWS,
    "question": ("question", "question_plain"),
    "answered": ("answered", "answered_plain"),
}
TEMPLATES = ("milestone", "question", "answered", "callback")


def compose(template: str, language: Language, bureau: str, site: str, said: Text | None) -> str:
    """A text of at most two segments: the bureau first, how to end texts last.

    ``said`` is what happened, None where the kind has no words for it; ``site`` the host of the
    status page.
    """
    end = _WORDS["end"].said_in(language)
    name, close = (f"【{bureau}】", "】") if language == "zh" else (f"[{bureau}] ", "] ")
    for wording in _WORDINGS.get(template, (template,)):
        told = said if said and wording in _NEWS else _WORDS["something"]
        body = _WORDS[wording].fill(said=told, site=site).said_in(language)
        if segments(f"{name}{body}{end}") <= _MOST:
            return f"{name}{body}{end}"
    return _fitted(name[0], bureau, f"{close}{body}{end}")


def compose_duty(bureau: str, unit: str, told: Mapping[str, int | Text]) -> str:
    """The text to a unit's duty phone, of at most two segments: counts, and nothing else."""
    body = _WORDS["duty"].fill(unit=unit[:_LONGEST_UNIT], **told).zh
    return _fitted("【", bureau, f"】{body}")


def _fitted(opening: str, bureau: str, rest: str) -> str:
    cut = (f"{opening}{bureau[:room]}{rest}" for room in range(len(bureau), 0, -1))
    return next(text for text in cut if segments(text) <= _MOST)


def segments(text: str) -> int:
    """How many messages a text takes on the air."""
    units = len(text.encode("utf-16-le")) // 2
    single, each = (160, 153) if is_gsm(text) else (70, 67)
    return 1 if units <= single else -(-units // each)


def is_gsm(text: str) -> bool:
    """Whether GSM 03.38 can carry a text; any other goes as UCS-2."""
    return _GSM.issuperset(text)
