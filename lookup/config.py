"""The settings, read once from the environment into one frozen record."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lookup.errors import ConfigError
from lookup.language import Text

ROOT = Path(__file__).resolve().parent.parent
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_ADDRESS = re.compile(
    r"https?://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?"
)
_HIGHEST_PORT = 65535
_HOURS = re.compile(r"(\d{1,2})-(\d{1,2})", re.ASCII)
_SMS_SECRET = re.compile(r"[A-Za-z0-9]{16,200}")
# Marks a secret that is kept only so that papers signed with it can still be scanned.
_PAPERS_ONLY = "papers:"
_SHORTEST_KEY = 32
_FEWEST_DISTINCT = 10
_PROXIES = Text("前面反向代理的层数", "how many proxies stand in front")
_PURGE_AFTER = Text(
    "案件办结多少天后清除个人信息", "how many days after closure people are forgotten"
)


@dataclass(frozen=True)
class Config:
    """What the program was told about the bureau it serves. Secrets are kept out of ``repr``."""

    database_url: str = field(repr=False)
    secret_keys: tuple[str, ...] = field(repr=False)
    public_url: str = "http://127.0.0.1:8000"
    bureau_name: str = "公安局"
    kinds_file: Path | None = None
    calendar_file: Path | None = None
    register_file: Path | None = None
    service_file: Path | None = None
    oversight_file: Path | None = None
    export_folder: Path | None = None
    proxies: int = 0
    purge_after_days: int = 1095
    sms_url: str = ""
    sms_user: str = field(default="", repr=False)
    sms_password: str = field(default="", repr=False)
    sms_secret: str = field(default="", repr=False)
    sms_callback_url: str = ""
    sms_quiet_hours: tuple[int, int] | None = (21, 8)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Config":
        """Read and check the settings; raises ConfigError naming the one that is wrong."""
        return cls(
            database_url=_secret(environ, "DATABASE_URL") or f"sqlite:///{ROOT / 'daylight.db'}",
            secret_keys=_secret_keys(_secret(environ, "SECRET_KEYS")),
            public_url=_public_url(environ.get("PUBLIC_URL") or cls.public_url),
            bureau_name=environ.get("BUREAU_NAME") or cls.bureau_name,
            kinds_file=_path(environ, "KINDS_FILE"),
            calendar_file=_path(environ, "CALENDAR_FILE"),
            register_file=_path(environ, "REGISTER_FILE"),
            service_file=_path(environ, "SERVICE_FILE"),
            oversight_file=_path(environ, "OVERSIGHT_FILE"),
            export_folder=_path(environ, "EXPORT_FOLDER"),
            proxies=_whole(environ, "TRUSTED_PROXIES", cls.proxies, range(100), _PROXIES),
            purge_after_days=_whole(
                environ, "PURGE_AFTER_DAYS", cls.purge_after_days, range(30, 36501), _PURGE_AFTER
            ),
            **_sms(environ),
        )

    @property
    def is_https(self) -> bool:
        """Whether complainants reach the site over https."""
        return self.public_url.startswith("https://")

    @property
    def host(self) -> str:
        """The site's name as printed in large type on the paper."""
        return urlsplit(self.public_url).netloc

    @property
    def is_exposed_plain(self) -> bool:
        """Whether the public address is plain http on something else than loopback."""
        return not self.is_https and not self.is_loopback

    @property
    def is_loopback(self) -> bool:
        """Whether no other machine can reach the public address."""
        return urlsplit(self.public_url).hostname in _LOOPBACK

    def keys(self, purpose: str) -> list[bytes]:
        """One key for a purpose from each secret that serves it, oldest first.

        A secret kept for papers only serves the purpose "token" and no other. Derived as
        HKDF-SHA256 does (RFC 5869, one block), so that retiring the key of one purpose says
        nothing about another's.
        """
        return [
            _derive(bare(key), purpose)
            for key in self.secret_keys
            if purpose == "token" or not key.startswith(_PAPERS_ONLY)
        ]


def bare(key: str) -> str:
    """A secret of SECRET_KEYS without its mark."""
    return key.removeprefix(_PAPERS_ONLY).strip()


def _derive(secret: str, purpose: str) -> bytes:
    extracted = hmac.digest(b"daylight", secret.encode(), hashlib.sha256)
    return hmac.digest(extracted, purpose.encode() + b"\x01", hashlib.sha256)


def _secret(environ: Mapping[str, str], name: str) -> str:
    """A setting given by value or, as NAME_FILE, by a file that holds it."""
    path = environ.get(f"{name}_FILE")
    if not path:
        return environ.get(name, "")
    try:
        secret = Path(path).read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{name}_FILE 指定的文件“{path}”无法读取，请检查路径和权限。",
            f"{name}_FILE names “{path}”, which cannot be read; check its path and permissions.",
        ) from error
    if not secret:
        raise ConfigError(
            f"{name}_FILE 指定的文件“{path}”是空的，请写入内容。",
            f"{name}_FILE names “{path}”, which is empty; write the setting into it.",
        )
    return secret


