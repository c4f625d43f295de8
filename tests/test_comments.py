"""What parties write and the answers: by when, by whom, and who must not see it."""

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from flask import Flask

from lookup import comments, inbox
from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.comments import A_DAY, answer, comment, comments_of, forward, note, recategorise
from lookup.database import Record
from lookup.entries import entries_of, said_entry
from lookup.errors import Conflict, NotFound, Refused
from lookup.purging import due, purge
from lookup.staff import Staff
from lookup.trail import Actor, change, verify
from tests.office import BUREAU, EAST, SISTER, STATION, WEST, Browser, at_work, hire
from tests.public_cases import CLERK, Phone, days_ago, form_in, put, site_of

NUMBER = "A5101040120261120001"
# Before the holidays of October 2026, whose days off end with a Saturday worked.
EVE = datetime(2026, 9, 30, 15, 59, tzinfo=UTC)
QUESTION, REPORT = "请问什么时候有结果？", "办案民警收了对方的烟"


@pytest.fixture
def issue(bureau: Bureau) -> Record:
    """The receipt of the complainant of a case of the station."""
    return put(bureau, NUMBER, days_ago(1))


def say(
    bureau: Bureau, issue: Record, body: str, category: str = "", now: datetime | None = None
) -> int:
    """Send a comment; its id."""
    with change(bureau.db, Actor(f"party {issue['party_id']}", "web"), now) as ongoing:
        form = f"{body} {ongoing.now} {category}"
        comment(bureau, ongoing, issue, body, form, category)
    return int(bureau.db.rows("SELECT MAX(id) AS id FROM comment")[0]["id"])


def kept(bureau: Bureau, comment_id: int) -> Record:
    [row] = bureau.db.rows("SELECT * FROM comment WHERE id = :id", id=comment_id)
    return row


def told(bureau: Bureau, action: str) -> list[tuple[str, Record]]:
    """Case number and detail of the entries of an action."""
    rows = bureau.db.rows(
        "SELECT * FROM trail_entry WHERE action = :action ORDER BY position", action=action
    )
    assert all(said_entry(bureau, row).zh for row in rows)
    return [(row["case_number"], json.loads(row["detail"])) for row in rows]


def listed(browser: Browser, which: str = "open", **asked: str) -> list[int]:
    """The ids on the first page of a list, in its order."""
    page = browser.get("/desk/comments/", query_string={"list": which, **asked})
    assert page.status_code == 200
    return [int(one) for one in re.findall(r'href="/desk/comments/(\d+)"', page.text)]


def read_page(bureau: Bureau, issue: Record, app: Flask | None = None) -> str:
    """What the complainant reads."""
    phone = (app or site_of(bureau)).test_client()
    assert isinstance(phone, Phone)
    return phone.scan(bureau, issue).text


# By when and by whom


def test_each_category_has_its_own_deadline_in_working_days_and_its_addressee(
    bureau: Bureau, issue: Record
) -> None:
    for category, made, last_day, provisional, unit in (
        ("", EVE, "2026-10-09", 0, STATION),
        ("inquiry", EVE + timedelta(minutes=1), "2026-10-09", 0, STATION),
        ("report", EVE, "2026-10-13", 0, EAST),
        ("complaint", datetime(2026, 12, 18, tzinfo=UTC), "2027-01-08", 1, STATION),
        ("thanks", EVE, None, 0, STATION),
    ):
        row = kept(bureau, say(bureau, issue, f"{category}？", category, made))
        found = (row["category"], row["due_day"], row["provisional"], row["unit"])
        assert found == (category or "inquiry", last_day, provisional, unit)
        assert row["about"] == STATION


def test_what_is_not_offered_and_too_much_in_a_day_is_refused(
    bureau: Bureau, issue: Record
) -> None:
    with pytest.raises(Refused, match="Question, Suggestion, Complaint"):
        say(bureau, issue, QUESTION, "gossip")
    for n in range(A_DAY):
        say(bureau, issue, f"第{n}条", now=EVE)
    with pytest.raises(Refused, match="send this one tomorrow"):
        say(bureau, issue, QUESTION, now=EVE)
    # The same form again is none too many; nor is the first of the next Beijing day.
    say(bureau, issue, "第0条", now=EVE)
    say(bureau, issue, QUESTION, now=EVE + timedelta(minutes=1))
    assert len(comments_of(bureau.db, issue["party_id"])) == A_DAY + 1


