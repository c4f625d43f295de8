"""The auditor's overview and ranking: who sees them, the same numbers wherever they are told."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from openpyxl import load_workbook

from lookup.bureau import Bureau
from lookup.exports import HEADS
from lookup.figures import SHARES
from lookup.oversight import Measure, Weights
from lookup.web import audit
from tests.machines import Program, program
from tests.office import BUREAU, EAST, SISTER, STATION, WEST, Browser, at_work
from tests.public_cases import put, site_of
from tests.test_ranking import cases

QUARTER = "period=2026-Q3"
PAGES = ("/audit/", "/audit/ranking", "/audit/ranking.json", "/audit/rates.csv")
_EXPORTS = "SELECT * FROM trail_entry WHERE action = 'cases.exported' ORDER BY position"
_ROW = re.compile(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', re.S)


@pytest.fixture
def bureau(bureau: Bureau) -> Bureau:
    """Two quarters of three stations; West was the better one before, and has few cases now."""
    cases(bureau, STATION, "2026-07", "ynl")
    cases(bureau, SISTER, "2026-08", "ll")
    cases(bureau, WEST, "2026-09", "y")
    cases(bureau, STATION, "2026-05", "nn")
    cases(bureau, SISTER, "2026-05", "nn")
    put(bureau, "withheld", "2026-08-03 09:30", unit=SISTER, withheld_reason="minor")
    return bureau


def words(html: str) -> str:
    """What is read of a part of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def rows_of(page: str) -> dict[str, str]:
    """What each row of the table says, by its first cell."""
    return {words(label): words(cells) for label, cells in _ROW.findall(page)}


def rows_of_csv(written: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written.removeprefix("\ufeff"), newline="")))


def test_only_those_who_audit_see_figures_and_only_those_of_their_units(bureau: Bureau) -> None:
    app = site_of(bureau)
    for role in ("desk_officer", "callback_officer", "administrator"):
        other = at_work(bureau, role, app=app)
        assert [other.get(path).status_code for path in PAGES] == [403] * len(PAGES)
        assert other.post("/audit/cases-export", format="csv").status_code == 403
        assert 'href="/audit/"' not in other.get("/account").text
    chief = at_work(bureau, "supervisor", EAST, app=app)
    for path in PAGES:
        assert chief.get(f"{path}?unit={WEST}").status_code == 404
        assert chief.get(f"{path}?unit=nowhere").status_code == 404
        assert chief.get(f"{path}?unit={SISTER}").status_code == 200
        for wrong in ("period=2026-Q5", "period=0001"):
            answer = chief.get(f"{path}?{wrong}")
            assert answer.status_code == 400 and "应形如 2026-Q3" in answer.text
        for wrong in ("from=2026-01-01", "period=x&from=y&to=z", "from=2026-08-01&to=2026-07-01"):
            answer = chief.get(f"{path}?{wrong}")
            assert answer.status_code == 400 and "请填写起、止两日" in answer.text
    assert chief.get("/audit/?by=weather").status_code == 400
    assert chief.get("/audit/ranking?depth=-1").status_code == 200
    assert chief.post(f"/audit/cases-export?unit={WEST}", format="csv").status_code == 404
    assert chief.get("/audit/cases-export").status_code == 405
    assert chief.post("/audit/").status_code == 405
    page = chief.get(f"/audit/?{QUARTER}").text
    assert set(rows_of(page)) == {f"{STATION} 锦江路派出所", f"{SISTER} 牛市口派出所", "合计"}
    assert "青羊宫" not in page and f'value="{BUREAU}"' not in page
    assert f'<option value="{SISTER}">\u3000牛市口派出所</option>' in page


def test_periods_are_chosen_and_the_overview_says_how_each_rate_moved(bureau: Bureau) -> None:
    root = at_work(bureau, "auditor", BUREAU)
    days = root.get("/audit/?period=2026&from=2026-07-01&to=2026-07-02&by=kind").text
    assert '<option value="2026-07-01..2026-07-02" selected>' in days
    assert "受案数 2 " in words(days)
    assert '<input type="hidden" name="by" value="kind">' in days
    links = re.findall(r'href="\?period=([^&]*)&amp;by=kind&amp;unit=(\d+)" data-key', days)
    assert links == [("2026-06-29..2026-06-30", BUREAU), ("2026-07-03..2026-07-04", BUREAU)]
    assert re.search(r'<option value="\d{4}-Q\d" selected>', root.get("/audit/").text)

    told = words(root.get(f"/audit/?{QUARTER}").text)
    assert "公开率 83.33% 5 / 6 ▲ 上升 83.33 个百分点" in told
    assert "查询率 50.00% 3 / 6 ▲ 上升 50.00 个百分点" in told
    assert "参与率 0.00% 0 / 6 ＝ 与上期持平" in told
    assert "满意率 评价过少 0 / 0 与上期不可比" in told
    assert "不予公开 1 未成年人 1" in told and "应公开数 6" in told
    english = words(root.get("/audit/?period=2026-Q4&lang=en").text)
    assert "Disclosure rate — 0 / 0 nothing to compare with" in english
    assert "No case was taken in" in english


