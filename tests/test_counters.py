"""At the counter: who is on duty, who is rated, how often, and who may do what."""

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from lookup import counters
from lookup.beijing import utc_now
from lookup.bureau import Bureau
from lookup.counters import Rating
from lookup.database import Record
from lookup.entries import said_entry, said_who
from lookup.errors import NotFound, Refused, Throttled
from lookup.staff import Staff
from lookup.trail import change
from lookup.web.status import _choices
from tests.conftest import ENGINES
from tests.office import BUREAU, EAST, SISTER, STATION, WEST, Browser, at_work, browser_of, hire
from tests.paper import image_of, text_of
from tests.public_cases import CLERK, Phone, days_ago, form_in, path_of, put, site_of

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
TODAY = date(2026, 11, 20)


def new_counter(bureau: Bureau, unit: str = STATION, name: str = "1号窗口") -> Record:
    with change(bureau.db, CLERK) as ongoing:
        made = counters.add(ongoing, unit, unit, name)
    return counter_of(bureau, made)


def counter_of(bureau: Bureau, counter_id: int) -> Record:
    return counters.require_counter(bureau.db, BUREAU, counter_id)


def put_on_duty(bureau: Bureau, counter: Record, who: Staff, now: datetime = NOON) -> Record:
    with change(bureau.db, CLERK, now) as ongoing:
        counters.set_duty(ongoing, counter, who, who.login)
    return counter_of(bureau, counter["id"])


def rate(
    bureau: Bureau,
    counter: Record,
    form: str,
    officer: str = "",
    now: datetime = NOON,
    level: str = "5",
    address: str = "10.0.0.1",
) -> None:
    counters.rate(bureau, counter, Rating(level, [], officer, form), address, now)


def ratings_in(bureau: Bureau) -> list[Record]:
    return bureau.db.rows("SELECT * FROM counter_rating ORDER BY id")


def given_to(bureau: Bureau) -> list[tuple[str, str, str]]:
    return [(row["unit"], row["officer"], row["badge"]) for row in ratings_in(bureau)]


def entries(bureau: Bureau) -> list[Record]:
    return [
        row
        for row in bureau.db.rows("SELECT * FROM trail_entry ORDER BY position")
        if row["action"].startswith("counter.")
    ]


def written(bureau: Bureau) -> list[Record]:
    """How much there is in every table that a visitor's calls could reach."""
    tables = ("trail_entry", "counter_rating", "throttle", "visit")
    return [bureau.db.rows(f"SELECT COUNT(*) AS n FROM {table}")[0] for table in tables]


class Visitor:
    """A phone in front of a counter."""

    def __init__(self, bureau: Bureau, counter: Record) -> None:
        self.path = counters.link(bureau, counter).removeprefix(bureau.config.public_url)
        client = site_of(bureau).test_client()
        assert isinstance(client, Phone)
        self.phone = client
        self.page = client.get(self.path)

    def keep(self, cookie: str) -> None:
        """Hold another cookie of a rating than the page has set."""
        self.phone.set_cookie("rated", cookie, domain="daylight.example.cn", path=self.path)

    def send(self, level: str, *tags: str, **more: str) -> TestResponse:
        fields = form_in(self.page.text, f"{self.path}/ratings") | {"level": level} | more
        return self.phone.post(f"{self.path}/ratings", data=fields | {"tags": list(tags)})


