"""Inspections: cases drawn at random, checked against their files, and what was found put right.

A draw can be done again by anybody: of the cases of each unit come first those whose SHA-256 of
seed and number is lowest (docs/inspections.md). The program completes the seed, and while cases of
a draw are unchecked nobody of that unit draws again, so nobody draws until the cases please him.

Nobody inspects his own unit: cases are drawn of those below the drawer's, and their sheets are
filled in by that unit or one above it. The top unit, which nobody stands above, draws its own too.

What was drawn goes with its case. Whoever has it within reach now checks it and puts right what
was found, and there it counts, as all figures do; it stays listed under the unit of which it was
drawn. One that was withheld since can still be checked, but does not count while it is withheld.
"""

import json
import secrets
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from heapq import nsmallest
from itertools import groupby
from operator import itemgetter

from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.callbacks import is_own_work
from lookup.database import Database, Record
from lookup.errors import Conflict, NotFound
from lookup.inspection_lists import reach_drawn
from lookup.language import plain
from lookup.parties import parties_of, warn_forgotten
from lookup.periods import Period
from lookup.reach import is_within
from lookup.staff import Staff
from lookup.supervision_recount import seal_draw, seal_sheet
from lookup.trail import Change, change
from lookup.typed import read_words, refusal
from lookup.units import SUBTREE

LONGEST_TOLD = 500  # characters of a note, and of what was put right
LONGEST_SEED = 64
MOST = 100  # cases of one unit
# Whose people were forgotten since cannot be checked any more.
_UNFINISHED = f"""{SUBTREE} SELECT MAX(inspection.id) AS id
FROM inspection JOIN inspected_case ON inspection_id = inspection.id
WHERE by_unit = :by_unit AND first_day <= :to AND last_day >= :from AND checked_at IS NULL
    AND inspected_case.unit IN (SELECT code FROM subtree) AND NOT EXISTS (SELECT 1 FROM party
        WHERE party.case_id = inspected_case.case_id AND forgotten_at IS NOT NULL)
HAVING COUNT(*) > 0"""
_OTHERWISE = (
    "这份检查表刚才已有变动，您填的内容没有保存，请先看现在的情况。",
    "This sheet was changed meanwhile and nothing of yours was saved; look at how it stands now.",
)


def draw(
    bureau: Bureau,
    staff: Staff,
    unit: str,
    period: Period,
    per_unit: int,
    seed: str = "",
    now: datetime | None = None,
) -> tuple[int, bool]:
    """Draw ``per_unit`` cases of every unit in a unit's tree from those to be disclosed that were
    taken in within the period; the inspection's id, and whether it is new: while cases of these
    units and days that the drawer's unit drew before are unchecked, the answer is that draw.

    A random end is added to the seed, before any case is read. Raises NotFound for a unit out of
    reach, CaseRefused for what cannot be drawn.
    """
    if not is_within(bureau.db, staff.unit, unit):
        zh, en = "没有代码为“{}”的单位，或者它不归本单位。", "There is no unit “{}” below yours."
        raise NotFound(zh.format(unit), en.format(unit))
    if not 0 < per_unit <= MOST:
        zh, en = f"请填写 1 至 {MOST} 的整数。", f"Give a whole number from 1 to {MOST}."
        raise refusal("per_unit", zh, en)
    # Whoever chose the word cannot have tried what it draws.
    seed = "-".join(filter(None, (plain(seed)[:LONGEST_SEED], secrets.token_hex(8))))
    days = {"from": period.first.isoformat(), "to": period.last.isoformat()}
    asked = days | {"unit": unit, "per_unit": per_unit, "seed": seed, "by_unit": staff.unit}
    # Reading a large bureau's cases takes seconds: nobody who writes is to wait for that.
    with bureau.db.transaction(reading=True):
        drawn = list(_drawn(bureau.db, asked))
    with change(bureau.db, staff.actor, now) as ongoing:
        return _keep(bureau, ongoing, asked, drawn)


