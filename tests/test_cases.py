"""Cases handed in as the API and the desk do: what a register cannot say, and two at once."""

import multiprocessing
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from lookup.beijing import Moment
from lookup.bodies import Bounds, read_case
from lookup.bureau import Bureau, open_bureau
from lookup.cases import AsOf, Put, find_case, put_case, require_case
from lookup.config import Config
from lookup.database import Record
from lookup.errors import NotFound
from lookup.materials import receive_material, request_materials
from lookup.records import CaseRefused
from lookup.trail import Actor, change, verify
from lookup.units import unit_codes

NOW = datetime(2026, 11, 20, 8, 0, 0, tzinfo=UTC)
SYSTEM, DESK = Actor("client", "api"), Actor("李警官", "desk")
BODY: dict[str, Any] = {
    "number": "A2026001",
    "kind": "criminal",
    "unit": "5101040101",
    "name": "王某被盗窃案",
    "officer": "赵明",
    "badge": "012345",
    "channel": "counter",
    "reported_at": "2026-11-02 09:00:00",
    "taken_in_at": "2026-11-02 10:00:00",
    "parties": [{"role": "complainant", "name": "王娟", "phone": "19900000001"}],
}
FILED = {"step": "filing", "at": "2026-11-04 09:00:00", "outcome": "filed"}
REFUSED = FILED | {"outcome": "refused"}
NOTICE = {"step": "notice", "at": "2026-11-05"}
BAIL = {"step": "measure", "at": "2026-11-06", "outcome": "bail"}
CLOSED = {"step": "closure", "at": "2026-11-10", "outcome": "withdrawn"}


def put(
    bureau: Bureau,
    actor: Actor = SYSTEM,
    *,
    as_of: datetime = NOW,
    stated: bool = True,
    **told: Any,
) -> Put:
    bounds = Bounds(bureau.kinds, unit_codes(bureau.db), Moment.of(NOW))
    with change(bureau.db, actor) as ongoing:
        return put_case(bureau, ongoing, read_case(BODY | told, bounds), AsOf(as_of, stated))


def of(bureau: Bureau, table: str) -> list[Record]:
    case = require_case(bureau.db, "A2026001")
    return bureau.db.rows(f"SELECT * FROM {table} WHERE case_id = :id ORDER BY 1", id=case["id"])


def steps(bureau: Bureau) -> dict[str, Record]:
    return {row["step"]: row for row in of(bureau, "milestone")}


def names(bureau: Bureau) -> list[tuple[str, str, str]]:
    return [
        (one["role"], bureau.seals.open(one["name_sealed"]), bureau.seals.open(one["phone_sealed"]))
        for one in of(bureau, "party")
    ]


# Parties


def test_several_people_follow_one_case_each_in_a_role(bureau: Bureau) -> None:
    told = [
        {"role": "complainant", "name": "王娟", "phone": "19900000001"},
        {"role": "被害人", "name": "王小宝"},
        {"role": "guardian", "name": "王娟", "phone": "19900000001"},
    ]
    put(bureau, parties=told)
    assert put(bureau, parties=told).result == "unchanged"
    assert names(bureau) == [
        ("complainant", "王娟", "19900000001"),
        ("victim", "王小宝", ""),
        ("guardian", "王娟", "19900000001"),
    ]


def test_nobody_is_removed_and_somebody_new_is_added(bureau: Bureau) -> None:
    victims = [{"role": "victim", "name": name} for name in ("甲一", "乙二")]
    put(bureau, parties=BODY["parties"] + victims)
    assert put(bureau, parties=[{"role": "victim", "name": "丙三"}, *BODY["parties"]]).result == (
        "changed"
    )
    assert [name for _, name, _ in names(bureau)] == ["王娟", "甲一", "乙二", "丙三"]


def test_two_namesakes_keep_their_own_phones(bureau: Bureau) -> None:
    namesakes = [{"role": "victim", "name": "王伟", "phone": f"1990000000{n}"} for n in (2, 3)]
    put(bureau, parties=namesakes)
    for told in (namesakes, namesakes[::-1], [{"role": "victim", "name": "王伟"}]):
        assert put(bureau, parties=told).result == "unchanged"
    assert [phone for _, _, phone in names(bureau)] == ["19900000002", "19900000003"]


def test_people_without_names_are_told_apart_by_phone(bureau: Bureau) -> None:
    nameless = [{"role": "victim", "phone": f"1990000000{n}"} for n in (2, 3)]
    put(bureau, parties=nameless)
    assert put(bureau, parties=nameless).result == "unchanged"
    named = {"role": "victim", "name": "王伟", "phone": "19900000003"}
    put(bureau, parties=[nameless[0], named])
    assert names(bureau) == [("victim", "", "19900000002"), ("victim", "王伟", "19900000003")]


def test_a_blank_complainant_adds_nobody_to_those_on_file(bureau: Bureau) -> None:
    put(bureau, parties=[{"role": "complainant", "name": name} for name in ("甲一", "乙二")])
    assert put(bureau, parties=[]).result == "unchanged"
    assert len(names(bureau)) == 2


