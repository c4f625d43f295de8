"""The call-back desk: who is to be called, by whom and when, and what comes of it."""

import json
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from lookup import callbacks, trail
from lookup.bureau import Bureau, open_bureau
from lookup.cases import require_case
from lookup.database import Record
from lookup.entries import ACTIONS, said_entry
from lookup.errors import Conflict, NotFound
from lookup.feedback import enter_rating, rate
from lookup.records import CaseRefused
from lookup.staff import Staff
from lookup.trail import Actor, change
from tests.office import BUREAU, EAST, SISTER, STATION, Browser, browser_of, hire
from tests.public_cases import Phone, form_in, issue_of, put, site_of

NUMBER = "A5101040120261120001"
NOW = datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC)
CLOSING: dict[str, Any] = {
    "result": "put_right",
    "problem": "slow",
    "remedy": "已补发立案告知书",
    "responsible": "陈警官",
    "told": "告知书已补发给您，我们为耽误向您道歉。",
}


FILED = {"step": "filing", "at": "2026-11-18 10:00", "outcome": "filed"}
OFFICER = {"officer": "陈警官", "badge": "023456"}


@pytest.fixture
def issue(bureau: Bureau) -> Record:
    """The receipt of the complainant of a case that has been filed by somebody else."""
    return put(bureau, NUMBER, "2026-11-17 09:00", [FILED], NOW, **OFFICER)


def bad(bureau: Bureau, issue: Record, level: str = "2", now: datetime = NOW) -> Record:
    """The latest call-back after a rating."""
    with change(bureau.db, Actor(f"party {issue['party_id']}", "sms"), now) as ongoing:
        rate(bureau, ongoing, issue, "filing", level, [], secrets.token_hex(4))
    return tasks(bureau)[-1]


def tasks(bureau: Bureau) -> list[Record]:
    return bureau.db.rows("SELECT * FROM callback ORDER BY id")


def act(
    bureau: Bureau, who: Staff, do: Callable[..., object], *told: Any, now: datetime = NOW
) -> None:
    with change(bureau.db, who.actor, now) as ongoing:
        do(ongoing, who, *told)


def called(
    bureau: Bureau, who: Staff, task: Record, result: str = "reached", now: datetime = NOW
) -> None:
    made = len(callbacks.attempts_of(bureau.db, task["id"]))
    act(bureau, who, partial(callbacks.attempt, bureau), task["id"], result, "", made, now=now)


def closed(bureau: Bureau, who: Staff, task: Record, **told: str) -> Record:
    """A call-back after it was closed."""
    act(bureau, who, partial(callbacks.close, bureau), task["id"], CLOSING | told)
    return next(one for one in tasks(bureau) if one["id"] == task["id"])


def texts(bureau: Bureau) -> list[Record]:
    return bureau.db.rows("SELECT step, party_id FROM message WHERE template = 'callback'")


def recorded(bureau: Bureau) -> list[tuple[str, dict[str, Any]]]:
    rows = bureau.db.rows(
        """SELECT action, detail FROM trail_entry WHERE action LIKE 'callback.%'
        ORDER BY position"""
    )
    return [(row["action"].partition(".")[2], json.loads(row["detail"])) for row in rows]


def refused(bureau: Bureau, who: Staff, task: Record, **told: str) -> list[str]:
    """The fields because of which a closing is refused."""
    with pytest.raises(CaseRefused) as caught:
        closed(bureau, who, task, **told)
    return [one.field for one in caught.value.refusals()]


def caller(
    bureau: Bureau, login: str, unit: str = STATION, role: str = "callback_officer"
) -> Staff:
    return hire(bureau, login, role, unit, name=f"回访员{login}")


