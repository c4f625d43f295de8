"""Inspections: a draw that anybody can do again, check sheets, findings and what came of them."""

import hashlib
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from lookup import inspections, purging, trail
from lookup.bureau import Bureau, open_bureau
from lookup.casefile import change_details, take_case
from lookup.database import Record
from lookup.entries import said_entry
from lookup.errors import Conflict, NotFound
from lookup.inspection_lists import PAGE, list_inspections, list_open, open_inspection
from lookup.oversight import Measure
from lookup.periods import quarter_of, read_period
from lookup.ranking import rank
from lookup.rates import Question, rates
from lookup.records import CaseRefused
from lookup.recount import verify
from lookup.staff import Staff
from lookup.supervision_recount import faults
from lookup.trail import change
from tests.office import BUREAU, EAST, SISTER, STATION, WEST, Browser, browser_of, hire
from tests.public_cases import days_ago, put, site_of
from tests.test_ranking import ranking_by

NOW = datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC)
TODAY = date(2026, 11, 20)
QUARTER = read_period("2026-Q3")
OFFICER: dict[str, Any] = {"officer": "陈警官", "badge": "023456"}
OF_UNIT = {STATION: 5, SISTER: 4, WEST: 1}


def town(bureau: Bureau) -> None:
    """Cases of three stations, told by number: as many as OF_UNIT says are to be disclosed."""
    for unit, cases in OF_UNIT.items():
        for n in range(cases):
            day = f"2026-08-{n + 1:02} 09:00"
            put(bureau, f"{unit}-{n}", day, now=NOW, unit=unit, **OFFICER)


def auditor(bureau: Bureau, login: str = "audit", unit: str = BUREAU, **more: str) -> Staff:
    return hire(bureau, login, "auditor", unit, more.get("name", f"督察{login}"))


def act(bureau: Bureau, who: Staff, do: Callable[..., Any], *told: Any, **more: Any) -> Any:
    now = more.pop("now", NOW)
    with change(bureau.db, who.actor, now) as ongoing:
        return do(ongoing, who, *told, **more)


def drawn_by(
    bureau: Bureau, who: Staff, per_unit: int, seed: str = "", unit: str = BUREAU
) -> tuple[int, bool]:
    """A draw of the quarter."""
    return inspections.draw(bureau, who, unit, QUARTER, per_unit, seed, NOW)


def check(bureau: Bureau, who: Staff, row: Record, *failed: str, **more: Any) -> None:
    note = more.pop("note", "与案卷不符" if failed else "")
    act(bureau, who, partial(inspections.check, bureau), row["id"], failed, note, **more)


def cases_of(bureau: Bureau, who: Staff, inspection: int) -> list[Record]:
    return open_inspection(bureau.db, who, inspection, TODAY)[1]


def refused(do: Callable[[], object]) -> list[str]:
    """The fields because of which something is refused."""
    with pytest.raises(CaseRefused) as caught:
        do()
    return [one.field for one in caught.value.refusals()]


def counted(bureau: Bureau, unit: str | None = None) -> tuple[int, int, float | None]:
    """Cases inspected, those of them without a finding, and the rate; on either way of counting."""
    asked = Question(QUARTER.first, QUARTER.last, unit=unit)
    kept = rates(bureau, asked, NOW).total.figures
    anew = rates(bureau, replace(asked, cutoff=NOW + timedelta(days=99))).total.figures
    assert (kept.inspected, kept.sound) == (anew.inspected, anew.sound)
    assert verify(bureau.db) == faults(bureau.db) == []
    return kept.inspected, kept.sound, kept.sound_rate