def test_somebody_who_gives_no_name_is_a_party_too(bureau: Bureau) -> None:
    put(bureau, parties=[])
    assert names(bureau) == [("complainant", "", "")]
    put(bureau, parties=[{"role": "complainant", "name": "王娟", "phone": "19900000001"}])
    assert names(bureau) == [("complainant", "王娟", "19900000001")]


# Kind and unit


def test_a_case_may_change_its_kind_and_its_days_with_it(bureau: Bureau) -> None:
    put(bureau, milestones=[{"step": "filing", "extended_days": 30, "approved_by": "赵局"}])
    put(bureau, kind="administrative", milestones=[FILED])
    case = require_case(bureau.db, "A2026001")
    assert case["kind"] == "administrative"
    clocks = {row["step"]: row for row in of(bureau, "clock")}
    assert clocks["filing"]["due_day"] == "2026-11-02"
    assert (clocks["closure"]["days"], clocks["filing"]["extended"]) == (30, 0)


@pytest.mark.parametrize("told", [[REFUSED, NOTICE], [FILED, BAIL], [FILED, CLOSED]])
def test_a_kind_that_lacks_a_step_on_file_is_refused(
    bureau: Bureau, told: list[dict[str, str]]
) -> None:
    put(bureau, milestones=told)
    kept = of(bureau, "milestone")
    with pytest.raises(CaseRefused) as caught:
        put(bureau, kind="administrative", officer="新警官")
    (refused,) = caught.value.refusals()
    assert refused.field == "kind"
    assert told[-1]["step"] in refused.text.zh
    assert of(bureau, "milestone") == kept
    assert require_case(bureau.db, "A2026001")["officer"] == "赵明"


def test_a_kind_corrected_by_hand_rules_the_case(bureau: Bureau) -> None:
    put(bureau)
    put(bureau, DESK, kind="administrative")
    told = put(bureau, milestones=[FILED])
    assert (told.result, [warning.field for warning in told.warnings]) == ("changed", ["kind"])
    assert "行政" in told.warnings[0].text.zh
    assert "Criminal" in told.warnings[0].text.en
    clocks = {row["step"]: row["due_day"] for row in of(bureau, "clock")}
    assert clocks["filing"] == "2026-11-02"
    with pytest.raises(CaseRefused) as caught:
        put(bureau, milestones=[FILED, BAIL])
    assert {refused.field for refused in caught.value.refusals()} == {"kind"}


def test_a_case_that_moves_leaves_its_former_unit_in_the_trail(bureau: Bureau) -> None:
    put(bureau)
    moved = {"step": "transfer", "at": "2026-11-03"}
    put(bureau, unit="5101040201", officer="孙接", milestones=[moved])
    found = steps(bureau)
    assert [found[step]["unit"] for step in ("intake", "transfer")] == ["5101040101", "5101040201"]
    entry = bureau.db.rows("SELECT * FROM trail_entry WHERE action = 'case.changed'")[0]
    assert '"unit":["5101040101","5101040201"]' in entry["detail"]


def test_a_blank_officer_leaves_a_new_step_with_the_one_on_file(bureau: Bureau) -> None:
    put(bureau)
    put(bureau, officer="", milestones=[FILED])
    assert steps(bureau)["filing"]["officer"] == "赵明"


# Order of what is told


def test_hand_ins_that_arrive_in_the_wrong_order_leave_the_newest(bureau: Bureau) -> None:
    put(bureau, as_of=NOW, officer="第三", milestones=[FILED, CLOSED])
    for hours, officer, told in ((2, "第二", [FILED]), (3, "第一", [])):
        late = put(bureau, as_of=NOW - timedelta(hours=hours), officer=officer, milestones=told)
        assert late.result == "unchanged"
        assert [warning.field for warning in late.warnings] == ["number"]
    assert require_case(bureau.db, "A2026001")["officer"] == "第三"
    assert set(steps(bureau)) == {"intake", "filing", "closure"}


def test_a_newer_hand_in_corrects_whatever_it_tells(bureau: Bureau) -> None:
    put(bureau, as_of=NOW - timedelta(days=1), milestones=[FILED, CLOSED])
    told = put(bureau, as_of=NOW, officer="新警官", milestones=[FILED])
    assert told.result == "changed"
    assert set(steps(bureau)) == {"intake", "filing", "closure"}


def test_an_undated_hand_in_that_lacks_a_step_is_left_alone(bureau: Bureau) -> None:
    put(bureau, stated=False, milestones=[FILED])
    told = put(bureau, stated=False, as_of=NOW + timedelta(hours=1), officer="旧警官")
    assert (told.result, len(told.warnings)) == ("unchanged", 1)


def test_the_desk_may_write_though_the_register_tells_up_to_tonight(bureau: Bureau) -> None:
    put(bureau, as_of=NOW + timedelta(hours=8), milestones=[FILED])
    assert put(bureau, DESK, as_of=NOW, officer="新警官").result == "changed"
    assert put(bureau, DESK, officer="新警官", milestones=[CLOSED]).result == "changed"
    later = put(bureau, as_of=NOW + timedelta(hours=9), milestones=[FILED])
    assert [warning.field for warning in later.warnings] == ["officer"]