def test_a_bad_rating_is_called_back_and_goes_up_once_where_he_is_unhappy_still(
    bureau: Bureau, issue: Record
) -> None:
    """Fifteen working days; Friday 20 November 2026 counts from Monday."""
    who = caller(bureau, "call")
    first = bad(bureau, issue, "2")
    assert (first["cause"], first["unit"], first["due_day"]) == ("rating", STATION, "2026-12-11")
    # A newer bad rating is taken on, a good one changes nothing: the call is owed.
    again = bad(bureau, issue, "1")
    assert (again["id"], again["rating_id"]) == (first["id"], first["rating_id"] + 1)
    assert bad(bureau, issue, "5") == again
    called(bureau, who, first)
    done = closed(bureau, who, first)
    assert (done["owner_id"], done["closed_day"], done["closed_by"]) == (
        *(who.id, "2026-11-20"),
        who.actor.name,
    )
    # Unhappy still: up once, by the very same rating; and there it stays.
    raised = bad(bureau, issue, "1")
    assert (raised["unit"], raised["raised_from"]) == (EAST, first["id"])
    branch = caller(bureau, "branch", EAST)
    called(bureau, branch, raised)
    closed(bureau, branch, raised, result="explained")
    last = bad(bureau, issue, "1")
    assert (last["unit"], last["raised_from"], len(tasks(bureau))) == (EAST, None, 3)
    assert [name for name, _ in recorded(bureau)] == [
        *("opened", "taken", "attempted", "closed"),
        *("raised", "taken", "attempted", "closed", "opened"),
    ]
    told = recorded(bureau)[3][1]
    assert told == {"callback": first["id"], "result": "put_right", "problem": "slow"}
    assert "slow" not in said_of(bureau, "callback.closed")
    assert trail.verify(bureau.db) == []


def said_of(bureau: Bureau, action: str) -> str:
    row = bureau.db.row(
        "SELECT trail_entry.*, 'criminal' AS kind FROM trail_entry WHERE action = :action",
        action=action,
    )
    assert row
    said = said_entry(bureau, row)
    assert said.zh.startswith(ACTIONS[action].zh)
    return said.both()


def test_at_the_top_of_the_tree_nothing_can_go_up(bureau: Bureau) -> None:
    who = caller(bureau, "call", BUREAU)
    top = put(bureau, "TOP", "2026-11-17 09:00", [FILED], NOW, unit=BUREAU, **OFFICER)
    first = bad(bureau, top)
    called(bureau, who, first)
    closed(bureau, who, first)
    second = bad(bureau, top)
    assert (second["unit"], second["raised_from"]) == (BUREAU, None)


def test_who_is_drawn_is_called_once_and_a_trouble_found_counts_as_a_first_one(
    bureau: Bureau, issue: Record
) -> None:
    case, party = issue["case_id"], issue["party_id"]

    def draw(step: str = "filing", person: int = party) -> bool:
        with change(bureau.db, Actor("worker", "worker"), NOW) as ongoing:
            return callbacks.open_sample(bureau, ongoing, case, person, step)

    assert [draw(), draw(), draw("closure"), draw(person=party + 9)] == [True, False, False, False]
    who, (task,) = caller(bureau, "call"), tasks(bureau)
    assert (task["cause"], task["rating_id"], task["unit"]) == ("sample", None, STATION)
    assert bad(bureau, issue)["id"] == task["id"]
    called(bureau, who, task)
    content = {"problem": "", "remedy": "", "responsible": "", "told": "", "result": "content"}
    # Who has just said that he is not satisfied is not told that nothing was wrong.
    assert refused(bureau, who, task, **content) == ["result"]
    with change(bureau.db, Actor("party", "phone"), NOW) as ongoing:
        rate(bureau, ongoing, issue, "filing", "3", [], "better")
    closed(bureau, who, task, **content)
    assert (tasks(bureau)[0]["problem"], draw()) == ("none", False)
    assert bad(bureau, issue, "1")["raised_from"] == task["id"]
    bureau.db.run("DELETE FROM message")
    # Where all was well from the beginning there is nothing to read, and nothing to go up.
    assert draw("intake")
    other = tasks(bureau)[-1]
    called(bureau, who, other)
    closed(bureau, who, other, **content)
    assert texts(bureau) == []
    with change(bureau.db, Actor("party", "web"), NOW) as ongoing:
        rate(bureau, ongoing, issue, "intake", "1", [], "form")
    assert (tasks(bureau)[-1]["unit"], tasks(bureau)[-1]["raised_from"]) == (STATION, None)