def test_a_draw_can_be_done_again_by_anybody_with_a_hash_alone(bureau: Bureau) -> None:
    town(bureau)
    put(bureau, "withheld", "2026-08-03 09:00", now=NOW, withheld_reason="minor", **OFFICER)
    put(bureau, "another-quarter", "2026-10-01 00:00", now=NOW, **OFFICER)
    who = auditor(bureau)
    inspection, is_new = drawn_by(bureau, who, 3, "\uff11号 清风")
    assert is_new
    row, cases = open_inspection(bureau.db, who, inspection, TODAY)
    # Narrowed, as it is shown; and with an end that nobody knew who chose the word.
    assert re.fullmatch("1号 清风-[0-9a-f]{16}", row["seed"])

    expected = []
    for unit, size in sorted(OF_UNIT.items()):
        numbers = [f"{unit}-{n}" for n in range(size)]
        numbers.sort(key=lambda one: hashlib.sha256(f"{row['seed']}:{one}".encode()).hexdigest())
        expected += [(unit, n + 1, size, one) for n, one in enumerate(numbers[:3])]
    told = [(one["unit"], one["place"], one["among"], one["number"]) for one in cases]
    assert told == expected

    # While its cases are unchecked, whatever else is asked of these units and days gives no other.
    second = auditor(bureau, "second")
    for unit, months in ((BUREAU, "2026-Q3"), (STATION, "2026-08"), (EAST, "2026")):
        asked = (unit, read_period(months), 4, "another word", NOW)
        assert inspections.draw(bureau, second, *asked) == (inspection, False)
    later, is_new = inspections.draw(bureau, who, BUREAU, read_period("2026-10"), 3, now=NOW)
    own, _ = drawn_by(bureau, auditor(bureau, "east", EAST), 3, unit=EAST)
    for row in cases:
        if row["unit"] == WEST:
            check(bureau, who, row)
    again, _ = drawn_by(bureau, who, 3, unit=WEST)
    found, further = list_inspections(bureau.db, who, TODAY)
    assert [one["id"] for one in found] == [later, again, own, inspection]
    assert (is_new, further, len({one["seed"] for one in found})) == (True, None, 4)
    assert re.fullmatch("[0-9a-f]{16}", found[0]["seed"])
    [entry, *_] = bureau.db.rows("SELECT * FROM trail_entry WHERE action = 'inspection.drawn'")
    told = json.loads(entry["detail"])
    assert len(told.pop("sealed")) == 64
    assert told == {
        **{"inspection": inspection, "unit": BUREAU, "by_unit": BUREAU, "per_unit": 3},
        **{"from": "2026-07-01", "to": "2026-09-30", "cases": 7, "seed": found[3]["seed"]},
    }
    assert trail.verify(bureau.db) == faults(bureau.db) == []

    before = len(bureau.db.rows("SELECT id FROM inspection"))
    assert refused(lambda: drawn_by(bureau, who, 0)) == ["per_unit"]
    assert refused(lambda: drawn_by(bureau, who, 101)) == ["per_unit"]
    long_ago = read_period("2019")
    assert refused(lambda: inspections.draw(bureau, who, BUREAU, long_ago, 3)) == ["period"]
    # Nobody draws of his own unit, but of the one that has none above it.
    assert refused(lambda: drawn_by(bureau, auditor(bureau, "own", WEST), 3, unit=WEST)) == [
        "period"
    ]
    for unit in (WEST, "gone"):
        with pytest.raises(NotFound):
            drawn_by(bureau, auditor(bureau, f"east.{unit}", EAST), 3, unit=unit)
    assert len(bureau.db.rows("SELECT id FROM inspection")) == before
    put(bureau, "top", "2025-08-03 09:00", now=NOW, unit=BUREAU, **OFFICER)
    top, _ = inspections.draw(bureau, who, BUREAU, read_period("2025"), 3, now=NOW)
    assert [one["number"] for one in cases_of(bureau, who, top)] == ["top"]


def test_two_who_draw_at_once_get_one(bureau: Bureau) -> None:
    town(bureau)
    crew = [auditor(bureau, f"audit{n}") for n in range(4)]

    def at_once(who: Staff) -> tuple[int, bool]:
        own = open_bureau(bureau.config)
        try:
            return drawn_by(own, who, 2, "seed")
        finally:
            own.db.close()

    with ThreadPoolExecutor(len(crew)) as pool:
        made = list(pool.map(at_once, crew))
    assert len({one for one, _ in made}) == 1
    assert sorted(is_new for _, is_new in made) == [False, False, False, True]
    assert len(cases_of(bureau, crew[0], made[0][0])) == 5


