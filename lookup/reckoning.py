"""Days that follow from a case's course and are kept beside it: due days, visible-by days.

They are kept so that counting is a matter of comparing columns. What they were reckoned with
(kinds and calendar) is kept too: where that has changed, `refresh` reckons all anew.
"""

import hashlib
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version

from lookup import tally
from lookup.bureau import Bureau
from lookup.clocks import due
from lookup.database import Record
from lookup.errors import ConfigError
from lookup.kinds import SHIPPED, Kind, Milestone
from lookup.workdays import Calendar

_PAGE = 500
_FILING = "filing"


def visible_by(kind: Kind, calendar: Calendar, happened: date) -> str:
    """The last day on which a milestone must have become visible to the complainant."""
    return calendar.add_working(happened, kind.visible_within).day.isoformat()


def reckon_clocks(
    bureau: Bureau,
    case_id: int,
    kind: Kind,
    reached: Mapping[str, Record],
    extended: Mapping[str, int],
) -> None:
    """Write the clocks of a case anew from its milestones and the days of its extensions."""
    bureau.db.run("DELETE FROM clock WHERE case_id = :case_id", case_id=case_id)
    start_clocks(bureau, case_id, kind, reached, extended)


def start_clocks(
    bureau: Bureau,
    case_id: int,
    kind: Kind,
    reached: Mapping[str, Record],
    extended: Mapping[str, int],
) -> None:
    """Write the clocks of a case that has none yet, and since when it stands still."""
    bureau.db.run(
        "UPDATE cases SET still_since = :since WHERE id = :id AND still_since <> :since",
        since=still_since(kind, reached),
        id=case_id,
    )
    bureau.db.run_many(
        """INSERT INTO clock
        (case_id, step, start_day, days, due_day, provisional, extended, decided_day, void_step,
            is_decision)
        VALUES (:case_id, :step, :start_day, :days, :due_day, :provisional, :extended,
            :decided_day, :void_step, :is_decision)""",
        [row | {"case_id": case_id} for row in clocks_of(kind, bureau.calendar, reached, extended)],
    )


def still_since(kind: Kind, reached: Mapping[str, Record]) -> str:
    """The day of what came last in a case that was filed and has not ended; else blank. A kind
    without a filing decision needs none."""
    is_filed = _FILING in reached or not kind.has_step(_FILING)
    if not is_filed or kind.is_over({step: row["outcome"] for step, row in reached.items()}):
        return ""
    return max(str(row["happened_day"]) for row in reached.values())


def clocks_of(
    kind: Kind, calendar: Calendar, reached: Mapping[str, Record], extended: Mapping[str, int]
) -> list[Record]:
    """The clocks that have started. One whose step another outcome has closed off (closure, by a
    refusal to file) is kept, with the step that did so: at an earlier cut-off it still ran."""
    found = []
    for milestone, clock in kind.clocks():
        start = reached.get(clock.counted_from)
        if start is None:
            continue
        reckoned = due(
            clock,
            date.fromisoformat(start["happened_day"]),
            calendar,
            # One approved while the case was of another kind may have no place in this one.
            extended.get(milestone.step) if clock.extensions else None,
        )
        decided = reached.get(milestone.step)
        found.append(
            {
                "step": milestone.step,
                "start_day": start["happened_day"],
                "days": reckoned.days,
                "due_day": reckoned.day.isoformat(),
                "provisional": int(reckoned.provisional),
                "extended": int(reckoned.extended),
                "decided_day": decided["happened_day"] if decided else None,
                "void_step": _closed_off_by(milestone, reached),
                # Serving a notice is none, and most case systems do not tell of it.
                "is_decision": int(not milestone.optional),
            }
        )
    return found


def _closed_off_by(milestone: Milestone, reached: Mapping[str, Record]) -> str | None:
    before = reached.get(milestone.follows or "")
    other = before and milestone.only_after and before["outcome"] not in ("", milestone.only_after)
    return milestone.follows if other else None


def refresh(bureau: Bureau) -> int:
    """Put the configured definition in force, and reckon all stored days anew if kinds or calendar
    changed since; how many cases were done.

    Raises ConfigError where cases are kept of a kind that is no longer configured, and as
    `tally.redefine` does.
    """
    db = bureau.db
    tally.redefine(db, bureau.oversight.definition)
    if _is_reckoned(bureau):
        return 0
    refuse_orphans(bureau)
    done, last = 0, 0
    while page := db.rows(
        "SELECT id, kind FROM cases WHERE id > :last ORDER BY id LIMIT :page", last=last, page=_PAGE
    ):
        with db.transaction():
            for case in page:
                reckon_case(bureau, case["id"], bureau.kinds[case["kind"]])
            tally.refresh(db, [case["id"] for case in page])
        done, last = done + len(page), page[-1]["id"]
    db.run(
        """INSERT INTO reckoning (id, rules) VALUES (1, :rules)
        ON CONFLICT (id) DO UPDATE SET rules = excluded.rules""",
        rules=_rules_in_force(bureau),
    )
    return done


def is_current(bureau: Bureau) -> bool:
    """Whether what is kept was reckoned with the present kinds, calendar and definition."""
    return _is_reckoned(bureau) and tally.in_force(bureau.db) == bureau.oversight.definition


def _is_reckoned(bureau: Bureau) -> bool:
    kept = bureau.db.row("SELECT rules FROM reckoning WHERE id = 1")
    return kept is not None and bool(kept["rules"] == _rules_in_force(bureau))


def _rules_in_force(bureau: Bureau) -> str:
    digest = hashlib.sha256(version("chinesecalendar").encode())
    for path in (SHIPPED, bureau.config.kinds_file, bureau.config.calendar_file):
        digest.update(path.read_bytes() if path else b"-")
    return digest.hexdigest()


def reckon_case(bureau: Bureau, case_id: int, kind: Kind) -> None:
    """Reckon all stored days of a case anew."""
    db = bureau.db
    reached = db.rows(
        "SELECT id, step, outcome, happened_day FROM milestone WHERE case_id = :case_id",
        case_id=case_id,
    )
    extended = db.rows("SELECT step, days FROM extension WHERE case_id = :case_id", case_id=case_id)
    reckon_clocks(
        bureau,
        case_id,
        kind,
        {row["step"]: row for row in reached},
        {row["step"]: row["days"] for row in extended},
    )
    db.run_many(
        "UPDATE milestone SET visible_by = :visible_by WHERE id = :id",
        [
            {"id": row["id"], "visible_by": visible_by(kind, bureau.calendar, day)}
            for row in reached
            for day in [date.fromisoformat(row["happened_day"])]
        ],
    )


def refuse_orphans(bureau: Bureau) -> None:
    """Raise ConfigError where cases are kept of a kind that is no longer configured."""
    used = bureau.db.rows("SELECT kind, COUNT(*) AS cases FROM cases GROUP BY kind")
    for row in used:
        if row["kind"] not in bureau.kinds:
            raise ConfigError(
                f"类别“{row['kind']}”已有 {row['cases']} 个案件，KINDS_FILE 却未定义它，请补回。",
                f"{row['cases']} cases are of the kind “{row['kind']}”, which KINDS_FILE no longer "
                "defines; put it back.",
            )