def test_a_report_about_the_unit_that_nothing_stands_above_stays_there(bureau: Bureau) -> None:
    top = put(bureau, "A1", days_ago(1), unit=BUREAU)
    assert kept(bureau, say(bureau, top, REPORT, "report"))["unit"] == BUREAU
    assert comments.recipients(bureau, kept(bureau, 1) | {"case_unit": BUREAU}) == {}
    assert "由上级单位答复" not in read_page(bureau, top)


# A report, and who must not see it


def test_a_report_is_nowhere_to_be_seen_at_the_station_it_is_about(
    bureau: Bureau, issue: Record
) -> None:
    app = site_of(bureau)
    report, question = say(bureau, issue, REPORT, "report"), say(bureau, issue, QUESTION)
    station, chief = at_work(bureau, app=app), at_work(bureau, "supervisor", app=app)
    branch = at_work(bureau, "supervisor", EAST, app=app)
    page, file = f"/desk/comments/{report}", f"/desk/cases/{NUMBER}"
    seen_as = f"{file}/as/{issue['party_id']}"
    for browser in (station, chief):
        assert listed(browser) == [question]
        assert browser.get(page).status_code == 404
        for act in ("answer", "forward", "category", "notes"):
            assert browser.post(f"{page}/{act}", answer="x", note="x").status_code == 404
        for text in (REPORT[:2], REPORT):
            assert listed(browser, q=text) == []
        for place in (file, f"{file}?record=all", seen_as):
            shown = browser.get(place).text
            assert QUESTION in shown and REPORT not in shown and f'{page}"' not in shown
    assert "举报" not in chief.get("/desk/record?action=comment.made").text
    with change(bureau.db, CLERK) as ongoing:
        boss = hire(bureau, "boss", "supervisor", EAST)
        note(bureau, ongoing, boss, report, "已约谈")
    # The officer in charge does not answer what is said about his own case.
    assert branch.post(f"{page}/answer", answer="已查实并处理。").status_code == 422
    bureau.db.run("UPDATE cases SET officer = '陈静', badge = '000001'")
    assert branch.post(f"{page}/answer", answer="{number} 已查实").status_code == 422
    assert branch.post(f"{page}/answer", answer="已查实并处理。").status_code == 303
    # Nor does the station learn of it by a text that failed.
    bureau.db.run("UPDATE message SET state = 'failed' WHERE comment_id = :id", id=report)
    [failed] = bureau.db.rows("SELECT id FROM message WHERE state = 'failed'")
    outbox, decide = "/callbacks/messages", f"/callbacks/messages/{failed['id']}"
    assert NUMBER not in chief.get(outbox).text and NUMBER in branch.get(outbox).text
    assert chief.post(f"{decide}/left").status_code == 404
    assert branch.post(f"{decide}/left").status_code == 303
    assert "不再发送" not in station.get(f"{file}?record=all").text
    # Not in the record of the case either, though the record as a whole has all of it.
    entries = entries_of(bureau.db, NUMBER)
    assert [row["detail"] for row in entries if f'"comment":{report}' in row["detail"]] == []
    assert [told(bureau, f"comment.{what}")[0][0] for what in ("made", "noted", "answered")] == [
        ""
    ] * 3
    assert REPORT not in station.get(file).text
    # The branch sees both, and the complainant reads who answered.
    assert REPORT in branch.get(file).text and REPORT in branch.get(seen_as).text
    assert listed(branch, "answered") == [report] and listed(branch) == [question]
    public = read_page(bureau, issue, app)
    assert "已查实并处理。" in public and "<small>城东分局 " in public
    assert "已约谈" not in public and "李明" not in public.split('id="comments"')[1]