def test_a_sheet_is_filled_in_changed_and_counted(bureau: Bureau) -> None:
    town(bureau)
    who, second = auditor(bureau), auditor(bureau, "second")
    inspection, _ = drawn_by(bureau, who, 2, "seed")
    first, other, *rest = cases_of(bureau, who, inspection)
    assert counted(bureau) == (0, 0, None)

    assert refused(lambda: check(bureau, who, first, "dates", note=" ")) == ["note"]
    assert refused(lambda: check(bureau, who, first, note="长" * 501)) == ["note"]
    for one in (first, other, *rest):
        check(bureau, who, one)
    check(bureau, who, first)  # the same again is nothing new
    assert counted(bureau) == (5, 5, 1.0)
    with pytest.raises(Conflict):
        check(bureau, second, first, "dates")  # his page showed no sheet filled in
    later = NOW + timedelta(days=5)
    check(bureau, second, first, "dates", "clock", "gone", seen=True, now=later)
    check(bureau, who, first, "clock", "other", seen=True, now=later + timedelta(days=1))
    row = cases_of(bureau, who, inspection)[0]
    told = [(one["item"], one["name"].zh, one["due_day"]) for one in row["findings"]]
    assert told == [
        ("clock", "超期未办、延期无审批", "2026-12-16"),
        ("other", "其他问题", "2026-12-17"),
    ]
    # What was withdrawn stays as that, and counts where it counted.
    gone = [
        (one["item"], one["withdrawn_at"][:10], one["withdrawn_by"]) for one in row["withdrawn"]
    ]
    assert gone == [("dates", "2026-11-26", who.actor.name)]
    check(bureau, who, other, "dates", seen=True, now=later)
    check(bureau, who, other, seen=True, now=later + timedelta(days=1))
    for days, sound in ((0, 5), (5, 3), (6, 4)):
        then = Question(QUARTER.first, QUARTER.last, cutoff=NOW + timedelta(days=days, hours=1))
        assert rates(bureau, then, NOW).total.figures.sound == sound
    # It counts from when it was first checked.
    assert (row["checked_at"], row["checked_by"]) == ("2026-11-20T01:02:03Z", who.actor.name)
    assert counted(bureau) == (5, 4, 0.8)
    assert counted(bureau, WEST) == (1, 1, 1.0)
    ranked = rank(ranking_by(bureau, Measure("sound_rate", 1)), QUARTER, BUREAU)
    scores = {one.unit: one.figures.sound_rate for one in ranked}
    assert scores == {EAST: 0.75, "5101040200": 1.0}
    entries = bureau.db.rows(
        """SELECT * FROM trail_entry WHERE action = 'inspection.checked'
            AND case_number = :number ORDER BY position""",
        number=first["number"],
    )
    details = [json.loads(one["detail"]) for one in entries]
    assert len({one.pop("sealed") for one in details}) == 3
    assert details == [
        {"inspection": inspection, "sound": 1},
        {"inspection": inspection, "items": ["dates", "clock"]},
        {"inspection": inspection, "items": ["clock", "other"]},
    ]
    words = f"抽查案件：抽查第 {inspection} 号；问题：超期未办、延期无审批、其他问题"
    assert said_entry(bureau, entries[-1]).zh.startswith(f"{words}；内容摘要 ")

    # Nobody checks what he had a hand in: now, or at a milestone; nor what is out of reach.
    himself = auditor(bureau, "himself", name="陈警官")
    bureau.db.run("UPDATE staff SET badge = '' WHERE login = 'himself'")
    himself = replace(himself, badge="")
    assert refused(lambda: check(bureau, himself, other)) == ["own"]
    put(bureau, other["number"], "2026-08-01 09:00", now=NOW, unit=other["unit"], officer="赵敏")
    assert refused(lambda: check(bureau, himself, other)) == ["own"]
    with pytest.raises(NotFound):
        check(bureau, auditor(bureau, "west", WEST), other)
    # Nor does the unit that is inspected undo what was found; it sees it.
    local = auditor(bureau, "local", first["unit"])
    assert refused(lambda: check(bureau, local, first, seen=True)) == ["own"]
    assert [one["may_check"] for one in cases_of(bureau, local, inspection)] == [False] * 2


