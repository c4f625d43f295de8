"""A case's clocks in words: the last day, how it stands, and how anybody can count it again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from lookup.clocks import Standing, days_left, standing
from lookup.database import Record
from lookup.language import Text
from lookup.sentences import beside, said_day, said_span, said_weekday

_NEXT_SOME_DAY = Text(
    "接下来：{what}，这一步没有固定的期限", "next comes the {what}; no fixed date is set for it"
)
_NEXT_BY = Text("接下来：{what}，最迟{day}", "next comes the {what}, at the latest by {day}")
_NEXT_TODAY = Text(
    "接下来：{what}，最迟今天，{day}", "next comes the {what}, at the latest today, {day}"
)
_OVERDUE = Text(
    "{what}最迟应在{day}完成，现已超期{span}", "the {what} was due by {day} and is {span} overdue"
)
_PLAIN_SOME_DAY = Text("{what}（没有固定的期限）", "The {what} (no fixed date is set for it)")
_PLAIN_BY = Text("{what}，最迟{day}", "The {what}, at the latest by {day}")

_STANDINGS = {
    Standing.RUNNING: Text("还有{span}", "{span} left"),
    Standing.OVERDUE: Text("已超期{span}", "{span} overdue"),
    Standing.KEPT: Text("按期完成", "done in time"),
    Standing.LATE: Text("超期{span}完成", "done {span} late"),
}
_DUE_TODAY = Text("今天到期", "due today")
_AT_ONCE = Text("应在“{name}”的当天完成", "Due at once, on the very day of “{name}”")
_COUNTED = Text(
    "自{start}“{name}”起算，首日不计，第{days}天是{last}",
    "Counted from {start} (“{name}”), that day not included; day {days} is {last}",
)
_MOVED = Text("，逢休息日，顺延至{due}", ", a day off, so it moves to {due}")
_BRIEFLY_AT_ONCE = Text("须当天办理", "due on the same day")
_BRIEFLY = Text("自{start}次日起算{days}天", "{days} days, counted from the day after {start}")
_BRIEFLY_EXTENDED = Text(
    "自{start}次日起算，延长后共{days}天",
    "extended to {days} days, counted from the day after {start}",
)
_BRIEFLY_MOVED = Text("，逢休息日顺延", ", moved on from a day off")
_EXTENDED = Text("期限已延长至共{days}天", "Extended to {days} days in all")
_APPROVED = Text("，批准人：{who}", ", approved by {who}")
_PROVISIONAL = Text(
    "暂定日期：当年的放假安排尚未公布，公布后可能变动",
    "Provisional: that year's public holidays are not published yet, so the day may change",
)


@dataclass(frozen=True, slots=True)
class Term:
    """A clock as it was reckoned and kept, and how it stands.

    ``counted_from`` is the name of the milestone that started it, ``notes`` tell of an extension
    and of a day that is provisional, ``basis`` is the source of the rule.
    """

    start_day: date
    days: int
    due_day: date
    extended: bool
    standing: Standing
    standing_said: Text
    counted_from: Text
    notes: tuple[Text, ...]
    basis: Text | None

    @property
    def due(self) -> Text:
        """The last day."""
        return said_day(self.due_day)

    @property
    def rule(self) -> Text:
        """From when and how the last day was counted."""
        if self.days == 0:
            return _AT_ONCE.fill(name=self.counted_from)
        known = self.start_day.year
        said = _COUNTED.fill(
            start=said_day(self.start_day),
            name=self.counted_from,
            days=self.days,
            last=said_day(self._last, known),
        )
        if self._last == self.due_day:
            return said
        return beside(said, _MOVED.fill(due=said_day(self.due_day, known)))

    def due_briefly(self, year_known: int | None = None) -> Text:
        """The last day with the count in brackets; without the years that are known."""
        day = said_day(self.due_day, year_known, weekday=False)
        week, how = said_weekday(self.due_day), self._how_briefly(year_known)
        return Text(f"{day.zh}（{week.zh}，{how.zh}）", f"{week.en} {day.en} ({how.en})")

    def _how_briefly(self, year_known: int | None) -> Text:
        if self.days == 0:
            return _BRIEFLY_AT_ONCE
        start = said_day(self.start_day, year_known, weekday=False)
        how = (_BRIEFLY_EXTENDED if self.extended else _BRIEFLY).fill(start=start, days=self.days)
        return beside(how, _BRIEFLY_MOVED) if self._last < self.due_day else how

    @property
    def _last(self) -> date:
        """The last day before it was moved on from days off."""
        return self.start_day + timedelta(self.days)


def read_term(clock: Record, counted_from: Text, basis: Text | None, today: date) -> Term:
    """The term of a kept clock row, joined with the approver of its extension."""
    start, due_day = (date.fromisoformat(clock[name]) for name in ("start_day", "due_day"))
    decided = date.fromisoformat(clock["decided_day"]) if clock["decided_day"] else None
    stands = standing(due_day, decided, today)
    return Term(
        start_day=start,
        days=clock["days"],
        due_day=due_day,
        extended=bool(clock["extended"]),
        standing=stands,
        standing_said=_standing_said(stands, due_day, decided or today),
        counted_from=counted_from,
        notes=tuple(_notes(clock)),
        basis=basis,
    )


@dataclass(frozen=True, slots=True)
class Promise:
    """A last day that the bureau has set itself, and how it stands."""

    due_day: date
    standing: Standing
    standing_said: Text
    is_provisional: bool

    @property
    def due(self) -> Text:
        """The last day."""
        return said_day(self.due_day)


def read_promise(row: Record, settled: date | None, today: date) -> Promise | None:
    """The promise of a row with ``due_day`` and ``provisional``, kept on the day on which the
    matter was ``settled``; None where it has no last day."""
    if row["due_day"] is None:
        return None
    due_day = date.fromisoformat(row["due_day"])
    stands = standing(due_day, settled, today)
    said = _standing_said(stands, due_day, settled or today)
    return Promise(due_day, stands, said, bool(row["provisional"]))


def next_clause(what: Text, term: Term | None, today: date) -> Text:
    """What is awaited and by when, or by how many days it is overdue; a part of a sentence."""
    if term is None:
        return _NEXT_SOME_DAY.fill(what=what)
    left = days_left(term.due_day, today)
    pattern = _OVERDUE if left < 0 else _NEXT_BY if left else _NEXT_TODAY
    return pattern.fill(what=what, day=term.due_briefly(today.year), span=said_span(abs(left)))


def next_line(what: Text, term: Term | None) -> Text:
    """The same for a paper, which is read on other days: without how it stands today."""
    if term is None:
        return _PLAIN_SOME_DAY.fill(what=what)
    return _PLAIN_BY.fill(what=what, day=term.due_briefly())


def _standing_said(stands: Standing, due_day: date, ended: date) -> Text:
    """``ended`` is the day on which it was decided, or today while it runs."""
    if stands is Standing.RUNNING and ended == due_day:
        return _DUE_TODAY
    return _STANDINGS[stands].fill(span=said_span(abs(days_left(due_day, ended))))


def _notes(clock: Record) -> Iterator[Text]:
    if clock["extended"]:
        extended = _EXTENDED.fill(days=clock["days"])
        who = clock["approved_by"]
        yield beside(extended, _APPROVED.fill(who=who)) if who else extended
    if clock["provisional"]:
        yield _PROVISIONAL
