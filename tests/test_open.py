"""What everybody may read: nothing that tells of a few, and what can be checked from outside."""

import csv
import gzip
import io
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lookup import bulletins
from lookup.bureau import Bureau
from lookup.editions import faults
from lookup.open_figures import open_quarters
from lookup.oversight import Published
from lookup.suppression import Cell, cell_of, cells_of
from lookup.trail import change, head
from tests.office import BUREAU, hire
from tests.public_cases import CLERK, put, site_of
from tests.published import publish_row

SCRIPT = Path(__file__).resolve().parent.parent / "tools" / "verify_inclusion.py"
Pair = tuple[int, int]  # part and whole
FEWEST = 3  # so that there are few enough possibilities to go through


# What a reader can reckon


def _possible(cell: Cell, known: int | None, most: int) -> set[Pair]:
    """Part and whole as they may be behind a cell, where the whole is ``known`` from elsewhere."""
    wholes = range(most + 1) if known is None else [known]
    everything = {(part, whole) for whole in wholes for part in range(whole + 1)}
    if cell.shown == "few":
        return {(part, whole) for part, whole in everything if 0 < whole < FEWEST}
    if cell.shown == "exact":
        assert cell.part is not None and cell.whole is not None
        return {(cell.part, cell.whole)}
    return everything


def _plus(one: Iterable[Pair], other: Iterable[Pair]) -> set[Pair]:
    return {(a + c, b + d) for a, b in one for c, d in other}


