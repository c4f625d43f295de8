"""A register taken in, against sqlite-utils inserting the same file without a question."""

import secrets
import subprocess
import sys
from pathlib import Path

from benchmarks.measure import report, rounds, seconds
from lookup.beijing import utc_now
from lookup.bureau import Bureau, open_bureau
from lookup.cases import AsOf
from lookup.config import Config
from lookup.migrations import migrate
from lookup.register import import_cases
from lookup.trail import Actor, change
from lookup.units import put_units
from tests.conftest import UNITS
from tests.registers import register, write_csv

_ROWS = 5000
_ACTOR = Actor("bench", "register")


def importing(folder: Path) -> None:
    """Rows a second: a first load, and the same file again."""
    file = folder / "register.csv"
    write_csv(file, register(_ROWS), encoding="utf-8")
    figures: dict[str, list[float]] = {"again, all unchanged": []}

    def first() -> float:
        bureau = _bureau(folder / f"{secrets.token_hex(4)}.db")
        rate = _ROWS / seconds(lambda: _take(bureau, file))
        figures["again, all unchanged"].append(_ROWS / seconds(lambda: _take(bureau, file)))
        bureau.db.close()
        return rate

    contenders = {"sqlite-utils insert --csv": lambda: _ROWS / _insert(folder, file), "new": first}
    report("Import", "rows a second", rounds(contenders, 3) | figures, "sqlite-utils insert --csv")


def _insert(folder: Path, file: Path) -> float:
    target = folder / f"{secrets.token_hex(4)}.db"
    command = ["-m", "sqlite_utils", "insert", str(target), "cases", str(file), "--csv"]
    return seconds(lambda: subprocess.run([sys.executable, *command], check=True))


def _bureau(path: Path) -> Bureau:
    bureau = open_bureau(Config(f"sqlite:///{path}", (secrets.token_hex(32),)))
    migrate(bureau.db)
    with change(bureau.db, _ACTOR) as ongoing:
        put_units(ongoing, UNITS)
    return bureau


def _take(bureau: Bureau, file: Path) -> None:
    import_cases(bureau, file, _ACTOR, AsOf(utc_now()), file.with_suffix(".rejects.csv"))
