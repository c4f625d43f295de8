"""People are forgotten a set time after their case has ended; whatever is counted stays."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from lookup.beijing import beijing_day, start_of_day, utc_text
from lookup.bureau import Bureau
from lookup.database import Record
from lookup.trail import Actor, Change, blank, change

_QUIET = """SELECT cases.id, cases.number, cases.kind FROM cases
WHERE EXISTS (SELECT 1 FROM party WHERE case_id = cases.id AND forgotten_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM milestone WHERE case_id = cases.id AND happened_day >= :day)
    AND NOT EXISTS (SELECT 1 FROM rating WHERE case_id = cases.id AND rated_at >= :at)
    AND NOT EXISTS (SELECT 1 FROM callback WHERE case_id = cases.id AND closed_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM inspected_case JOIN finding
        ON finding.inspected_id = inspected_case.id
        WHERE inspected_case.case_id = cases.id AND put_right_day IS NULL AND withdrawn_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM party JOIN comment ON comment.party_id = party.id
        WHERE party.case_id = cases.id AND made_at >= :at)"""

# A case name and a remark hold people's names. Days, levels, hand-overs and visits stay: they are
# what is counted.
_FORGET = (
    """UPDATE party SET name_sealed = '', name_found = '', phone_sealed = '', phone_found = '',
        told_sealed = '', id_last4_sealed = '', forgotten_at = :now
    WHERE case_id = :id AND forgotten_at IS NULL""",
    """UPDATE issue SET revoked_at = :now, revoked_by = :by, revoked_for = :reason
    WHERE case_id = :id AND revoked_at IS NULL""",
    "UPDATE issue SET code_sealed = '' WHERE case_id = :id",
    """UPDATE comment SET body = '', answer = ''
    WHERE party_id IN (SELECT id FROM party WHERE case_id = :id)""",
    """UPDATE comment_note SET body = ''
    WHERE comment_id IN (SELECT id FROM comment WHERE case_id = :id)""",
    "UPDATE callback SET remedy = '', responsible = '', told = '' WHERE case_id = :id",
    "UPDATE rating SET network = '' WHERE case_id = :id",
    """UPDATE callback_attempt SET note = ''
    WHERE callback_id IN (SELECT id FROM callback WHERE case_id = :id)""",
    """DELETE FROM stopped_number
    WHERE NOT EXISTS (SELECT 1 FROM party WHERE party.phone_found = stopped_number.phone_found)""",
    "UPDATE inspected_case SET note = '' WHERE case_id = :id",
    """UPDATE finding SET remedy = ''
    WHERE inspected_id IN (SELECT id FROM inspected_case WHERE case_id = :id)""",
    "UPDATE extension SET reason = '' WHERE case_id = :id",
    """UPDATE cases SET name = :name, remark = '', changed_at = :now, version = version + 1
    WHERE id = :id""",
)
_REASON = "个人信息保存期满"


def due(bureau: Bureau, now: datetime) -> list[Record]:
    """The cases whose people are to be forgotten, each ``id``, ``number``, ``kind``.

    Due is a case that has ended, in which no call-back is owed and nothing that an inspection found
    is open, and whose last milestone, rating and comment all lie more than PURGE_AFTER_DAYS ago.
    One of a kind that is no longer configured is not: nobody can tell whether it has ended.
    """
    found = bureau.db.rows(f"{_QUIET} ORDER BY cases.id", **_limits(bureau, now))
    return [case for case in found if _has_ended(bureau, case)]


def purge(
    bureau: Bureau,
    actor: Actor,
    cases: Sequence[Record],
    now: datetime,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Forget the people of cases that were found ``due``; how many cases that were.

    Each case is one transaction, looked at again under its lock: what was broken off can be run
    again, and two purges at once do nothing twice. Ratings at counters forget as well where they
    came from.
    """
    with bureau.db.transaction():
        bureau.db.run(
            "UPDATE counter_rating SET network = '' WHERE network <> '' AND rated_at < :at",
            at=_limits(bureau, now)["at"],
        )
    forgotten = 0
    for case in cases:
        with change(bureau.db, actor, now) as ongoing:
            forgotten += _forget(bureau, ongoing, case["id"])
        progress(1)
    return forgotten


def _limits(bureau: Bureau, now: datetime) -> dict[str, str]:
    """The first day and instant that are not yet old enough."""
    day = beijing_day(now) - timedelta(days=bureau.config.purge_after_days)
    return {"day": day.isoformat(), "at": utc_text(start_of_day(day))}


def _has_ended(bureau: Bureau, case: Record) -> bool:
    kind = bureau.kinds.get(case["kind"])
    if kind is None:
        return False
    rows = bureau.db.rows("SELECT step, outcome FROM milestone WHERE case_id = :id", id=case["id"])
    return kind.is_over({row["step"]: row["outcome"] for row in rows})


def _forget(bureau: Bureau, ongoing: Change, case_id: int) -> bool:
    db = ongoing.db
    db.row(f"SELECT id FROM cases WHERE id = :id{db.for_update}", id=case_id)
    case = db.row(f"{_QUIET} AND cases.id = :id", id=case_id, **_limits(bureau, ongoing.now))
    if case is None or not _has_ended(bureau, case):
        return False
    for statement in _FORGET:
        db.run(
            statement,
            id=case_id,
            now=ongoing.at,
            by=ongoing.actor.name,
            reason=_REASON,
            name=bureau.kinds[case["kind"]].name.zh,
        )
    blank(ongoing, case["number"])
    return True