def lot(seed: str, number: str) -> str:
    """What a case is drawn by: the lowest go first."""
    return sha256(f"{seed}:{number}".encode()).hexdigest()


def check(
    bureau: Bureau,
    ongoing: Change,
    staff: Staff,
    inspected_id: int,
    failed: Collection[str],
    note: str,
    *,
    seen: bool = False,
) -> None:
    """Fill in the sheet of a case: the codes of the items it ``failed``, none where it is sound,
    and a note on the file, which must be there where it failed. Other findings are withdrawn.

    ``seen`` is whether the page showed a sheet that was filled in. Raises NotFound; CaseRefused
    for what was typed, for whoever would check his own work, and for the units below the one that
    drew; Conflict where somebody else was first, something was put right already, or the people of
    the case were forgotten.
    """
    row = _take(ongoing, staff, inspected_id)
    if not row["may_check"]:
        zh, en = (
            "检查表由抽取案件的单位或其上级填写。",
            "The unit that drew the case fills in its sheet, or one above it.",
        )
        raise refusal("own", zh, en)
    parts = ongoing.db.rows(
        "SELECT officer, badge FROM milestone WHERE case_id = :id", id=row["case_id"]
    )
    if any(is_own_work(staff, one["officer"], one["badge"]) for one in [row, *parts]):
        zh, en = (
            "您经办过本案，请由另一位同事检查。",
            "You handled this case; another must check it.",
        )
        raise refusal("own", zh, en)
    items = [code for code in row["items"] if code in failed]
    note = read_words("note", note, LONGEST_TOLD) if items or note.strip() else ""
    found = {one["item"] for one in row["findings"]}
    if row["checked_at"] and (found, row["note"]) == (set(items), note):
        return
    is_settled = any(one["put_right_day"] for one in row["findings"])
    if is_settled or (row["checked_at"] and not seen):
        raise Conflict(*_OTHERWISE)
    ongoing.db.run(
        """UPDATE inspected_case SET checked_at = COALESCE(checked_at, :at), checked_by = :by,
            note = :note WHERE id = :id""",
        at=ongoing.at,
        by=ongoing.actor.name,
        note=note,
        id=inspected_id,
    )
    _find(bureau, ongoing, inspected_id, items, found)
    told = {"inspection": row["inspection_id"]} | ({"items": items} if items else {"sound": 1})
    sealed = seal_sheet(ongoing.db, inspected_id)
    ongoing.record("inspection.checked", row["number"], **told, sealed=sealed)


def put_right(ongoing: Change, staff: Staff, inspected_id: int, item: str, remedy: str) -> None:
    """Record what was done about an item that a case failed.

    Raises NotFound, CaseRefused for what was typed, Conflict where it was recorded before.
    """
    row = _take(ongoing, staff, inspected_id)
    finding = next((one for one in row["findings"] if one["item"] == item), None)
    if finding is None:
        raise NotFound("检查结论中没有这个问题。", "The sheet has no such finding.")
    remedy, by = read_words("remedy", remedy, LONGEST_TOLD), ongoing.actor.name
    if (finding["remedy"], finding["put_right_by"]) == (remedy, by):
        return
    if finding["put_right_day"]:
        raise Conflict(*_OTHERWISE)
    ongoing.db.run(
        """UPDATE finding SET remedy = :remedy, put_right_day = :day, put_right_by = :by
        WHERE id = :id""",
        remedy=remedy,
        day=beijing_day(ongoing.now).isoformat(),
        by=by,
        id=finding["id"],
    )
    told = {"inspection": row["inspection_id"], "items": [item]}
    sealed = seal_sheet(ongoing.db, inspected_id)
    ongoing.record("inspection.put_right", row["number"], **told, sealed=sealed)


