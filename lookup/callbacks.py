"""The call-back desk: whoever was not satisfied is phoned, and reads what became of it.

Every change locks the case first: of two officers at once the second finds what the first did.
"""

from collections.abc import Iterator, Mapping

from lookup.beijing import beijing_day, from_utc_text
from lookup.bodies import LONGEST
from lookup.bureau import Bureau
from lookup.database import Database, Record
from lookup.errors import Conflict, NotFound, Refused
from lookup.language import Text
from lookup.levels import BAD
from lookup.messages import queue
from lookup.records import CaseRefused, prose
from lookup.staff import Staff
from lookup.stops import stop_number
from lookup.trail import Change
from lookup.typed import read_words, refusal
from lookup.units import SUBTREE
from lookup.vocabulary import Word, Words

CAUSES = Words(
    Word("rating", Text("差评", "Bad rating")), Word("sample", Text("抽样回访", "Drawn at random"))
)
ATTEMPTS = Words(
    Word("reached", Text("联系上了", "Reached")),
    Word("no_answer", Text("无人接听", "No answer")),
    Word("wrong_number", Text("号码不对", "Wrong number")),
    Word("refused", Text("不愿回访", "Did not wish to talk")),
)
RESULTS = Words(
    Word("put_right", Text("已整改", "Put right")),
    Word("explained", Text("已解释说明", "Explained")),
    Word("content", Text("并无不满", "Nothing was wrong")),
    Word("declined", Text("不愿接受回访", "No call was wanted")),
    Word("unreached", Text("未能联系上", "Could not be reached")),
)
# Call-backs with case, party, owner, how many calls were made, who is in question, and why the
# case is withheld, if it is.
TASK = """SELECT callback.*, cases.number, cases.kind, cases.name AS case_name, party.role,
    party.name_sealed, party.phone_sealed, party.forgotten_at, party.language,
    unit.name AS unit_name, owner.name AS owner, withholding.reason AS withheld, rating.level,
    COALESCE(rating.officer, milestone.officer, '') AS officer,
    COALESCE(rating.badge, milestone.badge, '') AS badge,
    (SELECT COUNT(*) FROM callback_attempt WHERE callback_id = callback.id) AS attempts
FROM callback JOIN cases ON cases.id = callback.case_id
JOIN party ON party.id = callback.party_id
JOIN unit ON unit.code = callback.unit
LEFT JOIN staff AS owner ON owner.id = callback.owner_id
LEFT JOIN rating ON rating.id = callback.rating_id
LEFT JOIN milestone ON milestone.case_id = cases.id AND milestone.step = callback.step
LEFT JOIN withholding ON withholding.case_id = cases.id AND withholding.ended_at IS NULL"""
# In characters, for what was done and what the complainant reads of it.
LONGEST_TOLD = 500
_HANDLED = ("put_right", "explained")
_ANY = {"reached", "refused", "wrong_number"}
# One of these must have happened before a result may be recorded.
_AFTER: Mapping[str, set[str]] = {
    "put_right": _ANY,
    "explained": _ANY,
    "content": {"reached"},
    "declined": {"reached", "refused"},
    "unreached": set(),
}


def open_for_rating(bureau: Bureau, ongoing: Change, rating: Record) -> None:
    """See to it that whoever gave a bad rating (a row of ``rating``) is called back.

    An open call-back of that party and step takes the newer rating on. After one that was closed
    he is unhappy still: then it goes to the unit above, once.
    """
    if rating["level"] not in BAD:
        return
    tasks = ongoing.db.rows(
        """SELECT callback.*, unit.parent FROM callback JOIN unit ON unit.code = callback.unit
        WHERE case_id = :case_id AND party_id = :party_id AND step = :step ORDER BY callback.id""",
        **{name: rating[name] for name in ("case_id", "party_id", "step")},
    )
    if tasks and not tasks[-1]["closed_at"]:
        ongoing.db.run(
            "UPDATE callback SET rating_id = :rating WHERE id = :id",
            rating=rating["id"],
            id=tasks[-1]["id"],
        )
        return
    # Of a call drawn at random in which nothing was wrong, nothing goes on.
    heard = [one for one in tasks if one["rating_id"] or one["problem"] not in ("", "none")]
    above = next((one["unit"] for one in heard if one["raised_from"]), None)
    told = {"cause": "rating", "rating_id": rating["id"]}
    if heard and not above and heard[0]["parent"]:
        told |= {"unit": heard[0]["parent"], "raised_from": heard[-1]["id"]}
    _open(bureau, ongoing, rating | {"unit": above or rating["unit"]} | told)


