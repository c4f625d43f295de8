"""The figures of a month and of a quarter that are over, written to a folder as files.

A file that is there is left alone, whoever wrote it: what is missing is written, whole or not at
all, for its owner alone.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import IO

from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.exports import Made, as_csv, as_json, as_xlsx
from lookup.periods import Period, quarter_of, read_period
from lookup.ranking_sheet import FORMS, Ranking, ranking_of, write_ranking
from lookup.rates import Question, Rates, rates
from lookup.trail import Actor, change, head
from receipts.batch import replacing

_log = logging.getLogger(__name__)
_WORKER = Actor("flask work", "worker")
_BY = ("unit", "officer")

Write = Callable[[IO[bytes]], object]


def export_periods(bureau: Bureau, now: datetime) -> None:
    """Write what is missing of the last month and quarter to EXPORT_FOLDER, if there is one; a
    folder that cannot be written is a warning in the log, and is tried again the next day."""
    folder, today = bureau.config.export_folder, beijing_day(now)
    if folder is None:
        return
    month, quarter = read_period(f"{today:%Y-%m}").before(), quarter_of(today).before()
    try:
        for period in (month, quarter):
            for name, write in _files(bureau, period, now):
                _export(bureau, folder / name, write, period, now)
    except OSError as error:
        _log.warning("EXPORT_FOLDER: %s cannot be written: %s", folder, error.strerror)


def _export(bureau: Bureau, out: Path, write: Write, period: Period, now: datetime) -> None:
    if out.exists():
        return
    with replacing(out) as file:
        write(file)
    ends = {"from": period.first.isoformat(), "to": period.last.isoformat()}
    with change(bureau.db, _WORKER, now) as ongoing:
        ongoing.record("rates.exported", **ends, file=out.name)


def _files(bureau: Bureau, period: Period, now: datetime) -> Iterator[tuple[str, Write]]:
    made = Made(_WORKER.name, now, head(bureau.db))
    for by in _BY:
        yield from _of_rates(bureau, Question(period.first, period.last, by), made)
    if period == quarter_of(period.first):
        yield from _of_ranking(bureau, period, made)


def _of_rates(bureau: Bureau, question: Question, made: Made) -> Iterator[tuple[str, Write]]:
    stem = f"rates-{Period(question.first, question.last).code}-{question.by}"

    @cache
    def counted() -> Rates:
        return rates(bureau, question, made.at)

    yield f"{stem}.csv", lambda out: out.write(as_csv(counted()).encode())
    yield f"{stem}.xlsx", lambda out: as_xlsx(counted(), out, made)
    yield f"{stem}.json", lambda out: out.write(f"{as_json(counted())}\n".encode())


def _of_ranking(bureau: Bureau, period: Period, made: Made) -> Iterator[tuple[str, Write]]:
    @cache
    def ranked() -> Ranking:
        return ranking_of(bureau, period, None, None, made.at)

    def write(form: str, out: IO[bytes]) -> None:
        write_ranking(ranked(), form, out, made)

    for form in FORMS:
        yield f"ranking-{period.code}.{form}", partial(write, form)
