"""From any figure to its cases: what they add up to is the figure in the table."""

import random
from dataclasses import replace
from datetime import date, datetime

import pytest

from lookup.bureau import Bureau
from lookup.config import ROOT
from lookup.drill import AMISS, CHOICES, HEARD, PAGE, Case, Drill, Page, cases_behind
from lookup.errors import NotFound, Refused
from lookup.exports import HEADS
from lookup.language import Text
from lookup.levels import POINTS
from lookup.rates import GROUPINGS, Question, rates
from lookup.trail import change
from lookup.vocabulary import WITHHELD_REASONS
from tests.public_cases import CLERK
from tests.test_rates import BRANCH, BUREAU, FAR, STATION, Station, at, play

AUTUMN = Question(date(2026, 9, 1), date(2026, 12, 31), unit=BUREAU)
# Every figure of a sheet; the share of a level is reached by the level.
FIGURES = ["withheld", *(name for name in HEADS if not name.startswith("level_share"))]


@pytest.fixture
def station(bureau: Bureau) -> Station:
    return Station(bureau)


def pages(bureau: Bureau, drill: Drill, now: datetime) -> list[Page]:
    """All pages of a list, each begun where the one before ended."""
    found = [cases_behind(bureau, drill, None, now)]
    while after := found[-1].after:
        found.append(cases_behind(bureau, drill, after, now))
    return found


def added(drill: Drill, cases: list[Case]) -> int:
    """What the cases of a list add up to."""
    part, whole = sum(case.part for case in cases), sum(case.whole for case in cases)
    return {"part": part, "whole": whole, "rest": whole - part}[drill.choice]


def read(bureau: Bureau, drill: Drill, now: datetime) -> list[Case]:
    """The cases of a list, none twice, which add up to the number above it."""
    told = pages(bureau, drill, now)
    cases = [case for page in told for case in page.cases]
    assert added(drill, cases) == drill.number(told[0].of.figures), drill
    assert len({case.case["number"] for case in cases}) == len(cases)
    keys = [(case.case["day"], case.case["case_id"]) for case in cases]
    assert keys == sorted(keys, reverse=True)
    assert all(len(page.cases) == PAGE for page in told[:-1])
    return cases


def be_heard(station: Station) -> None:
    """What the dice throw rarely."""
    filed = {"step": "filing", "at": "2026-10-22", "outcome": "filed", "extended_days": "7"}
    station.put(at("2026-10-23"), "B1", milestones=[filed | {"approved_by": "赵局长"}])
    station.put(at("2026-10-20"), "C1", backlog=True, officer="", badge="")
    station.inspect("B1", at("2026-10-23"), 0)
    station.inspect("B2", at("2026-10-23"), 1)
    for level in POINTS:
        station.rate(f"B{level}", at("2026-10-23 10:00"), level)
    station.call("B1", at("2026-10-23 11:00"), "reached")
    station.close("B1", at("2026-10-23 12:00"), "explained")
    station.rate("B1", at("2026-10-23 13:00"), 5)
    for number in ("B3", "B4"):
        station.comment(number, at("2026-10-23 10:00"), "inquiry")
    station.answer("B3", at("2026-10-23 11:00"))


def test_the_cases_behind_every_figure_add_up_to_it(station: Station) -> None:
    bureau, dice = station.bureau, random.Random(7)
    with bureau.db.transaction():
        for n in range(6):
            play(station, dice, f"A{n}")
        for n in range(45):
            station.put(at("2026-10-20"), f"B{n}", unit=STATION if n % 2 else FAR)
        be_heard(station)
    # While much has run out and much still runs.
    now = at("2026-11-25 12:00")
    met = set()
    for name in FIGURES:
        is_share = len({*Drill(AUTUMN, name).pair}) > 1
        for choice in CHOICES if is_share else CHOICES[:1]:
            if read(bureau, Drill(AUTUMN, name, choice), now):
                met.add(name)
    assert {*FIGURES} - met <= {f"withheld_{reason}" for reason in WITHHELD_REASONS}
    for by in GROUPINGS:
        question = replace(
            AUTUMN, by=by, first=date(2026, 9, 27), unit=dice.choice((BUREAU, BRANCH))
        )
        answer = rates(bureau, question, now)
        for row in answer.rows:
            for name in dice.sample(FIGURES, 12):
                drill = Drill(question, name, dice.choice(CHOICES), row.code, row.badge)
                cases = read(bureau, drill, now)
                assert drill.number(row.figures) == added(drill, cases), drill