def test_the_same_numbers_stand_on_the_page_in_every_file_the_interface_and_the_command(
    bureau: Bureau,
) -> None:
    app = site_of(bureau)
    root, machine = at_work(bureau, "auditor", BUREAU, app=app), program(bureau, app)
    for by in ("unit", "officer"):
        compare(app, root, machine, by)


def compare(app: Flask, root: Browser, machine: Program, by: str) -> None:
    """All that tell of one table."""
    asked = f"{QUARTER}&by={by}"
    answer = root.get(f"/audit/rates.json?{asked}")
    assert answer.headers["Cache-Control"] == "no-store"
    assert f"filename=rates-2026-Q3-{BUREAU}.json" in answer.headers["Content-Disposition"]
    sheet = answer.get_json()
    named = [_as_named(by, row) for row in sheet["rows"]] + [("合计", sheet["total"])]
    assert sheet["total"]["taken_in"] == 7 and len(named) == (4 if by == "unit" else 2)

    shown: dict[str, str] = {}
    for columns in ("main", "disclosure", "service", "callbacks"):
        found = rows_of(root.get(f"/audit/?{asked}&columns={columns}").text)
        shown = {name: shown.get(name, "") + f" {told} " for name, told in found.items()}
    for name, row in named:
        for rate, (part, whole) in ((one, _pair(row, one)) for one in SHARES):
            share = "评价过少" if rate == "satisfaction" else "—"
            share = share if row[rate] is None else f"{row[rate]:.2%}"
            assert f"{share} {part} / {whole}" in shown[name]

    lines = rows_of_csv(root.get(f"/audit/rates.csv?{asked}").text)
    book = load_workbook(io.BytesIO(root.get(f"/audit/rates.xlsx?{asked}").data))
    grid = [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]
    for line, cells, (_, row) in zip(lines, grid[1:], named, strict=True):
        for place, head in enumerate(HEADS, 1):
            if head in row and head != "satisfaction":
                assert line[head] == ("" if row[head] is None else json.dumps(row[head]))
                assert cells[place] == row[head]

    asked = f"rates?from=2026-07-01&to=2026-09-30&by={by}&unit={BUREAU}"
    options = ["--from", "2026-07-01", "--to", "2026-09-30", "--by", by, "--unit", BUREAU]
    told = app.test_cli_runner().invoke(args=["rates", *options, "--format", "json"]).output
    for other in (machine.call("GET", asked).get_json(), json.loads(told)):
        assert {**other, "cutoff": ""} == {**sheet, "cutoff": ""}


