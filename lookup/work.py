"""What is done in the background: texts that are due, and what every day wants."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event

from lookup import duty
from lookup.beijing import beijing_day, from_utc_text, utc_now, utc_text
from lookup.bureau import Bureau
from lookup.database import Database
from lookup.digests import make_digests
from lookup.errors import StorageError
from lookup.questions import daily
from lookup.scheduled import export_periods
from lookup.sending import BACKOFF, Fate, quiet_until, send_next, tidy
from lookup.uploads import drop_old

_log = logging.getLogger(__name__)
_IDLE_SECONDS = 5
_SOME = 100
# How long a worker may not be seen.
_PATIENCE = timedelta(minutes=10)
_DAY = timedelta(days=1)
# By then no gateway hands a reply in once more, and no window of tries is open.
_INBOUND = timedelta(days=30)
_TRIES = timedelta(days=2)


def _drop_inbound(db: Database, now: datetime) -> None:
    db.run("DELETE FROM inbound WHERE at < :since", since=utc_text(now - _INBOUND))


def _drop_tries(db: Database, now: datetime) -> None:
    since = int((now - _TRIES).timestamp())
    db.run("DELETE FROM throttle WHERE window_start < :since", since=since)


# Each once a Beijing day. Broken off, or done by two workers at once, they can be done again.
JOBS: Mapping[str, Callable[[Bureau, datetime], object]] = {
    "questions": daily,
    "digests": make_digests,
    "exports": export_periods,
    "uploads": lambda bureau, now: drop_old(bureau.db, now),
    "inbound": lambda bureau, now: _drop_inbound(bureau.db, now),
    "tries": lambda bureau, now: _drop_tries(bureau.db, now),
}


@dataclass
class Done:
    """How many messages came to each state (``put_off`` where they wait again), and what the
    gateway was at fault for last, a short code."""

    became: Counter[str] = field(default_factory=Counter)
    trouble: str = ""


def run(bureau: Bureau, once: bool, stop: Event) -> Done:
    """Work until ``stop`` is set, and end with the message in hand; ``once``: until nothing is due.

    A database that is lost is waited for; ``once`` raises its StorageError.
    """
    done, unknowns, rest_until = Done(), 0, utc_now()
    while not stop.is_set():
        now, fate = utc_now(), None
        try:
            _do_jobs(bureau, now)
            if now >= rest_until:
                fate = _send_some(bureau, stop, done)
        except StorageError as error:
            if once:
                raise
            _log.error("storage: %s", error)
        if fate and fate.is_trouble:
            done.trouble = fate.reason
            _log.warning("gateway: %s", fate.reason)
            # Whatever is tried while the gateway stalls is one more text nobody knows of.
            unknowns = unknowns + 1 if fate.state == "unknown" else 0
            rest_until = now + BACKOFF[min(max(unknowns - 1, 0), len(BACKOFF) - 1)]
        elif fate:
            unknowns = 0
            continue
        if once:
            break
        stop.wait(_IDLE_SECONDS)
    return done


def seen_at(db: Database, job: str) -> datetime | None:
    """When a job was last done, or a worker (``worker``) last seen."""
    row = db.row("SELECT at FROM job WHERE name = :job", job=job)
    return from_utc_text(row["at"]) if row else None


def absent_since(bureau: Bureau, now: datetime) -> str | None:
    """When a worker was last seen, empty for never, where one is missed: texts are due, or a day
    has passed. None where all is well."""
    seen = seen_at(bureau.db, "worker")
    if seen and now - seen < _PATIENCE:
        return None
    is_due = bureau.db.row(
        "SELECT id FROM message WHERE state = 'waiting' AND due_at <= :now LIMIT 1",
        now=utc_text(now),
    )
    sends = bureau.config.sms_url and not quiet_until(bureau.config, now)
    if seen and now - seen < _DAY and not (is_due and sends):
        return None
    return utc_text(seen) if seen else ""


def _do_jobs(bureau: Bureau, now: datetime) -> None:
    _mark(bureau.db, "worker", now)
    for name, job in JOBS.items():
        done = seen_at(bureau.db, name)
        if done is None or beijing_day(done) < beijing_day(now):
            job(bureau, now)
            _mark(bureau.db, name, now)


def _mark(db: Database, job: str, now: datetime) -> None:
    db.run(
        """INSERT INTO job (name, at) VALUES (:job, :at)
        ON CONFLICT (name) DO UPDATE SET at = excluded.at""",
        job=job,
        at=utc_text(now),
    )


def _send_some(bureau: Bureau, stop: Event, done: Done) -> Fate | None:
    """Send what is due, but not for long without a sign of life; how the last message fared,
    None where nothing is left to be sent now. The first fault of the gateway ends it."""
    done.became.update(tidy(bureau.db, utc_now()))
    fate = None
    for _ in range(_SOME):
        if stop.is_set() or not bureau.config.sms_url or quiet_until(bureau.config, utc_now()):
            return None
        fate = send_next(bureau, utc_now()) or duty.send_next(bureau, utc_now())
        if fate is None:
            return None
        done.became["put_off" if fate.state == "waiting" else fate.state] += 1
        if fate.is_trouble:
            return fate
    return fate
