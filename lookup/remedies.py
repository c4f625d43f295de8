"""What a party may do against a decision, and until when."""

from dataclasses import dataclass
from datetime import date

from lookup.clocks import due
from lookup.kinds import Remedy
from lookup.language import Text
from lookup.sentences import said_day, sentence
from lookup.workdays import Calendar

_UNDATED = Text(
    "您如不服，可以申请{name}，办法见下文",
    "if you disagree, you may apply for {name}, as told below",
)
_OPEN = Text(
    "您如不服，可以申请{name}，最迟{day}提出",
    "if you disagree, you may apply for {name} until {day}",
)
_OVER = Text("申请{name}的期限已于{day}届满", "the time to apply for {name} ended on {day}")
_ADVICE = Text(
    "如仍有疑问，可以向办案单位了解，或者通过下面的渠道反映",
    "if you still have questions, ask the handling unit or use the channels below",
)


@dataclass(frozen=True, slots=True)
class Way:
    """A remedy open to the party, or one whose time is over.

    ``said`` tells it in full, ``clause`` as a part of a sentence.
    """

    name: Text
    said: Text
    clause: Text
    basis: Text
    is_over: bool


def way_of(remedy: Remedy, served: date | None, calendar: Calendar, today: date) -> Way:
    """A remedy as it stands; ``served`` is the day it counts from, None while nobody knows it.

    Until then no last day is told, for one guessed from the decision would be wrong.
    """
    name = Text(remedy.name.zh, remedy.name.en.lower())
    if served is None:
        clause = _UNDATED.fill(name=name)
        return Way(remedy.name, remedy.text_undated, clause, remedy.basis, is_over=False)
    last = due(remedy.clock, served, calendar).day
    if today > last:
        clause = _OVER.fill(name=name, day=said_day(last, today.year))
        said = sentence([clause, _ADVICE])
        return Way(remedy.name, said, clause, remedy.basis, is_over=True)
    clause = _OPEN.fill(name=name, day=said_day(last, today.year))
    said = remedy.text.fill(day=said_day(last))
    return Way(remedy.name, said, clause, remedy.basis, is_over=False)
