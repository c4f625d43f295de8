"""Commands that keep a bureau in service. A name bound here to a command is known to ``flask``."""

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click
from flask import current_app

from lookup import (
    backups,
    clients,
    doctor,
    feedback_export,
    purging,
    rekeying,
    staff,
    subtrees,
    tally,
    trail,
)
from lookup.beijing import start_of_day, utc_now, utc_text
from lookup.bureau import Bureau
from lookup.cli import FILE, actor, command, day, progress_bar, say, tell_faults, terminal_language
from lookup.errors import FileError, StorageError
from lookup.language import Text
from lookup.reckoning import refresh
from lookup.records import prose
from lookup.roles import STAFF_ROLES
from lookup.trail import change
from lookup.units import UnitRecord, put_units


@command("add-unit")
@click.argument("code")
@click.argument("name")
@click.option("--parent", default="", help="The code of the unit above it.")
@click.option("--address", default="", help="As printed on papers.")
@click.option("--phone", default="", help="As printed on papers.")
def add_unit(bureau: Bureau, code: str, name: str, parent: str, address: str, phone: str) -> None:
    """Add the unit CODE, or change the one there is."""
    unit = UnitRecord(0, *(prose(part) for part in (code, name, parent, address, phone)))
    with change(bureau.db, actor()) as ongoing:
        put_units(ongoing, [unit])
    say(Text(f"单位 {code} 已保存。", f"The unit {code} is saved."))


@command("add-staff")
@click.argument("login")
@click.option("--name", prompt=True, help="Of the person, as papers and the record show it.")
@click.option("--role", prompt=True, type=click.Choice(list(STAFF_ROLES)))
@click.option("--unit", prompt=True, help="The code of the unit; the person reaches it and below.")
@click.option("--badge", default="", help="Badge number.")
def add_staff(bureau: Bureau, login: str, name: str, role: str, unit: str, badge: str) -> None:
    """Open an account. Its first password is shown once and must be changed."""
    with change(bureau.db, actor()) as ongoing:
        _, password = staff.add_staff(ongoing, login, name, role, unit, badge)
    say(
        Text(
            f"账号 {login} 已开通，初始密码（只显示这一次）：{password}",
            f"The account {login} is open; its first password, shown this once: {password}",
        )
    )


@command("add-client")
@click.argument("name")
@click.option("--unit", help="The code of the unit it reaches, with those below; else all.")
def add_client(bureau: Bureau, name: str, unit: str | None) -> None:
    """Make an API key for the program NAME: the one line on standard output."""
    with change(bureau.db, actor()) as ongoing:
        key = clients.add_client(ongoing, name, unit)
    text = Text(
        f"“{name}”的密钥，只显示这一次：", f"The key of “{name}”, shown this once:"
    ).said_in(terminal_language())
    click.echo(text, err=True)
    click.echo(key)


@command("revoke-client")
@click.argument("name")
def revoke_client(bureau: Bureau, name: str) -> None:
    """End the API key of the program NAME at once."""
    with change(bureau.db, actor()) as ongoing:
        clients.revoke_client(ongoing, name)
    say(Text(f"“{name}”的密钥已吊销。", f"The key of “{name}” is ended."))


@command("clients")
def list_clients(bureau: Bureau) -> None:
    """List all API keys as JSON lines: whose, for which unit, used last, revoked."""
    for client in clients.clients(bureau.db):
        click.echo(json.dumps(client, ensure_ascii=False))


@command("rotate-keys")
def rotate_keys(bureau: Bureau) -> None:
    """Seal all personal data under the newest of SECRET_KEYS. Broken off, it can be run again."""
    # A second pass over all rows makes sure that none was missed.
    with progress_bar(2 * rekeying.count_rows(bureau.db), "rotate-keys") as bar:
        done = rekeying.rotate(bureau, actor(), bar.update)
        bar.update(bar.length - bar.pos)
    say(
        Text(
            "已改用最新密钥：本次 {resealed} 条，此前 {already} 条。",
            "Under the newest key: {resealed} rows re-sealed now, {already} before.",
        ).fill(**vars(done))
    )
    if done.left:
        raise StorageError(
            f"还有 {done.left} 条未改用最新密钥：刚好有人在修改，或所用密钥已不在 SECRET_KEYS 中。"
            "旧密钥请保留，稍后再运行一次。",
            f"{done.left} rows are not: somebody was changing them just now, or their key is in "
            "SECRET_KEYS no more. Keep the older keys and run this again.",
        )
    say(
        Text(
            "旧密钥已不用于个人信息：在 SECRET_KEYS 中加前缀 papers: 则旧回执仍可扫，删除则失效。",
            "No personal data is under an older key. Marked papers: in SECRET_KEYS it still lets "
            "its papers be scanned; taken out, it ends them.",
        )
    )