def _tables(units: int, most: int, least: Pair = (0, 0)) -> Iterator[list[Pair]]:
    """All tables of so many units over at most so many cases, whatever the order of the units."""
    if not units:
        yield []
    for whole in range(least[1], most // units + 1 if units else 0):
        for part in range(least[0] if whole == least[1] else 0, whole + 1):
            for rest in _tables(units - 1, most - whole, (part, whole)):
                yield [(part, whole), *rest]


def _left(possible: list[set[Pair]], totals: set[Pair]) -> list[set[Pair]]:
    """What can be behind each cell, and behind the total, as they must add up."""
    most = max(whole for _, whole in totals)
    before, after = [{(0, 0)}], [{(0, 0)}]
    for sums, cells in ((before, possible), (after, possible[::-1])):
        for among in cells:
            sums.append({one for one in _plus(sums[-1], among) if one[1] <= most})
    others = [_plus(*both) for both in zip(before[:-1], after[-2::-1], strict=True)]
    return [
        {one for one in among if not _plus([one], rest).isdisjoint(totals)}
        for among, rest in zip(possible, others, strict=True)
    ] + [before[-1] & totals]


def _tell(counts: list[Pair]) -> set[str]:
    """What can be reckoned of a table that is not to be known."""
    summed = sum(part for part, _ in counts), sum(whole for _, whole in counts)
    cells, total = cells_of(counts, FEWEST), cell_of(*summed, FEWEST)
    # Other rates over the same wholes may show more of them; for the parts, all of them.
    nought = [one.whole for one in cells_of([(0, whole) for _, whole in counts], FEWEST)]
    most = max(summed[1], 2 * FEWEST)
    possible = [_possible(one, known, most) for one, known in zip(cells, nought, strict=True)]
    totals = _possible(total, cell_of(0, summed[1], FEWEST).whole, most)
    known = [_possible(one, pair[1], most) for one, pair in zip(cells, counts, strict=True)]
    of_wholes, of_parts = _left(possible, totals), _left(known, _possible(total, summed[1], most))
    told = set()
    for true, among, parts in zip([*counts, summed], of_wholes, of_parts, strict=True):
        assert true in among and true in parts
        if 0 < true[1] < FEWEST:
            told |= {"whole"} if len({whole for _, whole in among}) == 1 else set()
            # Where none or all of everything was done, the total says so of each.
            is_open = total.shown == "exact" and summed[0] in (0, summed[1])
            told |= {"part"} if len(parts) == 1 and not is_open else set()
    return told


def test_how_many_a_few_are_and_their_rate_do_not_follow_from_what_is_shown() -> None:
    tables = [one for units in (1, 2, 3) for one in _tables(units, 3 * FEWEST)]
    assert len(tables) > 1000
    assert [one for one in tables if _tell(one)] == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_where_satisfaction_is_hidden_nothing_tells_of_ratings(bureau: Bureau) -> None:
    names, bad = ("甲所", "乙所", "丙所"), {"level_1": 12}
    for quarter, given in (
        ("2026-Q1", ({"level_1": 1}, bad | {"level_5": 1}, {"level_5": 30})),
        ("2026-Q2", ({"level_1": 1}, bad, {"level_5": 30})),  # 0 of the 13 that are hidden
        ("2026-Q3", ({"level_5": 1}, {"level_1": 1}, {"level_5": 30})),  # two that make two
        ("2026-Q4", ({"level_1": 2}, {"level_3": 3}, {"level_5": 1})),
    ):
        rows = [
            {"taken_in": 40, "rated": sum(one.values()), "callbacks": one.get("level_1", 0)} | one
            for one in given
        ]
        publish_row(bureau, quarter, [*zip(names, rows, strict=True)])
    hidden, some = ("kept_back", None), {"甲所": ("few", None), "乙所": ("kept_back", None)}
    every = dict.fromkeys(names, hidden)
    for quarter, figure, total, units in (
        ("2026-Q1", "satisfaction", ("exact", 31), some | {"丙所": ("exact", 30)}),
        ("2026-Q1", "participation", ("exact", 44), every | {"丙所": ("exact", 30)}),
        ("2026-Q2", "satisfaction", ("exact", 30), every),
        ("2026-Q2", "participation", ("exact", 43), every),
        ("2026-Q1", "callback_rate", ("exact", 0), every | {"丙所": ("exact", 0)}),
        ("2026-Q2", "callback_rate", ("exact", 0), every),
        ("2026-Q3", "satisfaction", ("exact", 31), every),
        ("2026-Q3", "participation", ("exact", 32), every),
        ("2026-Q4", "satisfaction", ("few", None), every),
        ("2026-Q4", "participation", hidden, every),
    ):
        shown = _cells(bureau, quarter, figure)
        assert shown == {"蓉江市公安局": total} | units, (quarter, figure)
    # Where ratings are not shown, nothing is told of them.
    alone = Published(fewest=10, by_unit=True, figures=("participation",))
    [last] = open_quarters(bureau.db, alone, ["2026-Q4"])
    assert [line.cell.part for line in last.figures[0].lines] == [6, 2, 3, 1]


def _shown(counts: list[Pair]) -> list[str]:
    return [cell.shown for cell in cells_of(counts, 10)]


def test_what_is_hidden_takes_as_little_with_it_as_it_can() -> None:
    large = (400, 450)
    assert _shown([large, (450, 450), (0, 30), (0, 0)]) == ["exact"] * 4
    # One alone takes the next smallest with it; two hide each other, but not two that make two.
    assert _shown([large, (3, 4), (70, 90)]) == ["exact", "few", "kept_back"]
    assert _shown([large, (3, 4), (2, 5)]) == ["exact", "few", "few"]
    # None of those hidden, or all of them: then it was none, or all, of each.
    assert _shown([(30, 30), (0, 1), (0, 12)]) == ["kept_back"] * 3
    assert _shown([large, (3, 3), (5, 5)]) == ["kept_back"] * 3
    assert _shown([(30, 30), (3, 3), (5, 5)]) == ["exact", "few", "few"]
    assert _shown([large, (0, 1), (1, 1)]) == ["kept_back"] * 3
    assert _shown([large, (88, 90), (0, 95), (10, 10)]) == ["exact"] * 4
    assert _shown([(3, 5), (0, 4)]) == ["kept_back"] * 2

    assert cell_of(4991, 5000, 10).rate == 0.9982
    assert cell_of(30, 120, 10).rate == 0.25
    assert cell_of(0, 0, 10) == Cell("exact", 0, 0) and cell_of(0, 0, 10).rate is None
    assert cells_of([], 10) == []


# The page and its files

EAST = {"taken_in": 450, "disclosed": 400, "looked_up": 450, "level_5": 60, "level_1": 40}
WEST = {"taken_in": 120, "disclosed": 118, "looked_up": 60, "level_5": 4}
SOUTH = {"taken_in": 7, "disclosed": 7, "looked_up": 3}
NORTH = {"taken_in": 90, "disclosed": 45, "looked_up": 60, "level_4": 30, "level_2": 20}
UNITS = [("城东分局", EAST), ("城西分局", WEST), ("城南分局", SOUTH), ("城北分局", NORTH)]


def _cells(bureau: Bureau, period: str, figure: str) -> dict[str, tuple[str, int | None]]:
    """What is shown of a figure, and its part, by unit."""
    [quarter] = open_quarters(bureau.db, bureau.oversight.published, [period])
    [found] = [one for one in quarter.figures if one.code == figure]
    return {line.name: (line.cell.shown, line.cell.part) for line in found.lines}


def test_a_published_quarter_is_read_as_page_csv_and_json(bureau: Bureau) -> None:
    reader = site_of(bureau).test_client()
    assert "还没有公布" in reader.get("/open").text
    assert "/open" not in reader.get("/").text
    publish_row(bureau, "2026-Q2", UNITS[:2])
    publish_row(bureau, "2026-Q3", UNITS)
    bureau.db.run(
        """INSERT INTO bulletin (period, edition, state, data, drafted_at, drafted_by)
        VALUES ('2026-Q4', 1, 'approved', '{}', '', '')"""
    )
    assert _cells(bureau, "2026-Q3", "disclosure_rate") == {
        "蓉江市公安局": ("exact", 570),
        "城东分局": ("exact", 400),
        "城西分局": ("exact", 118),
        "城南分局": ("few", None),
        "城北分局": ("kept_back", None),
    }
    assert _cells(bureau, "2026-Q3", "satisfaction")["蓉江市公安局"] == ("exact", 94)

    front = reader.get("/").text
    assert 'href="/open"' in front and "本局公开的数据" in front
    page = reader.get("/open?nonsense=1&period=2026-Q9", headers={"Accept-Language": "zh"}).text
    for words in (
        "2026年第三季度",
        "85.46%",
        "570 / 667",
        "98.33%",
        "少于10",
        "未列",
        "2026-10-08",
    ):
        assert words in page, words
    for hidden in (">45 /", "不予公开数", "Q4"):
        assert hidden not in page, hidden
    assert head(bureau.db).root in page
    english = reader.get("/open?lang=en&period=2026-Q2").text
    assert "Q2 2026" in english and "is not published" in english
    assert 'href="/open?period=2026-Q3&amp;lang=en"' in english

    told = reader.get("/open.json").get_json()
    assert (told["fewest"], told["periods"]) == (10, ["2026-Q3", "2026-Q2"])
    assert {one["period"] for one in told["rates"]} == {"2026-Q2", "2026-Q3"}
    for file in ("/open.json", "/open.csv"):
        one_quarter = reader.get(f"{file}?period=2026-Q2").text
        assert "2026-Q2" in one_quarter and "城南分局" not in one_quarter
    west = {"period": "2026-Q3", "unit_name": "城西分局", "figure": "disclosure_rate"}
    [found] = [one for one in told["rates"] if west.items() <= one.items()]
    assert found == west | {
        "from": "2026-07-01",
        "to": "2026-09-30",
        "edition": 1,
        "published_at": "2026-10-10T01:00:00.000Z",
        "cutoff": "2026-10-08T01:00:00.000Z",
        "definition": "daylight-1",
        "unit": "510101",
        "shown": "exact",
        "part": 118,
        "whole": 120,
        "rate": 118 / 120,
    }
    sheet = reader.get("/open.csv")
    lines = list(csv.DictReader(io.StringIO(sheet.data.decode("utf-8-sig"))))
    assert [*lines[0]] == [*told["rates"][0], "head_size", "head_root"]
    assert [line["part"] for line in lines] == [
        "" if one["part"] is None else str(one["part"]) for one in told["rates"]
    ]
    assert lines[0]["head_root"] == head(bureau.db).root


def test_it_is_kept_by_caches_and_sets_no_cookie(bureau: Bureau) -> None:
    publish_row(bureau, "2026-Q3", UNITS)
    reader = site_of(bureau).test_client()
    for path in ("/open", "/open?lang=en", "/open.json", "/open.csv", "/open/verify_inclusion.py"):
        packed = {"Accept-Encoding": "gzip"}
        answer = reader.get(path, headers=packed)
        assert answer.status_code == 200, path
        assert {"public", "max-age=300"} <= set(answer.headers["Cache-Control"].split(", ")), path
        assert "Set-Cookie" not in answer.headers, path
        again = reader.get(path, headers=packed | {"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b""), path
        assert reader.post(path).status_code == 405, path
        if answer.headers.get("Content-Encoding"):
            assert gzip.decompress(answer.data) == reader.get(path).data
            assert "Accept-Encoding" in answer.headers["Vary"]
    before = reader.get("/open.json")
    with change(bureau.db, CLERK) as ongoing:
        ongoing.record("case.changed", "A1")
    after = reader.get("/open.json", headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200  # for the head is another
    assert reader.get("/open/verify_inclusion.py").data == SCRIPT.read_bytes()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_correction_cannot_be_held_against_what_it_corrects(bureau: Bureau) -> None:
    publish_row(bureau, "2026-Q3", UNITS)
    reader = site_of(bureau).test_client()
    before = _cells(bureau, "2026-Q3", "lookup_rate")
    assert [shown for shown, _ in before.values()] == ["exact"] * 3 + ["few", "kept_back"]

    # The same cells are hidden: the correction is shown.
    corrected = [("城东分局", {**EAST, "looked_up": 420}), *UNITS[1:]]
    publish_row(bureau, "2026-Q3", corrected, edition=2)
    assert _cells(bureau, "2026-Q3", "lookup_rate")["城东分局"] == ("exact", 420)
    page = reader.get("/open").text
    assert "更正版（第2版）" in page and "93.33%" in page

    # Another unit is too small now, and the one hidden before is not: of the two editions
    # together each could be reckoned, so what hangs on the number of cases is not told by unit.
    small = {"taken_in": 8, "looked_up": 2}
    publish_row(bureau, "2026-Q3", [("城东分局", EAST), ("城西分局", small), *UNITS[2:]], edition=3)
    now = _cells(bureau, "2026-Q3", "lookup_rate")
    assert now.pop("蓉江市公安局") == ("exact", 515)
    assert set(now.values()) == {("kept_back", None)}
    # Satisfaction was not touched by it.
    assert "城东分局" in _cells(bureau, "2026-Q3", "satisfaction")

    alone = Published(fewest=10, by_unit=False, figures=("lookup_rate",))
    [quarter] = open_quarters(bureau.db, alone, ["2026-Q3"])
    assert [len(one.lines) for one in quarter.figures] == [1]


def test_what_is_not_as_it_was_published_is_not_shown(bureau: Bureau) -> None:
    publish_row(bureau, "2026-Q2", UNITS[:2])
    publish_row(bureau, "2026-Q3", UNITS)
    publish_row(bureau, "2026-Q3", UNITS, edition=2)
    reader = site_of(bureau).test_client()
    forged = "(period, edition, state, data, drafted_at, drafted_by, published_at)"
    for altered in (
        """UPDATE bulletin SET data = REPLACE(data, '"disclosed": 400', '"disclosed": 440')
        WHERE edition = 2""",
        "UPDATE bulletin SET data = '{}' WHERE edition = 1 AND period = '2026-Q3'",
        "UPDATE bulletin SET data = 'not JSON' WHERE period = '2026-Q3'",
        "UPDATE bulletin SET published_at = NULL WHERE edition = 2",
        "UPDATE bulletin SET state = 'draft' WHERE edition = 2",
        "UPDATE bulletin SET period = 'x' WHERE edition = 2",
        "DELETE FROM bulletin WHERE period = '2026-Q3'",
        f"""INSERT INTO bulletin {forged}
        SELECT period, 3, state, data, drafted_at, drafted_by, published_at
        FROM bulletin WHERE edition = 2""",
    ):
        with bureau.db.rehearsal():
            bureau.db.run(altered)
            page = reader.get("/open").text
            assert "2026年第三季度" in page and "正在核对，暂不提供" in page, altered
            assert " / 667" not in page and "400 / 450" in reader.get("/open?period=2026-Q2").text
            told = reader.get("/open.json").get_json()
            assert told["periods"] == ["2026-Q2"], altered
            assert {one["period"] for one in told["rates"]} == {"2026-Q2"}
            assert "2026-Q3" not in reader.get("/open.csv").text
            assert faults(bureau.db), altered
    # One of a quarter that was never published is not even named.
    bureau.db.run(f"INSERT INTO bulletin {forged} VALUES ('x', 1, 'published', '', '', '', '')")
    assert reader.get("/open.json?period=x").get_json()["periods"] == ["2026-Q3", "2026-Q2"]
    assert " / 667" in reader.get("/open").text and len(faults(bureau.db)) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_bulletin_as_it_is_made_is_what_is_shown(bureau: Bureau) -> None:
    for n in range(12):
        put(bureau, f"A{n}", "2026-08-03 09:30", now=datetime(2026, 8, 3, 2, n, tzinfo=UTC))
    put(bureau, "B", "2026-08-03 09:30", now=datetime(2026, 8, 3, 3, tzinfo=UTC), unit="5101040201")
    auditor = hire(bureau, "auditor", "auditor", BUREAU)
    chief = replace(hire(bureau, "chief", "supervisor", BUREAU), badge="510124")
    now, told = datetime(2026, 10, 8, 1, tzinfo=UTC), {"foreword": "", "changed": ""}
    made = bulletins.draft(bureau, auditor, "2026-Q3", told, now)

    def seen() -> str:
        return str(bulletins.find(bureau.db, auditor, made)["seal"])

    assert open_quarters(bureau.db, bureau.oversight.published, ["2026-Q3"]) == []
    bulletins.approve(bureau, chief, made, seen(), now)
    bulletins.publish(bureau, auditor, made, seen(), now)
    found = _cells(bureau, "2026-Q3", "disclosure_rate")
    assert found.pop("蓉江市公安局") == ("exact", 0)
    assert found == {"城东分局": ("kept_back", None), "城西分局": ("few", None)}
    assert ">0 / 13<" in site_of(bureau).test_client().get("/open").text


# The head, and that the record continues a former one


def _check(*files: Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-I", SCRIPT, *files], capture_output=True, text=True)
    return done.returncode, done.stdout


def test_whoever_notes_a_head_can_check_later_that_the_record_continues_it(
    bureau: Bureau, tmp_path: Path
) -> None:
    reader = site_of(bureau).test_client()

    def fetch(name: str, **former: Any) -> Path:
        answer = reader.get("/open.json", query_string=former)
        assert answer.status_code == 200
        (tmp_path / name).write_bytes(answer.data)
        return tmp_path / name

    noted = head(bureau.db)
    early = fetch("early.json")
    same = fetch("same.json", size=noted.size, root=noted.root)
    for n in range(70):
        with change(bureau.db, CLERK) as ongoing:
            ongoing.record("case.changed", f"A{n}")
    later = fetch("later.json", size=noted.size, root=noted.root.upper())
    told = json.loads(later.read_bytes())["head"]
    assert told["since"] == {"size": noted.size, "root": noted.root}
    assert (told["size"], told["root"]) == (noted.size + 70, head(bureau.db).root)
    for files in ([later], [later, early], [later, same]):
        code, said = _check(*files)
        assert (code, "全部相符" in said) == (0, True), said
    assert f"continue the former {noted.size}" in _check(later)[1]
    assert _check(fetch("alone.json"), early)[0] == 1  # nothing links the two
    told["consistency"][0] = "00" * 32
    (tmp_path / "forged.json").write_text(json.dumps({"head": told}))
    assert _check(tmp_path / "forged.json", early)[0] == 1


def test_a_head_that_never_was_is_answered_with_a_sentence(bureau: Bureau) -> None:
    reader = site_of(bureau).test_client()
    size, root = head(bureau.db).size, head(bureau.db).root
    right, wrong = f"root={root}", f"root={'00' * 32}"
    cases = {
        400: ["size=5", right, f"size={size}&root=xyz", f"size=-1&{right}"],
        404: [f"size={n}&{right}" for n in (0, 1, size + 1, 10**14)] + [f"size={size}&{wrong}"],
    }
    for status, asked in cases.items():
        for query in asked:
            answer = reader.get(f"/open.json?{query}", headers={"Accept-Language": "en"})
            assert answer.status_code == status, query
            assert answer.mimetype == "application/problem+json"
            assert answer.headers["Cache-Control"] == "no-store"
            detail = answer.get_json()["detail"]
            assert detail.startswith("Give both" if status == 400 else "The record"), detail
