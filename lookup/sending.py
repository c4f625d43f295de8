"""Sending what lies in the outbox, once each, by as many workers as there are.

Whether a message may go is asked just before it goes; that it goes, and by which worker, is kept
before the gateway is asked. So whoever dies before that leaves a message that is sent later, and
whoever dies after it one of which nobody knows whether it was sent: it is never sent again but by
a person's decision.
"""

import re
import secrets
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from lookup import sms
from lookup.beijing import BEIJING, beijing_day, from_utc_text, start_of_day, utc_text
from lookup.bureau import Bureau
from lookup.config import Config
from lookup.database import Database, Record
from lookup.errors import Conflict, NotFound, StorageError
from lookup.language import Text
from lookup.messages import QUESTIONS
from lookup.sentences import said_day
from lookup.staff import Staff
from lookup.stops import by_number, why_stopped
from lookup.texts import MOBILE, compose
from lookup.trail import Change
from lookup.units import SUBTREE

# Far longer than one message takes, with all that may time out on its way.
LEASE = timedelta(minutes=5)
# How long to wait after the first, second … time that the gateway did not take a message.
BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
# When to see again whether a number's open question was answered, a missing key has come back.
_LATER = timedelta(hours=1)
# The message that has been due longest, with all that tells whether and how it may be sent.
_DUE = """SELECT message.*, cases.kind, withholding.reason AS withheld, party.phone_sealed,
    party.language, party.texts_off_at, milestone.happened_day
FROM message JOIN cases ON cases.id = message.case_id JOIN party ON party.id = message.party_id
LEFT JOIN withholding ON withholding.case_id = message.case_id AND withholding.ended_at IS NULL
LEFT JOIN milestone ON milestone.case_id = message.case_id AND milestone.step = message.step
WHERE state = 'waiting' AND message.id = (SELECT id FROM message
    WHERE state = 'waiting' AND due_at <= :now ORDER BY due_at, id LIMIT 1)"""
# What a number has had today, and the questions it has not answered yet.
_HAD = f"""SELECT COUNT(CASE WHEN sent_day = :today THEN 1 END) AS texts,
    COUNT(CASE WHEN message.id <> :id AND template IN ('{"', '".join(QUESTIONS)}')
        AND answered_at IS NULL AND state IN ('sending', 'sent', 'delivered', 'unknown')
        AND sent_at > :since THEN 1 END) AS questions
FROM party JOIN message ON message.party_id = party.id WHERE phone_found IN ({{prints}})"""
# A text about a comment is of the unit that answers it: the one that a report is about must not
# know of it.
_WHOSE = """COALESCE((SELECT comment.unit FROM comment WHERE comment.id = message.comment_id),
    cases.unit)"""
# What a report of the gateway says, and what it may be said of. A phone that has it has it,
# whatever was thought before; reports come in any order.
_REPORTS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "1": ("delivered", "", ("waiting", "sending", "sent", "unknown", "failed")),
    "2": ("failed", "undelivered", ("sending", "sent", "unknown")),
    "4": ("sent", "", ("sending", "unknown")),
    "8": ("sent", "", ("sending", "unknown")),
    "16": ("failed", "refused", ("sending", "sent", "unknown")),
}
_BECAME: Mapping[sms.Outcome, str] = {
    "accepted": "sent",
    "refused": "failed",
    "later": "waiting",
    "unknown": "unknown",
}


class Fate(NamedTuple):
    """What became of a message: a state of it, ``waiting`` where it was put off; and why."""

    state: str
    reason: str = ""
    due: datetime | None = None

    @property
    def is_trouble(self) -> bool:
        """Whether the gateway is at fault, so that the next message would fare no better."""
        return self.state == "unknown" or self.reason.startswith("gateway_")


def quiet_until(config: Config, now: datetime) -> datetime | None:
    """When the quiet hours end in which no text is sent; None outside of them."""
    if config.sms_quiet_hours is None:
        return None
    first, last = config.sms_quiet_hours
    hour, today = now.astimezone(BEIJING).hour, beijing_day(now)
    if first < last:
        return _at(today, last) if first <= hour < last else None
    if hour >= first:
        return _at(today + timedelta(1), last)
    return _at(today, last) if hour < last else None


def _at(day: date, hour: int) -> datetime:
    return start_of_day(day) + timedelta(hours=hour)


def tidy(db: Database, now: datetime) -> Counter[str]:
    """Give up what a worker left behind, and what is no news any more; how many of each state."""
    at = utc_text(now)
    with db.transaction():
        left = db.rows(
            """UPDATE message SET state = 'unknown', reason = 'broken_off', settled_at = :at
            WHERE state = 'sending' AND leased_until < :at RETURNING state""",
            at=at,
        )
        lapsed = db.rows(
            """UPDATE message SET state = CASE WHEN tries > 0 THEN 'failed' ELSE 'dropped' END,
                reason = 'lapsed', settled_at = :at
            WHERE state = 'waiting' AND lapses_at <= :at RETURNING state""",
            at=at,
        )
    return Counter(row["state"] for row in [*left, *lapsed])


