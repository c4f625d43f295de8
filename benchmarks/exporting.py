"""A sheet of rates and the cases behind it as files, against csv.writer given the same rows."""

import csv
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

from benchmarks.finding import build
from benchmarks.measure import report, rounds, seconds
from lookup.beijing import beijing_day, utc_now
from lookup.bureau import Bureau, open_bureau
from lookup.case_export import FORMS, export_cases
from lookup.config import Config
from lookup.exports import Made, as_xlsx
from lookup.rates import Question, rates
from lookup.tally import catch_up
from lookup.trail import Actor, head

_SIZES = (10_000, 100_000)
_BARE = "csv.writer, the same rows"
_ACTOR = Actor("bench", "command")
# Shown as they came, looked up by one in three, rated by one in four.
_LIVELY = (
    "UPDATE milestone SET visible_at = entered_at, visible_day = happened_day",
    "INSERT INTO visit SELECT id, intake_day, id, intake_at FROM cases WHERE id % 3 = 0",
    """INSERT INTO rating (case_id, party_id, step, level, tags, unit, officer, badge, via, form,
        rated_at)
    SELECT id, id, 'intake', 1 + id % 5, '[]', unit, officer, badge, 'bench', id, intake_at
    FROM cases WHERE id % 4 = 0""",
)


def exporting(folder: Path) -> None:
    """Seconds and megabytes of memory each takes, in a process of its own."""
    for cases in _SIZES:
        config = Config(f"sqlite:///{folder / f'exporting{cases}.db'}", (secrets.token_hex(32),))
        bureau = open_bureau(config)
        build(bureau, cases, beijing_day(utc_now()))
        for statement in _LIVELY:
            bureau.db.run(statement)
        catch_up(bureau.db)
        bureau.db.close()
        source, out = folder / "cases.csv", folder / "out"
        _write_cases("csv", config, source)
        contenders = {
            _BARE: partial(_dump, source, out),
            "the sheet, xlsx": partial(_write_sheet, config, out),
            **{f"the cases, {form}": partial(_write_cases, form, config, out) for form in FORMS},
        }
        memory: dict[str, list[float]] = {name: [] for name in contenders}
        timed = {name: partial(_apart, act, memory[name]) for name, act in contenders.items()}
        figures = rounds(timed, 3)
        report(f"Export, {cases:,} cases", "seconds", figures, _BARE)
        report(f"Export, {cases:,} cases", "MB of memory at most", memory, _BARE)


def _apart(act: Callable[[], None], memory: list[float]) -> float:
    """How long something takes in a new process, whose memory is noted too."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        took, most = pool.submit(_measured, act).result()
    memory.append(most)
    return took


def _measured(act: Callable[[], None]) -> tuple[float, float]:
    took = seconds(act)
    # getrusage would tell of the parent's memory as well.
    [most] = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return took, int(most) / 1024


def _dump(source: Path, out: Path) -> None:
    with source.open(newline="", encoding="utf-8") as rows, out.open("w", newline="") as file:
        csv.writer(file).writerows(csv.reader(rows))


def _write_cases(form: str, config: Config, out: Path) -> None:
    bureau, question = _asked(config)
    with out.open("wb") as file:
        export_cases(bureau, question, form, file, _ACTOR, utc_now())
    bureau.db.close()


def _write_sheet(config: Config, out: Path) -> None:
    bureau, question = _asked(config)
    file = BytesIO()
    made = Made(_ACTOR.name, utc_now(), head(bureau.db))
    as_xlsx(rates(bureau, replace(question, by="officer")), file, made)
    out.write_bytes(file.getvalue())
    bureau.db.close()


def _asked(config: Config) -> tuple[Bureau, Question]:
    today = beijing_day(utc_now())
    return open_bureau(config), Question(today.replace(year=today.year - 5), today)
