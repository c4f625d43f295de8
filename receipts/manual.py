"""The code to type where the camera does not help, and the word to compare page and paper by."""

import secrets
import unicodedata

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U
_RANDOM_CHARACTERS = 8
_CODE_LENGTH = _RANDOM_CHARACTERS + 1
# Without vowels no word can arise; without look-alikes none is misread.
_MATCH_ALPHABET = "23456789CDFHJKMNPRTVWXY"
_MATCH_LENGTH = 4
_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1"})
# GF(32) by x^5 + x^2 + 1: weights that are successive powers of a generator make the check
# character find every single slip and every exchange of neighbours.
_MODULUS = 0b100101


class BadCode(Exception):
    """Not a code: ``character`` is the one outside the alphabet, None for a slip.

    ``length`` is how many characters were typed, spaces and hyphens not counted.
    """

    def __init__(self, character: str | None, length: int) -> None:
        super().__init__("a slip in the code" if character is None else "a foreign character")
        self.character = character
        self.length = length


def new_code() -> str:
    """Eight random characters (40 bits) and their check character."""
    values = [secrets.randbelow(len(ALPHABET)) for _ in range(_RANDOM_CHARACTERS)]
    return "".join(ALPHABET[value] for value in [*values, _check(values)])


def format_code(code: str) -> str:
    """A code in the groups in which it is printed: XXXX-XXXX-X."""
    return f"{code[:4]}-{code[4:8]}-{code[8:]}"


def read_code(written: str) -> str:
    """The code that was typed, forgiving width, case, spaces, hyphens, O for 0, I and L for 1.

    Raises BadCode.
    """
    narrowed = unicodedata.normalize("NFKC", written).upper()
    typed = [c for c in narrowed if not c.isspace() and unicodedata.category(c) != "Pd"]
    code = "".join(typed).translate(_ALIKE)
    foreign = next((c for c in code if c not in ALPHABET), None)
    if foreign is not None:
        raise BadCode(foreign, len(code))
    values = [ALPHABET.index(c) for c in code]
    if len(code) != _CODE_LENGTH or _check(values[:-1]) != values[-1]:
        raise BadCode(None, len(code))
    return code


def new_match_word() -> str:
    """Four characters that page and paper show beside each other."""
    return "".join(secrets.choice(_MATCH_ALPHABET) for _ in range(_MATCH_LENGTH))


def _check(values: list[int]) -> int:
    """The sum of the values, the i-th times the i-th power of x."""
    total = 0
    for value in reversed(values):
        total = _times_x(total ^ value)
    return total


def _times_x(value: int) -> int:
    doubled = value << 1
    return doubled ^ _MODULUS if doubled & 0b100000 else doubled
