"""Finding cases among a great many, against reading any fifty rows of the same table."""

import secrets
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from itertools import islice
from pathlib import Path

from benchmarks.measure import report, rounds, seconds
from lookup.beijing import beijing_day, utc_now
from lookup.bureau import Bureau, open_bureau
from lookup.config import Config
from lookup.database import Record
from lookup.docket import PAGE, Key, Question, find_cases
from lookup.migrations import migrate
from lookup.staff import Staff
from lookup.trail import Actor, change
from lookup.units import UnitRecord, put_units

_CASES = 100_000
_DAYS = 4 * 365
_TOP = "5101000000"
_STATIONS = 60
_CRIMES = ("被盗窃案", "被诈骗案", "被抢夺案", "故意毁坏财物案", "电信网络诈骗案")
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_BARE = "bare SELECT … LIMIT 50"
_NEWEST = "FROM cases ORDER BY intake_day DESC, id DESC"
_FAR = (100, 1000)
_TABLES = ("cases", "milestone", "clock", "party", "issue")


def finding(folder: Path) -> None:
    """Seconds a page of each kind of list takes, over a hundred thousand cases."""
    bureau = open_bureau(Config(f"sqlite:///{folder / 'finding.db'}", (secrets.token_hex(32),)))
    now = utc_now()
    build(bureau, _CASES, beijing_day(now))
    chief = Staff(1, "chief", "周局", "", "supervisor", _TOP, "", False)
    officer = Staff(2, "officer", "李警官7", "051007", "desk_officer", _station(7), "", False)
    lists = {
        "an officer's own open cases": (officer, Question(mine=True, stage="open")),
        "her station's, by what is due": (officer, Question(due="next")),
        "the newest of all units": (chief, Question()),
        "overdue, all units": (chief, Question(due="overdue")),
        "part of a number": (chief, Question(text="04321")),
        "a rare part of a name": (chief, Question(text="某4321号")),
        "part of a name, found nowhere": (chief, Question(text="找不到")),
        "a phone": (chief, Question(text=_phone(4321))),
        **{f"page {n:,}, by key": (chief, Question(after=_end_of(bureau, n - 1))) for n in _FAR},
    }
    bare = {_BARE: 0} | {f"bare SELECT, page {n:,} by OFFSET": (n - 1) * PAGE for n in _FAR}
    contenders = {
        name: partial(_seconds, bureau.db.rows, f"SELECT * {_NEWEST} LIMIT {PAGE} OFFSET {rows}")
        for name, rows in bare.items()
    } | {
        name: partial(_seconds, find_cases, bureau, staff, question, now)
        for name, (staff, question) in lists.items()
    }
    report(f"Finding, {_CASES:,} cases", "seconds a page", rounds(contenders, 7), _BARE)
    bureau.db.close()


def _end_of(bureau: Bureau, page: int) -> Key:
    """The key of the last case of a page."""
    last = bureau.db.rows(f"SELECT * {_NEWEST} LIMIT 1 OFFSET {page * PAGE - 1}")[0]
    return last["intake_day"], last["id"]


def _seconds(act: Callable[..., object], *args: object) -> float:
    return seconds(lambda: act(*args))


def build(bureau: Bureau, cases: int, today: date) -> None:
    """Insert so many invented cases of four years, most of them ended, straight into the tables."""
    migrate(bureau.db)
    with change(bureau.db, Actor("bench", "command")) as ongoing:
        put_units(ongoing, _units())
        made = (_case(bureau, n, today) for n in range(1, cases + 1))
        while some := list(islice(made, 5000)):
            for table in _TABLES:
                rows = [row for one in some for row in one[table]]
                columns = list(rows[0])
                values = ", ".join(f":{column}" for column in columns)
                bureau.db.run_many(
                    f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})", rows
                )


