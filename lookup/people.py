"""The people of a case as staff list, add, correct and open them."""

from collections.abc import Mapping
from dataclasses import replace

from lookup.bureau import Bureau
from lookup.cases import AsOf, OnFile, move_on
from lookup.database import Database, Record
from lookup.errors import NotFound
from lookup.parties import parties_of
from lookup.stops import resume_number
from lookup.trail import Change
from lookup.typed import read_part, refusal

_SEALED = ("name", "phone", "id_last4")


def people_of(db: Database, case_id: int) -> list[Record]:
    """The parties of a case, each with its live receipt, the day of its last look-up, and why its
    number is stopped; of who has none, these are None."""
    return db.rows(
        """SELECT party.*, issue.ordinal, issue.issued_at, issue.handed_over_at,
            (SELECT MAX(day) FROM visit WHERE party_id = party.id) AS visited,
            stopped_number.why AS stopped
        FROM party LEFT JOIN issue ON issue.party_id = party.id AND issue.revoked_at IS NULL
        LEFT JOIN stopped_number ON stopped_number.phone_found = party.phone_found
        WHERE party.case_id = :case_id ORDER BY party.id""",
        case_id=case_id,
    )


def require_person(db: Database, case: Record, party_id: int) -> Record:
    """A party of a case; raises NotFound, also for one of another case."""
    for party in parties_of(db, case["id"]):
        if party["id"] == party_id:
            return party
    raise NotFound("本案没有这位当事人。", "The case has no such party.")


def put_person(
    bureau: Bureau,
    change: Change,
    kept: OnFile,
    told: Mapping[str, str],
    party_id: int | None = None,
) -> None:
    """Add a person to a case; or correct the party of an id, where a blank leaves what is on file.

    Raises CaseRefused with all that is wrong, also where nothing is told, and NotFound.
    """
    known = [require_person(change.db, kept.case, party_id)] if party_id else []
    role = {"role": known[0]["role"]} if known else {}
    record = read_part(bureau, change, kept.case, "parties", {**told, **role})
    if not any(getattr(record.parties[0], name) for name in _SEALED):
        raise refusal("name", "请填写姓名或电话。", "Give the name or the phone.")
    # It is known who is meant, so nobody else of the case may be taken for him.
    move_on(bureau, change, replace(kept, parties=known), record, AsOf(change.now))
    # Said once more, a number that somebody called wrong is right after all.
    resume_number(bureau, change, record.parties[0].phone, "wrong")


def open_person(bureau: Bureau, change: Change, case: Record, party_id: int) -> dict[str, str]:
    """A party's name, phone and end of the identity number in full; that it was opened is recorded.

    Raises NotFound.
    """
    party = require_person(change.db, case, party_id)
    change.record("person.opened", case["number"], party=party_id, role=party["role"])
    return {name: bureau.seals.open(party[f"{name}_sealed"]) for name in _SEALED}