def test_what_is_altered_by_hand_does_not_go_with_the_record(bureau: Bureau) -> None:
    town(bureau)
    who, chief = auditor(bureau), hire(bureau, "chief", "supervisor", STATION, "周主任")
    first, _ = drawn_by(bureau, who, 5, unit=STATION)
    rows = cases_of(bureau, who, first)
    for row in rows:
        check(bureau, who, row, "dates")
    act(bureau, chief, inspections.put_right, rows[2]["id"], "dates", "已更正")
    other, _ = drawn_by(bureau, who, 1, unit=SISTER)
    last, _ = drawn_by(bureau, who, 1, unit=WEST)
    assert faults(bureau.db) == []
    for sql, one in (
        ("UPDATE inspected_case SET note = '无误' WHERE id = :id", rows[0]["id"]),
        ("DELETE FROM finding WHERE inspected_id = :id", rows[1]["id"]),
        ("UPDATE finding SET remedy = '没有错' WHERE inspected_id = :id", rows[2]["id"]),
        ("UPDATE finding SET withdrawn_at = found_at WHERE inspected_id = :id", rows[3]["id"]),
        ("UPDATE inspection SET seed = '清风' WHERE id = :id", other),
        ("DELETE FROM inspected_case WHERE inspection_id = :id", last),
        ("DELETE FROM inspection WHERE id = :id", last),
    ):
        bureau.db.run(sql, id=one)
    assert sorted(one.en for one in faults(bureau.db)) == sorted(
        [
            *(
                f"Inspection {first}, case {row['number']}: what was found or put right is not "
                "what the record says."
                for row in rows[:4]
            ),
            *(
                f"Inspection {one}: its cases, or how they were drawn, are not what the record "
                "says."
                for one in (other, last)
            ),
        ]
    )


def test_what_was_found_is_put_right_in_time_or_late_and_then_the_sheet_stands(
    bureau: Bureau,
) -> None:
    town(bureau)
    who, chief = auditor(bureau), hire(bureau, "chief", "supervisor", STATION, "周主任")
    inspection, _ = drawn_by(bureau, who, 2, "seed")
    cases = cases_of(bureau, who, inspection)
    # Of what was not checked a supervisor knows nothing.
    with pytest.raises(NotFound):
        open_inspection(bureau.db, chief, inspection, TODAY)
    for row in cases:
        check(bureau, who, row, "dates", "clock")
    own = [one for one in cases if one["unit"] == STATION]
    assert [one["id"] for one in cases_of(bureau, chief, inspection)] == [one["id"] for one in own]
    mend = partial(act, bureau, chief, inspections.put_right)
    found, _ = list_open(bureau.db, chief, TODAY)
    assert [(one["inspected_id"], one["item"]) for one in found] == [
        (one["id"], item) for one in own for item in ("dates", "clock")
    ]
    for where, item in ((cases[-1], "dates"), (own[0], "other")):  # of another unit; not found
        with pytest.raises(NotFound):
            mend(where["id"], item, "已更正")
    assert refused(lambda: mend(own[0]["id"], "dates", " ")) == ["remedy"]
    # 15 working days from Friday 20 November.
    mend(own[0]["id"], "dates", "已更正", now=datetime(2026, 12, 11, 15, 59, tzinfo=UTC))
    mend(own[0]["id"], "dates", "已更正")  # sent twice
    mend(own[0]["id"], "clock", "已补办", now=datetime(2026, 12, 11, 16, 0, tzinfo=UTC))
    with pytest.raises(Conflict):
        mend(own[0]["id"], "dates", "没有错")
    with pytest.raises(Conflict):
        check(bureau, who, own[0], seen=True)
    later = date(2026, 12, 14)
    still = list_open(bureau.db, chief, later)[0]
    assert [one["id"] for one in still] == [one["id"] for one in found[2:]]
    row, cases = open_inspection(bureau.db, who, inspection, later)
    (done,) = [one["findings"] for one in cases if one["id"] == own[0]["id"]]
    assert [(one["item"], one["put_right_day"], one["promise"].standing) for one in done] == [
        ("dates", "2026-12-11", "kept"),
        ("clock", "2026-12-12", "late"),
    ]
    told = {name: row[name] for name in ("cases", "checked", "failed", "findings")}
    assert told == {"cases": 5, "checked": 5, "failed": 5, "findings": 10}
    assert (row["put_right"], row["overdue"]) == (2, 8)
    assert open_inspection(bureau.db, who, inspection, date(2026, 12, 11))[0]["overdue"] == 0
    assert counted(bureau) == (5, 0, 0.0)


