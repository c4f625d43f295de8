"""The status page against bare Flask and against the least that shows a case, on one server."""

import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from http.client import HTTPConnection
from multiprocessing import Pool
from pathlib import Path
from typing import Any

from benchmarks.measure import report, rounds
from lookup.beijing import utc_now
from lookup.bureau import open_bureau
from lookup.config import Config
from lookup.demo import fill, shown
from lookup.migrations import migrate
from lookup.printing import Order, Selection, print_receipts, select
from lookup.reckoning import refresh
from lookup.trail import Actor

_SECONDS = 4.0
_ROUNDS = 5
_CLIENTS = 4


def serving(folder: Path) -> None:
    """Requests a second of each contender, two gunicorn workers each, all started at once."""
    daylight = _prepare(folder)
    contenders = {
        "bare Flask": ("benchmarks.contenders:bare()", "/", "hello there"),
        "SQLite + Jinja in an hour": ("benchmarks.contenders:minimal()", "/case/1", "A51010401"),
        "Daylight's status page": ("app:create_app()", "/case", daylight["number"]),
        "Daylight's health check": ("app:create_app()", "/healthz", "ok"),
    }
    environment = os.environ | daylight["environment"] | {"MINIMAL_DB": str(folder / "minimal.db")}
    ports = {name: 18300 + n for n, name in enumerate(contenders)}
    with _servers(
        {ports[name]: factory for name, (factory, *_) in contenders.items()}, environment
    ):
        cookie = _scan(ports["Daylight's status page"], daylight["scan"])
        runs = {
            name: partial(_load, ports[name], path, cookie, shows)
            for name, (_, path, shows) in contenders.items()
        }
        report("Serving", "requests a second", rounds(runs, _ROUNDS), "bare Flask")


def _prepare(folder: Path) -> dict[str, Any]:
    environment = {
        "DATABASE_URL": f"sqlite:///{folder / 'daylight.db'}",
        "SECRET_KEYS": secrets.token_hex(32),
        "PUBLIC_URL": "http://127.0.0.1:18302",
        "BUREAU_NAME": "蓉江市公安局",
    }
    bureau = open_bureau(Config.read(environment))
    migrate(bureau.db)
    refresh(bureau)
    fill(bureau, utc_now(), 300)
    number = shown(bureau.db, utc_now())["已结案，有财物 closed, property"]
    actor = Actor("bench", "command")
    issued = print_receipts(
        bureau, select(bureau, Selection([number]))[:1], Order(), actor, utc_now()
    )
    path = str(issued.links[0]["url"]).removeprefix(environment["PUBLIC_URL"])
    _fill_minimal(folder / "minimal.db")
    return {"environment": environment, "scan": path, "number": number}


def _fill_minimal(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE c (id INTEGER PRIMARY KEY, number, unit, officer, phone)")
        db.execute("CREATE TABLE m (case_id, name, day, outcome)")
        db.execute("INSERT INTO c VALUES (1, 'A51010401', '锦江路派出所', '王伟', '028-55550101')")
        days = [date(2026, 11, day).isoformat() for day in (1, 2, 20)]
        names = [("接报案", ""), ("立案", "立案"), ("结案", "移送审查起诉")]
        rows = [(1, name, day, outcome) for (name, outcome), day in zip(names, days, strict=True)]
        db.executemany("INSERT INTO m VALUES (?, ?, ?, ?)", rows)


@contextmanager
def _servers(factories: dict[int, str], environment: dict[str, str]) -> Iterator[None]:
    started = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--workers", "2", "--log-level", "error"),
                *("--bind", f"127.0.0.1:{port}", factory),
            ],
            env=environment,
        )
        for port, factory in factories.items()
    ]
    try:
        for port in factories:
            _wait_for(port)
        yield
    finally:
        for server in started:
            server.send_signal(signal.SIGTERM)
            server.wait()


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing answers on port {port}")


def _scan(port: int, path: str) -> str:
    """The cookie a scan of the paper leaves in the browser."""
    line = HTTPConnection("127.0.0.1", port)
    line.request("GET", path)
    cookies = line.getresponse().getheader("Set-Cookie", "")
    line.close()
    return cookies.partition(";")[0]


def _load(port: int, path: str, cookie: str, shows: str) -> float:
    """Requests a second from a few clients on loopback, for a few seconds."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    request = f"{head}Cookie: {cookie}\r\n\r\n".encode()
    with Pool(_CLIENTS) as pool:
        counts = pool.starmap(_ask, [(port, request, shows.encode(), _SECONDS)] * _CLIENTS)
    return sum(counts) / _SECONDS


def _ask(port: int, request: bytes, shows: bytes, for_seconds: float) -> int:
    count, end = 0, time.perf_counter() + for_seconds
    while time.perf_counter() < end:
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(request)
            answer = b"".join(iter(lambda: line.recv(65536), b""))
        if not answer.startswith(b"HTTP/1.1 200") or shows not in answer:
            raise SystemExit(f"port {port} answered {answer[:80]!r}")
        count += 1
    return count