def test_a_visitor_rates_the_officer_named_on_the_page_once_a_day_and_browser(
    bureau: Bureau,
) -> None:
    desk, counter = at_work(bureau), new_counter(bureau)
    pressed = desk.post(f"/desk/counters/{counter['id']}/duty", officer=f"desk_officer.{STATION}")
    assert pressed.location == f"/desk/counters?counter={counter['id']}"
    before = written(bureau)
    visitor, other = Visitor(bureau, counter), Visitor(bureau, counter)
    page = visitor.page.text
    for said in (
        "锦江路派出所",
        "1号窗口",
        "这里不评价案件的办理",
        "李明",
        "警号 510123",
        'href="/"',
    ):
        assert said in page
    english = visitor.phone.get(f"{visitor.path}?lang=en").text
    assert "not the handling of a case" in english and "<script" not in english
    assert visitor.phone.head(visitor.path).status_code == 200
    assert written(bureau) == before
    sent = visitor.send("2", "long_wait", "friendly")
    assert (sent.status_code, sent.location) == (303, f"{visitor.path}#thanks")
    [kept] = ratings_in(bureau)
    told = {"unit": STATION, "officer": "李明", "badge": "510123", "level": 2}
    assert told.items() <= kept.items()
    assert json.loads(kept["tags"]) == ["long_wait"]
    cookie = sent.headers["Set-Cookie"]
    for part in (f"Path={visitor.path}", "HttpOnly", "Secure", "SameSite=Lax"):
        assert part in cookie
    assert int(re.findall(r"Max-Age=(\d+)", cookie)[0]) <= 24 * 3600
    # The second of the day is thanked for and changes nothing, with the old form or without.
    assert visitor.send("5").status_code == 303
    assert visitor.phone.post(f"{visitor.path}/ratings").location == f"{visitor.path}#thanks"
    thanks = visitor.phone.get(visitor.path).text
    assert "has been counted for today" in thanks and "<form" not in thanks
    assert other.send("5").status_code == 303
    next_door = Visitor(bureau, new_counter(bureau, name="2号窗口"))
    next_door.keep(cookie.partition("=")[2].partition(";")[0])
    assert next_door.send("4").status_code == 303
    levels = [(row["counter_id"], row["level"]) for row in ratings_in(bureau)]
    assert levels[:2] == [(counter["id"], 2), (counter["id"], 5)] and levels[2][1] == 4
    entry = entries(bureau)[2]
    assert json.loads(entry["detail"]) == {
        "counter": counter["id"],
        "counter_rating": kept["id"],
        "level": 2,
    }
    assert said_who(entry).zh == "来办事的人"
    assert said_entry(bureau, entry).zh.startswith("评价窗口：窗口编号")


def test_a_rating_of_yesterday_does_not_stand_in_the_way(bureau: Bureau) -> None:
    counter = new_counter(bureau)
    visitor = Visitor(bureau, counter)
    over = int(utc_now().timestamp())
    for value, thanked in (
        (bureau.counters.sign_until(counter["token_id"], over + 3600), True),
        (bureau.counters.sign_until(counter["token_id"], over), False),
        (bureau.counters.sign(counter["token_id"]), False),
        ("nonsense", False),
    ):
        visitor.keep(value)
        assert ("已经计入" in visitor.phone.get(visitor.path).text) == thanked


def test_duty_lapses_and_who_was_not_named_on_the_page_is_not_rated(bureau: Bureau) -> None:
    li, wang = hire(bureau, "li", "desk_officer"), hire(bureau, "wang", "supervisor", name="王芳")
    counter = put_on_duty(bureau, new_counter(bureau), li)
    rate(bureau, counter, "1", "李明 510123", NOON + timedelta(hours=12, seconds=-1))
    rate(bureau, counter, "2", "李明 510123", NOON + timedelta(hours=12))
    counter = put_on_duty(bureau, counter, wang)
    rate(bureau, counter, "3", "李明 510123")
    rate(bureau, counter, "4", "王芳 510123")
    rate(bureau, counter, "5", " ")
    with change(bureau.db, CLERK, NOON) as ongoing:
        counters.set_duty(ongoing, counter, wang, "")
    rate(bureau, counter_of(bureau, counter["id"]), "6", " ")
    alone = (STATION, "", "")
    assert given_to(bureau) == [
        (STATION, "李明", "510123"),
        alone,
        alone,
        (STATION, "王芳", "510123"),
        alone,
        alone,
    ]
    # The page names nobody once duty has lapsed.
    put_on_duty(bureau, counter, li, utc_now() - timedelta(hours=12))
    assert "李明" not in Visitor(bureau, counter).page.text