def open_sample(bureau: Bureau, ongoing: Change, case_id: int, party_id: int, step: str) -> bool:
    """Put somebody who was drawn at random on the list; whether that was done.

    Nobody is drawn who is or was called back about that step, has no phone, or whose case is
    withheld.
    """
    db, named = ongoing.db, {"case_id": case_id, "party_id": party_id, "step": step}
    db.row(f"SELECT id FROM cases WHERE id = :id{db.for_update}", id=case_id)
    drawn = db.row(
        """SELECT milestone.unit FROM party JOIN milestone ON milestone.case_id = party.case_id
        WHERE party.id = :party_id AND party.case_id = :case_id AND phone_found <> ''
            AND milestone.step = :step
            AND NOT EXISTS (SELECT 1 FROM callback WHERE callback.case_id = :case_id
                AND callback.party_id = :party_id AND callback.step = :step)
            AND NOT EXISTS (SELECT 1 FROM withholding
                WHERE withholding.case_id = :case_id AND ended_at IS NULL)""",
        **named,
    )
    if drawn:
        _open(bureau, ongoing, drawn | named | {"cause": "sample"})
    return drawn is not None


def _open(bureau: Bureau, ongoing: Change, told: Record) -> None:
    today = beijing_day(ongoing.now)
    due = bureau.calendar.add_working(today, bureau.service.callbacks.days)
    row = {"rating_id": None, "raised_from": None} | told
    names = ("case_id", "party_id", "step", "cause", "rating_id", "raised_from", "unit")
    [made] = ongoing.db.rows(
        """INSERT INTO callback (case_id, party_id, step, cause, rating_id, raised_from, unit,
            opened_at, opened_day, due_day, provisional)
        VALUES (:case_id, :party_id, :step, :cause, :rating_id, :raised_from, :unit,
            :at, :today, :due_day, :provisional)
        RETURNING id, (SELECT number FROM cases WHERE id = :case_id) AS number""",
        **{name: row[name] for name in names},
        at=ongoing.at,
        today=today.isoformat(),
        due_day=due.day.isoformat(),
        provisional=int(due.provisional),
    )
    said = {"callback": made["id"], "step": row["step"], "unit": row["unit"], "cause": row["cause"]}
    done = "callback.raised" if row["raised_from"] else "callback.opened"
    ongoing.record(done, made["number"], **said)


def is_own_work(staff: Staff, officer: str, badge: str) -> bool:
    """Whether somebody would judge himself: by the badge where both are known, else by the name."""
    if staff.badge and badge:
        return staff.badge.lower() == badge.lower()
    return staff.name == officer


def reach_task(db: Database, unit: str, task_id: int) -> Record:
    """A call-back within a unit's reach, with what TASK joins to it; raises NotFound."""
    task = db.row(
        f"{SUBTREE} {TASK} WHERE callback.id = :id AND callback.unit IN (SELECT code FROM subtree)",
        unit=unit,
        id=task_id,
    )
    if task is None:
        raise NotFound(
            "没有这件回访，或者它不归本单位。",
            "There is no such call-back, or it is not your unit's.",
        )
    return task


def refuse_own(staff: Staff, task: Record) -> None:
    """Raise CaseRefused where a call-back is about the very person who would do it."""
    if is_own_work(staff, task["officer"], task["badge"]):
        raise refusal(
            "own",
            "这件回访涉及您本人，请由另一位同事办理。",
            "This call-back is about you; somebody else must do it.",
        )


def take(change: Change, staff: Staff, task_id: int, seen: int = 0) -> Record:
    """Make a call-back one's own; a supervisor also takes it from ``seen``, the owner that her
    page showed.

    Raises NotFound, CaseRefused for one about herself, Conflict where it is closed or somebody
    else's.
    """
    task = _take_open(change, staff, task_id, seen)
    if task["owner_id"] != staff.id:
        _give(change, task, staff.id)
        change.record("callback.taken", task["number"], callback=task_id)
    return task


