"""Cases that are not disclosed, and since when."""

from lookup.beijing import beijing_day
from lookup.byhand import mark_by_hand
from lookup.database import Database, Record
from lookup.errors import Conflict, Refused
from lookup.language import Text
from lookup.records import BY_HAND, BY_UPLOAD, Hand
from lookup.trail import Actor, Change
from lookup.typed import read_words, refusal
from lookup.vocabulary import WITHHELD_REASONS

# Among what was entered by hand: that two at the desk disclosed the case.
_FIELD = "withheld_reason"
_DISCLOSED = Text("公开", "disclosed")
_ASKED = (
    "是否公开由另一人批准：本行已作为申请提出，或者沿用现状。",
    "Whether a case is disclosed wants a second person: this row counts as a request, or changes "
    "nothing.",
)
_OTHERWISE = (
    "本案是否公开已有变化，没有改动。请看过现在的情况再办。",
    "Whether the case is disclosed has changed meanwhile; nothing was done. Look at it again.",
)


def live_withholding(db: Database, case_id: int) -> Record | None:
    """The withholding in force on a case, None where it is disclosed."""
    return db.row(
        "SELECT * FROM withholding WHERE case_id = :case_id AND ended_at IS NULL",
        case_id=case_id,
    )


def lock_disclosed(db: Database, issue: Record) -> None:
    """Let the writers of one case take turns; refuse a withheld case.

    The case is locked as in taking in a hand-in, and first of all, so that no two wait for
    each other.
    """
    db.row("SELECT id FROM cases WHERE id = :id" + db.for_update, id=issue["case_id"])
    if live_withholding(db, issue["case_id"]):
        raise Conflict(
            "本案的进展现改为当面告知，这里不再接受评价和留言，内容没有保存。",
            "The progress of this case is now told in person; ratings and comments are no longer "
            "taken here, and nothing was saved.",
        )


def put(
    change: Change, case_id: int, live: Record | None, told: str | None, hand: Hand
) -> tuple[str, bool]:
    """Withhold or disclose a case; the reason now in force, or "", and whether that changed.

    ``told`` is empty for a disclosed case and None where nothing was said. What the case system
    withholds the second person has approved there. What two at the desk withheld or disclosed
    stays so.
    """
    was = live["reason"] if live else ""
    approved = live is None or live["approved_at"] is not None
    by_desk = live is not None and live["via"] == BY_HAND
    stays = by_desk and (approved or not told or change.actor.via == BY_HAND)
    if told is None or stays or (told == was and approved):
        return was, False
    if told and not hand.writes and _FIELD in hand.fields:
        return _against_the_desk(change, case_id, live, told, hand)
    if change.actor.via == BY_UPLOAD and (live or told):
        return _ask(change, case_id, live, told, hand), live is None
    if live:
        _mark(change, live, "ended")
    if told:
        _begin(change, case_id, told, approved=change.actor.via != BY_HAND)
    else:
        _show_all(change, case_id)
    return told, True


def _against_the_desk(
    change: Change, case_id: int, live: Record | None, told: str, hand: Hand
) -> tuple[str, bool]:
    """What two at the desk disclosed stays so while the case system repeats its old reason; a new
    one hides the case at once and waits for a second person."""
    if live:
        return str(live["reason"]), False
    last = change.db.row(
        "SELECT reason FROM withholding WHERE case_id = :case_id ORDER BY id DESC LIMIT 1",
        case_id=case_id,
    )
    if last and last["reason"] == told:
        hand.stands(_FIELD, _DISCLOSED, WITHHELD_REASONS[told])
        return "", False
    _begin(change, case_id, told, approved=False)
    return told, True


def _ask(change: Change, case_id: int, live: Record | None, told: str, hand: Hand) -> str:
    """Take what a register handed in by a person says as that person's request, for she could have
    written the file herself; the reason then in force."""
    hand.warnings.append(Refused(_FIELD, told, *_ASKED))
    if live is None:
        _begin(change, case_id, told, approved=False)
    elif not told and not requester(live):
        _mark(change, live, "end_requested")
        [case] = change.db.rows("SELECT number FROM cases WHERE id = :id", id=case_id)
        change.record("disclosure.requested", case["number"], reason=live["reason"])
    return str(live["reason"]) if live else told


