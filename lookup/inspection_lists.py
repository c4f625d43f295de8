"""What is read of inspections: which there are, the cases of one, and findings still open.

Of what was not checked yet only whoever inspects of the unit that drew it, or of one above, is
told: nobody is to mend a file beforehand.
"""

import json
from datetime import date

from lookup.database import Database, Record
from lookup.errors import NotFound
from lookup.language import Text
from lookup.staff import Staff
from lookup.terms import read_promise
from lookup.units import SUBTREE

PAGE = 50
Key = tuple[str, int]
_JOINED = """JOIN cases ON cases.id = inspected_case.case_id
JOIN inspection ON inspection.id = inspected_case.inspection_id
JOIN unit ON unit.code = inspected_case.unit JOIN unit AS holder ON holder.code = cases.unit"""
_NAMED = """cases.number, cases.kind, cases.officer, cases.badge, holder.name AS holder,
    inspection.sheet"""
_IS_OURS = "inspection.by_unit IN (SELECT code FROM subtree)"
_SUMS = f"""SELECT inspection.*, top.name AS unit_name, drawer.name AS by_name,
    {_IS_OURS} AS is_ours, COUNT(*) AS cases,
    COUNT(checked_at) AS checked, COUNT(CASE WHEN found.n > 0 THEN 1 END) AS failed,
    COALESCE(SUM(found.n), 0) AS findings, COALESCE(SUM(found.put_right), 0) AS put_right,
    COALESCE(SUM(found.overdue), 0) AS overdue
FROM inspection JOIN unit AS top ON top.code = inspection.unit
JOIN unit AS drawer ON drawer.code = by_unit
JOIN inspected_case ON inspected_case.inspection_id = inspection.id
JOIN cases ON cases.id = inspected_case.case_id
LEFT JOIN (SELECT inspected_id, COUNT(*) AS n, COUNT(put_right_day) AS put_right,
    COUNT(CASE WHEN put_right_day IS NULL AND due_day < :today THEN 1 END) AS overdue
    FROM finding WHERE withdrawn_at IS NULL GROUP BY inspected_id) AS found
    ON found.inspected_id = inspected_case.id"""


def list_inspections(
    db: Database, staff: Staff, today: date, after: Key | None = None
) -> tuple[list[Record], Key | None]:
    """A page of the inspections of which something is within reach, those of the latest periods
    first, each with its numbers; and where the next page begins, None after the last."""
    beyond = "AND (last_day, inspection.id) < (:after_day, :after_id)" if after else ""
    return _page(_summed(db, staff, today, beyond, **_after(after)), "last_day")


def open_inspection(
    db: Database, staff: Staff, inspection_id: int, today: date
) -> tuple[Record, list[Record]]:
    """An inspection with its numbers and the ``items`` of its sheet, and its cases by unit and
    place, each as of ``reach_drawn``, as far as they are within reach; raises NotFound."""
    for row in _summed(db, staff, today, "AND inspection.id = :id", id=inspection_id):
        which = "inspected_case.inspection_id = :id"
        return row | {"items": _items(row)}, _drawn(db, staff, which, inspection_id, today)
    raise _missing()


def reach_drawn(db: Database, staff: Staff, inspected_id: int, today: date) -> Record:
    """A drawn case within reach with its ``findings``, those ``withdrawn``, the ``items`` of its
    sheet and whether this person ``may_check`` it; raises NotFound."""
    for row in _drawn(db, staff, "inspected_case.id = :id", inspected_id, today):
        return row | {"items": _items(row)}
    raise _missing()


def list_open(
    db: Database, staff: Staff, today: date, after: Key | None = None
) -> tuple[list[Record], Key | None]:
    """A page of the findings within reach that are not put right, the first due first; and where
    the next page begins, None after the last."""
    beyond = "AND (due_day, finding.id) > (:after_day, :after_id)" if after else ""
    which = f"put_right_day IS NULL AND withdrawn_at IS NULL {beyond}"
    first = f"{which} ORDER BY due_day, finding.id LIMIT {PAGE + 1}"
    return _page(_findings(db, staff, first, today, **_after(after)), "due_day")


def _within(staff: Staff) -> str:
    ours = f" OR {_IS_OURS}" if staff.may("inspect") else ""
    return f"cases.unit IN (SELECT code FROM subtree) AND (checked_at IS NOT NULL{ours})"


def _summed(
    db: Database, staff: Staff, today: date, which: str, **params: str | int
) -> list[Record]:
    return db.rows(
        f"""{SUBTREE} {_SUMS} WHERE {_within(staff)} {which}
        GROUP BY inspection.id, top.code, drawer.code
        ORDER BY last_day DESC, inspection.id DESC LIMIT {PAGE + 1}""",
        unit=staff.unit,
        today=today.isoformat(),
        **params,
    )


def _drawn(db: Database, staff: Staff, which: str, one: int, today: date) -> list[Record]:
    rows = db.rows(
        f"""{SUBTREE} SELECT inspected_case.*, {_NAMED}, cases.unit AS held_by, cases.intake_day,
            unit.name AS unit_name, {_IS_OURS} AS is_ours, (SELECT reason FROM withholding
                WHERE withholding.case_id = cases.id AND ended_at IS NULL) AS withheld
        FROM inspected_case {_JOINED} WHERE {_within(staff)} AND {which}
        ORDER BY inspected_case.unit, place""",
        unit=staff.unit,
        id=one,
    )
    found = _findings(db, staff, f"{which} ORDER BY finding.id", today, id=one)
    return [row | _of_one(staff, row, found) for row in rows]


def _of_one(staff: Staff, row: Record, found: list[Record]) -> Record:
    own = [one for one in found if one["inspected_id"] == row["id"]]
    return {
        "findings": [one for one in own if not one["withdrawn_at"]],
        "withdrawn": [one for one in own if one["withdrawn_at"]],
        "may_check": bool(row["is_ours"]) and staff.may("inspect"),
    }


def _findings(
    db: Database, staff: Staff, which: str, today: date, **params: str | int
) -> list[Record]:
    """Findings with the ``name`` of what was failed and the ``promise`` of its last day."""
    rows = db.rows(
        f"""{SUBTREE} SELECT finding.*, {_NAMED}, inspected_case.inspection_id, note
        FROM finding JOIN inspected_case ON inspected_case.id = inspected_id {_JOINED}
        WHERE {_within(staff)} AND {which}""",
        unit=staff.unit,
        **params,
    )
    return [_told(row, today) for row in rows]


def _told(row: Record, today: date) -> Record:
    done = row["put_right_day"]
    promise = read_promise(row, date.fromisoformat(done) if done else None, today)
    return row | {"name": _items(row)[row["item"]], "promise": promise}


def _items(row: Record) -> dict[str, Text]:
    return {code: Text(*name) for code, name in json.loads(row["sheet"]).items()}


def _after(after: Key | None) -> dict[str, str | int]:
    return dict(zip(("after_day", "after_id"), after or (), strict=False))


def _page(rows: list[Record], day: str) -> tuple[list[Record], Key | None]:
    shown = rows[:PAGE]
    return shown, (shown[-1][day], shown[-1]["id"]) if len(rows) > PAGE else None


def _missing() -> NotFound:
    zh, en = "没有这次抽查，或者它不归本单位。", "There is no such inspection within your reach."
    return NotFound(zh, en)
