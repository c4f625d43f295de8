"""Seized property as the desk keeps it: taken in, moved, given back or passed on, each on a day."""

from datetime import date
from typing import Literal

from lookup.byhand import mark_by_hand
from lookup.course import IN_CUSTODY, key_of, rows_of
from lookup.database import Record
from lookup.errors import NotFound
from lookup.records import PropertyRecord
from lookup.trail import Change
from lookup.typed import refusal
from lookup.vocabulary import PROPERTY_STATES


def add_thing(change: Change, case: Record, thing: PropertyRecord, day: date) -> None:
    """Take a thing into custody on a day."""
    told = vars(thing) | {"status": IN_CUSTODY}
    change.db.run(
        """INSERT INTO property (case_id, position, name, quantity, unit, measure, status,
            status_day, place, place_day)
        SELECT :case_id, COALESCE(MAX(position), -1) + 1, :name, :quantity, :unit, :measure,
            :status, :day, :place, :day
        FROM property WHERE case_id = :case_id""",
        case_id=case["id"],
        day=day.isoformat(),
        **told,
    )
    mark_by_hand(change, case, key_of(told))
    shown = {name: told[name] for name in ("measure", "place") if told[name]}
    change.record("property.added", case["number"], thing=_said(told), **shown, day=day.isoformat())


def change_thing(
    change: Change,
    case: Record,
    thing_id: int,
    what: Literal["place", "status"],
    now: str,
    day: date,
) -> None:
    """Note since which day a thing is kept at another place, or what became of it.

    Raises CaseRefused for a day before it was taken in or last moved, an unknown state, and where
    what has left custody is to be moved; NotFound where the thing is no longer listed.
    """
    listed = {row["id"]: row for row in rows_of(change.db, "property", [case["id"]], "position")}
    if thing_id not in listed:
        raise NotFound("这件财物已不在清单上。", "The thing is not listed any more.")
    row = listed[thing_id]
    _refuse_misfit(row, what, now, day.isoformat())
    told = {what: now, f"{what}_day": day.isoformat()}
    changed = {name: [row[name], value] for name, value in told.items() if row[name] != value}
    change.db.run(
        """UPDATE property SET place = :place, place_day = :place_day, status = :status,
            status_day = :status_day WHERE id = :id""",
        **row | told,
    )
    mark_by_hand(change, case, key_of(row))
    action = "property.moved" if what == "place" else "property.settled"
    change.record(action, case["number"], thing=_said(row), **changed)


def _refuse_misfit(row: Record, what: str, now: str, day: str) -> None:
    if what == "place" and row["status"] != IN_CUSTODY:
        raise refusal("place", "已不在保管中，不能移动。", "It has left custody.")
    if what == "status" and now not in PROPERTY_STATES:
        said = PROPERTY_STATES.listed()
        raise refusal("status", f"请选择状态：{said.zh}。", f"Choose the state: {said.en}.")
    # Taken in, it has both days; and it is moved on no day before that.
    earliest = row["status_day" if what == "place" else "place_day"] or ""
    if day < earliest:
        raise refusal(
            "day",
            f"不能早于 {earliest}（入库或上次移动的日期）。",
            f"Not before {earliest}, when it was taken in or last moved.",
        )


def _said(thing: Record) -> str:
    return f"{thing['name']} {thing['quantity']}{thing['unit']}"
