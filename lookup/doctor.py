"""What is misconfigured, and how to mend it: one sentence for each finding, in doctor.toml."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

from lookup.beijing import Moment, beijing_day, from_utc_text, start_of_day, utc_text
from lookup.bureau import Bureau
from lookup.config import ROOT, Config, bare
from lookup.errors import DaylightError, StorageError
from lookup.language import LANGUAGES, Text
from lookup.migrations import check_ready
from lookup.reckoning import is_current, refuse_orphans
from lookup.sentences import said_moment
from lookup.texts import TEMPLATES, compose
from lookup.toml_tables import read_toml
from lookup.trail import Head, head
from lookup.work import absent_since
from receipts.code import qr_code
from receipts.fonts import uncovered
from receipts.sheet import typeset

_SENTENCES = read_toml(Path(__file__).with_suffix(".toml"))
# Settings that may also be given as the name of a file that holds them.
_SECRETS = ("SECRET_KEYS", "DATABASE_URL", "SMS_PASSWORD", "SMS_SECRET")
_MEGABYTE = 1 << 20
_LEAST_FREE = 1024 * _MEGABYTE
_LARGEST_LOG = 256 * _MEGABYTE
# Decimal digits of the guesses that zxcvbn thinks enough: 32 random hexadecimal digits need 27.
_FEWEST_GUESSES = 25
_LONGEST_GUESSED = 72
# The longest clock with its extension, and the days off at its end.
_REACH = timedelta(days=75)
_FIRST_PASSWORD_DAYS = 7
# An entry may be made while this is looked at; more than a minute is a clock that is wrong.
_ADRIFT = timedelta(minutes=1)
_NEVER = Text("从未", "never")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong; ``name`` is its table in doctor.toml."""

    name: str
    is_serious: bool
    text: Text


def examine(
    bureau: Bureau, environ: Mapping[str, str], now: datetime, *, debug: bool
) -> list[Finding]:
    """All that is found wrong, the settings first. Nothing is written."""
    return [
        *_settings(bureau.config, debug),
        *_keys(bureau.config),
        *_files(bureau.config, environ),
        *_calendar(bureau, now),
        *_papers(bureau.config),
        *_database(bureau, now),
    ]


def _found(name: str, **values: str | int | Text) -> Finding:
    told = _SENTENCES[name]
    return Finding(name, told["serious"], Text(told["zh"], told["en"]).fill(**values))


def _settings(config: Config, debug: bool) -> Iterator[Finding]:
    wrong = {
        "debug_on": debug,
        "address_plain": config.is_exposed_plain,
        "address_loopback": config.is_loopback,
        "proxies_unset": config.is_https and not config.proxies,
        "bureau_unnamed": config.bureau_name == Config.bureau_name,
        "name_cut": any(config.bureau_name not in text for text in _texts_of(config)),
        "no_gateway": not config.sms_url,
        "encoding": sys.getfilesystemencoding() != "utf-8",
    }
    for name in (name for name, applies in wrong.items() if applies):
        yield _found(name, url=config.public_url, encoding=sys.getfilesystemencoding())


def _texts_of(config: Config) -> Iterator[str]:
    for template, language in product(TEMPLATES, LANGUAGES):
        yield compose(template, language, config.bureau_name, config.host, None)


def _keys(config: Config) -> Iterator[Finding]:
    from zxcvbn import zxcvbn

    demonstration = ROOT / "demo" / "env"
    known = demonstration.read_text() if os.access(demonstration, os.R_OK) else ""
    for place, key in enumerate(map(bare, config.secret_keys), 1):
        guesses = zxcvbn(key[:_LONGEST_GUESSED])["guesses_log10"]
        if key.isalpha() or key.isdigit() or guesses < _FEWEST_GUESSES:
            yield _found("key_guessable", place=place)
        if key in known:
            yield _found("key_of_demonstration", file=str(demonstration))


