"""Plain sentences out of days and clauses, as the complainant reads them on screen and paper."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from lookup.beijing import BEIJING, Moment
from lookup.language import Text

_WEEK = (
    Text("周一", "Mon"),
    Text("周二", "Tue"),
    Text("周三", "Wed"),
    Text("周四", "Thu"),
    Text("周五", "Fri"),
    Text("周六", "Sat"),
    Text("周日", "Sun"),
)
_EN_MONTH = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=4096)
def said_day(day: date, year_known: int | None = None, weekday: bool = True) -> Text:
    """2026年11月20日（周五） / Fri 20 Nov 2026; without the year where it is ``year_known``."""
    zh = f"{day.month}月{day.day}日"
    en = f"{day.day} {_EN_MONTH[day.month - 1]}"
    if weekday:
        week = said_weekday(day)
        zh, en = f"{zh}（{week.zh}）", f"{week.en} {en}"
    if day.year == year_known:
        return Text(zh, en)
    return Text(f"{day.year}年{zh}", f"{en} {day.year}")


def said_weekday(day: date) -> Text:
    """周五 / Fri."""
    return _WEEK[day.weekday()]


def said_moment(moment: Moment) -> Text:
    """The day, and the time in Beijing where it was recorded."""
    day = said_day(moment.day)
    if moment.at is None:
        return day
    time = moment.at.astimezone(BEIJING).strftime("%H:%M")
    return Text(f"{day.zh}{time}", f"{day.en}, {time}")


def said_span(days: int) -> Text:
    """A number of days."""
    return Text(f"{days}天", "1 day" if days == 1 else f"{days} days")


def beside(first: Text, second: Text) -> Text:
    """Two pieces of text as one."""
    return Text(first.zh + second.zh, first.en + second.en)


def sentence(clauses: Sequence[Text]) -> Text:
    """One sentence out of clauses."""
    en = "; ".join(clause.en for clause in clauses)
    return Text("；".join(clause.zh for clause in clauses) + "。", f"{en[:1].upper()}{en[1:]}.")
