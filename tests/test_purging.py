"""Forgetting: nothing personal is left, no figure moves, and the record proves what was blanked."""

import random
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from lookup import callbacks, comments, feedback, purging, trail
from lookup.answers import filed_case
from lookup.beijing import beijing_day, utc_now
from lookup.bureau import Bureau, open_bureau
from lookup.cases import require_case
from lookup.database import Record
from lookup.errors import NotFound
from lookup.exports import as_json
from lookup.issues import live_issue, manual_code, open_by_code
from lookup.parties import parties_of
from lookup.printing import Selection, select
from lookup.rates import GROUPINGS, Question, rates
from lookup.staff import Staff
from lookup.stops import stop_number, why_stopped
from lookup.trail import change
from tests.intake import OFFICER, House, counts, until
from tests.office import STATION, at_work, hire
from tests.public_cases import CLERK, issue_of, path_of, put, site_of
from tests.registers import CLOSED, moved_on, register, row, stranger
from tests.test_rates import Recount, Station, at, play

TODAY = datetime.fromisoformat("2030-06-15T12:00:00+08:00")
LIMIT = beijing_day(TODAY) - timedelta(days=1095)  # the first day that is not old enough
AN_END = {"step": "closure", "outcome": "prosecution"}
TABLES = (
    *("party", "cases", "comment", "issue", "rating", "visit", "callback", "callback_attempt"),
    *("comment_note", "stopped_number", "message", "trail_entry", "trail_head"),
)


def day(offset: int) -> str:
    """A moment on a day counted from the limit."""
    return f"{LIMIT + timedelta(days=offset)} 09:30:00"


def put_ended(bureau: Bureau, number: str, offset: int = -1, **more: Any) -> Record:
    """A case that was closed on a day counted from the limit; its live receipt issue."""
    filing = {"step": "filing", "at": day(offset - 1), "outcome": "filed"}
    closure = AN_END | {"at": day(offset)}
    return put(bureau, number, day(offset - 2), [filing, closure], at(day(offset)), **more)


def forget(bureau: Bureau, now: datetime = TODAY) -> int:
    return purging.purge(bureau, CLERK, purging.due(bureau, now), now)


def numbers(bureau: Bureau) -> set[str]:
    return {case["number"].lower() for case in purging.due(bureau, TODAY)}


def dump(bureau: Bureau) -> dict[str, list[Record]]:
    return {table: bureau.db.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES}


def rate(bureau: Bureau, issue: Record, now: datetime, level: str = "4") -> None:
    with change(bureau.db, CLERK, now) as ongoing:
        feedback.rate(bureau, ongoing, issue, "intake", level, ["other"], f"{issue['number']}{now}")


def comment(bureau: Bureau, issue: Record, now: datetime, answer: str = "") -> None:
    with change(bureau.db, CLERK, now) as ongoing:
        comments.comment(bureau, ongoing, issue, "我是欧阳娜，请回电", f"{issue['number']}{now}")
    if answer:
        (kept,) = comments.comments_of(bureau.db, issue["party_id"])
        who = Staff(0, "test", "test", "", "desk_officer", STATION, "", must_change=False)
        with change(bureau.db, CLERK, now) as ongoing:
            comments.answer(bureau, ongoing, who, kept["id"], answer)


def call_back(bureau: Bureau, now: datetime) -> None:
    """Call the one who rated badly, note what he wrote, and hear of two numbers to leave alone."""
    who = hire(bureau, "caller", "callback_officer", "5101000000", "赵静")
    closing = {"result": "put_right", "problem": "slow", "remedy": "已向欧阳娜致歉"}
    closing |= {"responsible": "欧阳娜的主办民警", "told": "欧阳女士，已加快办理"}
    with change(bureau.db, who.actor, now) as ongoing:
        callbacks.attempt(bureau, ongoing, who, 1, "reached", "欧阳娜说没有人回电", 0)
        callbacks.close(bureau, ongoing, who, 1, closing)
        comments.note(bureau, ongoing, who, 1, "欧阳娜来过电话")
        for phone in ("13887654321", "19900001111"):
            stop_number(bureau, ongoing, phone, "wrong")


def faults(bureau: Bureau) -> list[str]:
    return [fault.en.split(":")[0] for fault in trail.verify(bureau.db)]


