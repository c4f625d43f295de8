"""What the auditor of the demonstration has done."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import cycle

from lookup.beijing import beijing_day
from lookup.bulletins import approve, draft, find, publish
from lookup.bureau import Bureau
from lookup.demo_voices import WORDS, Plan
from lookup.inspections import check, draw, put_right
from lookup.periods import quarter_of
from lookup.records import CaseRefused
from lookup.staff import Staff
from lookup.trail import Change, change


def inspect(bureau: Bureau, plan: Plan, auditor: Staff, chief: Staff, now: datetime) -> None:
    """The last quarter is inspected: most cases checked, one finding put right, others open."""

    def act(when: datetime, who: Staff, do: Callable[[Change], object]) -> None:
        # There may be nothing to draw, and nobody checks his own cases.
        with suppress(CaseRefused), change(bureau.db, who.actor, when) as ongoing:
            do(ongoing)

    def begin(when: datetime) -> None:
        period, unit = quarter_of(beijing_day(when)).before(), auditor.unit
        with suppress(CaseRefused):
            draw(bureau, auditor, unit, period, 2, "清风", when)

    def go_through(when: datetime) -> None:
        drawn = bureau.db.rows("SELECT id FROM inspected_case ORDER BY id")
        for row, told in zip(drawn[:-1], cycle(WORDS["checks"]), strict=False):
            do = partial(check, bureau, staff=auditor, inspected_id=row["id"], **told)
            act(when, auditor, do)

    def mend(when: datetime) -> None:
        for row in bureau.db.rows("SELECT inspected_id, item FROM finding ORDER BY id LIMIT 1"):
            act(when, chief, partial(put_right, staff=chief, **row, remedy=WORDS["mended"]))

    plan(now - timedelta(days=12), begin)
    plan(now - timedelta(days=9), go_through)
    plan(now - timedelta(days=3), mend)


def tell_all(bureau: Bureau, auditor: Staff, chief: Staff, now: datetime) -> None:
    """The bulletin of the last quarter is published."""
    told = {"foreword": WORDS["foreword"], "changed": ""}
    made = draft(bureau, auditor, quarter_of(beijing_day(now)).before().code, told, now)
    for who, act in ((chief, approve), (auditor, publish)):
        act(bureau, who, made, find(bureau.db, who, made)["seal"], now)