def _keep(
    bureau: Bureau, ongoing: Change, asked: Record, drawn: Sequence[Record]
) -> tuple[int, bool]:
    """Of two who draw at once, the second waits for the first and finds his."""
    ongoing.db.rows(ongoing.db.take_turns)
    if former := ongoing.db.row(_UNFINISHED, **asked):
        return int(former["id"]), False
    if not drawn:
        zh, en = (
            "这一期间没有可抽的案件；有上级的单位，其案件由上级抽取。",
            "There is no case to draw; those of a unit are drawn by one above it.",
        )
        raise refusal("period", zh, en)
    items = {one.code: one.name for one in bureau.oversight.inspections.items}
    [made] = ongoing.db.rows(
        """INSERT INTO inspection (unit, by_unit, first_day, last_day, per_unit, seed, sheet,
            drawn_at, drawn_by)
        VALUES (:unit, :by_unit, :from, :to, :per_unit, :seed, :sheet, :at, :by) RETURNING id""",
        **asked,
        sheet=json.dumps(items, ensure_ascii=False),
        at=ongoing.at,
        by=ongoing.actor.name,
    )
    ongoing.db.run_many(
        """INSERT INTO inspected_case (inspection_id, case_id, unit, place, among)
        VALUES (:inspection, :id, :unit, :place, :among)""",
        [row | {"inspection": made["id"]} for row in drawn],
    )
    told = asked | {"inspection": made["id"], "cases": len(drawn)}
    told |= {"sealed": seal_draw(ongoing.db, made["id"])}
    ongoing.record("inspection.drawn", "", **told)
    return int(made["id"]), True


def _drawn(db: Database, asked: Record) -> Iterator[Record]:
    """The cases of a draw, in steady memory; those of each unit in the order of their lots."""
    rows = db.each(
        f"""{SUBTREE} SELECT cases.id, cases.number, cases.unit,
            COUNT(*) OVER (PARTITION BY cases.unit) AS among
        FROM standing JOIN cases ON cases.id = standing.case_id
        WHERE standing.day BETWEEN :from AND :to AND standing.reason = ''
            AND standing.unit IN (SELECT code FROM subtree) AND standing.unit NOT IN
                (SELECT code FROM unit WHERE code = :by_unit AND parent IS NOT NULL)
        ORDER BY cases.unit""",
        **asked,
    )
    for _, cases in groupby(rows, itemgetter("unit")):
        lots = nsmallest(asked["per_unit"], cases, lambda one: lot(asked["seed"], one["number"]))
        yield from (case | {"place": place} for place, case in enumerate(lots, 1))


def _take(ongoing: Change, staff: Staff, inspected_id: int) -> Record:
    """A drawn case within reach with its findings, the case locked."""
    db = ongoing.db
    db.row(
        f"""SELECT id FROM cases WHERE id = (SELECT case_id FROM inspected_case
            WHERE inspected_case.id = :id){db.for_update}""",
        id=inspected_id,
    )
    row = reach_drawn(db, staff, inspected_id, beijing_day(ongoing.now))
    if forgotten := warn_forgotten(row["number"], parties_of(db, row["case_id"])):
        raise Conflict(*forgotten.text)
    return row


def _find(
    bureau: Bureau,
    ongoing: Change,
    inspected_id: int,
    failed: Sequence[str],
    known: Collection[str],
) -> None:
    """Withdraw the findings that hold no more, and add the new ones."""
    due = bureau.calendar.add_working(beijing_day(ongoing.now), bureau.oversight.inspections.days)
    told = {"id": inspected_id, "at": ongoing.at, "by": ongoing.actor.name}
    told |= {"due_day": due.day.isoformat(), "provisional": int(due.provisional)}
    ongoing.db.run_many(
        """UPDATE finding SET withdrawn_at = :at, withdrawn_by = :by
        WHERE inspected_id = :id AND item = :item AND withdrawn_at IS NULL""",
        [told | {"item": item} for item in known if item not in failed],
    )
    ongoing.db.run_many(
        """INSERT INTO finding (inspected_id, item, found_at, due_day, provisional)
        VALUES (:id, :item, :at, :due_day, :provisional)""",
        [told | {"item": item} for item in failed if item not in known],
    )
