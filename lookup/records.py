"""A case as it is handed in, by a register, the API or the desk; and the order it must keep."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lookup.beijing import BEIJING, Moment
from lookup.errors import Refused
from lookup.kinds import Kind
from lookup.language import Text, plain

INTAKE = "intake"
REPORTED = "reported"
BY_HAND = "desk"
BY_UPLOAD = "upload"  # a register that a person at a desk handed in
_BRACKETS = str.maketrans("〔[【〕]】", "((()))")
# As the columns of registers call them.
_TIMES = {REPORTED: Text("报案", "Reported"), INTAKE: Text("受案", "Taken in")}
_LONGEST_QUOTE = 40
_BETWEEN_SIGNS = re.compile("[^，：；！？（）]+")


@dataclass(frozen=True)
class PartyRecord:
    """A person with the right to follow the case; blank fields were not told."""

    role: str
    name: str
    phone: str = ""
    id_last4: str = ""


@dataclass(frozen=True)
class MilestoneRecord:
    """A step that has happened (``moment``), or only an extension of its clock."""

    step: str
    moment: Moment | None
    outcome: str = ""
    extended_days: int | None = None
    approved_by: str = ""


@dataclass(frozen=True)
class PropertyRecord:
    """One seized, sealed or frozen thing."""

    name: str
    quantity: str
    unit: str
    measure: str
    status: str
    place: str = ""


@dataclass(frozen=True)
class CaseRecord:
    """A whole case as handed in; ``warnings`` are values that were left out, and why.

    ``withheld_reason`` is empty for a disclosed case and None where nothing was said of it.
    ``tells`` are the steps that the hand-in has a place for, None for all.
    """

    number: str
    kind: Kind
    unit: str
    name: str
    officer: str
    badge: str
    channel: str
    reported: Moment | None
    intake: Moment
    parties: tuple[PartyRecord, ...]
    milestones: tuple[MilestoneRecord, ...]
    seized: tuple[PropertyRecord, ...]
    withheld_reason: str | None
    remark: str
    tells: frozenset[str] | None = None
    warnings: tuple[Refused, ...] = ()


class CaseRefused(ExceptionGroup[Refused]):
    """All that is wrong with a case handed in, one Refused for each field."""

    def refusals(self) -> list[Refused]:
        """What is wrong, in the order in which it was found."""
        return [one for one in self.exceptions if isinstance(one, Refused)]


@dataclass
class Hand:
    """What of a case staff entered by hand: it stands against the case system's word.

    ``fields`` are named as in the API's body, but those of a person by his id; ``writes`` is
    whether this hand-in is by hand too.
    ``warnings`` are the values of the case system that were left out for it, ``why`` the reason
    that staff gave for what they change.
    """

    writes: bool
    fields: set[str] = field(default_factory=set)
    warnings: list[Refused] = field(default_factory=list)
    why: str = ""

    def stands(self, name: str, was: str | Text, told: str | Text, key: str = "") -> bool:
        """Whether the value on file stays where another one is told; ``key`` where several things
        have a field of that name."""
        key = key or name
        if self.writes:
            self.fields.add(key)
            return False
        if key in self.fields:
            self.warn(name, was, told)
        return key in self.fields

    def warn(self, name: str, was: str | Text, told: str | Text) -> None:
        """Say that a value was left out."""
        was, told = (v if isinstance(v, Text) else Text(*[quoted(v)] * 2) for v in (was, told))
        said = Text(
            "民警已手工填写“{was}”，未被“{told}”覆盖。",
            "Staff entered “{was}” by hand; it was not replaced by “{told}”.",
        ).fill(was=was, told=told)
        self.warnings.append(Refused(name, told.zh, said.zh, said.en))


def quoted(written: str) -> str:
    """As much of a value as a sentence can bear."""
    return written if len(written) <= _LONGEST_QUOTE else written[:_LONGEST_QUOTE] + "…"


def prose(written: str) -> str:
    """Free text for people to read: plain, but with the punctuation of Chinese."""
    return _BETWEEN_SIGNS.sub(lambda part: plain(part[0]), written).strip()


def number_key(written: str) -> str:
    """A case number without what people change in copying it: width, case, spaces, brackets."""
    return plain(written).replace(" ", "").upper().translate(_BRACKETS)


def agrees(told: Moment, kept: Moment) -> bool:
    """Whether a moment says nothing else than another; a bare day agrees with any time of it."""
    return told.day == kept.day and told.at in (None, kept.at)


def disorder(kind: Kind, moments: Mapping[str, Moment]) -> Iterator[Refused]:
    """A refusal for each milestone that lies before the nearest recorded one that it follows.

    ``moments`` are those of the steps reached; reporting counts as the step before intake.
    """
    for step, moment in moments.items():
        earlier = _nearest_before(kind, step, moments)
        if earlier is not None and moment.is_before(moments[earlier]):
            late, early = _name_of(kind, step), _name_of(kind, earlier)
            before = said_moment(moments[earlier])
            yield Refused(
                "taken_in_at" if step == INTAKE else f"milestones.{step}.at",
                said_moment(moment),
                f"{late.zh}时间早于{early.zh}时间（{before}），请核对。",
                f"“{late.en}” is dated before “{early.en}” ({before}); please check.",
            )


def _nearest_before(kind: Kind, step: str, moments: Mapping[str, Moment]) -> str | None:
    if step == INTAKE:
        return REPORTED if REPORTED in moments else None
    followed = kind.milestone(step).follows if kind.has_step(step) else None
    while followed is not None and followed not in moments:
        followed = kind.milestone(followed).follows
    return followed


def _name_of(kind: Kind, step: str) -> Text:
    return _TIMES.get(step) or kind.milestone(step).name


def said_moment(moment: Moment) -> str:
    """A moment as staff write it, in Beijing time."""
    if moment.at is None:
        return moment.day_text
    return moment.at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
