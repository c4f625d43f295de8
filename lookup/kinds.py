"""Kinds of case are data: milestones, clocks, outcomes, remedies and the wording of the paper.

kinds.toml ships with the program; the bureau's own file adds kinds or replaces whole ones. What
has happened in a case is accepted in any order and with gaps; a kind says what is expected.
"""

import unicodedata
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

from lookup.clocks import Clock
from lookup.language import Text
from lookup.toml_tables import Code, Place, TextWithDay, read_code, read_table, read_toml

SHIPPED = Path(__file__).with_name("kinds.toml")
FIRST_STEP = "intake"

Role = Literal["complainant", "victim", "guardian"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a milestone came to; ``register`` are the words that registers use for it.

    ``ends``: no later milestone is to be expected. ``said`` tells the complainant that it came,
    on {day}, and ``next`` what follows.
    """

    code: Code
    name: Text
    register: tuple[str, ...] = ()
    ends: bool = False
    said: TextWithDay | None = None
    next: Text | None = None


@dataclass(frozen=True, slots=True)
class Milestone:
    """A step in the life of a kind.

    ``expected`` is the phrase for it while it is awaited ("decision whether to file a case"),
    ``said`` tells the complainant that it was reached, on {day}, ``next`` what comes after it;
    an outcome's own words go before these. ``text`` is what a text message says of it, which must
    tell nobody what the case is about, nor how it ended. An optional milestone is never awaited.
    Each but the first ``follows`` an earlier step, ``only_after`` one of its outcomes if named.
    """

    step: Code
    name: Text
    optional: bool = False
    follows: str | None = None
    only_after: str | None = None
    clock: Clock | None = None
    outcomes: tuple[Outcome, ...] = ()
    expected: Text | None = None
    said: TextWithDay | None = None
    next: Text | None = None
    text: TextWithDay | None = None

    def may_follow(self, reached: Mapping[str, str | None]) -> bool:
        """Whether the step it follows has happened, with the outcome it needs.

        ``reached`` maps each step that has happened to its outcome's code, None where there is
        none.
        """
        if self.follows is None:
            return True
        if self.only_after is None:
            return self.follows in reached
        return reached.get(self.follows) == self.only_after


@dataclass(frozen=True, slots=True)
class Remedy:
    """What a party in one of the ``roles`` may do against an outcome of the step ``after``.

    ``text`` takes the last day as {day}; ``text_undated`` is said until the step
    ``counted_from`` has happened, for then nobody knows that day.
    """

    code: Code
    name: Text
    after: str
    outcome: str
    days: int
    counted_from: str
    roles: tuple[Role, ...]
    text: TextWithDay
    text_undated: Text
    basis: Text

    @property
    def clock(self) -> Clock:
        """Its time as a clock: both are counted by the same rule."""
        return Clock(self.days, self.counted_from, self.basis)


@dataclass(frozen=True, slots=True)
class Paper:
    """The wording of the paper handed over: what it confirms, how to follow, how to complain."""

    title: Text
    statement: Text
    query: Text
    complain: Text


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of case. Its milestones stand in their order, the first of them the intake.

    ``visible_within``: working days in which a milestone must be shown to the complainant.
    """

    code: Code
    name: Text
    milestones: tuple[Milestone, ...]
    paper: Paper
    register: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    visible_within: int = 5
    _order: dict[str, int] = field(init=False, repr=False, compare=False)
    _outcomes: dict[tuple[str, str], Outcome] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        order = {m.step: n for n, m in enumerate(self.milestones)}
        outcomes = {(m.step, w): o for m in self.milestones for o in m.outcomes for w in _words(o)}
        object.__setattr__(self, "_order", order)
        object.__setattr__(self, "_outcomes", outcomes)

    def has_step(self, step: str) -> bool:
        """Whether the kind knows the step."""
        return step in self._order

    def order_of(self, step: str) -> int:
        """The place of a step in the kind's life, from 0; KeyError where there is no such step."""
        return self._order[step]

    def milestone(self, step: str) -> Milestone:
        """The milestone of a step; KeyError where there is no such step."""
        return self.milestones[self._order[step]]

    def outcome_named(self, step: str, written: str) -> Outcome | None:
        """The step's outcome by its code, Chinese name or a register's word; None if unknown."""
        return self._outcomes.get((step, folded(written)))

    def clocks(self) -> Iterator[tuple[Milestone, Clock]]:
        """The milestones that have a clock, each with it."""
        return ((m, m.clock) for m in self.milestones if m.clock)

    def remedies_after(self, step: str, outcome: str | None) -> tuple[Remedy, ...]:
        """The remedies against the outcome (its code) of a step."""
        return tuple(r for r in self.remedies if (r.after, r.outcome) == (step, outcome))

    def has_ended(self, reached: Mapping[str, str | None]) -> bool:
        """Whether an outcome was reached after which nothing more is to be expected."""
        outcomes = (self.outcome_named(step, code) for step, code in reached.items() if code)
        return any(outcome.ends for outcome in outcomes if outcome)

    def is_over(self, reached: Mapping[str, str | None]) -> bool:
        """Whether it has ended: by such an outcome, or by the last step that every case awaits."""
        last = [one.step for one in self.milestones if not one.optional][-1:]
        return self.has_ended(reached) or reached.keys() >= set(last)

    def awaited(self, reached: Mapping[str, str | None]) -> Milestone | None:
        """The next milestone to be expected, None when there is none any more.

        ``reached`` maps each step that has happened to its outcome's code, None where a register
        gave a date alone. A step that was passed over is not expected any more.
        """
        if self.has_ended(reached):
            return None
        required = [n for n, m in enumerate(self.milestones) if not m.optional]
        last = max((n for n in required if self.milestones[n].step in reached), default=-1)
        later = (self.milestones[n] for n in required if n > last)
        return next((m for m in later if m.may_follow(reached)), None)


class Kinds(Mapping[str, Kind]):
    """All kinds of case, by code."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._by_code = {kind.code: kind for kind in kinds}
        self._by_word = {word: kind for kind in self.values() for word in _words(kind)}

    def __getitem__(self, code: str) -> Kind:
        return self._by_code[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_code)

    def __len__(self) -> int:
        return len(self._by_code)

    def by_register(self, word: str) -> Kind | None:
        """The kind by its code, Chinese name or a register's word for it; None if unknown."""
        return self._by_word.get(folded(word))


@lru_cache(maxsize=4096)
def folded(written: str) -> str:
    """A word in the form in which words are compared: NFKC, stripped, case-folded."""
    return unicodedata.normalize("NFKC", written).strip().casefold()


def _words(named: Kind | Outcome) -> dict[str, str]:
    """The words something goes by, folded, each with the key it stands under."""
    register = {folded(word): "register" for word in named.register}
    return register | {folded(named.name.zh): "name", folded(named.code): "code"}


def load_kinds(path: Path | None) -> Kinds:
    """The shipped kinds, and those of the bureau's own file, which add or replace whole ones.

    Raises ConfigError naming file, table and key where a file holds a mistake; the items of a
    list are numbered from 1, as in ``criminal.milestones[2].clock``.
    """
    shipped, own = _read_kinds(SHIPPED), _read_kinds(path) if path else {}
    kept = {code: placed for code, placed in shipped.items() if code not in own}
    # The own file last, so that a word used twice is called its mistake.
    _check_words([*kept.values(), *own.values()])
    return Kinds(kind for kind, _ in (shipped | own).values())


def _read_kinds(file: Path) -> dict[str, tuple[Kind, Place]]:
    kinds = {}
    for code, table in read_toml(file).items():
        place = Place(file, code)
        kind = read_table(Kind, table, place, code=read_code(code, place, code))
        _check_milestones(kind.milestones, place)
        _check_remedies(kind, place)
        kinds[code] = (kind, place)
    return kinds


def _check_milestones(milestones: tuple[Milestone, ...], kind: Place) -> None:
    if not milestones or milestones[0].step != FIRST_STEP:
        raise kind.inside("milestones[1]").mistake(
            "step", f"第一个节点须为 {FIRST_STEP}。", f"the first milestone must be {FIRST_STEP}."
        )
    earlier: dict[str, Milestone] = {}
    for n, milestone in enumerate(milestones, 1):
        place = kind.inside(f"milestones[{n}]")
        _check_new(milestone.step, earlier, place, "step")
        _check_order(milestone, earlier, place)
        _check_clock(milestone.clock, earlier, place.inside("clock"))
        outcomes = enumerate(milestone.outcomes, 1)
        _check_words([(o, place.inside(f"outcomes[{i}]")) for i, o in outcomes])
        earlier[milestone.step] = milestone


def _check_order(milestone: Milestone, earlier: Mapping[str, Milestone], place: Place) -> None:
    if earlier and milestone.follows is None:
        raise place.missing("follows")
    if earlier and not milestone.optional and milestone.expected is None:
        raise place.missing("expected")
    if milestone.follows is not None:
        _check_step(milestone.follows, earlier, place, "follows")
    if milestone.only_after is not None:
        before = earlier.get(milestone.follows or "")
        _check_outcome(milestone.only_after, before, place, "only_after")


def _check_clock(clock: Clock | None, earlier: Mapping[str, Milestone], place: Place) -> None:
    if clock is None:
        return
    _check_step(clock.counted_from, earlier, place, "counted_from")
    if any(total <= clock.days for total in clock.extensions):
        raise place.mistake(
            "extensions",
            "延长后的天数从起算日总计，须大于 days。",
            "extensions are totals from the start, so each must be more than days.",
        )


def _check_remedies(kind: Kind, place: Place) -> None:
    steps = {m.step: m for m in kind.milestones}
    codes: set[str] = set()
    for n, remedy in enumerate(kind.remedies, 1):
        where = place.inside(f"remedies[{n}]")
        _check_new(remedy.code, codes, where, "code")
        _check_step(remedy.after, steps, where, "after")
        _check_outcome(remedy.outcome, steps[remedy.after], where, "outcome")
        _check_step(remedy.counted_from, steps, where, "counted_from")
        codes.add(remedy.code)


def _check_new(code: str, taken: Container[str], place: Place, key: str) -> None:
    if code in taken:
        raise place.mistake(key, f"{code} 重复。", f"{code} is there twice.")


def _check_step(step: str, known: Container[str], place: Place, key: str) -> None:
    if step not in known:
        raise place.mistake(key, f"此前没有节点 {step}。", f"there is no step {step} before it.")


def _check_outcome(code: str, of: Milestone | None, place: Place, key: str) -> None:
    if of is None or code not in {outcome.code for outcome in of.outcomes}:
        raise place.mistake(
            key, f"该节点没有结果 {code}。", f"the step it follows has no outcome {code}."
        )


def _check_words(placed: Iterable[tuple[Kind | Outcome, Place]]) -> None:
    taken: dict[str, Kind | Outcome] = {}
    for named, place in placed:
        for word, key in _words(named).items():
            owner = taken.setdefault(word, named)
            if owner is not named:
                raise place.mistake(
                    key,
                    f"“{word}”已属于 {owner.code}。",
                    f"“{word}” belongs to {owner.code} already.",
                )
