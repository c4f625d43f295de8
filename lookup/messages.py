"""The outbox of text messages: each is queued in the transaction of what it tells of.

A row holds neither words nor number: both are found when it is sent, so that what is withheld,
muted or corrected until then is heeded, and nothing personal lies in the queue.
"""

from collections.abc import Mapping
from datetime import date, timedelta

from lookup.beijing import beijing_day, utc_text
from lookup.trail import Change

# Days after which a text is no news any more, and is given up where it could not be sent.
_KEEPS: Mapping[str, int] = {"milestone": 3, "question": 5, "answered": 7, "callback": 7}
# Those that a digit answers.
QUESTIONS = ("question", "callback")


def queue(
    change: Change,
    template: str,
    case_id: int,
    step: str = "",
    about: str = "",
    party_id: int = 0,
    comment_id: int | None = None,
) -> int:
    """Queue a text to each party of a case that has a phone, or to one; how many were queued.

    ``about`` tells one event of its kind from another: each party is told of it once. A text about
    a comment is its unit's and not the case's. Nothing is queued for a withheld case.
    """
    return change.db.run(
        """INSERT INTO message (event, case_id, party_id, comment_id, template, step, state,
            made_at, due_at, lapses_at, tries, lease, reason)
        SELECT :event || party.id, party.case_id, party.id, CAST(:comment_id AS BIGINT), :template,
            :step, 'waiting', :at, :at, :lapses, 0, '', ''
        FROM party WHERE case_id = :case_id AND phone_found <> '' AND :party_id IN (0, party.id)
            AND NOT EXISTS (SELECT 1 FROM withholding
                WHERE withholding.case_id = party.case_id AND ended_at IS NULL)
        ON CONFLICT (event) DO NOTHING""",
        event=f"{template} {step} {about or change.at} ",
        case_id=case_id,
        comment_id=comment_id,
        template=template,
        step=step,
        at=change.at,
        lapses=utc_text(change.now + timedelta(days=_KEEPS[template])),
        party_id=party_id,
    )


def announce(change: Change, case_id: int, step: str, happened: date, fresh_days: int) -> None:
    """Tell the parties of a milestone that has just become visible; an old one is no news."""
    if (beijing_day(change.now) - happened).days <= fresh_days:
        queue(change, "milestone", case_id, step)
