"""A register taken in by page: nothing is written before it is confirmed, nothing stays after."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from werkzeug.test import TestResponse

from lookup import uploads, withholding
from lookup.beijing import beijing_day, utc_text
from lookup.bureau import Bureau
from lookup.cases import AsOf, require_case
from lookup.errors import FileError
from lookup.records import Hand
from lookup.register import import_cases
from lookup.trail import Actor, change
from lookup.web.imports import LARGEST_REGISTER
from tests.office import BUREAU, EAST, SISTER, STATION, WEST, Browser, at_work, too_large
from tests.public_cases import days_ago, put
from tests.registers import AWAITED, COLUMNS, Cells, row, write_csv

_CHANGE = re.compile(r'<tr><td class="nowrap">(<a [^<]*</a>|[^<]*)</td><td>([^<]*)</td></tr>')
_COUNT = re.compile(r"<dt>([^<]+)</dt><dd>(\d+)</dd>")


def fresh(number: str, unit: str = STATION, **cells: str) -> Cells:
    """A row of a case taken in three days ago that awaits its decision."""
    day = days_ago(3)
    told = {"案件编号": number, "案件类别": "刑事", "受理单位代码": unit, "涉案财物": ""}
    return row(1, **AWAITED, 报案时间=day, 受案时间=day) | told | cells


def table(rows: list[Cells]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def upload(
    browser: Browser, rows: list[Cells] | bytes, name: str = "十一月.csv", **form: Any
) -> TestResponse:
    content = rows if isinstance(rows, bytes) else table(rows)
    return browser.post("/desk/import", file=(BytesIO(content), name), **form)


def previewed(browser: Browser, rows: list[Cells], **form: Any) -> tuple[str, TestResponse]:
    """Where the preview is, and the preview."""
    answer = upload(browser, rows, **form)
    assert answer.status_code == 303, answer.text
    return answer.location, browser.get(answer.location)


def counts(answer: TestResponse) -> dict[str, int]:
    assert answer.status_code == 200
    return {name: int(number) for name, number in _COUNT.findall(answer.text)}


def cases(bureau: Bureau) -> int:
    return len(bureau.db.rows("SELECT id FROM cases"))


@pytest.fixture
def chief(bureau: Bureau) -> Browser:
    return at_work(bureau, "supervisor", EAST)


def test_a_register_is_previewed_then_imported_once_and_not_kept(
    bureau: Bureau, chief: Browser, tmp_path: Path
) -> None:
    rows = [
        fresh("A1", 报案人="欧阳春"),
        fresh("A2", 报案人电话="123"),
        fresh("A3", 案件类别="宇宙"),
    ]
    where, preview = previewed(chief, rows)
    expected = {"总行数": 3, "新增": 2, "变更": 0, "未变": 0, "拒收": 1, "提示": 1}
    assert counts(preview) == expected
    assert "还没有写入" in preview.text and "确认导入（2 个案件）" in preview.text
    assert "案件类别“宇宙”未配置" in preview.text and "已略去" in preview.text
    assert "The kind of case" not in preview.text
    assert "The kind of case" in chief.get(f"{where}?lang=en").text
    chief.get("/?lang=zh")
    assert cases(bureau) == 0
    assert "欧阳春" not in str(bureau.db.rows("SELECT * FROM upload"))
    assert "十一月.csv" in chief.get("/desk/import").text

    assert chief.post(where).headers["Location"] == where
    after = chief.get(where)
    assert counts(after) == expected and "已导入" in after.text
    assert cases(bureau) == 2
    [entry] = bureau.db.rows("SELECT * FROM trail_entry WHERE action = 'register.imported'")
    assert (entry["actor"], entry["via"]) == (f"李明 supervisor.{EAST}", "upload")
    assert '"file":"十一月.csv"' in entry["detail"]
    kept = uploads.Upload(**_opened(bureau))
    assert kept.content == b"" and "欧阳春" not in kept.rejects
    size = bureau.db.rows("SELECT size FROM trail_head")
    assert chief.post(where).headers["Location"] == where  # a second time does nothing
    assert counts(chief.get(where)) == expected
    assert bureau.db.rows("SELECT size FROM trail_head") == size

    fetched = chief.get(f"{where}/rejects.csv")
    assert fetched.headers["Cache-Control"] == "no-store"
    assert "filename*=UTF-8''" in fetched.headers["Content-Disposition"]
    assert unquote(fetched.headers["Content-Disposition"]).endswith("十一月.rejects.csv")
    file = write_csv(tmp_path / "x.csv", rows, "utf-8")
    with bureau.db.rehearsal():
        import_cases(bureau, file, Actor("x", "register"), AsOf(datetime.now(UTC)), tmp_path / "r")
    assert fetched.data == (tmp_path / "r").read_bytes()


def test_the_preview_tells_what_would_change_and_offers_nothing_where_that_is_nothing(
    bureau: Bureau, chief: Browser
) -> None:
    put(bureau, "A1", days_ago(3))
    known = {"报案人": "张三", "报案人电话": "13800138000"}
    rows = [fresh(f"B{n:03}") for n in range(60)] + [
        fresh("B000", 主办民警="王芳"),
        fresh("A1", 主办民警="王芳", **known),
    ]
    head = bureau.db.row("SELECT * FROM trail_head")
    where, preview = previewed(chief, rows)
    assert bureau.db.row("SELECT * FROM trail_head") == head
    first, *others = _CHANGE.findall(preview.text)
    assert first[0] == '<a href="/desk/cases/A1">A1</a>' and "→ 王芳" in first[1]
    # The cases that are not there yet cannot be opened.
    assert [number for number, _ in others] == [f"B{n:03}" for n in (0, 0, *range(1, 48))]
    assert "登记案件" in others[0][1] and "变更案件" in others[1][1]
    assert "另有 12 项未列出" in preview.text
    assert "Case registered" in chief.get(f"{where}?lang=en").text
    chief.get("/?lang=zh")
    chief.post(where)
    done = chief.get(where)
    assert "已导入" in done.text and _CHANGE.findall(done.text) == []

    where, again = previewed(chief, [fresh("A1", 主办民警="王芳", **known)])
    assert "不会有任何变化" in again.text and "还没有写入" not in again.text
    assert "确认导入" not in again.text and f'action="{where}/discard"' in again.text
    assert _CHANGE.findall(again.text) == []


def _opened(bureau: Bureau) -> dict[str, Any]:
    [kept] = bureau.db.rows("SELECT sealed FROM upload")
    told: dict[str, Any] = json.loads(bureau.seals.open(kept["sealed"]))
    return told | {"content": told["content"].encode()}


def test_rows_for_units_beyond_reach_and_of_their_cases_are_rejected(
    bureau: Bureau, chief: Browser
) -> None:
    put(bureau, "W1", days_ago(3), unit=WEST)
    put(bureau, "E1", days_ago(3), unit=SISTER)
    known = {"报案人": "张三", "报案人电话": "13800138000", "受案时间": days_ago(3)}
    rows = [
        fresh("N1"),
        fresh("N2", WEST),
        fresh("W1", STATION, **known),  # draws another branch's case over
        fresh("E1", WEST, **known),  # pushes an own one out
        fresh("E1", STATION, **known),
        fresh("N3", "9999999999"),
    ]
    where, preview = previewed(chief, rows)
    assert counts(preview) | {"提示": 0} == {
        "总行数": 6,
        "新增": 1,
        "变更": 1,
        "未变": 0,
        "拒收": 4,
        "提示": 0,
    }
    assert preview.text.count("属于管辖范围以外的单位") == 3
    chief.post(where)
    assert require_case(bureau.db, "W1")["unit"] == WEST
    assert require_case(bureau.db, "E1")["unit"] == STATION
    assert cases(bureau) == 3
    whole = at_work(bureau, "supervisor", BUREAU)
    assert counts(previewed(whole, rows[1:3])[1])["拒收"] == 0


def test_what_staff_entered_by_hand_stands_against_the_file(bureau: Bureau, chief: Browser) -> None:
    put(bureau, "A1", days_ago(3))
    bureau.db.run("""UPDATE cases SET officer = '王芳', by_hand = '["officer"]'""")
    known = {"报案人": "张三", "报案人电话": "13800138000", "受案时间": days_ago(3)}
    where, preview = previewed(chief, [fresh("A1", **known)])
    assert "民警已手工填写“王芳”" in preview.text
    chief.post(where)
    assert require_case(bureau.db, "A1")["officer"] == "王芳"


def test_the_day_a_register_tells_of_and_a_first_load_are_kept_until_the_import(
    bureau: Bureau, chief: Browser
) -> None:
    today = beijing_day(datetime.now(UTC))
    stated = str(today - timedelta(1))
    where, preview = previewed(chief, [fresh("A1")], as_of=stated, backlog="yes")
    assert f"截至 {stated}" in preview.text and "存量案件" in preview.text
    chief.post(where)
    day = datetime.fromisoformat(f"{stated}T15:59:59+00:00")
    assert require_case(bureau.db, "A1")["known_as_of"] == utc_text(day)
    assert bureau.db.rows("SELECT backlog FROM milestone") == [{"backlog": 1}]
    for wrong in (str(today + timedelta(1)), "soon"):
        answer = upload(chief, [fresh("A2")], as_of=wrong)
        assert answer.status_code == 422
        assert 'aria-describedby="as_of-error" autofocus' in answer.text and wrong in answer.text
    assert upload(chief, [fresh("A2")], as_of=str(today)).status_code == 303


def test_an_upload_is_for_who_made_it_and_for_a_day(bureau: Bureau, chief: Browser) -> None:
    where, _ = previewed(chief, [fresh("A1"), fresh("A2", 案件类别="x")])
    other = at_work(bureau, "supervisor", BUREAU)
    assert other.get(where).status_code == 404
    assert other.get(f"{where}/rejects.csv").status_code == 404
    assert other.post(where).status_code == 404
    other.post(f"{where}/discard")
    assert "十一月" not in other.get("/desk/import").text
    assert chief.get(where).status_code == 200
    assert chief.get("/desk/import/none").status_code == 404
    a_day_ago = utc_text(datetime.now(UTC) - timedelta(days=1, seconds=5))
    bureau.db.run("UPDATE upload SET at = :at", at=a_day_ago)
    assert chief.get(where).status_code == 404 and chief.post(where).status_code == 404
    later, _ = previewed(chief, [fresh("A1")])
    assert len(bureau.db.rows("SELECT id FROM upload")) == 1  # the old one went with it
    assert chief.post(f"{later}/discard").status_code == 303
    assert bureau.db.rows("SELECT id FROM upload") == [] and cases(bureau) == 0
    assert chief.post(f"{later}/discard").status_code == 303
    assert chief.post(later).status_code == 404


def test_a_hostile_file_stays_a_file(bureau: Bureau, chief: Browser) -> None:
    attack = "<script>alert(1)</script>"
    rows = [
        fresh(attack),
        fresh("A1", 案件类别=attack, 备注='=HYPERLINK("http://x","y")'),
        fresh("A2", 案件名称=attack),
    ]
    name = f"..\\../etc/{attack}\u202e长长长长长长长长长长长长长长长长长长长长长长长.csv"
    answer = upload(chief, rows, name)
    assert answer.status_code == 303
    preview = chief.get(answer.location)
    assert attack not in preview.text and "&lt;script&gt;" in preview.text
    assert "etc" not in preview.text.partition("<main>")[2]
    assert "\u202e" not in preview.text
    fetched = chief.get(f"{answer.location}/rejects.csv")
    assert fetched.mimetype == "text/csv" and "'=HYPERLINK" in fetched.text
    assert "/" not in unquote(fetched.headers["Content-Disposition"]).partition("''")[2]
    assert fetched.headers["X-Content-Type-Options"] == "nosniff"
    for odd in ("..", ".", "/", "\\", "a\0.csv", "名" * 300):
        assert upload(chief, [fresh("A1")], odd).status_code in (303, 422)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "是空的"),
        (b"\x89PNG\r\n\x1a\nxx", "PNG 图片"),
        (b"PK\x03\x04 no workbook", "请另存为"),
        (b"\0\1\2", "二进制"),
        ("甲,乙\n1,2\n".encode(), "缺少列"),
    ],
)
def test_what_is_no_register_is_said_beside_the_field(
    bureau: Bureau, chief: Browser, content: bytes, said: str
) -> None:
    answer = upload(chief, content)
    assert answer.status_code == 422
    assert said in answer.text and 'aria-describedby="file-error" autofocus' in answer.text
    assert bureau.db.rows("SELECT id FROM upload") == []


def test_a_file_has_a_size_and_a_number_of_rows(
    bureau: Bureau, chief: Browser, tmp_path: Path
) -> None:
    assert chief.post("/desk/import").status_code == 422
    padded = table([fresh("A1")]) + b"\n" * 200_000
    assert upload(chief, padded).status_code == 303
    assert too_large(chief, "/desk/import", LARGEST_REGISTER) == 413
    file = write_csv(tmp_path / "r.csv", [fresh(f"A{n}") for n in range(5)])
    actor, as_of = Actor("x", "register"), AsOf(datetime.now(UTC))
    with pytest.raises(FileError, match="more than 4 rows"):
        import_cases(bureau, file, actor, as_of, tmp_path / "x", dry_run=True, most=4)
    done = import_cases(bureau, file, actor, as_of, tmp_path / "x", dry_run=True, most=5)
    assert done.rows == 5 and cases(bureau) == 0


def test_a_file_sent_when_the_session_is_over_asks_to_log_in(
    bureau: Bureau, chief: Browser
) -> None:
    bureau.db.run("UPDATE session SET ended_at = started_at")
    for size in (10, 100_000):
        answer = chief.client.post(
            "/desk/import", data=b"x" * size, content_type="multipart/form-data; boundary=x"
        )
        assert answer.status_code == 401 and "登录已过期" in answer.text


@pytest.mark.parametrize("role", ["desk_officer", "callback_officer", "auditor", "administrator"])
def test_nobody_else_takes_in_a_register(bureau: Bureau, role: str) -> None:
    browser = at_work(bureau, role, BUREAU)
    assert browser.get("/desk/import").status_code == 403
    assert upload(browser, [fresh("A1")]).status_code == 403
    assert too_large(browser, "/desk/import", 64 * 1024) == 413  # nobody else may send so much
    assert bureau.db.rows("SELECT id FROM upload") == []


def test_only_posts_that_this_site_drew_write(bureau: Bureau, chief: Browser) -> None:
    where, _ = previewed(chief, [fresh("A1")])
    assert chief.get(f"{where}/discard").status_code == 405
    for path in ("/desk/import", where, f"{where}/discard"):
        assert chief.post(path, csrf=False).status_code == 400
    assert cases(bureau) == 0 and len(bureau.db.rows("SELECT id FROM upload")) == 1


def test_who_was_moved_meanwhile_imports_no_further_than_the_present_reach(
    bureau: Bureau, chief: Browser
) -> None:
    where, preview = previewed(chief, [fresh("A1"), fresh("A2", SISTER)])
    assert counts(preview)["新增"] == 2
    bureau.db.run("UPDATE staff SET unit = :unit WHERE role = 'supervisor'", unit=SISTER)
    chief.post(where)
    assert counts(chief.get(where))["新增"] == 1
    assert bureau.db.rows("SELECT number FROM cases") == [{"number": "A2"}]


def test_a_file_hides_and_shows_nothing_without_a_second_person(
    bureau: Bureau, chief: Browser
) -> None:
    """Whoever uploads a register could have written it herself."""
    hidden = {"是否公开": "否", "不公开理由": "个人隐私"}

    def held(number: str) -> list[dict[str, Any]]:
        case = require_case(bureau.db, number)
        return bureau.db.rows(
            "SELECT * FROM withholding WHERE case_id = :id AND ended_at IS NULL", id=case["id"]
        )

    def take(*rows: Cells) -> str:
        there, _ = previewed(chief, list(rows), as_of=beijing_day(datetime.now(UTC)).isoformat())
        assert chief.post(there).status_code == 303
        return chief.get(there).text

    said = take(fresh("A1", **hidden), fresh("A2"))
    assert "另一人批准" in said
    assert [one["approved_at"] for one in held("A1")] == [None]
    take(fresh("A1", **hidden), fresh("A2", **hidden))
    assert [one["approved_at"] for one in (*held("A1"), *held("A2"))] == [None, None]
    refused = chief.post("/desk/cases/A1/withholding/approve", seen="99999")
    assert refused.status_code == 422

    put(bureau, "A3", days_ago(3), withheld_reason="minor")
    shown = fresh("A3", 报案人="张三", 报案人电话="13800138000", 是否公开="是")
    take(shown)
    (still,) = held("A3")
    assert still["end_requested_by"] == still["end_requested_by"].strip() != ""
    take(shown)
    assert held("A3") == [still]
    # A request is a change too, though the case stays as it is.
    known = fresh("A4", 报案人="张三", 报案人电话="13800138000")
    chief.post(previewed(chief, [known])[0])
    case = require_case(bureau.db, "A4")
    with change(bureau.db, Actor("system", "register")) as ongoing:
        withholding.put(ongoing, case["id"], None, "minor", Hand(False))
    _, preview = previewed(chief, [known | {"是否公开": "是"}])
    [(_, told)] = _CHANGE.findall(preview.text)
    assert "申请恢复公开" in told and "确认导入" in preview.text
    assert counts(preview)["未变"] == 1
