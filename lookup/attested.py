"""Proof that the tables say what was recorded: cases are told anew from their entries and compared.

Days that follow from others are reckoned anew from what the entries tell. Which entries can be
trusted is `trail.verify`'s to say; one that does not fit its leaf tells nothing here.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from lookup.beijing import beijing_day, from_utc_text
from lookup.bureau import Bureau
from lookup.course import rows_of
from lookup.database import Database, Record
from lookup.kinds import Kind
from lookup.language import Text
from lookup.reckoning import clocks_of, still_since, visible_by
from lookup.trail import is_intact

_PAGE = 200
_MOST = 100
_CASE = ("kind", "unit", "intake_day", "intake_at", "still_since")
# Tables with a row a step, and what is compared of it.
_BY_STEP = {
    "milestone": "outcome happened_day happened_at entered_at visible_at visible_day visible_by",
    "extension": "days approved_by",
    "clock": "start_day days due_day provisional extended decided_day void_step is_decision",
}
_READ = (*_BY_STEP, "rating", "issue", "withholding")
_OTHERWISE = Text(
    "案件 {number}，{what}：表中为 {kept}，按变动记录应为 {right}。",
    "Case {number}, {what}: the table has {kept}; by the record it should be {right}.",
)
_UNKNOWN = Text(
    "案件 {number}：没有登记它的完好记录，或者类别不在 KINDS_FILE 中，无法核对。",
    "Case {number} cannot be compared: no sound entry registers it, or KINDS_FILE lacks its kind.",
)
_REGISTERED = Text("已登记", "registered")
_NOTHING = Text("空", "nothing")

# By table and which of its rows: the columns compared.
Parts = dict[tuple[str, str], Record]


@dataclass
class _Told:
    """What the entries tell of a case; of an extension also those that it replaced."""

    case: Record = field(default_factory=lambda: {"withheld": ""})
    milestones: dict[str, Record] = field(default_factory=dict)
    longer: defaultdict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    beside: Parts = field(default_factory=dict)

    def hear(self, entry: Record) -> None:
        """Go on by one entry."""
        said, at = json.loads(entry["detail"]), entry["at"]
        match entry["action"]:
            case "milestone.taken_back":
                self.milestones.pop(said["step"], None)
            case "extension.taken_back":
                del self.longer[said["step"]][-1:]
            case "withholding.requested":
                self._withhold(said["reason"], at)
            case "withholding.rejected" | "disclosure.approved":
                self._withhold("", at)
            case "receipt.handed_over":
                _note(self.beside, "issue", said["issue"], "handed_over_at", at)
            case "rating.given":
                tags = json.dumps(said["tags"])
                _note(self.beside, "rating", f"{said['step']} {at}", "level", said["level"], tags)
            case ("case.registered" | "case.changed" | "case.moved" | "clock.extended") | (
                "milestone.corrected" | "milestone.recorded"
            ):
                self._move_on(said, at)

    def _move_on(self, said: Record, at: str) -> None:
        for name in {"kind", "unit", "withheld"} & said.keys():
            # Where it changed: what it was, and what it is.
            one = said[name]
            self.case[name] = one if isinstance(one, str) else one[-1]
        self._withhold(self.case["withheld"], at)
        for step, one in said.get("milestones", {}).items():
            self._reach(step, one, at)
        for step, one in said.get("extensions", {}).items():
            self.longer[step].append({name: one[name] for name in ("days", "approved_by")})

    def _reach(self, step: str, one: Record, at: str) -> None:
        """A corrected milestone stays entered and visible since when it was."""
        shown = None if self.case["withheld"] else at
        new = {"entered_at": at, "visible_at": shown, "visible_day": shown and _day(shown)}
        self.milestones[step] = self.milestones.get(step, new) | {
            "outcome": one.get("outcome", ""),
            "happened_day": _day(one["at"]),
            "happened_at": one["at"] if "T" in one["at"] else None,
        }

    def _withhold(self, reason: str, at: str) -> None:
        """Withhold for a reason; without one, what was hidden becomes visible."""
        self.case["withheld"] = reason
        for one in self.milestones.values():
            if not reason and one["visible_at"] is None:
                one |= {"visible_at": at, "visible_day": _day(at)}


def forgotten(db: Database) -> int:
    """How many cases were purged: their entries are blank, so there is nothing to compare with."""
    [row] = db.rows(
        """SELECT COUNT(DISTINCT case_number) AS n FROM trail_entry
        WHERE action = 'case.purged'"""
    )
    return int(row["n"])


def verify(bureau: Bureau, progress: Callable[[int], None] = lambda _: None) -> list[Text]:
    """Where the tables are not what was recorded, at most the first hundred; empty where they are.

    Compared are unit, kind, intake, course, clocks and withholding of each case that was not
    purged, its ratings, and when its receipts were handed over; by the kinds and the calendar that
    `reckoning.refresh` reckoned with. ``progress`` is told of each lot of cases.
    """
    return list(islice(_faults(bureau, progress), _MOST))


def _faults(bureau: Bureau, progress: Callable[[int], None]) -> Iterator[Text]:
    for row in bureau.db.rows(
        """SELECT case_number AS number FROM trail_entry WHERE action = 'case.registered'
        AND NOT EXISTS (SELECT 1 FROM cases WHERE cases.number = trail_entry.case_number)"""
    ):
        yield _OTHERWISE.fill(**row, what="cases", kept=_NOTHING, right=_REGISTERED)
    last = 0
    while page := _page(bureau.db, last):
        for case, rows, entries in page:
            if all(entry["action"] != "case.purged" for entry in entries):
                yield from _of_case(bureau, case, rows, entries)
        last = page[-1][0]["id"]
        progress(len(page))


def _page(db: Database, last: int) -> list[tuple[Record, dict[str, list[Record]], list[Record]]]:
    """The next cases, each with its rows by table and its sound entries in order, as of one state
    of the database."""
    rows: dict[int, dict[str, list[Record]]] = defaultdict(lambda: {name: [] for name in _READ})
    entries: dict[str, list[Record]] = defaultdict(list)
    with db.transaction(reading=True):
        cases = db.rows(
            "SELECT * FROM cases WHERE id > :last ORDER BY id LIMIT :page", last=last, page=_PAGE
        )
        for table in _READ:
            for row in rows_of(db, table, [case["id"] for case in cases], "case_id"):
                rows[row["case_id"]][table].append(row)
        named = {f"number{place}": case["number"] for place, case in enumerate(cases)}
        among = ", ".join(f":{name}" for name in named) or "NULL"
        found = db.rows(f"SELECT * FROM trail_entry WHERE case_number IN ({among})", **named)
    for row in sorted(filter(is_intact, found), key=lambda one: one["position"]):
        entries[row["case_number"]].append(row)
    return [(case, rows[case["id"]], entries[case["number"]]) for case in cases]


def _of_case(
    bureau: Bureau, case: Record, rows: dict[str, list[Record]], entries: Sequence[Record]
) -> Iterator[Text]:
    told = _Told()
    try:
        for entry in entries:
            told.hear(entry)
        kind = bureau.kinds[told.case["kind"]]
        right = _as_recorded(bureau, kind, told) | _replaced(rows["rating"])
    except (AttributeError, KeyError, TypeError, ValueError):  # made up so as to fit their leaves
        yield _UNKNOWN.fill(number=case["number"])
        return
    kept = _as_kept(case, rows)
    for key in sorted({*kept, *right}):
        name = kind.milestone(key[1]).name if kind.has_step(key[1]) else Text(key[1], key[1])
        for column, was, should in _differing(kept.get(key), right.get(key)):
            what = Text(*(f"{key[0]}{column} {said}".strip() for said in name))
            yield _OTHERWISE.fill(number=case["number"], what=what, kept=was, right=should)


def _differing(was: Record | None, should: Record | None) -> Iterator[tuple[str, Text, Text]]:
    """The columns that differ; of a row that only one side has, all at once."""
    if was and should:
        for name in (name for name in should if was[name] != should[name]):
            yield f".{name}", _said(was[name]), _said(should[name])
    elif was != should:
        yield "", _said(*(was or {}).values()), _said(*(should or {}).values())


def _said(*values: str | int | None) -> Text:
    said = " ".join(str(one) for one in values if one not in (None, ""))
    return Text(said, said) if said else _NOTHING


def _as_kept(case: Record, rows: dict[str, list[Record]]) -> Parts:
    live = [row["reason"] for row in rows["withholding"] if row["ended_at"] is None]
    parts: Parts = {
        ("cases", ""): {name: case[name] for name in _CASE} | {"withheld": "".join(live)}
    }
    for table, columns in _BY_STEP.items():
        for row in rows[table]:
            parts[table, row["step"]] = {name: row[name] for name in columns.split()}
    for row in rows["issue"]:
        if row["handed_over_at"]:
            _note(parts, "issue", row["ordinal"], "handed_over_at", row["handed_over_at"])
    for row in rows["rating"]:
        given = f"{row['step']} {row['rated_at']}"
        _note(parts, "rating", given, "level", row["level"], row["tags"])
        parts["rating", str(row["id"])] = {"replaced_at": row["replaced_at"]}
    return parts


def _as_recorded(bureau: Bureau, kind: Kind, told: _Told) -> Parts:
    intake, calendar = told.milestones["intake"], bureau.calendar
    case = {name: told.case[name] for name in ("kind", "unit", "withheld")}
    case |= {"intake_day": intake["happened_day"], "intake_at": intake["happened_at"]}
    case |= {"still_since": still_since(kind, told.milestones)}
    parts: Parts = told.beside | {("cases", ""): case}
    for step, one in told.milestones.items():
        shown = visible_by(kind, calendar, date.fromisoformat(one["happened_day"]))
        parts["milestone", step] = one | {"visible_by": shown}
    longer = {step: terms[-1] for step, terms in told.longer.items() if terms}
    parts |= {("extension", step): term for step, term in longer.items()}
    days = {step: term["days"] for step, term in longer.items()}
    for row in clocks_of(kind, calendar, told.milestones, days):
        parts["clock", row["step"]] = {name: row[name] for name in _BY_STEP["clock"].split()}
    return parts


def _replaced(ratings: Sequence[Record]) -> Parts:
    """When each rating was replaced: as the next of the same party and step was given."""
    parts, after = Parts(), dict[tuple[int, str], str]()
    for row in sorted(ratings, key=lambda one: one["id"], reverse=True):
        of = (row["party_id"], row["step"])
        parts["rating", str(row["id"])] = {"replaced_at": after.get(of)}
        after[of] = row["rated_at"]
    return parts


def _note(parts: Parts, table: str, which: str | int, column: str, *said: str | int) -> None:
    """Note one of what has no name of its own: two parties may rate a step at one instant, and each
    has a first issue."""
    key, one = (table, str(which)), "".join(map(str, said)).replace(" ", "")
    parts[key] = {column: " ".join(sorted([*parts.get(key, {column: ""})[column].split(), one]))}


def _day(written: str) -> str:
    """The Beijing day of an instant or of a bare day, as the record writes either."""
    return beijing_day(from_utc_text(written)).isoformat() if "T" in written else written