# Withholding


def test_what_the_desk_withholds_waits_for_a_second_person_and_is_hidden_meanwhile(
    bureau: Bureau,
) -> None:
    put(bureau, DESK, withheld_reason="privacy", milestones=[FILED])
    (live,) = of(bureau, "withholding")
    assert (live["approved_at"], live["approved_by"]) == (None, "")
    assert {row["visible_at"] for row in of(bureau, "milestone")} == {None}
    for told in ("", None):
        assert put(bureau, withheld_reason=told, milestones=[FILED]).result == "unchanged"
    assert put(bureau, DESK, withheld_reason="privacy", milestones=[FILED]).result == "unchanged"
    assert of(bureau, "withholding") == [live]


def test_the_case_system_approves_what_the_desk_only_asked_for(bureau: Bureau) -> None:
    put(bureau, DESK, withheld_reason="minor")
    assert put(bureau, withheld_reason="minor").result == "changed"
    assert put(bureau, withheld_reason="minor").result == "unchanged"
    asked, approved = of(bureau, "withholding")
    assert (asked["ended_at"], approved["ended_at"]) == (approved["requested_at"], None)
    assert (approved["approved_at"], approved["via"]) == (approved["requested_at"], "api")


def test_what_two_at_the_desk_withheld_stays_withheld(bureau: Bureau) -> None:
    put(bureau, DESK, withheld_reason="privacy")
    bureau.db.run("UPDATE withholding SET approved_at = requested_at, approved_by = '赵局'")
    kept = of(bureau, "withholding")
    for told in ("", "secret", None):
        assert put(bureau, withheld_reason=told).result == "unchanged"
    assert of(bureau, "withholding") == kept


# Materials


def test_materials_are_listed_once_and_ticked_off(bureau: Bureau) -> None:
    put(bureau)
    case = require_case(bureau.db, "a2026001")
    with change(bureau.db, DESK) as ongoing:
        request_materials(ongoing, case, ["身份证复印件", "购物发票", "购物发票"])
        receive_material(ongoing, case, "购物发票", date(2026, 11, 3))
    with change(bureau.db, DESK) as ongoing:
        assert request_materials(ongoing, case, ["购物发票"]) == []
        receive_material(ongoing, case, "购物发票", date(2026, 11, 3))
    assert [(row["name"], row["received_day"]) for row in of(bureau, "material")] == [
        ("身份证复印件", None),
        ("购物发票", "2026-11-03"),
    ]


def test_a_case_is_found_however_its_number_is_written(bureau: Bureau) -> None:
    put(bureau)
    assert require_case(bureau.db, "ａ 2026001")["number"] == "A2026001"
    assert find_case(bureau.db, "A2026002") is None
    with pytest.raises(NotFound, match="A2026002"):
        require_case(bureau.db, "A2026002")


# Two at once

CALLERS = 4


def _hand_in(config: Config, caller: int, rounds: int, gate: Any, results: Any) -> None:
    """A process that hands in new cases, then a step of one case, as others do the same."""
    bureau = open_bureau(config)
    gate.wait()
    said = []
    for n in range(rounds):
        said.append(put(bureau, number=f"NEW{n}").result)
        said.append(put(bureau, DESK, number="OLD", remark=f"{caller}:{n}").result)
    said.append(put(bureau, number="OLD", milestones=[[FILED], [FILED, CLOSED]][caller % 2]).result)
    results.put(said)
    bureau.db.close()


def test_processes_that_hand_in_the_same_cases_at_once_take_turns(bureau: Bureau) -> None:
    put(bureau, number="OLD")
    spawn = multiprocessing.get_context("spawn")
    gate, results = spawn.Barrier(CALLERS), spawn.Queue()
    rounds = 5
    workers = [
        spawn.Process(target=_hand_in, args=(bureau.config, n, rounds, gate, results))
        for n in range(CALLERS)
    ]
    for worker in workers:
        worker.start()
    said = [one for _ in workers for one in results.get(timeout=120)]
    for worker in workers:
        worker.join(timeout=60)
        assert worker.exitcode == 0
    assert said.count("new") == rounds
    assert bureau.db.rows("SELECT COUNT(*) AS n FROM cases") == [{"n": rounds + 1}]
    assert bureau.db.rows("SELECT COUNT(*) AS n FROM party") == [{"n": rounds + 1}]
    old = require_case(bureau.db, "OLD")
    changes = bureau.db.rows(
        "SELECT * FROM trail_entry WHERE case_number = 'OLD' AND action = 'case.changed'"
    )
    assert old["version"] == 1 + len(changes) == 1 + said.count("changed")
    assert len(changes) >= CALLERS * rounds
    found = bureau.db.rows("SELECT step FROM milestone WHERE case_id = :id", id=old["id"])
    assert {row["step"] for row in found} == {"intake", "filing", "closure"}
    assert verify(bureau.db) == []
