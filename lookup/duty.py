"""The morning's text to a unit's duty phone: how much runs out soon, and nothing of any case.

As with the texts in the outbox, that one goes is kept before the gateway is asked: whoever dies
then leaves one of which nobody knows, and none goes twice.
"""

from datetime import datetime, timedelta

from lookup import sms
from lookup.beijing import beijing_day, start_of_day, utc_text
from lookup.bureau import Bureau
from lookup.database import Database, Record
from lookup.sending import Fate, fate_of
from lookup.supervision import NAMES, next_day, said_until, summed, waiting
from lookup.texts import compose_duty

# In the morning, however early texts to others may go.
_FROM = timedelta(hours=8)
# The units whose text of the day has not gone, nor is being sent.
_DUE = """SELECT code, name, duty_phone, COALESCE(tries, 0) AS tries
FROM unit LEFT JOIN duty_text ON duty_text.unit = unit.code AND day = :day
WHERE duty_phone <> '' AND (state IS NULL OR (state = 'waiting' AND due_at <= :now))
ORDER BY code LIMIT 1"""


def send_next(bureau: Bureau, now: datetime) -> Fate | None:
    """Send a unit its text of the day; None where none is due. On a day off none is, and a unit
    for which nothing runs out gets none."""
    db, today = bureau.db, beijing_day(now)
    if not bureau.calendar.is_working(today) or now < start_of_day(today) + _FROM:
        return None
    asked = {"day": today.isoformat(), "now": utc_text(now)}
    unit = db.row(_DUE, **asked)
    if unit is None:
        return None
    text = _text(bureau, unit, now)
    fate = Fate("sending") if text else Fate("dropped", "nothing")
    with db.transaction():
        db.rows(db.take_turns)
        if db.row(_DUE, **asked) != unit:
            return None  # another worker has it
        _keep(db, unit, fate, now)
    if text is None:
        return fate
    message_id = f"duty.{unit['code']}.{today}"
    answer = sms.send(bureau.config, unit["duty_phone"], text, message_id)
    return _keep(db, unit, fate_of(answer, unit["tries"], now), now)


def disown(db: Database, now: datetime) -> None:
    """Send none today, after a restore: it may have gone since the backup was made."""
    for unit in db.rows("SELECT code, 0 AS tries FROM unit WHERE duty_phone <> ''"):
        _keep(db, unit, Fate("unknown", "restored"), now)


def _text(bureau: Bureau, unit: Record, now: datetime) -> str | None:
    today = beijing_day(now)
    until = next_day(bureau, today)
    rows = waiting(bureau, unit["code"], today, until, until)
    if not rows:
        return None
    due, overdue = summed(rows, "due"), summed(rows, "overdue").total()
    told = {name: due[name] for name in NAMES} | {"overdue": overdue}
    return compose_duty(
        bureau.config.bureau_name, unit["name"], told | {"until": said_until(bureau, today)}
    )


def _keep(db: Database, unit: Record, fate: Fate, now: datetime) -> Fate:
    db.run(
        """INSERT INTO duty_text (unit, day, state, reason, tries, due_at)
        VALUES (:unit, :day, :state, :reason, :tries, :due)
        ON CONFLICT (unit, day) DO UPDATE SET state = excluded.state, reason = excluded.reason,
            tries = excluded.tries, due_at = excluded.due_at""",
        unit=unit["code"],
        day=beijing_day(now).isoformat(),
        state=fate.state,
        reason=fate.reason,
        tries=unit["tries"] + 1,
        due=utc_text(fate.due or now),
    )
    return fate
