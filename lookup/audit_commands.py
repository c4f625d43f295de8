"""Commands of the auditor. A name bound here to a command is known to ``flask``."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import click

from lookup import ranking_sheet, trail
from lookup.beijing import Moment, utc_now
from lookup.bureau import Bureau
from lookup.case_export import FORMS, export_cases
from lookup.cli import actor, command, day, instant, progress_bar, say, terminal_language
from lookup.errors import FileError
from lookup.exports import Made, as_csv, as_json, as_xlsx
from lookup.language import Text
from lookup.periods import Period
from lookup.rate_table import as_table, ranking_table
from lookup.rates import GROUPINGS, Question, rates
from receipts.batch import replacing

Run = Callable[..., None]
_as_of = click.option("--cutoff", type=day, help="Count as things stood then (default now).")
_OPTIONS = (
    click.option("--from", "first", type=day, required=True, help="First day of intake."),
    click.option("--to", "last", type=day, required=True, help="Last day of intake."),
    click.option("--unit", help="Only this unit and those below it."),
    click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write."),
    click.option("--force", is_flag=True, help="Replace the file if it exists."),
)


def _asking(run: Run) -> Run:
    """A command about the cases of a period: it is handed what is asked, and where it is to go."""

    @functools.wraps(run)
    def ask(
        bureau: Bureau,
        first: Moment,
        last: Moment,
        unit: str | None,
        cutoff: Moment | None = None,
        by: str = "unit",
        **more: Any,
    ) -> None:
        as_of = instant(cutoff) if cutoff else None
        run(bureau, Question(first.day, last.day, by, unit, as_of), **more)

    for option in reversed(_OPTIONS):
        option(ask)
    return ask


@command("rates")
@_asking
@_as_of
@click.option("--by", type=click.Choice(GROUPINGS), default="unit")
@click.option("--format", "form", type=click.Choice(["table", "csv", "xlsx", "json"]))
def rates_command(
    bureau: Bureau, question: Question, form: str | None, out: Path | None, force: bool
) -> None:
    """The disclosure rates of a period, with the definition they follow."""
    if form == "xlsx":
        _require(out)
    with _written(out, force) as file:
        counted = rates(bureau, question)
        if form == "xlsx":
            as_xlsx(counted, file, Made(actor().name, utc_now(), trail.head(bureau.db)))
        elif form == "csv":
            file.write(as_csv(counted).encode())
        else:
            table = form != "json"
            told = as_table(counted, terminal_language()) if table else as_json(counted)
            file.write(f"{told}\n".encode())


@command("ranking")
@_asking
@click.option("--depth", type=click.IntRange(1), help="Units so many steps below (default: each).")
@click.option("--format", "form", type=click.Choice(["table", *ranking_sheet.FORMS]))
def ranking_command(
    bureau: Bureau,
    question: Question,
    depth: int | None,
    form: str | None,
    out: Path | None,
    force: bool,
) -> None:
    """The units of each level ranked over a period, against the one before."""
    if form == "xlsx":
        _require(out)
    with _written(out, force) as file:
        period, now = Period(question.first, question.last), utc_now()
        ranking = ranking_sheet.ranking_of(bureau, period, question.unit, depth, now)
        if form in ranking_sheet.FORMS:
            made = Made(actor().name, now, trail.head(bureau.db))
            ranking_sheet.write_ranking(ranking, form, file, made)
        else:
            file.write(f"{ranking_table(ranking, terminal_language())}\n".encode())


@command("export-cases")
@_asking
@_as_of
@click.option("--format", "form", type=click.Choice(FORMS), default="csv")
@click.option("--personal", is_flag=True, help="With names and phones, which is recorded.")
def export_cases_command(
    bureau: Bureau, question: Question, form: str, out: Path | None, force: bool, personal: bool
) -> None:
    """The cases behind the rates of a period, one row each. That it was done is recorded."""
    with _written(_require(out), force) as file:
        # Which cases there are does not depend on when they are counted.
        number = rates(bureau, replace(question, cutoff=None)).total.figures.taken_in
        with progress_bar(number, form) as bar:
            who, now = actor(), utc_now()
            done = export_cases(
                bureau, question, form, file, who, now, personal=personal, progress=bar.update
            )
    told = Text("{n} 个案件已写入 {file}。", "{n} cases written to {file}.")
    say(told.fill(n=done, file=str(out)))


def _require(out: Path | None) -> Path:
    if out is None:
        raise FileError("请用 --out 指定要写的文件。", "Name the file to write with --out.")
    return out


@contextmanager
def _written(out: Path | None, force: bool) -> Iterator[IO[bytes]]:
    """A file that appears once all of it is written, for its owner alone; or standard output."""
    if out is None:
        yield sys.stdout.buffer
        return
    if out.exists() and not force:
        raise FileError(
            f"文件“{out}”已存在；要覆盖请加 --force。",
            f"The file “{out}” exists; add --force to replace it.",
        )
    try:
        with replacing(out) as file:
            yield file
    except OSError as error:
        raise FileError(
            f"“{out}”写不进去（{error.strerror}），没有写入任何内容。",
            f"“{out}” cannot be written ({error.strerror}); nothing was.",
        ) from error
