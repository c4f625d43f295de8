"""What programs are answered: what became of a hand-in, a case on file, figures, problems.

The interface's description is made of these shapes. No answer holds anybody's name in full.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType, convert, defstruct

from lookup import course
from lookup.beijing import BEIJING, from_utc_text
from lookup.bureau import Bureau
from lookup.database import Record
from lookup.errors import Refused
from lookup.exports import FIGURES, ROW_LABELS
from lookup.parties import parties_of
from lookup.sealing import mask_name
from lookup.withholding import live_withholding


class Flaw(Struct):
    """A value that was refused or left out: where, what came in, and why in both languages."""

    field: str
    reason: str
    reason_zh: str
    value: str | UnsetType = UNSET


class Problem(Struct):
    """What went wrong (RFC 9457); detail is in the language asked for by Accept-Language."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str
    errors: list[Flaw] | UnsetType = UNSET


class Taken(Struct):
    """What became of a case handed in; warnings are values that were left out."""

    case: str
    result: Literal["new", "changed", "unchanged"]
    warnings: list[Flaw]


class FiledParty(Struct):
    """A person with the right to follow the case, the name masked."""

    role: str
    name: str


class FiledMilestone(Struct):
    """A step that has happened (at), since when its complainant can see it, its extension."""

    step: str
    at: str | None
    outcome: str | None
    visible_at: str | None
    extended_days: int | None
    approved_by: str | None


class FiledClock(Struct):
    """The time allowed for a step: its last day, and the day on which it was decided."""

    step: str
    due_day: str
    extended: bool
    decided_day: str | None


class FiledProperty(Struct):
    """A seized, sealed or frozen thing."""

    name: str
    quantity: str
    unit: str
    measure: str
    status: str
    place: str


class FiledMaterial(Struct):
    """What the complainant was asked for, and when it came in."""

    name: str
    received_day: str | None


class FiledCase(Struct):
    """A case as it is on file; version counts its changes."""

    case: str
    kind: str
    unit: str
    name: str
    officer: str
    badge: str
    channel: str
    reported_at: str | None
    taken_in_at: str | None
    parties: list[FiledParty]
    milestones: list[FiledMilestone]
    clocks: list[FiledClock]
    property: list[FiledProperty]
    materials: list[FiledMaterial]
    withheld_reason: str | None
    version: int


_SHARES = {"participation", "satisfaction"} | {name for name in FIGURES if name.endswith("_rate")}
RateRow = defstruct(
    "RateRow",
    [
        *((name, str | None) for name in ROW_LABELS),
        *((name, int) for name in ("taken_in", "satisfied", *FIGURES) if name not in _SHARES),
        *((name, float | None) for name in sorted(_SHARES)),
        ("withheld", dict[str, int]),
        ("levels", dict[str, int]),
        ("level_shares", dict[str, float | None]),
        ("too_few", bool),
    ],
)
RateSheet = defstruct(
    "RateSheet",
    [
        *((name, str) for name in ("from", "to", "cutoff", "definition", "by")),
        *((name, str | None) for name in ("within", "within_name")),
        ("definition_text", dict[str, dict[str, str]]),
        ("rows", list[RateRow]),  # type: ignore[valid-type]
        ("total", RateRow),
    ],
)


def flaw_of(refused: Refused) -> Flaw:
    """A refusal or warning as the file import also says it."""
    return Flaw(refused.field, refused.text.en, refused.text.zh, refused.value or UNSET)


def filed_case(bureau: Bureau, case: Record) -> FiledCase:
    """All that is on file of a case, out of its row."""
    db, ids = bureau.db, [case["id"]]
    withheld = live_withholding(db, case["id"])
    clocks = course.rows_of(db, "clock", ids, "due_day, step")
    materials = course.rows_of(db, "material", ids, "id")
    on_file = course.read(db, ids)[case["id"]]
    told = case | {
        "case": case["number"],
        "reported_at": _at(case, "reported"),
        "taken_in_at": _at(case, "intake"),
        "parties": [_party(bureau, one) for one in parties_of(db, case["id"])],
        "milestones": [
            _milestone(step, on_file)
            for step in dict.fromkeys([*on_file.milestones, *on_file.extensions])
        ],
        "clocks": [
            one | {"extended": bool(one["extended"])} for one in clocks if not one["void_step"]
        ],
        "property": on_file.seized,
        "materials": materials,
        "withheld_reason": withheld["reason"] if withheld else None,
    }
    return convert(told, FiledCase)


def _party(bureau: Bureau, party: Record) -> FiledParty:
    return FiledParty(party["role"], mask_name(bureau.seals.open(party["name_sealed"])))


def _milestone(step: str, on_file: course.Course) -> FiledMilestone:
    happened, extended = on_file.milestones.get(step, {}), on_file.extensions.get(step, {})
    return FiledMilestone(
        step,
        at=_at(happened, "happened") if happened else None,
        outcome=happened.get("outcome") or None,
        visible_at=happened.get("visible_at"),
        extended_days=extended.get("days"),
        approved_by=extended.get("approved_by") or None,
    )


def _at(row: Record, stem: str) -> str | None:
    """A moment as it can be handed in again: Beijing time, or the day alone."""
    if row[f"{stem}_at"]:
        return from_utc_text(row[f"{stem}_at"]).astimezone(BEIJING).isoformat()
    day: str | None = row[f"{stem}_day"]
    return day
