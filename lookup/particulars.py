"""What a party sees besides the course: materials, property, own ratings and comments."""

from dataclasses import dataclass
from datetime import date

from lookup.beijing import Moment, from_utc_text
from lookup.comments import comments_of
from lookup.database import Database, Record
from lookup.language import Text
from lookup.levels import LEVELS, TAGS
from lookup.sentences import said_day, said_moment
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
class Comment:
    """What the party wrote, and the answer where there is one."""

    body: str
    made: Text
    answer: str
    answered: Text | None
    answered_by: str


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


def party_comments(db: Database, party_id: int) -> tuple[Comment, ...]:
    """The party's own comments with their answers, oldest first."""
    return tuple(
        Comment(
            body=row["body"],
            made=_instant(row["made_at"]),
            answer=row["answer"],
            answered=_instant(row["answered_at"]) if row["answered_at"] else None,
            answered_by=row["answered_by"],
        )
        for row in comments_of(db, party_id)
    )


def _day(day: str | None) -> Text | None:
    return said_day(date.fromisoformat(day)) if day else None


def _instant(at: str) -> Text:
    return said_moment(Moment.of(from_utc_text(at)))
