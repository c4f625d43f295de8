"""What comes back from phones: read for what it means, once, and only from who is meant."""

import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lookup.bureau import Bureau, open_bureau
from lookup.comments import A_DAY, answer, comment
from lookup.database import Record
from lookup.feedback import ratings_of
from lookup.replies import meaning_of, receive
from lookup.stops import why_stopped
from lookup.trail import Actor, change, verify
from lookup.web.logs import keep_secrets_out
from tests.intake import TABLES
from tests.office import EAST, SISTER, Browser, at_work, hire
from tests.public_cases import Phone, days_ago, issue_of, put, site_of
from tests.texting import PEOPLE, PHONE, SECRET, Gateway, ask, messages_of, send_waiting

FILED = [{"step": "filing", "at": days_ago(1), "outcome": "filed"}]
MARK = '<span class="state late">号码有误</span>'
ALL = (*TABLES, "inbound", "message", "rating", "comment", "stopped_number", "callback")


@pytest.fixture
def gateway(bureau: Bureau) -> Gateway:
    return Gateway(bureau)


def level_of(bureau: Bureau, number: str, step: str = "intake") -> int | None:
    rating = ratings_of(bureau.db, issue_of(bureau, number)["party_id"]).get(step)
    return rating["level"] if rating else None


def comments(bureau: Bureau) -> list[tuple[str, str]]:
    rows = bureau.db.rows(
        "SELECT number, body FROM comment JOIN cases ON cases.id = case_id ORDER BY comment.id"
    )
    return [(row["number"], row["body"]) for row in rows]


def trail(bureau: Bureau, *actions: str) -> list[tuple[str, str, dict[str, Any]]]:
    rows = bureau.db.rows("SELECT * FROM trail_entry ORDER BY position")
    return [
        (row["action"], row["case_number"], json.loads(row["detail"]))
        for row in rows
        if row["action"].startswith(actions)
    ]


def everything(bureau: Bureau, *without: str) -> dict[str, list[Record]]:
    return {
        table: bureau.db.rows(f"SELECT * FROM {table} ORDER BY 1")
        for table in ALL
        if table not in without
    }


# What a message means


@pytest.mark.parametrize(
    ("texts", "meaning"),
    [
        (["5", "５", "⑤", " 5。", "5️⃣", "五", "5分", "５ 分", "“5”", "非常满意！", "很满意"], "5"),
        (["5 非常满意", "5（非常满意）", "5非常满意", "VERY GOOD", "very good 👍👍"], "5"),
        (["4", "满意", "4 good", "Good.", "Satisfied"], "4"),
        (["3", "一般", "还行", "基本满意", "Basically satisfied", "fair"], "3"),
        (["2", "不满意！！", "差", "bad", "BAD.", "not satisfied", "不好", "2星"], "2"),
        (["1", "非常不满意", "很差", "very bad"], "1"),
        (["TD", "td", "ＴＤ", "T", "退订", "退订。", "Stop", "取消"], "stop"),
        (["START", "恢复", "订阅"], "start"),
        (
            ["wrong", "WRONG!", "not me", "Not me.", "打错了", "你打错了！", "不是本人", "号码错"],
            "wrong",
        ),
    ],
)
def test_a_whole_message_is_read_for_what_it_means(texts: list[str], meaning: str) -> None:
    assert {text: meaning_of(text) for text in texts} == dict.fromkeys(texts, meaning)


def test_other_words_mean_no_more_than_they_say() -> None:
    numbers = ["0", "6", "55", "15", "1/5", "5 不满意", "1非常满意", "5非常满意 4满意"]
    words = [
        "满意，但是太慢了",
        "态度很好，一点也不差",
        "not bad at all",
        "好的",
        "ok",
        "收到",
        "谢谢",
    ]
    orders = ["我要退订报纸", "stop it", "TDD", "", "👍", "？"]
    for text in [*numbers, *words, *orders]:
        assert meaning_of(text) is None, text


# Ratings