def _as_named(by: str, row: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return (f"{row['unit']} {row['unit_name']}" if by == "unit" else row["officer"]), row


def _pair(row: dict[str, Any], rate: str) -> tuple[int, int]:
    counts = {**row, "ratings": sum(row["levels"].values())}
    return counts[SHARES[rate].part], counts[SHARES[rate].whole]


def ranked(bureau: Bureau, least: int = 2) -> Browser:
    """An auditor whose bureau ranks by disclosure and look-ups, two to one."""
    measures = (Measure("disclosure_rate", 2), Measure("lookup_rate", 1))
    app = site_of(bureau)
    oversight = replace(bureau.oversight, ranking=Weights(least, measures))
    app.extensions["bureau"] = replace(app.extensions["bureau"], oversight=oversight)
    return at_work(bureau, "auditor", BUREAU, app=app)


def test_the_ranking_shows_ties_movement_weights_and_who_has_too_few_cases(bureau: Bureau) -> None:
    root = ranked(bureau)
    page = root.get(f"/audit/ranking?{QUARTER}&depth=2").text
    told = words(page)
    assert "公开率 权重 2 查询率 权重 1" in told
    assert "1 ＝ 未变 牛市口派出所 100.00 100.00% 2 / 2 100.00% 2 / 2" in told
    assert "2 ▼ 降 1 位 锦江路派出所 55.56 66.67% 2 / 3 33.33% 1 / 3" in told
    assert "— 不排名 青羊宫派出所 应公开案件 1 个，少于 2 个 —" in told
    assert '<svg xmlns="http://www.w3.org/2000/svg" role="img"' in page
    before = words(root.get("/audit/ranking?period=2026-Q2&depth=2").text)
    assert before.count("1 并列 上期无名次") == 2
    assert "这一级没有单位" in words(root.get(f"/audit/ranking?{QUARTER}&depth=7").text)
    assert f"unit={SISTER}&amp;back=" in page and "&amp;figure=lookup_rate&amp;part=whole" in page
    [back] = set(re.findall(r"back=([^&\"]+)&amp;figure=lookup_rate", page))
    behind = f"/audit/cases?{QUARTER}&unit={SISTER}&figure=lookup_rate&part=whole&back={back}"
    assert f'href="/audit/ranking?{QUARTER}&amp;depth=2&amp;unit={BUREAU}"' in root.get(behind).text
    # On paper stands what each figure counts, in full; the chart tells scores as the table does.
    for path in ("/audit/", "/audit/ranking"):
        on_paper = root.get(f"{path}?{QUARTER}").text.partition('<section class="onpaper">')[2]
        assert "公开率 = 公开数 / 应公开数" in on_paper and "按期答复率 =" in on_paper
    drawn = page[page.index("<svg") :]
    assert ">55.56</text>" in drawn and ">100</text>" in drawn and "%" not in drawn

    answer = root.get(f"/audit/ranking.csv?{QUARTER}&depth=2")
    lines = rows_of_csv(answer.text)
    assert [(line["unit"], line["rank"], line["moved"]) for line in lines] == [
        (SISTER, "1", "0"),
        (STATION, "2", "-1"),
        (WEST, "", ""),
    ]
    assert [lines[1][name] for name in ("score", "lookup_rate_part", "lookup_rate_whole")] == [
        *("55.56", "1", "3"),
    ]
    assert {line["disclosure_rate_weight"] for line in lines} == {"2"}
    assert "公开率 = 公开数 / 应公开数" in lines[-1]["definition_text"]
    assert answer.headers["Cache-Control"] == "no-store"
    told = root.get(f"/audit/ranking.json?{QUARTER}&depth=2").get_json()
    book = load_workbook(io.BytesIO(root.get(f"/audit/ranking.xlsx?{QUARTER}&depth=2").data))
    heads, *cells = book.worksheets[0].iter_rows()
    for line, row, cell in zip(lines, told["rows"], cells, strict=True):
        assert {name: "" if one is None else str(one) for name, one in row.items()}.items() <= (
            line.items()
        )
        assert [one.value for one in cell] == [*row.values()]
    [score] = [cell for cell, head in zip(cells[0], heads, strict=True) if "100" in str(head.value)]
    assert (score.value, score.number_format) == (100, "0.00")
    assert root.get(f"/audit/ranking.exe?{QUARTER}").status_code == 404


def test_the_command_ranks_each_level_as_the_page_does(bureau: Bureau, tmp_path: Path) -> None:
    root = ranked(bureau)
    run, out = root.client.application.test_cli_runner().invoke, tmp_path / "ranking.xlsx"
    asked = ["ranking", "--from", "2026-07-01", "--to", "2026-09-30"]
    told = run(args=asked).output
    assert "Definition: daylight-1" in told
    places = [line.split() for line in told.splitlines()]
    assert ["2", "2", "-1", "锦江路派出所", "55.56", "3"] in places
    assert ["2", "-", "-", "青羊宫派出所", "-", "1"] in places
    options = ["--unit", EAST, "--depth", "1", "--format"]
    found = json.loads(run(args=[*asked, *options, "json"]).output)
    page = root.get(f"/audit/ranking.json?{QUARTER}&unit={EAST}").get_json()
    assert found | {"cutoff": ""} == page | {"cutoff": ""}
    assert run(args=[*asked, *options, "xlsx"]).exit_code == 1
    assert run(args=[*asked, *options, "xlsx", "--out", str(out)]).exit_code == 0
    assert load_workbook(out).worksheets[0].max_row == 3
    assert run(args=[*asked, "--unit", "4242"]).exit_code == 1


def test_cases_are_taken_away_without_people_and_that_is_recorded(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = site_of(bureau)
    root = at_work(bureau, "auditor", BUREAU, app=app)
    address = f"/audit/cases-export?{QUARTER}&unit={EAST}"
    answer = root.post(address, format="csv")
    assert len(rows_of_csv(answer.text)) == 6 and "张三" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert f"cases-2026-Q3-{EAST}.csv" in answer.headers["Content-Disposition"]
    refused = root.post(address, format="csv", personal="yes")
    assert refused.status_code == 403 and "不能导出姓名和电话" in refused.text
    assert root.post(address, format="exe").status_code == 400
    assert root.post(address, csrf=False, format="csv").status_code == 400
    chief = at_work(bureau, "supervisor", EAST, app=app)
    assert "张三" in chief.post(address, format="jsonl", personal="yes").text
    assert load_workbook(io.BytesIO(chief.post(address, format="xlsx").data)).worksheets
    entries = bureau.db.rows(_EXPORTS)
    assert [entry["actor"].split()[-1] for entry in entries] == [
        f"auditor.{BUREAU}",
        *[f"supervisor.{EAST}"] * 2,
    ]
    assert ["personal" in entry["detail"] for entry in entries] == [False, True, False]

    monkeypatch.setattr(audit, "MOST_CASES", 6)
    answer = root.post(f"/audit/cases-export?{QUARTER}", format="csv")
    command = f"flask export-cases --from 2026-07-01 --to 2026-09-30 --unit {BUREAU}"
    assert answer.status_code == 409 and command in answer.text
    assert bureau.db.rows(_EXPORTS) == entries