def test_codes_forged_unknown_retired_or_of_a_receipt_get_one_page(bureau: Bureau) -> None:
    counter, issue = new_counter(bureau), put(bureau, "A1", days_ago(1))
    visitor = Visitor(bureau, counter)
    good = visitor.path.removeprefix("/c/")
    bad = [
        *("x.y", f"{good}A", good[:-1], good[:-1] + chr(ord(good[-1]) ^ 1)),
        bureau.counters.sign("Ab3_x9Qz"),
        bureau.papers.sign(counter["token_id"]),
        path_of(bureau, issue).removeprefix("/r/"),
        bureau.counters.sign_until(counter["token_id"], 2**33),
    ]
    answers = [visitor.phone.get(f"/c/{token}") for token in bad]
    answers += [visitor.phone.post(f"/c/{token}/ratings", data={"level": "5"}) for token in bad]
    with change(bureau.db, CLERK) as ongoing:
        counters.retire(ongoing, counter)
        counters.retire(ongoing, counter)
    answers += [visitor.phone.get(visitor.path), visitor.send("5")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({re.sub(r'href="[^"]*\?lang', "", answer.text) for answer in answers}) == 1
    assert "这个二维码不能用于评价" in answers[0].text
    assert visitor.phone.get(f"/r/{good}").status_code == 404
    assert [entry["action"] for entry in entries(bureau)] == ["counter.added", "counter.retired"]
    assert ratings_in(bureau) == []


def test_a_poster_is_good_under_newer_keys_until_its_own_is_retired(
    bureau: Bureau, with_keys: Callable[..., Bureau]
) -> None:
    counter = new_counter(bureau)
    token = counters.link(bureau, counter).rpartition("/")[2]
    [old], new = bureau.config.secret_keys, "f" * 8 + "0123456789abcdef" * 2
    kept, retired = with_keys(f"papers:{old}", new), with_keys(new)
    assert counters.open_by_token(kept, token)["id"] == counter["id"]
    assert counters.link(kept, counter) != counters.link(bureau, counter)
    with pytest.raises(NotFound):
        counters.open_by_token(retired, token)
    kept.db.close()
    retired.db.close()


def test_one_address_is_limited_and_cannot_use_up_the_day_of_a_counter(bureau: Bureau) -> None:
    counter, other = new_counter(bureau), new_counter(bureau, name="2号窗口")
    for form in range(20):
        rate(bureau, counter, f"{form}")
    # The counter's hour has room for one more.
    bucket = f"counter {counter['id']}"
    bureau.db.run("UPDATE throttle SET hits = 59 WHERE bucket = :bucket", bucket=bucket)
    for form in range(3):
        with pytest.raises(Throttled):
            rate(bureau, counter, f"over {form}")
    rate(bureau, counter, "1", address="10.0.0.2")  # sent again: it uses up nothing
    rate(bureau, counter, "300", address="10.0.0.2")
    with pytest.raises(Throttled):
        rate(bureau, counter, "301", address="10.0.0.3")
    rate(bureau, other, "302")
    rate(bureau, counter, "303", now=NOON + timedelta(days=1))
    assert len(ratings_in(bureau)) == 23
    assert not any("10.0.0" in row["bucket"] for row in bureau.db.rows("SELECT * FROM throttle"))
    assert not any("10.0.0" in row["detail"] for row in entries(bureau))


def test_a_subscribers_many_addresses_are_one_and_nonsense_is_not_kept(bureau: Bureau) -> None:
    counter = new_counter(bureau)
    for form in range(20):
        rate(bureau, counter, f"{form}", address=f"2001:db8::{form:x}")
    with pytest.raises(Throttled):
        rate(bureau, counter, "over", address="2001:db8::ffff")
    rate(bureau, counter, "next door", address="2001:db8:0:1::1")
    visitor, kept = Visitor(bureau, counter), _choices.cache_info().currsize
    for n in range(5):
        assert visitor.send("2", f"nonsense {n}").status_code == 422
    assert _choices.cache_info().currsize <= kept + 1


def test_what_is_refused_comes_back_with_what_was_chosen(bureau: Bureau) -> None:
    counter, other = new_counter(bureau), new_counter(bureau, name="2号窗口")
    visitor, next_door = Visitor(bureau, counter), Visitor(bureau, other)
    foreign = form_in(next_door.page.text, f"{next_door.path}/ratings")["form"]
    forms = [
        (visitor.send(""), 422),
        (visitor.send("6"), 422),
        (visitor.send("2", "nonsense"), 422),
        (visitor.send("2", "long_wait", form="x"), 403),
        (visitor.send("2", "long_wait", form=foreign), 403),
    ]
    bureau.db.run("DELETE FROM throttle")
    for form in range(20):
        rate(bureau, counter, f"{form}", now=utc_now(), address="127.0.0.1")
    forms.append((visitor.send("2", "long_wait"), 429))
    for answer, status in forms:
        assert answer.status_code == status
        assert f'href="{visitor.path}?lang=en"' in answer.text
        assert 'role="alert"' in answer.text
    for answer, status in forms[3:]:
        assert 'id="r1-2" class="l2" checked' in answer.text
        assert 'value="long_wait" checked' in answer.text
        assert ("Retry-After" in answer.headers) == (status == 429)
    foreign_site = {"Sec-Fetch-Site": "cross-site"}
    path = f"{visitor.path}/ratings"
    assert visitor.phone.post(path, headers=foreign_site).status_code == 403
    assert visitor.phone.get(path).status_code == 405
    assert visitor.phone.post(visitor.path).status_code == 405
    assert len(ratings_in(bureau)) == 20


def test_a_form_sent_many_times_at_once_lands_once_and_one_name_is_taken_once(
    bureau: Bureau,
) -> None:
    counter = new_counter(bureau)

    def both(n: int) -> bool:
        try:
            rate(bureau, counter, "the same", address=f"10.0.1.{n}")
            new_counter(bureau, name="户籍窗口")
        except Refused as refused:
            assert refused.field == "name"
            return False
        finally:
            bureau.db.close()
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(both, range(8))) == 1
    assert len(ratings_in(bureau)) == 1
    assert [entry["action"] for entry in entries(bureau)].count("counter.rated") == 1
    assert len(counters.counters_below(bureau.db, STATION)) == 2


