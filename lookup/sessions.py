"""Log-ins that are under way: kept here, so that each can be seen and ended.

Idle and absolute limits follow ASVS 5.0, chapter 7: a counter left alone closes within half an
hour, and every shift logs in anew.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from lookup.beijing import from_utc_text, utc_text
from lookup.database import Database, Record
from lookup.trail import Change

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
# Noting every request would make each of them a write.
_NOTED_EVERY = timedelta(minutes=1)
_KEPT = timedelta(days=30)
_LONGEST_AGENT = 200


def start_session(
    db: Database,
    staff_id: int,
    address: str,
    agent: str,
    now: datetime,
    before: str = "",
    network: str = "",
) -> str:
    """Begin a session; the secret that the browser keeps instead of the one ``before``.
    ``network`` is the print of where it was begun."""
    secret = secrets.token_urlsafe(32)
    with db.transaction():
        db.run("DELETE FROM session WHERE seen_at < :long_ago", long_ago=utc_text(now - _KEPT))
        db.run(
            "UPDATE session SET ended_at = :now WHERE id = :before AND ended_at IS NULL",
            now=utc_text(now),
            before=_id(before),
        )
        db.run(
            """INSERT INTO session (id, staff_id, started_at, seen_at, address, agent, network)
            VALUES (:id, :staff_id, :now, :now, :address, :agent, :network)""",
            id=_id(secret),
            staff_id=staff_id,
            now=utc_text(now),
            address=address,
            agent=agent[:_LONGEST_AGENT],
            network=network,
        )
    return secret


def live_session(db: Database, secret: str, now: datetime) -> Record | None:
    """The session behind a secret joined with its person, None where it is over."""
    row = db.row(
        """SELECT staff.*, unit.name AS unit_name, session.id AS session, session.seen_at
        FROM session JOIN staff ON staff.id = session.staff_id
        JOIN unit ON unit.code = staff.unit
        WHERE session.id = :id AND session.ended_at IS NULL AND staff.disabled_at IS NULL
            AND session.seen_at >= :idle AND session.started_at >= :longest""",
        id=_id(secret),
        idle=utc_text(now - IDLE),
        longest=utc_text(now - LONGEST),
    )
    if row and now - from_utc_text(row["seen_at"]) > _NOTED_EVERY:
        with db.transaction():
            db.run(
                "UPDATE session SET seen_at = :now WHERE id = :id",
                now=utc_text(now),
                id=row["session"],
            )
    return row


def live_sessions(db: Database, staff_id: int, now: datetime) -> list[Record]:
    """The sessions of a person that are under way, the latest first."""
    return db.rows(
        """SELECT id, started_at, seen_at, address, agent FROM session
        WHERE staff_id = :staff_id AND ended_at IS NULL AND seen_at >= :idle
            AND started_at >= :longest
        ORDER BY seen_at DESC, id""",
        staff_id=staff_id,
        idle=utc_text(now - IDLE),
        longest=utc_text(now - LONGEST),
    )


def end_session(change: Change, staff_id: int, session_id: str) -> None:
    """End one session of a person."""
    change.db.run(
        """UPDATE session SET ended_at = :at
        WHERE id = :id AND staff_id = :staff_id AND ended_at IS NULL""",
        at=change.at,
        id=session_id,
        staff_id=staff_id,
    )


def end_all(change: Change, staff_id: int) -> None:
    """End every session of a person."""
    change.db.run(
        "UPDATE session SET ended_at = :at WHERE staff_id = :staff_id AND ended_at IS NULL",
        at=change.at,
        staff_id=staff_id,
    )


def is_known_address(db: Database, login: str, address: str) -> bool:
    """Whether an account has been used from an address of late."""
    found = db.row(
        """SELECT session.id FROM session JOIN staff ON staff.id = session.staff_id
        WHERE staff.login = :login AND session.address = :address LIMIT 1""",
        login=login,
        address=address,
    )
    return found is not None


def _id(secret: str) -> str:
    """What is kept of a secret: whoever reads the database cannot log in with it."""
    return hashlib.sha256(secret.encode()).hexdigest()