def disown(db: Database, now: datetime) -> None:
    """Leave what waited when a backup was made to people: it may have been sent since then."""
    db.run(
        """UPDATE message SET state = 'unknown', reason = 'restored', lease = '', settled_at = :at
        WHERE state IN ('waiting', 'sending')""",
        at=utc_text(now),
    )


def send_next(bureau: Bureau, now: datetime) -> Fate | None:
    """Send the message that has been due longest, if it still may be; None where none is due."""
    db = bureau.db
    with db.transaction():
        # One after the other: what goes to one number, of two cases perhaps, is counted together.
        db.rows(db.take_turns)
        row = db.row(f"{_DUE} {_locked(db)}", now=utc_text(now))
        if row is None:
            return None
        try:
            phone = bureau.seals.open(row["phone_sealed"])
        except StorageError:
            return _settle(db, row, Fate("waiting", "key_missing", now + _LATER), now)
        if fate := _bar(bureau, row, phone) or _delay(bureau, row, phone, now):
            return _settle(db, row, fate, now)
        text, claimed = _text(bureau, row, now), _claim(db, row, now)
    answer = sms.send(bureau.config, phone, text, f"{row['id']}.{row['tries'] + 1}")
    return _settle(db, claimed, fate_of(answer, row["tries"], now), now)


def fate_of(answer: sms.Answer, tries: int, now: datetime) -> Fate:
    """What an answer of the gateway makes of a text that was tried so often before."""
    wait = BACKOFF[min(tries, len(BACKOFF) - 1)]
    return Fate(_BECAME[answer.outcome], answer.reason, now + wait)


def _locked(db: Database) -> str:
    return db.for_update and f"{db.for_update} OF message"


def _bar(bureau: Bureau, row: Record, phone: str) -> Fate | None:
    """Why a message is not to be sent at all."""
    stopped = why_stopped(bureau, phone)
    reasons = {
        "withheld": row["withheld"],
        "taken_back": row["template"] == "milestone" and row["happened_day"] is None,
        "muted": row["texts_off_at"],
        "no_phone": not MOBILE.fullmatch(phone),
        "stopped": stopped == "stop",
        "wrong_number": stopped == "wrong",
    }
    return next((Fate("dropped", reason) for reason, holds in reasons.items() if holds), None)


def _delay(bureau: Bureau, row: Record, phone: str, now: datetime) -> Fate | None:
    """Why a message is not to be sent yet: the number's last question is open, or it has had
    enough for a day."""
    texts, today = bureau.service.texts, beijing_day(now)
    since = utc_text(now - timedelta(days=texts.question_days))
    [had] = by_number(bureau, phone, _HAD, id=row["id"], today=today.isoformat(), since=since)
    if had["questions"] and row["template"] in QUESTIONS:
        return Fate("waiting", "question", now + _LATER)
    if had["texts"] < texts.a_day:
        return None
    _, morning = bureau.config.sms_quiet_hours or (0, 0)
    return Fate("waiting", "a_day", _at(today + timedelta(1), morning))


def _text(bureau: Bureau, row: Record, now: datetime) -> str:
    config, said = bureau.config, _said(bureau, row, now)
    return compose(row["template"], row["language"], config.bureau_name, config.host, said)


def _said(bureau: Bureau, row: Record, now: datetime) -> Text | None:
    """What the kind lets a text say of the milestone."""
    kind, step = bureau.kinds.get(row["kind"]), row["step"]
    if kind is None or not kind.has_step(step) or row["happened_day"] is None:
        return None
    text = kind.milestone(step).text
    day = date.fromisoformat(row["happened_day"])
    return text and text.fill(day=said_day(day, beijing_day(now).year, weekday=False))


def _claim(db: Database, row: Record, now: datetime) -> Record:
    """Take a message for the time of a lease, to send it: from now on nobody else will."""
    lease = secrets.token_hex(8)
    [claimed] = db.rows(
        """UPDATE message SET state = 'sending', reason = '', tries = tries + 1, lease = :lease,
            leased_until = :until, sent_at = :at, sent_day = :day
        WHERE id = :id RETURNING id, lease""",
        lease=lease,
        until=utc_text(now + LEASE),
        at=utc_text(now),
        day=beijing_day(now).isoformat(),
        id=row["id"],
    )
    return claimed


