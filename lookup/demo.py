"""Invented cases at every stage, lived through day by day as a bureau would enter them."""

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any

from lookup import counters
from lookup.beijing import BEIJING, Moment, beijing_day
from lookup.bodies import Bounds, read_case
from lookup.bureau import Bureau
from lookup.cases import AsOf, put_case, require_case
from lookup.database import Database, Record
from lookup.demo_audit import inspect, tell_all
from lookup.demo_voices import WORDS, Voices, prepare, settle
from lookup.errors import StorageError
from lookup.issues import count_visit, hand_over, live_issue
from lookup.materials import receive_material, request_materials
from lookup.parties import parties_of
from lookup.staff import Staff, add_staff, read_staff, require_staff, reset_password
from lookup.trail import Actor, Change, change
from lookup.units import UnitRecord, put_units

_UNITS: list[list[str]] = WORDS["units"]
_BUREAU = _UNITS[0][0]
_STATIONS = [code for code, *_ in _UNITS if not code.endswith("00")]
_ACCOUNTS = {
    "desk": "desk_officer",
    "callback": "callback_officer",
    "audit": "auditor",
    "chief": "supervisor",
    "admin": "administrator",
}
_DAYS_BACK = 150

# What becomes of a case, and how often in a hundred.
_FATES = {
    "fresh": 4,
    "filed": 16,
    "overdue": 6,
    "extended": 6,
    "refused": 6,
    "refused_served": 6,
    "withheld": 5,
    "two_parties": 6,
    "with_property": 15,
    "closed": 30,
}


@dataclass(order=True)
class _Event:
    at: datetime
    order: int
    happen: Callable[[datetime], None] = field(compare=False)


def fill(bureau: Bureau, now: datetime, cases: int) -> int:
    """Invent so many cases up to ``now``; none where this was done before. How many were made.

    Raises StorageError where the database holds cases that were not invented here.
    """
    if bureau.db.row("SELECT id FROM cases LIMIT 1"):
        _refuse_real_cases(bureau.db)
        return 0
    with change(bureau.db, Actor("演示", "demo"), now - timedelta(_DAYS_BACK)) as ongoing:
        put_units(ongoing, [UnitRecord(0, *unit) for unit in _UNITS])
    staff = _accounts(bureau, now - timedelta(_DAYS_BACK))
    story = _Story(bureau, random.Random(20260101), now, staff)  # noqa: S311
    for number in range(cases):
        story.invent(number)
    while story.events:
        event = heappop(story.events)
        event.happen(event.at)
    settle(bureau.db, now)
    tell_all(bureau, staff["audit"], staff["chief"], now)
    return cases


_CLOCK = "SELECT 1 FROM clock WHERE case_id = cases.id AND void_step IS NULL AND"
# Where a visitor finds each stage: a condition on the case, found in whatever was invented.
_STAGES = {
    "刚受案 just taken in": f"NOT EXISTS ({_CLOCK} due_day < :today) AND intake_day >= :yesterday",
    "已超期 overdue": f"EXISTS ({_CLOCK} decided_day IS NULL AND due_day < :today)",
    "已延期 extended": f"""EXISTS ({_CLOCK} decided_day IS NULL AND extended = 1
        AND due_day >= :today)""",
    "不予立案 refused": """EXISTS (SELECT 1 FROM milestone WHERE case_id = cases.id
        AND step = 'notice')""",
    "不予公开 withheld": "EXISTS (SELECT 1 FROM withholding WHERE case_id = cases.id)",
    "待回访 call-back due": """EXISTS (SELECT 1 FROM callback
        WHERE case_id = cases.id AND closed_at IS NULL)""",
    "留言已答复 comment answered": """EXISTS (SELECT 1 FROM comment
        WHERE case_id = cases.id AND category = 'inquiry' AND answered_at IS NOT NULL)""",
    "两名当事人 two parties": "(SELECT COUNT(*) FROM party WHERE case_id = cases.id) > 1",
    "已结案，有财物 closed, property": """EXISTS (SELECT 1 FROM property WHERE case_id = cases.id)
        AND EXISTS (SELECT 1 FROM milestone WHERE case_id = cases.id AND step = 'closure')""",
}


def shown(db: Database, now: datetime) -> dict[str, str]:
    """A case number for each stage worth looking at."""
    days = {
        "today": beijing_day(now).isoformat(),
        "yesterday": beijing_day(now - timedelta(days=1)).isoformat(),
    }
    found = {
        stage: db.row(
            f"SELECT number FROM cases WHERE {condition} ORDER BY intake_day DESC, id LIMIT 1",
            **days,
        )
        for stage, condition in _STAGES.items()
    }
    return {stage: row["number"] for stage, row in found.items() if row}


def _refuse_real_cases(db: Database) -> None:
    made = db.row("SELECT via FROM trail_entry WHERE action = 'case.registered' LIMIT 1")
    if made is None or made["via"] != "demo":
        raise StorageError(
            "数据库里已有真实案件，演示数据只写入空数据库。",
            "The database holds real cases; the demonstration wants an empty one.",
        )


