"""Signed tokens: every one that was not signed here is refused."""

import random
import string
from collections.abc import Iterator

import pytest

from receipts.token import BadToken, Tokens, new_receipt_id

OLD, NEW, STRANGE = b"old key".ljust(32), b"new key".ljust(32), b"strange key".ljust(32)
BASE64 = string.ascii_letters + string.digits + "-_"


def is_accepted(tokens: Tokens, token: str) -> bool:
    try:
        tokens.read(token)
    except BadToken:
        return False
    return True


def test_a_token_carries_its_payload_and_fits_a_small_qr_code() -> None:
    tokens = Tokens([NEW], "receipt")
    receipt_id = new_receipt_id()
    token = tokens.sign(receipt_id)
    assert tokens.read(token) == receipt_id
    assert len(receipt_id) == 8
    assert len(token) == 31
    assert set(token) <= set(BASE64 + ".")


def test_receipt_ids_do_not_repeat() -> None:
    assert len({new_receipt_id() for _ in range(10_000)}) == 10_000


def test_a_payload_may_hold_dots_or_nothing() -> None:
    tokens = Tokens([NEW], "form")
    for payload in ("a.b.c", ".", "", "12.1"):
        assert tokens.read(tokens.sign(payload)) == payload


def test_papers_of_an_older_key_live_until_the_key_is_retired() -> None:
    paper = Tokens([OLD], "receipt").sign("Ab3_x9Qz")
    rotated = Tokens([OLD, NEW], "receipt")
    assert rotated.read(paper) == "Ab3_x9Qz"
    assert rotated.sign("Ab3_x9Qz") == Tokens([NEW], "receipt").sign("Ab3_x9Qz") != paper
    with pytest.raises(BadToken):
        Tokens([NEW], "receipt").read(paper)


def spelled_otherwise(token: str, rng: random.Random) -> str:
    """One random mutation: never the token itself."""
    if not token:
        return "="
    at = rng.randrange(len(token))
    character = token[at]
    flipped = chr(ord(character) ^ 1 << rng.randrange(7))
    choices = [
        token[:at] + flipped + token[at + 1 :],
        token[:at] + character.swapcase() + token[at + 1 :],
        token[:at] + token[at + 1 :],
        token[:at] + character + token[at:],
        token[:at] + rng.choice(string.printable) + token[at:],
        token[:at],
        token[at:],
        token + rng.choice(BASE64 + "=.~\n\0 "),
        token[::-1],
        token[:at] + token[at:][::-1],
        token.replace("-", "+").replace("_", "/") + "=" * rng.randrange(3),
        token + "=" * rng.randrange(1, 4),
        " " + token,
    ]
    mutated = rng.choice(choices)
    return mutated if mutated != token else token + "="


def mutations(token: str, count: int) -> Iterator[str]:
    """Every substitution of one character, then random mutations, of one and of two steps."""
    substitutions = [
        token[:at] + other + token[at + 1 :]
        for at, character in enumerate(token)
        for other in map(chr, range(128))
        if other != character
    ]
    yield from substitutions
    rng = random.Random(20261120)
    for index in range(count - len(substitutions)):
        mutated = spelled_otherwise(token, rng)
        again = spelled_otherwise(mutated, rng) if index % 2 else mutated
        yield again if again != token else mutated  # The second step may undo the first.


def test_none_of_100000_mutations_is_accepted() -> None:
    tokens = Tokens([OLD, NEW], "receipt")
    for signer in (Tokens([OLD], "receipt"), Tokens([NEW], "receipt")):
        tried = list(mutations(signer.sign("Ab3_x9Qz"), 50_000))
        assert len(tried) == 50_000
        assert [token for token in tried if is_accepted(tokens, token)] == []


def test_a_token_of_another_purpose_key_or_kind_is_refused() -> None:
    tokens = Tokens([NEW], "receipt")
    for stranger in (
        Tokens([NEW], "cookie").sign("Ab3_x9Qz"),
        Tokens([STRANGE], "receipt").sign("Ab3_x9Qz"),
        tokens.sign_until("Ab3_x9Qz", 2_000_000_000),
    ):
        assert not is_accepted(tokens, stranger)


@pytest.mark.parametrize(
    "junk",
    ["", ".", "..", "\0", "Ab3_x9Qz", "Ab3_x9Qz.", "收据", "\ud800", "é" * 31, "a" * 1_000_000],
    ids=["nothing", "dot", "dots", "NUL", "bare", "unsigned", "Chinese", "surrogate", "é", "1 MB"],
)
def test_anything_else_is_refused(junk: str) -> None:
    tokens = Tokens([NEW], "receipt")
    with pytest.raises(BadToken):
        tokens.read(junk)
    with pytest.raises(BadToken):
        tokens.read_until(junk, 0)


def test_a_payload_that_could_not_be_read_back_is_not_signed() -> None:
    tokens = Tokens([NEW], "receipt")
    for payload in ("回执", "a" * 600):
        with pytest.raises(ValueError, match=r"ascii|too long"):
            tokens.sign(payload)


def test_an_expiring_token_is_good_until_its_second() -> None:
    tokens = Tokens([OLD, NEW], "cookie")
    token = tokens.sign_until("Ab3_x9Qz", 1_800_000_000)
    assert tokens.read_until(token, 1_799_999_999) == "Ab3_x9Qz"
    for late in (1_800_000_000, 1_800_000_001):
        with pytest.raises(BadToken):
            tokens.read_until(token, late)


def test_an_expiry_cannot_be_moved_added_or_left_out() -> None:
    tokens = Tokens([NEW], "cookie")
    payload, expires, signature = tokens.sign_until("Ab3_x9Qz", 1_800_000_000).split(".")
    later = f"{int(expires, 16) + 3600:x}"
    for forged in (
        f"{payload}.{later}.{signature}",
        f"{payload}.{expires.upper()}.{signature}",
        f"{payload}.0{expires}.{signature}",
        f"{payload}.{signature}",
        tokens.sign("Ab3_x9Qz"),
        tokens.sign(f"Ab3_x9Qz.{later}"),
    ):
        with pytest.raises(BadToken):
            tokens.read_until(forged, 0)