def release(change: Change, staff: Staff, task_id: int, seen: int = 0) -> None:
    """Give a call-back back, for others to take; raises as `take` does."""
    task = _take_open(change, staff, task_id, seen)
    if task["owner_id"]:
        _give(change, task, None)
        change.record("callback.released", task["number"], callback=task_id)


def attempt(
    bureau: Bureau, change: Change, staff: Staff, task_id: int, result: str, note: str, seen: int
) -> None:
    """Record a call and what came of it; an unassigned call-back becomes the caller's.

    ``seen`` is how many calls the page showed: one sent twice is recorded once. A wrong number
    gets no more texts. Raises as `take` does, and CaseRefused for what was typed.
    """
    task = take(change, staff, task_id)
    if result not in ATTEMPTS:
        raise refusal("result", "请选择联系结果。", "Choose what came of it.")
    note = read_words("note", note) if note.strip() else ""
    if newer := attempts_of(change.db, task_id)[seen:]:
        last = newer[-1]
        raise Conflict(*_RECORDED.fill(by=last["by"], result=ATTEMPTS[last["result"]]))
    change.db.run(
        """INSERT INTO callback_attempt (callback_id, at, by, result, note)
        VALUES (:id, :at, :by, :result, :note)""",
        id=task_id,
        at=change.at,
        by=change.actor.name,
        result=result,
        note=note,
    )
    if result == "wrong_number" and task["phone_sealed"]:
        stop_number(bureau, change, bureau.seals.open(task["phone_sealed"]), "wrong")
    change.record("callback.attempted", task["number"], callback=task_id, result=result)


def close(
    bureau: Bureau, change: Change, staff: Staff, task_id: int, told: Mapping[str, str]
) -> None:
    """End a call-back: ``told`` has result, problem, remedy (what was done), responsible (who) and
    told (what the complainant reads). He is texted that there is something to read.

    Raises as `take` does, and CaseRefused with all that is wrong with what was typed.
    """
    task = take(change, staff, task_id)
    read = _read_closing(bureau, change, task_id, told)
    change.db.run(
        """UPDATE callback SET result = :result, problem = :problem, remedy = :remedy,
            responsible = :responsible, told = :told, closed_at = :at, closed_day = :day,
            closed_by = :by WHERE id = :id""",
        **read,
        at=change.at,
        day=beijing_day(change.now).isoformat(),
        by=change.actor.name,
        id=task_id,
    )
    codes = {name: read[name] for name in ("result", "problem") if read[name]}
    change.record("callback.closed", task["number"], callback=task_id, **codes)
    wants_none = read["result"] in ("unreached", "declined") and not read["told"]
    if not wants_none and (task["rating_id"] or read["told"]):
        step, party = task["step"], task["party_id"]
        queue(change, "callback", task["case_id"], step, about=str(task_id), party_id=party)


def attempts_of(db: Database, task_id: int) -> list[Record]:
    """The calls made so far, rows of ``callback_attempt``, oldest first."""
    return db.rows("SELECT * FROM callback_attempt WHERE callback_id = :id ORDER BY id", id=task_id)


def callbacks_of(db: Database, case_id: int, party_id: int) -> list[Record]:
    """The call-backs that a party reads of, oldest first, each with the name of its unit: those
    he brought about, and of others what he was told."""
    return db.rows(
        """SELECT callback.*, unit.name AS unit_name FROM callback
        JOIN unit ON unit.code = callback.unit
        WHERE case_id = :case_id AND party_id = :party_id AND (rating_id IS NOT NULL OR told <> '')
        ORDER BY callback.id""",
        case_id=case_id,
        party_id=party_id,
    )


