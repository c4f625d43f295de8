"""Personal data at rest: sealed to read, fingerprinted to find, masked to show."""

import hashlib
import hmac
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from lookup.errors import StorageError

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet


class Seals:
    """Seals text under the newest key and opens it under any; keys are 32 bytes, oldest first."""

    def __init__(self, sealing_keys: Sequence[bytes], finding_keys: Sequence[bytes]) -> None:
        self._sealing_keys = sealing_keys
        self._finding_keys = finding_keys

    @cached_property
    def _fernet(self) -> "MultiFernet":
        # Loaded at first use: a worker that only answers a health check never pays for it.
        from base64 import urlsafe_b64encode

        from cryptography.fernet import Fernet, MultiFernet

        newest_first = reversed(self._sealing_keys)
        return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in newest_first])

    def seal(self, text: str) -> str:
        """The sealed form of a text; the empty text stays empty."""
        return self._fernet.encrypt(text.encode()).decode() if text else ""

    def open(self, sealed: str) -> str:
        """The text behind a seal; raises StorageError where its key is gone."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(sealed.encode()).decode() if sealed else ""
        except InvalidToken as error:
            raise StorageError(
                "个人信息无法解封：SECRET_KEYS 缺少当时所用的密钥。",
                "Personal data cannot be unsealed: the key it was sealed with is missing from "
                "SECRET_KEYS.",
            ) from error

    def fingerprint(self, text: str) -> str:
        """A keyed hash under the newest key, by which an exact name or phone is found."""
        return self.fingerprints(text)[-1] if text else ""

    def fingerprints(self, text: str) -> list[str]:
        """The keyed hash under every key, oldest first: rows sealed earlier carry older ones."""
        folded = text.encode()
        return [hmac.digest(k, folded, hashlib.sha256).hex()[:32] for k in self._finding_keys]


def mask_name(name: str) -> str:
    """A name as strangers may see it: 张*, 欧阳娜 → 欧**, Smith → S****."""
    return name[:1] + "*" * min(len(name) - 1, 4) if len(name) > 1 else "*" * len(name)


def mask_phone(phone: str) -> str:
    """A phone as strangers may see it: 138****8000."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 11 else "*" * len(phone)
