"""Cases handed in by somebody who may speak for some units only."""

from collections.abc import Iterable

from lookup.cases import Files, OnFile
from lookup.database import Database
from lookup.errors import Conflict, Refused


class FilesWithin(Files):
    """The cases on file, which must be within reach; ``take`` raises Conflict.

    ``reach`` are the codes of units, None for all.
    """

    def __init__(self, db: Database, numbers: Iterable[str], reach: frozenset[str] | None) -> None:
        super().__init__(db, numbers)
        self._reach = reach

    def take(self, number: str) -> OnFile | None:
        """The case of a number as it now is, None where there is none."""
        kept = super().take(number)
        if kept and self._reach is not None and kept.case["unit"] not in self._reach:
            raise Conflict(*out_of_reach("number", number).text)
        return kept


def out_of_reach(name: str, value: str) -> Refused:
    """The refusal of a unit or a case number that belongs to a unit out of reach."""
    return Refused(
        name,
        value,
        f"“{value}”属于管辖范围以外的单位，请核对。",
        f"“{value}” belongs to a unit out of your reach; please check.",
    )
