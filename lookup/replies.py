"""What phones send back: a rating, the wish for no more texts, a wrong number, or a comment."""

import unicodedata
from pathlib import Path

from lookup.bodies import phone_digits
from lookup.bureau import Bureau
from lookup.comments import LONGEST_COMMENT, comment
from lookup.database import Record
from lookup.errors import Conflict, Refused
from lookup.feedback import rate
from lookup.language import plain
from lookup.levels import LEVELS
from lookup.messages import QUESTIONS
from lookup.networks import network_print
from lookup.stops import by_number, resume_number, stop_number, why_stopped
from lookup.toml_tables import read_toml
from lookup.trail import Actor, Change

_MEANINGS = {
    word.casefold().replace(" ", ""): meaning
    for meaning, words in read_toml(Path(__file__).with_suffix(".toml")).items()
    for word in (*words, *((meaning, *LEVELS[meaning]) if meaning in LEVELS else ()))
}
_ORDERS = {"stop": "stopped", "start": "started", "wrong": "wrong_number"}
# Who has a number, the latest first, each as a receipt issue's party with its case.
_PARTIES = """SELECT cases.*, party.id AS party_id, party.case_id FROM party
    JOIN cases ON cases.id = party.case_id WHERE phone_found IN ({prints}) ORDER BY party.id DESC"""
# What was sent to them, the latest first, with party and case likewise.
_TEXTS = """SELECT cases.*, message.id AS message, message.party_id, message.case_id, template,
        step, (SELECT category FROM comment WHERE comment.id = comment_id) AS category
    FROM party JOIN message ON message.party_id = party.id
    JOIN cases ON cases.id = party.case_id
    WHERE phone_found IN ({prints}) AND state IN ('sending', 'sent', 'delivered', 'unknown')
    ORDER BY sent_at DESC, message.id DESC"""


def receive(bureau: Bureau, ongoing: Change, sender: str, text: str, inbound_id: str) -> str:
    """Take in one text from a phone; what became of it.

    That is ``unknown`` (nobody here has the number), ``repeated`` (it was handed in before), both
    of which change nothing; ``stopped``, ``started``, ``wrong_number``, ``rated``, ``commented``;
    or ``not_taken``: blank, about what is not shown, or from who is not who was meant.
    """
    phone = phone_digits(plain(sender))
    parties = by_number(bureau, phone, _PARTIES)
    if not parties:
        return "unknown"
    if not ongoing.db.run(
        "INSERT INTO inbound (id, at) VALUES (:id, :at) ON CONFLICT (id) DO NOTHING",
        id=inbound_id,
        at=ongoing.at,
    ):
        return "repeated"
    if why_stopped(bureau, phone) == "wrong":
        return "not_taken"
    texts, meaning = by_number(bureau, phone, _TEXTS), meaning_of(text)
    about = (texts or parties)[0]
    # Only now is it known who writes.
    party = f"party {about['party_id']}"
    ongoing.actor = Actor(party, ongoing.actor.via, network_print(bureau, phone))
    if meaning in _ORDERS:
        return _obey(bureau, ongoing, _ORDERS[meaning], phone)
    asked, form = _asked(texts) if meaning else None, f"sms {inbound_id}"
    try:
        if meaning and asked:
            return _rate(bureau, ongoing, asked, meaning, form)
        comment(bureau, ongoing, about, _keepable(text), form, _category(bureau, about))
    except (Conflict, Refused):
        # Withheld, taken back or blank: it cannot be given back to be sent again.
        return "not_taken"
    return "commented"


def meaning_of(text: str) -> str | None:
    """What a whole message means: a level of LEVELS ("5", "很满意", "5 非常满意"), stop, start or
    wrong; None for any other words."""
    said = _bare(text)
    word = _bare(said[1:])
    named = _MEANINGS.get(word) if not word[:1].isdigit() else None
    return _MEANINGS.get(said) or (named if named == said[:1] else None)


def _bare(text: str) -> str:
    """A message as it is compared: without spaces, and without the signs around it."""
    said = plain(text).casefold().replace(" ", "")
    letters = [n for n, one in enumerate(said) if unicodedata.category(one)[0] in "LN"]
    return said[letters[0] : letters[-1] + 1] if letters else ""


def _category(bureau: Bureau, about: Record) -> str:
    """What follows the answer to a report is one too: the unit it is about must not read it."""
    category = bureau.service.category(about.get("category") or "")
    return category.code if category and category.goes_above else ""


def _asked(texts: list[Record]) -> Record | None:
    """The question last asked; where none ever was, the last text about a milestone."""
    questions = [one for one in texts if one["template"] in QUESTIONS]
    return next((one for one in questions or texts if one["step"]), None)


def _rate(bureau: Bureau, ongoing: Change, asked: Record, level: str, form: str) -> str:
    rate(bureau, ongoing, asked, asked["step"], level, (), form)
    ongoing.db.run(
        "UPDATE message SET answered_at = :at WHERE id = :id", at=ongoing.at, id=asked["message"]
    )
    return "rated"


def _obey(bureau: Bureau, ongoing: Change, order: str, phone: str) -> str:
    if order == "started":
        resume_number(bureau, ongoing, phone)
    else:
        stop_number(bureau, ongoing, phone, "stop" if order == "stopped" else "wrong")
    return order


def _keepable(text: str) -> str:
    """A text as a comment can keep it: without controls, and cut where it is too long."""
    kept = "".join(c for c in text if c in "\r\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    composed = unicodedata.normalize("NFC", kept)
    over = len(composed) > LONGEST_COMMENT
    return f"{composed[: LONGEST_COMMENT - 1]}…" if over else composed
