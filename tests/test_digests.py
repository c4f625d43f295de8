"""The weekly digests: what they count, that they are made once, and that they never change."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from lookup.bureau import Bureau
from lookup.digests import digests_of, make_digests, open_digest
from lookup.errors import NotFound
from lookup.supervision_recount import faults
from tests.office import BUREAU, EAST, SISTER, STATION, WEST, at_work
from tests.public_cases import put, site_of
from tests.test_sending import at_once
from tests.test_supervision import FRIDAY, town

__all__ = ["town"]

# Beijing's Monday has just begun.
MONDAY = datetime(2026, 11, 22, 16, tzinfo=UTC)
DAY = timedelta(days=1)


def test_each_unit_is_told_of_its_week_with_all_below_it(town: Bureau) -> None:
    put(town, "A-old", "2026-10-09 09:00", now=FRIDAY)
    put(town, "A-hidden", "2026-11-16 09:00", now=FRIDAY, withheld_reason="minor")
    assert make_digests(town, MONDAY - timedelta(seconds=1)) == 6  # of the week before that one
    assert make_digests(town, MONDAY) == 6
    [station] = digests_of(town.db, STATION, 1)
    # Taken in: three that wait, one that was filed, one withheld; the bureau has WEST's too.
    week, quarter = station.figures["week"], station.figures["quarter"]
    assert (week.taken_in, week.withheld, week.milestones, week.on_time) == (5, {"minor": 1}, 5, 5)
    assert (week.clocks_kept, week.clocks_due, quarter.clocks_due) == (1, 2, 4)
    assert (quarter.taken_in, quarter.disclosure_rate) == (7, 0.0)
    assert station.numbers == {
        # Of those that ran out that week one is the withheld case's: it has to be decided too.
        "ran_out": Counter(clocks=2, callbacks=1, comments=2),
        "due": Counter(clocks=2, comments=1),
        "open": Counter(clocks=6, callbacks=1, comments=3),
        "overdue": Counter(clocks=4, callbacks=1, comments=2),
        "bad": Counter(ratings=1),
    }
    told = {unit: digests_of(town.db, unit, 1)[0] for unit in (BUREAU, EAST, SISTER, WEST)}
    assert [told[unit].figures["week"].taken_in for unit in told] == [6, 5, 0, 1]
    # A report of wrongdoing counts nowhere, not even where it is to be answered.
    assert [told[unit].numbers["open"]["comments"] for unit in told] == [3, 3, 0, 0]
    # What happens afterwards changes none, and making them again makes none.
    put(town, "A-more", "2026-11-19 09:00", now=MONDAY)
    assert [make_digests(town, MONDAY + 6 * DAY), digests_of(town.db, STATION, 1)] == [0, [station]]


def test_two_workers_make_them_once(bureau: Bureau) -> None:
    at_once(bureau, 3, lambda: make_digests(bureau, MONDAY))
    assert len(bureau.db.rows("SELECT * FROM digest")) == 6
    entries = bureau.db.rows("SELECT detail FROM trail_entry WHERE action = 'digests.made'")
    [told] = [json.loads(one["detail"]) for one in entries]
    assert (told["from"], told["to"], told["units"]) == ("2026-11-16", "2026-11-22", 6)
    # Each goes with the record until somebody alters it.
    assert (len(told["sealed"]), faults(bureau.db)) == (6, [])
    bureau.db.run("UPDATE digest SET data = data || ' ' WHERE unit = :unit", unit=WEST)
    bureau.db.run("DELETE FROM digest WHERE unit = :unit", unit=EAST)
    assert [one.en for one in faults(bureau.db)] == [
        f"The digest of unit {unit} for the week from 2026-11-16 is not what the record says."
        for unit in (EAST, WEST)
    ]


def test_they_are_shown_to_whoever_audits_the_unit(town: Bureau) -> None:
    make_digests(town, MONDAY)
    app, ids = site_of(town), {one: digests_of(town.db, one, 1)[0].id for one in (EAST, STATION)}
    chief = at_work(town, "supervisor", app=app)
    page = chief.get("/audit/digests/").text
    assert f"/audit/digests/{ids[STATION]}?" in page and "2026-11-16至2026-11-22" in page
    shown = chief.get(f"/audit/digests/{ids[STATION]}?lang=en").text
    assert "2026-11-16 to 2026-11-22" in shown and "Ran out that week" in shown
    for path in (f"{ids[EAST]}", f"?unit={EAST}", "9" * 30, "99999"):
        assert chief.get(f"/audit/digests/{path}").status_code == 404
    assert chief.post(f"/audit/digests/{ids[STATION]}").status_code == 405
    for role, status in (("auditor", 200), ("desk_officer", 403), ("administrator", 403)):
        other = at_work(town, role, app=app)
        assert other.get("/audit/digests/").status_code == status
        assert other.get(f"/audit/digests/{ids[STATION]}").status_code == status
    assert "was altered since" not in shown
    for data in ("REPLACE(data, '2', '3')", "''"):
        town.db.run(f"UPDATE digest SET data = {data}")
        assert "was altered since" in chief.get(f"/audit/digests/{ids[STATION]}").text
    with pytest.raises(NotFound):
        open_digest(town.db, WEST, ids[STATION])
