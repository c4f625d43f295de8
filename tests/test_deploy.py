"""The files of deploy/ as they are: the real proxy before the real application, the nightly job."""

import gzip
import os
import re
import shutil
import socket
import ssl
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPMessage, HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app import create_app
from lookup.bureau import Bureau
from lookup.issues import link
from lookup.reckoning import refresh
from tests.office import PASSWORD, hire
from tests.public_cases import days_ago, put
from tests.test_serving import ROOT, Site, free_port, serving

DEPLOY = ROOT / "deploy"
NAME = "daylight.example.gov.cn"
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
PACKED = {"Accept-Encoding": "gzip"}
SQLITE_ALONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

Answer = tuple[int, HTTPMessage, bytes]


class _Line(HTTPSConnection):
    """A connection to loopback that asks for the site by its name."""

    def __init__(self, name: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(name, port)
        self.context = context

    def connect(self) -> None:
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        self.sock = self.context.wrap_socket(raw, server_hostname=self.host)


@dataclass
class Proxy:
    """A running nginx: its ports, its folder, and the cookies of one browser."""

    http: int
    https: int
    folder: Path
    cookies: dict[str, str]

    def ask(self, path: str, name: str = NAME, *, head: dict[str, str], **form: str) -> Answer:
        """One request over TLS: a post where there is a form."""
        trusted = ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))
        sent = {"Host": name, "Cookie": "; ".join(map("=".join, self.cookies.items()))} | head
        answer = _ask(_Line(name, self.https, trusted), path, sent, form)
        for cookie in answer[1].get_all("Set-Cookie") or ():
            key, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[key] = value
        return answer

    def get(self, path: str, name: str = NAME, **head: str) -> Answer:
        return self.ask(path, name, head=head)

    @property
    def logs(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))


def _ask(line: HTTPConnection, path: str, head: dict[str, str], form: dict[str, str]) -> Answer:
    if form:
        head = head | {"Content-Type": "application/x-www-form-urlencoded"}
    line.request("POST" if form else "GET", path, urlencode(form) or None, head)
    answer = line.getresponse()
    found = answer.status, answer.headers, answer.read()
    line.close()
    return found


@contextmanager
def proxying(site: Site, folder: Path) -> Iterator[Proxy]:
    """nginx with the file of deploy/: only ports, folders and the certificate are the test's."""
    if NGINX is None:
        pytest.skip("nginx is not installed")
    proxy = Proxy(free_port(), free_port(), folder, {})
    _write_certificate(folder)
    written = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    for ours, theirs in {
        r"listen \[::\]:\d+.*;": "",
        "listen 80": f"listen 127.0.0.1:{proxy.http}",
        "listen 443": f"listen 127.0.0.1:{proxy.https}",
        "127.0.0.1:8000": f"127.0.0.1:{site.port}",
        "/etc/daylight/tls|/var/log/nginx": str(folder),
        "/opt/daylight/deploy": str(DEPLOY),
    }.items():
        written, found = re.subn(ours, theirs, written)
        assert found, ours
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "whole.conf").write_text(
        f"{'user root;' if os.getuid() == 0 else ''} daemon off; pid {folder}/pid;"
        f"error_log {folder}/nginx.log; events {{}} http {{ {paths} gzip on;\n{written}\n}}",
        encoding="utf-8",
    )
    command = [NGINX, "-c", str(folder / "whole.conf"), "-e", str(folder / "nginx.log")]
    running = subprocess.Popen(command)
    try:
        _wait_until_up(proxy)
        yield proxy
    finally:
        running.terminate()
        running.wait()


def _wait_until_up(proxy: Proxy) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", proxy.https), timeout=5).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail(proxy.logs)


def _write_certificate(folder: Path) -> None:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    names = x509.SubjectAlternativeName([x509.DNSName(NAME)])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@contextmanager
def in_service(bureau: Bureau, folder: Path) -> Iterator[tuple[Site, Proxy]]:
    settings = {"PUBLIC_URL": f"https://{NAME}", "TRUSTED_PROXIES": "1"}
    with serving(bureau, folder, **settings) as site, proxying(site, folder) as proxy:
        yield site, proxy


