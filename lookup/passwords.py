"""Passwords: kept as argon2id hashes, chosen long enough and hard to guess.

Parameters and rules follow the OWASP password storage cheat sheet and ASVS 5.0, chapter 6: no
demands for signs or capitals, no expiry, but none that a list or a look at the account would tell.
"""

import ctypes
import json
import secrets
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from lookup.errors import Refused

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 10, 200
# Of zxcvbn's five steps (0–4), the one that withstands guessing by a program on the site.
_STRONG = 3
# What Chinese lists of leaked passwords are full of, and what lies near at hand in this house.
_TRITE = (
    *("woaini", "5201314", "1314520", "520520", "123456", "qwerty", "iloveyou", "aini", "mima"),
    *("baobao", "laopo", "wangwei", "zhangwei", "liwei", "admin", "police", "110"),
    *("jingcha", "gongan", "paichusuo", "daylight", "yangguang", "huizhi"),
)
_LEAST_OF_ONES_OWN = 6
_MOST_SCORED = 72  # it refuses longer ones, and none of these is weak by its length
_SCORE = """import json, sys, zxcvbn
print(zxcvbn.zxcvbn(**json.load(sys.stdin))["score"])"""
_LONGEST_SECONDS = 20
_M_MMAP_THRESHOLD = -3  # malloc.h
_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"


def hashed(password: str) -> str:
    """What is kept of a password."""
    return _hasher().hash(password)


def matches(kept: str, password: str) -> bool:
    """Whether a password is the one kept; takes its time where nothing is kept, too."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(kept, password)
    except InvalidHashError:
        _hasher().hash(password)
        return False
    except VerificationError:
        return False


def first_password() -> str:
    """A password to be told once and changed at the first log-in, of about 78 bits."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def require_strong(password: str, known: Sequence[str]) -> None:
    """Raise Refused where a new password is short, long or easily guessed.

    ``known`` are words that whoever guesses will try first: login, name, bureau.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise Refused(
            "new",
            "",
            f"新密码须为 {SHORTEST} 至 {LONGEST} 个字符，可以是一句话。",
            f"The new password needs {SHORTEST} to {LONGEST} characters; a sentence will do.",
        )
    told = password.casefold()
    for word in {*known, *_TRITE}:
        told = told.replace(word.casefold(), "") if len(word) > 1 else told
    if len(told) < _LEAST_OF_ONES_OWN or _score(password, [*known, *_TRITE]) < _STRONG:
        raise Refused(
            "new",
            "",
            "新密码太容易被猜到，请换一个更长、不含姓名和常用词的。",
            "The new password is too easy to guess; choose a longer one without names or common "
            "words.",
        )


def _score(password: str, known: Sequence[str]) -> int:
    """How hard a password is to guess, by zxcvbn.

    In a process of its own: its word lists would stay in the worker with 30 MB.
    """
    asked = {"password": password[:_MOST_SCORED], "user_inputs": [word for word in known if word]}
    told = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _SCORE],
        input=json.dumps(asked).encode(),
        capture_output=True,
        check=True,
        timeout=_LONGEST_SECONDS,
    )
    return int(told.stdout)


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    # A hash fills 19 MB, which glibc would keep for the worker's life after the second one:
    # as a block of its own it goes back at once.
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 1 << 20)
    return PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
