"""A bureau with the real gateway and the phones behind it: Kannel as deploy/kannel.conf sets it up,
with its fakesmsc in the carrier's place."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from lookup.bureau import Bureau
from lookup.database import Record
from lookup.work import Done, run
from tests.browsing import serve
from tests.kannel import PASSWORD, SECRET, USER, Kannel, port_of, running
from tests.public_cases import days_ago, put
from tests.test_serving import ROOT

PHONES = [f"199000000{place:02d}" for place in range(1, 31)]
FILED = {"step": "filing", "at": days_ago(1), "outcome": "filed"}


@dataclass
class Street:
    """A bureau, its gateway, and the phones behind it."""

    bureau: Bureau
    kannel: Kannel

    def tell(self, *phones: str) -> None:
        """Record a milestone in a case of each number."""
        for phone in phones:
            people = [{"role": "complainant", "name": "张三", "phone": phone}]
            in_charge: dict[str, Any] = {"officer": "王伟", "badge": "030774"}
            put(self.bureau, f"A{phone}", days_ago(2), [FILED], parties=people, **in_charge)

    def stall(self, mode: str) -> None:
        """From now on texts go to the gateway by a line that may stall."""
        self.kannel.line.mode = mode
        config = replace(self.bureau.config, sms_url=self.kannel.url)
        self.bureau = replace(self.bureau, config=config)

    def work(self, stop: threading.Event | None = None) -> Done:
        return run(self.bureau, True, stop or threading.Event())

    def worker(self) -> "subprocess.Popen[bytes]":
        """`flask work` in a process of its own."""
        config = self.bureau.config
        environment = os.environ | {
            "DATABASE_URL": config.database_url,
            "SECRET_KEYS": ",".join(config.secret_keys),
            "BUREAU_NAME": config.bureau_name,
            "SMS_URL": config.sms_url,
            "SMS_USER": USER,
            "SMS_PASSWORD": PASSWORD,
            "SMS_SECRET": SECRET,
            "SMS_CALLBACK_URL": config.sms_callback_url,
            "SMS_QUIET_HOURS": "",
        }
        with (self.kannel.folder / "work.log").open("ab") as log:
            command = [sys.executable, "-m", "flask", "work"]
            return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)

    def messages(self) -> list[Record]:
        return self.bureau.db.rows("SELECT * FROM message ORDER BY id")

    def states(self) -> list[str]:
        return [one["state"] for one in self.messages()]

    def make_due(self) -> None:
        self.bureau.db.run("UPDATE message SET due_at = made_at")

    def got(self) -> list[str]:
        """The numbers of the texts received, a number for each text."""
        return sorted(number for number, _ in self.kannel.received())


@pytest.fixture
def street(bureau: Bureau, tmp_path: Path) -> Iterator[Street]:
    """The bureau with the gateway, each reachable for the other; no log may tell of anybody."""
    with running(tmp_path) as kannel:
        config = replace(
            bureau.config,
            sms_url=kannel.straight_url,
            sms_user=USER,
            sms_password=PASSWORD,
            sms_secret=SECRET,
            sms_callback_url=kannel.back_url,
            sms_quiet_hours=None,
        )
        office = replace(bureau, config=config)
        with serve(office, threaded=False) as url:
            kannel.back.target = port_of(url)
            yield Street(office, kannel)
            kannel.stop(signal.SIGKILL)
    logs = kannel.logs()
    for private in ("19900", "%E6", "蓉江", "立案", SECRET, PASSWORD):
        assert private not in logs
