"""Personal data: unreadable at rest, found by exact value, and shown to strangers masked."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.errors import StorageError
from lookup.sealing import Seals, mask_name, mask_phone

texts = st.text(st.characters(exclude_categories=["Cs"]))


def _key() -> bytes:
    return secrets.token_bytes(32)


OLD, NEW = (_key(), _key()), (_key(), _key())
BEFORE = Seals([OLD[0]], [OLD[1]])
DURING = Seals([OLD[0], NEW[0]], [OLD[1], NEW[1]])
AFTER = Seals([NEW[0]], [NEW[1]])


@given(texts)
def test_what_was_sealed_opens_to_the_very_text(text: str) -> None:
    assert BEFORE.open(BEFORE.seal(text)) == text


@pytest.mark.parametrize("text", ["张三", "13800138000", "Smith"])
def test_a_seal_shows_nothing_and_never_repeats(text: str) -> None:
    sealed = BEFORE.seal(text)
    assert text not in sealed
    assert sealed.isascii()
    assert sealed != BEFORE.seal(text)


def test_the_empty_text_stays_empty() -> None:
    assert BEFORE.seal("") == BEFORE.open("") == BEFORE.fingerprint("") == ""


def test_an_older_seal_opens_while_its_key_is_kept() -> None:
    sealed = BEFORE.seal("张三")
    assert DURING.open(sealed) == "张三"
    with pytest.raises(StorageError, match="missing from SECRET_KEYS"):
        AFTER.open(sealed)


def test_new_seals_are_made_under_the_newest_key() -> None:
    assert AFTER.open(DURING.seal("张三")) == "张三"


@pytest.mark.parametrize(
    "damaged", ["x", "张三", "gAAAA", pytest.param(BEFORE.seal("张三")[:-4], id="cut")]
)
def test_what_is_no_seal_of_ours_does_not_open(damaged: str) -> None:
    with pytest.raises(StorageError):
        BEFORE.open(damaged)


def test_an_altered_seal_does_not_open() -> None:
    sealed = BEFORE.seal("13800138000")
    middle = len(sealed) // 2
    other = "A" if sealed[middle] != "A" else "B"
    with pytest.raises(StorageError):
        BEFORE.open(sealed[:middle] + other + sealed[middle + 1 :])


def test_the_same_text_is_found_again_and_no_other() -> None:
    assert BEFORE.fingerprint("13800138000") == BEFORE.fingerprint("13800138000")
    assert BEFORE.fingerprint("13800138000") != BEFORE.fingerprint("13800138001")


def test_a_row_sealed_earlier_is_found_while_its_key_is_kept() -> None:
    assert BEFORE.fingerprint("张三") in DURING.fingerprints("张三")
    assert AFTER.fingerprint("张三") == DURING.fingerprint("张三")
    assert BEFORE.fingerprint("张三") not in AFTER.fingerprints("张三")


def test_finding_and_sealing_keys_are_independent() -> None:
    other_finding = Seals([OLD[0]], [NEW[1]])
    assert other_finding.open(BEFORE.seal("张三")) == "张三"
    assert other_finding.fingerprint("张三") != BEFORE.fingerprint("张三")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("张三", "张*"),
        ("欧阳娜", "欧**"),
        ("䶮", "*"),
        ("𠮷田一郎", "𠮷***"),
        ("Smith", "S****"),
        ("阿不都热依木·买买提", "阿****"),
        ("", ""),
    ],
)
def test_of_a_name_only_its_beginning_shows(name: str, shown: str) -> None:
    assert mask_name(name) == shown


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("13800138000", "138****8000"),
        ("028855550101", "028****0101"),
        ("02855550101", "028****0101"),
        ("5555010", "*******"),
        ("", ""),
    ],
)
def test_of_a_phone_the_middle_is_hidden(phone: str, shown: str) -> None:
    assert mask_phone(phone) == shown


@given(texts.filter(lambda text: len(text) > 1))
def test_no_mask_shows_the_whole(text: str) -> None:
    assert mask_name(text)[1:].strip("*") == ""
    assert sum(character != "*" for character in mask_phone(text)) <= 7
