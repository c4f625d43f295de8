"""The weekly digest of each unit with all below it: made once, and never changed afterwards."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lookup.beijing import beijing_day, start_of_day, utc_text
from lookup.bureau import Bureau
from lookup.database import Database, Record
from lookup.entries import detail_of
from lookup.errors import NotFound
from lookup.facts import FIGURES
from lookup.figures import Figures, counts_of, figures_from
from lookup.levels import BAD
from lookup.periods import Period, quarter_of
from lookup.rates import Question, rates
from lookup.scores import FEWEST_RATINGS
from lookup.supervision import ran_out, waiting
from lookup.supervision_recount import seal_of
from lookup.tally import in_force
from lookup.trail import Actor, change
from lookup.units import SUBTREE, tree_of

_WORKER = Actor("flask work", "worker")
_WEEK = timedelta(days=7)
_BAD = f"""SELECT unit, COUNT(*) AS ratings FROM rating
WHERE level IN {BAD} AND rated_at >= :since AND rated_at < :until GROUP BY unit"""

# Numbers by group, such as ("due", "clocks").
Numbers = Counter[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Digest:
    """What a unit with all below it was told: by the ``definition`` the ``figures`` of the cases of
    the ``week``, and of its ``quarter`` up to its end; and ``numbers`` by group, ``ran_out`` that
    week, ``due`` in the next, ``open`` and ``overdue`` when it was made (of `supervision.NAMES`),
    ``bad`` ratings."""

    id: int
    unit: str
    unit_name: str
    made_at: str
    week: Period
    definition: str
    figures: Mapping[str, Figures]
    numbers: Mapping[str, Counter[str]]


def make_digests(bureau: Bureau, now: datetime) -> int:
    """Make those of the last whole week that are missing; how many units there were then."""
    first = beijing_day(now) - timedelta(days=beijing_day(now).weekday()) - _WEEK
    if bureau.db.row("SELECT id FROM digest WHERE first_day = :first LIMIT 1", first=f"{first}"):
        return 0
    tops = bureau.db.rows("SELECT code FROM unit WHERE parent IS NULL ORDER BY code")
    week = Period(first, first + _WEEK - timedelta(days=1))
    found = [one for top in tops for one in _numbers(bureau, top["code"], week, now)]
    told = {"from": week.first.isoformat(), "to": week.last.isoformat()}
    said = told | {"definition": in_force(bureau.db).name}
    rows = [
        {
            "unit": unit,
            "first_day": told["from"],
            "data": json.dumps(said | _groups(numbers)),
            "made_at": utc_text(now),
        }
        for unit, numbers in found
    ]
    with change(bureau.db, _WORKER, now) as ongoing:
        # Two at once take turns, and the second finds them made.
        ongoing.db.rows(ongoing.db.take_turns)
        made = sum(
            ongoing.db.run(
                """INSERT INTO digest (unit, first_day, data, made_at)
                VALUES (:unit, :first_day, :data, :made_at)
                ON CONFLICT (unit, first_day) DO NOTHING""",
                **row,
            )
            for row in rows
        )
        if made:
            sealed = {row["unit"]: seal_of([row]) for row in rows}
            ongoing.record("digests.made", **told, units=made, sealed=sealed)
    return made


def digests_of(db: Database, unit: str, limit: int) -> list[Digest]:
    """The digests of a unit, the latest first."""
    return _read(db, unit, "digest.unit = :unit ORDER BY first_day DESC LIMIT :limit", limit=limit)


def open_digest(db: Database, unit: str, digest_id: int) -> Digest:
    """A digest within a unit's reach; raises NotFound."""
    within = "digest.id = :id AND digest.unit IN (SELECT code FROM subtree)"
    found = _read(db, unit, within, id=digest_id)
    if not found:
        raise NotFound(
            "没有这份周报，或者它不归本单位。",
            "There is no such digest, or it is not your unit's.",
        )
    return found[0]


def _numbers(
    bureau: Bureau, top: str, week: Period, now: datetime
) -> Iterator[tuple[str, Numbers]]:
    """The numbers of each unit below a top one, of all below it together."""
    own = _own(bureau, top, week, now)
    tree = tree_of(bureau.db, top)
    for unit in reversed(tree):  # each before the one above it
        if unit["code"] != top:
            own.setdefault(unit["parent"], Counter()).update(own.get(unit["code"], Counter()))
    return ((unit["code"], own.get(unit["code"], Counter())) for unit in tree)


def _own(bureau: Bureau, top: str, week: Period, now: datetime) -> dict[str, Numbers]:
    found: dict[str, Numbers] = {}

    def add(unit: str, group: str, told: Mapping[str, int]) -> None:
        found.setdefault(unit, Counter()).update({(group, name): n for name, n in told.items()})

    quarter = Period(quarter_of(week.last).first, week.last)
    for group, period in (("week", week), ("quarter", quarter)):
        for counted in rates(bureau, Question(period.first, period.last, unit=top), now).rows:
            add(str(counted.unit), group, counts_of(counted.figures))
            add(str(counted.unit), f"{group}_withheld", counted.figures.withheld)
    for row in ran_out(bureau, top, week.first, week.last):
        add(row["unit"], "ran_out", {row["what"]: row["due"]})
    for row in waiting(bureau, top, beijing_day(now), week.after().last):
        for group in ("open", "overdue", "due"):
            add(row["unit"], group, {row["what"]: row[group]})
    days = {"since": week.first, "until": week.after().first}
    for row in bureau.db.rows(_BAD, **{n: utc_text(start_of_day(day)) for n, day in days.items()}):
        add(row["unit"], "bad", {"ratings": row["ratings"]})
    return found


def _groups(numbers: Numbers) -> dict[str, dict[str, int]]:
    groups: dict[str, dict[str, int]] = {}
    for (group, name), number in sorted(numbers.items()):
        groups.setdefault(group, {})[name] = number
    return groups


def _read(db: Database, unit: str, condition: str, **asked: int) -> list[Digest]:
    rows = db.rows(
        f"""{SUBTREE} SELECT digest.*, unit.name AS unit_name FROM digest
        JOIN unit ON unit.code = digest.unit WHERE {condition}""",
        unit=unit,
        **asked,
    )
    return list(map(_digest, rows))


def _digest(row: Record) -> Digest:
    data, first = detail_of(row["data"]), date.fromisoformat(row["first_day"])
    return Digest(
        id=row["id"],
        unit=row["unit"],
        unit_name=row["unit_name"],
        made_at=row["made_at"],
        week=Period(first, first + _WEEK - timedelta(days=1)),
        definition=data.get("definition", ""),
        figures={group: _figures(data, group) for group in ("week", "quarter")},
        numbers={
            group: Counter(data.get(group, {}))
            for group in ("ran_out", "due", "open", "overdue", "bad")
        },
    )


def _figures(data: Record, group: str) -> Figures:
    # A figure that is younger than the digest was not counted.
    counts = dict.fromkeys(FIGURES, 0) | data.get(group, {})
    return figures_from(counts, data.get(f"{group}_withheld", {}), FEWEST_RATINGS)
