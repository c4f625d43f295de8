"""What a person reads off the paper: the manual code to type, the match word to compare."""

import secrets
import unicodedata

# Douglas Crockford's base 32: no I, L, O or U.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 9
_MISREAD = str.maketrans("OIL", "011")
_MINUS = "−"

# A letter, a digit, a letter, a digit: no words arise, and no two of them look alike.
_MATCH_LETTERS = "CDFHJKMNPRTVWX"
_MATCH_DIGITS = "2356789"


class BadCode(ValueError):
    """A manual code that cannot be right.

    ``character`` is the first character, as written, that no code has; None where all could
    belong to a code, but one is wrong, missing, too many or out of place: ``length`` of 9 were
    counted.
    """

    def __init__(self, character: str | None, length: int) -> None:
        super().__init__(f"not a code: {character or length!r}")
        self.character = character
        self.length = length


def new_code() -> str:
    """A new manual code: 8 random characters (40 bits) and 1 check character."""
    random = "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LENGTH - 1))
    return random + _ALPHABET[_remainder(random + "0")]


def format_code(code: str) -> str:
    """A code in groups, as it is printed: XXXX-XXXX-X."""
    return f"{code[:4]}-{code[4:8]}-{code[8:]}"


def read_code(written: str) -> str:
    """The code behind what a person wrote; raises BadCode.

    Forgives case, spaces, dashes and full-width characters, and reads O as 0, I and L as 1.
    """
    if len(written) > 100:
        raise BadCode(None, len(written))
    code = ""
    for character in written:
        if not _is_separator(character):
            code += _read_character(character, len(code))
    if len(code) != CODE_LENGTH or _remainder(code):
        raise BadCode(None, len(code))
    return code


def new_match_word() -> str:
    """Four characters that the paper and the true page both show, such as K7R3."""
    return "".join(map(secrets.choice, (_MATCH_LETTERS, _MATCH_DIGITS) * 2))


def _is_separator(character: str) -> bool:
    # Spaces, dashes, connectors, and the controls that come along with pasted text.
    kind = unicodedata.category(character)
    return kind in {"Zs", "Zl", "Zp", "Pd", "Pc", "Cc", "Cf"} or character == _MINUS


def _read_character(character: str, place: int) -> str:
    plain = unicodedata.normalize("NFKC", character).upper().translate(_MISREAD)
    if len(plain) != 1 or plain not in _ALPHABET:
        raise BadCode(character, place)
    return plain


def _remainder(code: str) -> int:
    """0 for a right code: the code as a polynomial over GF(32), at a generator of the field.

    Each place has another weight, so one wrong character and any two exchanged ones leave a
    remainder. The field is that of x^5 + x^2 + 1, which is primitive; the weights are powers of x.
    """
    remainder = 0
    for character in code:
        remainder <<= 1
        if remainder & 32:
            remainder ^= 0b100101
        remainder ^= _ALPHABET.index(character)
    return remainder