def test_a_report_never_goes_to_the_unit_it_is_about_though_the_case_has_moved(
    bureau: Bureau, issue: Record
) -> None:
    report = say(bureau, issue, REPORT, "report")
    boss = hire(bureau, "boss", "supervisor", BUREAU)
    put(bureau, NUMBER, days_ago(1), unit=WEST, officer="王芳")
    row = comments.reach_comment(bureau.db, BUREAU, report)
    assert set(comments.recipients(bureau, row)) == {BUREAU, "5101040200", SISTER}
    for unit in (STATION, WEST, EAST, "nowhere", ""):
        with (
            pytest.raises(Refused, match="Choose another unit"),
            change(bureau.db, boss.actor) as ongoing,
        ):
            forward(bureau, ongoing, boss, report, unit, "请办理")
    with change(bureau.db, boss.actor) as ongoing:
        forward(bureau, ongoing, boss, report, SISTER, "异地核查")
    assert told(bureau, "comment.forwarded") == [("", {"comment": report, "unit": [EAST, SISTER]})]
    # That it is put in another category shows it to nobody yet.
    with change(bureau.db, boss.actor) as ongoing:
        recategorise(bureau, ongoing, boss, report, "inquiry")
    assert kept(bureau, report)["unit"] == SISTER
    assert told(bureau, "comment.recategorised")[0][0] == ""
    with change(bureau.db, boss.actor) as ongoing:
        recategorise(bureau, ongoing, boss, report, "report")
    assert kept(bureau, report)["unit"] == EAST


def test_what_waits_for_an_answer_goes_with_its_case_to_another_unit(
    bureau: Bureau, issue: Record
) -> None:
    open_one, report = say(bureau, issue, QUESTION), say(bureau, issue, REPORT, "report")
    settled = say(bureau, issue, "谢谢", "complaint")
    clerk = hire(bureau, "clerk", "desk_officer", name="周敏")
    bureau.db.run("UPDATE cases SET badge = ''")
    with change(bureau.db, clerk.actor) as ongoing:
        answer(bureau, ongoing, clerk, settled, "已处理。")
    put(bureau, NUMBER, days_ago(1), unit=WEST, officer="王芳")
    found = {one: kept(bureau, one)["unit"] for one in (open_one, report, settled)}
    assert found == {open_one: WEST, report: EAST, settled: STATION}


def test_a_category_that_is_offered_no_more_is_taken_for_a_report(
    bureau: Bureau, issue: Record
) -> None:
    old = say(bureau, issue, QUESTION)
    bureau.db.run("UPDATE comment SET category = 'former'")
    clerk = hire(bureau, "clerk", "desk_officer", name="周敏")
    bureau.db.run("UPDATE cases SET badge = ''")
    with pytest.raises(Refused), change(bureau.db, clerk.actor) as ongoing:
        forward(bureau, ongoing, clerk, old, STATION, "请办理")
    with change(bureau.db, clerk.actor) as ongoing:
        answer(bureau, ongoing, clerk, old, "好")
    assert told(bureau, "comment.answered")[0][0] == ""
    assert "former" in read_page(bureau, issue)


# Handled


def test_a_comment_put_in_another_category_has_its_clock_from_when_it_was_made(
    bureau: Bureau, issue: Record
) -> None:
    clerk = hire(bureau, "clerk", "desk_officer", BUREAU)
    one = say(bureau, issue, QUESTION, now=EVE)
    for code, last_day, unit in (
        ("complaint", "2026-10-24", STATION),
        ("report", "2026-10-13", EAST),
        ("thanks", None, EAST),
    ):
        with change(bureau.db, clerk.actor) as ongoing:
            recategorise(bureau, ongoing, clerk, one, code)
        row = kept(bureau, one)
        assert (row["category"], row["unit"]) == (code, unit)
        assert row["due_day"] == last_day or code == "complaint"
    with change(bureau.db, clerk.actor) as ongoing:
        recategorise(bureau, ongoing, clerk, one, "suggestion")
        forward(bureau, ongoing, clerk, one, WEST, "请办理")
        # What was forwarded stays there, and what it was already is no change.
        recategorise(bureau, ongoing, clerk, one, "inquiry")
        recategorise(bureau, ongoing, clerk, one, "inquiry")
        with pytest.raises(Refused, match="Please choose"):
            recategorise(bureau, ongoing, clerk, one, "")
    assert (kept(bureau, one)["unit"], kept(bureau, one)["due_day"]) == (WEST, "2026-10-09")
    numbers = [number for number, _ in told(bureau, "comment.recategorised")]
    assert numbers == [NUMBER, "", "", NUMBER, NUMBER]
    assert verify(bureau.db) == []


