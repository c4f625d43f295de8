"""The application as gunicorn serves it: what its logs hold, what survives its sudden end."""

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from lookup.bureau import Bureau
from lookup.feedback import ratings_of
from lookup.issues import link
from lookup.trail import verify
from tests.public_cases import days_ago, put, site_of

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Site:
    """A running server: its port, its log, and the way to end it without a warning."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def ask(self, method: str, path: str, cookie: str = "", **form: str) -> tuple[int, str, str]:
        """Status, cookie and body of one request."""
        line = HTTPConnection("127.0.0.1", self.port, timeout=20)
        head = {"Cookie": cookie} | (
            {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        )
        line.request(method, path, urlencode(form), head)
        answer = line.getresponse()
        body = answer.read().decode("utf-8", "replace")
        line.close()
        return answer.status, answer.getheader("Set-Cookie", "").partition(";")[0], body

    def kill(self) -> None:
        """End master and workers at once, as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def serving(bureau: Bureau, folder: Path, *options: str, **settings: str) -> Iterator[Site]:
    """The application of a bureau on a port of its own; ``settings`` are the environment's."""
    port = free_port()
    environment = os.environ | {
        "DATABASE_URL": bureau.config.database_url,
        "SECRET_KEYS": ",".join(bureau.config.secret_keys),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        **settings,
    }
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "app:create_app()"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    site = Site(port, folder / "log", process)
    try:
        _wait_until_up(site)
        yield site
    finally:
        if process.poll() is None:
            site.kill()


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(site: Site) -> None:
    for _ in range(200):
        try:
            if site.ask("GET", "/healthz")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(site.log.read_text())


def _form(page: str) -> str:
    found = re.search(r'name="form" value="([^"]+)"', page)
    assert found
    return found[1]


def test_no_log_line_of_a_journey_holds_the_token(bureau: Bureau, tmp_path: Path) -> None:
    token = link(bureau, put(bureau, "A5101", days_ago(2))).rpartition("/")[2]
    options = ("--log-level", "debug", "--access-logfile", "-")
    told = "secret=k4nnel%2Bsecret%2B1234&from=%2B8619900000001&to=1&text=%E4%BD%A0%E5%A5%BD&id=i7"
    with serving(bureau, tmp_path, *options, SMS_SECRET="k4nnelsecret1234") as site:
        for path in ("inbound", "delivery"):
            site.ask("GET", f"/sms/{path}?{told}")
            site.ask("GET", f"/sms/{path}?{told.replace('%2B', '')}&status=1")
        _, cookie, _ = site.ask("GET", f"/r/{token}")
        _, _, page = site.ask("GET", "/case", cookie)
        site.ask("POST", "/case/comments", cookie, form=_form(page), body="谢谢")
        for method, path in (("GET", f"/r/{token}x"), ("POST", f"/r/{token}"), ("HEAD", "/r/")):
            site.ask(method, path)
        site.ask("GET", "/case/receipt.pdf", cookie)
    log = site.log.read_text()
    assert "GET /r/…" in log
    assert "/case/comments" in log
    assert "GET /sms/inbound?…" in log
    texts = ("k4nnel", "1990000", "%E4%BD", "你好", "i7&")
    for secret in (token, *token.split("."), cookie.partition("=")[2], _form(page), *texts):
        assert secret not in log


def test_the_development_servers_log_holds_no_token_either(
    bureau: Bureau, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        site_of(bureau)
        logging.getLogger("werkzeug").info('"%s" %s', "GET /r/abc.def HTTP/1.1", 303)
    assert caplog.messages[-1] == '"GET /r/… HTTP/1.1" 303'


def test_a_rating_answered_with_success_survives_a_sudden_end(
    bureau: Bureau, tmp_path: Path
) -> None:
    issue = put(bureau, "A5101", days_ago(2))
    token = link(bureau, issue).rpartition("/")[2]
    with serving(bureau, tmp_path) as site:
        _, cookie, _ = site.ask("GET", f"/r/{token}")
        _, _, page = site.ask("GET", "/case", cookie)
        status, _, _ = site.ask(
            "POST", "/case/ratings", cookie, form=_form(page), step="intake", level="2"
        )
        site.kill()
    assert status == 303
    assert ratings_of(bureau.db, issue["party_id"])["intake"]["level"] == 2
    assert verify(bureau.db) == []


def test_a_bad_setting_ends_the_server_with_one_sentence(tmp_path: Path) -> None:
    environment = os.environ | {"SECRET_KEYS": "short"}
    command = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", "app:create_app()"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=60)
    said = (ended.stdout + ended.stderr).decode()
    assert ended.returncode != 0
    assert "SECRET_KEYS is weak" in said
    assert "Traceback" not in said
