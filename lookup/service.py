"""What a bureau promises to those who rate and write: service.toml, or a file of its own."""

from dataclasses import dataclass
from pathlib import Path

from lookup.language import Text
from lookup.toml_tables import Code, Place, read_table, read_toml

SHIPPED = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True)
class Category:
    """What a comment may be. ``days`` are working days until the answer, 0 where none is owed.

    ``goes_above``: the unit above the handling one answers, for the matter is that unit itself.
    ``others_answer``: never the officer in charge of the case himself.
    """

    code: Code
    name: Text
    days: int
    goes_above: bool = False
    others_answer: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """What may have been wrong when somebody was not satisfied."""

    code: Code
    name: Text


@dataclass(frozen=True, slots=True)
class Callbacks:
    """``days``: working days until a bad rating is put right. ``attempts``: so many calls on
    different days before somebody counts as not to be reached. ``sample_percent``: how many of a
    hundred closed cases are called back, by the level of their unit: the bureau's first."""

    days: int
    attempts: int
    sample_percent: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """``a_day``: texts to one number in a day. ``fresh_days``: a milestone that happened longer
    ago is no news. ``question_days``: after so many, a question that was not answered has lapsed
    and the next one may be asked."""

    a_day: int
    fresh_days: int
    question_days: int


@dataclass(frozen=True, slots=True)
class Service:
    """All of it; the categories and problems stand in the order in which they are offered."""

    callbacks: Callbacks
    texts: Texts
    categories: tuple[Category, ...]
    problems: tuple[Problem, ...]

    def category(self, code: str) -> Category | None:
        """The category of a code, None where it is no longer offered."""
        return next((one for one in self.categories if one.code == code), None)

    def category_name(self, code: str) -> Text:
        """How a category is called, also one that is no longer offered."""
        category = self.category(code)
        return category.name if category else Text(code, code)

    def problem_name(self, code: str) -> Text:
        """How a problem is called, also one that is no longer offered."""
        return next((one.name for one in self.problems if one.code == code), Text(code, code))


def load_service(path: Path | None) -> Service:
    """The promises of the bureau's own file, else those shipped; raises ConfigError."""
    file = path or SHIPPED
    service: Service = read_table(Service, read_toml(file), Place(file, "service"))
    if not service.categories:
        raise Place(file, "service").missing("categories")
    return service