def test_a_reply_rates_the_question_last_asked_whatever_way_the_number_is_written(
    bureau: Bureau, gateway: Gateway
) -> None:
    put(bureau, "A1", days_ago(3), FILED, parties=PEOPLE)
    put(bureau, "A2", days_ago(2), parties=PEOPLE)
    ask(bureau, "A1")
    gateway.takes("４", f"+86{PHONE}")
    assert (level_of(bureau, "A1"), level_of(bureau, "A2")) == (4, None)
    ask(bureau, "A2")
    put(bureau, "A1", days_ago(3), FILED, parties=PEOPLE, officer="王丽")
    send_waiting(bureau)
    gateway.takes("差", f"0086 {PHONE}")
    assert (level_of(bureau, "A1"), level_of(bureau, "A2")) == (4, 2)
    ask(bureau, "A1", "filing", template="callback")
    gateway.takes("非常满意", f"86{PHONE}")
    # The last one counts, as on the page.
    gateway.takes("3", f"86-{PHONE[:3]} {PHONE[3:]}")
    assert (level_of(bureau, "A1"), level_of(bureau, "A1", "filing")) == (4, 3)
    party = issue_of(bureau, "A1")["party_id"]
    answered = [one["template"] for one in messages_of(bureau, "A1") if one["answered_at"]]
    assert answered == ["question", "callback"]
    given = bureau.db.rows("SELECT * FROM trail_entry WHERE action = 'rating.given' ORDER BY 1")
    assert (given[0]["actor"], given[0]["via"]) == (f"party {party}", "sms")
    assert not verify(bureau.db)


def test_where_nothing_was_asked_a_level_is_of_the_milestone_last_told(
    bureau: Bureau, gateway: Gateway
) -> None:
    put(bureau, "A1", days_ago(3), parties=PEOPLE)
    gateway.takes("5")  # nothing was ever sent
    assert comments(bureau) == [("A1", "5")]
    put(bureau, "A1", days_ago(3), FILED, parties=PEOPLE)
    send_waiting(bureau)
    ask(bureau, "A1", "", template="answered")
    gateway.takes("5")
    assert (level_of(bureau, "A1"), level_of(bureau, "A1", "filing")) == (None, 5)
    assert comments(bureau) == [("A1", "5")]


def test_a_reply_handed_in_again_counts_once(bureau: Bureau, gateway: Gateway) -> None:
    put(bureau, "A1", days_ago(2), parties=PEOPLE)
    ask(bureau, "A1")
    gateway.takes("1", id="first")
    gateway.takes("4", id="second")
    before = everything(bureau)
    gateway.takes("1", id="first")
    assert everything(bureau) == before
    assert level_of(bureau, "A1") == 4

    def hand_in(_: int) -> str:
        own = open_bureau(bureau.config)
        with change(own.db, Actor("gateway", "sms")) as ongoing:
            became = receive(own, ongoing, PHONE, "请问何时结案？", "third")
        own.db.close()
        return became

    with ThreadPoolExecutor(4) as pool:
        became = sorted(pool.map(hand_in, range(4)))
    assert became == ["commented", "repeated", "repeated", "repeated"]
    assert comments(bureau) == [("A1", "请问何时结案？")]


def test_a_number_sealed_under_an_older_key_is_known(
    bureau: Bureau, with_keys: Callable[..., Bureau]
) -> None:
    put(bureau, "A1", days_ago(2), parties=PEOPLE)
    ask(bureau, "A1")
    newer = with_keys(*bureau.config.secret_keys, "f" * 8 + "0123456789abcdef" * 4)
    with change(newer.db, Actor("gateway", "sms")) as ongoing:
        assert receive(newer, ongoing, PHONE, "2", "one") == "rated"
        assert receive(newer, ongoing, PHONE, "TD", "two") == "stopped"
    newer.db.close()
    assert level_of(bureau, "A1") == 2
    again = with_keys(*newer.config.secret_keys)
    assert why_stopped(again, PHONE) == "stop"
    again.db.close()


# Comments


def test_any_other_words_are_a_comment_on_the_case_of_the_last_text(
    bureau: Bureau, gateway: Gateway
) -> None:
    put(bureau, "A1", days_ago(3), parties=PEOPLE)
    put(bureau, "A2", days_ago(2), parties=PEOPLE)
    gateway.takes("你好")
    ask(bureau, "A1")
    gateway.takes("还没有人联系我\r\n\x07请回电👮‍♀️")
    gateway.takes("长" * 1001)
    assert comments(bureau) == [
        ("A2", "你好"),
        ("A1", "还没有人联系我\n请回电👮‍♀️"),
        ("A1", "长" * 999 + "…"),
    ]
    before = everything(bureau, "inbound")
    gateway.takes("")
    gateway.takes(" \u3000\u200b")
    assert everything(bureau, "inbound") == before


def test_a_reply_about_what_is_not_shown_leaves_nothing_but_its_id(
    bureau: Bureau, gateway: Gateway
) -> None:
    put(bureau, "A1", days_ago(2), FILED, parties=PEOPLE)
    ask(bureau, "A1", "filing")
    bureau.db.run("DELETE FROM milestone WHERE step = 'filing'")
    before = everything(bureau, "inbound")
    gateway.takes("1")
    assert everything(bureau, "inbound") == before
    put(bureau, "A1", days_ago(2), parties=PEOPLE, withheld_reason="minor")
    before = everything(bureau, "inbound")
    gateway.takes("1")
    gateway.takes("请回电")
    assert everything(bureau, "inbound") == before
    assert len(bureau.db.rows("SELECT id FROM inbound")) == 3


