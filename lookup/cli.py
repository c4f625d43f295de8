"""Every command. Each says in one sentence what it did, or what was wrong and what to do."""

import functools
import getpass
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from lookup import (
    attested,
    editions,
    printing,
    proofs,
    recount,
    register,
    subtrees,
    supervision_recount,
    tally,
    trail,
)
from lookup import demo as demonstration
from lookup.beijing import Moment, end_of_day, parse_moment, utc_now
from lookup.bureau import Bureau
from lookup.cases import AsOf
from lookup.errors import DaylightError
from lookup.language import Language, Text
from lookup.migrations import check_ready, migrate
from lookup.reckoning import refresh
from lookup.roles import STAFF_ROLES
from lookup.tables import Table


def register_commands(app: Flask, *modules: ModuleType) -> None:
    """Make the commands of these modules known to ``flask``."""
    for module in modules:
        for made in vars(module).values():
            if isinstance(made, click.Command):
                app.cli.add_command(made)


def terminal_language() -> Language:
    """The language of the terminal: Chinese where its locale is, else English."""
    named = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next((value for value in named if value), "")
    return "zh" if locale.startswith("zh") else "en"


def say(text: Text) -> None:
    """Tell the person at the terminal."""
    click.echo(text.said_in(terminal_language()))


def actor(via: str = "command") -> trail.Actor:
    """The person at the terminal, as the trail names him."""
    return trail.Actor(getpass.getuser(), via)


