"""Days and clocks in plain sentences, as the complainant reads them on screen and on paper."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

from lookup.beijing import BEIJING, Moment
from lookup.clocks import Standing, days_left
from lookup.language import Text

_ZH_WEEK = "一二三四五六日"
_EN_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_EN_MONTH = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

_NEXT_BY = Text("接下来：{what}，最迟{day}", "next comes the {what}, by {day} at the latest")
_NEXT_TODAY = Text(
    "接下来：{what}，最迟今天（{day}）", "next comes the {what}, today ({day}) at the latest"
)
_NEXT_SOME_DAY = Text(
    "接下来：{what}，这一步没有固定的期限", "next comes the {what}; no fixed date is set for it"
)
_OVERDUE = Text(
    "{what}最迟应在{day}完成，现已超期{span}", "the {what} was due by {day} and is {span} overdue"
)
_STANDINGS = {
    Standing.RUNNING: Text("还有{span}", "{span} left"),
    Standing.OVERDUE: Text("已超期{span}", "{span} overdue"),
    Standing.KEPT: Text("按期完成", "done in time"),
    Standing.LATE: Text("超期{span}完成", "done {span} late"),
}
_DUE_TODAY = Text("今天到期", "due today")
_SAME_DAY = Text("应在“{name}”的当天完成", "Due at once, on the very day of “{name}”")
_COUNTED = Text(
    "自{start}“{name}”起算，首日不计，第{days}天是{last}",
    "Counted from {start} (“{name}”), that day not included; day {days} is {last}",
)
_MOVED = Text("，逢休息日，顺延至{due}", ", a day off, so it moves to {due}")
_AT_ONCE = Text("（应当天完成）", " (due on the same day)")
_COUNTED_BRIEFLY = Text(
    "（自{start}起算，首日不计，共{days}天）", " ({days} days from {start}, that day not counted)"
)


@lru_cache(maxsize=4096)
def said_day(day: date, year_known: int | None = None, weekday: bool = True) -> Text:
    """2026年11月20日（周五） / Fri 20 Nov 2026; without the year where it is ``year_known``."""
    zh = f"{day.month}月{day.day}日"
    en = f"{day.day} {_EN_MONTH[day.month - 1]}"
    if weekday:
        zh = f"{zh}（周{_ZH_WEEK[day.weekday()]}）"
        en = f"{_EN_WEEK[day.weekday()]} {en}"
    if day.year == year_known:
        return Text(zh, en)
    return Text(f"{day.year}年{zh}", f"{en} {day.year}")


def said_moment(moment: Moment) -> Text:
    """The day, and the time in Beijing where it was recorded."""
    day = said_day(moment.day)
    if moment.at is None:
        return day
    time = moment.at.astimezone(BEIJING).strftime("%H:%M")
    return Text(f"{day.zh}{time}", f"{day.en}, {time}")


def sentence(clauses: Sequence[Text]) -> Text:
    """One sentence out of clauses."""
    en = "; ".join(clause.en for clause in clauses)
    return Text("；".join(clause.zh for clause in clauses) + "。", f"{en[:1].upper()}{en[1:]}.")


def beside(first: Text, second: Text) -> Text:
    """Two pieces of text as one."""
    return Text(first.zh + second.zh, first.en + second.en)


def next_clause(what: Text, due_day: date | None, today: date) -> Text:
    """What is awaited and by when, or by how many days it is overdue."""
    if due_day is None:
        return _NEXT_SOME_DAY.fill(what=what)
    left = days_left(due_day, today)
    pattern = _OVERDUE if left < 0 else _NEXT_BY if left else _NEXT_TODAY
    return pattern.fill(what=what, day=said_day(due_day, today.year), span=_span(left))


def standing_line(standing: Standing, due_day: date, ended: date) -> Text:
    """How a clock stands; ``ended`` is the day it was decided, or today while it runs."""
    if standing is Standing.RUNNING and ended == due_day:
        return _DUE_TODAY
    return _STANDINGS[standing].fill(span=_span(days_left(due_day, ended)))


def counting_rule(name: Text, start: date, days: int, due_day: date) -> Text:
    """From when and how a due day was counted, so that the reader can count along.

    ``name`` is that of the milestone it counts from.
    """
    if days == 0:
        return _SAME_DAY.fill(name=name)
    last = start + timedelta(days)
    known = start.year
    said = _COUNTED.fill(start=said_day(start), name=name, days=days, last=said_day(last, known))
    if last == due_day:
        return said
    return beside(said, _MOVED.fill(due=said_day(due_day, known)))


def counting_brief(start: date, days: int, year_known: int | None) -> Text:
    """The same in a few words, to stand in brackets behind a due day."""
    if days == 0:
        return _AT_ONCE
    day = said_day(start, year_known, weekday=False)
    return _COUNTED_BRIEFLY.fill(start=day, days=days)


def _span(days: int) -> Text:
    days = abs(days)
    return Text(f"{days}天", "1 day" if days == 1 else f"{days} days")