def ask_to_withhold(change: Change, case: Record, reason: str) -> None:
    """Hide a case at once, for a second person to approve.

    Raises CaseRefused for a reason that is none of WITHHELD_REASONS, Conflict where it is hidden.
    """
    if reason not in WITHHELD_REASONS:
        said = WITHHELD_REASONS.listed()
        raise refusal("reason", f"请选择理由：{said.zh}。", f"Choose the reason: {said.en}.")
    if live_withholding(change.db, case["id"]):
        raise Conflict(*_OTHERWISE)
    _begin(change, case["id"], reason, approved=False)
    mark_by_hand(change, case)
    change.record("withholding.requested", case["number"], reason=reason)


def ask_to_disclose(change: Change, case: Record) -> None:
    """Ask a second person to disclose a withheld case, which stays hidden until then.

    Raises Conflict where it is not withheld or a request waits already.
    """
    live = live_withholding(change.db, case["id"])
    if live is None or requester(live):
        raise Conflict(*_OTHERWISE)
    _mark(change, live, "end_requested")
    mark_by_hand(change, case)
    change.record("disclosure.requested", case["number"], reason=live["reason"])


def requester(live: Record | None) -> str:
    """Who asked for what waits for a second person: to withhold or, once that was approved, to
    disclose. Empty where nothing waits."""
    if live is None:
        return ""
    return str((live["end_requested_by"] if live["approved_at"] else live["requested_by"]) or "")


def is_second(actor: Actor, live: Record | None) -> bool:
    """Whether something waits that somebody else asked for.

    The login at the end of a name tells: the name itself may be changed meanwhile.
    """
    asked = requester(live).split()
    return bool(asked) and asked[-1] != actor.name.split()[-1]


def decide(change: Change, case: Record, *, approved: bool, why: str = "") -> None:
    """Approve or reject what waits for a second person; ``why`` it is rejected.

    Raises Conflict where nothing waits any more, CaseRefused where the requester decides or no
    reason is given.
    """
    live = live_withholding(change.db, case["id"])
    if live is None or not requester(live):
        raise Conflict(*_OTHERWISE)
    if not is_second(change.actor, live):
        zh, en = "本人提出的申请须由另一人审批。", "Somebody else must decide on your request."
        raise refusal("decision", zh, en)
    because = {} if approved else {"why": read_words("why", why)}
    asked = "disclosure" if live["approved_at"] else "withholding"
    if approved == (asked == "disclosure"):
        _mark(change, live, "ended")
        _show_all(change, case["id"])
    else:
        _mark(change, live, "approved" if approved else "end_requested", taken_back=not approved)
    mark_by_hand(change, case, *([_FIELD] if approved and asked == "disclosure" else []))
    done = f"{asked}.{'approved' if approved else 'rejected'}"
    change.record(done, case["number"], reason=live["reason"], **because)


def _begin(change: Change, case_id: int, reason: str, *, approved: bool) -> None:
    """Hide a case; what was not ``approved`` where it comes from waits for a second person."""
    change.db.run(
        """INSERT INTO withholding (case_id, reason, requested_at, requested_by, approved_at,
            approved_by, ended_by, via)
        VALUES (:case_id, :reason, :at, :by, :approved_at, :approved_by, '', :via)""",
        case_id=case_id,
        reason=reason,
        at=change.at,
        by=change.actor.name,
        approved_at=change.at if approved else None,
        approved_by=change.actor.name if approved else "",
        via=change.actor.via,
    )


def _mark(change: Change, live: Record, what: str, *, taken_back: bool = False) -> None:
    """Note by whom and when it was approved, ended, or end_requested."""
    change.db.run(
        f"UPDATE withholding SET {what}_at = :at, {what}_by = :by WHERE id = :id",
        at=None if taken_back else change.at,
        by=None if taken_back else change.actor.name,
        id=live["id"],
    )


def _show_all(change: Change, case_id: int) -> None:
    """What was entered while the case was withheld becomes visible now, not earlier."""
    change.db.run(
        """UPDATE milestone SET visible_at = :at, visible_day = :day
        WHERE case_id = :case_id AND visible_at IS NULL""",
        at=change.at,
        day=beijing_day(change.now).isoformat(),
        case_id=case_id,
    )
