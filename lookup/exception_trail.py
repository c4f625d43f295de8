"""What stands out in the record itself: days altered, cases moved, comments put elsewhere by staff.

Read from the entries, which name who did it. One that a purge has blanked, or somebody altered,
tells nothing here; nor does one about what is or was a report.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from lookup.beijing import beijing_day, from_utc_text, start_of_day, utc_text
from lookup.bureau import Bureau
from lookup.database import Record
from lookup.entries import detail_of
from lookup.exception_sql import Asked
from lookup.language import Text
from lookup.reach import units_within
from lookup.trail import is_intact
from lookup.units import unit_names

_DAY, _PAGE = timedelta(days=1), 500
_BLANK = {"until": None, "step": "", "n": 0, "was": 0}
# By the index of schema/13_unusual_ratings.sql, whose conditions these are; not by the bare action,
# or SQLite would go through all entries of it.
_ENTRIES = """SELECT trail_entry.*, cases.kind, cases.unit, cases.officer, cases.badge
    FROM trail_entry JOIN cases ON cases.number = case_number
    WHERE via IN ('desk', 'upload')
    AND action || '' IN ('case.changed', 'case.moved', 'clock.extended', 'comment.recategorised',
        'milestone.corrected', 'milestone.taken_back')
    AND (REPLACE(detail, '"was":', '') <> detail OR REPLACE(detail, '"overdue":', '') <> detail
        OR REPLACE(detail, '"unit":[', '') <> detail
        OR REPLACE(detail, '"category":[', '') <> detail)
    AND (trail_entry.at, position) > (:at, :position) AND trail_entry.at < :end_at
    ORDER BY trail_entry.at, position LIMIT :page"""
_CORRECTED = Text("“{step}”由 {was} 更正为 {now}", "“{step}” was corrected from {was} to {now}")
_TAKEN_BACK = Text("撤回“{step}”（原为 {was}）", "“{step}” of {was} was taken back")
_EXTENDED = Text(
    "“{step}”最迟应于 {due} 完成，超期后延长为共 {days} 天",
    "“{step}” was due by {due}, and was given {days} days in all after that had passed",
)
_MOVED = Text("由{was}移交{now}", "moved from {was} to {now}")
_RECATEGORISED = Text(
    "留言由“{was}”改为“{now}”，原定最迟 {due} 答复",
    "a comment was made “{now}” instead of “{was}”; its answer was due by {due}",
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Tells of entries what an auditor of the units ``within`` should ask about."""

    bureau: Bureau
    within: Mapping[str, str]
    names: Mapping[str, str]

    def redated(self, entry: Record, told: Mapping[str, Any]) -> Record | None:
        """Milestones given another day or taken back, and time given once it had run out."""
        acts = list(self._days_of(entry, told)) if entry["unit"] in self.within else []
        what = Text(*("；".join(act.zh for act in acts), "; ".join(act.en for act in acts)))
        return {"what": what} if acts else None

    def moved(self, _: Record, told: Mapping[str, Any]) -> Record | None:
        """A case handed to another unit: shown to either, under that which had it."""
        match told.get("unit"):
            case [str(was), str(now)] if self.within.keys() & {was, now}:
                said = {"was": self.names.get(was, was), "now": self.names.get(now, now)}
                # Who is in charge there now is none of the former unit's business.
                elsewhere = {"unit": was, "officer": "", "badge": ""}
                return {"what": _MOVED.fill(**said)} | elsewhere
        return None

    def recategorised(self, entry: Record, told: Mapping[str, Any]) -> Record | None:
        """A comment put in another category too late, or where it has more time or needs none."""
        pair = [self.bureau.service.category(str(one)) for one in told.get("category", ())]
        if len(pair) != 2 or entry["unit"] not in self.within:
            return None
        comment = self.bureau.db.row(
            "SELECT made_at FROM comment WHERE id = :id AND is_report = 0", id=told["comment"]
        )
        was, now = pair
        if not (comment and was and now and was.days):
            return None
        made = beijing_day(from_utc_text(comment["made_at"]))
        due = self.bureau.calendar.add_working(made, was.days).day
        if day_of(entry["at"]) <= due and 0 < now.days <= was.days:
            return None
        return {"what": _RECATEGORISED.fill(was=was.name, now=now.name, due=f"{due}")}

    def _days_of(self, entry: Record, told: Mapping[str, Any]) -> Iterator[Text]:
        named = {
            step: said_step(self.bureau, entry["kind"], step)
            for step in (*told.get("milestones", ()), *told.get("extensions", ()))
        }
        if entry["action"] == "milestone.taken_back":
            step = said_step(self.bureau, entry["kind"], told["step"])
            yield _TAKEN_BACK.fill(step=step, was=f"{day_of(told['was']['at'])}")
        milestones = told.get("milestones", {}).items()
        for code, now in sorted(milestones, key=lambda one: str(one[1]["at"])):
            days = [day_of(one["at"]) for one in (now.get("was", now), now)]
            if days[0] != days[1]:
                yield _CORRECTED.fill(step=named[code], was=f"{days[0]}", now=f"{days[1]}")
        for code, longer in told.get("extensions", {}).items():
            if "overdue" in longer:
                due, days_in_all = longer["overdue"], longer["days"]
                yield _EXTENDED.fill(step=named[code], due=due, days=days_in_all)


TELLERS: Mapping[str, Callable[[Reader, Record, Mapping[str, Any]], Record | None]] = {
    "redated": Reader.redated,
    "moved": Reader.moved,
    "recategorised": Reader.recategorised,
}


def told_of(
    bureau: Bureau, code: str, asked: Asked, after: tuple[str, int] | None = None
) -> Iterator[Record]:
    """The rows of a list out of the record, after a key, each with ``what`` was done."""
    names = unit_names(bureau.db)
    reader = Reader(bureau, units_within(bureau.db, asked.unit), names)
    for entry in _entries(bureau, asked, after):
        if not is_intact(entry):
            continue
        if found := TELLERS[code](reader, entry, detail_of(entry["detail"])):
            row = entry | _BLANK | found
            row |= {"id": entry["position"], "number": entry["case_number"], "since": entry["at"]}
            yield row | {"unit_name": names[row["unit"]]}


def _entries(bureau: Bureau, asked: Asked, after: tuple[str, int] | None) -> Iterator[Record]:
    end = utc_text(start_of_day(asked.period.last + _DAY))
    at, position = after or (utc_text(start_of_day(asked.period.first)), -1)
    while page := bureau.db.rows(_ENTRIES, at=at, position=position, end_at=end, page=_PAGE):
        yield from page
        at, position = page[-1]["at"], page[-1]["position"]


def day_of(kept: str) -> date:
    """The Beijing day of an instant, or a day, as it is kept."""
    return beijing_day(from_utc_text(kept)) if "T" in kept else date.fromisoformat(kept)


def said_step(bureau: Bureau, code: str | None, step: str) -> Text:
    """What a step is called in a kind; as its code where the kind has it no more."""
    kind = bureau.kinds.get(code or "")
    return kind.milestone(step).name if kind and kind.has_step(step) else Text(step, step)