def test_a_drawn_case_goes_with_its_case(bureau: Bureau) -> None:
    """To the unit that has it now; and out of the figures while it is withheld."""
    town(bureau)
    who, chief = auditor(bureau), hire(bureau, "chief", "supervisor", WEST, "周主任")
    inspection, _ = drawn_by(bureau, who, 5, "seed", unit=STATION)
    row, withheld, *_ = cases_of(bureau, who, inspection)
    check(bureau, who, row, "dates")
    mover = hire(bureau, "mover", "supervisor", BUREAU, "钱局")

    def move(ongoing: trail.Change, *_: object) -> None:
        told = {"unit": WEST, "officer": "待定"}
        change_details(bureau, ongoing, take_case(ongoing, mover, row["number"]), told)

    act(bureau, mover, move)
    moved = next(one for one in cases_of(bureau, who, inspection) if one["id"] == row["id"])
    assert (moved["unit"], moved["held_by"], moved["holder"]) == (STATION, WEST, "青羊宫派出所")
    assert (counted(bureau, STATION), counted(bureau, WEST)) == ((0, 0, None), (1, 0, 0.0))
    act(bureau, chief, inspections.put_right, row["id"], "dates", "已更正")

    number = withheld["number"]
    put(bureau, number, "2026-08-01 09:00", now=NOW, withheld_reason="minor", **OFFICER)
    check(bureau, who, withheld, "withheld")
    assert counted(bureau, STATION) == (0, 0, None)
    put(bureau, number, "2026-08-01 09:00", now=NOW + timedelta(1), withheld_reason="", **OFFICER)
    assert counted(bureau, STATION) == (1, 0, 0.0)


def test_a_case_is_forgotten_with_its_sheet_once_nothing_is_open(bureau: Bureau) -> None:
    filing = {"step": "filing", "at": "2026-08-02 09:00", "outcome": "refused"}
    put(bureau, "A1", "2026-08-01 09:00", [filing], NOW, **OFFICER)
    who, chief = auditor(bureau), hire(bureau, "chief", "supervisor", STATION, "周主任")
    inspection, _ = drawn_by(bureau, who, 5, "seed")
    (row,) = cases_of(bureau, who, inspection)
    check(bureau, who, row, "dates", note="张三的日期不符")
    long_after = NOW + timedelta(days=2000)
    assert purging.due(bureau, long_after) == []
    act(bureau, chief, inspections.put_right, row["id"], "dates", "已向张三说明")
    before = counted(bureau)
    found = purging.due(bureau, long_after)
    assert purging.purge(bureau, chief.actor, found, long_after) == 1
    (row,) = cases_of(bureau, who, inspection)
    assert (row["note"], row["findings"][0]["remedy"]) == ("", "")
    assert counted(bureau) == before == (1, 0, 0.0)
    assert trail.verify(bureau.db) == []
    with pytest.raises(Conflict, match="forgotten"):
        check(bureau, who, row, seen=True)


# On the screen


def browsing(bureau: Bureau, who: Staff) -> Browser:
    browser = browser_of(site_of(bureau))
    assert browser.log_in(who.login).status_code == 303
    return browser