# No more texts


def test_texts_end_and_begin_again_as_the_holder_of_the_number_wishes(
    bureau: Bureau, gateway: Gateway
) -> None:
    put(bureau, "A1", days_ago(3), parties=PEOPLE)
    put(bureau, "A2", days_ago(2), parties=[*PEOPLE, {"role": "victim", "name": "李四"}])
    told = {"phone": "199****0001"}
    for word in ("TD", "退订"):
        gateway.takes(word)
        assert why_stopped(bureau, PHONE) == "stop"
    assert trail(bureau, "texts.") == [("texts.stopped", one, told) for one in ("A1", "A2")]
    gateway.takes("5")  # who wants no texts may still write
    assert comments(bureau) == [("A2", "5")]
    for word in ("START", "恢复"):
        gateway.takes(word)
        assert why_stopped(bureau, PHONE) is None
    assert trail(bureau, "texts.started") == [("texts.started", one, told) for one in ("A1", "A2")]
    rows = bureau.db.rows("SELECT * FROM trail_entry WHERE action LIKE 'texts.%'")
    assert {row["via"] for row in rows} == {"sms"}
    assert all(row["actor"].startswith("party ") for row in rows)


def test_a_wrong_number_stops_at_once_and_the_desk_is_told_until_it_is_corrected(
    bureau: Bureau, gateway: Gateway
) -> None:
    put(bureau, "A1", days_ago(2), parties=PEOPLE)
    put(bureau, "B1", days_ago(2), unit=SISTER)
    desk, others = at_work(bureau), at_work(bureau, unit=SISTER)
    assert "电话有误 " not in desk.get("/desk/").text
    ask(bureau, "A1")
    gateway.takes("TD")
    gateway.takes("打错了！")
    assert why_stopped(bureau, PHONE) == "wrong"
    assert trail(bureau, "texts.wrong") == [("texts.wrong_number", "A1", {"phone": "199****0001"})]
    # Whoever has the number now has no say in the case, and cannot start the texts again.
    before = everything(bureau, "inbound")
    for word in ("START", "1", "谁啊", "TD"):
        gateway.takes(word)
    assert everything(bureau, "inbound") == before
    assert "电话有误 1" in desk.get("/desk/").text
    assert "电话有误 " not in others.get("/desk/").text
    assert "/desk/cases/A1" in desk.get("/desk/?stage=wrong_number").text
    assert MARK in desk.get("/desk/cases/A1").text
    _correct(bureau, desk, "19900000002")
    assert MARK not in desk.get("/desk/cases/A1").text
    assert "电话有误 " not in desk.get("/desk/").text
    assert why_stopped(bureau, PHONE) == "wrong"


def test_a_number_said_once_more_at_the_desk_is_right_after_all(
    bureau: Bureau, gateway: Gateway
) -> None:
    put(bureau, "A1", days_ago(2), parties=PEOPLE)
    desk = at_work(bureau)
    gateway.takes("TD")
    _correct(bureau, desk, PHONE)
    assert "已退订短信" in desk.get("/desk/cases/A1").text
    gateway.takes("wrong")
    _correct(bureau, desk, PHONE)
    assert why_stopped(bureau, PHONE) is None
    assert MARK not in desk.get("/desk/cases/A1").text
    assert [action for action, *_ in trail(bureau, "texts.")][-1] == "texts.started"


def _correct(bureau: Bureau, desk: Browser, phone: str) -> None:
    seen = bureau.db.row("SELECT MAX(position) AS n FROM trail_entry")
    assert seen
    party = issue_of(bureau, "A1")["party_id"]
    sent = desk.post("/desk/cases/A1/parties", party=party, phone=phone, seen=seen["n"])
    assert sent.status_code == 303, sent.text


# The door


def test_an_unknown_number_changes_nothing(bureau: Bureau, gateway: Gateway) -> None:
    put(bureau, "A1", days_ago(2), parties=PEOPLE)
    ask(bureau, "A1")
    before = everything(bureau)
    for sender in ("19900000009", f"+852{PHONE}", PHONE[:-1], "", "10690", "张三", "0" * 4000):
        for text in ("5", "TD", "打错了", "你好"):
            gateway.takes(text, sender)
    assert everything(bureau) == before