def _secret_keys(written: str) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in written.split(",") if key.strip())
    if not keys:
        raise ConfigError(
            "未设置 SECRET_KEYS。请用 python3 -c 'import secrets; print(secrets.token_hex(32))' "
            "生成一个并妥善保存。",
            "SECRET_KEYS is not set. Make one with python3 -c 'import secrets; "
            "print(secrets.token_hex(32))' and keep it safe.",
        )
    for place, key in enumerate(keys, 1):
        if len(bare(key)) < _SHORTEST_KEY or len(set(bare(key))) < _FEWEST_DISTINCT:
            raise ConfigError(
                f"SECRET_KEYS 的第 {place} 个密钥太弱：须为至少 {_SHORTEST_KEY} 个随机字符。",
                f"Key {place} of SECRET_KEYS is weak: it needs at least {_SHORTEST_KEY} random "
                "characters.",
            )
    if keys[-1].startswith(_PAPERS_ONLY):
        raise ConfigError(
            f"SECRET_KEYS 的最后一个密钥标有 {_PAPERS_ONLY}，只用于旧回执；请在其后加一个新密钥。",
            f"The last key of SECRET_KEYS is marked {_PAPERS_ONLY}, for old papers only; add a new "
            "key behind it.",
        )
    return keys


def _public_url(written: str) -> str:
    url = written.strip().rstrip("/").lower()
    address = _ADDRESS.fullmatch(url)
    if address is None or int(address[1] or 0) > _HIGHEST_PORT:
        raise ConfigError(
            f"PUBLIC_URL“{written}”不是可用的网址，应形如 https://daylight.example.gov.cn，不带路径。",
            f"PUBLIC_URL “{written}” is not a usable address; write it as "
            "https://daylight.example.gov.cn, without a path.",
        )
    return url


def _sms(environ: Mapping[str, str]) -> dict[str, Any]:
    """The gateway: all of its settings, or none."""
    told = {name: environ.get(name, "").strip() for name in ("SMS_URL", "SMS_CALLBACK_URL")}
    told |= {"SMS_USER": environ.get("SMS_USER", "")}
    told |= {name: _secret(environ, name) for name in ("SMS_PASSWORD", "SMS_SECRET")}
    for name in ("SMS_USER", "SMS_PASSWORD", "SMS_SECRET") if told["SMS_URL"] else ():
        if not told[name]:
            raise ConfigError(
                f"已设置 SMS_URL，但没有设置 {name}。",
                f"SMS_URL is set, but {name} is not.",
            )
    for name in ("SMS_URL", "SMS_CALLBACK_URL"):
        if told[name] and not _is_web(told[name]):
            raise ConfigError(
                f"{name}“{told[name]}”不是网址，应以 http:// 或 https:// 开头。",
                f"{name} “{told[name]}” is no address; it starts with http:// or https://.",
            )
    if told["SMS_SECRET"] and not _SMS_SECRET.fullmatch(told["SMS_SECRET"]):
        raise ConfigError(
            "SMS_SECRET 须为至少 16 个字母或数字，它是短信网关回调地址的一部分。",
            "SMS_SECRET needs at least 16 letters or digits; it is part of the addresses that the "
            "gateway calls.",
        )
    quiet = _quiet_hours(environ.get("SMS_QUIET_HOURS"))
    return {name.lower(): value for name, value in told.items()} | {"sms_quiet_hours": quiet}


def _is_web(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port or a bracket
        return False


def _quiet_hours(written: str | None) -> tuple[int, int] | None:
    """From and until which hour of the Beijing day no text is sent; None for never."""
    if written is None:
        return Config.sms_quiet_hours
    if not written.strip():
        return None
    hours = _HOURS.fullmatch(written.strip())
    if (
        hours is None
        or max(map(int, hours.groups())) > 24
        or int(hours[1]) % 24 == int(hours[2]) % 24
    ):
        raise ConfigError(
            f"SMS_QUIET_HOURS“{written}”应形如 21-8，即从几点到几点不发短信；留空为不限。",
            f"SMS_QUIET_HOURS “{written}” is written as 21-8: from and until which hour no text is "
            "sent; empty for never.",
        )
    return int(hours[1]) % 24, int(hours[2]) % 24


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None


def _whole(
    environ: Mapping[str, str], name: str, default: int, allowed: range, meaning: Text
) -> int:
    written = environ.get(name) or str(default)
    digits = written.isascii() and written.isdigit() and len(written) < 6
    if not digits or int(written) not in allowed:
        least, most = allowed[0], allowed[-1]
        raise ConfigError(
            f"{name}“{written}”应为 {least} 至 {most} 的整数，即{meaning.zh}。",
            f"{name} “{written}” must be a whole number from {least} to {most}: {meaning.en}.",
        )
    return int(written)