def test_a_call_back_belongs_to_who_takes_it(bureau: Bureau, issue: Record) -> None:
    task = bad(bureau, issue)
    first, second = caller(bureau, "first"), caller(bureau, "second")
    chief = caller(bureau, "chief", EAST, "supervisor")
    act(bureau, first, callbacks.take, task["id"])
    act(bureau, first, callbacks.take, task["id"])
    for do in (
        partial(act, bureau, second, callbacks.take, task["id"]),
        partial(act, bureau, second, callbacks.take, task["id"], first.id),
        partial(act, bureau, second, callbacks.release, task["id"]),
        partial(called, bureau, second, task),
        partial(closed, bureau, second, task),
        # What her page showed is not so any more.
        partial(act, bureau, chief, callbacks.take, task["id"], second.id),
    ):
        with pytest.raises(Conflict, match="回访员first's at present"):
            do()
    act(bureau, chief, callbacks.take, task["id"], first.id)
    with pytest.raises(Conflict, match="回访员chief's"):
        act(bureau, first, callbacks.release, task["id"])
    act(bureau, chief, callbacks.release, task["id"])
    act(bureau, second, callbacks.release, task["id"])
    called(bureau, second, task)
    assert tasks(bureau)[0]["owner_id"] == second.id
    assert [name for name, _ in recorded(bureau)[1:]] == [
        *("taken", "taken", "released", "taken", "attempted"),
    ]
    for unit in (SISTER, "5101040200"):
        with pytest.raises(NotFound):
            act(bureau, caller(bureau, f"at.{unit}", unit), callbacks.take, task["id"])


def test_nobody_handles_what_is_about_himself_or_enters_his_own_rating(
    bureau: Bureau, issue: Record
) -> None:
    task = bad(bureau, issue)
    namesake = hire(bureau, "namesake", "callback_officer", name="陈警官")
    bureau.db.run("UPDATE staff SET badge = '023456' WHERE login = 'namesake'")
    himself = Staff(**vars(namesake) | {"badge": "023456"})
    unnumbered = Staff(**vars(namesake) | {"badge": ""})
    told = {"step": "filing", "level": "5", "tag": "", "nonce": "x"}
    for who in (himself, unnumbered):
        with pytest.raises(CaseRefused) as caught:
            act(bureau, who, callbacks.take, task["id"])
        assert "涉及您本人" in caught.value.refusals()[0].text.zh
        with pytest.raises(CaseRefused), change(bureau.db, who.actor) as ongoing:
            enter_rating(bureau, ongoing, who, issue, told)
    act(bureau, namesake, callbacks.take, task["id"])


def test_it_is_closed_only_after_calls_and_with_all_that_the_complainant_is_owed(
    bureau: Bureau, issue: Record
) -> None:
    who, task = caller(bureau, "call"), bad(bureau, issue)
    blank = dict.fromkeys(("problem", "remedy", "responsible", "told"), "")
    assert refused(bureau, who, task, **blank | {"result": ""}) == ["result"]
    assert refused(bureau, who, task, **blank) == [
        *("remedy", "responsible", "told", "result", "problem"),
    ]
    assert refused(bureau, who, task, told="长" * 501, problem="gone") == [
        *("told", "result", "problem"),
    ]
    # Three calls, but on two Beijing days: 15:59 and 16:00 UTC lie on either side of midnight.
    unreached = {**blank, "result": "unreached"}
    for at in ("2026-11-20T15:59", "2026-11-20T16:00", "2026-11-21T15:59"):
        called(bureau, who, task, "no_answer", datetime.fromisoformat(f"{at}:00+00:00"))
    assert refused(bureau, who, task, **unreached) == ["result"]
    assert refused(bureau, who, task) == ["result"]
    called(bureau, who, task, "no_answer", NOW + timedelta(days=2))
    assert closed(bureau, who, task, **unreached)["result"] == "unreached"
    assert texts(bureau) == []
    with pytest.raises(Conflict, match="回访员call call has closed this call-back"):
        closed(bureau, who, task)
    with pytest.raises(Conflict, match="Could not be reached"):
        act(bureau, who, callbacks.take, task["id"])

    second = bad(bureau, issue)
    who = caller(bureau, "branch", EAST)
    called(bureau, who, second, "refused")
    assert refused(bureau, who, second, result="content") == ["result"]
    done = closed(bureau, who, second, **blank | {"result": "declined"})
    assert (done["problem"], done["told"]) == ("", "")
    assert texts(bureau) == []  # he wanted no call, and there is nothing to read