@command("purge")
@click.option("--dry-run", is_flag=True, help="List the cases and forget nobody.")
def purge(bureau: Bureau, dry_run: bool) -> None:
    """Forget the people of cases that ended more than PURGE_AFTER_DAYS ago; figures stay."""
    now = utc_now()
    due = purging.due(bureau, now)
    counts = {"n": len(due), "days": bureau.config.purge_after_days}
    if dry_run:
        click.echo("".join(f"{case['number']}\n" for case in due), nl=False)
    else:
        with progress_bar(len(due), "purge") as bar:
            counts["n"] = purging.purge(bureau, actor(), due, now, bar.update)
    rehearsed = Text("（演练，未清除）", " (rehearsed, nothing forgotten)")
    say(
        Text(
            "办结超过 {days} 天、清除个人信息的案件：{n} 个{rehearsed}。",
            "Ended more than {days} days ago, their people forgotten: {n} cases{rehearsed}.",
        ).fill(**counts, rehearsed=rehearsed if dry_run else Text("", ""))
    )


@command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def backup(bureau: Bureau, file: Path, force: bool) -> None:
    """Write the whole database into FILE as it stands now, while others go on working."""
    if file.exists() and not force:
        raise FileError(
            f"文件“{file}”已存在；要覆盖请加 --force。",
            f"The file “{file}” exists; add --force to replace it.",
        )
    made = backups.back_up(bureau, file, actor(), utc_now())
    told = Text(
        "已备份到 {file}：{cases} 个案件，{entries} 条记录，根为 {root}。",
        "Backed up to {file}: {cases} cases, {entries} entries of the record with the root {root}.",
    )
    say(told.fill(file=str(file), **_held(made)))


@command("restore", prepared=False)
@click.argument("file", type=FILE)
@click.option("--replace", is_flag=True, help="Give up what the database holds now.")
def restore(bureau: Bureau, file: Path, replace: bool) -> None:
    """Bring back what FILE holds, all or nothing, into an empty database of either engine."""
    held = backups.restore(bureau, file, actor(), utc_now(), replace=replace)
    told = Text(
        "已恢复 {at} 的备份：{cases} 个案件，{entries} 条记录，根为 {root}。",
        "Restored the backup of {at}: {cases} cases, {entries} entries of the record with the root "
        "{root}.",
    )
    say(told.fill(at=held.at, **_held(held)))
    refresh(bureau)
    subtrees.catch_up(bureau.db)
    tally.catch_up(bureau.db)
    tell_faults(trail.verify(bureau.db, held.trail))


def _held(one: backups.Backup) -> dict[str, str | int]:
    return {"cases": one.cases, "entries": one.trail.size, "root": one.trail.root}


def since(written: str) -> feedback_export.Since:
    """The type of an option that takes a position of the record, or a Beijing date."""
    if written.isdecimal():
        return feedback_export.Since(position=int(written))
    moment = day(written)
    return feedback_export.Since(at=utc_text(moment.at or start_of_day(moment.day)))


@command("export-feedback")
@click.option("--since", "start", type=since, help="A day, or where the last run ended.")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Continue this file.")
def export_feedback(
    bureau: Bureau, start: feedback_export.Since | None, form: Any, out: Path | None
) -> None:
    """Write ratings, comments, answers and call-back results for the case system, each once."""
    start = start or feedback_export.Since()
    if out:
        done = feedback_export.continue_file(bureau, form, start, out)
    else:
        done = feedback_export.export(bureau, form, start, partial(click.echo, nl=False))
    if done.rows:
        with change(bureau.db, actor()) as ongoing:
            ongoing.record("feedback.exported", **vars(done))
    told = Text(
        "已写出 {rows} 条，直至记录第 {position} 条。",
        "{rows} rows written, up to entry {position} of the record.",
    ).fill(**vars(done))
    click.echo(told.said_in(terminal_language()), err=out is None)


@command("doctor", prepared=False)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def doctor_command(bureau: Bureau, form: str) -> None:
    """Name what is misconfigured and how to mend it; fails where that is serious."""
    found = doctor.examine(bureau, os.environ, utc_now(), debug=current_app.debug)
    if form == "json":
        told = [
            {"name": one.name, "serious": one.is_serious, **one.text._asdict()} for one in found
        ]
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        for one in found:
            mark = Text("严重", "serious") if one.is_serious else Text("提醒", "warning")
            say(Text("{mark}：{text}", "{mark}: {text}").fill(mark=mark, text=one.text))
        if not found:
            say(Text("没有发现问题。", "Nothing was found wrong."))
    if any(one.is_serious for one in found):
        sys.exit(1)
