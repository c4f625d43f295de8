"""Short signed tokens, of which every single character counts."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence

from itsdangerous import BadSignature, Signer
from itsdangerous.signer import SigningAlgorithm

_SIGNATURE_BYTES = 16
_LONGEST = 200


class BadToken(Exception):
    """Not a token of ours for this purpose, or no longer valid."""


class _ShortHmac(SigningAlgorithm):
    """HMAC-SHA256 cut to 128 bits: as strong as a guess can be, half as long in a QR code."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, hashlib.sha256)[:_SIGNATURE_BYTES]


class Tokens:
    """Signs and reads the tokens of one purpose.

    ``keys`` are ordered oldest to newest: the last one signs, all of them verify.
    """

    def __init__(self, keys: Sequence[bytes], purpose: str) -> None:
        self._signers = [_signer(key, purpose) for key in keys]

    def sign(self, payload: str) -> str:
        """The token of a payload of URL-safe characters."""
        return self._signers[-1].sign(payload).decode()

    def read(self, token: str) -> str:
        """The payload of a token; raises BadToken for anything that `sign` did not make."""
        if len(token) > _LONGEST or not token.isascii():
            raise BadToken
        for signer in reversed(self._signers):
            payload = _verified(signer, token)
            if payload is not None:
                return payload
        raise BadToken

    def sign_until(self, payload: str, expires: int) -> str:
        """A token that is good until ``expires``, in seconds since the epoch."""
        return self.sign(f"{payload}.{expires:x}")

    def read_until(self, token: str, now: int) -> str:
        """The payload of a token from `sign_until`; raises BadToken where it has expired."""
        payload, _, expires = self.read(token).rpartition(".")
        try:
            expired = not payload or now > int(expires, 16)
        except ValueError:
            expired = True
        if expired:
            raise BadToken
        return payload


def new_receipt_id() -> str:
    """A random id of 48 bits as 8 URL-safe characters; the signature is what cannot be guessed."""
    return urlsafe_b64encode(secrets.token_bytes(6)).decode()


def _signer(key: bytes, purpose: str) -> Signer:
    return Signer(key, salt=purpose.encode(), key_derivation="hmac", algorithm=_ShortHmac())


def _verified(signer: Signer, token: str) -> str | None:
    try:
        payload = signer.unsign(token)
    except (BadSignature, ValueError):
        return None
    # The last character of a signature carries spare bits, which decoding ignores: only the
    # very token that this key would make is accepted.
    if not hmac.compare_digest(signer.sign(payload), token.encode()):
        return None
    return payload.decode()