def test_a_forwarded_comment_leaves_one_desk_for_another_with_its_clock_running(
    bureau: Bureau, issue: Record
) -> None:
    app = site_of(bureau)
    one = say(bureau, issue, QUESTION)
    last_day = kept(bureau, one)["due_day"]
    here, there = at_work(bureau, app=app), at_work(bureau, "callback_officer", SISTER, app=app)
    page = f"/desk/comments/{one}"
    refused = here.post(f"{page}/forward", unit=SISTER, why=" ")
    assert refused.status_code == 422 and f'value="{SISTER}" selected' in refused.text
    assert there.get(page).status_code == 404
    done = here.post(f"{page}/forward", unit=SISTER, why="当事人现住牛市口")
    assert (done.status_code, done.location) == (303, "/desk/comments/")
    assert "留言已转交" in here.get("/desk/comments/").text
    # Whoever still had the page open keeps what was typed there.
    late = here.post(f"{page}/answer", answer="写了很久的答复")
    assert late.status_code == 404 and "写了很久的答复" in late.text
    assert listed(here) == [] and listed(there) == [one]
    shown = there.get(page).text
    assert "当事人现住牛市口" in shown and f'href="/desk/cases/{NUMBER}"' not in shown
    assert kept(bureau, one)["due_day"] == last_day
    public = read_page(bureau, issue, app)
    assert "由牛市口派出所答复" in public and "当事人现住牛市口" not in public
    assert told(bureau, "comment.forwarded")[0] == (
        NUMBER,
        {"comment": one, "unit": [STATION, SISTER]},
    )


def test_an_answer_is_shown_and_texted_once_and_the_second_one_keeps_her_words(
    bureau: Bureau, issue: Record
) -> None:
    app = site_of(bureau)
    one = say(bureau, issue, QUESTION)
    first, second = at_work(bureau, app=app), at_work(bureau, "supervisor", app=app)
    page = f"/desk/comments/{one}"
    blank = first.post(f"{page}/answer", answer=" \n")
    assert blank.status_code == 422 and "请填写内容" in blank.text
    assert (
        first.post(f"{page}/answer", answer="案件正在办理。\n请保持电话畅通。").status_code == 303
    )
    late = second.post(f"{page}/answer", answer="我也写了一份")
    assert late.status_code == 409
    assert "李明已答复" in late.text and "我也写了一份" in late.text
    for act in ("forward", "category"):
        assert (
            second.post(f"{page}/{act}", unit=EAST, why="x", category="thanks").status_code == 409
        )
    assert second.post(f"{page}/notes", note="已回电").status_code == 303
    assert "已回电" in first.get(page).text and "已回电" not in read_page(bureau, issue, app)
    messages = bureau.db.rows("SELECT * FROM message WHERE template = 'answered'")
    assert [(row["party_id"], row["state"]) for row in messages] == [(issue["party_id"], "waiting")]
    assert "请保持电话畅通。" in read_page(bureau, issue, app)
    assert told(bureau, "comment.answered") == [(NUMBER, {"comment": one, "length": 16})]


def test_of_two_who_answer_at_once_one_wins(bureau: Bureau, issue: Record) -> None:
    one = say(bureau, issue, QUESTION)
    staff = [hire(bureau, f"clerk{n}", "desk_officer", name=f"民警{n}") for n in range(4)]
    start = Barrier(len(staff))

    def send(who: Staff) -> str:
        start.wait()
        try:
            with change(bureau.db, who.actor) as ongoing:
                answer(bureau, ongoing, who, one, f"{who.name}的答复")
            return who.name
        except Conflict:
            return ""
        finally:
            bureau.db.close()

    with ThreadPoolExecutor(len(staff)) as pool:
        [winner] = filter(None, pool.map(send, staff))
    row = kept(bureau, one)
    assert (row["answer"], row["answered_by"]) == (f"{winner}的答复", winner)
    assert len(told(bureau, "comment.answered")) == 1
    assert len(bureau.db.rows("SELECT id FROM message WHERE template = 'answered'")) == 1
    assert verify(bureau.db) == []


