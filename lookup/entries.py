"""The record in words: what was done, and its particulars by their names."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookup.beijing import Moment, from_utc_text
from lookup.bureau import Bureau
from lookup.callbacks import ATTEMPTS, CAUSES, RESULTS
from lookup.database import Database, Record
from lookup.kinds import Kind
from lookup.language import Text
from lookup.levels import LEVELS, TAGS
from lookup.records import said_moment
from lookup.roles import STAFF_ROLES
from lookup.toml_tables import read_toml
from lookup.vocabulary import CHANNELS, MEASURES, PROPERTY_STATES, ROLES, WITHHELD_REASONS

_WORDS = {
    table: {key: Text(**said) for key, said in entries.items()}
    for table, entries in read_toml(Path(__file__).with_suffix(".toml")).items()
}
ACTIONS = _WORDS["actions"]
WAYS = _WORDS["ways"]
_DETAILS = _WORDS["details"]
_ORDER = {key: place for place, key in enumerate(_DETAILS)}
_LAST = len(_ORDER)
# Under these keys the keys within are steps of a kind.
_BY_STEP = {"milestones", "extensions"}
# Lists as such; any other list of two single values is what was and what is now.
_LISTS = {"names", "tags", "numbers", "items"}
# Lists of rows, and what stands between the values of one.
_ROWS = {"property": " ", "property_was": " ", "positions": "–"}
_CODED: Mapping[str, Mapping[str, Text]] = {
    "role": {**ROLES, **STAFF_ROLES},
    "added": ROLES,
    "channel": CHANNELS,
    "measure": MEASURES,
    "status": PROPERTY_STATES,
    "property": {**MEASURES, **PROPERTY_STATES},
    "property_was": {**MEASURES, **PROPERTY_STATES},
    "withheld": WITHHELD_REASONS,
    "reason": WITHHELD_REASONS,
    "level": LEVELS,
    "cause": CAUSES,
    "result": {**ATTEMPTS, **RESULTS},
    "tags": {code: said for words in TAGS.values() for code, said in words.items()},
}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_NOTHING = Text("（无）", "(none)")
_ALTERED = Text("有改动", "altered")
_FORGOTTEN = Text("内容已按期清除", "its text was erased after the retention period")
_PARTY = Text("当事人", "A party")
_OUTSIDE = {"web": _PARTY, "sms": _PARTY, "counter": Text("来办事的人", "A visitor")}
_SPACE, _COMMA, _BETWEEN = Text(" ", " "), Text("、", ", "), Text("；", "; ")


def entries_of(db: Database, number: str, after: int = -1, limit: int = 100) -> list[Record]:
    """The entries about a case made after a position, the latest first: rows of the trail, each
    with the ``kind`` of the case."""
    return db.rows(
        """SELECT trail_entry.*, cases.kind FROM trail_entry
        LEFT JOIN cases ON cases.number = trail_entry.case_number
        WHERE trail_entry.case_number = :number AND position > :after
        ORDER BY position DESC LIMIT :limit""",
        number=number,
        after=after,
        limit=limit,
    )


def said_entry(bureau: Bureau, row: Record) -> Text:
    """What an entry says was done, on one line.

    A change of a value is told as ``key=[was, now]``. What the program has no words for, an entry
    of a later version perhaps, is shown as it stands.
    """
    action = ACTIONS.get(row["action"]) or _plainly(row["action"])
    told = _FORGOTTEN
    if row["nonce"]:
        teller = _Teller(bureau, {"kind": row.get("kind")})
        told = teller.parts(detail_of(row["detail"]), row["action"].partition(".")[0])
    return _joined([action, told], Text("：", ": "))


def said_who(row: Record) -> Text:
    """Who made an entry; of people outside only in what part."""
    return _OUTSIDE.get(row["via"]) or _plainly(row["actor"])


def detail_of(kept: str) -> Record:
    """An entry's detail as a table, whatever somebody wrote over it."""
    try:
        told = json.loads(kept)
    except ValueError:
        told = None
    return told if isinstance(told, dict) else {"detail": kept}