def test_each_case_says_why_it_counts_or_does_not(station: Station) -> None:
    bureau = station.bureau
    late = [{"step": "filing", "at": "2026-10-30 10:00:00", "outcome": "filed"}]
    station.put(at("2026-10-12 10:00"), "A1")
    station.put(at("2026-11-20 10:00"), "A1", milestones=late)
    station.hand_over("A1", at("2026-10-12 11:00"))
    station.rate("A1", at("2026-10-12 12:00"), 4)
    station.put(at("2026-10-12 10:00"), "A2")
    station.request("A2", at("2026-10-13 10:00"))
    station.put(at("2026-10-12 10:00"), "A3", withheld_reason="minor")

    def told(figure: str, choice: str) -> dict[str, str]:
        page = cases_behind(bureau, Drill(AUTUMN, figure, choice), None, at("2026-11-21 12:00"))
        return {one.case["number"]: one.why.both() if one.why else "" for one in page.cases}

    assert told("disclosure_rate", "part") == {"A1": ""}
    assert told("disclosure_rate", "rest") == {
        "A2": "回执未送达；申请不予公开待批 / no receipt delivered; hidden by a request to withhold"
    }
    assert told("on_time_rate", "rest") == {
        "A1": "立案决定：最迟应于 2026-11-06 可查看，2026-11-20 才可查看 / "
        "Filing decision: to be seen by 2026-11-06, seen from 2026-11-20",
    }
    assert told("clocks_kept_rate", "rest") == {
        "A1": "立案决定：2026-10-15 到期，2026-10-30 作出 / "
        "Filing decision: due 2026-10-15, decided 2026-10-30",
        "A2": "立案决定：2026-10-15 到期，尚未作出 / Filing decision: due 2026-10-15, not decided",
    }
    assert told("satisfaction", "whole") == {"A1": ""}
    assert told("withheld", "part") == told("withheld_minor", "whole")
    assert told("withheld", "part") == {"A3": "未成年人 / Minor involved"}
    assert set(told("taken_in", "part")) == {"A1", "A2", "A3"}
    # A kind that the bureau has given up stands by its code.
    with change(bureau.db, CLERK) as ongoing:
        ongoing.db.run("UPDATE standing SET kind = 'lost' WHERE unit = :unit", unit=STATION)
    page = cases_behind(bureau, Drill(AUTUMN, "on_time_rate", "rest"), None, at("2026-11-21 12:00"))
    assert [one.kind for one in page.cases] == [Text("lost", "lost")]


def test_what_is_no_figure_choice_period_or_unit_is_refused(station: Station) -> None:
    now = at("2026-11-05 12:00")
    for figure, choice in (("name", "part"), ("due", "some"), ("level_6", "part"), ("", "part")):
        with pytest.raises(Refused):
            Drill(AUTUMN, figure, choice)
    with pytest.raises(NotFound):
        cases_behind(station.bureau, Drill(replace(AUTUMN, unit="9"), "due"), None, now)
    station.put(at("2026-10-20"), "A1")
    for by, label in (("unit", FAR), ("month", "2026-08"), ("month", "soon"), ("officer", "无")):
        drill = Drill(replace(AUTUMN, by=by), "due", "part", label)
        page = cases_behind(station.bureau, drill, None, now)
        assert (page.cases, page.after, drill.number(page.of.figures)) == ([], None, 0)
        assert page.of.label == Text(label, label)


def test_the_few_cases_that_are_sought_have_indexes_of_just_their_conditions() -> None:
    schema = (ROOT / "lookup/schema/09_figures_kept_ready.sql").read_text("utf-8")
    for condition in (AMISS, HEARD):
        assert " ".join(condition.split()).strip("()") in " ".join(schema.split())