def entries(bureau: Bureau, number: str = "") -> list[Record]:
    found = bureau.db.rows("SELECT * FROM trail_entry ORDER BY position")
    return [entry for entry in found if number in ("", entry["case_number"])]


# Who is forgotten, and when


def test_a_case_is_due_once_its_end_lies_more_than_the_set_time_ago(bureau: Bureau) -> None:
    put_ended(bureau, "ended-long-ago")
    put_ended(bureau, "ended-on-the-very-day", 0)
    long_ago = [{"step": "filing", "at": day(-90), "outcome": "refused"}]
    put(bureau, "refused-long-ago", day(-99), long_ago, TODAY)
    put(bureau, "still-open", day(-99), now=TODAY)
    put(bureau, "filed-and-open", day(-99), [long_ago[0] | {"outcome": "filed"}], TODAY)
    assert numbers(bureau) == {"ended-long-ago", "refused-long-ago"}
    later = replace(bureau, config=replace(bureau.config, purge_after_days=1096))
    assert numbers(later) == {"refused-long-ago"}


def test_whoever_rated_or_wrote_since_is_not_yet_forgotten(bureau: Bureau) -> None:
    before, after = at(day(-1)), at(f"{LIMIT} 00:00:00")
    for say in (rate, comment):
        say(bureau, put_ended(bureau, f"{say.__name__}-before", -9), before)
        say(bureau, put_ended(bureau, f"{say.__name__}-after", -9), after)
    rate(bureau, put_ended(bureau, "call-back-owed", -9), before, "2")
    assert numbers(bureau) == {"rate-before", "comment-before"}


def test_a_case_of_a_kind_that_is_no_longer_configured_is_left_alone(bureau: Bureau) -> None:
    put_ended(bureau, "A1")
    bureau.db.run("UPDATE cases SET kind = 'gone'")
    assert numbers(bureau) == set()


# What is forgotten, and what stays


@pytest.fixture
def purged(bureau: Bureau) -> Iterator[Bureau]:
    """A bureau with one case of which everything is known, forgotten, beside one that is not."""
    another = {"role": "complainant", "name": "张三", "phone": "19900001111"}
    put(bureau, "A2", day(1), name="张某被盗窃案", parties=[another], now=TODAY)
    people = [
        {"role": "complainant", "name": "欧阳娜", "phone": "13812345678", "id_last4": "987X"},
        {"role": "victim", "name": "阿依古丽", "phone": "13887654321"},
    ]
    told = {"parties": people, "name": "欧阳某被诈骗案", "remark": "欧阳娜之夫13887654321"}
    told |= {"badge": "510999"}
    issue = put_ended(bureau, "A1", -9, **told)
    comment(bureau, issue, at(day(-2)), answer="欧阳女士您好")
    rate(bureau, issue, at(day(-2)), "2")
    call_back(bureau, at(day(-2)))
    put_ended(bureau, "A1", -9, **told | {"officer": "赵敏"})
    assert forget(bureau) == 1
    yield bureau


def test_nothing_personal_of_a_forgotten_case_is_left(purged: Bureau) -> None:
    everything = str(dump(purged))
    for said in ("欧阳", "阿依古丽", "138****", "13887654321", "987X", "阿**", "一被", "请回电"):
        assert said not in everything
    case = require_case(purged.db, "A1")
    assert (case["name"], case["remark"], case["officer"]) == ("刑事", "", "赵敏")
    for party in parties_of(purged.db, case["id"]):
        blank = [value for name, value in party.items() if name.endswith(("_sealed", "_found"))]
        assert set(blank) == {""}
        assert party["forgotten_at"] == "2030-06-15T04:00:00Z"
    (comment,) = purged.db.rows("SELECT * FROM comment")
    assert (comment["body"], comment["answer"], comment["answered_by"]) == ("", "", "test")
    (rating,) = purged.db.rows("SELECT * FROM rating")
    assert (rating["level"], rating["replaced_at"]) == (2, None)
    (called,) = purged.db.rows("SELECT * FROM callback JOIN callback_attempt ON callback_id = 1")
    assert (called["problem"], called["closed_day"]) == ("slow", str(LIMIT - timedelta(days=2)))
    assert {called[name] for name in ("remedy", "responsible", "told", "note")} == {""}
    assert [row["body"] for row in purged.db.rows("SELECT body FROM comment_note")] == [""]
    assert [why_stopped(purged, one) for one in ("13887654321", "19900001111")] == [None, "wrong"]


