"""Commands that keep a bureau in service. A name bound here to a command is known to ``flask``."""

from pathlib import Path

import click

from lookup import purging, rekeying, staff
from lookup.beijing import utc_now
from lookup.bureau import Bureau
from lookup.cli import FILE, actor, command, progress_bar, say, terminal_language
from lookup.errors import StorageError
from lookup.language import Text
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
    unit = UnitRecord(1, *(prose(part) for part in (code, name, parent, address, phone)))
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


@command("rotate-keys")
def rotate_keys(bureau: Bureau) -> None:
    """Seal all personal data under the newest of SECRET_KEYS. Broken off, it can be run again."""
    # A second pass over all rows makes sure that none was missed.
    with progress_bar(2 * rekeying.count_rows(bureau.db), "rotate-keys") as bar:
        done = rekeying.rotate(bureau, actor(), bar.update)
        bar.update(bar.length - bar.pos)
    say(
        Text(
            f"已改用最新密钥：本次 {done.resealed} 条，此前 {done.already} 条。",
            f"Under the newest key: {done.resealed} rows re-sealed now, {done.already} before.",
        )
    )
    if done.left:
        raise StorageError(
            f"还有 {done.left} 条没有改用最新密钥：刚好有人在修改，或所用密钥已不在 SECRET_KEYS 中。"
            "请保留旧密钥，稍后再运行一次。",
            f"{done.left} rows are not under it: somebody was changing them just now, or their key "
            "is in SECRET_KEYS no more. Keep the older keys and run this again.",
        )
    say(
        Text(
            "更旧的密钥已不再用于个人信息。在 SECRET_KEYS 中给它加上 papers: 前缀，旧回执仍可扫描；"
            "删除它，用它签名的回执即失效。",
            "No personal data is under an older key. Marked papers: in SECRET_KEYS, such a key "
            "still lets the papers signed with it be scanned; taken out, it ends them.",
        )
    )


@command("purge")
@click.option("--dry-run", is_flag=True, help="List the cases and forget nobody.")
def purge(bureau: Bureau, dry_run: bool) -> None:
    """Forget the people of cases that ended more than PURGE_AFTER_DAYS ago; figures stay."""
    now = utc_now()
    due = purging.due(bureau, now)
    days = bureau.config.purge_after_days
    if dry_run:
        for case in due:
            click.echo(case["number"])
        say(
            Text(
                f"共 {len(due)} 个案件办结满 {days} 天（演练，未清除）。",
                f"{len(due)} cases ended more than {days} days ago (rehearsed, nobody forgotten).",
            )
        )
        return
    with progress_bar(len(due), "purge") as bar:
        forgotten = purging.purge(bureau, actor(), due, now, bar.update)
    say(
        Text(
            f"已清除 {forgotten} 个案件的个人信息（办结满 {days} 天）。",
            f"The people of {forgotten} cases that ended more than {days} days ago are forgotten.",
        )
    )