@dataclass(frozen=True)
class _Teller:
    """Says the values of one entry; ``known`` is what helps to name them: kind and step."""

    bureau: Bureau
    known: Record

    def parts(self, told: Record, within: str, between: Text = _BETWEEN) -> Text:
        """The values of a table under the key ``within``, each with its label."""
        inner = _Teller(self.bureau, self.known | told)
        keys = sorted(told, key=lambda key: _ORDER.get(f"{within}.{key}", _ORDER.get(key, _LAST)))
        parts = {key: inner._part(key, told[key], within) for key in keys}
        # What was stands in brackets behind what is now, so no mark goes between.
        was = parts.pop("was", Text("", ""))
        return _joined([_joined(parts.values(), between), was], Text("", " "))

    def _part(self, key: str, value: Any, within: str) -> Text:
        if within in _BY_STEP:
            of_step = _Teller(self.bureau, self.known | {"step": key})
            return _joined([self._step(key), of_step._value(key, value)], _SPACE)
        label = _DETAILS.get(f"{within}.{key}") or _DETAILS.get(key) or _plainly(f"{key} {{value}}")
        said = zip(label, self._value(key, value), strict=True)
        return Text(*(template.replace("{value}", value) for template, value in said))

    def _value(self, key: str, value: Any) -> Text:
        if isinstance(value, dict):
            return self.parts(value, key, _SPACE)
        if isinstance(value, list):
            return self._list(key, value)
        return self._named(key, "" if value is None else str(value))

    def _list(self, key: str, values: list[Any]) -> Text:
        said = [self._value(key, one) for one in values]
        if any(isinstance(one, list | dict) for one in values):
            return _joined(said, _COMMA)
        if key in _ROWS:
            # A range of one entry is one number.
            ends = dict.fromkeys(said) if key == "positions" else said
            return _joined(ends, _plainly(_ROWS[key]))
        if len(said) != 2 or key in _LISTS:
            return _joined(said, _COMMA)
        return _ALTERED if said[0] == said[1] else _joined(said, Text(" → ", " → "))

    def _named(self, key: str, written: str) -> Text:
        """A single value by its name where it is a code, else as it stands."""
        namers = {
            "kind": self._kind,
            "unit": self._unit,
            "by_unit": self._unit,
            "parent": self._unit,
            "step": self._step,
            "outcome": self._outcome,
            "category": self.bureau.service.category_name,
            "problem": self.bureau.service.problem_name,
            "items": self.bureau.oversight.inspections.item_name,
        }
        if key in namers:
            return namers[key](written)
        return _CODED.get(key, {}).get(written) or _plainly(_in_beijing(written))

    def _kind(self, code: str) -> Text:
        kind = self.bureau.kinds.get(code)
        return kind.name if kind else _plainly(code)

    def _unit(self, code: str) -> Text:
        row = self.bureau.db.row("SELECT name FROM unit WHERE code = :code", code=code)
        return _plainly(row["name"] if row else code)

    def _step(self, step: str) -> Text:
        return next((kind.milestone(step).name for kind in self._kinds(step)), _plainly(step))

    def _outcome(self, code: str) -> Text:
        step = str(self.known.get("step"))
        known = (kind.outcome_named(step, code) for kind in self._kinds(step) if code)
        return next((outcome.name for outcome in known if outcome), _plainly(code))

    def _kinds(self, step: str) -> Iterator[Kind]:
        """The kinds that know a step, the case's own first: an entry may be older than it."""
        own = self.bureau.kinds.get(str(self.known.get("kind")))
        kinds = [*([own] if own else []), *self.bureau.kinds.values()]
        return (kind for kind in kinds if kind.has_step(step))


def _in_beijing(written: str) -> str:
    """An instant as staff read it, to the minute where it is whole, anything else as it stands."""
    if not _INSTANT.fullmatch(written):
        return written
    try:
        return said_moment(Moment.of(from_utc_text(written))).removesuffix(":00")
    except ValueError:
        return written


def _plainly(written: str) -> Text:
    """What is the same in both languages; a blank is said to be one."""
    return Text(written, written) if written else _NOTHING


def _joined(parts: Iterable[Text], between: Text) -> Text:
    """Pieces of text as one, those left out that say nothing."""
    said = list(filter(any, parts))
    return Text(*(mark.join(part[n] for part in said) for n, mark in enumerate(between)))
