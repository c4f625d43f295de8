"""The outbox: which events tell whom, once, in the transaction of the event itself."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from lookup.beijing import utc_now, utc_text
from lookup.bureau import Bureau, open_bureau
from lookup.cases import require_case
from lookup.messages import announce, queue
from lookup.trail import change
from tests.public_cases import CLERK, days_ago, put
from tests.texting import PEOPLE, messages_of

FILED = {"step": "filing", "at": days_ago(1), "outcome": "filed"}
CLOSED = {"step": "closure", "at": days_ago(0)[:10], "outcome": "withdrawn"}


def queued(bureau: Bureau, number: str = "A1") -> list[tuple[str, str]]:
    return [(one["template"], one["step"]) for one in messages_of(bureau, number)]


def test_every_person_with_a_phone_is_told_of_each_step_as_it_is_shown(bureau: Bureau) -> None:
    people = [
        *PEOPLE,
        {"role": "victim", "name": "李四", "phone": "19900000002"},
        {"role": "guardian", "name": "王五"},
    ]
    put(bureau, "A1", days_ago(2), parties=people)
    put(bureau, "A1", days_ago(2), [FILED], parties=people)
    assert queued(bureau) == [("milestone", "intake")] * 2 + [("milestone", "filing")] * 2
    rows = messages_of(bureau, "A1")
    assert len({row["party_id"] for row in rows}) == 2
    assert {(row["state"], row["tries"], row["due_at"]) for row in rows} <= {
        ("waiting", 0, row["made_at"]) for row in rows
    }
    assert all(row["lapses_at"] > row["due_at"] for row in rows)
    # Neither number nor words lie in the queue.
    kept = repr(rows)
    assert not [one for one in ("1990000", "张三", "张某", "A1") if one in kept]


def test_what_comes_again_or_changes_nothing_shown_tells_nobody(bureau: Bureau) -> None:
    put(bureau, "A1", days_ago(3), [FILED], parties=PEOPLE)
    before = messages_of(bureau, "A1")
    for more in ({}, {"officer": "王丽"}, {"milestones": [FILED | {"outcome": "refused"}]}):
        told: dict[str, Any] = {"milestones": [FILED], "parties": PEOPLE, **more}
        put(bureau, "A1", days_ago(3), **told)
    assert messages_of(bureau, "A1") == before


def test_a_register_that_brings_several_steps_at_once_sends_one_text(bureau: Bureau) -> None:
    put(bureau, "A1", days_ago(3), [FILED, CLOSED], parties=PEOPLE)
    assert queued(bureau) == [("milestone", "closure")]
    put(bureau, "A2", days_ago(3), parties=PEOPLE)
    put(bureau, "A2", days_ago(3), [FILED, CLOSED], parties=PEOPLE)
    assert queued(bureau, "A2") == [("milestone", "intake"), ("milestone", "closure")]


@pytest.mark.parametrize(("days", "told"), [(15, True), (16, False)])
def test_what_happened_long_ago_is_no_news(bureau: Bureau, days: int, *, told: bool) -> None:
    put(bureau, "A1", days_ago(days), parties=PEOPLE)
    assert bool(queued(bureau)) == told


def test_nobody_is_told_of_a_withheld_case_or_of_a_first_load(bureau: Bureau) -> None:
    put(bureau, "A1", days_ago(2), parties=PEOPLE, withheld_reason="minor")
    put(bureau, "A1", days_ago(2), [FILED], parties=PEOPLE, withheld_reason="minor")
    assert queued(bureau) == []
    case = require_case(bureau.db, "A1")
    with change(bureau.db, CLERK) as ongoing:
        for template in ("question", "answered", "callback"):
            assert queue(ongoing, template, case["id"], "intake") == 0
    # To show it is no event: what happened meanwhile is told on the page.
    put(bureau, "A1", days_ago(2), [FILED], parties=PEOPLE, withheld_reason="")
    assert queued(bureau) == []


def test_a_text_goes_or_stays_with_the_change_it_tells_of(bureau: Bureau) -> None:
    with pytest.raises(RuntimeError), bureau.db.transaction():
        put(bureau, "A1", days_ago(2), parties=PEOPLE)
        assert queued(bureau) == [("milestone", "intake")]
        raise RuntimeError
    assert bureau.db.rows("SELECT id FROM message") == []
    put(bureau, "A1", days_ago(2), parties=PEOPLE)
    with bureau.db.rehearsal():
        put(bureau, "A1", days_ago(2), [FILED], parties=PEOPLE)
    assert queued(bureau) == [("milestone", "intake")]


def test_each_event_is_told_once_and_another_of_its_kind_again(bureau: Bureau) -> None:
    people = [*PEOPLE, {"role": "victim", "name": "李四", "phone": "19900000002"}]
    put(bureau, "A1", days_ago(40), parties=people)
    case = require_case(bureau.db, "A1")
    first = bureau.db.rows("SELECT MIN(id) AS id FROM party")[0]["id"]

    def tell(about: str, party: int = 0) -> int:
        own = open_bureau(bureau.config)
        with change(own.db, CLERK) as ongoing:
            made = queue(ongoing, "question", case["id"], "intake", about, party)
        own.db.close()
        return made

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(tell, ["one"] * 4)) == [0, 0, 0, 2]
    assert [tell("one"), tell("two", first), tell("two", first), tell("two")] == [0, 1, 0, 1]
    now = utc_now()
    with change(bureau.db, CLERK, now) as ongoing:
        announce(ongoing, case["id"], "filing", now.date() - timedelta(days=20), 15)
        assert [queue(ongoing, "answered", case["id"], party_id=first) for _ in range(2)] == [1, 0]
    assert len(queued(bureau)) == 5
    last = messages_of(bureau, "A1")[-1]
    assert (last["made_at"], last["step"], last["party_id"]) == (utc_text(now), "", first)