def _files(config: Config, environ: Mapping[str, str]) -> Iterator[Finding]:
    folder, database = config.export_folder, _database_file(config)
    if folder and not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        yield _found("export_folder", folder=str(folder))
    told = (environ.get(f"{name}_FILE") for name in _SECRETS)
    for file in [Path(name) for name in told if name] + ([database] if database else []):
        if os.access(file, os.F_OK) and _is_open_to_others(file):
            yield _found("secret_readable", file=str(file))
    if not database or not os.access(database, os.F_OK):
        return
    if (free := shutil.disk_usage(database).free) < _LEAST_FREE:
        yield _found("disk_full", folder=str(database.parent), free=free // _MEGABYTE)
    log = Path(f"{database}-wal")
    if log.exists() and (size := log.stat().st_size) > _LARGEST_LOG:
        yield _found("log_huge", file=str(log), size=size // _MEGABYTE)


def _database_file(config: Config) -> Path | None:
    """The SQLite file; None on PostgreSQL."""
    _, is_file, path = config.database_url.partition("sqlite:///")
    return Path(path).absolute() if is_file else None


def _is_open_to_others(file: Path) -> bool:
    """Whether users of other groups can read or write a file and get through to it."""
    passable = all(folder.stat().st_mode & 0o001 for folder in file.resolve().parents)
    return passable and bool(file.stat().st_mode & 0o006)


def _calendar(bureau: Bureau, now: datetime) -> Iterator[Finding]:
    this_year, soon = beijing_day(now).year, beijing_day(now + _REACH).year
    if not bureau.calendar.is_known(this_year):
        yield _found("calendar_missing", year=this_year)
    elif not bureau.calendar.is_known(soon):
        yield _found("calendar_next", year=soon)


def _papers(config: Config) -> Iterator[Finding]:
    lacking = _lacking(config.bureau_name)
    if lacking is None:
        yield _found("font_missing")
    if lacking:
        yield _found("font_lacks", characters=lacking)
    try:
        qr_code(config.public_url)
        typeset([], "a5", "pdf")
    except Exception as error:
        yield _found("paper_fails", reason=f"{type(error).__name__}: {error}")


def _lacking(text: str) -> str | None:
    """The characters that papers cannot show; None where the font itself cannot be read."""
    try:
        return "".join(uncovered(text))
    except Exception:  # whatever a file that is missing or broken may raise
        return None


def _database(bureau: Bureau, now: datetime) -> Iterator[Finding]:
    file = _database_file(bureau.config)
    if file and not os.access(file, os.F_OK):
        # Opening it would make it, and its owner might be the wrong one.
        yield _found("database_missing", file=str(file))
        return
    try:
        with bureau.db.transaction(reading=True):
            check_ready(bureau.db)
            for check in (_rules, _seals, _trail, _units, _staff, _texts):
                yield from check(bureau, now)
    except StorageError as error:
        yield Finding("database", True, error.text)


def _complaint(name: str, check: Callable[[], object]) -> Iterator[Finding]:
    """What a check that elsewhere ends a command has to say."""
    try:
        check()
    except DaylightError as error:
        yield Finding(name, True, error.text)


def _rules(bureau: Bureau, _: datetime) -> Iterator[Finding]:
    yield from _complaint("kind_missing", lambda: refuse_orphans(bureau))
    if not is_current(bureau):
        yield _found("rules_changed")


def _seals(bureau: Bureau, _: datetime) -> Iterator[Finding]:
    ends = bureau.db.rows(
        """SELECT name_sealed FROM party WHERE id IN
        (SELECT MIN(id) FROM party WHERE name_sealed <> '' UNION SELECT MAX(id) FROM party)"""
    )
    sealed = [party["name_sealed"] for party in ends]
    yield from _complaint("key_missing", lambda: list(map(bureau.seals.open, sealed)))


def _trail(bureau: Bureau, now: datetime) -> Iterator[Finding]:
    kept = head(bureau.db)
    last = bureau.db.row("SELECT * FROM trail_entry ORDER BY position DESC LIMIT 1")
    if (last and kept != Head(last["position"] + 1, last["root"])) or (not last and kept.size):
        yield _found("trail_head")
    if last and last["at"] > utc_text(now + _ADRIFT):
        yield _found("clock_behind", now=utc_text(now), at=last["at"])


def _units(bureau: Bureau, _: datetime) -> Iterator[Finding]:
    units = bureau.db.rows("SELECT code, name, address, phone FROM unit ORDER BY code")
    if not units:
        yield _found("no_unit")
    if silent := [unit["code"] for unit in units if not unit["phone"]]:
        yield _found("unit_without_phone", count=len(silent), unit=silent[0])
    if lacking := _lacking("".join(unit["name"] + unit["address"] for unit in units)):
        yield _found("font_lacks", characters=lacking)


def _staff(bureau: Bureau, now: datetime) -> Iterator[Finding]:
    able = bureau.db.rows("SELECT * FROM staff WHERE disabled_at IS NULL ORDER BY login")
    if not any(one["role"] == "administrator" for one in able):
        yield _found("no_administrator")
    long_ago = utc_text(now - timedelta(days=_FIRST_PASSWORD_DAYS))
    for one in able:
        if one["must_change"] and one["created_at"] < long_ago:
            yield _found("first_password", login=one["login"], days=_FIRST_PASSWORD_DAYS)


def _texts(bureau: Bureau, now: datetime) -> Iterator[Finding]:
    since = absent_since(bureau, now)
    if since is not None:
        at = said_moment(Moment.of(from_utc_text(since))) if since else _NEVER
        yield _found("no_worker", at=at)
    today = beijing_day(now)
    [ill] = bureau.db.rows(
        """SELECT COUNT(*) AS texts, (SELECT COUNT(*) FROM duty_text
            WHERE state IN ('failed', 'unknown') AND day = :day) AS duty FROM message
        WHERE state IN ('failed', 'unknown') AND settled_at >= :today""",
        today=utc_text(start_of_day(today)),
        day=today.isoformat(),
    )
    if ill["texts"]:
        yield _found("texts_failed", count=ill["texts"])
    if ill["duty"]:
        yield _found("duty_failed", count=ill["duty"])
