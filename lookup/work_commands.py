"""The worker as a command."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import click

from lookup.beijing import Moment, utc_now
from lookup.bureau import Bureau
from lookup.cli import command, say
from lookup.language import Text
from lookup.sending import counts, quiet_until
from lookup.sentences import said_moment
from lookup.work import run

_TOLD = ("sent", "put_off", "failed", "unknown", "dropped")


@command("work")
@click.option(
    "--once", is_flag=True, help="One pass: the jobs of the day, and all that is due now."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
def work(bureau: Bureau, once: bool, form: str) -> None:
    """Send the texts that are due and do the jobs of the day, until told to end."""
    with _until_told_to_end() as stop:
        done = run(bureau, once, stop)
    until, waiting = quiet_until(bureau.config, utc_now()), counts(bureau.db).get("waiting")
    told = {state: done.became[state] for state in _TOLD}
    told["waiting"] = waiting["n"] if waiting else 0
    if form == "json":
        standing = {"gateway": bool(bureau.config.sms_url), "quiet": bool(until)}
        click.echo(json.dumps(told | standing | {"trouble": done.trouble}))
        return
    if not bureau.config.sms_url:
        say(
            Text(
                "没有设置短信网关（SMS_URL），不发短信。",
                "No gateway is set (SMS_URL): no texts go out.",
            )
        )
    elif until:
        quiet = Text("现在是免打扰时段，{until}起再发。", "These are quiet hours, until {until}.")
        say(quiet.fill(until=said_moment(Moment.of(until))))
    if done.trouble:
        trouble = Text(
            "短信网关有问题（{code}），其余稍后再发。",
            "The gateway is at fault ({code}); the rest waits.",
        )
        say(trouble.fill(code=done.trouble))
    say(
        Text(
            "已发 {sent}，推迟 {put_off}，失败 {failed}，结果不明 {unknown}，不再发送 {dropped}，"
            "待发 {waiting}。",
            "{sent} sent, {put_off} put off, {failed} failed, {unknown} unknown, "
            "{dropped} dropped, {waiting} waiting.",
        ).fill(**told)
    )


@contextmanager
def _until_told_to_end() -> Iterator[Event]:
    """An event that is set by the signals that end a program."""
    stop = Event()

    def end(*_: object) -> None:
        # In a thread of its own: the signal may come while the worker itself holds the event.
        Thread(target=stop.set).start()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
