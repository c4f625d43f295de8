"""The people who may follow a case; their personal data is sealed."""

from collections.abc import Sequence

from lookup.bureau import Bureau
from lookup.database import Database, Record
from lookup.records import PartyRecord
from lookup.sealing import mask_name, mask_phone
from lookup.trail import Change


def parties_of(db: Database, case_id: int) -> list[Record]:
    """The parties of a case in the order they were added."""
    return db.rows("SELECT * FROM party WHERE case_id = :case_id ORDER BY id", case_id=case_id)


def is_known_person(
    bureau: Bureau, known: Sequence[Record], incoming: Sequence[PartyRecord]
) -> bool:
    """Whether somebody handed in bears the very name of somebody on file."""
    on_file = {party["name_found"] for party in known if party["name_found"]}
    return any(
        not on_file.isdisjoint(bureau.seals.fingerprints(party.name))
        for party in incoming
        if party.name
    )


def put_parties(
    bureau: Bureau, change: Change, case_id: int, incoming: Sequence[PartyRecord]
) -> list[dict[str, str]]:
    """Add or update the parties handed in; nobody is removed. What changed, masked."""
    known = parties_of(change.db, case_id)
    changes: list[dict[str, str]] = []
    for party in incoming:
        on_file = _on_file(bureau, known, incoming, party)
        if on_file is None:
            _add(bureau, change, case_id, party)
            changes.append({"added": party.role, "name": mask_name(party.name)})
        else:
            changes += _update(bureau, change, on_file, party)
    return changes


def _on_file(
    bureau: Bureau, known: Sequence[Record], incoming: Sequence[PartyRecord], party: PartyRecord
) -> Record | None:
    """The same person on file: by name, or as the only one in that role on both sides."""
    in_role = [one for one in known if one["role"] == party.role]
    names = set(bureau.seals.fingerprints(party.name))
    by_name = next((one for one in in_role if one["name_found"] in names), None)
    alone = len(in_role) == 1 and sum(one.role == party.role for one in incoming) == 1
    return by_name or (in_role[0] if alone else None)


def _add(bureau: Bureau, change: Change, case_id: int, party: PartyRecord) -> None:
    seals = bureau.seals
    change.db.run(
        """INSERT INTO party (case_id, role, name_sealed, name_found, phone_sealed, phone_found,
            id_last4_sealed)
        VALUES (:case_id, :role, :name, :name_found, :phone, :phone_found, :id_last4)""",
        case_id=case_id,
        role=party.role,
        name=seals.seal(party.name),
        name_found=seals.fingerprint(party.name),
        phone=seals.seal(party.phone),
        phone_found=seals.fingerprint(party.phone),
        id_last4=seals.seal(party.id_last4),
    )


def _update(
    bureau: Bureau, change: Change, known: Record, party: PartyRecord
) -> list[dict[str, str]]:
    """A blank never erases what is on file."""
    seals = bureau.seals
    changes = []
    if party.name and known["name_found"] not in seals.fingerprints(party.name):
        _set_name(bureau, change, known["id"], party.name)
        was = mask_name(seals.open(known["name_sealed"]))
        changes.append({"name": mask_name(party.name), "was": was})
    if party.phone and known["phone_found"] not in seals.fingerprints(party.phone):
        _set_phone(bureau, change, known["id"], party.phone)
        was = mask_phone(seals.open(known["phone_sealed"]))
        changes.append({"phone": mask_phone(party.phone), "was": was})
    if party.id_last4 and seals.open(known["id_last4_sealed"]) != party.id_last4:
        _set_id_last4(bureau, change, known["id"], party.id_last4)
        changes.append({"id_last4": "****", "was": "****" if known["id_last4_sealed"] else ""})
    return changes


def _set_name(bureau: Bureau, change: Change, party_id: int, name: str) -> None:
    change.db.run(
        "UPDATE party SET name_sealed = :sealed, name_found = :found WHERE id = :id",
        id=party_id,
        sealed=bureau.seals.seal(name),
        found=bureau.seals.fingerprint(name),
    )


def _set_phone(bureau: Bureau, change: Change, party_id: int, phone: str) -> None:
    change.db.run(
        "UPDATE party SET phone_sealed = :sealed, phone_found = :found WHERE id = :id",
        id=party_id,
        sealed=bureau.seals.seal(phone),
        found=bureau.seals.fingerprint(phone),
    )


def _set_id_last4(bureau: Bureau, change: Change, party_id: int, id_last4: str) -> None:
    change.db.run(
        "UPDATE party SET id_last4_sealed = :sealed WHERE id = :id",
        id=party_id,
        sealed=bureau.seals.seal(id_last4),
    )