@SQLITE_ALONE
def test_a_scan_passes_the_proxy_and_no_log_holds_its_secret(
    bureau: Bureau, tmp_path: Path
) -> None:
    token = link(bureau, put(bureau, "A5101", days_ago(2))).rpartition("/")[2]
    with in_service(bureau, tmp_path) as (site, proxy):
        _, _, plain = _ask(HTTPConnection("127.0.0.1", proxy.http), f"/r/{token}", {}, {})
        assert b"301" in plain
        status, head, _ = proxy.get(f"/r/{token}?from=secret")
        assert (status, head["Location"]) == (303, "/case")
        assert head["Strict-Transport-Security"]
        assert list(proxy.cookies) == ["__Host-case"]
        status, head, page = proxy.get("/case", **PACKED)
        assert (status, head["Content-Encoding"]) == (200, "gzip")
        assert "A5101" in gzip.decompress(page).decode()
        assert proxy.get("/static/desk.js", **PACKED)[1]["Content-Encoding"] == "gzip"
        site.kill()
        status, head, page = proxy.get(f"/R/../r/{token}", Referer=f"https://{NAME}/")
        assert (status, head["Retry-After"]) == (502, "120")
        assert "系统正在维护" in page.decode() and "maintenance" in page.decode()
        assert proxy.get("/")[0] == 502
        assert proxy.get("/sms/inbound?from=secret")[0] == 404, "it is for the gateway alone"
        with pytest.raises(ssl.SSLError):
            proxy.get("/", "somebody.else.cn")
    logs = proxy.logs + site.log.read_text()
    assert "GET /r/... 303" in logs
    assert "Connection refused" in logs
    for secret in (token, *token.split("."), "from=secret", proxy.cookies["__Host-case"]):
        assert secret not in logs


@SQLITE_ALONE
def test_staff_log_in_through_the_proxy_from_their_own_address(
    bureau: Bureau, tmp_path: Path
) -> None:
    hire(bureau, "clerk", "desk_officer")
    with in_service(bureau, tmp_path) as (_, proxy):
        _, head, page = proxy.get("/login", **PACKED)
        assert head["Content-Encoding"] is None, "what staff see must not be packed"
        [token] = re.findall(r'name="csrf_token" value="([^"]+)"', page.decode())

        def log_in(origin: str) -> int:
            claims = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example"}
            form = {"csrf_token": token, "login": "clerk", "password": PASSWORD}
            return proxy.ask("/login", head=claims | {"Origin": origin}, **form)[0]

        assert log_in("https://evil.example") == 403
        assert log_in(f"https://{NAME}") == 303
        assert proxy.get("/account")[0] == 200
    assert [row["address"] for row in bureau.db.rows("SELECT address FROM session")] == [
        "127.0.0.1"
    ]
    assert PASSWORD not in proxy.logs


@SQLITE_ALONE
def test_the_nightly_job_keeps_backups_and_sees_a_record_that_was_cut(
    bureau: Bureau, tmp_path: Path
) -> None:
    refresh(bureau)
    put(bureau, "A5101", days_ago(2))
    kept = tmp_path / "kept"
    kept.mkdir()
    old = kept / "daylight-2020-01-01.backup"
    old.touch()
    os.utime(old, (0, 0))
    environment = os.environ | {
        "DATABASE_URL": bureau.config.database_url,
        "SECRET_KEYS": ",".join(bureau.config.secret_keys),
    }

    def nightly() -> int:
        command = [DEPLOY / "nightly", kept]
        return subprocess.run(command, env=environment, timeout=120).returncode

    assert nightly() == 0
    assert [file.suffix for file in sorted(kept.iterdir())] == [".backup", ".json"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept.iterdir()} == {0o600}
    head = (kept / "head.json").read_text()
    bureau.db.run("DELETE FROM trail_entry WHERE position > 3")
    bureau.db.run("UPDATE trail_head SET size = 4")
    assert nightly() == 1
    assert (kept / "head.json").read_text() == head


def test_the_files_of_deploy_name_only_commands_and_places_there_are(bureau: Bureau) -> None:
    app = create_app(bureau.config)
    texts = [file.read_text(encoding="utf-8") for file in DEPLOY.rglob("*") if file.is_file()]
    texts.append((ROOT / "docs" / "deploy.md").read_text(encoding="utf-8"))
    text = "\n".join(texts)
    commands = set(re.findall(r"\b(?:\$flask|flask|sudo daylight) ([a-z][a-z-]+)", text))
    assert {"backup", "restore", "doctor", "purge", "trail-head"} <= commands
    assert commands <= set(app.cli.commands) | {"db"}
    for place in set(re.findall(r"/opt/daylight/((?:deploy|docs)/[\w./-]+\w)", text)):
        assert (ROOT / place).exists(), place
