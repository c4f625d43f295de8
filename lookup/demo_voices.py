"""What the people of the demonstration say, and what its staff make of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from itertools import cycle
from pathlib import Path
from secrets import token_hex
from typing import Any

from lookup import counters
from lookup.beijing import beijing_day, utc_text
from lookup.bureau import Bureau
from lookup.callbacks import attempt, close, is_own_work, reach_task
from lookup.cases import require_case
from lookup.comments import answer, comment, note
from lookup.database import Database, Record
from lookup.feedback import rate
from lookup.issues import live_issue
from lookup.levels import BAD
from lookup.library import put_ready
from lookup.parties import parties_of
from lookup.sending import tidy
from lookup.staff import Staff
from lookup.tally import refresh
from lookup.toml_tables import read_toml
from lookup.trail import Actor, Change, change

WORDS: dict[str, Any] = read_toml(Path(__file__).with_name("demo.toml"))
# What became of the last texts: with a gateway, for there is none.
_SENT = (("delivered", ""), ("delivered", ""), ("failed", "undelivered"), ("unknown", "broken_off"))
_PARTY = Actor("报案人", "web")

Plan = Callable[[datetime, Callable[[datetime], None]], None]


class Voices:
    """Ratings and comments of cases. What follows from one is planned as it happens."""

    def __init__(self, bureau: Bureau, plan: Plan, caller: Staff, chief: Staff) -> None:
        self._bureau, self._plan = bureau, plan
        self._caller, self._chief = caller, chief
        self._levels, self._calls, self._comments = (
            cycle(WORDS[name]) for name in ("levels", "calls", "comments")
        )

    def rate(self, when: datetime, number: str, level: str = "") -> None:
        """The first party rates the intake; whoever is not satisfied is called back."""
        level = level or next(self._levels)
        with change(self._bureau.db, _PARTY, when) as ongoing:
            issue = _issue(self._bureau, ongoing, number)
            rate(self._bureau, ongoing, issue, "intake", level, [], token_hex(8))
        if int(level) in BAD and "reached" in (call := next(self._calls)):
            self._plan(when + timedelta(days=3), lambda at: self._call(at, number, call))

    def comment(self, when: datetime, number: str) -> None:
        """The first party writes something, which is answered or not."""
        said, db = next(self._comments), self._bureau.db
        with change(db, _PARTY, when) as ongoing:
            issue = _issue(self._bureau, ongoing, number)
            comment(self._bureau, ongoing, issue, said["said"], token_hex(8), said["category"])
        if "answer" in said:
            [made] = db.rows("SELECT MAX(id) AS id FROM comment")
            at = when + timedelta(days=said["after"])
            self._plan(at, lambda at: self._answer(at, made["id"], said))

    def _answer(self, when: datetime, comment_id: int, said: Record) -> None:
        db = self._bureau.db
        [case] = db.rows(
            """SELECT officer, badge FROM cases
            WHERE id = (SELECT case_id FROM comment WHERE comment.id = :id)""",
            id=comment_id,
        )
        who = self._caller if is_own_work(self._chief, **case) else self._chief
        with change(db, who.actor, when) as ongoing:
            if "note" in said:
                note(self._bureau, ongoing, who, comment_id, said["note"])
            answer(self._bureau, ongoing, who, comment_id, said["answer"])

    def _call(self, when: datetime, number: str, call: Record) -> None:
        bureau, db = self._bureau, self._bureau.db
        [found] = db.rows(
            """SELECT callback.id FROM callback JOIN cases ON cases.id = case_id
            WHERE number = :number AND closed_at IS NULL""",
            number=number,
        )
        task = reach_task(db, self._caller.unit, found["id"])
        own = is_own_work(self._caller, task["officer"], task["badge"])
        who = self._chief if own else self._caller
        with change(db, who.actor, when) as ongoing:
            attempt(bureau, ongoing, who, task["id"], call["reached"], "", 0)
            if "result" in call:
                close(bureau, ongoing, who, task["id"], call)
        if "again" in call:
            at = when + timedelta(days=1)
            self._plan(at, lambda at: self.rate(at, number, call["again"]))


def prepare(bureau: Bureau, plan: Plan, chief: Staff, desk: Staff, now: datetime) -> None:
    """Ready answers, and counters at the unit of ``desk`` with ratings until ``now``."""
    names: list[str] = WORDS["counters"]
    with change(bureau.db, chief.actor, now - timedelta(days=30)) as ongoing:
        for told in WORDS["ready"]:
            put_ready(bureau, ongoing, chief, told)
        made = [counters.add(ongoing, chief.unit, desk.unit, name) for name in names]

    def begin(when: datetime) -> None:
        with change(bureau.db, desk.actor, when) as ongoing:
            for one in counters.counters_below(bureau.db, desk.unit):
                counters.set_duty(ongoing, one, desk, desk.login)

    plan(now - timedelta(hours=11), begin)
    for place, level in enumerate(WORDS["levels"]):
        ago = timedelta(minutes=5 + 8 * place**2)
        plan(now - ago, partial(_visit, bureau, made[place % len(made)], level))


def settle(db: Database, now: datetime) -> None:
    """One call-back is due today; old texts have lapsed, and a few went out as by a gateway."""
    with db.transaction():
        moved = db.rows(
            """UPDATE callback SET due_day = :today WHERE id = (SELECT MAX(id) FROM callback
                WHERE closed_at IS NULL AND due_day > :today) RETURNING case_id""",
            today=beijing_day(now).isoformat(),
        )
        refresh(db, [row["case_id"] for row in moved])
    tidy(db, now)
    last = db.rows(
        "SELECT id, made_at FROM message WHERE state = 'dropped' ORDER BY id DESC LIMIT 12"
    )
    for row, (state, reason) in zip(last, cycle(_SENT), strict=False):
        db.run(
            """UPDATE message SET state = :state, reason = :reason, tries = 1, sent_at = :at,
                sent_day = :day, settled_at = :at WHERE id = :id""",
            state=state,
            reason=reason,
            at=row["made_at"],
            day=row["made_at"][:10],
            id=row["id"],
        )


def _visit(bureau: Bureau, counter_id: int, level: str, when: datetime) -> None:
    [counter] = bureau.db.rows("SELECT * FROM counter WHERE id = :id", id=counter_id)
    officer = " ".join(counters.on_duty(counter, when))
    sent = counters.Rating(level, [], officer, token_hex(8))
    counters.rate(bureau, counter, sent, utc_text(when), when)


def _issue(bureau: Bureau, ongoing: Change, number: str) -> Record:
    case = require_case(bureau.db, number)
    return live_issue(bureau, ongoing, parties_of(bureau.db, case["id"])[0]["id"])