def _accounts(bureau: Bureau, at: datetime) -> dict[str, Staff]:
    for _ in open_accounts(bureau, at):
        pass
    return {one: read_staff(require_staff(bureau.db, _BUREAU, one)) for one in _ACCOUNTS}


def counter_links(bureau: Bureau) -> dict[str, str]:
    """The address in each counter's code, by the counter's name."""
    made = counters.counters_below(bureau.db, _BUREAU)
    return {one["name"]: counters.link(bureau, one) for one in made}


def open_accounts(bureau: Bureau, at: datetime | None = None) -> Iterator[tuple[str, str, str]]:
    """An account for each role: the role, its login, and a password made for this demonstration."""
    for station, (login, role) in zip(_STATIONS, _ACCOUNTS.items(), strict=False):
        who = _officer(station, 0)
        unit = station if role == "desk_officer" else _BUREAU
        found = bureau.db.row("SELECT * FROM staff WHERE login = :login", login=login)
        with change(bureau.db, Actor("演示", "demo"), at) as ongoing:
            if found:
                password = reset_password(ongoing, found)
            else:
                _, password = add_staff(ongoing, login, who["officer"], role, unit, who["badge"])
            # A visitor is spared the choice of another one.
            bureau.db.run("UPDATE staff SET must_change = 0 WHERE login = :login", login=login)
        yield role, login, password


def _officer(unit: str, which: int) -> dict[str, str]:
    """One of the two officers of a station."""
    place = _STATIONS.index(unit) * 2 + which
    name = WORDS["surnames"][place] + WORDS["given"][place % len(WORDS["given"])]
    return {"officer": name, "badge": f"0{51017 + place * 37}"}


