"""What the doctor names, and that it is silent where all is well."""

import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from app import create_app
from lookup import doctor
from lookup.beijing import utc_text
from lookup.bureau import Bureau, open_bureau
from lookup.config import Config
from lookup.doctor import Finding, examine
from lookup.reckoning import refresh
from lookup.toml_tables import read_toml
from tests.office import BUREAU, hire
from tests.public_cases import days_ago, put

ROOT = Path(__file__).resolve().parent.parent
SENTENCES = read_toml(ROOT / "lookup" / "doctor.toml")
# Later than what the tests write, however long the whole suite has run by then.
NOW = datetime.now(UTC) + timedelta(hours=1)
CALENDAR = "".join(
    f'[{year}]\nholidays = ["{year}-01-01"]\nworkdays = []\n' for year in (NOW.year, NOW.year + 1)
)


NOWHERE = Config(
    database_url="sqlite:////missing/daylight.db",
    secret_keys=(secrets.token_hex(32),),
    public_url="https://daylight.example.cn",
    bureau_name="蓉江市公安局",
    proxies=1,
    sms_url="http://127.0.0.1:13013/cgi-bin/sendsms",
    sms_quiet_hours=None,
)


@pytest.fixture
def sound(bureau: Bureau, tmp_path: Path) -> Iterator[Bureau]:
    """A bureau fit for service."""
    calendar = tmp_path / "calendar.toml"
    calendar.write_text(CALENDAR, encoding="utf-8")
    settings = replace(NOWHERE, database_url=bureau.config.database_url, calendar_file=calendar)
    opened = open_bureau(replace(settings, secret_keys=bureau.config.secret_keys))
    refresh(opened)
    hire(opened, "admin", "administrator", BUREAU)
    put(opened, "A-1", days_ago(2))
    opened.db.run("INSERT INTO job (name, at) VALUES ('worker', :at)", at=utc_text(NOW))
    yield opened
    opened.db.close()


def names(found: list[Finding]) -> list[str]:
    return [one.name for one in found]


def look(bureau: Bureau, now: datetime = NOW, **environ: str) -> list[str]:
    return names(examine(bureau, environ, now, debug=False))


def look_with(now: datetime = NOW, **settings: Any) -> set[str]:
    """What is found under these settings; that there is no database is left out."""
    config = replace(NOWHERE, **settings)
    return set(look(open_bureau(config), now)) - {"database_missing"}


def test_a_sound_bureau_gets_no_finding(sound: Bureau) -> None:
    before = sound.db.rows("SELECT * FROM trail_head")
    assert examine(sound, os.environ, NOW, debug=False) == []
    assert sound.db.rows("SELECT * FROM trail_head") == before


WRONG_SETTINGS: dict[str, dict[str, Any]] = {
    "key_guessable": {"secret_keys": ("change-me-change-me-change-me-please",)},
    "address_plain": {"public_url": "http://daylight.example.cn"},
    "address_loopback": {"public_url": "http://127.0.0.1:8000"},
    "proxies_unset": {"proxies": 0},
    "bureau_unnamed": {"bureau_name": Config.bureau_name},
    "font_lacks": {"bureau_name": "𪚥水县公安局"},
    "name_cut": {"bureau_name": "蓉江市公安局" * 20},
    "no_gateway": {"sms_url": ""},
    "paper_fails": {"public_url": f"https://{'x' * 1700}.cn"},
}


@pytest.mark.parametrize("name", WRONG_SETTINGS)
def test_a_wrong_setting_is_named(name: str) -> None:
    assert look_with(**WRONG_SETTINGS[name]) - look_with() == {name}


@pytest.mark.parametrize(
    "key", ["thequickbrownfoxjumpsoverthelazydog", "31415926535897932384626433832795"]
)
def test_a_key_of_letters_or_digits_alone_is_named(key: str) -> None:
    assert "key_guessable" in look_with(secret_keys=(key,))


def test_a_year_without_calendar_is_named_when_clocks_reach_into_it(tmp_path: Path) -> None:
    calendar = tmp_path / "calendar.toml"
    calendar.write_text('[2040]\nholidays = ["2040-01-01"]\nworkdays = []\n')
    for day, expected in (
        (datetime(2040, 6, 1, tzinfo=UTC), set()),
        (datetime(2040, 11, 1, tzinfo=UTC), {"calendar_next"}),
        (datetime(2041, 3, 1, tzinfo=UTC), {"calendar_missing"}),
    ):
        assert look_with(day, calendar_file=calendar) == expected


