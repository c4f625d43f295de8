"""The figures over some cases, and the rates that follow from them; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import overload

from lookup.facts import FIGURES, LEVEL_COLUMNS, SUMMED
from lookup.scores import Scores, share


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate of `Figures`, a fraction, None for 0 / 0; of two counts, its numerator and
    denominator."""

    part: str
    whole: str

    @overload
    def __get__(self, figures: None, owner: object = None) -> "Rate": ...
    @overload
    def __get__(self, figures: "Figures", owner: object = None) -> float | None: ...
    def __get__(self, figures: "Figures | None", owner: object = None) -> "Rate | float | None":
        if figures is None:
            return self
        return share(getattr(figures, self.part), getattr(figures, self.whole))


@dataclass(frozen=True)
class Figures(Scores):
    """The counts over a set of cases, and the rates that follow: fractions, None for 0 / 0.

    ``levels`` are those of current ratings.
    """

    taken_in: int
    withheld: Mapping[str, int]
    disclosed: int
    milestones: int
    on_time: int
    backlog: int
    clocks_due: int
    clocks_kept: int
    clocks_extended: int
    looked_up: int
    rated: int
    callbacks: int
    called: int
    callbacks_due: int
    callbacks_kept: int
    callbacks_closed: int
    put_right: int
    rerated: int
    comments: int
    answered: int
    answers_due: int
    answers_kept: int
    inspected: int
    sound: int

    @property
    def due(self) -> int:
        """Cases to be disclosed."""
        return self.taken_in - sum(self.withheld.values())

    # Disclosed of the due cases.
    disclosure_rate = Rate("disclosed", "due")
    # Milestones visible in time of those that happened, without backlog.
    on_time_rate = Rate("on_time", "milestones")
    # Decisions within their clock of the decisions due.
    clocks_kept_rate = Rate("clocks_kept", "clocks_due")
    # Cases looked up, and cases with a rating, of the due cases.
    lookup_rate = Rate("looked_up", "due")
    participation = Rate("rated", "due")
    # Call-backs in which the person was spoken to of those that a bad rating brought about.
    callback_rate = Rate("called", "callbacks")
    # Call-backs closed in time of those closed or overdue.
    callbacks_kept_rate = Rate("callbacks_kept", "callbacks_due")
    # Put right or explained, and rated again afterwards, of those closed.
    put_right_rate = Rate("put_right", "callbacks_closed")
    rerating_rate = Rate("rerated", "callbacks_closed")
    # Comments answered of those that an answer is owed to; in time of those answered or overdue.
    answer_rate = Rate("answered", "comments")
    answers_kept_rate = Rate("answers_kept", "answers_due")
    # Inspected cases without a finding of those inspected.
    sound_rate = Rate("sound", "inspected")


# Every rate by its name; satisfaction, which has a rule of its own, is none of them.
RATES = {name: rate for name, rate in vars(Figures).items() if isinstance(rate, Rate)}
# The counts behind every share that is shown, satisfaction among them.
SHARES = RATES | {"satisfaction": Rate("satisfied", "ratings")}


def figures_from(
    counts: Mapping[str, int], withheld: Mapping[str, int], fewest_ratings: int
) -> Figures:
    """The figures of counts as `facts.FIGURES` names them, of due cases, and the withheld ones."""
    return Figures(
        taken_in=counts["taken_in"] + sum(withheld.values()),
        withheld=dict(sorted(withheld.items())),
        levels={level: counts[name] for name, level in LEVEL_COLUMNS.items()},
        fewest_ratings=fewest_ratings,
        **{name: counts[name] for name in SUMMED},
    )


def counts_of(figures: Figures) -> dict[str, int]:
    """The counts that `figures_from` makes the same figures of."""
    levels = {name: figures.levels[level] for name, level in LEVEL_COLUMNS.items()}
    summed = {name: getattr(figures, name) for name in SUMMED}
    return {"taken_in": figures.due} | summed | levels


def together(parts: Iterable[Figures], fewest_ratings: int) -> Figures:
    """The figures over disjoint sets of cases taken together."""
    counts, withheld = Counter(dict.fromkeys(FIGURES, 0)), Counter[str]()
    for part in parts:
        counts.update(counts_of(part))
        withheld.update(part.withheld)
    return figures_from(counts, withheld, fewest_ratings)