def test_ratings_are_counted_by_beijing_day_unit_counter_and_officer(bureau: Bureau) -> None:
    li = hire(bureau, "li", "desk_officer")
    wang = hire(bureau, "wang", "desk_officer", SISTER, "王芳")
    first = put_on_duty(bureau, new_counter(bureau), li)
    second, sister = new_counter(bureau, name="2号窗口"), new_counter(bureau, SISTER)
    sister = put_on_duty(bureau, sister, wang)
    for n, level in enumerate("554321555"):
        rate(bureau, first, f"a{n}", "李明 510123", level=level)
    rate(bureau, second, "b", level="1")
    rate(bureau, sister, "c", "王芳 510123", level="5")
    midnight = datetime(2026, 11, 19, 16, 0, tzinfo=UTC)
    rate(bureau, second, "d", now=midnight - timedelta(seconds=1), level="2")
    rate(bureau, second, "e", now=midnight, level="3")
    today = counters.figures(bureau.db, EAST, TODAY, TODAY)
    for groups in today.values():
        assert sum(scores.ratings for scores in groups.values()) == 12
    assert {key: (s.ratings, s.bad, s.too_few) for key, s in today["counter"].items()} == {
        (first["id"],): (9, 2, True),
        (second["id"],): (2, 1, True),
        (sister["id"],): (1, 0, True),
    }
    station = today["unit"][(STATION,)]
    assert (station.ratings, station.satisfied, station.too_few) == (11, 8, False)
    assert station.satisfaction == 8 / 11
    assert today["officer"][("李明", "510123")].satisfaction is None
    assert today["officer"][("", "")].ratings == 2
    both = counters.figures(bureau.db, STATION, TODAY - timedelta(1), TODAY)
    assert both["counter"][(second["id"],)].ratings == 3
    assert counters.figures(bureau.db, WEST, TODAY, TODAY)["unit"] == {}
    # Apart from the ratings of cases.
    assert bureau.db.rows("SELECT id FROM rating") == []


@pytest.fixture
def desk(bureau: Bureau) -> Browser:
    return at_work(bureau)


def test_the_desk_adds_renames_staffs_and_retires_a_counter(bureau: Bureau, desk: Browser) -> None:
    hire(bureau, "wang", "callback_officer", name="王芳")
    hire(bureau, "sister", "desk_officer", SISTER)
    gone = hire(bureau, "gone", "desk_officer")
    bureau.db.run(
        "UPDATE staff SET disabled_at = '2026-11-01T00:00:00Z' WHERE id = :id", id=gone.id
    )
    made = desk.post("/desk/counters", unit=STATION, name=" 1号窗口 ")
    path, _, number = (made.location or "").partition("?counter=")
    assert path == "/desk/counters" and number.isdecimal()
    here = f"{path}/{number}"
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"unit": STATION, "name": " "}, "name"),
        ({"unit": STATION, "name": "长" * 41}, "name"),
        ({"unit": STATION, "name": "1号窗口"}, "name"),
        ({"unit": SISTER, "name": "3号窗口"}, "unit"),
        ({"unit": "nowhere", "name": "3号窗口"}, "unit"),
    ]
    for form, field in wrong:
        refused = desk.post("/desk/counters", **form)
        assert refused.status_code == 422
        assert f'id="{field}-error"' in refused.text
        assert f'value="{form["name"]}"' in refused.text
    two = desk.post("/desk/counters", unit=STATION, name="2号窗口")
    taken = desk.post(f"{here}/name", name="2号窗口")
    assert taken.status_code == 422 and 'value="2号窗口"' in taken.text
    assert desk.post(f"{here}/name", name="1号窗口").status_code == 303
    assert desk.post(f"{here}/name", name="户籍窗口").status_code == 303
    for login in ("sister", "gone", "nobody"):
        assert desk.post(f"{here}/duty", officer=login).status_code == 422
    shown = desk.get(f"/desk/counters?counter={number}").text
    assert '<option value="wang">' in shown and '<option value="sister">' not in shown
    for officer, named in (("wang", "王芳"), ("", ""), (f"desk_officer.{STATION}", "李明")):
        assert desk.post(f"{here}/duty", officer=officer).status_code == 303
        assert counter_of(bureau, int(number))["officer"] == named
    rate(bureau, counter_of(bureau, int(number)), "f", now=utc_now(), level="1")
    shown = desk.get(f"/desk/counters?counter={number}").text
    assert '<span class="state late">非常不满意</span>' in shown and "过少" in shown
    assert desk.post(f"{here}/retire").status_code == 303
    for what in ("name", "duty", "retire"):
        assert desk.post(f"{here}/{what}", name="9号窗口").status_code == 404
    listed = desk.get("/desk/counters").text
    assert "户籍窗口" in listed and "已停用" in listed
    assert "已停用" not in desk.get("/desk/counters?from=2026-01-01&to=2026-01-02").text
    # Its name is free again, and days that cannot be are said to be so.
    assert desk.post("/desk/counters", unit=STATION, name="户籍窗口").status_code == 303
    unread = desk.get("/desk/counters?from=2026-13-01&to=x")
    assert unread.status_code == 422 and 'id="from-error"' in unread.text
    told = [(entry["action"], json.loads(entry["detail"])) for entry in entries(bureau)]
    one = int(number)
    assert told[0] == ("counter.added", {"counter": one, "unit": STATION, "name": "1号窗口"})
    assert told[2] == ("counter.changed", {"counter": one, "name": ["1号窗口", "户籍窗口"]})
    assert told[3] == ("counter.duty", {"counter": one, "officer": "王芳", "badge": "510123"})
    assert [action for action, _ in told].count("counter.duty") == 3
    assert two.status_code == 303 and "10.0" not in json.dumps(told)