DAMAGES: dict[str, str] = {
    "kind_missing": "UPDATE cases SET kind = 'abolished'",
    "rules_changed": "UPDATE reckoning SET rules = 'of last year'",
    "trail_head": "UPDATE trail_head SET size = size + 1",
    "clock_behind": "UPDATE trail_entry SET at = '2999-01-01T00:00:00Z'",
    "unit_without_phone": "UPDATE unit SET phone = '' WHERE code = '5101040101'",
    "font_lacks": "UPDATE unit SET address = '𪚥村1号' WHERE code = '5101040101'",
    "no_administrator": "UPDATE staff SET disabled_at = '2026-01-01T00:00:00Z'",
    "first_password": "UPDATE staff SET must_change = 1, created_at = '2026-01-01T00:00:00Z'",
    "no_worker": "DELETE FROM job",
    "texts_failed": "UPDATE message SET state = 'unknown', settled_at = '2999-01-01T00:00:00Z'",
    "database": "INSERT INTO migration (number, name, applied_at) VALUES (99, 'new', 'then')",
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_wrong_in_the_database_is_named(sound: Bureau, name: str) -> None:
    sound.db.run(DAMAGES[name])
    assert look(sound) == [name]


def test_a_worker_is_missed_when_texts_are_due_or_a_day_has_passed(sound: Bureau) -> None:
    def look_after(minutes: int) -> list[str]:
        return look(sound, NOW + timedelta(minutes=minutes))

    assert (look_after(9), look_after(11)) == ([], ["no_worker"])
    sound.db.run("UPDATE message SET state = 'sent'")
    assert (look_after(11), look_after(24 * 60)) == ([], ["no_worker"])


def test_a_missing_key_is_named(sound: Bureau, with_keys: Callable[..., Bureau]) -> None:
    [key] = sound.config.secret_keys
    stranger = "".join(reversed(key))
    for keys, is_missing in (((stranger,), True), ((key, stranger), False)):
        reopened = with_keys(*keys)
        assert ("key_missing" in look(reopened)) == is_missing
        reopened.db.close()


def test_a_new_bureau_hears_what_comes_first(bureau: Bureau) -> None:
    bureau.db.run("DELETE FROM unit")
    assert {"no_unit", "no_administrator", "rules_changed"} <= set(look(bureau))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:////missing/daylight.db", "database_missing"),
        ("postgresql://127.0.0.1:1/daylight?connect_timeout=2", "database"),
    ],
)
def test_a_database_out_of_reach_is_named(url: str, name: str) -> None:
    assert look(open_bureau(replace(NOWHERE, database_url=url)))[-1] == name


@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "readable"),
    [(0o755, 0o644, 2), (0o755, 0o600, 0), (0o700, 0o644, 0)],
)
def test_files_that_others_can_read_are_named(
    folder_mode: int, file_mode: int, readable: int
) -> None:
    # Not below pytest's own folder, through which nobody else can get.
    with tempfile.TemporaryDirectory() as name:
        key, database, log = (Path(name, one) for one in ("key", "d.db", "d.db-wal"))
        for file in (key, database, log):
            file.touch()
            file.chmod(file_mode)
        os.truncate(log, 300 << 20)
        Path(name).chmod(folder_mode)
        bureau = open_bureau(replace(NOWHERE, database_url=f"sqlite:///{database}"))
        found = look(bureau, SECRET_KEYS_FILE=str(key))
        bureau.db.close()
    assert found.count("secret_readable") == readable
    assert "log_huge" in found


def test_the_key_of_the_demonstration_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "env").write_text(f"export SECRET_KEYS={NOWHERE.secret_keys[0]}\n")
    assert "key_of_demonstration" in look_with()


def test_the_command_fails_on_what_is_serious_alone(
    sound: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(replace(sound.config, bureau_name=Config.bureau_name))

    def run(*args: str) -> tuple[int, str]:
        result = app.test_cli_runner().invoke(args=["doctor", *args])
        return result.exit_code, result.output

    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert run() == (0, f"warning: {SENTENCES['bureau_unnamed']['en']}\n")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert run() == (0, f"提醒：{SENTENCES['bureau_unnamed']['zh']}\n")
    monkeypatch.setenv("FLASK_DEBUG", "1")
    code, told = run("--format", "json")
    assert code == 1
    assert [(one["name"], one["serious"]) for one in json.loads(told)] == [
        ("debug_on", True),
        ("bureau_unnamed", False),
    ]
    app.extensions["bureau"].db.close()


def test_a_machine_without_font_and_typesetter_still_has_its_doctor(tmp_path: Path) -> None:
    (tmp_path / "noto_cjk_sans_otc.py").write_text(
        "import pathlib\nFONT_PATH = pathlib.Path('/missing/font.ttc')\n"
    )
    (tmp_path / "typst.py").write_text("raise ImportError('libc is too old')\n")
    environ = os.environ | {
        "PYTHONPATH": f"{tmp_path}",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'd.db'}",
        "SECRET_KEYS": "0123456789abcdef0123456789abcdef",
        "FLASK_DEBUG": "1",
    }
    command = [sys.executable, "-m", "flask", "doctor", "--format", "json"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, timeout=60)
    found = {one["name"]: one["en"] for one in json.loads(done.stdout)}
    assert done.returncode == 1
    assert {"debug_on", "key_guessable", "address_loopback", "font_missing"} <= set(found)
    assert "libc is too old" in found["paper_fails"]
    assert not (tmp_path / "d.db").exists()


@pytest.mark.parametrize("name", SENTENCES)
def test_each_sentence_is_used_and_said_in_both_languages(name: str) -> None:
    sentence = SENTENCES[name]
    assert sentence.keys() == {"serious", "zh", "en"}
    code = (ROOT / "lookup" / "doctor.py").read_text(encoding="utf-8")
    assert re.search(rf'"{name}"', code)
    zh, en = ({f for _, f, _, _ in Formatter().parse(sentence[way]) if f} for way in ("zh", "en"))
    assert zh == en
