"""The bulletin on paper: of one unit or of thirty with long names, all of it within the margins."""

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from lookup.bulletin_sheet import differences, sheet_of
from lookup.facts import FIGURES
from receipts.sheet import typeset
from tests.paper import run, text_of
from tests.test_sheet import bare

LONG = "蓉江市公安局第{}区经济技术开发区和高新技术产业园区联合公安分局"
POINTS = 72 / 25.4


def counted(cases: int, disclosed: int) -> dict[str, Any]:
    told = {"taken_in": cases, "disclosed": disclosed, "milestones": cases, "on_time": cases}
    ratings = {"level_5": cases // 3, "level_1": 1}
    return {"counts": dict.fromkeys(FIGURES, 0) | told | ratings, "withheld": {"minor": 2}}


def bulletin(names: list[str], **more: Any) -> dict[str, Any]:
    """A row as it is kept: each unit has ten cases and ten thousand more than the one before."""
    units = [
        {"unit": f"{n}", "name": name} | counted(10 + n * 10_000, 9 + n * 9_999)
        for n, name in enumerate(names)
    ]
    cases = sum(one["counts"]["taken_in"] for one in units)
    ranking = [
        {"unit": one["unit"], "name": one["name"], "rank": rank, "score": 100.0 - rank, "moved": -1}
        | {"lacking": ["sound_rate", "answers_kept_rate"], "due": 10, "disclosure_rate": 0.5}
        for rank, one in enumerate(units, 1)
    ]
    data = {
        "unit_name": "蓉江市公安局",
        "period": {"code": "2026-Q3", "first": "2026-07-01", "last": "2026-09-30"},
        "cutoff": "2026-10-09T01:02:03Z",
        "definition": "daylight-1",
        "definition_text": {"due": {"zh": "应公开数 = 受案数 − 不予公开数。" * 20, "en": "Due"}},
        "fewest_ratings": 10,
        "total": counted(cases, cases - 1),
        "former": None,
        "trend": [{"period": "2026-Q3"} | counted(cases, cases - 1)],
        "units": units,
        "ranking": ranking,
        "further": [{"depth": 2, "units": units, "ranking": ranking}] if len(units) == 30 else [],
        "weights": [{"figure": "disclosure_rate", "weight": 7}],
        "least_cases": 10,
        "head": {"size": 123456, "root": "ab" * 32},
        "changes": [],
    }
    row = {"period": "2026-Q3", "edition": 1, "state": "published", "foreword": "", "changed": ""}
    for number, state in enumerate(("drafted", "approved", "published")):
        row |= {f"{state}_at": f"2026-10-1{number}T01:02:03Z", f"{state}_by": f"赵磊{number} a"}
    return row | {"data": data} | more


def drawn(row: dict[str, Any]) -> bytes:
    return typeset([sheet_of(row)], "a4", "pdf")


def pages(pdf: bytes) -> list[ElementTree.Element]:
    return ElementTree.fromstring(run("pdftotext", "-bbox", "-", "-", given=pdf)).findall(
        ".//{*}page"
    )


@pytest.mark.parametrize(
    "names",
    [
        ["城东分局"],
        [LONG.format(n) for n in range(30)],
        ["nowhere2break" * 7, "#strong[x] $y$ *z* <b>"],
    ],
    ids=["one", "thirty long", "odd"],
)
def test_nothing_leaves_the_margins_and_no_figure_is_left_out(names: list[str]) -> None:
    row = bulletin(names)
    pdf = drawn(row)
    said, sheets = text_of(pdf), pages(pdf)
    assert not re.search("[0-9]{2}\u200b|[/%]\u200b", run("pdftotext", "-", "-", given=pdf))
    for number, page in enumerate(sheets, 1):
        assert float(page.attrib["width"]) == pytest.approx(210 * POINTS, abs=0.1)
        words = page.findall("{*}word")
        # The empty half of a full-width bracket may hang over a line's end.
        assert min(float(word.attrib["xMin"]) for word in words) > 18 * POINTS
        assert max(float(word.attrib["xMax"]) for word in words) < 192 * POINTS
        assert max(float(word.attrib["yMax"]) for word in words) < 290 * POINTS
        assert f"第{number}页，共{len(sheets)}页" in bare("".join(w.text or "" for w in words))
    for name in names:
        assert said.count(bare(name)) >= 5  # in each of the tables
    last = row["data"]["units"][-1]["counts"]
    for part in (f"{last['disclosed']}", f"{last['taken_in']}", "ab" * 32, "公开率7", "99.00"):
        assert part in said
    assert "关于2026年第三季度案件公开和群众评价情况的通报" in said
    assert "2026年10月12日" in said and "赵磊1，2026-10-11" in said
    # The head of a table that goes on stands on every page of it.
    assert said.count("应公开数") >= (4 if len(names) > 9 else 2)


@pytest.mark.parametrize(("state", "mark"), [("draft", "草稿"), ("approved", "已审批，未发布")])
def test_what_is_not_published_says_so_on_every_page(state: str, mark: str) -> None:
    pdf = drawn(bulletin(["城东分局", "城西分局"], state=state, published_at=None))
    *sheets, _ = text_of(pdf).split("\f")
    assert len(sheets) > 1
    first, *others = sheets
    assert mark in first and all(f"第1版{mark}" in one for one in others)


def test_a_correction_begins_with_what_it_corrects_and_ends_with_what_differs() -> None:
    was = bulletin(["城东分局", "城西分局"])
    now = bulletin(["城东分局", "城北分局"], edition=2, changed="补登三份回执。\n#pagebreak()")
    now["data"]["units"][0] |= counted(10, 10)
    now["data"]["changes"] = differences(was["data"], now["data"])
    told = {(one["unit"], one["figure"]): one for one in now["data"]["changes"]}
    assert told["城东分局", "disclosure_rate"]["was"] == "90.00% 9/10"
    assert told["城东分局", "disclosure_rate"]["now"] == "100.00% 10/10"
    assert told["城西分局", "rank"]["now"] is None and told["城北分局", "rank"]["was"] is None
    assert ("城东分局", "taken_in") not in told and ("", "disclosure_rate") not in told
    said = text_of(drawn(now))
    top, _, rest = said.partition("各办案单位")
    assert "第2版" in top and "补登三份回执。#pagebreak()" in top
    assert f"与上一版不同的数字共{len(told)}处" in rest
    assert "与第1版不同的数字" in rest and "90.00%9/10" in rest