def test_other_cases_are_not_touched(purged: Bureau) -> None:
    issue = issue_of(purged, "A2")
    assert (issue["revoked_at"], issue["name"]) == (None, "张某被盗窃案")
    assert purged.seals.open(issue["name_sealed"]) == "张三"
    assert len(manual_code(purged, issue)) == 9
    assert all(len(entry["nonce"]) == 32 for entry in entries(purged, "A2"))


def test_the_paper_of_a_forgotten_case_is_dead(bureau: Bureau) -> None:
    issue = put_ended(bureau, "A1")
    code, path = manual_code(bureau, issue), path_of(bureau, issue)
    site = site_of(bureau)
    client, stranger = site.test_client(), site.test_client()
    assert client.get(path, follow_redirects=True).status_code == 200
    forget(bureau)
    assert client.get("/case").status_code == 404
    assert stranger.get(path).data == stranger.get("/r/forged").data
    with pytest.raises(NotFound):
        open_by_code(bureau, "A1", code, "127.0.0.1", utc_now())
    (kept,) = bureau.db.rows("SELECT * FROM issue")
    assert (kept["code_sealed"], kept["revoked_at"]) == ("", "2030-06-15T04:00:00Z")
    assert kept["revoked_by"] and kept["revoked_for"]
    site.extensions["bureau"].db.close()


def test_no_new_paper_is_printed_for_a_forgotten_person(purged: Bureau) -> None:
    party = parties_of(purged.db, require_case(purged.db, "A1")["id"])[1]
    with (
        pytest.raises(NotFound, match="case A1 were forgotten"),
        change(purged.db, CLERK) as ongoing,
    ):
        live_issue(purged, ongoing, party["id"])
    everybody = select(purged, Selection(since=date(2020, 1, 1)))
    assert everybody == [issue_of(purged, "A2")["party_id"]]


def test_the_desk_and_the_case_system_still_open_a_forgotten_case(purged: Bureau) -> None:
    browser = at_work(purged, "supervisor")
    app = browser.client.application
    case = require_case(purged.db, "A1")
    party_id = parties_of(purged.db, case["id"])[0]["id"]
    pages = [
        re.sub("<[^>]*party_id>", str(party_id), rule.rule).replace("<number>", "A1")
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/desk/cases/<number>") and "GET" in (rule.methods or ())
    ]
    answers = {page: browser.get(re.sub("<[^>]*form>", "pdf", page)) for page in pages}
    assert answers["/desk/cases/A1"].status_code == 200
    assert {answer.status_code for answer in answers.values()} <= {200, 303, 404, 409}
    assert not any("欧阳" in answer.text for answer in answers.values())
    assert [party.name for party in filed_case(purged, case).parties] == ["", ""]
    app.extensions["bureau"].db.close()


def test_no_figure_of_any_period_moves(bureau: Bureau) -> None:
    dice, station = random.Random(1), Station(bureau)
    with bureau.db.transaction():
        for n in range(40):
            play(station, dice, f"A{n}")
    last = at("2026-12-31 12:00")
    for case in bureau.db.rows("SELECT number FROM cases WHERE number < 'A2'"):
        issue = issue_of(bureau, case["number"])
        if not issue["withheld"]:
            comment(bureau, issue, last)
    # Nothing is owed any more.
    bureau.db.run("UPDATE finding SET put_right_day = '2026-12-31'")
    bureau.db.run(
        """UPDATE callback SET closed_at = opened_at, closed_day = opened_day
        WHERE closed_at IS NULL"""
    )
    questions = [
        Question(first, end, by=by, unit=unit, cutoff=cutoff)
        for by in GROUPINGS
        for first, end in ((date(2026, 9, 1), date(2026, 12, 31)), (date(2026, 10, 5),) * 2)
        for unit in (None, "5101040100")
        for cutoff in (*dice.sample(Recount(bureau).instants(), 4), last, TODAY, utc_now())
    ]
    before = [as_json(rates(bureau, question)) for question in questions]
    ended = bureau.db.rows(
        """SELECT DISTINCT case_id FROM milestone
        WHERE step = 'closure' OR outcome = 'refused'"""
    )
    assert len(ended) > 15
    # By another clock than the one that questions are asked by: nothing may depend on it.
    assert forget(bureau) == len(ended)
    after = [as_json(rates(bureau, question)) for question in questions]
    assert after == before
    assert faults(bureau) == []


