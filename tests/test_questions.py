"""Who is asked the day after, by text and by phone: once, while it is news, and drawn by nobody."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from lookup.beijing import start_of_day
from lookup.bureau import Bureau, open_bureau
from lookup.casefile import last_seen, record_milestone, take_case
from lookup.corrections import take_back
from lookup.questions import daily, drawn
from lookup.stops import stop_number
from lookup.trail import change
from lookup.units import UnitRecord, put_units
from tests.office import BUREAU, EAST, hire
from tests.public_cases import CLERK, STATION, put
from tests.texting import PEOPLE, PHONE, messages_of

# A Friday.
TODAY = start_of_day(date(2026, 11, 20)) + timedelta(hours=10)


def ago(days: int) -> datetime:
    return TODAY - timedelta(days=days)


def at(days: int) -> str:
    return ago(days).strftime("%Y-%m-%d %H:%M")


def take_in(bureau: Bureau, number: str, days: int, *steps: str, **more: Any) -> None:
    """A case that was taken in, and moved on, some days before today."""
    told = [dict(zip(("step", "outcome"), step.split(), strict=True)) for step in steps]
    put(
        bureau,
        number,
        at(days),
        [one | {"at": at(days)} for one in told],
        now=ago(days),
        **{"parties": PEOPLE} | more,
    )


def asked(bureau: Bureau, number: str) -> list[tuple[str, str]]:
    rows = [one for one in messages_of(bureau, number) if one["template"] == "question"]
    return [(one["step"], one["made_at"][:10]) for one in rows]


def called(bureau: Bureau) -> dict[str, str]:
    """The units of those who were drawn, by the number of the case."""
    rows = bureau.db.rows(
        """SELECT number, callback.unit FROM callback JOIN cases ON cases.id = case_id
        WHERE cause = 'sample' ORDER BY callback.id"""
    )
    return {row["number"]: row["unit"] for row in rows}


def sampling(bureau: Bureau, *percents: int) -> Bureau:
    callbacks = replace(bureau.service.callbacks, sample_percent=percents)
    return replace(bureau, service=replace(bureau.service, callbacks=callbacks))


def test_intake_and_end_are_asked_about_once_from_the_day_after(bureau: Bureau) -> None:
    none = sampling(bureau, 0)
    people = [*PEOPLE, {"role": "victim", "name": "李四", "phone": "19900000002"}]
    silent = [{"role": "complainant", "name": "王五"}]
    ended = ("filing filed", "closure prosecution")
    take_in(bureau, "NEW", 0)
    take_in(bureau, "TWO", 1, parties=people)
    take_in(bureau, "CLOSED", 2, *ended)
    take_in(bureau, "REFUSED", 3, "filing refused")
    take_in(bureau, "FILED", 16, "filing filed")
    take_in(bureau, "OLD", 17, *ended)
    take_in(bureau, "SILENT", 1, parties=silent)
    take_in(bureau, "HIDDEN", 1, withheld_reason="minor")
    # What was no news when it was shown is none now; nor is a first load.
    put(bureau, "LATE", at(40), now=ago(1), parties=PEOPLE)
    take_in(bureau, "LOADED", 1)
    bureau.db.run("UPDATE milestone SET backlog = 1 WHERE case_id = (SELECT MAX(id) FROM cases)")
    assert daily(none, ago(1)) == {"asked": 5, "drawn": 0}
    for now in (TODAY, TODAY, TODAY + timedelta(hours=9)):
        daily(none, now)
    today, before = "2026-11-20", "2026-11-19"
    numbers = ("NEW", "OLD", "SILENT", "HIDDEN", "LATE", "LOADED")
    assert not [number for number in numbers if asked(bureau, number)]
    assert asked(bureau, "TWO") == [("intake", today)] * 2
    assert asked(bureau, "CLOSED") == [("intake", before), ("closure", before)]
    assert asked(bureau, "REFUSED") == [("intake", before), ("filing", before)]
    assert asked(bureau, "FILED") == [("intake", before)]
    # A worker that was off for a weekend asks on the first day it is there.
    assert daily(none, TODAY + timedelta(days=3)) == {"asked": 1, "drawn": 0}
    assert asked(bureau, "NEW") == [("intake", "2026-11-23")]


def test_after_a_reopening_it_is_asked_anew(bureau: Bureau) -> None:
    none, chief = sampling(bureau, 0), hire(bureau, "chief", "supervisor")
    take_in(bureau, "A1", 9, "filing filed")

    def close(day: int) -> None:
        told = {"step": "closure", "outcome": "withdrawn", "at": at(day)}
        with change(bureau.db, chief.actor, ago(day)) as ongoing:
            record_milestone(bureau, ongoing, chief, "A1", told)

    close(5)
    daily(none, ago(4))
    with change(bureau.db, chief.actor, ago(3)) as ongoing:
        kept = take_case(ongoing, chief, "A1", last_seen(bureau.db, "A1"))
        take_back(bureau, ongoing, kept, {"step": "closure", "why": "录错了"})
    assert daily(none, ago(2))["asked"] == 0
    close(2)
    assert [daily(none, ago(day))["asked"] for day in (2, 1, 0)] == [0, 1, 0]
    steps = [("intake", "2026-11-16"), ("closure", "2026-11-16"), ("closure", "2026-11-19")]
    assert asked(bureau, "A1") == steps


def test_ends_are_drawn_by_the_level_of_their_unit_and_the_draw_can_be_repeated(
    bureau: Bureau, with_keys: Callable[..., Bureau]
) -> None:
    below = UnitRecord(8, "5101040111", "锦江路警务室", STATION, "", "")
    with change(bureau.db, CLERK) as ongoing:
        put_units(ongoing, [below])
    levels = {"TOP": BUREAU, "BRANCH": EAST, "STATION": STATION, "BELOW": below.code}
    for number, unit in levels.items():
        take_in(bureau, number, 2, "filing refused", unit=unit)
    take_in(bureau, "OPEN", 2, "filing filed")
    assert daily(sampling(bureau), TODAY)["drawn"] == 0
    assert daily(sampling(bureau, 0, 0), TODAY)["drawn"] == 0
    assert daily(sampling(bureau, 0, 100, 0), TODAY)["drawn"] == 1
    assert called(bureau) == {"BRANCH": EAST}
    assert daily(sampling(bureau, 100, 100, 0), TODAY)["drawn"] == 1
    # Deeper than the list goes, the last share holds.
    assert daily(sampling(bureau, 0, 0, 100), TODAY)["drawn"] == 2
    assert called(bureau) == levels
    assert daily(sampling(bureau, 100), TODAY)["drawn"] == 0
    # Which of a thousand are drawn follows from key, number and instant alone.
    fixed = with_keys("a-key-of-a-bureau-0123456789abcdef")
    numbers = [f"A{number}" for number in range(1000)]

    def lot(of: Bureau, when: str, percent: int = 5) -> list[str]:
        return [number for number in numbers if drawn(of, number, when, percent)]

    first = lot(fixed, "2026-11-18T02:00:00Z")
    assert 30 < len(first) < 70
    newer = with_keys("a-key-of-a-bureau-0123456789abcdef", "another-key-0123456789abcdef-0123")
    assert lot(newer, "2026-11-18T02:00:00Z") == first
    assert set(first) < set(lot(fixed, "2026-11-18T02:00:00Z", 50))
    others = (lot(bureau, "2026-11-18T02:00:00Z"), lot(fixed, "2026-11-18T02:00:01Z"))
    assert all(set(other) != set(first) for other in others)
    assert (lot(fixed, "", 0), lot(fixed, "", 100)) == ([], numbers)


def test_the_first_person_is_called_whose_number_is_not_known_to_be_wrong(bureau: Bureau) -> None:
    people = [
        {"role": "guardian", "name": "赵六"},
        *PEOPLE,
        {"role": "victim", "name": "李四", "phone": "19900000002"},
        {"role": "victim", "name": "钱七", "phone": "19900000003"},
    ]
    take_in(bureau, "A1", 1, "filing refused", parties=people)
    take_in(bureau, "A2", 1, "filing refused")
    with change(bureau.db, CLERK) as ongoing:
        stop_number(bureau, ongoing, PHONE, "wrong")
        stop_number(bureau, ongoing, "19900000002", "stop")
    assert daily(sampling(bureau, 100), TODAY)["drawn"] == 1
    [row] = bureau.db.rows(
        "SELECT phone_sealed FROM callback JOIN party ON party.id = callback.party_id"
    )
    assert bureau.seals.open(row["phone_sealed"]) == "19900000002"


def test_two_workers_at_once_ask_and_draw_once(bureau: Bureau) -> None:
    for number in range(8):
        take_in(bureau, f"A{number}", 1, "filing refused")

    def work(_: int) -> dict[str, int]:
        own = sampling(open_bureau(bureau.config), 100)
        done = daily(own, TODAY)
        own.db.close()
        return done

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(work, range(4)))
    assert sum(one["asked"] for one in done) == 16
    assert sum(one["drawn"] for one in done) == 8
    assert len(called(bureau)) == 8
