"""The people who may follow a case; their personal data is sealed."""

import json
from collections.abc import Callable, Container, Mapping, Sequence

from lookup.bureau import Bureau
from lookup.database import Database, Record
from lookup.errors import Refused
from lookup.records import Hand, PartyRecord
from lookup.sealing import Seals, mask_name, mask_phone
from lookup.trail import Change

# What is told of a person, and how it may be seen in the trail.
_MASKS: Mapping[str, Callable[[str], str]] = {
    "name": mask_name,
    "phone": mask_phone,
    "id_last4": lambda last4: "*" * len(last4),
}
_WRITES = {
    # What the case system called a person stays known: it will go on calling him so.
    "name": """UPDATE party SET name_sealed = :sealed, name_found = :found, told_sealed = CASE
        WHEN :by_hand = 1 AND told_sealed = '' THEN name_sealed ELSE told_sealed END
        WHERE id = :id""",
    "phone": "UPDATE party SET phone_sealed = :sealed, phone_found = :found WHERE id = :id",
    "id_last4": "UPDATE party SET id_last4_sealed = :sealed WHERE id = :id",
}


def parties_of(db: Database, case_id: int) -> list[Record]:
    """The parties of a case in the order they were added."""
    return db.rows("SELECT * FROM party WHERE case_id = :case_id ORDER BY id", case_id=case_id)


def is_known_person(
    bureau: Bureau,
    known: Sequence[Record],
    incoming: Sequence[PartyRecord],
    by_hand: str,
) -> bool:
    """Whether somebody handed in is somebody on file: the very name, and nothing against it.

    Namesakes are common. The end of the identity number decides where both sides know it, else
    the phone where both know one; what staff entered (``by_hand``, as kept with the case) says
    nothing of whom the case system means.
    """
    entered = json.loads(by_hand)
    return any(
        _is_same_person(bureau.seals, party, one, entered)
        for one in incoming
        for party in known
        if _bears(bureau.seals, party, one.name)
    )


def _is_same_person(seals: Seals, kept: Record, told: PartyRecord, by_hand: Container[str]) -> bool:
    for name in ("id_last4", "phone"):
        if kept[f"{name}_sealed"] and getattr(told, name) and _key(kept, name) not in by_hand:
            return _is_on_file(seals, kept, name, getattr(told, name))
    return True


def _bears(seals: Seals, kept: Record, name: str) -> bool:
    """Whether that is a person's name, or was before staff corrected it."""
    return _is(seals, kept["name_found"], name) or (
        bool(name) and seals.open(kept["told_sealed"]) == name
    )


def warn_forgotten(number: str, known: Sequence[Record]) -> Refused | None:
    """Why a case stays as it is whose people a purge has forgotten; None for any other."""
    if not any(party["forgotten_at"] for party in known):
        return None
    return Refused(
        "number",
        number,
        "本案办结已久，个人信息已按期清除，案件保持不变。",
        "This case ended long ago and its people were forgotten after the set time; it was left as "
        "it is.",
    )


def put_parties(
    bureau: Bureau,
    change: Change,
    case_id: int,
    known: Sequence[Record],
    incoming: Sequence[PartyRecord],
    hand: Hand,
) -> list[dict[str, str]]:
    """Add or update the parties handed in; nobody is removed. What changed, masked."""
    free = list(known)
    changes: list[dict[str, str]] = []
    for party in incoming:
        in_role = [one for one in free if one["role"] == party.role]
        same = _same_person(bureau.seals, in_role, party)
        # Whom staff added is somebody beside the one person whom the case system tells of.
        others = [one for one in in_role if _key(one) not in hand.fields] or in_role
        if len(others) == 1 == sum(one.role == party.role for one in incoming):
            same = same or others[0]
        if same is not None:
            free.remove(same)
            changes += _update(bureau, change, same, party, hand)
        elif party.name or party.phone or not in_role:
            _add(bureau, change, case_id, party, hand)
            changes.append({"added": party.role, "name": mask_name(party.name)})
    return changes


def _same_person(seals: Seals, in_role: Sequence[Record], party: PartyRecord) -> Record | None:
    """Who bears the name handed in, of two namesakes the one with the phone; or, where a name is
    not known, who has the phone."""

    def likeness(one: Record) -> list[bool]:
        return [_bears(seals, one, party.name), _is(seals, one["phone_found"], party.phone)]

    best = max(in_role, key=likeness, default=None)
    if best is None:
        return None
    same_name, same_phone = likeness(best)
    nameless = not (party.name and best["name_found"])
    return best if same_name or (same_phone and nameless) else None


def _is(seals: Seals, found: str, told: str) -> bool:
    return bool(told) and found in seals.fingerprints(told)


def _add(bureau: Bureau, change: Change, case_id: int, party: PartyRecord, hand: Hand) -> None:
    seals = bureau.seals
    added = change.db.row(
        """INSERT INTO party (case_id, role, name_sealed, name_found, phone_sealed, phone_found,
            id_last4_sealed)
        VALUES (:case_id, :role, :name, :name_found, :phone, :phone_found, :id_last4)
        RETURNING id""",
        case_id=case_id,
        role=party.role,
        name=seals.seal(party.name),
        name_found=seals.fingerprint(party.name),
        phone=seals.seal(party.phone),
        phone_found=seals.fingerprint(party.phone),
        id_last4=seals.seal(party.id_last4),
    )
    if hand.writes and added:
        told = (name for name in _MASKS if getattr(party, name))
        hand.fields |= {_key(added), *(_key(added, name) for name in told)}


def _update(
    bureau: Bureau, change: Change, known: Record, party: PartyRecord, hand: Hand
) -> list[dict[str, str]]:
    """A blank never erases what is on file."""
    seals = bureau.seals
    changes = []
    for name, mask in _MASKS.items():
        told = getattr(party, name)
        if not told or _is_on_file(seals, known, name, told):
            continue
        said, was = mask(told), mask(seals.open(known[f"{name}_sealed"]))
        if not hand.stands(f"parties.{party.role}.{name}", was, said, _key(known, name)):
            _write(bureau, change, known["id"], name, told, hand)
            changes.append({name: said, "was": was})
    return changes


def _key(party: Record, *field: str) -> str:
    """What a person, or what is told of him, is called among what was entered by hand."""
    return ".".join(("parties", str(party["id"]), *field))


def _is_on_file(seals: Seals, known: Record, name: str, told: str) -> bool:
    if name == "id_last4":
        return seals.open(known["id_last4_sealed"]) == told
    return _is(seals, known[f"{name}_found"], told)


def _write(bureau: Bureau, change: Change, party_id: int, name: str, told: str, hand: Hand) -> None:
    change.db.run(
        _WRITES[name],
        id=party_id,
        sealed=bureau.seals.seal(told),
        found=bureau.seals.fingerprint(told),
        by_hand=int(hand.writes),
    )