def _settle(db: Database, row: Record, fate: Fate, now: datetime) -> Fate:
    """Keep what became of a message, unless a report has told it before. An answer that comes
    when the lease is over still counts, until a person has decided otherwise."""
    db.run(
        """UPDATE message SET state = :state, reason = :reason, due_at = :due, settled_at = :at,
            sent_at = CASE WHEN :state = 'waiting' THEN NULL ELSE sent_at END,
            sent_day = CASE WHEN :state = 'waiting' THEN NULL ELSE sent_day END
        WHERE id = :id AND lease = :lease AND state IN ('waiting', 'sending', 'unknown')""",
        state=fate.state,
        reason=fate.reason,
        due=utc_text(fate.due or now),
        at=utc_text(now),
        id=row["id"],
        lease=row["lease"],
    )
    return fate


def report(db: Database, message_id: str, status: str, now: datetime) -> None:
    """Take in what the gateway tells of a text it was given; of what is not known, nothing.

    ``message_id`` names message and attempt, ``status`` is a number of Kannel's.
    """
    told, named = _REPORTS.get(status), re.fullmatch(r"([0-9]{1,18})\.([0-9]{1,9})", message_id)
    if told is None or named is None:
        return
    state, reason, may_be = told
    db.run(
        f"""UPDATE message SET state = :state, reason = :reason, settled_at = :at
        WHERE id = :id AND tries = :attempt AND state IN ('{"', '".join(may_be)}')""",
        state=state,
        reason=reason,
        at=utc_text(now),
        id=int(named[1]),
        attempt=int(named[2]),
    )


def counts(db: Database) -> dict[str, Record]:
    """How many messages there are in each state, and since when the oldest."""
    rows = db.rows(
        "SELECT state, COUNT(*) AS n, MIN(made_at) AS oldest FROM message GROUP BY state"
    )
    return {row["state"]: row for row in rows}


def is_cut_off(db: Database) -> bool:
    """Whether texts wait because the gateway took none."""
    cut_off = "SELECT id FROM message WHERE state = 'waiting' AND reason LIKE 'gateway%' LIMIT 1"
    return db.row(cut_off) is not None


def undecided(db: Database, unit: str, limit: int) -> list[Record]:
    """The messages within a unit's reach that failed, or of which nobody knows whether they were
    sent, the latest first; each with its case and party."""
    return db.rows(
        f"""{SUBTREE} SELECT message.*, number, kind, role, name_sealed FROM message
        JOIN cases ON cases.id = message.case_id JOIN party ON party.id = message.party_id
        WHERE state IN ('failed', 'unknown') AND {_WHOSE} IN (SELECT code FROM subtree)
        ORDER BY message.id DESC LIMIT :limit""",
        unit=unit,
        limit=limit,
    )


def send_again(ongoing: Change, staff: Staff, message_id: int) -> None:
    """Let a message that failed or is unknown go once more, with as much time as it had.

    Raises NotFound beyond the reach of ``staff``, Conflict where it is neither any more.
    """
    row = _decide(ongoing, staff, message_id, "message.sent_again")
    had = from_utc_text(row["lapses_at"]) - from_utc_text(row["made_at"])
    ongoing.db.run(
        """UPDATE message SET state = 'waiting', reason = '', lease = '',
            due_at = :at, lapses_at = :lapses
        WHERE id = :id""",
        at=ongoing.at,
        lapses=utc_text(ongoing.now + had),
        id=message_id,
    )


def drop(ongoing: Change, staff: Staff, message_id: int) -> None:
    """Leave a message that failed or is unknown; raises as `send_again`."""
    _decide(ongoing, staff, message_id, "message.left")
    ongoing.db.run(
        "UPDATE message SET state = 'dropped', reason = 'by_hand', settled_at = :at WHERE id = :id",
        at=ongoing.at,
        id=message_id,
    )


def _decide(ongoing: Change, staff: Staff, message_id: int, action: str) -> Record:
    row = ongoing.db.row(
        f"""{SUBTREE} SELECT message.*, number FROM message
        JOIN cases ON cases.id = message.case_id
        WHERE message.id = :id AND {_WHOSE} IN (SELECT code FROM subtree)
        {_locked(ongoing.db)}""",
        id=message_id,
        unit=staff.unit,
    )
    if row is None:
        raise NotFound(
            "没有这条短信，或者它不归本单位。", "There is no such text, or it is not your unit's."
        )
    if row["state"] not in ("failed", "unknown"):
        raise Conflict(
            "这条短信刚才已有结果，没有改动。",
            "What became of this text is known meanwhile; nothing was changed.",
        )
    # That there was a comment to answer may not be for all who read the record of the case.
    number = "" if row["comment_id"] else row["number"]
    ongoing.record(action, number, party=row["party_id"])
    return row
