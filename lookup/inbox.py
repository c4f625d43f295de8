"""The comments that wait for an answer: as lists, and one with all that is needed to answer it.

Lists page by a key, a day or an instant and the comment's id, as those of the docket do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlsplit

from lookup import course
from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.comments import REACHED, WITHIN, promise_of, reach_comment
from lookup.database import Database, Record
from lookup.docket import MINE, own
from lookup.language import Text, plain
from lookup.progress import Progress, progress_for_staff
from lookup.records import number_key
from lookup.staff import Staff
from lookup.terms import Promise
from lookup.typed import like
from lookup.units import SUBTREE

PAGE = 50
Key = tuple[str, int]
# What is in each list, the column that it is ordered by and which way.
LISTS: Mapping[str, tuple[str, str, str]] = {
    "open": ("answered_at IS NULL AND due_day IS NOT NULL", "due_day", "ASC"),
    "today": ("answered_at IS NULL AND due_day = :today", "due_day", "ASC"),
    "tomorrow": ("answered_at IS NULL AND due_day BETWEEN :today AND :next_day", "due_day", "ASC"),
    "overdue": ("answered_at IS NULL AND due_day < :today", "due_day", "ASC"),
    "free": ("answered_at IS NULL AND due_day IS NULL", "made_at", "DESC"),
    "answered": ("answered_at IS NOT NULL", "answered_at", "DESC"),
}
_OF_CASE = {"number": "number", "unit": "unit_name", "unit_phone": "phone", "officer": "officer"}
_NOTES = "SELECT * FROM comment_note WHERE comment_id = :id ORDER BY id"
_UNANSWERED = ("open", "today", "tomorrow", "overdue", "free")
_TEXT = """(cases.number_key LIKE :number ESCAPE '!' OR LOWER(comment.body) LIKE :text ESCAPE '!'
    OR LOWER(comment.answer) LIKE :text ESCAPE '!')"""


@dataclass(frozen=True, slots=True)
class Question:
    """Which comments to list: one of LISTS; ``text`` is a part of a case number, of a comment or
    of its answer; ``mine`` are those about cases of one's own; ``after`` is where the page before
    ended. What is blank asks nothing."""

    which: str = "open"
    category: str = ""
    text: str = ""
    mine: bool = False
    after: Key | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A comment with its case, its clock and what was noted beside it.

    ``facts`` are what a ready answer can tell of the case, by its placeholders.
    """

    comment: Record
    case: Record
    progress: Progress
    promise: Promise | None
    notes: list[Record]
    facts: Mapping[str, Text]


def find_comments(
    bureau: Bureau, staff: Staff, question: Question, today: date
) -> tuple[list[Record], Key | None]:
    """A page of the comments within somebody's reach that a question asks for, each with its
    ``promise``; and where the next page begins, None after the last."""
    condition, key, way = LISTS[question.which]
    asked = {"category": "category = :category", "text": _TEXT, "mine": MINE}
    beyond = f"({key}, comment.id) {'<' if way == 'DESC' else '>'} (:after, :after_id)"
    conditions = [condition, *(asked[name] for name in asked if getattr(question, name))]
    rows = bureau.db.rows(
        f"""{REACHED} AND {" AND ".join(conditions + [beyond] * bool(question.after))}
        ORDER BY {key} {way}, comment.id {way} LIMIT {PAGE + 1}""",
        **_named(bureau, staff, today),
        category=question.category,
        text=f"%{like(plain(question.text).lower())}%",
        number=f"%{like(number_key(question.text))}%",
        after=question.after and question.after[0],
        after_id=question.after and question.after[1],
    )
    last = (rows[PAGE - 1][key], rows[PAGE - 1]["id"]) if len(rows) > PAGE else None
    return [row | {"promise": promise_of(row, today)} for row in rows[:PAGE]], last


def count_comments(
    bureau: Bureau, staff: Staff, today: date, *, mine: bool = False
) -> dict[str, int]:
    """How many comments within somebody's reach stand in each list of unanswered ones."""
    counts = [f"COUNT(CASE WHEN {LISTS[name][0]} THEN 1 END) AS n_{name}" for name in _UNANSWERED]
    conditions = " AND ".join(["answered_at IS NULL", *([MINE] if mine else [])])
    [found] = bureau.db.rows(
        f"{SUBTREE} SELECT {', '.join(counts)} {WITHIN} AND {conditions}",
        **_named(bureau, staff, today),
    )
    return {name: found[f"n_{name}"] for name in _UNANSWERED}


def _named(bureau: Bureau, staff: Staff, today: date) -> Record:
    next_day = bureau.calendar.add_working(today, 1).day
    days = {"today": today.isoformat(), "next_day": next_day.isoformat()}
    return {"unit": staff.unit, **own(staff), **days}


def comments_about(db: Database, unit: str, case_id: int, today: date) -> list[Record]:
    """The comments on a case within a unit's reach, each with its ``promise``, oldest first."""
    rows = db.rows(
        f"{REACHED} AND comment.case_id = :case_id ORDER BY made_at, comment.id",
        unit=unit,
        case_id=case_id,
    )
    return [row | {"promise": promise_of(row, today)} for row in rows]


def open_comment(bureau: Bureau, unit: str, comment_id: int, now: datetime) -> Letter:
    """A comment within a unit's reach; raises NotFound."""
    db, today = bureau.db, beijing_day(now)
    comment = reach_comment(db, unit, comment_id)
    [case] = db.rows(
        """SELECT cases.*, unit.name AS unit_name, unit.phone FROM cases
        JOIN unit ON unit.code = cases.unit WHERE cases.id = :id""",
        id=comment["case_id"],
    )
    milestones = course.read(db, [case["id"]])[case["id"]].milestones.values()
    progress = progress_for_staff(bureau, case, milestones, today)
    return Letter(
        comment=comment,
        case=case,
        progress=progress,
        promise=promise_of(comment, today),
        notes=db.rows(_NOTES, id=comment_id),
        facts=_facts(bureau, case, progress),
    )


def _facts(bureau: Bureau, case: Record, progress: Progress) -> dict[str, Text]:
    told = {name: case[key] for name, key in _OF_CASE.items()}
    told["site"] = urlsplit(bureau.config.public_url).netloc
    coming = {"step": progress.steps[-1].name, "next": progress.next_line}
    return {name: Text(value, value) for name, value in told.items()} | coming