def test_a_rehearsal_writes_nothing_and_a_purge_says_how_many(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    old = f"{beijing_day(utc_now()) - timedelta(days=1200)} 09:30:00"
    for number in ("A1", "A2"):
        filing = {"step": "filing", "at": old, "outcome": "refused"}
        put(bureau, number, old, [filing])
    put(bureau, "A3", old)
    site = site_of(bureau)

    def run(*args: str) -> Result:
        return site.test_cli_runner().invoke(args=["purge", *args])

    before = dump(bureau)
    rehearsed = run("--dry-run")
    assert (rehearsed.exit_code, rehearsed.stdout.splitlines()[:2]) == (0, ["A1", "A2"])
    assert "2 cases (rehearsed" in rehearsed.stdout
    assert dump(bureau) == before
    assert "1095 days ago, their people forgotten: 2 cases." in run().stdout
    assert "forgotten: 0 cases." in run().stdout
    site.extensions["bureau"].db.close()


# Once, however often


def test_a_second_purge_forgets_nothing_more(purged: Bureau) -> None:
    before = dump(purged)
    assert forget(purged) == 0
    assert dump(purged) == before


def test_a_purge_that_is_stopped_goes_on_where_it_was(bureau: Bureau) -> None:
    for n in range(5):
        put_ended(bureau, f"A{n}")

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        purging.purge(bureau, CLERK, purging.due(bureau, TODAY), TODAY, stop)
    assert numbers(bureau) == {"a1", "a2", "a3", "a4"}
    assert faults(bureau) == []
    assert forget(bureau) == 4
    assert faults(bureau) == []


def test_two_purges_at_once_and_whoever_speaks_up_meanwhile(bureau: Bureau) -> None:
    issues = [put_ended(bureau, f"A{n}", -9) for n in range(12)]
    due = purging.due(bureau, TODAY)
    rate(bureau, issues[7], at(day(1)))
    done: list[int] = []

    def forget_all() -> None:
        own = open_bureau(bureau.config)
        done.append(purging.purge(own, CLERK, due, TODAY))
        own.db.close()

    threads = [threading.Thread(target=forget_all) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done) == 11
    named = [entry["case_number"] for entry in entries(bureau) if entry["action"] == "case.purged"]
    assert sorted(named) == sorted({issue["number"] for issue in issues} - {"A7"})
    assert bureau.seals.open(issue_of(bureau, "A7")["name_sealed"]) == "张三"
    assert faults(bureau) == []


# The case system still knows


def test_no_register_and_no_desk_brings_a_forgotten_person_back(
    bureau: Bureau, tmp_path: Path
) -> None:
    house = House(bureau, tmp_path)
    rows = register(12)
    house.take(rows)
    first = row(1, **CLOSED)
    house.take([first])
    assert forget(bureau) == sum(bool(one["结案时间"]) for one in (*rows[1:], first))
    before = dump(bureau)
    gone = [one for one in (first, *rows[1:]) if one["结案时间"]]
    strange = stranger(first)
    for handed_in in (gone, moved_on(gone), [one | {"主办民警": "新警官"} for one in gone]):
        summary = house.take(handed_in, until("2031-01-01"))
        assert counts(summary) == (0, 0, len(gone), 0)
        assert {str(one["reason"])[:20] for one in summary.warnings} == {"This case ended long"}
    assert counts(house.take([strange])) == (0, 0, 1, 0)
    assert house.at_desk(first, remark="张三来电").result == "unchanged"
    after = dump(bureau)
    for table in TABLES[:-2]:
        assert after[table] == before[table]


# The record


def test_a_purge_blanks_the_entries_of_its_case_and_names_them(purged: Bureau) -> None:
    *blank, purge = entries(purged, "A1")
    assert purge["action"] == "case.purged"
    assert {(entry["nonce"], entry["detail"]) for entry in blank} == {("", "{}")}
    assert len(blank) > 4
    positions = [entry["position"] for entry in blank]
    told = purge["detail"].removeprefix('{"positions":[[').removesuffix("]]}").split("],[")
    ranges = [range(int(one.split(",")[0]), int(one.split(",")[1]) + 1) for one in told]
    assert [position for one in ranges for position in one] == positions
    assert len(ranges) < len(positions)
    assert faults(purged) == []
    assert trail.verify(purged.db, trail.head(purged.db)) == []


def _blank(bureau: Bureau, position: int) -> None:
    bureau.db.run(
        "UPDATE trail_entry SET nonce = '', detail = '{}' WHERE position = :p", p=position
    )


def test_a_blanked_entry_that_no_purge_names_is_a_fault(purged: Bureau) -> None:
    position = entries(purged, "A2")[0]["position"]
    _blank(purged, position)
    assert faults(purged) == [f"Entry {position} was blanked though no purge names it"]


def test_no_purge_covers_an_entry_of_another_case_or_one_after_it(purged: Bureau) -> None:
    blanked, size = entries(purged, "A1")[1]["position"], trail.head(purged.db).size
    with change(purged.db, OFFICER) as ongoing:
        ongoing.record("case.purged", "A2", positions=[[size + 1, size + 1]])
        ongoing.record("case.changed", "A2")
    _blank(purged, size + 1)
    purged.db.run("UPDATE trail_entry SET case_number = 'A2' WHERE position = :p", p=blanked)
    assert faults(purged) == [
        f"Entry {position} was blanked though no purge names it" for position in (blanked, size + 1)
    ]


def test_a_later_purge_of_a_case_leaves_the_earlier_one_as_its_proof(purged: Bureau) -> None:
    first = entries(purged, "A1")[-1]
    # As a backup brings somebody back.
    purged.db.run("UPDATE party SET forgotten_at = NULL WHERE role = 'victim'")
    with change(purged.db, OFFICER) as ongoing:
        ongoing.record("case.changed", "A1", officer=["李明", "赵敏"])
    assert forget(purged) == 1
    *_, kept, blanked, second = entries(purged, "A1")
    assert (kept, blanked["nonce"], second["action"]) == (first, "", "case.purged")
    assert second["detail"] == f'{{"positions":[[{blanked["position"]},{blanked["position"]}]]}}'
    assert faults(purged) == []


@pytest.mark.parametrize("column, value", [("detail", '{"step":"filing"}'), ("nonce", "00" * 16)])
def test_what_is_written_into_a_blanked_entry_is_a_fault(
    purged: Bureau, column: str, value: str
) -> None:
    position = entries(purged, "A1")[2]["position"]
    purged.db.run(
        f"UPDATE trail_entry SET {column} = :value WHERE position = :p", value=value, p=position
    )
    assert faults(purged) == [f"Entry {position} was altered"]


def test_a_blanked_entry_with_another_leaf_is_a_fault(purged: Bureau) -> None:
    position = entries(purged, "A1")[2]["position"]
    purged.db.run("UPDATE trail_entry SET leaf = :x WHERE position = :p", x="00" * 32, p=position)
    assert faults(purged) == [f"Entry {position} was replaced"]


@pytest.mark.parametrize("detail", ["{}", '{"positions":[[0,99]]}'])
def test_an_altered_purge_covers_nothing(purged: Bureau, detail: str) -> None:
    *blank, purge = entries(purged, "A1")
    purged.db.run(
        "UPDATE trail_entry SET detail = :detail WHERE position = :p",
        detail=detail,
        p=purge["position"],
    )
    bare = [f"Entry {e['position']} was blanked though no purge names it" for e in blank]
    assert faults(purged) == [*bare, f"Entry {purge['position']} was altered"]


def test_a_made_up_purge_covers_nothing_and_stops_no_check(purged: Bureau) -> None:
    position = entries(purged, "A2")[0]["position"]
    _blank(purged, position)
    for told in ({}, {"positions": 7}, {"positions": [7]}, {"positions": [["a", "b"]]}):
        with change(purged.db, OFFICER) as ongoing:
            ongoing.record("case.purged", "A2", **told)
    assert faults(purged) == [f"Entry {position} was blanked though no purge names it"]


def test_a_purge_during_the_check_is_no_fault(bureau: Bureau) -> None:
    for n in range(20):
        put_ended(bureau, f"A{n}")

    def forget_all() -> None:
        own = open_bureau(bureau.config)
        forget(own)
        own.db.close()

    thread = threading.Thread(target=forget_all)
    thread.start()
    found = []
    while thread.is_alive():
        found += faults(bureau)
    thread.join()
    assert found == faults(bureau) == []