def test_nothing_is_texted_of_a_withheld_case_and_the_desk_is_told_so(
    bureau: Bureau, issue: Record
) -> None:
    one = say(bureau, issue, QUESTION)
    put(bureau, NUMBER, days_ago(1), withheld_reason="minor")
    desk = at_work(bureau)
    assert "请另外当面或电话告知" in desk.get(f"/desk/comments/{one}").text
    assert desk.post(f"/desk/comments/{one}/answer", answer="好").status_code == 303
    assert bureau.db.rows("SELECT id FROM message WHERE template = 'answered'") == []


def test_who_may_not_answer_reaches_no_comment(bureau: Bureau, issue: Record) -> None:
    app = site_of(bureau)
    one = say(bureau, issue, QUESTION)
    paths = ("answer", "forward", "category", "notes")
    for role in ("auditor", "administrator"):
        browser = at_work(bureau, role, BUREAU, app=app)
        assert browser.get("/desk/comments/").status_code == 403
        assert browser.get(f"/desk/comments/{one}").status_code == 403
        assert {browser.post(f"/desk/comments/{one}/{act}").status_code for act in paths} == {403}
        # An auditor who sees the case sees what was written, and no way to answer it.
        if role == "auditor":
            file = browser.get(f"/desk/cases/{NUMBER}").text
            assert QUESTION in file and f"/desk/comments/{one}" not in file
    desk, other = at_work(bureau, app=app), at_work(bureau, "desk_officer", WEST, app=app)
    assert other.get(f"/desk/comments/{one}").status_code == 404
    assert other.post(f"/desk/comments/{one}/answer", answer="x").status_code == 404
    assert desk.post(f"/desk/comments/{one}/answer", csrf=False, answer="x").status_code == 400
    assert {desk.get(f"/desk/comments/{one}/{act}").status_code for act in paths} == {405}
    assert desk.get(f"/desk/comments/{'9' * 30}").status_code == 404
    assert kept(bureau, one)["answered_at"] is None


# Lists


def test_the_lists_tell_what_is_due_and_find_by_category_and_words(
    bureau: Bureau, issue: Record
) -> None:
    app = site_of(bureau)
    now = datetime.now(UTC)
    late, thanks = say(bureau, issue, "很久了！", now=EVE), say(bureau, issue, "谢谢", "thanks")
    fresh, wish = say(bureau, issue, "手机在哪"), say(bureau, issue, "建议100%公开", "suggestion")
    bureau.db.run(
        "UPDATE comment SET due_day = :today WHERE id = :id", today=f"{beijing_day(now)}", id=fresh
    )
    desk = at_work(bureau, app=app)
    assert listed(desk) == [late, fresh, wish] and listed(desk, "overdue") == [late]
    assert listed(desk, "today") == [fresh] and listed(desk, "free") == [thanks]
    assert inbox.count_comments(bureau, hire(bureau, "li", "desk_officer"), beijing_day(now)) == {
        "open": 3,
        "today": 1,
        "tomorrow": 1,
        "overdue": 1,
        "free": 1,
    }
    assert listed(desk, category="suggestion") == [wish] and listed(desk, "bogus") == listed(desk)
    # What is typed is posted, and no address has it in the clear.
    for text, found in (
        ("100%", [wish]),
        ("很久了!", [late]),
        (NUMBER[-6:], [late, fresh, wish]),
        ("100_公", []),
    ):
        went = desk.post("/desk/comments/", text=text, list="open")
        assert went.status_code == 303 and text not in went.location
        page = desk.get(went.location).text
        assert [int(one) for one in re.findall(r'"/desk/comments/(\d+)"', page)] == found
    assert desk.post(f"/desk/comments/{late}/answer", answer="抱歉，今天回电").status_code == 303
    assert listed(desk, "answered") == listed(desk, "answered", q="今天回电") == [late]
    public = read_page(bureau, issue, app)
    assert "今天到期" in public and "已收到，谢谢您" in public and "抱歉，今天回电" in public
    assert re.search("超期[0-9]+天完成", desk.get(f"/desk/cases/{NUMBER}").text)


