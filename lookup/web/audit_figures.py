"""How figures are told on the auditor's pages: never by a colour or a sign alone."""

from typing import Any

from lookup.exports import HEADS
from lookup.figures import SHARES, Figures
from lookup.language import Text
from lookup.levels import POINTS
from lookup.web.wording import said

_LEVELS = {f"level_{level}": level for level in POINTS}
_MAIN = (
    *("disclosure_rate", "on_time_rate", "clocks_kept_rate", "lookup_rate", "participation"),
    *("satisfaction", "callbacks_kept_rate", "answers_kept_rate", "sound_rate"),
)
# The columns of a table that are read together.
TABLES: dict[str, tuple[Text, tuple[str, ...]]] = {
    "main": (Text("主要指标", "Main rates"), _MAIN),
    "disclosure": (
        Text("公开与期限", "Disclosure and clocks"),
        (
            *("taken_in", "withheld", "due", "disclosure_rate", "on_time_rate", "backlog"),
            *("clocks_kept_rate", "clocks_extended"),
        ),
    ),
    "service": (
        Text("查询与评价", "Look-ups and ratings"),
        ("lookup_rate", "participation", "satisfaction", *_LEVELS),
    ),
    "callbacks": (
        Text("回访、答复与抽查", "Call-backs, answers, inspections"),
        (
            *("callback_rate", "callbacks_kept_rate", "put_right_rate", "rerating_rate"),
            *("answer_rate", "answers_kept_rate", "sound_rate"),
        ),
    ),
}


def said_head(name: str) -> Text:
    """What a figure is called."""
    return HEADS.get(name) or said("audit_withheld")


def said_share(figures: Figures, name: str) -> Text:
    """A share; a dash where there is nothing to count, words where there are too few ratings."""
    level = _LEVELS.get(name)
    if figures.too_few and (level or name == "satisfaction"):
        return said("audit_too_few")
    share = figures.level_share(level) if level else getattr(figures, name)
    told = "—" if share is None else f"{share:.2%}"
    return Text(told, told)


def parts_of(figures: Figures, name: str) -> tuple[int, int] | None:
    """A share's numerator and denominator; None for what is a mere number."""
    if name in _LEVELS:
        return figures.levels[_LEVELS[name]], figures.ratings
    share = SHARES.get(name)
    return (getattr(figures, share.part), getattr(figures, share.whole)) if share else None


def number_of(figures: Figures, name: str) -> int:
    """What is a mere number."""
    if name == "withheld":
        return figures.taken_in - figures.due
    number: int = getattr(figures, name)
    return number


def said_change(figures: Figures, former: Figures, name: str) -> Text:
    """Where a share stands against the period before, in percentage points as both are printed."""
    now, was = getattr(figures, name), getattr(former, name)
    if now is None or was is None:
        return said("audit_no_former")
    points = round(100 * now, 2) - round(100 * was, 2)
    if not round(points, 2):
        return said("audit_unchanged")
    told = said("audit_risen") if points > 0 else said("audit_fallen")
    return told.fill(points=f"{abs(points):.2f}")


HELPERS: dict[str, Any] = {
    "said_head": said_head,
    "said_share": said_share,
    "parts_of": parts_of,
    "number_of": number_of,
    "said_change": said_change,
}
