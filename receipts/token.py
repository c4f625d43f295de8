"""Signed tokens: what a receipt's QR code, a cookie and a form handle carry."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from itsdangerous import Signer
from itsdangerous.signer import SigningAlgorithm

# A longer one is refused unread.
_LONGEST = 512


class BadToken(ValueError):
    """A token that was forged, altered, cut, signed for another purpose or with a retired key."""


class _ShortHmac(SigningAlgorithm):
    """HMAC-SHA256 cut to 128 bits (RFC 2104, section 5): 22 characters instead of 43."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")[:16]


class Tokens:
    """Signs and reads the tokens of one purpose.

    ``keys`` are ordered oldest to newest: the last one signs, each of them is still accepted.
    A token is readable, not secret. One with an expiry is of a kind of its own: ``read`` refuses
    it, and ``read_until`` refuses one without.
    """

    def __init__(self, keys: Sequence[bytes], purpose: str) -> None:
        self._lasting = _signers(keys, purpose)
        self._expiring = _signers(keys, f"{purpose}, expiring")

    def sign(self, payload: str) -> str:
        """The token for an ASCII payload: 23 characters longer. Raises ValueError for another."""
        return _sign(self._lasting, payload)

    def read(self, token: str) -> str:
        """The payload of a token; raises BadToken for anything ``sign`` did not make."""
        return _read(self._lasting, token)

    def sign_until(self, payload: str, expires: int) -> str:
        """A token that is good until ``expires``, in seconds since the epoch."""
        return _sign(self._expiring, f"{payload}.{expires:x}")

    def read_until(self, token: str, now: int) -> str:
        """The payload of an expiring token, at ``now``; raises BadToken once its time is up."""
        payload, _, expires = _read(self._expiring, token).rpartition(".")
        if now >= int(expires, 16):
            raise BadToken("expired")
        return payload


def new_receipt_id() -> str:
    """48 random bits as 8 characters that need no escaping in an address."""
    return secrets.token_urlsafe(6)


def _signers(keys: Sequence[bytes], purpose: str) -> list[Signer]:
    return [
        Signer(
            key,
            salt=purpose,
            key_derivation="hmac",
            digest_method=hashlib.sha256,
            algorithm=_ShortHmac(),
        )
        for key in keys
    ]


def _sign(signers: list[Signer], payload: str) -> str:
    token = signers[-1].sign(payload.encode("ascii")).decode("ascii")
    if len(token) > _LONGEST:
        raise ValueError(f"a payload of {len(payload)} characters is too long for a token")
    return token


def _read(signers: list[Signer], token: str) -> str:
    if len(token) > _LONGEST or not token.isascii():
        raise BadToken("not a token")
    payload, _, _ = token.rpartition(".")
    # Signed anew and compared as a whole: decoding the signature first, as the library's own
    # check does, accepts other spellings of its last bits. All keys are tried, in equal time.
    fits = [hmac.compare_digest(signer.sign(payload), token.encode()) for signer in signers]
    if not any(fits):
        raise BadToken("bad signature")
    return payload
