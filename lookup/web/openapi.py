"""The description of the machines' interface (OpenAPI 3.1).

Its shapes are those that decode and encode, narrowed to the patterns and words that the rules
read by and to the bureau's own kinds and units. What no schema can state (that dates keep an
order and lie in the past, what is on file) is refused all the same.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec.json import schema_components

from lookup.answers import FiledCase, Problem, RateSheet, Taken
from lookup.beijing import WRITTEN
from lookup.bodies import NUMBER, QUANTITY
from lookup.handins import MOST, HandIn
from lookup.kinds import Kind, Kinds, Milestone, Outcome
from lookup.rates import GROUPINGS
from lookup.toml_tables import read_toml
from lookup.vocabulary import MEASURES, PROPERTY_STATES, ROLES, WITHHELD_REASONS

Schema = dict[str, Any]

_REF = "#/components/schemas/{name}"
_BLANK: Schema = {"enum": ["", None]}
_MOMENT = {"$ref": _REF.format(name="Moment")}
_UNIT = {"$ref": _REF.format(name="Unit")}


def description(kinds: Kinds, units: Sequence[str]) -> Schema:
    """The whole document; ``units`` are the codes that a case may name."""
    document = read_toml(Path(__file__).with_suffix(".toml"))
    document["components"]["schemas"] = _schemas(kinds, units)
    document["components"]["examples"]["case"]["value"]["unit"] = next(iter(units), "")
    return document


def _schemas(kinds: Kinds, units: Sequence[str]) -> Schema:
    shapes = [HandIn, Taken, FiledCase, RateSheet, Problem]
    _, found = schema_components(shapes, ref_template=_REF)
    _narrow(found["HandInParty"], ["role"], role=_one_of(ROLES.forms))
    _narrow(
        found["HandInProperty"],
        ["name", "quantity", "measure", "status"],
        quantity={
            "anyOf": [
                {"type": "string", "pattern": f"^{QUANTITY.pattern}$"},
                {"type": "number", "exclusiveMinimum": 0, "maximum": MOST},
            ]
        },
        measure=_one_of(MEASURES.forms),
        status=_one_of(PROPERTY_STATES.forms),
    )
    _narrow(
        found["HandIn"],
        ["kind", "unit"],
        unit=_UNIT,
        reported_at={"anyOf": [_MOMENT, _BLANK]},
        taken_in_at={"anyOf": [_MOMENT, _BLANK]},
        withheld_reason={"enum": [*WITHHELD_REASONS.forms, *_BLANK["enum"]]},
    )
    milestone, case = found.pop("HandInMilestone"), found["HandIn"]
    of_kinds = [_case(kind, case, milestone) for kind in kinds.values()]
    return found | {
        "HandIn": {"description": case["description"], "oneOf": of_kinds},
        "Number": {"type": "string", "pattern": f"^{_escaped(NUMBER.pattern)}$"},
        "Moment": {"type": "string", "pattern": f"^{WRITTEN.pattern}$"},
        "Grouping": _one_of(GROUPINGS),
        "Unit": _one_of(units) if units else {"type": "string"},
    }


def _case(kind: Kind, case: Schema, milestone: Schema) -> Schema:
    """The shape of a case of one kind, taken in or reported at some time."""
    steps = [one for rule in kind.milestones[1:] for one in _milestone(rule, milestone)]
    told = {"type": "array", "items": {"anyOf": steps}} if steps else {"maxItems": 0}
    own = {"kind": _one_of(_words(kind)), "milestones": {"anyOf": [told, {"type": "null"}]}}
    times = ("taken_in_at", "reported_at")
    return case | {
        "title": kind.name.en,
        "properties": case["properties"] | own,
        "anyOf": [{"required": [time], "properties": {time: _MOMENT}} for time in times],
    }


def _milestone(rule: Milestone, milestone: Schema) -> list[Schema]:
    """The shapes of one step: one that has happened, and one that at most was extended."""
    words = [word for outcome in rule.outcomes for word in _words(outcome)]
    may_lack = len({outcome.ends for outcome in rule.outcomes}) <= 1
    days = [*(rule.clock.extensions if rule.clock else ()), None]
    step = {"step": {"const": rule.step}, "extended_days": {"enum": days}}
    outcome = {"enum": [*words, *(_BLANK["enum"] if may_lack else [])]}
    shapes = (
        (["step", "at"] if may_lack else ["step", "at", "outcome"], _MOMENT, outcome),
        (["step"], _BLANK, _BLANK),
    )
    return [
        milestone
        | {"title": rule.name.en, "required": required}
        | {"properties": milestone["properties"] | step | {"at": at, "outcome": came_to}}
        for required, at, came_to in shapes
    ]


def _narrow(shape: Schema, required: list[str], **fields: Schema) -> None:
    shape["properties"] |= fields
    shape["required"] = required


def _one_of(words: Iterable[str]) -> Schema:
    return {"type": "string", "enum": list(words)}


def _words(named: Kind | Outcome) -> list[str]:
    return list(dict.fromkeys((named.code, named.name.zh, *named.register)))


def _escaped(pattern: str) -> str:
    """A pattern without the escapes that only Python reads."""
    return re.sub(r"\\U([0-9a-f]{8})", lambda found: chr(int(found[1], 16)), pattern)