def command(name: str, *, prepared: bool = True) -> Callable[[Callable[..., None]], click.Command]:
    """A command that is handed the bureau and tells errors in one sentence."""

    def wrap(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def run(**options: Any) -> None:
            bureau: Bureau = current_app.extensions["bureau"]
            try:
                if prepared:
                    check_ready(bureau.db)
                function(bureau, **options)
            except DaylightError as error:
                raise click.ClickException(error.text.said_in(terminal_language())) from None

        return click.command(name)(with_appcontext(run))

    return wrap


def day(written: str | Moment) -> Moment:
    """The type of an option that takes a Beijing date, or a date and time."""
    if isinstance(written, Moment):
        return written
    try:
        return parse_moment(written)
    except ValueError:
        raise click.BadParameter(
            Text(
                f"“{written}”不是日期，请写成 2026-11-20 或 '2026-11-20 09:05'。",
                f"“{written}” is not a date; write 2026-11-20 or '2026-11-20 09:05'.",
            ).said_in(terminal_language())
        ) from None


# A roll printer sets 203 dots to the inch; sheets are seen at 300.
_DPI = {"a5": 300, "a4": 300, "roll80": 203}
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@command("init", prepared=False)
def init(bureau: Bureau) -> None:
    """Prepare the database, or bring it up to this program. Repeats harmlessly."""
    applied = migrate(bureau.db)
    reckoned = refresh(bureau)
    tally.catch_up(bureau.db)
    subtrees.catch_up(bureau.db)
    say(
        Text(
            f"数据库就绪（本次执行 {len(applied)} 步，重新推算 {reckoned} 个案件的日期）。",
            f"The database is ready ({len(applied)} steps applied now, the days of {reckoned} "
            "cases reckoned anew).",
        )
    )


@command("demo", prepared=False)
@click.option("--cases", default=300, show_default=True, help="How many cases to invent.")
@click.option("--receipt", type=click.Path(path_type=Path), help="Print one to this name.")
def demo(bureau: Bureau, cases: int, receipt: Path | None) -> None:
    """Fill an empty database with invented cases at every stage; print one receipt."""
    migrate(bureau.db)
    refresh(bureau)
    made = demonstration.fill(bureau, utc_now(), cases)
    if made:
        say(Text(f"已写入 {made} 个虚构案件。", f"{made} invented cases written."))
    shown = demonstration.shown(bureau.db, utc_now())
    party_ids = printing.select(bureau, printing.Selection(list(shown.values())))
    printed = printing.print_receipts(bureau, party_ids, printing.Order(), actor(), utc_now())
    links = {line["case"]: line["url"] for line in reversed(printed.links)}
    for stage, number in shown.items():
        click.echo(f"{stage:<30}{number}  {links[number]}")
    for name, link in demonstration.counter_links(bureau).items():
        click.echo(f"{name:<30}{link}")
    say(Text("工作人员登录（/login）：", "Staff log in at /login:"))
    for role, login, password in demonstration.open_accounts(bureau):
        click.echo(f"{STAFF_ROLES[role].both():<30}{login:<12}{password}")
    if receipt:
        _print_example(bureau, party_ids[:1], receipt)


def _print_example(bureau: Bureau, party_ids: list[int], stem: Path) -> None:
    for form in ("pdf", "png"):
        target = printing.Target(stem.with_suffix(f".{form}"), "a5", form, 300)
        printing.print_receipts(bureau, party_ids, printing.Order(), actor(), utc_now(), target)
        say(Text(f"回执样张：{target.out}", f"A receipt: {target.out}"))


@command("import-units")
@click.argument("file", type=FILE)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def import_units(bureau: Bureau, file: Path, form: str) -> None:
    """Load the tree of units from FILE (CSV or XLSX). Repeatable."""
    counts = register.import_units(bureau, file, actor("register"))
    if form == "json":
        click.echo(json.dumps(counts))
        return
    say(
        Text(
            "共 {rows} 个单位：新增 {new}，变更 {changed}，未变 {unchanged}。",
            "{rows} units: {new} new, {changed} changed, {unchanged} unchanged.",
        ).fill(**counts)
    )


@command("import-cases")
@click.argument("file", type=FILE)
@click.option("--dry-run", is_flag=True, help="Show what would change; write only the rejects.")
@click.option("--as-of", type=day, help="The register tells up to here (default now).")
@click.option("--backlog", is_flag=True, help="A first load: counted apart from on-time figures.")
@click.option("--rejects", type=click.Path(path_type=Path), help="Where rejected rows go.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def import_cases(
    bureau: Bureau,
    file: Path,
    dry_run: bool,
    as_of: Moment | None,
    backlog: bool,
    rejects: Path | None,
    form: str,
) -> None:
    """Take in a register of cases from FILE (CSV or XLSX). The same file twice changes nothing."""
    with progress_bar(file.stat().st_size, file.name) as bar:
        summary = register.import_cases(
            bureau,
            file,
            actor("register"),
            AsOf(instant(as_of), stated=as_of is not None, backlog=backlog),
            rejects or Path(f"{file.stem}.rejects.csv"),
            dry_run=dry_run,
            progress=lambda table: _advance(bar, table),
        )
    if form == "json":
        click.echo(json.dumps(summary.as_dict(), ensure_ascii=False))
        return
    for warning in summary.warnings[:20]:
        click.echo(_said_warning(warning), err=True)
    if summary.warned > 20:
        more = Text("另有 {n} 条提示。", "{n} more warnings.").fill(n=summary.warned - 20)
        click.echo(more.said_in(terminal_language()), err=True)
    say(register.said_summary(summary))


def _said_warning(warning: dict[str, Any]) -> str:
    reason = Text(warning["reason_zh"], warning["reason"])
    where = Text(f"第 {warning['row']} 行", f"row {warning['row']}")
    said = (text.said_in(terminal_language()) for text in (where, reason))
    return f" {warning['field']}: ".join(said)


def instant(moment: Moment | None) -> Any:
    """The instant that an option names, a day meaning its end; now where there is none."""
    if moment is None:
        return utc_now()
    return moment.at or end_of_day(moment.day)


def progress_bar(length: int, label: str) -> Any:
    """A bar on a terminal, nothing in a file or a pipe."""
    return click.progressbar(
        length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()
    )


def _advance(bar: Any, table: Table) -> None:
    # The place in a workbook is an estimate and may step back.
    bar.update(max(0, table.position - bar.pos))


@command("print-receipts")
@click.option("--case", "numbers", multiple=True, help="A case number; may be repeated.")
@click.option("--unit", help="All cases of a unit and those below it.")
@click.option("--since", type=day, help="Cases taken in since this day.")
@click.option("--paper", type=click.Choice(["a5", "a4", "roll80"]), default="a5")
@click.option("--format", "form", type=click.Choice(["pdf", "png"]), default="pdf")
@click.option("--dpi", type=click.IntRange(150, 600), help="For PNG: 203 on a roll, else 300.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@click.option("--handed-over", is_flag=True, help="Note that the papers are handed over now.")
@click.option("--reissue", is_flag=True, help="New papers; the old ones stop working at once.")
@click.option("--reason", default="", help="Why they are reissued.")
@click.option("--links", is_flag=True, help="Print case, issue, url, code and match as JSON lines.")
def print_receipts(
    bureau: Bureau,
    numbers: tuple[str, ...],
    unit: str | None,
    since: Moment | None,
    paper: Any,
    form: Any,
    dpi: int | None,
    out: Path | None,
    force: bool,
    handed_over: bool,
    reissue: bool,
    reason: str,
    links: bool,
) -> None:
    """Print receipts: the live issue of each party's, made where there is none yet."""
    _check_print_options(numbers, unit, since, out, links, reissue, reason, force)
    wanted = printing.Selection(numbers, unit, since.day if since else None)
    party_ids = printing.select(bureau, wanted)
    order = printing.Order(reissue=reason if reissue else None, handed_over=handed_over)
    target = printing.Target(out, paper, form, dpi or _DPI[paper]) if out else None
    with progress_bar(len(party_ids), str(out or "")) as bar:
        printed = printing.print_receipts(
            bureau,
            party_ids,
            order,
            actor(),
            utc_now(),
            target,
            lambda done: bar.update(done - bar.pos),
        )
    for warning in printed.warnings:
        click.echo(warning.said_in(terminal_language()), err=True)
    for line in printed.links if links else ():
        click.echo(json.dumps(line, ensure_ascii=False))
    if out and not links:
        made = len(printed.links)
        say(Text(f"已打印 {made} 张回执：{out}", f"{made} receipts printed: {out}"))


def _check_print_options(
    numbers: tuple[str, ...],
    unit: str | None,
    since: Moment | None,
    out: Path | None,
    links: bool,
    reissue: bool,
    reason: str,
    force: bool,
) -> None:
    faults = {
        Text(
            "请用 --case、--unit 或 --since 指明要打印哪些案件。",
            "Say which cases with --case, --unit or --since.",
        ): not (numbers or unit or since),
        Text(
            "请用 --out 指定文件，或用 --links 只列出链接。",
            "Name a file with --out, or list links alone with --links.",
        ): not (out or links),
        Text("补发须用 --reason 写明原因。", "A reissue needs its --reason."): reissue
        and not reason.strip(),
        Text(
            "--reason 只用于补发，请同时给出 --reissue。",
            "--reason belongs to a reissue; give --reissue too.",
        ): bool(reason) and not reissue,
        Text(
            f"文件“{out}”已存在；要覆盖请加 --force。",
            f"The file “{out}” exists; add --force to replace it.",
        ): out is not None and out.exists() and not force,
    }
    for text, applies in faults.items():
        if applies:
            raise click.UsageError(text.said_in(terminal_language()))


@command("verify-rates")
def verify_rates(bureau: Bureau) -> None:
    """Count all cases anew and compare: every figure kept ready that differs is named, and every
    case, inspection, weekly digest and bulletin that is not what the record says."""
    [cases] = bureau.db.rows("SELECT COUNT(*) AS n FROM cases")
    with progress_bar(2 * cases["n"], "verify-rates") as bar:
        faults = recount.verify(bureau.db, bar.update) + attested.verify(bureau, bar.update)
    tell_faults(faults + supervision_recount.faults(bureau.db) + editions.faults(bureau.db))
    say(
        Text(
            "所有数字与 {n} 个案件重新计算的结果一致，案件、抽查、周报和通报与变动记录一致"
            "（{gone} 个案件的个人信息已清除，无从核对）。",
            "All figures are those counted anew from {n} cases; cases, inspections, digests and "
            "bulletins are those of the record ({gone} cases were forgotten; nothing can be "
            "compared for them).",
        ).fill(n=cases["n"], gone=attested.forgotten(bureau.db))
    )


@command("trail-head")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it here.")
@click.option("--since", type=FILE, help="A former head or a case's proof: prove that it goes on.")
def trail_head(bureau: Bureau, out: Path | None, since: Path | None) -> None:
    """The head of the record, to keep elsewhere: it shows later whether the record was cut."""
    former = _read_head(since) if since else None
    line = json.dumps(proofs.head_now(bureau.db, utc_now(), former))
    if out is None:
        click.echo(line)
    else:
        out.write_text(line + "\n", encoding="utf-8")


@command("verify-trail")
@click.option("--head", "kept", type=FILE, help="A head written down earlier.")
def verify_trail(bureau: Bureau, kept: Path | None) -> None:
    """Check the record: every altered, removed, reordered or missing entry is named, and every
    bulletin that is not what it says was published."""
    faults = trail.verify(bureau.db, _read_head(kept) if kept else None)
    tell_faults([*faults, *editions.faults(bureau.db)])
    size = trail.head(bureau.db).size
    say(Text(f"记录完整，共 {size} 条。", f"The record is whole: {size} entries."))


def tell_faults(faults: list[Text]) -> None:
    """Tell each fault; where there is one, the command has failed."""
    for fault in faults:
        say(fault)
    if faults:
        sys.exit(1)


def _read_head(path: Path) -> trail.Head:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return trail.Head(int(told["size"]), str(told["root"]))
    except (ValueError, KeyError, TypeError):
        raise click.ClickException(
            Text(
                f"“{path}”不是 flask trail-head 写出的文件。",
                f"“{path}” is not a file that flask trail-head wrote.",
            ).said_in(terminal_language())
        ) from None