def test_who_may_do_what_with_the_counters_of_which_unit(bureau: Bureau, desk: Browser) -> None:
    counter = new_counter(bureau)
    here = f"/desk/counters/{counter['id']}"
    posts = (f"{here}/name", f"{here}/duty", f"{here}/retire", "/desk/counters")
    form: dict[str, Any] = {"name": "户籍窗口", "officer": "", "unit": STATION}
    auditor, above = at_work(bureau, "auditor", EAST), at_work(bureau, "supervisor", EAST)
    assert "1号窗口" in auditor.get(f"/desk/counters?counter={counter['id']}").text
    assert "我在这个窗口" not in auditor.get("/desk/counters").text
    administrator, nobody = at_work(bureau, "administrator"), browser_of(site_of(bureau))
    elsewhere = at_work(bureau, "desk_officer", WEST)
    assert administrator.get("/desk/counters").status_code == 403
    assert "/login" in (nobody.get("/desk/counters").location or "")
    assert "还没有窗口" in elsewhere.get(f"/desk/counters?counter={counter['id']}").text
    assert elsewhere.get(f"{here}.pdf").status_code == 404
    for path in posts:
        assert auditor.post(path, **form).status_code == 403
        assert nobody.post(path, csrf=False, **form).status_code == 401
        assert elsewhere.post(path, **form).status_code == (404 if path.startswith(here) else 422)
        assert desk.post(path, csrf=False, **form).status_code == 400
        assert desk.client.put(path).status_code == 405
    for path in (f"/desk/counters/{2**70}.pdf", "/desk/counters/0.pdf", f"{here}.gif"):
        assert desk.get(path).status_code == 404
    assert desk.get(f"/desk/counters?counter={2**70}").status_code == 200
    assert [entry["action"] for entry in entries(bureau)] == ["counter.added"]
    # From the unit above, one may be at the counter oneself.
    assert above.post(f"{here}/duty", officer=f"supervisor.{EAST}").status_code == 303


@pytest.mark.parametrize("database_url", ENGINES[:1], indirect=True)
def test_the_sign_is_drawn_at_its_size_and_names_no_officer(bureau: Bureau, desk: Browser) -> None:
    counter = put_on_duty(
        bureau, new_counter(bureau), hire(bureau, "li", "desk_officer"), utc_now()
    )
    for size, wide in (("a4", 2480), ("a6", 1240)):
        drawn = desk.get(f"/desk/counters/{counter['id']}.png?size={size}")
        assert (drawn.mimetype, drawn.headers["Cache-Control"]) == ("image/png", "no-store")
        assert abs(image_of(drawn.data).width - wide) < 2
    pdf = desk.get(f"/desk/counters/{counter['id']}.pdf?size=nonsense")
    assert pdf.headers["Content-Disposition"].endswith(f"counter-{counter['id']}-a4.pdf")
    words = text_of(pdf.data)
    assert "锦江路派出所" in words and "1号窗口" in words and "daylight.example.cn" in words
    assert "李明" not in words and "510123" not in words
