"""The named errors. Each carries one clear sentence in both languages."""

from lookup.language import Text


class DaylightError(Exception):
    """Something a person must be told: what is wrong, where, and what to do."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.text = Text(zh, en)


class ConfigError(DaylightError):
    """A setting, a kinds file or a calendar file that the program must not start with."""


class StorageError(DaylightError):
    """The database cannot be used: newer than the program, not prepared, out of reach."""


class FileError(DaylightError):
    """A file handed in cannot be read as what it should be, as a whole."""


class Refused(DaylightError):
    """One value that breaks a rule: ``field`` names it, ``value`` is what came in."""

    def __init__(self, field: str, value: str, zh: str, en: str) -> None:
        super().__init__(zh, en)
        self.field = field
        self.value = value


class NotFound(DaylightError):
    """What was asked for is not there, or not for this reader: the two are not told apart."""


class Throttled(DaylightError):
    """Too many guesses; wait."""


class Conflict(DaylightError):
    """The thing has changed, or belongs to another receipt, since the form was drawn."""
