"""The settings: what a program must not start with, and keys that stand apart."""

import re
import secrets
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lookup.config import Config
from lookup.errors import ConfigError

KEY = secrets.token_hex(32)
PURPOSES = ("token", "cookie", "form", "sealing", "finding")


def _read(**settings: str) -> Config:
    return Config.read({"SECRET_KEYS": KEY} | settings)


def _address(url: str) -> Config:
    return _read(PUBLIC_URL=url)


# Keys


@pytest.mark.parametrize("written", ["", " ", ",", " , ,"])
def test_without_a_key_nothing_starts(written: str) -> None:
    with pytest.raises(ConfigError, match="SECRET_KEYS is not set"):
        _read(SECRET_KEYS=written)
    with pytest.raises(ConfigError, match=r"secrets\.token_hex\(32\)"):
        Config.read({})


@pytest.mark.parametrize("weak", ["secret", "a" * 64, "ab" * 40, "0123456789abcdef0123456789abcde"])
def test_a_weak_key_is_refused_by_its_place_and_not_repeated(weak: str) -> None:
    with pytest.raises(ConfigError, match="Key 2 of SECRET_KEYS is weak") as caught:
        _read(SECRET_KEYS=f"{KEY},{weak}")
    assert weak not in caught.value.text.both()
    assert "第 2 个密钥" in caught.value.text.zh


def test_keys_are_read_oldest_first_without_their_margins() -> None:
    newer = secrets.token_hex(32)
    assert _read(SECRET_KEYS=f" {KEY} ,{newer}\n").secret_keys == (KEY, newer)


def test_each_purpose_has_keys_of_its_own_from_each_secret() -> None:
    config = _read(SECRET_KEYS=f"{KEY},{secrets.token_hex(32)}")
    keys = [key for purpose in PURPOSES for key in config.keys(purpose)]
    assert len(set(keys)) == 2 * len(PURPOSES)
    assert {len(key) for key in keys} == {32}


def test_a_key_outlives_the_coming_and_going_of_others() -> None:
    (alone,) = _read().keys("token")
    assert _read(SECRET_KEYS=f"{KEY},{secrets.token_hex(32)}").keys("token")[0] == alone
    assert _read(SECRET_KEYS=f"{secrets.token_hex(32)},{KEY}").keys("token")[1] == alone


def test_keys_are_derived_as_hkdf_does() -> None:
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=b"daylight", info=b"sealing")
    assert _read().keys("sealing") == [hkdf.derive(KEY.encode())]


def test_a_secret_kept_for_papers_serves_no_other_purpose() -> None:
    newer = secrets.token_hex(32)
    both, kept = _read(SECRET_KEYS=f"{KEY},{newer}"), _read(SECRET_KEYS=f"papers: {KEY},{newer}")
    assert kept.keys("token") == both.keys("token")
    for purpose in PURPOSES[1:]:
        assert kept.keys(purpose) == both.keys(purpose)[1:]


def test_a_secret_kept_for_papers_must_be_strong_and_not_the_newest() -> None:
    with pytest.raises(ConfigError, match="Key 1 of SECRET_KEYS is weak"):
        _read(SECRET_KEYS=f"papers:{KEY[:31]},{KEY}")
    for written in (f"papers:{KEY}", f"{KEY},papers:{KEY}"):
        with pytest.raises(ConfigError, match="add a new key behind it") as caught:
            _read(SECRET_KEYS=written)
        assert KEY not in caught.value.text.both()


def test_no_secret_shows_where_the_settings_are_printed() -> None:
    config = _read(DATABASE_URL="postgresql://daylight:s3cret@db.example.cn/daylight")
    assert KEY not in repr(config)
    assert "s3cret" not in repr(config)
    assert config.database_url.endswith("@db.example.cn/daylight")


