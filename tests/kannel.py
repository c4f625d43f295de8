"""Kannel as it is deployed, with its fakesmsc in the carrier's place; and a line that can stall."""

import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

import pytest

from tests.test_serving import ROOT

PASSWORD, SECRET = "g4teway-passw0rd", "k4nnelk4nnelk4nnel"
USER, SENDER = "daylight", "10690000"
_BY_ITSELF = 0
_FAKESMSC = Path("/usr/lib/kannel/test/fakesmsc")
_SBIN = f"{os.environ['PATH']}:/usr/sbin"
_GOT = re.compile(r"Got message \d+: <(\S+) (\S+) (.*)>$", re.M)
_PART = re.compile(r"udh %05%00%03(%..|.)%02%0(\d) data (.*)")
_CARRIER = """group = smsc
smsc = fake
smsc-id = carrier
port = {port}
our-host = 127.0.0.1
"""


class Relay:
    """A line to another port that can be made to stall.

    ``mode`` is pass, deaf (what is asked goes no further, before `wake`), mute (it does, but no
    answer comes back) or twice (it is asked twice). ``asked`` holds the requests as they came.
    """

    def __init__(self, target: int = 0) -> None:
        self.target, self.mode = target, "pass"
        self.asked: Queue[bytes] = Queue()
        self._awake = threading.Event()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self._guests: list[threading.Thread] = []
        self._host = threading.Thread(target=self._welcome)
        self._host.start()

    def wake(self) -> None:
        """Pass on what a deaf line has held back, and whatever comes."""
        self.mode = "pass"
        self._awake.set()

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._host.join()
        self._door.close()
        for guest in self._guests:
            guest.join(30)

    def _welcome(self) -> None:
        while True:
            try:
                line, _ = self._door.accept()
            except OSError:
                return
            guest = threading.Thread(target=self._serve, args=(line,))
            self._guests = [one for one in self._guests if one.is_alive()] + [guest]
            guest.start()

    def _serve(self, line: socket.socket) -> None:
        with line, suppress(OSError):
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                if not (more := line.recv(65536)):
                    return
                request += more
            mode = self.mode
            self.asked.put(request)
            while mode == "deaf" and not self._awake.wait(0.02):
                if select.select([line], [], [], 0)[0]:
                    return  # whoever asked has given up
            self._pass_on(line, request, mode)
            if mode == "mute":
                line.recv(1)  # until whoever asked gives up

    def _pass_on(self, line: socket.socket, request: bytes, mode: str) -> None:
        answer = b""
        for _ in range(2 if mode == "twice" else 1):
            with socket.create_connection(("127.0.0.1", self.target), timeout=30) as far:
                far.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                answer = b"".join(iter(lambda: far.recv(65536), b""))
        if mode != "mute":
            line.sendall(answer)