def test_a_list_goes_on_where_its_page_ended(bureau: Bureau, issue: Record) -> None:
    made = [
        say(bureau, issue, f"{day}.{n}", category, EVE - timedelta(days=day))
        for day in range(5, -1, -1)
        for n in range(18)
        for category in [("inquiry", "thanks")[n % 2]]
    ]
    today, reader = beijing_day(EVE), hire(bureau, "li", "desk_officer", EAST)
    for which, size in (("open", 54), ("free", 54)):
        found: list[Record] = []
        after: inbox.Key | None = None
        while True:
            question = inbox.Question(which, after=after)
            rows, after = inbox.find_comments(bureau, reader, question, today)
            found += rows
            if after is None:
                break
        ids: Sequence[int] = [row["id"] for row in found]
        assert len(ids) == len(set(ids)) == size and set(ids) <= set(made)
        days = [row["due_day"] or row["made_at"] for row in found]
        assert days == sorted(days, reverse=which == "free")
    desk = at_work(bureau)
    further = re.search(r'href="(\?[^"]*after=[^"]*)"', desk.get("/desk/comments/").text)
    assert further
    second = desk.get(f"/desk/comments/{further[1].replace('&amp;', '&')}").text
    assert len(re.findall(r'"/desk/comments/\d+"', second)) == 4
    for odd in ("x", "1", f"2026-01-01.{'9' * 19}", "."):
        assert len(listed(desk, after=odd)) == inbox.PAGE


def test_what_was_written_by_people_who_were_forgotten_is_there_no_more(bureau: Bureau) -> None:
    past = datetime.now(UTC) - timedelta(days=4000)
    closed = {"step": "filing", "at": f"{past:%Y-%m-%d}", "outcome": "refused"}
    issue = put(bureau, "A1", f"{past:%Y-%m-%d}", [closed], now=past + timedelta(days=1))
    one = say(bureau, issue, QUESTION, now=past + timedelta(days=1))
    clerk = hire(bureau, "clerk", "desk_officer")
    with change(bureau.db, clerk.actor, past + timedelta(days=2)) as ongoing:
        note(bureau, ongoing, clerk, one, "张三的邻居")
    now = datetime.now(UTC)
    assert purge(bureau, CLERK, due(bureau, now), now) == 1
    assert bureau.db.rows("SELECT body FROM comment_note") == [{"body": ""}]
    desk = at_work(bureau)
    assert listed(desk) == [] and desk.get(f"/desk/comments/{one}").status_code == 404
    with pytest.raises(NotFound), change(bureau.db, clerk.actor) as ongoing:
        answer(bureau, ongoing, clerk, one, "好")


# The public form


def test_the_form_offers_the_categories_and_keeps_what_was_chosen_when_refused(
    bureau: Bureau, issue: Record
) -> None:
    phone = site_of(bureau).test_client()
    assert isinstance(phone, Phone)
    html = phone.scan(bureau, issue).text
    assert html.count('name="category"') == 5
    assert 'value="inquiry" id="c-inquiry" checked' in html
    assert "由上级单位答复，办案单位看不到" in html
    form = form_in(html, "/case/comments")
    for typed in ({"category": "report", "body": ""}, {"category": "gossip", "body": "写了很久"}):
        refused = phone.post("/case/comments", data=form | typed)
        assert refused.status_code == 422 and typed["body"] in refused.text
    assert 'id="c-report" checked' not in refused.text
    assert "请选择类别：咨询" in refused.text
    refused = phone.post("/case/comments", data=form | {"category": "report", "body": "\0"})
    assert 'value="report" id="c-report" checked' in refused.text
    sent = phone.post("/case/comments", data=form | {"category": "report", "body": REPORT})
    assert sent.status_code == 303
    html = phone.get("/case").text
    assert "由城东分局答复" in html and "最迟" in html.split('id="comments"')[1]
    [row] = comments_of(bureau.db, issue["party_id"])
    assert (row["category"], row["unit"]) == ("report", EAST)