# Secrets in files


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    keys, database = tmp_path / "keys", tmp_path / "database"
    keys.write_text(f"{KEY}\n", encoding="utf-8-sig")
    database.write_text("postgresql://db.example.cn/daylight\n")
    config = Config.read({"SECRET_KEYS_FILE": str(keys), "DATABASE_URL_FILE": str(database)})
    assert config.secret_keys == (KEY,)
    assert config.database_url == "postgresql://db.example.cn/daylight"


def test_a_secrets_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing", tmp_path, blob):
        with pytest.raises(ConfigError, match="SECRET_KEYS_FILE") as caught:
            Config.read({"SECRET_KEYS_FILE": str(path)})
        assert str(path) in caught.value.text.zh


@pytest.mark.parametrize("name", ["SECRET_KEYS", "DATABASE_URL"])
def test_an_empty_secrets_file_never_means_the_default(tmp_path: Path, name: str) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")
    with pytest.raises(ConfigError, match=f"{name}_FILE names .*, which is empty"):
        _read(**{f"{name}_FILE": str(empty)})


# The public address


@pytest.mark.parametrize(
    ("written", "url", "host"),
    [
        ("https://daylight.example.cn", "https://daylight.example.cn", "daylight.example.cn"),
        (" HTTPS://Daylight.Example.CN/ ", "https://daylight.example.cn", "daylight.example.cn"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000", "[::1]:8000"),
    ],
)
def test_the_public_address_is_kept_in_lower_case_without_an_end(
    written: str, url: str, host: str
) -> None:
    config = _address(written)
    assert (config.public_url, config.host) == (url, host)
    assert config.is_https == url.startswith("https")


@pytest.mark.parametrize(
    "bad",
    [
        "daylight.example.cn",
        "//daylight.example.cn",
        "ftp://daylight.example.cn",
        "https://",
        "https://:8000",
        "https://daylight.example.cn/lookup",
        "https://daylight.example.cn?a=1",
        "https://daylight.example.cn?",
        "https://daylight.example.cn#top",
        "https://user:word@daylight.example.cn",
        "https://@daylight.example.cn",
        "https://daylight.example.cn:port",
        "https://daylight.example.cn:99999",
        "https://daylight.example.cn:",
        "https://daylight..example.cn",
        "https://day light.example.cn",
        "https://daylight.example.cn\\x",
        "https://[::1",
        "https://日光.example.cn",
        "https://daylight.example.cn\n.evil.example",
    ],
)
def test_an_address_that_no_phone_could_open_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError, match="PUBLIC_URL") as caught:
        _address(bad)
    assert "https://daylight.example.gov.cn" in caught.value.text.en


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("http://daylight.example.cn", True),
        ("http://localhost.example.cn", True),
        ("https://daylight.example.cn", False),
        ("http://localhost:5000", False),
        ("http://127.0.0.1", False),
        ("http://[::1]", False),
        ("http://[::1]:8000", False),
    ],
)
def test_plain_http_is_exposed_everywhere_but_on_loopback(url: str, exposed: bool) -> None:
    assert _address(url).is_exposed_plain == exposed


# The rest


def test_what_is_not_set_has_its_default() -> None:
    config = _read(BUREAU_NAME="", KINDS_FILE="", TRUSTED_PROXIES="", PURGE_AFTER_DAYS="")
    assert config.purge_after_days == 3 * 365
    assert config.database_url.startswith("sqlite:////")
    assert config.public_url == "http://127.0.0.1:8000"
    assert (config.bureau_name, config.kinds_file, config.proxies) == ("公安局", None, 0)


def test_what_is_set_is_read() -> None:
    config = _read(
        BUREAU_NAME="蓉江市公安局",
        KINDS_FILE="/etc/kinds.toml",
        CALENDAR_FILE="/etc/days.toml",
        REGISTER_FILE="/etc/register.toml",
        TRUSTED_PROXIES="2",
        PURGE_AFTER_DAYS="30",
    )
    assert config.purge_after_days == 30
    assert (config.bureau_name, config.proxies) == ("蓉江市公安局", 2)
    files = (config.kinds_file, config.calendar_file, config.register_file)
    assert files == tuple(map(Path, ("/etc/kinds.toml", "/etc/days.toml", "/etc/register.toml")))