def test_a_wrong_number_gets_no_more_texts_and_a_call_sent_twice_counts_once(
    bureau: Bureau, issue: Record
) -> None:
    who, task = caller(bureau, "call"), bad(bureau, issue)
    attempt = partial(act, bureau, who, partial(callbacks.attempt, bureau), task["id"])
    attempt("wrong_number", " 是别人 ", 0)
    for seen in (0, -1):
        with pytest.raises(Conflict, match="has just recorded a call \\(Wrong number\\)"):
            attempt("wrong_number", "", seen)
    for result, note in (("wrong", ""), ("reached", "长" * 201)):
        with pytest.raises(CaseRefused):
            attempt(result, note, 1)
    (made,) = callbacks.attempts_of(bureau.db, task["id"])
    assert (made["result"], made["note"], made["by"]) == ("wrong_number", "是别人", who.actor.name)
    (stopped,) = bureau.db.rows("SELECT * FROM stopped_number")
    assert (stopped["why"], bureau.seals.open(stopped["phone_sealed"])) == ("wrong", "13800138000")
    assert closed(bureau, who, task, result="explained")["problem"] == "slow"


def test_of_several_officers_at_once_one_gets_it(bureau: Bureau, issue: Record) -> None:
    task = bad(bureau, issue)
    crew = [caller(bureau, f"officer{n}") for n in range(4)]

    def at_once(do: Callable[[Bureau, Staff], object], who: Staff) -> str:
        own = open_bureau(bureau.config)
        try:
            do(own, who)
        except Conflict as error:
            return str(error)
        finally:
            own.db.close()
        return "done"

    def race(do: Callable[[Bureau, Staff], object], crew: list[Staff]) -> list[str]:
        with ThreadPoolExecutor(len(crew)) as pool:
            return sorted(pool.map(partial(at_once, do), crew))

    took = race(lambda own, who: act(own, who, callbacks.take, task["id"]), crew)
    (owner,) = [one for one in crew if one.id == tasks(bureau)[0]["owner_id"]]
    assert took == [
        f"This call-back is {owner.name}'s at present; what you typed was not saved."
    ] * 3 + ["done"]
    called(bureau, owner, task)
    ended = race(lambda own, who: closed(own, who, task), [owner] * 3)
    assert ended.count("done") == 1
    assert all(one == "done" or "has closed this call-back (Put right)" in one for one in ended)
    rated = race(lambda own, _: bad(own, issue, "1"), crew)
    assert (rated, len(tasks(bureau))) == (["done"] * 4, 2)
    assert [name for name, _ in recorded(bureau)].count("raised") == 1


# On the screen


def at_desk(bureau: Bureau, who: Staff) -> Browser:
    browser = browser_of(site_of(bureau))
    assert browser.log_in(who.login).status_code == 303
    return browser


