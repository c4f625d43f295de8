"""What the call-back desk reads: its lists, a page at a time, and one call-back."""

from dataclasses import dataclass
from datetime import date, datetime
from operator import itemgetter

from lookup import course
from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.callbacks import TASK, attempts_of, reach_task
from lookup.database import Record
from lookup.feedback import tags_in
from lookup.language import Text
from lookup.progress import progress_for_staff
from lookup.sealing import mask_name, mask_phone
from lookup.staff import Staff
from lookup.units import SUBTREE

PAGE = 50
Key = tuple[str, int]
# Whoever was forgotten cannot be called any more.
OPEN = """callback.closed_at IS NULL AND EXISTS (SELECT 1 FROM party
    WHERE party.id = callback.party_id AND forgotten_at IS NULL)"""
_CONDITIONS = {
    "mine": f"{OPEN} AND callback.owner_id = :me",
    "unassigned": f"{OPEN} AND callback.owner_id IS NULL",
    "today": f"{OPEN} AND callback.due_day = :today",
    "tomorrow": f"{OPEN} AND callback.due_day BETWEEN :today AND :next_day",
    "overdue": f"{OPEN} AND callback.due_day < :today",
    "open": OPEN,
    "closed": "callback.closed_at IS NOT NULL",
}
LISTS = tuple(_CONDITIONS)
_WITHIN = "callback.unit IN (SELECT code FROM subtree)"


def list_tasks(
    bureau: Bureau, staff: Staff, wanted: str, today: date, after: Key | None = None
) -> tuple[list[Record], Key | None]:
    """A page of one of LISTS within reach, the first due first, of closed ones the latest; and
    where the next page begins, None after the last."""
    day, way, beyond = ("closed_day", "DESC", "<") if wanted == "closed" else ("due_day", "", ">")
    rows = bureau.db.rows(
        f"""{SUBTREE} {TASK}
        WHERE {_WITHIN} AND {_CONDITIONS[wanted]}
            {f"AND (callback.{day}, callback.id) {beyond} (:after_day, :after_id)" if after else ""}
        ORDER BY callback.{day} {way}, callback.id {way} LIMIT {PAGE + 1}""",
        **_named_in(bureau, staff, today),
        **dict(zip(("after_day", "after_id"), after or (), strict=False)),
    )
    shown = [_named(bureau, row) for row in rows[:PAGE]]
    return shown, (shown[-1][day], shown[-1]["id"]) if len(rows) > PAGE else None


def count_tasks(bureau: Bureau, staff: Staff, today: date) -> Record:
    """How many call-backs within reach stand on each list of open ones."""
    counts = ", ".join(
        f"COUNT(CASE WHEN {_CONDITIONS[one]} THEN 1 END) AS {one}" for one in LISTS[:-1]
    )
    [found] = bureau.db.rows(
        f"{SUBTREE} SELECT {counts} FROM callback WHERE {OPEN} AND {_WITHIN}",
        **_named_in(bureau, staff, today),
    )
    return found


def _named_in(bureau: Bureau, staff: Staff, today: date) -> Record:
    next_day = bureau.calendar.add_working(today, 1).day
    days = {"today": today.isoformat(), "next_day": next_day.isoformat()}
    return {"unit": staff.unit, "me": staff.id, **days}


@dataclass(frozen=True, slots=True)
class Task:
    """A call-back with what its caller must know: ``row`` has the names masked, ``ratings`` are
    those of the party for the step, the latest first, ``earlier`` the call-backs before."""

    row: Record
    headline: Text
    attempts: list[Record]
    ratings: list[Record]
    earlier: list[Record]


def open_task(bureau: Bureau, staff: Staff, task_id: int, now: datetime) -> Task:
    """A call-back within reach; raises NotFound."""
    db = bureau.db
    task = reach_task(db, staff.unit, task_id)
    case = {"id": task["case_id"], "kind": task["kind"]}
    milestones = course.read(db, [case["id"]])[case["id"]].milestones.values()
    same = itemgetter("party_id", "step")
    ratings, tasks = heard_in(bureau, staff, case["id"])
    return Task(
        row=_named(bureau, task),
        headline=progress_for_staff(bureau, case, milestones, beijing_day(now)).headline,
        attempts=attempts_of(db, task_id),
        ratings=[one for one in ratings if same(one) == same(task)],
        earlier=[one for one in tasks if same(one) == same(task) and one["id"] < task_id],
    )


def heard_in(bureau: Bureau, staff: Staff, case_id: int) -> tuple[list[Record], list[Record]]:
    """The ratings of a case, the latest first, and its call-backs, the latest first, each with
    whether it is ``within`` reach."""
    ratings = bureau.db.rows(
        "SELECT * FROM rating WHERE case_id = :case_id ORDER BY id DESC", case_id=case_id
    )
    tasks = bureau.db.rows(
        f"""{SUBTREE} SELECT callback.*, {_WITHIN} AS within, unit.name AS unit_name
        FROM callback JOIN unit ON unit.code = callback.unit
        WHERE case_id = :case_id ORDER BY callback.id DESC""",
        unit=staff.unit,
        case_id=case_id,
    )
    return [one | {"tags": tags_in(one["tags"])} for one in ratings], tasks


def _named(bureau: Bureau, row: Record) -> Record:
    """With the name of the step, and name and phone of the party masked."""
    kind, step = bureau.kinds.get(row["kind"]), row["step"]
    known = kind.milestone(step).name if kind and kind.has_step(step) else Text(step, step)
    name, phone = (bureau.seals.open(row[f"{what}_sealed"]) for what in ("name", "phone"))
    return row | {"step_name": known, "party": mask_name(name), "phone": mask_phone(phone)}
