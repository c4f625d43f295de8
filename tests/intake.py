"""Registers taken in by a bureau, and what can then be seen of its cases."""

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lookup.beijing import Moment, end_of_day
from lookup.bodies import Bounds, read_case
from lookup.bureau import Bureau
from lookup.cases import AsOf, Put, put_case, require_case
from lookup.database import Record
from lookup.register import Summary, import_cases
from lookup.trail import Actor, change
from lookup.units import unit_codes
from tests.registers import SECOND_DAY, Cells, write_csv

CASE_SYSTEM = Actor("night", "register")
OFFICER = Actor("李警官", "desk")
NIGHT = AsOf(SECOND_DAY)
COURSE = ("milestone", "extension", "clock", "withholding", "property", "party")
TABLES = ("cases", *COURSE, "trail_entry", "trail_head")
TRAIL = ("trail_entry", "trail_head")


def until(day: str) -> AsOf:
    """A register that says up to which day it tells."""
    return AsOf(end_of_day(datetime.fromisoformat(day).date()), stated=True)


@dataclass
class House:
    """A bureau into which registers are taken, and what can be seen of it."""

    bureau: Bureau
    folder: Path

    def take(self, rows: Iterable[Cells], as_of: AsOf = NIGHT, **options: Any) -> Summary:
        path = write_csv(self.folder / "register.csv", rows, "utf-8")
        return self.take_file(path, as_of, **options)

    def take_file(self, path: Path, as_of: AsOf = NIGHT, **options: Any) -> Summary:
        return import_cases(self.bureau, path, CASE_SYSTEM, as_of, self.rejects_path, **options)

    @property
    def rejects_path(self) -> Path:
        return self.folder / "rejects.csv"

    def rejects(self) -> list[Cells]:
        with self.rejects_path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    def case(self, one: Cells) -> Record:
        return require_case(self.bureau.db, one["案件编号"])

    def of(self, table: str, one: Cells) -> list[Record]:
        return self.bureau.db.rows(
            f"SELECT * FROM {table} WHERE case_id = :id", id=self.case(one)["id"]
        )

    def steps(self, one: Cells) -> dict[str, Record]:
        return {found["step"]: found for found in self.of("milestone", one)}

    def phone(self, one: Cells) -> str:
        return self.bureau.seals.open(self.of("party", one)[0]["phone_sealed"])

    def name(self, one: Cells) -> str:
        return self.bureau.seals.open(self.of("party", one)[0]["name_sealed"])

    def all(self, *without: str) -> dict[str, list[Record]]:
        return {
            table: self.bureau.db.rows(f"SELECT * FROM {table} ORDER BY 1")
            for table in TABLES
            if table not in without
        }

    def count(self, table: str) -> int:
        found = self.bureau.db.row(f"SELECT COUNT(*) AS n FROM {table}")
        return int(found["n"]) if found else 0

    def trail(self) -> list[Record]:
        entries = self.bureau.db.rows("SELECT * FROM trail_entry ORDER BY position")
        return [entry | {"detail": json.loads(entry["detail"])} for entry in entries]

    def at_desk(self, one: Cells, **told: Any) -> Put:
        """What staff enter by hand about a case of a register."""
        body = {
            "number": one["案件编号"],
            "kind": one["案件类别"],
            "unit": one["受理单位代码"],
            "reported_at": one["报案时间"],
            "taken_in_at": one["受案时间"],
            "parties": [{"role": "complainant", "name": one["报案人"]}],
        }
        bounds = Bounds(self.bureau.kinds, unit_codes(self.bureau.db), Moment.of(SECOND_DAY))
        with change(self.bureau.db, OFFICER) as ongoing:
            return put_case(self.bureau, ongoing, read_case(body | told, bounds), NIGHT)


def counts(summary: Summary) -> tuple[int, int, int, int]:
    """New, changed, unchanged and rejected rows."""
    return summary.new, summary.changed, summary.unchanged, summary.rejected
