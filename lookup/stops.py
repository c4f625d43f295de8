"""Who wants no texts: a number whose holder ended them or is not who was meant, and one person."""

from dataclasses import dataclass
from typing import Any, Literal

from lookup.bureau import Bureau
from lookup.database import Record
from lookup.errors import Conflict, Refused
from lookup.language import LANGUAGES
from lookup.sealing import Seals, mask_phone
from lookup.trail import Change
from lookup.withholding import lock_disclosed

Why = Literal["stop", "wrong"]
OFF = "off"
_ACTIONS: dict[Why, str] = {"stop": "texts.stopped", "wrong": "texts.wrong_number"}

_MUTE = "UPDATE party SET texts_off_at = :at WHERE id = :id AND texts_off_at IS NULL"
_UNMUTE = """UPDATE party SET texts_off_at = NULL, language = :language
    WHERE id = :id AND (texts_off_at IS NOT NULL OR language <> :language)"""
_STOP = """INSERT INTO stopped_number (phone_sealed, phone_found, why, at)
    VALUES (:sealed, :found, :why, :at) ON CONFLICT (phone_found) DO NOTHING"""
_STOP_OTHERWISE = """UPDATE stopped_number SET why = :why, at = :at
    WHERE phone_found IN ({prints}) RETURNING id"""
_RESUME = """DELETE FROM stopped_number
    WHERE phone_found IN ({prints}) AND why = :why RETURNING id"""
_CASES = """SELECT number FROM cases
    WHERE id IN (SELECT case_id FROM party WHERE phone_found IN ({prints})) ORDER BY id"""


@dataclass(frozen=True, slots=True)
class Texts:
    """Whether a party gets texts: ``state`` is on, off, wrong (somebody else has the number) or
    none (no phone on file); ``phone`` is masked, ``language`` that of the texts."""

    state: str
    phone: str
    language: str


def texts_of(seals: Seals, issue: Record) -> Texts:
    """How the texts to the party of a live receipt issue stand."""
    stopped, phone = issue["stopped"], seals.open(issue["phone_sealed"])
    off = issue["texts_off_at"] or stopped
    state = "none" if not phone else "wrong" if stopped == "wrong" else OFF if off else "on"
    return Texts(state, mask_phone(phone), issue["language"])


def choose_texts(bureau: Bureau, change: Change, issue: Record, wanted: str) -> None:
    """End the texts to the party of a receipt issue (OFF), or have them in a language.

    To have them takes back the stop of a number, for whoever holds the paper is meant by it.
    Raises Refused for anything else, Conflict where the number is wrong or the case withheld.
    """
    if wanted not in (OFF, *LANGUAGES):
        raise Refused("texts", wanted, "请用页面上的按钮选择。", "Please use the page's buttons.")
    lock_disclosed(change.db, issue)
    if wanted != OFF:
        _take_back(bureau, change, bureau.seals.open(issue["phone_sealed"]))
    touched = change.db.run(
        _MUTE if wanted == OFF else _UNMUTE, id=issue["party_id"], at=change.at, language=wanted
    )
    if touched:
        action = "texts.muted" if wanted == OFF else "texts.unmuted"
        told = {} if wanted == OFF else {"language": wanted}
        change.record(action, issue["number"], party=issue["party_id"], **told)


def stop_number(bureau: Bureau, change: Change, phone: str, why: Why) -> None:
    """Send no more texts to a number; recorded with every case of it. A wrong one stays wrong."""
    if why_stopped(bureau, phone) in (why, "wrong"):
        return
    told: Record = {"why": why, "at": change.at}
    if not by_number(bureau, phone, _STOP_OTHERWISE, **told):
        sealed, found = bureau.seals.seal(phone), bureau.seals.fingerprint(phone)
        change.db.run(_STOP, sealed=sealed, found=found, **told)
    _record(bureau, change, _ACTIONS[why], phone)


def resume_number(bureau: Bureau, change: Change, phone: str, why: Why = "stop") -> None:
    """Take back what stopped the texts to a number, where it was that."""
    if by_number(bureau, phone, _RESUME, why=why):
        _record(bureau, change, "texts.started", phone)


def why_stopped(bureau: Bureau, phone: str) -> str | None:
    """Why a number gets no texts, None where it may."""
    found = by_number(
        bureau, phone, "SELECT why FROM stopped_number WHERE phone_found IN ({prints})"
    )
    return found[0]["why"] if found else None


def by_number(bureau: Bureau, phone: str, sql: str, **told: Any) -> list[Record]:
    """The rows of a statement about a number; ``{prints}`` is filled in with its fingerprints
    under every key."""
    named = {f"print{place}": one for place, one in enumerate(bureau.seals.fingerprints(phone))}
    prints = ", ".join(f":{name}" for name in named)
    return bureau.db.rows(sql.format(prints=prints), **named, **told)


def _take_back(bureau: Bureau, change: Change, phone: str) -> None:
    if why_stopped(bureau, phone) == "wrong":
        raise Conflict(
            "这个号码的机主说打错了，短信不能恢复。请联系办案单位核对号码。",
            "Whoever has this number says it is the wrong one, so texts stay off. Please ask the "
            "handling unit to check it.",
        )
    resume_number(bureau, change, phone)


def _record(bureau: Bureau, change: Change, action: str, phone: str) -> None:
    for case in by_number(bureau, phone, _CASES):
        change.record(action, case["number"], phone=mask_phone(phone))