def test_an_officer_calls_closes_and_takes_down_the_new_rating(
    bureau: Bureau, issue: Record
) -> None:
    who, task = caller(bureau, "call"), bad(bureau, issue)
    here, desk = f"/callbacks/{task['id']}", at_desk(bureau, who)
    page = desk.get("/callbacks/")
    assert f'href="{here}"' in page.text
    assert "未领办 1" in page.text
    page = desk.get(here)
    assert "138****8000" in page.text
    assert "张三" not in page.text
    for word in ("不满意", "陈警官", "023456", "蓉江市公安局的回访民警回访员call", "张*本人"):
        assert word in page.text
    shown = desk.post(f"{here}/open").text
    assert "13800138000" in shown
    assert "请问是张三本人" in shown
    assert (
        desk.post(f"{here}/attempts", result="reached", note="愿意谈", seen="0").status_code == 303
    )
    again = desk.post(f"{here}/attempts", result="reached", note="又写", seen="0")
    assert (again.status_code, 'value="又写"' in again.text) == (409, True)
    unfit = desk.post(f"{here}/close", **CLOSING | {"remedy": "", "told": "留着这句"})
    assert unfit.status_code == 422
    assert "留着这句</textarea>" in unfit.text
    assert 'id="closing-remedy-error"' in unfit.text
    assert "录入评价" not in unfit.text
    assert desk.post(f"{here}/close", **CLOSING).status_code == 303
    html = desk.get(here).text
    assert CLOSING["told"] in html
    nonce = re.search(r'name="nonce" value="([^"]+)"', html)
    assert nonce
    told: dict[str, Any] = {"level": "1", "tag": "no_news", "nonce": nonce[1]}
    unfit = desk.post(f"{here}/ratings", **told | {"tag": "friendly"})
    assert (unfit.status_code, "不能与这一评价同选" in unfit.text) == (422, True)
    for _ in range(2):
        assert desk.post(f"{here}/ratings", **told).status_code == 303
    given = bureau.db.rows("SELECT level, tags, via FROM rating ORDER BY id")[1:]
    assert given == [{"level": 1, "tags": '["no_news"]', "via": "phone"}]
    entries = bureau.db.rows("SELECT actor FROM trail_entry WHERE via = 'phone'")
    assert {one["actor"] for one in entries} == {who.actor.name}
    # It has gone up, out of this station's reach.
    assert [one["unit"] for one in tasks(bureau)] == [STATION, EAST]
    assert desk.get(f"/callbacks/{tasks(bureau)[-1]['id']}").status_code == 404


def test_who_may_not_is_kept_out(bureau: Bureau, issue: Record) -> None:
    task = bad(bureau, issue)
    here = f"/callbacks/{task['id']}"
    officer = at_desk(bureau, caller(bureau, "desk", role="desk_officer"))
    auditor = at_desk(bureau, caller(bureau, "audit", role="auditor"))
    sister = at_desk(bureau, caller(bureau, "sister", SISTER))
    himself = hire(bureau, "himself", "callback_officer", name="陈警官")
    bureau.db.run("UPDATE staff SET badge = '023456' WHERE login = 'himself'")
    own = at_desk(bureau, himself)
    for path in ("/callbacks/", here):
        assert officer.get(path).status_code == auditor.get(path).status_code == 403
    assert auditor.get("/callbacks/problems").status_code == 200
    for part in ("", "/take", "/release", "/open", "/attempts", "/close", "/ratings"):
        asked = sister.post if part else sister.get
        assert asked(f"{here}{part}").status_code == 404
        assert not part or own.get(f"{here}{part}").status_code == 405
    assert sister.get(f"/callbacks/{2**63}").status_code == 404
    assert "涉及您本人" in own.get(here).text
    for part in ("take", "open", "attempts", "close"):
        answer = own.post(f"{here}/{part}", result="reached", note="", problem="", **CLOSING_REST)
        assert (answer.status_code, "13800138000" in answer.text) == (422, False)
    assert len(recorded(bureau)) == 1


CLOSING_REST: dict[str, Any] = {"remedy": "", "responsible": "", "told": "", "seen": "0"}