def test_only_who_knows_the_secret_is_heard(bureau: Bureau, gateway: Gateway) -> None:
    put(bureau, "A1", days_ago(2), parties=PEOPLE)
    before = everything(bureau)
    for secret in ("", "x", SECRET[:-1], f"{SECRET}x", SECRET.upper(), "密"):
        assert gateway.reply("TD", secret=secret).status_code == 403
        delivery = gateway.client.get(f"/sms/delivery?secret={secret}&id=1&status=1")
        assert delivery.status_code == 403
    assert gateway.client.get("/sms/inbound").status_code == 403
    unset = site_of(bureau).test_client()
    assert isinstance(unset, Phone)
    for path in ("/sms/inbound", "/sms/delivery", "/sms/other"):
        answer = unset.get(f"{path}?secret=&from={PHONE}&text=TD&id=1&status=1")
        assert answer.status_code == 404
        assert "没有这个页面" in answer.text
    assert everything(bureau) == before


def test_what_is_incomplete_is_refused_and_only_a_get_is_taken(
    bureau: Bureau, gateway: Gateway
) -> None:
    put(bureau, "A1", days_ago(2), parties=PEOPLE)
    before = everything(bureau)
    told = {"secret": SECRET, "from": PHONE, "text": "TD", "id": "1", "status": "1"}
    for path, names in (("inbound", ("from", "text", "id")), ("delivery", ("id", "status"))):
        for name in names:
            some = {key: value for key, value in told.items() if key != name}
            assert gateway.client.get(f"/sms/{path}", query_string=some).status_code == 400
        long = told | {"id": "x" * 4000}
        assert gateway.client.get(f"/sms/{path}", query_string=long).status_code == 400
        head = gateway.client.head(f"/sms/{path}", query_string=told)
        assert (head.status_code, head.data) == (200, b"")
        assert gateway.client.post(f"/sms/{path}", data=told).status_code == 405
    assert everything(bureau) == before


def test_the_gateway_is_to_try_again_where_nothing_can_be_kept(bureau: Bureau) -> None:
    site = site_of(bureau, sms_secret=SECRET, database_url="sqlite:////nowhere/daylight.db")
    client = site.test_client()
    assert isinstance(client, Phone)
    told = {"secret": SECRET, "from": PHONE, "text": "TD", "id": "1"}
    assert client.get("/sms/inbound", query_string=told).status_code == 503


def test_no_server_log_holds_what_the_gateway_tells(caplog: pytest.LogCaptureFixture) -> None:
    keep_secrets_out()
    secrets = (SECRET, PHONE, "%E6%88%91", "in-1")
    query = f"secret={SECRET}&from=%2B86{PHONE}&to=1&text=%E6%88%91\"x'&id=in-1"
    for name in ("gunicorn.access", "gunicorn.error", "werkzeug"):
        for path in ("/sms/inbound", "/sms/delivery"):
            line = f'"GET {path}?{query} HTTP/1.1" 200 0 "-" "Kannel/1.4.5"'
            logging.getLogger(name).warning("%s - %s", "127.0.0.1", line)
    assert len(caplog.messages) == 6
    for said in caplog.messages:
        assert not [one for one in secrets if one in said], said
        assert '?… HTTP/1.1" 200 0 "-" "Kannel/1.4.5"' in said


def test_what_follows_the_answer_to_a_report_goes_above_too(
    bureau: Bureau, gateway: Gateway
) -> None:
    issue = put(bureau, "A1", days_ago(3), parties=PEOPLE, officer="陈静", badge="")
    boss = hire(bureau, "boss", "supervisor", EAST)
    with change(bureau.db, Actor(f"party {issue['party_id']}", "web")) as ongoing:
        comment(bureau, ongoing, issue, "有人收钱", "form", "report")
    with change(bureau.db, boss.actor) as ongoing:
        answer(bureau, ongoing, boss, 1, "正在核查。")
    send_waiting(bureau)
    gateway.takes("他们还在收钱")
    rows = bureau.db.rows("SELECT category, unit FROM comment ORDER BY id")
    assert rows == [{"category": "report", "unit": EAST}] * 2
    assert {number for _, number, _ in trail(bureau, "comment.")} == {""}


def test_texts_use_up_nothing_of_what_may_be_written_on_the_page(
    bureau: Bureau, gateway: Gateway
) -> None:
    issue = put(bureau, "A1", days_ago(3), parties=PEOPLE)
    for n in range(A_DAY + 1):
        gateway.takes(f"第{n}条")
    assert len(comments(bureau)) == A_DAY
    with change(bureau.db, Actor(f"party {issue['party_id']}", "web")) as ongoing:
        comment(bureau, ongoing, issue, "我有话要说", "form")
    assert len(comments(bureau)) == A_DAY + 1


def test_a_text_without_an_id_of_its_own_is_not_taken(bureau: Bureau, gateway: Gateway) -> None:
    put(bureau, "A1", days_ago(3), parties=PEOPLE)
    assert gateway.reply("TD", id="").status_code == 400
    assert why_stopped(bureau, PHONE) is None
