"""The lists of the call-back desk, a page at a time, and what its closed call-backs add up to."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from lookup.bureau import Bureau
from lookup.callback_lists import LISTS, PAGE, count_tasks, heard_in, list_tasks, open_task
from lookup.recurring import Period, Problems, problems
from lookup.staff import Staff
from tests.office import BUREAU, EAST, STATION, WEST, at_work, hire
from tests.public_cases import put

TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)


class Desk:
    """A bureau with a case at each of some units, and the call-backs that are put there."""

    def __init__(self, bureau: Bureau) -> None:
        self.bureau = bureau
        self.issues = {
            unit: put(bureau, unit, "2026-10-12 09:00", unit=unit)
            for unit in (BUREAU, EAST, STATION, WEST)
        }
        self.made = 0

    def add(self, unit: str, due: str, rated: str = "", **more: object) -> int:
        """A call-back of a unit; where another one was ``rated``, it has gone up."""
        issue = self.issues[rated or unit]
        self.made += 1
        given = self.bureau.db.row(
            """INSERT INTO rating (case_id, party_id, step, level, tags, unit, officer, badge, via,
                form, rated_at, replaced_at)
            VALUES (:case_id, :party_id, :step, 2, '[]', :unit, '陈警官', '', 'web', :step, :at,
                :at)
            RETURNING id""",
            case_id=issue["case_id"],
            party_id=issue["party_id"],
            step=f"step{self.made}",
            unit=rated or unit,
            at="2026-11-02T01:00:00Z",
        )
        assert given
        told = {"problem": "", "result": "", "closed_day": None, "owner_id": None} | more
        row = self.bureau.db.row(
            """INSERT INTO callback (case_id, party_id, step, cause, rating_id, unit, owner_id,
                opened_at, opened_day, due_day, provisional, problem, result, closed_at, closed_day)
            VALUES (:case_id, :party_id, :step, 'rating', :rating, :unit, :owner_id,
                '2026-11-02T01:00:00Z', '2026-11-02', :due, 0, :problem, :result, :closed_at,
                :closed_day) RETURNING id""",
            case_id=issue["case_id"],
            party_id=issue["party_id"],
            step=f"step{self.made}",
            rating=given["id"],
            unit=unit,
            due=due,
            closed_at=f"{told['closed_day']}T09:00:00Z" if told["closed_day"] else None,
            **told,
        )
        assert row
        return int(row["id"])

    def closed(self, unit: str, day: str, problem: str, times: int = 1, rated: str = "") -> None:
        """Call-backs closed on a Beijing day."""
        for _ in range(times):
            self.add(unit, day, rated, closed_day=day, problem=problem, result="put_right")


@pytest.fixture
def desk(bureau: Bureau) -> Desk:
    return Desk(bureau)


def listed(desk: Desk, who: Staff, wanted: str) -> list[int]:
    rows, after = list_tasks(desk.bureau, who, wanted, TODAY)
    assert after is None
    return [row["id"] for row in rows]


def test_each_list_holds_what_is_within_reach_the_first_due_first(desk: Desk) -> None:
    who = hire(desk.bureau, "call", "callback_officer", EAST)
    other = hire(desk.bureau, "other", "callback_officer", EAST)
    late = desk.add(STATION, "2026-11-19", owner_id=other.id)
    mine = desk.add(EAST, "2026-11-20", rated=STATION, owner_id=who.id)
    free = desk.add(STATION, "2026-11-20")
    next_day = desk.add(STATION, "2026-11-21", owner_id=who.id)
    # It is Friday: what falls on Monday must be done before the weekend.
    monday = desk.add(STATION, "2026-11-23", owner_id=other.id)
    tuesday = desk.add(STATION, "2026-11-24", owner_id=other.id)
    first = desk.add(STATION, "2026-11-01", closed_day="2026-11-03", result="explained")
    last = desk.add(STATION, "2026-11-01", closed_day="2026-11-04", result="explained")
    for beyond in (BUREAU, WEST):
        desk.add(beyond, "2026-11-19")
    assert {one: listed(desk, who, one) for one in LISTS} == {
        "mine": [mine, next_day],
        "unassigned": [free],
        "today": [mine, free],
        "tomorrow": [mine, free, next_day, monday],
        "overdue": [late],
        "open": [late, mine, free, next_day, monday, tuesday],
        "closed": [last, first],
    }
    counts = count_tasks(desk.bureau, who, TODAY)
    assert counts == {one: len(listed(desk, who, one)) for one in LISTS[:-1]}
    rows, _ = list_tasks(desk.bureau, who, "overdue", TODAY)
    told = [
        rows[0][name] for name in ("number", "party", "owner", "level", "attempts", "unit_name")
    ]
    assert told == [STATION, "张*", "李明", 2, 0, "锦江路派出所"]
    # What the case file of the station shows of the one that went up.
    station = hire(desk.bureau, "station", "callback_officer", STATION)
    _, tasks = heard_in(desk.bureau, station, desk.issues[STATION]["case_id"])
    assert {one["id"]: bool(one["within"]) for one in tasks}[mine] is False
    task = open_task(desk.bureau, who, free, NOON)
    assert (task.row["phone"], len(task.ratings), task.earlier) == ("138****8000", 1, [])


def test_a_long_list_goes_on_where_its_page_ended(desk: Desk) -> None:
    who = hire(desk.bureau, "call", "callback_officer", BUREAU)
    days = [f"{TODAY + timedelta(days=n % 7)}" for n in range(PAGE + 7)]
    with desk.bureau.db.transaction():
        made = {desk.add(STATION, day) for day in days}
        for day in days:
            desk.add(STATION, "2026-11-01", closed_day=day, result="explained")
    for wanted in ("open", "closed"):
        first, after = list_tasks(desk.bureau, who, wanted, TODAY)
        assert (len(first), after is None) == (PAGE, False)
        rest, end = list_tasks(desk.bureau, who, wanted, TODAY, after)
        assert (len(rest), end) == (7, None)
        column = "due_day" if wanted == "open" else "closed_day"
        order = [(row[column], row["id"]) for row in first + rest]
        assert order == sorted(order, reverse=wanted == "closed")
        assert len({row["id"] for row in first + rest}) == len(made)
    browser = at_work(desk.bureau, "callback_officer", BUREAU)
    page = browser.get("/callbacks/?list=open").text
    beyond = re.search(r'href="(/callbacks/\?list=open&amp;after=[^"]+)"', page)
    assert beyond
    more = browser.get(beyond[1].replace("&amp;", "&")).text
    assert len(set(re.findall(r'href="(/callbacks/\d+)"', page + more))) == len(made)
    for odd in ("list=none", "list=open&after=x", "list=open&after=2026-11-20.x"):
        assert browser.get(f"/callbacks/?{odd}").status_code == 200


def counted(found: Problems) -> list[tuple[str, int, int]]:
    return [(one.code, one.n, one.before) for one in found.lines]


def _close_some(desk: Desk) -> None:
    for problem, times in {
        "slow": 5,
        "attitude": 3,
        "unclear": 2,
        "waiting": 1,
        "other": 1,
    }.items():
        desk.closed(STATION, "2026-09-01", problem, times)
    desk.closed(EAST, "2026-11-20", "slow", 2, rated=STATION)
    desk.closed(WEST, "2026-10-31", "slow", 1)
    desk.closed(STATION, "2026-10-02", "none", 2)
    desk.closed(STATION, "2026-10-02", "", 1)
    # What is later, between the periods, or before both.
    for day in ("2026-11-21", "2026-08-31", "2026-08-21", "2026-05-31"):
        desk.closed(STATION, day, "materials", 4)
    desk.closed(STATION, "2026-08-20", "attitude", 4)
    desk.closed(STATION, "2026-06-01", "property", 1)


def test_the_troubles_of_a_period_stand_with_their_share_and_how_they_move(desk: Desk) -> None:
    """Three months to 20 November; before: June to 20 August."""
    period = Period.of(3, TODAY, TODAY)
    with desk.bureau.db.transaction():
        _close_some(desk)
    found = problems(desk.bureau, BUREAU, period)
    assert counted(found) == [
        *(("slow", 8, 0), ("attitude", 3, 4), ("unclear", 2, 0)),
        *(("other", 1, 0), ("waiting", 1, 0), ("property", 0, 1)),
    ]
    assert (found.total, found.nothing, found.untold) == (15, 2, 1)
    assert [found.share(one.running) for one in found.lines] == [53, 73, 87, 93, 100, 100]
    assert found.said.zh == (
        "最多的4类问题是：“办理慢、超期”“态度不好”“解释不清”“其他”，共14件，占全部15件的93%。"
    )
    assert "14 of 15, 93 %" in found.said.en
    # The rated unit's matter, also where it has gone up; each unit reaches its own tree.
    by_unit = problems(desk.bureau, BUREAU, period, "unit", "slow")
    assert counted(by_unit) == [(STATION, 7, 0), (WEST, 1, 0)]
    assert [one.name.zh for one in by_unit.lines] == ["锦江路派出所", "青羊宫派出所"]
    assert problems(desk.bureau, EAST, period).total == 14
    assert problems(desk.bureau, WEST, period).said.zh == "问题只有1类：“办理慢、超期”，共1件。"
    assert problems(desk.bureau, WEST, Period.of(1, TODAY, TODAY)).said.en.startswith("No trouble")
    # August stands before September as a whole.
    by_month = problems(desk.bureau, STATION, period, "month")
    assert counted(by_month) == [("2026-09", 12, 12), ("2026-10", 0, 12), ("2026-11", 2, 0)]
    assert by_month.total == 14


@pytest.mark.parametrize(
    ("months", "month", "days"),
    [
        (1, "2026-11-03", ("2026-11-01", "2026-11-20", "2026-10-01", "2026-10-20")),
        (1, "2026-02-01", ("2026-02-01", "2026-02-28", "2026-01-01", "2026-01-31")),
        (3, "2026-05-31", ("2026-03-01", "2026-05-31", "2025-12-01", "2026-02-28")),
        (12, "2026-10-01", ("2025-11-01", "2026-10-31", "2024-11-01", "2025-10-31")),
        (1, "9999-12-01", ("2026-11-01", "2026-11-20", "2026-10-01", "2026-10-20")),
        (1, "0001-01-01", ("1949-10-01", "1949-10-31", "1949-09-01", "1949-09-30")),
    ],
)
def test_a_period_is_compared_with_as_much_time_before_it(
    months: int, month: str, days: tuple[str, ...]
) -> None:
    period = Period.of(months, date.fromisoformat(month), TODAY)
    found = (period.first, period.last, period.before.first, period.before.last)
    assert tuple(map(str, found)) == days


def test_the_page_of_troubles_answers_which_few_make_up_most(desk: Desk) -> None:
    desk.closed(STATION, "2026-09-01", "slow", 3)
    auditor = at_work(desk.bureau, "auditor", EAST)
    page = auditor.get("/callbacks/problems?month=2026-10&months=3&by=problem").text
    assert "问题只有1类：“办理慢、超期”，共3件" in page
    assert "2026-08-01 至 2026-10-31" in page
    for by, word in (("unit", "锦江路派出所"), ("month", "2026-09")):
        page = auditor.get(f"/callbacks/problems?month=2026-10&by={by}&only=slow").text
        assert f"<td>{word}</td><td>3</td>" in page
    for odd in ("month=2026-13", "month=0001-01&months=12", "months=x&by=y&unit=z&only=none"):
        assert auditor.get(f"/callbacks/problems?{odd}").status_code == 200
    assert auditor.get(f"/callbacks/problems?unit={WEST}").text.count("青羊宫") == 0
