"""The codes on the paper: the manual code a person types, and the QR image a phone reads."""

from collections.abc import Callable
from itertools import combinations

import pytest

from receipts.code import qr_code
from receipts.manual import BadCode, format_code, new_code, new_match_word, read_code
from tests.paper import TOKEN, image_of

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def refusal(written: str) -> BadCode:
    with pytest.raises(BadCode) as caught:
        read_code(written)
    return caught.value


def test_a_new_code_reads_as_itself_and_does_not_repeat() -> None:
    codes = {new_code() for _ in range(5_000)}
    assert len(codes) == 5_000
    assert all(read_code(code) == code for code in codes)
    assert {character for code in codes for character in code} == set(CROCKFORD)


def test_every_wrong_character_is_found() -> None:
    for code in (new_code() for _ in range(50)):
        for at, right in enumerate(code):
            for wrong in CROCKFORD.replace(right, ""):
                slip = refusal(code[:at] + wrong + code[at + 1 :])
                assert (slip.character, slip.length) == (None, 9)


def test_any_two_exchanged_characters_are_found() -> None:
    for code in (new_code() for _ in range(500)):
        for first, second in combinations(range(9), 2):
            if code[first] != code[second]:
                swapped = list(code)
                swapped[first], swapped[second] = swapped[second], swapped[first]
                assert refusal("".join(swapped)).character is None


def test_a_code_is_printed_in_groups() -> None:
    assert format_code("7K3M92QXH") == "7K3M-92QX-H"


@pytest.mark.parametrize(
    "write",
    [
        format_code,
        str.lower,
        lambda code: f"  {format_code(code)}\r\n",
        lambda code: " ".join(code),
        lambda code: "\u3000".join(code),
        lambda code: "——".join(code),
        lambda code: "－".join((code[:4], code[4:])),
        lambda code: f"{code[:4]}\u2212{code[4:8]}_{code[8]}",
        lambda code: f"\ufeff\u200b{code}\0",
        lambda code: "".join(chr(ord(c) + 0xFEE0) for c in code),
        lambda code: "".join(chr(ord(c) + 0xFEE0) for c in code.lower()),
        lambda code: code.replace("0", "O").replace("1", "I"),
        lambda code: code.replace("0", "o").replace("1", "l"),
    ],
)
def test_a_code_is_read_however_it_is_written(write: Callable[[str], str]) -> None:
    for code in (new_code() for _ in range(300)):
        assert read_code(write(code)) == code


@pytest.mark.parametrize("stranger", ["U", "u", "Ｕ", "某", "!", "é", "￥", "㎏", "ß", "𠮷"])
def test_a_character_that_no_code_has_is_named_as_it_was_written(stranger: str) -> None:
    assert refusal(f"7K3M-{stranger}2QX-H").character == stranger


@pytest.mark.parametrize(
    ("written", "length"),
    [("", 0), (" - ", 0), ("7K3M92QX", 8), ("7K3M92QXHH", 10), ("0" * 1_000_000, 1_000_000)],
    ids=["nothing", "dash", "short", "long", "1 MB"],
)
def test_a_code_of_another_length_has_a_slip(written: str, length: int) -> None:
    slip = refusal(written)
    assert (slip.character, slip.length) == (None, length)


def test_a_match_word_is_four_characters_that_are_not_confused() -> None:
    words = {new_match_word() for _ in range(2_000)}
    assert len(words) > 1_500
    assert all(len(word) == 4 and word[::2].isalpha() and word[1::2].isdigit() for word in words)
    assert not set("".join(words)) & set("AEIOUY01BGLQSZ4")


@pytest.mark.parametrize(
    ("host", "modules"),
    [("lu.example", 37), ("chaxun.rongjiang.example", 41), ("anjian." * 5 + "example", 45)],
)
def test_the_qr_code_grows_with_the_host(host: str, modules: int) -> None:
    assert qr_code(f"https://{host}/r/{TOKEN}").modules == modules + 8


def test_the_qr_image_has_one_pixel_a_module_and_a_quiet_zone() -> None:
    code = qr_code(f"https://chaxun.rongjiang.example/r/{TOKEN}")
    image = image_of(code.png)
    assert image.size == (code.modules, code.modules)
    assert set(image.tobytes()) == {0, 255}
    dark = image.point(lambda shade: 255 - shade).getbbox()
    assert dark == (4, 4, code.modules - 4, code.modules - 4)
    assert code.png[24] == 1  # Bits a pixel (PNG, IHDR).


def test_an_address_beyond_any_qr_code_is_refused() -> None:
    with pytest.raises(ValueError, match="version"):
        qr_code("https://lu.example/" + "a" * 2_000)