def test_a_rating_told_at_the_desk_is_entered_on_the_case_file(
    bureau: Bureau, issue: Record
) -> None:
    who = caller(bureau, "desk", role="supervisor")
    desk, case = at_desk(bureau, who), f"/desk/cases/{NUMBER}"
    party = str(issue["party_id"])
    assert "还没有评价" in desk.get(case).text
    told: dict[str, Any] = {
        "party": party,
        "step": "filing",
        "level": "2",
        "tag": "",
        "nonce": "n1",
    }
    for wrong in ({"level": ""}, {"step": "closure"}, {"tag": "friendly"}):
        assert desk.post(f"{case}/ratings", **told | wrong).status_code == 422
    assert desk.post(f"{case}/ratings", **told | {"party": str(10**30)}).status_code == 404
    for _ in range(2):
        assert desk.post(f"{case}/ratings", **told).status_code == 303
    page = desk.get(case).text
    (task,) = tasks(bureau)
    assert f'href="/callbacks/{task["id"]}"' in page
    assert "报案人 张*" in page
    rows = bureau.db.rows("SELECT via, level FROM rating")
    assert rows == [{"via": "desk", "level": 2}]
    call = caller(bureau, "call")
    assert at_desk(bureau, call).post(f"{case}/ratings", **told).status_code == 403
    with change(bureau.db, Actor("test", "command")) as ongoing:
        ongoing.db.run("UPDATE party SET forgotten_at = '2026-11-20T00:00:00Z'")
    gone = desk.post(f"{case}/ratings", **told | {"nonce": "n2", "level": "1"})
    assert (gone.status_code, len(tasks(bureau))) == (409, 1)
    assert "没有回访任务" in desk.get("/callbacks/?list=open").text
    with pytest.raises(Conflict, match="nobody to call any more"):
        act(bureau, call, callbacks.take, task["id"])


def test_a_withheld_case_is_still_called_about_but_nothing_goes_out(
    bureau: Bureau, issue: Record
) -> None:
    who, task = caller(bureau, "call"), bad(bureau, issue)
    later, hidden = NOW + timedelta(hours=1), OFFICER | {"withheld_reason": "privacy"}
    put(bureau, NUMBER, "2026-11-17 09:00", [FILED], later, **hidden)
    desk = at_desk(bureau, who)
    assert "不予公开，当面联系" in desk.get("/callbacks/").text
    assert "查询页也不显示" in desk.get(f"/callbacks/{task['id']}").text
    called(bureau, who, task)
    closed(bureau, who, task)
    assert texts(bureau) == []
    page = desk.get(f"/callbacks/{task['id']}").text
    assert "录入评价" not in page
    with pytest.raises(Conflict), change(bureau.db, who.actor) as ongoing:
        told = {"step": "filing", "level": "1", "tag": "", "nonce": "n"}
        enter_rating(bureau, ongoing, who, issue, told)


def test_the_complainant_reads_when_he_is_called_what_came_of_it_and_that_it_went_up(
    bureau: Bureau, issue: Record
) -> None:
    client = site_of(bureau).test_client()
    assert isinstance(client, Phone)
    page = client.scan(bureau, issue).text
    assert "这项评价记到：锦江路派出所 陈警官" in page
    sent = form_in(page, "/case/ratings", "filing") | {"level": "2"}
    assert client.post("/case/ratings", data=sent).status_code == 303
    (task,) = tasks(bureau)
    assert re.search(r"我们将在[\d年]*\d+月\d+日（周.）前回访您", client.get("/case").text)
    bureau.db.run("UPDATE callback SET due_day = '2026-01-05', provisional = 1")
    late = client.get("/case").text
    assert re.search(r"本应在(2026年)?1月5日（周一）前回访您，现已超期", late)
    assert "暂定" in late
    who = caller(bureau, "call")
    called(bureau, who, task)
    closed(bureau, who, task, told="<b>已补发</b>")
    page = client.get("/case").text
    for word in ("回访结果 <b>已整改</b>", "&lt;b&gt;已补发&lt;/b&gt;", "您还可以再评价一次"):
        assert word in page
    assert CLOSING["remedy"] not in page
    sent = form_in(page, "/case/ratings", "filing") | {"level": "2"}
    assert client.post("/case/ratings", data=sent).status_code == 303
    page = client.get("/case?lang=en").text
    assert "Handed to the unit above" in page
    assert "城东分局" in page
    assert "We will call you by" in page
    assert require_case(bureau.db, NUMBER)["unit"] == STATION
    assert issue_of(bureau, NUMBER)["party_id"] == issue["party_id"]
