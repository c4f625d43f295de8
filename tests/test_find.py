"""Finding cases at the desk: every way in, nothing out of reach; one milestone for many cases."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from werkzeug.test import TestResponse

from lookup.beijing import beijing_day, utc_now
from lookup.bureau import Bureau, open_bureau
from lookup.cases import require_case
from lookup.docket import Key, Question, find_cases
from lookup.issues import hand_over, reissue
from lookup.staff import Staff
from lookup.stages import STAGES
from lookup.trail import Actor, change, verify
from lookup.withholding import ask_to_disclose, ask_to_withhold
from tests.office import EAST, SISTER, STATION, WEST, Browser, at_work, browser_of, hire
from tests.public_cases import CLERK, days_ago, issue_of, put, site_of

FILED = {"step": "filing", "at": days_ago(4), "outcome": "filed"}
REFUSED = {"step": "filing", "at": days_ago(4), "outcome": "refused"}
DESK = Actor("周敏 zhou", "desk")
CHIEF = Staff(9, "chief", "周局", "", "supervisor", "5101000000", "蓉江市公安局", False)
OWN_KIND = """
[permit]
name = { zh = "许可", en = "Permit" }
[[permit.milestones]]
step = "intake"
name = { zh = "收件", en = "Taken in" }
[[permit.milestones]]
step = "check"
name = { zh = "核查", en = "Check" }
follows = "intake"
expected = { zh = "核查", en = "check" }
clock = { days = 3, counted_from = "intake", basis = { zh = "规定", en = "Rules" } }
outcomes = [
    { code = "passed", name = { zh = "通过", en = "Passed" } },
    { code = "rejected", name = { zh = "驳回", en = "Rejected" }, ends = true },
]
[[permit.milestones]]
step = "issue"
name = { zh = "发证", en = "Issue" }
follows = "check"
expected = { zh = "发证", en = "issue" }
clock = { days = 9, counted_from = "intake", basis = { zh = "规定", en = "Rules" } }
[permit.paper]
title = { zh = "回执", en = "Receipt" }
statement = { zh = "已收件。", en = "Taken in." }
query = { zh = "可查询。", en = "Ask us." }
complain = { zh = "可投诉。", en = "Complain." }
"""


def listed(answer: TestResponse) -> list[str]:
    """The numbers of the cases in a list."""
    return [unquote(one) for one in re.findall(r'<td><a href="/desk/cases/([^"]+)">', answer.text)]


def sought(desk: Browser, text: str, **filters: Any) -> list[str]:
    """What is listed where something was typed in the box."""
    answer = desk.post("/desk/", text=text, **filters)
    assert answer.status_code == 303
    return listed(desk.get(answer.location))


def found(bureau: Bureau, who: Staff = CHIEF, **asked: Any) -> list[str]:
    rows, _ = find_cases(bureau, who, Question(**asked), utc_now())
    return [row.case["number"] for row in rows]


def test_any_scrap_finds_a_case_in_whatever_width_and_case_it_is_typed(bureau: Bureau) -> None:
    desk = at_work(bureau)
    party = {"role": "complainant", "name": "欧阳 Élise", "phone": "+86 138-1111-2222"}
    named: dict[str, Any] = {
        "name": "王某“iPhone”被盗案（二）CAFÉ",
        "officer": "Zoë 赵",
        "badge": "X51077",
    }
    put(bureau, "A5101（2026）7", days_ago(2), parties=[party], **named)
    for number in range(3):
        put(bureau, f"B{number}", days_ago(3), parties=[{"role": "victim", "name": f"孙{number}"}])
    scraps = [
        "5101(2026",
        "ａ５１０１",
        "〔2026〕",
        "IPHONE”被",
        "被盗案(二",
        "案（",
        "王某",
        "）café",
    ]
    people = ["欧阳 Élise", "欧阳　Ｅ\u0301lise", "13811112222", "138 1111-2222", "８６13811112222"]
    for typed in [*scraps, *people, "ZOË　赵", "zoë 赵", "X51077", "ｘ51077"]:
        assert sought(desk, typed) == ["A5101（2026）7"], typed
    # Of people nothing less than the whole; an officer's name is no scrap either.
    for typed in ["欧阳", "1381111", "Zoë", "51077", "没有这个"]:
        assert sought(desk, typed) == [], typed
    assert sought(desk, "  ") == sought(desk, "") != []


def test_a_name_is_found_only_by_who_may_open_it(bureau: Bureau) -> None:
    """Finding somebody by name is learning that he has a case here."""
    put(bureau, "A1", days_ago(2))
    auditor = at_work(bureau, "auditor")
    assert sought(auditor, "张三") == sought(auditor, "13800138000") == []
    assert sought(auditor, "张某") == ["A1"]


def test_a_wildcard_is_only_itself(bureau: Bureau) -> None:
    desk = at_work(bureau)
    put(bureau, "A_1", days_ago(2), name="百分之50%案!")
    put(bureau, "AX1", days_ago(2), name="百分之500案。")
    assert sought(desk, "A_") == ["A_1"]
    assert sought(desk, "50%案") == sought(desk, "%案!") == ["A_1"]
    assert sought(desk, "%%") == sought(desk, "__") == sought(desk, "\\") == []
    assert sought(desk, "' OR 1=1 --") == sought(desk, "A!_") == []


def test_a_whole_number_leads_right_to_its_case_and_the_address_tells_of_nobody(
    bureau: Bureau,
) -> None:
    desk = at_work(bureau)
    put(bureau, "A5101（1）", days_ago(2))
    put(bureau, "A5101（1）2", days_ago(2))
    straight = desk.post("/desk/", text=" a5101(1) ", stage="ended")
    assert straight.location == "/desk/cases/A5101%EF%BC%881%EF%BC%89"
    for typed in ("张三", "13800138000"):
        address = desk.post("/desk/", text=typed, mine="yes").location
        assert typed not in unquote(address) and "q=" in address
        page = desk.get(address)
        assert sorted(listed(page)) == ["A5101（1）", "A5101（1）2"]
        assert f'value="{typed}"' in page.text
    # The same list in the other language is one link away.
    other = re.search(r'<a href="(\?[^"]*lang=en)"', page.text)
    assert other
    english = desk.get(f"/desk/{other[1].replace('&amp;', '&')}")
    assert listed(english) == listed(page) and "filing decision" in english.text
    # What only the database holds sealed cannot be read by way of an address.
    kept = issue_of(bureau, "A5101（1）")["name_sealed"]
    assert "张三" not in desk.get("/desk/", query_string={"q": kept}).text
    assert listed(desk.get("/desk/", query_string={"q": "a5101(1)2"})) == ["A5101（1）2"]


def test_a_name_found_under_an_older_key_is_found_under_a_newer_one(
    bureau: Bureau, with_keys: Callable[..., Bureau]
) -> None:
    put(bureau, "A1", days_ago(2))
    rotated = with_keys(*bureau.config.secret_keys, "0123456789abcdef" * 4)
    put(rotated, "A2", days_ago(1))
    assert found(rotated, text="张三") == found(rotated, text="13800138000") == ["A2", "A1"]
    rotated.db.close()


def test_nothing_out_of_reach_is_found_counted_or_changed(bureau: Bureau) -> None:
    for unit in (STATION, SISTER, WEST):
        put(bureau, f"N{unit}", days_ago(9), unit=unit, name=f"{unit}某案", officer="李明")
        with change(bureau.db, DESK) as ongoing:
            ask_to_withhold(ongoing, require_case(bureau.db, f"N{unit}"), "minor")
    reach = {STATION: {STATION}, EAST: {STATION, SISTER}, "5101000000": {STATION, SISTER, WEST}}
    for top, units in reach.items():
        chief, within = at_work(bureau, "supervisor", top), {f"N{unit}" for unit in units}
        for typed in ("某案", "张三", "13800138000", "李明", "510123", "N5101"):
            assert set(sought(chief, typed)) == within
        for address in ("", "?mine=yes", "?due=overdue", "?stage=waiting", f"?unit={WEST}"):
            shown = set(listed(chief.get(f"/desk/{address}")))
            assert shown == (within & {f"N{WEST}"} or within if WEST in address else within)
        assert f"待审批 {len(within)}" in chief.get("/desk/").text
        straight = chief.post("/desk/", text=f"N{WEST}").location
        assert straight.startswith("/desk/cases/") == (WEST in units)
    desk = at_work(bureau)
    told: dict[str, Any] = {"choice": "criminal filing filed", "at": days_ago(2)}
    answer = desk.post("/desk/milestones", case=[f"N{WEST}", f"N{STATION}"], **told)
    assert answer.status_code == 422 and listed(answer) == []
    assert f"没有编号为“N{WEST}”的案件" in answer.text
    other = desk.post("/desk/milestones", case=f"N{WEST}", choice="administrative filing filed")
    assert f"没有编号为“N{WEST}”的案件" in other.text
    done = bureau.db.rows("SELECT unit FROM milestone WHERE step = 'filing'")
    assert done == [{"unit": STATION}]


def pages(bureau: Bureau, question: Question, between: Callable[[int], None]) -> list[list[str]]:
    """All pages of a list, with something happening after each of them."""
    came: list[list[str]] = []
    after: Key | None = None
    while after or not came:
        rows, after = find_cases(bureau, CHIEF, replace(question, after=after), utc_now())
        came.append([row.case["number"] for row in rows])
        between(len(came))
    return came


def test_pages_follow_on_each_other_while_cases_are_added(bureau: Bureau) -> None:
    for number in range(120):
        put(bureau, f"A{number:03}", days_ago(20 + number % 7), officer="周局", badge="")
    put(bureau, "Z-no-clock", days_ago(30), [FILED], officer="周局", badge="")

    more = iter(range(1000))

    def add(_: int) -> None:
        put(bureau, f"new-{next(more)}", days_ago(1), officer="周局", badge="")
        put(bureau, f"old-{next(more)}", days_ago(23), officer="周局", badge="")

    for question in (
        Question(),
        Question(due="next"),
        Question(mine=True),
        Question(text="盗", unit=STATION),
    ):
        there = {f"A{number:03}" for number in range(120)}
        there |= set() if question.due else {"Z-no-clock"}
        came = pages(bureau, question, add)
        all_of_them = [number for page in came for number in page]
        assert [len(page) for page in came[:-1]] == [50] * (len(came) - 1)
        assert len(all_of_them) == len(set(all_of_them)) and there <= set(all_of_them)
        by_due = """SELECT number, COALESCE(MIN(due_day), 'z') AS day FROM cases LEFT JOIN clock
            ON case_id = cases.id AND decided_day IS NULL AND void_step IS NULL GROUP BY number"""
        newest = "SELECT number, intake_day AS day FROM cases"
        is_due = bool(question.due or question.mine)
        days = {row["number"]: row["day"] for row in bureau.db.rows(by_due if is_due else newest)}
        seen = [days[number] for number in all_of_them]
        assert seen == sorted(seen, reverse=not is_due)
        assert len(set(seen)) > 4
    # By the links of the pages themselves, and back.
    chief = at_work(bureau, "supervisor", "5101000000")
    address, walked = "/desk/?due=next&mine=", 0
    while address:
        page = chief.get(address)
        walked += len(listed(page))
        link = re.search(r'class="further" href="([^"]+)"', page.text)
        address = link[1].replace("&amp;", "&") if link else ""
    assert walked == len(found_all(bureau, Question(due="next")))


def found_all(bureau: Bureau, question: Question) -> list[str]:
    return [number for page in pages(bureau, question, lambda _: None) for number in page]


def test_the_stage_is_what_the_kind_makes_of_the_milestones(bureau: Bureau, tmp_path: Path) -> None:
    kinds = tmp_path / "kinds.toml"
    kinds.write_text(OWN_KIND, "utf-8")
    town = open_bureau(replace(bureau.config, kinds_file=kinds))
    courses: dict[str, list[dict[str, str]]] = {"none": []}
    for kind in town.kinds.values():
        for one in kind.milestones[1:]:
            steps = [{"step": "filing", "at": days_ago(40), "outcome": "filed"}]
            steps = steps if one.only_after == "filed" else []
            for outcome in one.outcomes or (None,):
                told = {"step": one.step, "at": days_ago(39)}
                told |= {"outcome": outcome.code} if outcome else {}
                for before in ([], steps) if steps else ([],):
                    name = f"{kind.code}-{one.step}-{outcome.code if outcome else ''}-{len(before)}"
                    courses[name] = [*before, told]
    by_stage: dict[str, set[str]] = {stage: set() for stage in STAGES}
    for name, milestones in courses.items():
        code = name.partition("-")[0] if milestones else "criminal"
        put(town, name, days_ago(45), milestones, kind=code)
        reached = {one["step"]: one.get("outcome") for one in milestones} | {"intake": None}
        ended = town.kinds[code].awaited(reached) is None
        decided = code == "permit" or {"filing", "closure"} & set(reached)
        stage = "ended" if ended else "under_way" if decided else "awaiting"
        by_stage["refused" if reached.get("filing") == "refused" else stage].add(name)
    assert all(by_stage.values())
    for stage, numbers in by_stage.items():
        assert set(found(town, stage=stage)) == numbers, stage
    rows, _ = find_cases(town, CHIEF, Question(), utc_now())
    assert all(row.case["number"] in by_stage[row.case["stage"]] for row in rows)
    assert set(found(town, stage="open")) == by_stage["awaiting"] | by_stage["under_way"]
    # What was passed over or has ended is awaited no more, whatever its clock says.
    overdue = set(found(town, due="overdue"))
    assert overdue == {row.case["number"] for row in rows if row.term}
    assert overdue & by_stage["refused"] == {"criminal-filing-refused-0"}  # its notice is due
    assert not overdue & by_stage["ended"]
    checked, passed = (
        next(row for row in rows if row.case["number"] == f"permit-{course}-0")
        for course in ("check-passed", "issue-")
    )
    assert checked.awaited and checked.awaited.en == "issue" and checked.term
    assert (passed.awaited, passed.term) == (None, None)
    # A kind that is configured no more is listed by its code.
    rows, _ = find_cases(bureau, CHIEF, Question(text="permit-"), utc_now())
    assert {row.kind.en for row in rows} == {"permit"} and not any(row.term for row in rows)
    town.db.close()


def test_lists_say_what_is_due_next_and_by_when(bureau: Bureau) -> None:
    day = beijing_day(datetime.now(UTC))
    put(bureau, "J-today", days_ago(0)[:10], kind="administrative")
    put(bureau, "J-late", days_ago(60), kind="administrative")
    put(bureau, "J-later", days_ago(50), [FILED | {"at": days_ago(50)}], kind="administrative")
    put(bureau, "A-filed", days_ago(9), [FILED])
    put(bureau, "A-soon", days_ago(0)[:10])
    chief = at_work(bureau, "supervisor")
    late = chief.get("/desk/?due=overdue")
    assert listed(late) == ["J-late", "J-later"]  # once each, by the first of two clocks
    assert "是否立案的决定" in late.text and "已超期60天" in late.text and "须当天办理" in late.text
    today = chief.get("/desk/?due=today")
    assert listed(today) == ["J-today"] and "今天到期" in today.text
    following = chief.get("/desk/?due=next")
    assert listed(following) == ["J-late", "J-later", "J-today", "A-soon"]
    assert f"自{day.month}月{day.day}日次日起算3天" in following.text
    everything = chief.get("/desk/?stage=under_way")
    assert set(listed(everything)) == {"A-filed", "J-later"}
    assert "侦查的结果" in everything.text and "没有固定的期限" in everything.text
    assert "张三" not in everything.text and "138" not in everything.text


def test_withheld_waiting_and_papers_not_handed_over_are_found_with_their_marks(
    bureau: Bureau,
) -> None:
    issues = {number: put(bureau, number, days_ago(3)) for number in "ABCDE"}
    put(bureau, "F", days_ago(3), withheld_reason="minor")
    put(bureau, "G", days_ago(3), withheld_reason="minor")
    for reason in ("minor", ""):
        put(bureau, "H", days_ago(3), withheld_reason=reason)
    forget = "UPDATE party SET forgotten_at = :day WHERE id = :id"
    bureau.db.run(forget, day=days_ago(0), id=issues["E"]["party_id"])
    with change(bureau.db, DESK) as ongoing:
        ask_to_withhold(ongoing, require_case(bureau.db, "A"), "privacy")
        ask_to_disclose(ongoing, require_case(bureau.db, "G"))
        for number in "BD":
            hand_over(ongoing, issues[number])
    with change(bureau.db, CLERK) as ongoing:
        reissue(bureau, ongoing, issues["D"]["party_id"], "damaged")
    browser_of(site_of(bureau)).client.scan(bureau, issues["C"])
    desk, chief = at_work(bureau), at_work(bureau, "supervisor")
    assert set(listed(desk.get("/desk/?stage=withheld"))) == {"F", "G"}
    assert set(listed(desk.get("/desk/?stage=waiting"))) == {"A", "G"}
    assert set(listed(desk.get("/desk/?stage=no_paper"))) == {"A", "D", "F", "G", "H"}
    page = chief.get("/desk/?stage=waiting")
    assert "不公开待审批" in page.text and "恢复公开待审批" in page.text
    assert "待审批 2" in page.text and 'data-key="f9"' in page.text
    assert "待审批 2" not in desk.get("/desk/").text


def test_filters_combine_and_what_an_address_cannot_mean_asks_nothing(bureau: Bureau) -> None:
    for unit in (STATION, SISTER):
        for days in (3, 30):
            for kind in ("criminal", "administrative"):
                put(bureau, f"{unit}-{days}-{kind}", days_ago(days), unit=unit, kind=kind)
    put(bureau, "done", days_ago(30), [REFUSED], unit=SISTER)
    chief = at_work(bureau, "supervisor", EAST)
    day = beijing_day(datetime.now(UTC)) - timedelta(30)
    both: dict[str, Any] = {"unit": SISTER, "from": day.isoformat(), "to": day.isoformat()}
    month_ago = {f"{SISTER}-30-criminal", f"{SISTER}-30-administrative"}
    assert set(sought(chief, "", **both)) == month_ago | {"done"}
    assert set(sought(chief, "", **both, stage="awaiting", due="overdue")) == month_ago
    assert sought(chief, "criminal", **both, stage="open") == [f"{SISTER}-30-criminal"]
    assert sought(chief, "criminal", **both, stage="open", mine="yes") == [f"{SISTER}-30-criminal"]
    answer = chief.post("/desk/", text="criminal", **both, stage="refused")
    kept = parse_qs(urlsplit(answer.location).query)
    assert {"unit", "from", "to", "stage", "q"} == set(kept)
    page = chief.get(answer.location).text
    assert f'<option value="{SISTER}" selected>' in page and f'value="{day}"' in page
    assert '<option value="refused" selected>' in page and "没有符合条件的案件" in page
    for nonsense in (
        "stage=first&due=mine&unit=x%00&from=2026-13-45&to=%F0%9F%98%80&mine=%00",
        "after=2026-99-99.1&due=next",
        "after=2026-01-01.99999999999999999999999&q=%00",
        "after='&q=%25%25&q=b&lang=xx&from=0000-00-00",
        f"q={'x' * 5000}&stage={'y' * 5000}",
    ):
        assert chief.get(f"/desk/?{nonsense}").status_code == 200, nonsense
    assert len(listed(chief.get("/desk/?stage=first&from=x"))) == 9
    assert chief.post("/desk/", text="x" * 5000).status_code == 303


def test_the_page_opens_on_what_its_reader_has_to_do(bureau: Bureau) -> None:
    put(bureau, "mine", days_ago(9))
    put(bureau, "no-badge", days_ago(8), badge="")
    put(bureau, "namesake", days_ago(7), badge="999")
    put(bureau, "renamed", days_ago(6), officer="李明明")
    put(bureau, "ended", days_ago(5), [REFUSED | {"at": days_ago(5)}])
    desk = at_work(bureau)  # 李明 510123
    first = desk.get("/desk/")
    assert listed(first) == ["mine", "no-badge", "renamed"]
    assert (
        '<a href="/desk/?mine=yes&amp;stage=open" data-key="f2" aria-current="page">' in first.text
    )
    # What is typed next is sought among all cases, not in this list alone.
    assert "checked" not in first.text and "selected>在办" not in first.text
    bureau.db.run("UPDATE staff SET badge = ''")
    assert set(listed(desk.get("/desk/"))) == {"mine", "no-badge", "namesake"}
    bureau.db.run("UPDATE staff SET badge = '000', name = '王五'")
    others = desk.get("/desk/")
    assert listed(others) == ["mine", "no-badge", "namesake", "renamed", "ended"]
    assert re.search(r"<h1>\s*<a[^>]*>按期限先后", others.text)
    for key in ("f2", "f4", "f8", "/", "x", "s"):
        assert f'data-key="{key}"' in others.text


def test_who_only_reads_finds_and_records_nothing(bureau: Bureau) -> None:
    put(bureau, "A1", days_ago(2))
    for role in ("auditor", "callback_officer"):
        reader = at_work(bureau, role)
        page = reader.get("/desk/")
        assert listed(page) == ["A1"] and 'name="case"' not in page.text
        assert "/desk/milestones" not in page.text
        assert sought(reader, "张某") == ["A1"]
        told: dict[str, Any] = {"case": "A1", "choice": "criminal filing filed"}
        assert reader.post("/desk/milestones", **told).status_code == 403
    keeper = at_work(bureau, "administrator")
    assert keeper.get("/desk/").status_code == keeper.post("/desk/", text="A").status_code == 403
    stranger = browser_of(site_of(bureau))
    assert "/login" in stranger.get("/desk/").location
    desk = at_work(bureau)
    assert desk.post("/desk/", csrf=False, text="A1").status_code == 400
    assert desk.get("/desk/milestones").status_code == 405
    assert not bureau.db.rows("SELECT * FROM milestone WHERE step = 'filing'")


def test_one_milestone_for_many_cases_and_the_refused_stay_ticked(bureau: Bureau) -> None:
    for number in ("A1", "A2", "A（3）"):
        put(bureau, number, days_ago(6))
    put(bureau, "A-filed", days_ago(6), [FILED])
    put(bureau, "A-late", days_ago(1))
    put(bureau, "J1", days_ago(6), kind="administrative")
    desk = at_work(bureau)
    all_of_them = ["A1", "A2", "A（3）", "A-filed", "A-late", "J1", "A1"]
    told: dict[str, Any] = {
        "choice": "criminal filing refused",
        "at": days_ago(3),
        "back": "/desk/?stage=open&q=A",
    }
    answer = desk.post("/desk/milestones", case=all_of_them, **told)
    assert answer.status_code == 422 and "已为 3 个案件记录" in answer.text
    assert set(listed(answer)) == {"A-filed", "A-late", "J1"}
    assert answer.text.count(" checked aria-label") == 3
    assert all(why in answer.text for why in ("已有记录", "早于", "本案是行政案件"))
    assert '<option value="criminal filing refused" selected>' in answer.text
    assert (
        f'value="{days_ago(3)}"' in answer.text
        and 'href="/desk/?q=A&amp;stage=open"' in answer.text
    )
    outcomes = bureau.db.rows(
        """SELECT number, outcome, happened_day, milestone.via FROM milestone
        JOIN cases ON cases.id = case_id WHERE step = 'filing' ORDER BY cases.id"""
    )
    assert [(row["number"], row["outcome"], row["via"]) for row in outcomes] == [
        *((number, "refused", "desk") for number in ("A1", "A2", "A（3）")),
        ("A-filed", "filed", "command"),
    ]
    # Now, where no time is told; then back to the list, on the very page.
    back = "/desk/?stage=open&after=2026-01-01.5"
    now: dict[str, Any] = {"choice": "administrative filing filed", "at": " ", "back": back}
    answer = desk.post("/desk/milestones", case="J1", **now)
    assert answer.status_code == 303 and answer.location == back
    assert "已为 1 个案件记录" in desk.get("/desk/").text
    for wrong, why in {
        "at": (days_ago(-1), "尚未发生"),
        "choice": ("criminal flight filed", "没有可以记录的节点"),
    }.items():
        answer = desk.post("/desk/milestones", **{"case": "A-late", **told, wrong: why[0]})
        assert answer.status_code == 422 and why[1] in answer.text, answer.text
    nothing = desk.post("/desk/milestones", **told)
    assert nothing.status_code == 422 and "请先勾选案件" in nothing.text
    assert set(listed(nothing)) == {"A-filed", "A-late"}
    unchosen = desk.post("/desk/milestones", case="A-late", back="//evil\r\n?stage=open")
    assert unchosen.status_code == 422 and "请选择要记录的节点" in unchosen.text
    assert unchosen.text.count(" checked aria-label") == 1 and len(listed(unchosen)) == 3


def test_fifty_posts_at_once_over_the_same_cases_lose_and_double_nothing(bureau: Bureau) -> None:
    numbers = [f"A{number:02}" for number in range(12)]
    for number in numbers:
        put(bureau, number, days_ago(5))
    desk = at_work(bureau)
    site, token = bureau.config.host, desk.token()
    cookie = desk.client.get_cookie("__Host-staff", site)
    assert cookie

    def send(turn: int) -> tuple[int, int]:
        window = browser_of(desk.client.application).client
        window.set_cookie(cookie.key, cookie.value, domain=site)
        # Overlapping stacks, half of them from the other end.
        some = (numbers * 2)[turn % 12 :][:4][:: 1 if turn % 2 else -1]
        form = {"csrf_token": token, "case": some, "choice": "criminal filing filed"}
        answer = window.post("/desk/milestones", data=form)
        bureau.db.close()
        told = re.search(r"已为 (\d+) 个案件记录", answer.text)
        return answer.status_code, 4 if answer.status_code == 303 else int(told[1]) if told else 0

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(send, range(50)))
    assert {status for status, _ in answers} <= {303, 422}
    assert sum(done for _, done in answers) == 12
    told = bureau.db.rows("SELECT case_number FROM trail_entry WHERE action = 'milestone.recorded'")
    assert sorted(row["case_number"] for row in told) == numbers
    filed = bureau.db.rows("SELECT case_id FROM milestone WHERE step = 'filing'")
    assert len(filed) == 12 and verify(bureau.db) == []
    assert hire(bureau, "another", "auditor")