@dataclass
class Kannel:
    """Kannel's boxes on ports of their own. What they are asked goes through ``line``, what they
    ask of the application through ``back``."""

    folder: Path
    line: Relay = field(default_factory=Relay)
    back: Relay = field(default_factory=Relay)
    _running: dict[str, "subprocess.Popen[Any]"] = field(default_factory=dict)
    _core_port: int = field(default_factory=lambda: _free_port())
    _carrier_port: int = field(default_factory=lambda: _free_port())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.line.port}/cgi-bin/sendsms"

    @property
    def straight_url(self) -> str:
        """Past the line, to be refused where nobody listens."""
        return f"http://127.0.0.1:{self.line.target}/cgi-bin/sendsms"

    @property
    def back_url(self) -> str:
        return f"http://127.0.0.1:{self.back.port}"

    def configure(self) -> None:
        """The file of deploy/: ports, folders, secrets, pace and the carrier are the test's."""
        self.line.target = _free_port()
        written = (ROOT / "deploy" / "kannel.conf").read_text(encoding="utf-8")
        for ours, theirs in {
            "admin-port = 13000": f"admin-port = {_free_port()}",
            "-port = 13001": f"-port = {self._core_port}",
            "sendsms-port = 13013": f"sendsms-port = {self.line.target}",
            "127.0.0.1:8000": f"127.0.0.1:{self.back.port}",
            "/var/(spool|log)/kannel": str(self.folder),
            "CHANGE-ME-PASSWORD": PASSWORD,
            "CHANGE-ME-SECRET": SECRET,
            "http-queue-delay = 30": "http-queue-delay = 1",
            r"group = smsc\n(.+\n)+": _CARRIER.format(port=self._carrier_port),
        }.items():
            written, found = re.subn(ours, theirs, written)
            assert found, ours
        for name in ("texts", "reports"):
            (self.folder / name).mkdir()
        (self.folder / "kannel.conf").write_text(written, encoding="utf-8")

    def start(self) -> None:
        self._run("bearerbox", "bearerbox", "-v", "4", "kannel.conf")
        until(lambda: _is_open(self._carrier_port) and _is_open(self._core_port))
        self._connect_carrier("0", "nobody nobody text nothing")
        until(self._has_smsbox)

    def _has_smsbox(self) -> bool:
        """Whether the box is connected. It panics when it is asked before that; what Debian runs
        it under then starts it again."""
        box = self._running.get("smsbox")
        if box is None or box.poll() is not None:
            self._run("smsbox", "smsbox", "-v", "4", "kannel.conf")
        return f"0100007F:{self._core_port:04X} 01" in _connections()

    def _connect_carrier(self, texts: str, text: str) -> None:
        self._end("fakesmsc")
        port = str(self._carrier_port)
        fake = (str(_FAKESMSC), "-H", "127.0.0.1", "-r", port, "-i", "0", "-v", "0", "-m", texts)
        self._run("fakesmsc", *fake, text)

    def _run(self, name: str, *command: str) -> None:
        program = shutil.which(command[0], path=_SBIN)
        assert program
        with (self.folder / f"{name}.out").open("ab") as out:
            self._running[name] = subprocess.Popen(
                [program, *command[1:]], cwd=self.folder, stdout=out, stderr=out
            )

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End all of it; ``how`` may be SIGKILL. What is on the way to the carrier arrives."""
        self._end("bearerbox", how)
        self._end("smsbox", how)
        self._end("fakesmsc", _BY_ITSELF)

    def _end(self, name: str, how: int = signal.SIGTERM) -> None:
        box = self._running.pop(name, None)
        if box is None:
            return
        box.send_signal(how)
        try:
            box.wait(10)
        except subprocess.TimeoutExpired:
            box.kill()
            box.wait()

    def reply(self, sender: str, text: str) -> None:
        """A phone writes to the number it had texts from."""
        self._connect_carrier("1", f"{sender} {SENDER} ucs2 {quote(text.encode('utf-16-be'))}")

    def received(self) -> list[tuple[str, str]]:
        """The texts that phones got, with their numbers; one of two segments is one."""
        texts: dict[object, tuple[str, str]] = {}
        log = (self.folder / "fakesmsc.out").read_text("utf-8", "replace")
        for place, (_, number, told) in enumerate(_GOT.findall(log)):
            if part := _PART.fullmatch(told):
                begun = texts.pop((number, part[1]), (number, "")) if part[2] != "1" else ("", "")
                texts[number, part[1]] = (number, begun[1] + _said(part[3]))
            else:
                kind, _, said = told.partition(" ")
                texts[place] = (number, said if kind == "text" else _said(said))
        return list(texts.values())

    def logs(self) -> str:
        """All that the boxes wrote down."""
        files = [*self.folder.glob("*.log"), *self.folder.glob("*box.out")]
        return "".join(file.read_text("utf-8", "replace") for file in files)


def _said(written: str) -> str:
    return unquote_to_bytes(written.replace("+", " ")).decode("utf-16-be")


def _free_port() -> int:
    """A port that nobody listens on, nor is given for a connection of his own while it is idle."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _is_open(port: int) -> bool:
    """Whether somebody listens on a port of loopback; he is not made to notice."""
    return f"0100007F:{port:04X} 00000000:0000 0A" in _connections()


def _connections() -> str:
    """Local and remote address and state of each."""
    return Path("/proc/net/tcp").read_text("ascii")


def until(happens: Callable[[], Any], seconds: float = 30) -> None:
    """Wait until something has happened."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@contextmanager
def running(folder: Path) -> Iterator[Kannel]:
    """Kannel up and running."""
    if not (_FAKESMSC.exists() and shutil.which("bearerbox", path=_SBIN)):
        pytest.skip("Kannel is not installed (kannel, kannel-extras)")
    kannel = Kannel(folder)
    kannel.configure()
    try:
        kannel.start()
        yield kannel
    finally:
        kannel.stop(signal.SIGKILL)
        kannel.line.close()
        kannel.back.close()


def port_of(url: str) -> int:
    """The port of an address."""
    return urlsplit(url).port or 80