def test_the_pages_draw_check_print_and_put_right(bureau: Bureau) -> None:
    day = days_ago(3)
    for unit in (STATION, WEST):
        for n in range(2):
            put(bureau, f"{unit}-{n}", day, unit=unit, **OFFICER)
    period = quarter_of(date.fromisoformat(day[:10])).code
    who, chief = auditor(bureau), hire(bureau, "chief", "supervisor", STATION, "周主任")
    desk, station = browsing(bureau, who), browsing(bureau, chief)
    sent: dict[str, Any] = {"period": period, "unit": BUREAU, "per_unit": "1", "seed": "清风"}

    list_page = "/audit/inspections/"
    assert station.post(list_page, **sent).status_code == 403
    kept = desk.post(list_page, **sent | {"per_unit": "0"})
    assert (kept.status_code, 'value="清风"' in kept.text) == (422, True)
    assert desk.post(list_page, **sent | {"period": "soon"}).status_code == 422
    assert desk.post(list_page, **sent | {"unit": "gone"}).status_code == 404
    made = desk.post(list_page, **sent)
    here = made.headers["Location"]
    assert (made.status_code, desk.post(list_page, **sent).headers["Location"]) == (303, here)
    shown = desk.get(here).text
    assert "没有另抽" in shown
    assert re.search(r"“清风-[0-9a-f]{16}:案件编号”的 SHA-256", shown)
    assert "抽 1 件，当时共 2 件" in shown
    first, second = re.findall(rf'href="({here}/\d+)"', shown)
    paper = desk.get(f"{here}/sheets").text
    assert (paper.count("checklist"), paper.count("受案后未及时出具")) == (2, 2)
    assert paper.count(f'<b class="nowrap">{day[:10]}</b>') == 2
    assert [station.get(one).status_code for one in (here, first, f"{here}/sheets")] == [
        *(404, 404, 403),
    ]

    sheet = desk.get(first).text
    assert ("张三" in sheet, "报案人" in sheet, 'name="seen"' in sheet) == (False, True, False)
    again = desk.post(first, item=["dates"], note="")
    assert again.status_code == 422
    assert 'value="dates" checked' in again.text
    assert station.post(first, item=["dates"], note="日期不符").status_code == 403
    done = desk.post(first, item=["dates", "clock"], note="日期不符")
    assert (done.status_code, done.headers["Location"]) == (303, here)
    assert desk.post(first, note="").status_code == 409  # of a page that showed no sheet
    assert desk.post(second, note="").status_code == 303
    assert "2 / 2" in desk.get(here).text
    assert desk.get(first.replace(here, f"{list_page}999")).status_code == 404

    listed = station.get(list_page).text
    assert listed.count("节点日期与案卷不符") == 1
    assert "日期不符" in station.get(first).text
    assert station.get(second).status_code == 404
    assert desk.post(f"{first}/dates", remedy="已更正").status_code == 403
    assert station.post(f"{first}/dates", remedy="").status_code == 422
    assert station.post(f"{first}/dates", remedy="已更正").headers["Location"] == first
    assert "节点日期与案卷不符" not in station.get(list_page).text
    assert "已更正" in station.get(first).text
    assert re.search(r"\d{4}-\d\d-\d\d 整改", desk.get(here).text)
    assert 'type="checkbox"' not in desk.get(first).text  # the sheet stands
    desk.post(second, item=["dates"], note="不符", seen="1")
    desk.post(second, note="", seen="1")
    assert "已撤回的问题" in desk.get(second).text
    assert "本案" not in desk.get("/audit/inspections/?list=open&lang=en").text


def test_long_lists_go_on_page_by_page(bureau: Bureau) -> None:
    town(bureau)
    who = auditor(bureau)
    made = []
    for _ in range(PAGE + 2):  # the next is drawn once the one before is checked
        made.append(drawn_by(bureau, who, 1, unit=WEST)[0])
        check(bureau, who, cases_of(bureau, who, made[-1])[0], "dates")
    first, after = list_inspections(bureau.db, who, TODAY)
    rest, end = list_inspections(bureau.db, who, TODAY, after)
    assert [one["id"] for one in first + rest] == made[::-1]
    assert (len(rest), end) == (2, None)
    found, after = list_open(bureau.db, who, TODAY)
    rest, end = list_open(bureau.db, who, TODAY, after)
    assert [one["inspection_id"] for one in found + rest] == made
    assert (len(rest), end) == (2, None)
    assert counted(bureau, WEST) == (PAGE + 2, 0, 0.0)
