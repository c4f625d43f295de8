"""What follows from ratings counted by level; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from lookup.levels import BAD

# Below so many, a share would say more than it knows.
FEWEST_RATINGS = 10
_SATISFIED = 3


@dataclass(frozen=True)
class Scores:
    """The number of ratings of each level; shares are fractions, None where they are too few."""

    levels: Mapping[int, int]
    fewest_ratings: int

    @property
    def ratings(self) -> int:
        """All ratings."""
        return sum(self.levels.values())

    @property
    def bad(self) -> int:
        """Ratings of the levels that stand for not satisfied."""
        return sum(n for level, n in self.levels.items() if level in BAD)

    @property
    def satisfied(self) -> int:
        """Ratings of 3 or more."""
        return sum(n for level, n in self.levels.items() if level >= _SATISFIED)

    @property
    def too_few(self) -> bool:
        """Whether there are too few ratings to speak of a rate."""
        return self.ratings < self.fewest_ratings

    @property
    def satisfaction(self) -> float | None:
        """Ratings of 3 or more of all ratings."""
        return None if self.too_few else share(self.satisfied, self.ratings)

    def level_share(self, level: int) -> float | None:
        """Ratings of one level of all ratings."""
        return None if self.too_few else share(self.levels[level], self.ratings)


def share(part: int, whole: int) -> float | None:
    """A fraction, None for 0 / 0."""
    return part / whole if whole else None