_RECORDED = Text(
    "{by}刚刚记录过一次联系（{result}），这一次没有重复记录。",
    "{by} has just recorded a call ({result}); this one was not recorded again.",
)
_CLOSED = Text(
    "{by}已办结这件回访（{result}），您填的内容没有保存。",
    "{by} has closed this call-back ({result}); what you typed was not saved.",
)
_FORGOTTEN = Text(
    "个人信息已按期清除，这件回访不再办理。",
    "This person was forgotten after the set time; there is nobody to call any more.",
)
_TAKEN = Text(
    "这件回访现由{owner}办理，您填的内容没有保存。",
    "This call-back is {owner}'s at present; what you typed was not saved.",
)
_STILL_UNHAPPY = Text(
    "对方现在的评价仍是不满意，不能按“并无不满”办结：请先记录他新的评价，或者选择其他结果。",
    "His present rating is a bad one, so it cannot be closed as “content”: record his new rating "
    "first, or choose another result.",
)
_TOO_EARLY = Text(
    "还不能以“{result}”办结：请先记录联系情况；无人接听的，须在 {attempts} 个不同日期联系过。",
    "It cannot be closed as “{result}” yet: record the calls first; where nobody answers, calls on "
    "{attempts} different days are needed.",
)


def _take_open(change: Change, staff: Staff, task_id: int, seen: int) -> Record:
    """A call-back within reach, its case locked; raises where it is closed, not hers to handle,
    or neither free nor hers, nor, for a supervisor, that of ``seen``; and where nobody can be
    called any more."""
    change.db.row(
        f"""SELECT id FROM cases WHERE id = (SELECT case_id FROM callback WHERE id = :id)
        {change.db.for_update}""",
        id=task_id,
    )
    task = reach_task(change.db, staff.unit, task_id)
    if task["closed_at"]:
        raise Conflict(*_CLOSED.fill(by=task["closed_by"], result=RESULTS[task["result"]]))
    if task["forgotten_at"]:
        raise Conflict(*_FORGOTTEN)
    refuse_own(staff, task)
    if task["owner_id"] not in (None, staff.id, seen if staff.may("approve") else None):
        raise Conflict(*_TAKEN.fill(owner=task["owner"]))
    return task


def _give(change: Change, task: Record, owner: int | None) -> None:
    change.db.run(
        "UPDATE callback SET owner_id = :owner WHERE id = :id", owner=owner, id=task["id"]
    )


def _read_closing(
    bureau: Bureau, change: Change, task_id: int, told: Mapping[str, str]
) -> dict[str, str]:
    mistakes: list[Refused] = []
    read = {"result": told["result"], "problem": told["problem"]}
    handled = told["result"] in _HANDLED
    for name, longest in (
        ("remedy", LONGEST_TOLD),
        ("responsible", LONGEST),
        ("told", LONGEST_TOLD),
    ):
        try:
            given = handled or prose(told[name])
            read[name] = read_words(name, told[name], longest) if given else ""
        except CaseRefused as refused:
            mistakes += refused.refusals()
    unfounded = [*_unfounded(bureau, attempts_of(change.db, task_id), told["result"])]
    if not unfounded and told["result"] == "content" and _is_unhappy(change.db, task_id):
        unfounded = [Refused("result", "", *_STILL_UNHAPPY)]
    mistakes += unfounded
    if told["problem"] not in [one.code for one in bureau.service.problems]:
        if handled or told["problem"]:
            mistakes.append(Refused("problem", "", "请选择问题类别。", "Choose what was wrong."))
        read["problem"] = "none" if told["result"] == "content" else ""
    if mistakes:
        raise CaseRefused("the closing was refused", mistakes)
    return read


def _is_unhappy(db: Database, task_id: int) -> bool:
    """Whether the present rating of what a call-back is about is a bad one."""
    rating = db.row(
        """SELECT level FROM rating JOIN callback ON callback.party_id = rating.party_id
            AND callback.step = rating.step
        WHERE callback.id = :id AND replaced_at IS NULL""",
        id=task_id,
    )
    return rating is not None and rating["level"] in BAD


def _unfounded(bureau: Bureau, made: list[Record], result: str) -> Iterator[Refused]:
    """What is missing for a result, going by the calls made."""
    if result not in RESULTS:
        yield Refused("result", result, "请选择回访结果。", "Choose the result.")
        return
    # The desk may find the right number until then.
    unanswered = (one["at"] for one in made if one["result"] in ("no_answer", "wrong_number"))
    days = {beijing_day(from_utc_text(at)) for at in unanswered}
    wanted = bureau.service.callbacks.attempts
    tried = result == "unreached" and len(days) >= wanted
    if not (tried or _AFTER[result] & {one["result"] for one in made}):
        said = _TOO_EARLY.fill(result=RESULTS[result], attempts=wanted)
        yield Refused("result", result, *said)