class _Story:
    """Plans every case as events, so that they can be entered in the order of time."""

    def __init__(
        self, bureau: Bureau, dice: random.Random, now: datetime, staff: dict[str, Staff]
    ) -> None:
        self.events: list[_Event] = []
        self._bureau = bureau
        self._dice = dice
        self._now = now
        self._order = count()
        self._fates = _fates(dice)
        self._voices = Voices(bureau, self._plan, staff["callback"], staff["chief"])
        prepare(bureau, self._plan, staff["chief"], staff["desk"], now)
        inspect(bureau, self._plan, staff["audit"], staff["chief"], now)

    def invent(self, serial: int) -> None:
        """Plan one case and all that will be said about it."""
        dice = self._dice
        fate = self._fates[serial % len(self._fates)]
        criminal = fate in ("extended", "refused", "refused_served") or dice.random() < 0.45
        intake = self._intake(fate)
        body = self._body(serial, criminal, intake)
        if fate == "withheld":
            body["withheld_reason"] = dice.choice(["个人隐私", "未成年人"])
        if fate == "two_parties":
            body["parties"].append({"role": "victim", "name": self._name(), "phone": self._phone()})
        if fate == "with_property":
            body["property"] = [self._thing(kept=True), self._thing(kept=dice.random() < 0.5)]
        entered = self._enter(intake, body, intake)
        for at, milestone in _steps(fate, criminal, intake, dice):
            body = body | {"milestones": [*body.get("milestones", []), milestone]}
            self._enter(at, body, entered)
        self._live(body["number"], entered, fate)

    def _intake(self, fate: str) -> datetime:
        """Recent enough for what is under way, long ago enough for what has run out."""
        spans = {"fresh": (0.1, 0.9), "overdue": (9, 40), "extended": (4, 20), "filed": (2, 25)}
        spans |= {"refused": (4, 30), "refused_served": (4, 9)}
        first, last = spans.get(fate, (12, _DAYS_BACK))
        at = self._now - timedelta(days=self._dice.uniform(first, last))
        return at.replace(second=0)

    def _body(self, serial: int, criminal: bool, intake: datetime) -> dict[str, Any]:
        dice, unit = self._dice, self._dice.choice(_STATIONS)
        surname = dice.choice(WORDS["surnames"])
        month = intake.astimezone(BEIJING).strftime("%Y%m")
        return {
            "number": f"{'A' if criminal else 'J'}{unit}{month}{serial + 1:05d}",
            "kind": "criminal" if criminal else "administrative",
            "unit": unit,
            "name": f"{surname}某{dice.choice(WORDS['crimes' if criminal else 'offences'])}",
            **_officer(unit, dice.randint(0, 1)),
            "channel": dice.choice(["110", "窗口", "网上", "电话"]),
            "reported_at": _written(intake - timedelta(minutes=dice.randint(10, 90))),
            "taken_in_at": _written(intake),
            "parties": [
                {"role": "complainant", "name": self._name(surname), "phone": self._phone()}
            ],
        }

    def _name(self, surname: str = "") -> str:
        given: str = self._dice.choice(WORDS["given"])
        return (surname or self._dice.choice(WORDS["surnames"])) + given

    def _phone(self) -> str:
        # 199-0000 numbers are not given out: nobody's phone rings for a demonstration.
        return f"1990000{self._dice.randint(0, 9999):04d}"

    def _thing(self, *, kept: bool) -> dict[str, str]:
        name, quantity, unit = self._dice.choice(WORDS["things"])
        state = {
            "measure": "扣押",
            "status": "保管中" if kept else "已发还",
            "place": "涉案财物管理室",
        }
        return {"name": name, "quantity": quantity, "unit": unit, **state}

    def _enter(self, happened: datetime, body: dict[str, Any], after: datetime) -> datetime:
        """What happened is typed in a little later, now and then far too late; when it was."""
        late = self._dice.random() < 0.06
        lag = timedelta(days=self._dice.uniform(9, 14)) if late else timedelta(hours=0.2)
        at = max(min(happened + lag, self._now), after)
        if happened <= self._now:
            self._plan(at, lambda when: self._put(when, body))
        return at

    def _put(self, when: datetime, body: dict[str, Any]) -> None:
        bounds = Bounds(self._bureau.kinds, frozenset(_STATIONS), Moment.of(when))
        record = read_case(body, bounds)
        with change(self._bureau.db, Actor(body["officer"], "demo"), when) as ongoing:
            put_case(self._bureau, ongoing, record, AsOf(when, stated=True))

    def _live(self, number: str, entered: datetime, fate: str) -> None:
        """The paper is given, opened, and what its holder says is entered."""
        dice = self._dice
        if dice.random() < 0.93:
            self._plan(entered + timedelta(minutes=20), lambda when: self._give(when, number))
        for _ in range(dice.choice([0, 1, 1, 2, 3])):
            at = entered + timedelta(days=dice.uniform(0.2, 20))
            self._plan(at, lambda when: self._visit(when, number))
        if fate in ("fresh", "filed", "overdue"):
            self._plan(entered + timedelta(hours=1), lambda when: self._ask_for(when, number))
        if fate != "withheld" and dice.random() < 0.4:
            at = entered + timedelta(days=1)
            self._plan(at, lambda when: self._voices.rate(when, number))
        if fate != "withheld" and dice.random() < 0.2:
            at = entered + timedelta(days=2)
            self._plan(at, lambda when: self._voices.comment(when, number))

    def _plan(self, at: datetime, happen: Callable[[datetime], None]) -> None:
        if at <= self._now:
            heappush(self.events, _Event(at, next(self._order), happen))

    def _give(self, when: datetime, number: str) -> None:
        with self._desk(when) as ongoing:
            for issue in self._issues(ongoing, number):
                hand_over(ongoing, issue)

    def _visit(self, when: datetime, number: str) -> None:
        with self._desk(when) as ongoing:
            issue = self._dice.choice(self._issues(ongoing, number))
        count_visit(self._bureau.db, issue, when)

    def _ask_for(self, when: datetime, number: str) -> None:
        with self._desk(when) as ongoing:
            case = require_case(self._bureau.db, number)
            request_materials(ongoing, case, WORDS["materials"])
            receive_material(ongoing, case, WORDS["materials"][0], beijing_day(when))

    def _issues(self, ongoing: Change, number: str) -> list[Record]:
        case = require_case(self._bureau.db, number)
        parties = parties_of(self._bureau.db, case["id"])
        return [live_issue(self._bureau, ongoing, party["id"]) for party in parties]

    def _desk(self, when: datetime) -> AbstractContextManager[Change]:
        return change(self._bureau.db, Actor("值班民警", "demo"), when)


def _steps(
    fate: str, criminal: bool, intake: datetime, dice: random.Random
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """The milestones of a fate, each with when it happens."""
    if fate in ("fresh", "overdue"):
        return
    if fate == "extended":
        extension = {"step": "filing", "extended_days": 30, "approved_by": "陈局长"}
        yield intake + timedelta(days=2), extension
        return
    decided = intake + (timedelta(days=dice.uniform(0.5, 3.4)) if criminal else timedelta(hours=2))
    refused = fate.startswith("refused")
    outcome = "refused" if refused else "filed"
    yield decided, {"step": "filing", "at": _written(decided), "outcome": outcome}
    if fate == "refused_served":
        served = decided + timedelta(days=1)
        yield served, {"step": "notice", "at": _written(served)}
    if fate == "closed" or (not refused and fate != "filed" and dice.random() < 0.5):
        closed = decided + timedelta(days=dice.uniform(3, 34))
        outcomes = ["移送审查起诉", "撤销案件"] if criminal else ["行政处罚决定", "调解结案"]
        yield closed, {"step": "closure", "at": _written(closed), "outcome": dice.choice(outcomes)}


def _fates(dice: random.Random) -> list[str]:
    fates = [fate for fate, share in _FATES.items() for _ in range(share)]
    dice.shuffle(fates)
    return fates


def _written(instant: datetime) -> str:
    return instant.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
