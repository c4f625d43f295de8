"""What a party sees besides the course: materials, property, own ratings and comments."""

from dataclasses import dataclass
from datetime import date

from lookup.beijing import Moment, from_utc_text
from lookup.bureau import Bureau
from lookup.callbacks import RESULTS, callbacks_of
from lookup.comments import comments_of, promise_of
from lookup.database import Database, Record
from lookup.language import Text
from lookup.levels import LEVELS, TAGS
from lookup.sentences import said_day, said_moment
from lookup.terms import Promise, read_promise
from lookup.vocabulary import MEASURES, PROPERTY_STATES


@dataclass(frozen=True, slots=True)
class Material:
    """Something to bring, and since when it is there."""

    name: str
    received: Text | None


@dataclass(frozen=True, slots=True)
class Thing:
    """Seized, sealed or frozen property."""

    name: str
    amount: str
    measure: Text
    status: Text
    since: Text | None
    place: str


@dataclass(frozen=True, slots=True)
class Rating:
    """What the party thinks of a milestone at present."""

    level: int
    level_said: Text
    tags: tuple[str, ...]
    tags_said: tuple[Text, ...]
    rated: Text


@dataclass(frozen=True, slots=True)
class CallBack:
    """A call owed to the party, or what came of it and what the party is ``told``; ``above`` is
    the unit to which it has gone up, if it has."""

    due: Text
    promise: Promise
    above: str
    result: Text | None
    told: str
    closed: Text | None


@dataclass(frozen=True, slots=True)
class Comment:
    """What the party wrote, and the answer where there is one.

    ``unit`` answers it, ``elsewhere`` tells whether that is another one than handles the case. Of
    who answered only the unit is told: the answer is the bureau's word, and whoever answers a
    report must be able to do so freely. ``promise`` is by when; ``is_owed`` is false where the
    category wants no answer.
    """

    body: str
    category: Text
    made: Text
    unit: str
    unit_name: str
    elsewhere: bool
    is_owed: bool
    promise: Promise | None
    answer: str
    answered: Text | None


def materials_of(db: Database, case_id: int) -> tuple[Material, ...]:
    """What was asked for, in the order in which it was asked."""
    rows = db.rows(
        "SELECT name, received_day FROM material WHERE case_id = :case_id ORDER BY id",
        case_id=case_id,
    )
    return tuple(Material(row["name"], _day(row["received_day"])) for row in rows)


def property_of(db: Database, case_id: int) -> tuple[Thing, ...]:
    """The seized things in the order of the register."""
    rows = db.rows(
        """SELECT name, quantity, unit, measure, status, status_day, place FROM property
        WHERE case_id = :case_id ORDER BY position""",
        case_id=case_id,
    )
    return tuple(
        Thing(
            name=row["name"],
            amount=f"{row['quantity']}{row['unit']}",
            measure=MEASURES[row["measure"]],
            status=PROPERTY_STATES[row["status"]],
            since=_day(row["status_day"]),
            place=row["place"],
        )
        for row in rows
    )


def read_rating(row: Record) -> Rating:
    """A party's current rating out of its row."""
    offered = TAGS[row["level"]]
    return Rating(
        level=row["level"],
        level_said=LEVELS[str(row["level"])],
        tags=tuple(row["tags"]),
        # A tag that is no longer offered stays in the record and is not shown.
        tags_said=tuple(offered[tag] for tag in row["tags"] if tag in offered),
        rated=_instant(row["rated_at"]),
    )


def party_callbacks(bureau: Bureau, issue: Record, today: date) -> dict[str, tuple[CallBack, ...]]:
    """The call-backs of the party of a receipt issue by step, oldest first."""
    found: dict[str, tuple[CallBack, ...]] = {}
    for row in callbacks_of(bureau.db, issue["case_id"], issue["party_id"]):
        closed = date.fromisoformat(row["closed_day"]) if row["closed_day"] else None
        promise = read_promise(row, closed, today)
        if promise:
            one = CallBack(
                due=said_day(promise.due_day, today.year),
                promise=promise,
                above=row["unit_name"] if row["raised_from"] else "",
                result=RESULTS[row["result"]] if closed else None,
                told=row["told"],
                closed=said_day(closed, today.year) if closed else None,
            )
            found[row["step"]] = (*found.get(row["step"], ()), one)
    return found


def party_comments(bureau: Bureau, issue: Record, today: date) -> tuple[Comment, ...]:
    """The comments of the party of a receipt issue with their answers, oldest first."""
    rows = comments_of(bureau.db, issue["party_id"])
    return tuple(_read_comment(bureau, row, issue["unit"], today) for row in rows)


def _read_comment(bureau: Bureau, row: Record, unit: str, today: date) -> Comment:
    category = bureau.service.category(row["category"])
    return Comment(
        body=row["body"],
        category=bureau.service.category_name(row["category"]),
        made=_instant(row["made_at"]),
        unit=row["unit"],
        unit_name=row["unit_name"],
        elsewhere=row["unit"] != unit,
        is_owed=category is None or category.days > 0,
        promise=promise_of(row, today),
        answer=row["answer"],
        answered=_instant(row["answered_at"]) if row["answered_at"] else None,
    )


def _day(day: str | None) -> Text | None:
    return said_day(date.fromisoformat(day)) if day else None


def _instant(at: str) -> Text:
    return said_moment(Moment.of(from_utc_text(at)))