def _units() -> Iterator[UnitRecord]:
    yield UnitRecord(0, _TOP, "蓉江市公安局", "", "", "")
    for n in range(_STATIONS):
        yield UnitRecord(0, _station(n), f"第{n + 1}派出所", _TOP, "", "")


def _station(n: int) -> str:
    return f"51010401{n:02d}"


def _case(bureau: Bureau, n: int, today: date) -> dict[str, list[Record]]:
    taken_in = today - timedelta(n * 7919 % _DAYS)
    kind = ("criminal", "administrative")[n % 2]
    station, officer = n % _STATIONS, n % (_STATIONS * 5)
    surname = _SURNAMES[n % 20]
    case = {
        "id": n,
        "number": f"A{_station(station)}{taken_in:%Y%m}{n:06d}",
        "number_key": f"A{_station(station)}{taken_in:%Y%m}{n:06d}",
        "kind": kind,
        "unit": _station(station),
        "name": f"{surname}某{n % 9973}号{_CRIMES[n % 5]}",
        "officer": f"{_SURNAMES[officer % 20]}警官{officer}",
        "badge": f"0{51000 + officer}",
        "channel": "110",
        "intake_day": taken_in.isoformat(),
        "intake_at": f"{taken_in}T01:30:00Z",
        "remark": "",
        "known_as_of": "",
        "by_hand": "[]",
        "created_at": f"{taken_in}T01:30:00Z",
        "changed_at": f"{taken_in}T01:30:00Z",
        "version": 1,
    }
    return {"cases": [case]} | _course(case, n, taken_in, today) | _person(bureau, n, taken_in)


def _course(case: Record, n: int, taken_in: date, today: date) -> dict[str, list[Record]]:
    """Filed after a day or not yet; closed after a month or, one in fifty, never."""
    filed = taken_in + timedelta(1) if n % 100 and taken_in < today else None
    closed = taken_in + timedelta(30) if n % 50 and filed else None
    steps = [
        ("intake", "", taken_in),
        ("filing", "filed", filed),
        ("closure", "terminated", closed),
    ]
    came = [one for one in steps if one[2] and one[2] <= today]
    days = {step: day.isoformat() for step, _, day in came if day}
    allowed = {"filing": 3} if case["kind"] == "criminal" else {"filing": 0, "closure": 30}
    return {
        "milestone": [
            {
                "case_id": n,
                "step": step,
                "outcome": outcome,
                "happened_day": day,
                "entered_at": case["created_at"],
                "visible_by": day,
                "backlog": 0,
                "via": "bench",
                **{name: case[name] for name in ("unit", "officer", "badge")},
            }
            for step, outcome, day in came
        ],
        "clock": [
            {
                "case_id": n,
                "step": step,
                "start_day": days["intake"],
                "days": total,
                "due_day": (taken_in + timedelta(total)).isoformat(),
                "provisional": 0,
                "extended": 0,
                "decided_day": days.get(step),
                "is_decision": 1,
            }
            for step, total in allowed.items()
        ],
    }


def _person(bureau: Bureau, n: int, taken_in: date) -> dict[str, list[Record]]:
    party = {
        "id": n,
        "case_id": n,
        "role": "complainant",
        "name_sealed": "",
        "name_found": bureau.seals.fingerprint(f"报案人{n}"),
        "phone_sealed": "",
        "phone_found": bureau.seals.fingerprint(_phone(n)),
        "id_last4_sealed": "",
    }
    issue = {
        "token_id": f"bench{n}",
        "party_id": n,
        "case_id": n,
        "ordinal": 1,
        "code_sealed": "",
        "match_word": "",
        "issued_at": f"{taken_in}T01:30:00Z",
        "issued_by": "",
        "revoked_by": "",
        "revoked_for": "",
        "handed_over_at": f"{taken_in}T01:30:00Z" if n % 10 else None,
        "handed_over_by": "",
    }
    return {"party": [party], "issue": [issue]}


def _phone(n: int) -> str:
    return f"139{n:08d}"
