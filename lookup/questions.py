"""What people are asked the day after: all of them by text, a share of those closed by phone."""

import hmac
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.callbacks import open_sample
from lookup.database import Database, Record
from lookup.messages import queue
from lookup.records import INTAKE
from lookup.stages import codes_of
from lookup.trail import Actor, Change, change

_WORKER = Actor("flask work", "worker")
# Milestones a transaction.
_PAGE = 500
# ``callee`` is the first party whose number nobody said to be wrong.
_SHOWN = """SELECT milestone.*, cases.number, cases.kind, cases.unit AS handled_by,
    (SELECT MIN(id) FROM party WHERE case_id = cases.id AND phone_found <> ''
        AND NOT EXISTS (SELECT 1 FROM stopped_number
            WHERE stopped_number.phone_found = party.phone_found AND why = 'wrong')) AS callee,
    EXISTS (SELECT 1 FROM message WHERE message.case_id = cases.id AND template = 'question'
        AND message.step = milestone.step AND made_at >= milestone.entered_at) AS asked
FROM milestone JOIN cases ON cases.id = milestone.case_id
WHERE milestone.id > :last AND visible_day BETWEEN :since AND :yesterday AND backlog = 0
ORDER BY milestone.id LIMIT :page"""
_LEVELS = """WITH RECURSIVE level (code, depth) AS (
    SELECT code, 0 FROM unit WHERE parent IS NULL
    UNION ALL SELECT unit.code, depth + 1 FROM unit JOIN level ON unit.parent = level.code
) SELECT * FROM level"""


def daily(bureau: Bureau, now: datetime) -> dict[str, int]:
    """Ask about what was shown before today, and draw who is called; how many texts were queued
    (``asked``) and call-backs opened (``drawn``).

    Each intake and each end of a case, also that after a reopening, is asked about once, and while
    it is news: done again, or late, this asks nobody twice.
    """
    percents, done = _percents(bureau), Counter(asked=0, drawn=0)
    for page in _pages(bureau, beijing_day(now)):
        with change(bureau.db, _WORKER, now) as ongoing:
            _lock(ongoing.db, page)
            for one in page:
                done["asked"] += 0 if one["asked"] else _ask(ongoing, one)
                if one["step"] != INTAKE:
                    done["drawn"] += _draw(bureau, ongoing, one, percents[one["handled_by"]])
    return dict(done)


def drawn(bureau: Bureau, number: str, entered_at: str, percent: int) -> bool:
    """Whether the end of a case, entered at an instant, is among so many of a hundred.

    Decided by nobody: under the same SECRET_KEYS the same draw comes out again.
    """
    told = f"{number} {entered_at}".encode()
    lot = hmac.digest(bureau.config.keys("draw")[0], told, "sha256")[:8]
    return int.from_bytes(lot) * 100 < percent << 64


def _pages(bureau: Bureau, today: date) -> Iterator[list[Record]]:
    """The intakes and ends of cases that were shown of late, and were news then."""
    codes, days = codes_of(bureau.kinds), bureau.service.texts.fresh_days
    ends, last = {*codes["refused"], *codes["ended"]}, 0
    while rows := bureau.db.rows(
        _SHOWN,
        last=last,
        since=(today - timedelta(days=days)).isoformat(),
        yesterday=(today - timedelta(days=1)).isoformat(),
        page=_PAGE,
    ):
        yield [
            one
            for one in rows
            if one["step"] == INTAKE or f"{one['kind']}.{one['step']}.{one['outcome']}" in ends
            if _delay(one).days <= days
        ]
        last = rows[-1]["id"]


def _delay(milestone: Record) -> timedelta:
    shown, happened = (milestone[f"{what}_day"] for what in ("visible", "happened"))
    return date.fromisoformat(shown) - date.fromisoformat(happened)


def _lock(db: Database, page: list[Record]) -> None:
    """Take the cases in the order in which registers take them, so that no two wait for each
    other."""
    ids = ", ".join(str(one["case_id"]) for one in page) or "NULL"
    db.rows(f"SELECT id FROM cases WHERE id IN ({ids}) ORDER BY number_key{db.for_update}")


def _percents(bureau: Bureau) -> Mapping[str, int]:
    """The share to be called of each unit's cases, by its level in the tree."""
    shares = bureau.service.callbacks.sample_percent or (0,)
    rows = bureau.db.rows(_LEVELS)
    return {row["code"]: shares[min(row["depth"], len(shares) - 1)] for row in rows}


def _ask(ongoing: Change, about: Record) -> int:
    return queue(ongoing, "question", about["case_id"], about["step"], about["entered_at"])


def _draw(bureau: Bureau, ongoing: Change, end: Record, percent: int) -> bool:
    return bool(
        end["callee"]
        and drawn(bureau, end["number"], end["entered_at"], percent)
        and open_sample(bureau, ongoing, end["case_id"], end["callee"], end["step"])
    )