@pytest.mark.parametrize("bad", ["-1", "two", "1.5", "100", "２"])
def test_a_number_of_proxies_that_is_none_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError, match="TRUSTED_PROXIES"):
        _read(TRUSTED_PROXIES=bad)


@pytest.mark.parametrize("bad", ["29", "0", "-30", "three years", "365.0", "36501", "9" * 5000])
def test_a_time_after_which_people_are_forgotten_is_neither_short_nor_endless(bad: str) -> None:
    with pytest.raises(ConfigError, match=r"PURGE_AFTER_DAYS .* from 30 to 36500"):
        _read(PURGE_AFTER_DAYS=bad)


# The text gateway

GATEWAY = {
    "SMS_URL": "http://127.0.0.1:13013/cgi-bin/sendsms",
    "SMS_USER": "daylight",
    "SMS_PASSWORD": "a password of the gateway",
    "SMS_SECRET": "Secret0123456789",
}


def test_a_bureau_without_a_gateway_needs_none_of_its_settings() -> None:
    assert _read().sms_url == ""


def test_the_gateways_settings_are_read_and_its_secrets_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("out of a file\n")
    read = _read(**GATEWAY | {"SMS_PASSWORD": "", "SMS_PASSWORD_FILE": str(file)})
    assert (read.sms_url, read.sms_user) == (GATEWAY["SMS_URL"], "daylight")
    assert (read.sms_password, read.sms_secret) == ("out of a file", GATEWAY["SMS_SECRET"])
    assert "out of a file" not in repr(read)
    assert GATEWAY["SMS_SECRET"] not in repr(read)


@pytest.mark.parametrize("missing", ["SMS_USER", "SMS_PASSWORD", "SMS_SECRET"])
def test_half_a_gateway_is_refused_by_what_is_missing(missing: str) -> None:
    with pytest.raises(ConfigError, match=f"{missing} is not"):
        _read(**GATEWAY | {missing: ""})


@pytest.mark.parametrize("name", ["SMS_URL", "SMS_CALLBACK_URL"])
@pytest.mark.parametrize("bad", ["gateway:13013", "http://", "http://gateway:99999", "http://[::1"])
def test_a_gateways_address_is_a_web_address(name: str, bad: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} “{re.escape(bad)}” is no address"):
        _read(**GATEWAY | {name: bad})


@pytest.mark.parametrize("weak", ["short", "with spaces in it !", "鸟" * 20, "a&b=c" * 5])
def test_a_secret_that_cannot_stand_in_an_address_is_refused_and_not_repeated(weak: str) -> None:
    with pytest.raises(ConfigError, match="SMS_SECRET needs") as caught:
        _read(**GATEWAY | {"SMS_SECRET": weak})
    assert weak not in caught.value.text.both()


@pytest.mark.parametrize(
    ("written", "hours"),
    [("21-8", (21, 8)), (" 0-6 ", (0, 6)), ("22-24", (22, 0)), ("", None), ("  ", None)],
)
def test_quiet_hours_are_from_and_until_an_hour_or_never(
    written: str, hours: tuple[int, int] | None
) -> None:
    assert _read(SMS_QUIET_HOURS=written).sms_quiet_hours == hours


def test_nights_are_quiet_unless_the_bureau_says_otherwise() -> None:
    assert _read().sms_quiet_hours == (21, 8)


@pytest.mark.parametrize(
    "bad", ["21", "21-25", "8-8", "0-24", "21:00-8:00", "nine-five", "２１-８"]
)
def test_quiet_hours_that_are_none_are_refused(bad: str) -> None:
    with pytest.raises(ConfigError, match="SMS_QUIET_HOURS"):
        _read(SMS_QUIET_HOURS=bad)
