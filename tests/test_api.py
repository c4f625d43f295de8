"""The machines' way in: who is let in, what is taken in, what is answered."""

import io
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from flask import Flask
from openpyxl import load_workbook
from werkzeug.test import TestResponse

from app import create_app
from lookup.answers import Flaw, Problem
from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.clients import LIMIT, clients, revoke_client
from lookup.config import Config
from lookup.trail import Actor, change, verify
from tests.intake import House
from tests.machines import BODY, FILED, PHONE, Program, program
from tests.public_cases import Phone, site_of
from tests.registers import flawed, row

EAST, STATION, WEST = "5101040100", "5101040101", "5101040201"
SECRETS = ("王芳", "13800138000", "123X")


@pytest.fixture
def app(bureau: Bureau) -> Iterator[Flask]:
    site = site_of(bureau)
    yield site
    site.extensions["bureau"].db.close()


@pytest.fixture
def system(bureau: Bureau, app: Flask) -> Program:
    """The case system, whose key reaches every unit."""
    return program(bureau, app)


def problem(answer: TestResponse, status: int) -> Problem:
    """What went wrong, checked to be told as machines are told it."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Language"] == "zh"
    told = msgspec.json.decode(answer.data, type=Problem)
    assert told.status == status and re.search("[一-鿿]", told.detail)
    return told


def flaws(answer: TestResponse, status: int = 422) -> list[Flaw]:
    told = problem(answer, status).errors
    assert isinstance(told, list)
    assert len(told) > 1 or told[0].reason_zh == problem(answer, status).detail
    return told


def count(bureau: Bureau, table: str) -> int:
    found = bureau.db.row(f"SELECT COUNT(*) AS n FROM {table}")
    return int(found["n"]) if found else 0


def test_a_case_is_taken_in_moved_on_and_shown_as_it_stands(
    bureau: Bureau, system: Program
) -> None:
    made = system.put("A1")
    assert (made.status_code, made.get_json()) == (
        201,
        {"case": "A1", "result": "new", "warnings": []},
    )
    assert made.headers["Location"] == "/api/v1/cases/A1"
    again = system.put("A1")
    assert (again.status_code, again.get_json()["result"]) == (200, "unchanged")
    moved = system.put("A1", milestones=[FILED], property=[PHONE | {"quantity": 2.50}])
    assert (moved.status_code, moved.get_json()["result"]) == (200, "changed")
    told = system.filed("A1")
    shown = [told["milestones"][n].pop("visible_at") for n in (0, 1)]
    assert all(one.startswith(f"{datetime.now(UTC):%Y-}") for one in shown)
    plain = {"outcome": None, "extended_days": None, "approved_by": None}
    assert told == {
        "case": "A1",
        **{name: BODY[name] for name in ("kind", "unit", "name", "officer", "badge", "channel")},
        "reported_at": "2025-11-03T08:50:00+08:00",
        "taken_in_at": "2025-11-03T09:05:00+08:00",
        "parties": [{"role": "complainant", "name": "王*"}],
        "milestones": [
            plain | {"step": "intake", "at": "2025-11-03T09:05:00+08:00"},
            plain | {"step": "filing", "at": "2025-11-05T16:30:00+08:00", "outcome": "filed"},
        ],
        "clocks": [
            {
                "step": "filing",
                "due_day": "2025-11-06",
                "extended": False,
                "decided_day": "2025-11-05",
            }
        ],
        "property": [PHONE | {"quantity": "2.5", "measure": "seized", "status": "kept"}],
        "materials": [],
        "withheld_reason": None,
        "version": 2,
    }
    entries = bureau.db.rows("SELECT * FROM trail_entry WHERE case_number = 'A1'")
    assert {(one["actor"], one["via"]) for one in entries} == {("night", "api")}
    assert [one["action"] for one in entries] == ["case.registered", "case.changed"]
    assert not [secret for secret in SECRETS for one in entries if secret in one["detail"]]
    assert not verify(bureau.db)


def test_a_hand_in_is_the_present_word_and_erases_nothing(bureau: Bureau, system: Program) -> None:
    extended = {"step": "filing", "extended_days": 7, "approved_by": "赵局"}
    system.put("A1", milestones=[extended], withheld_reason="minor", taken_in_at="2025-11-03")
    told = system.filed("A1")
    assert told["withheld_reason"] == "minor" and told["taken_in_at"] == "2025-11-03"
    assert told["clocks"][0] == {
        "step": "filing",
        "due_day": "2025-11-10",
        "extended": True,
        "decided_day": None,
    }
    assert told["milestones"][1] == {
        **{"step": "filing", "at": None, "outcome": None, "visible_at": None},
        **{"extended_days": 7, "approved_by": "赵局"},
    }
    system.put("A1", milestones=[FILED], withheld_reason=None)
    # What it does not tell of stays, and what it tells is done: it is no older than the last.
    later = system.put("A1", officer="周强", milestones=None, withheld_reason="", remark="")
    assert later.get_json() == {"case": "A1", "result": "changed", "warnings": []}
    told = system.filed("A1")
    assert (told["officer"], told["withheld_reason"]) == ("周强", None)
    assert [one["step"] for one in told["milestones"]] == ["intake", "filing"]


def test_what_a_file_import_says_of_a_flaw_is_said_here_too(
    bureau: Bureau, system: Program, tmp_path: Path
) -> None:
    times = {"报案时间": "2025-11-03 08:50:00", "受案时间": "2025-11-03 09:05:00"}
    good = row(1, **times, 立案时间="2025-11-05", 立案结果="立案", 结案时间="", 处理结果="")
    rows = [
        flawed(good, "impossible date"),
        flawed(good, "unknown kind"),
        flawed(good, "unknown unit"),
        good | {"立案时间": "2025-11-01"},
        good | {"立案结果": "再议"},
        good | {"案件名称": "长" * 201},
        good | {"不公开理由": "领导要求", "是否公开": ""},
        good | {"报案人电话": "123"},
    ]
    house = House(bureau, tmp_path)
    summary = house.take(rows)
    by_file = [one["原因 reason"] for one in house.rejects()]
    assert len(by_file) == len(rows) - 1
    answers = [
        system.put(
            "B1",
            kind=one["案件类别"],
            unit=one["受理单位代码"],
            name=one["案件名称"],
            reported_at=one["报案时间"],
            taken_in_at=one["受案时间"],
            milestones=[{"step": "filing", "at": one["立案时间"], "outcome": one["立案结果"]}],
            parties=[{"role": "complainant", "name": "王芳", "phone": one["报案人电话"]}],
            withheld_reason=one["不公开理由"] or None,
        )
        for one in rows
    ]
    by_api = [flaws(answer)[0] for answer in answers[:-1]]
    assert [f"{one.reason_zh} / {one.reason}" for one in by_api] == by_file
    [here], [there] = answers[-1].get_json()["warnings"], summary.warnings
    assert (here["reason_zh"], here["reason"]) == (there["reason_zh"], there["reason"])


BAD_SHAPES: list[tuple[bytes, int, str]] = [
    (b"", 400, ""),
    (b'{"kind": "criminal"', 400, ""),
    (b'{"kind": "\xff"}', 400, ""),
    (b'{"kind": "\\ud800"}', 400, ""),
    (b'{"kind": "\x00"}', 400, ""),
    (b'{"milestones": [{"extended_days": 1e999}]}', 400, ""),
    (b"[" * 200_000, 400, ""),
    (b"[]", 422, ""),
    (b'{"kind": 1}', 422, "kind"),
    (b'{"number": "A1"}', 422, "number"),
    (b'{"parties": [{"role": "victim"}, {"role": "victim", "nick": ""}]}', 422, "parties.1.nick"),
    (b'{"parties": {}}', 422, "parties"),
    (b'{"milestones": [{"extended_days": "7"}]}', 422, "milestones.0.extended_days"),
    (b'{"milestones": [{"extended_days": 99999}]}', 422, "milestones.0.extended_days"),
    (b'{"property": [{"quantity": true}]}', 422, "property.0.quantity"),
    (b'{"name": "\\u0000"}', 422, "name"),
    (b'{"taken_in_at": "\\u200b "}', 422, "taken_in_at"),
    ('{{"officer": "{}"}}'.format("长" * 201).encode(), 422, "officer"),
]


def test_what_is_no_case_is_refused_by_its_place(bureau: Bureau, system: Program) -> None:
    for body, status, place in BAD_SHAPES:
        answer = system.call("PUT", "cases/A1", data=body, content_type="application/json")
        if status == 400:
            problem(answer, 400)
        else:
            assert [one.field for one in flaws(answer)] == [place], body
    assert "name" in problem(system.put("A1", name="\0"), 422).detail
    # A word that cannot be seen must not pass for the empty one, which would disclose the case.
    for word in (" ", "\u200b", "—"):
        assert flaws(system.put("A1", withheld_reason=word))[0].field == "withheld_reason"
    assert flaws(system.put("A1", kind=" "))[0].reason_zh.startswith("案件类别“（空白）”未配置")
    several = flaws(system.put("A1", kind=None, unit=None, parties=[{"role": "友人"}]))
    assert [one.field for one in several] == ["kind", "unit", "parties.0.role"]
    assert count(bureau, "cases") == 0


def test_nobody_without_a_good_key_is_let_in(bureau: Bureau, app: Flask, system: Program) -> None:
    system.put("A1")
    keys = ["", "dl_", "dl_" + "A" * 32, system.key[:-1], system.key + "A", system.key.upper()]
    callers = [Program(app, key) for key in keys]
    with change(bureau.db, Actor("test", "command")) as ongoing:
        revoke_client(ongoing, "night")
    for caller in [*callers, system]:
        for answer in (caller.put("A1", officer="黑客"), caller.get("A1"), caller.get("A9")):
            problem(answer, 401)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        problem(caller.call("GET", "rates?from=2025-11-01&to=2025-11-30"), 401)
    basic = {"Authorization": "Basic bmlnaHQ6eA=="}
    problem(system.call("GET", "cases/A1", headers=basic), 401)
    # The same name may have a new key; the old one stays dead.
    renewed = program(bureau, app)
    assert renewed.filed("A1")["officer"] == "李明"
    problem(system.get("A1"), 401)


def test_whatever_goes_wrong_is_told_as_a_problem(app: Flask, system: Program) -> None:
    nobody = Program(app, "")
    for path in ("nothing", "", "cases/", "cases/A1/parties", "../nothing"):
        answer = (nobody if "cases/A1" not in path else system).call("GET", path)
        problem(answer, 404)
    for method in ("POST", "DELETE", "PATCH"):
        answer = nobody.call(method, "cases/A1")
        problem(answer, 405)
        assert {"GET", "PUT"} <= set(answer.headers["Allow"].split(", "))
    problem(system.call("PUT", "cases/A1", data={"kind": "criminal"}), 415)
    problem(system.call("PUT", "cases/A1", data=json.dumps(BODY)), 415)
    large = json.dumps(BODY | {"remark": "x" * 1_100_000})
    problem(system.call("PUT", "cases/A1", data=large, content_type="application/json"), 413)
    assert flaws(system.put("A1", remark="x" * 200_000))[0].field == "remark"
    elsewhere = {"Origin": "https://elsewhere.example.cn"}
    problem(system.call("PUT", "cases/A1", json=BODY, headers=elsewhere), 403)
    english = system.call("GET", "cases/A1", headers={"Accept-Language": "en"})
    assert english.headers["Content-Language"] == "en"
    assert english.get_json()["detail"] == "There is no case “A1”."


def test_a_database_out_of_use_is_a_problem_to_try_again_later(config: Config) -> None:
    app = create_app(config)
    app.test_client_class = Phone
    caller = Program(app, "dl_key")
    for answer in (caller.put("A1"), caller.get("A1"), caller.call("GET", "openapi.json")):
        assert "flask init" not in problem(answer, 503).detail
        assert int(answer.headers["Retry-After"]) > 0
    app.extensions["bureau"].db.close()


def test_numbers_are_percent_encoded_and_taken_as_they_are_written(system: Program) -> None:
    number = "蓉公（刑）立字〔2025〕00012号[1]_-"
    made = system.put(number)
    assert made.get_json()["case"] == number
    assert made.headers["Location"].isascii()
    followed = system.call("GET", made.headers["Location"].removeprefix("/api/v1/"))
    assert followed.get_json()["case"] == number
    assert system.put("蓉公(刑)立字(2025)00012号(1)_-").get_json()["result"] == "unchanged"
    for wrong in ("A.1", "A%201", "Ａ1", "A%2F1", "A%001", "A" * 65, "²", "%F0%9F%98%80"):
        assert flaws(system.put(wrong))[0].field == "number", wrong
        problem(system.get(wrong), 404)


def test_a_key_reaches_its_own_units_and_learns_nothing_of_others(
    bureau: Bureau, app: Flask, system: Program
) -> None:
    east = program(bureau, app, "east", EAST)
    assert east.put("E1").status_code == 201
    system.put("W1", unit=WEST, officer="周强", taken_in_at="2025-11-03 10:00:00")
    [refused] = flaws(east.put("E2", unit=WEST))
    assert (refused.field, refused.value) == ("unit", WEST)
    assert "不存在" in flaws(east.put("E2", unit="999"))[0].reason_zh
    assert problem(east.get("W1"), 404).detail == problem(east.get("W9"), 404).detail.replace(
        "W9", "W1"
    )
    before = system.filed("W1")
    for told in (BODY, BODY | {"taken_in_at": "2024-01-01", "reported_at": None, "parties": []}):
        answer = east.put("W1", **told)
        problem(answer, 409)
        assert not [secret for secret in ("周强", "10:00", WEST) if secret in answer.text]
    assert system.filed("W1") == before
    # Once it is moved to another branch it is out of reach, also for whoever handed it in.
    assert system.put("E1", unit=WEST).get_json()["result"] == "changed"
    problem(east.get("E1"), 404)
    problem(east.put("E1"), 409)


def test_a_number_that_belongs_to_another_matter_is_a_conflict(system: Program) -> None:
    system.put("A1", milestones=[FILED])
    stranger = [{"role": "complainant", "name": "陌生人"}]
    taken = {"reported_at": "2025-10-01 08:00", "taken_in_at": "2025-10-01 09:00"}
    assert flaws(system.put("A1", parties=stranger, **taken), 409)[0].field == "number"
    closed = {"step": "closure", "at": "2025-11-04", "outcome": "撤案"}
    assert flaws(system.put("A1", milestones=[closed]), 409)[0].field == "milestones.closure.at"
    assert system.filed("A1")["version"] == 1


def test_the_figures_are_those_of_the_command(bureau: Bureau, app: Flask, system: Program) -> None:
    system.put("E1", milestones=[FILED])
    system.put("W1", unit=WEST)
    period = {"from": "2025-11-01", "to": "2025-11-30", "cutoff": "2025-12-31"}
    for by in ("unit", "kind", "month", "officer"):
        options = [f"--{name}={value}" for name, value in (period | {"by": by}).items()]
        printed = app.test_cli_runner().invoke(args=["rates", "--format=json", *options])
        answer = system.call("GET", "rates", query_string=period | {"by": by})
        assert answer.text == printed.stdout.rstrip("\n") and '"taken_in": 2' in answer.text
    options = [f"--{name}={value}" for name, value in period.items()]
    printed = app.test_cli_runner().invoke(args=["rates", "--format=csv", *options])
    answer = system.call("GET", "rates", query_string=period | {"format": "csv"})
    assert (answer.mimetype, answer.data) == ("text/csv", printed.stdout_bytes)
    answer = system.call("GET", "rates", query_string=period | {"format": "xlsx"})
    sheet, notes = load_workbook(io.BytesIO(answer.data)).worksheets
    assert "spreadsheetml" in str(answer.mimetype) and sheet["B4"].value == 2
    assert "night" in {row[1] for row in notes.iter_rows(values_only=True)}
    east = program(bureau, app, "east", EAST)
    own = east.call("GET", "rates", query_string=period).get_json()
    assert (own["within"], own["total"]["taken_in"]) == (EAST, 1)
    station = east.call("GET", "rates", query_string=period | {"unit": STATION}).get_json()
    assert (station["within"], station["total"]["taken_in"]) == (STATION, 1)
    for unit in (WEST, "5101000000", "999", ""):
        problem(east.call("GET", "rates", query_string=period | {"unit": unit}), 404)
    problem(system.call("GET", "rates", query_string=period | {"unit": ""}), 404)
    wrong: list[tuple[dict[str, str], str]] = [
        ({"to": "2025-10-31"}, "to"),
        ({"from": "昨天"}, "from"),
        ({"cutoff": ""}, "cutoff"),
        ({"by": "moon"}, "by"),
        ({"format": "pdf"}, "format"),
        ({"cut_off": "2025-12-31"}, "cut_off"),
    ]
    for told, field in wrong:
        answer = system.call("GET", "rates", query_string=period | told)
        assert [one.field for one in flaws(answer)] == [field]
    assert flaws(system.call("GET", "rates?from=2025-11-01"))[0].field == "to"


def test_a_key_that_calls_too_often_waits_and_others_do_not(
    bureau: Bureau, app: Flask, system: Program
) -> None:
    other = program(bureau, app, "other")
    assert system.put("A1").status_code == 201
    # As many calls as are allowed in this window and, should it end meanwhile, in the next.
    bureau.db.run("DELETE FROM throttle")
    client = bureau.db.row("SELECT id FROM client WHERE name = 'night'")
    assert client
    start = int(datetime.now(UTC).timestamp()) // LIMIT.seconds * LIMIT.seconds
    for window in (start, start + LIMIT.seconds):
        bureau.db.run(
            "INSERT INTO throttle (bucket, window_start, hits) VALUES (:bucket, :start, :hits)",
            bucket=f"client {client['id']}",
            start=window,
            hits=LIMIT.tries,
        )
    for answer in (system.put("A1", officer="周强"), system.get("A1")):
        problem(answer, 429)
        assert int(answer.headers["Retry-After"]) > 0
    assert other.filed("A1")["officer"] == "李明"


def test_a_key_is_kept_as_a_hash_with_the_day_it_was_used(bureau: Bureau, system: Program) -> None:
    assert system.key.startswith("dl_") and len(system.key) > 30
    assert [one["used_day"] for one in clients(bureau.db)] == [None]
    before = {beijing_day(datetime.now(UTC)).isoformat()}
    system.get("A1")
    system.get("A1")
    used = {one["used_day"] for one in clients(bureau.db)}
    assert used <= before | {beijing_day(datetime.now(UTC)).isoformat()}
    kept = bureau.db.rows("SELECT * FROM client") + bureau.db.rows("SELECT * FROM trail_entry")
    assert not [one for one in kept if system.key in str(one)]


def test_one_number_handed_in_by_fifty_at_once_is_one_case(bureau: Bureau, app: Flask) -> None:
    east = program(bureau, app, "east", EAST)

    def hand_in(number: str) -> str:
        answer = east.put(number, milestones=[FILED], property=[PHONE])
        app.extensions["bureau"].db.close()
        assert answer.status_code in (200, 201), answer.text
        result: str = answer.get_json()["result"]
        return result

    with ThreadPoolExecutor(10) as pool:
        results = sorted(pool.map(hand_in, ["A1"] * 50))
        assert results == ["new"] + ["unchanged"] * 49
        assert set(pool.map(hand_in, [f"B{n}" for n in range(50)])) == {"new"}
    counted = {table: count(bureau, table) for table in ("cases", "party", "milestone", "property")}
    assert counted == {"cases": 51, "party": 51, "milestone": 102, "property": 51}
    entries = bureau.db.rows("SELECT action FROM trail_entry WHERE via = 'api'")
    assert [one["action"] for one in entries] == ["case.registered"] * 51
    assert not verify(bureau.db)


def test_what_staff_entered_by_hand_stands(bureau: Bureau, system: Program, tmp_path: Path) -> None:
    told = {name: BODY[name] for name in ("reported_at", "taken_in_at", "parties")}
    one = row(1, 案件编号="A1", 案件类别="刑事", 受理单位代码=STATION)
    House(bureau, tmp_path).at_desk(one, **told, officer="周强", milestones=[FILED])
    put = system.put("A1", officer="吴军", milestones=[FILED | {"at": "2025-11-06"}]).get_json()
    assert {one["field"] for one in put["warnings"]} == {"officer", "milestones.filing.at"}
    assert "“周强”" in put["warnings"][0]["reason_zh"]
    filed = system.filed("A1")
    assert (filed["officer"], filed["milestones"][1]["at"][:10]) == ("周强", "2025-11-05")


def test_keys_are_made_listed_and_ended_by_commands(
    app: Flask, bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    run = app.test_cli_runner().invoke
    made = run(args=["add-client", "night", "--unit", EAST])
    assert made.exit_code == 0 and "shown this once" in made.stderr
    [key] = made.stdout.splitlines()
    east = Program(app, key)
    assert east.put("E1").status_code == 201
    for args in (["night"], ["x", "--unit", "999"], [" "], ["x" * 41]):
        refused = run(args=["add-client", *args])
        assert refused.exit_code == 1 and not refused.stdout and "Error: " in refused.stderr
    [listed] = [json.loads(line) for line in run(args=["clients"]).stdout.splitlines()]
    assert (listed["name"], listed["unit"], listed["revoked_at"]) == ("night", EAST, None)
    assert listed["used_day"] and "key_hash" not in listed
    assert run(args=["revoke-client", "night"]).exit_code == 0
    assert run(args=["revoke-client", "night"]).exit_code == 1
    problem(east.get("E1"), 401)
    entries = bureau.db.rows("SELECT action FROM trail_entry ORDER BY position DESC LIMIT 3")
    actions = [one["action"] for one in entries]
    assert actions == ["client.revoked", "case.registered", "client.added"]
