"""A case registered at the desk: with its receipts in one go, never twice, nothing left out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lookup.beijing import Moment
from lookup.bodies import LONGEST, Body, Bounds, read_case
from lookup.bureau import Bureau
from lookup.cases import AsOf, find_case, put_case, require_case
from lookup.database import Record
from lookup.errors import Conflict, Refused
from lookup.issues import find_live, live_issue
from lookup.language import plain
from lookup.materials import request_materials
from lookup.particulars import materials_of
from lookup.parties import parties_of
from lookup.reach import units_within
from lookup.records import CaseRecord, CaseRefused, number_key
from lookup.staff import Staff
from lookup.trail import change
from lookup.units import SUBTREE

_SAME_MATTER = timedelta(days=90)
_MOST_SHOWN = 9
# What tells one case from another, of those that somebody may see.
_IN_REACH = f"""{SUBTREE} SELECT cases.id, cases.number, cases.name, cases.intake_day,
    unit.name AS unit_name
FROM cases JOIN unit ON unit.code = cases.unit
WHERE cases.unit IN (SELECT code FROM subtree)"""


class NumberTaken(Refused):
    """The number is another case's: ``case`` is that one, None where it is out of reach."""

    def __init__(self, number: str, case: Record | None) -> None:
        zh = f"编号“{number}”已被另一案件使用，请核对。"
        super().__init__("number", number, zh, f"“{number}” is another case's number; check it.")
        self.case = case


class LikelyDuplicates(Conflict):
    """Cases that may well be the same matter; whoever has seen them may register all the same."""

    def __init__(self, cases: Sequence[Record]) -> None:
        super().__init__("可能已经登记过，没有保存。", "It may be registered already; not saved.")
        self.cases = cases


@dataclass(frozen=True)
class Intake:
    """What was typed at the desk: the case as the API's body, the materials still to be brought,
    and the ids of the likely duplicates that were shown."""

    body: Body
    materials: Sequence[str]
    warned: frozenset[str]


def take_in(bureau: Bureau, who: Staff, intake: Intake, now: datetime) -> tuple[str, int]:
    """Register a case and make the receipt of each party; the number and the first party's id.

    The same content sent twice lands on the one case. Raises CaseRefused with all that is wrong,
    LikelyDuplicates; then nothing was written.
    """
    record = _read(bureau, who, intake, now)
    # Looked up while the earlier case, if there is one, is as its unit left it.
    taken = _taken(bureau, who, record.number)
    with change(bureau.db, who.actor, now) as ongoing:
        try:
            result = put_case(bureau, ongoing, record, AsOf(now)).result
        except CaseRefused:
            result = "changed"
        case = require_case(bureau.db, record.number)
        parties = parties_of(bureau.db, case["id"])
        if result == "new":
            _refuse_duplicates(bureau, who, case, record, intake.warned)
            request_materials(ongoing, case, intake.materials)
            for party in parties:
                live_issue(bureau, ongoing, party["id"])
        elif result == "changed" or not _was_sent(bureau, who, parties[0], intake.materials):
            raise CaseRefused("the number is taken", [taken])
    return case["number"], parties[0]["id"]


def _read(bureau: Bureau, who: Staff, intake: Intake, now: datetime) -> CaseRecord:
    units = frozenset(units_within(bureau.db, who.unit))
    bounds = Bounds(bureau.kinds, units, Moment.of(now), strict=True)
    try:
        return read_case(intake.body, bounds, list(_lacking(intake)))
    except CaseRefused as refused:
        number = plain(intake.body["number"])
        if find_case(bureau.db, number) is None:
            raise
        taken = _taken(bureau, who, number)
        raise CaseRefused("the case was refused", [*refused.refusals(), taken]) from None


def _lacking(intake: Intake) -> Iterator[Refused]:
    """What only the desk asks for: somebody stands there who knows it."""
    for party in intake.body["parties"]:
        if not plain(party["name"]):
            zh, en = "请填写姓名；不愿透露的填“匿名”。", "Enter the name; 匿名 for one not given."
            yield Refused(f"{party['at_path']}.name", "", zh, en)
    if not plain(intake.body["officer"]):
        zh, en = "请填写主办民警，回执上要印。", "Enter the officer; the receipt names him."
        yield Refused("officer", "", zh, en)
    if any(len(material) > LONGEST for material in intake.materials):
        zh, en = f"每项最多 {LONGEST} 字。", f"At most {LONGEST} characters each."
        yield Refused("materials", "", zh, en)


def _was_sent(bureau: Bureau, who: Staff, party: Record, materials: Sequence[str]) -> bool:
    """Whether a case of which nothing differs is this very person's: a button pressed twice."""
    live = find_live(bureau.db, party["id"])
    listed = {one.name for one in materials_of(bureau.db, party["case_id"])}
    issued_by = live["issued_by"] if live else ""
    return issued_by == who.actor.name and listed.issuperset(materials)


def _taken(bureau: Bureau, who: Staff, number: str) -> NumberTaken:
    key = number_key(number)
    case = bureau.db.row(f"{_IN_REACH} AND cases.number_key = :key", unit=who.unit, key=key)
    return NumberTaken(number, case)


def _refuse_duplicates(
    bureau: Bureau, who: Staff, case: Record, record: CaseRecord, warned: frozenset[str]
) -> None:
    """Raise LikelyDuplicates for recent cases with a phone of this one, or with a number that
    differs only in what people misread."""
    told = [one.phone for one in record.parties if one.phone]
    prints = [found for phone in told for found in bureau.seals.fingerprints(phone)]
    phones = {f"phone{place}": found for place, found in enumerate(prints)}
    names = ", ".join(f":{name}" for name in phones) or "NULL"
    found = bureau.db.rows(
        f"""{_IN_REACH} AND cases.intake_day >= :since AND cases.id <> :id
            AND (cases.id IN (SELECT case_id FROM party WHERE phone_found IN ({names}))
                OR REPLACE(REPLACE(cases.number_key, 'O', '0'), 'I', '1')
                    = REPLACE(REPLACE(:key, 'O', '0'), 'I', '1'))
        ORDER BY cases.intake_day DESC, cases.id DESC LIMIT {_MOST_SHOWN}""",
        unit=who.unit,
        since=(record.intake.day - _SAME_MATTER).isoformat(),
        id=case["id"],
        key=case["number_key"],
        **phones,
    )
    if any(str(one["id"]) not in warned for one in found):
        raise LikelyDuplicates(found)
