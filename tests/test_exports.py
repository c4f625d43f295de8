"""Rates as text: what programs, spreadsheets and terminals are given."""

import csv
import io
import json
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from lookup.bureau import Bureau
from lookup.exports import as_csv, as_json, as_table
from lookup.language import LANGUAGES, Language, Text
from lookup.rates import Figures, Question, Rates, Row, rates

CUTOFF = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
QUESTION = Question(date(2026, 10, 1), date(2026, 12, 31), unit="5101040100", cutoff=CUTOFF)
STATION = Figures(
    taken_in=12,
    withheld={"minor": 2, "secret": 1},
    disclosed=8,
    milestones=20,
    on_time=15,
    backlog=4,
    clocks_due=7,
    clocks_kept=6,
    clocks_extended=2,
    looked_up=3,
    rated=5,
    levels={5: 6, 4: 1, 3: 1, 2: 1, 1: 3},
    fewest_ratings=10,
)
EMPTY = replace(
    STATION,
    **dict.fromkeys(("taken_in", "disclosed", "milestones", "on_time", "backlog", "rated"), 0),
    **dict.fromkeys(("clocks_due", "clocks_kept", "clocks_extended", "looked_up"), 0),
    withheld={},
    levels=dict.fromkeys((5, 4, 3, 2, 1), 0),
)
NUMBERS = {
    **{"taken_in": 12, "due": 9, "disclosed": 8, "disclosure_rate": 8 / 9},
    **{"milestones": 20, "on_time": 15, "on_time_rate": 0.75, "backlog": 4},
    **{"clocks_due": 7, "clocks_kept": 6, "clocks_kept_rate": 6 / 7, "clocks_extended": 2},
    **{"looked_up": 3, "lookup_rate": 3 / 9, "rated": 5, "participation": 5 / 9},
    **{"ratings": 12, "satisfied": 8, "satisfaction": 8 / 12, "too_few": False},
}


def by_unit(figures: Figures = STATION, name: str = "锦江路派出所") -> Rates:
    """An answer of one row, all of it in one station."""
    label = Text(f"5101040101 {name}", f"5101040101 {name}")
    row = Row(figures, label, unit="5101040101", unit_name=name)
    return Rates(QUESTION, "城东分局", [row], Row(figures, Text("合计", "Total")))


def by_officer(*officers: str) -> Rates:
    """An answer with a row for each officer."""
    rows = [Row(STATION, Text(name, name), officer=name) for name in officers]
    question = replace(QUESTION, by="officer", unit=None)
    return Rates(question, None, rows, Row(STATION, Text("合计", "Total")))


def lines_of(answer: Rates) -> list[dict[str, str]]:
    """The CSV as a spreadsheet reads it."""
    return list(csv.DictReader(io.StringIO(as_csv(answer).removeprefix("\ufeff"), newline="")))


def width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def test_json_states_the_period_the_cut_off_and_the_definition() -> None:
    said = json.loads(as_json(by_unit()))
    assert (said["from"], said["to"]) == ("2026-10-01", "2026-12-31")
    assert said["cutoff"] == "2026-11-20T04:30:00Z"
    chosen = [said[name] for name in ("by", "within", "within_name")]
    assert chosen == ["unit", "5101040100", "城东分局"]
    assert said["definition"] == "daylight-1"
    zh, en = said["definition_text"]["zh"], said["definition_text"]["en"]
    assert zh["disclosure_rate"].startswith("公开率 = 公开数 / 应公开数")
    assert en["disclosure_rate"].startswith("Disclosure rate = disclosed / due")
    assert set(zh) == set(en)


def test_json_gives_each_rate_as_a_fraction_with_its_parts() -> None:
    row = json.loads(as_json(by_unit()))["rows"][0]
    assert {name: row[name] for name in NUMBERS} == NUMBERS
    assert row["withheld"] == {"minor": 2, "secret": 1}
    assert row["levels"] == {"5": 6, "4": 1, "3": 1, "2": 1, "1": 3}
    assert row["level_shares"] == {"5": 0.5, "4": 1 / 12, "3": 1 / 12, "2": 1 / 12, "1": 0.25}


def test_json_keys_that_are_not_the_grouping_are_null() -> None:
    said = json.loads(as_json(by_unit()))
    keys = ("unit", "unit_name", "kind", "month", "officer")
    row = [said["rows"][0][key] for key in keys]
    assert row == ["5101040101", "锦江路派出所", None, None, None]
    assert [said["total"][key] for key in keys] == [None] * 5
    assert list(said["total"]) == list(said["rows"][0])


def test_rates_without_a_denominator_are_null_and_blank() -> None:
    said = json.loads(as_json(by_unit(EMPTY)))["total"]
    line = lines_of(by_unit(EMPTY))[-1]
    for name in ("disclosure_rate", "on_time_rate", "clocks_kept_rate", "lookup_rate"):
        assert said[name] is None
        assert line[name] == ""
    assert said["participation"] is said["satisfaction"] is None
    assert (line["taken_in"], line["withheld_minor"], line["level_5"]) == ("0", "0", "0")


@pytest.mark.parametrize(("language", "said"), [("zh", "8/8 过少"), ("en", "8/8 too few")])
def test_too_few_ratings_keep_their_counts_and_show_no_rate(language: Language, said: str) -> None:
    few = replace(STATION, levels={5: 8, 4: 0, 3: 0, 2: 0, 1: 0})
    row = json.loads(as_json(by_unit(few)))["rows"][0]
    assert (row["ratings"], row["satisfied"], row["satisfaction"]) == (8, 8, None)
    assert row["too_few"] is True
    assert row["level_shares"]["5"] is None
    table = as_table(by_unit(few), language)
    assert said in table
    assert "100" not in table


def test_csv_is_a_plain_grid_that_spreadsheets_and_programs_read() -> None:
    text = as_csv(by_unit())
    assert text.startswith("\ufeffpart,from,to,cutoff,definition,by,within,")
    assert text.count("\r\n") == text.count("\n") == 3
    row, total = lines_of(by_unit())
    assert (row["part"], total["part"]) == ("row", "total")
    for line in (row, total):
        assert (line["from"], line["to"]) == ("2026-10-01", "2026-12-31")
        assert (line["cutoff"], line["definition"]) == ("2026-11-20T04:30:00Z", "daylight-1")
        assert (line["by"], line["within"]) == ("unit", "5101040100")


def test_csv_columns_are_the_keys_of_the_json_spread_out() -> None:
    row = lines_of(by_unit())[0]
    assert {name: json.loads(row[name]) for name in NUMBERS} == NUMBERS
    assert (row["withheld_minor"], row["withheld_secret"], row["withheld_privacy"]) == (
        *("2", "1", "0"),
    )
    assert [row[f"level_{level}"] for level in (5, 4, 3, 2, 1)] == ["6", "1", "1", "1", "3"]
    assert float(row["level_share_5"]) == 0.5
    assert (row["unit"], row["kind"], row["officer"]) == ("5101040101", "", "")


def test_csv_carries_the_whole_definition_in_its_last_cell() -> None:
    row, total = lines_of(by_unit())
    assert row["definition_text"] == ""
    for text in by_unit().definition_text.values():
        assert text.zh in total["definition_text"] and text.en in total["definition_text"]
    assert list(total)[-1] == "definition_text"


@pytest.mark.parametrize("name", ["=1+1", "+86", "-1", "@SUM(A1)", "＝1", "\t=1"])
def test_csv_cells_that_look_like_formulas_are_defused(name: str) -> None:
    assert lines_of(by_unit(name=name))[0]["unit_name"] == f"'{name}"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scale", [1, 10_000])
def test_a_table_stays_within_120_columns_and_lines_up(language: Language, scale: int) -> None:
    numbers: dict[str, Any] = {
        name: value * scale for name, value in vars(STATION).items() if isinstance(value, int)
    }
    large = replace(STATION, **numbers, levels={n: 99 * scale for n in STATION.levels})
    table = as_table(by_unit(large, "牛市口派出所" * 9), language)
    blocks = table.split("\n\n")[1:-1]
    assert len(blocks) > 1
    for block in blocks:
        widths = {width(line) for line in block.split("\n")}
        assert len(widths) == 1
        assert widths.pop() <= 120
    assert "…" in table


def test_a_table_shows_numerator_and_denominator_beside_each_rate() -> None:
    table = as_table(by_unit(), "en")
    head, row, total = table.split("\n\n")[1].split("\n")
    assert head.split()[:4] == ["Unit", "Taken", "in", "Withheld"]
    figures = ["12", "3", "9", "8/9", "88.89%", "15/20", "75.00%", "4", "6/7", "85.71%", "2"]
    assert row.split()[2 : 2 + len(figures)] == figures
    assert total.split()[1 : 1 + len(figures)] == figures
    for said in ("3/9 33.33%", "5/9 55.56%", "8/12 66.67%", "6 50%", "3 25%"):
        assert said in table


def test_a_table_says_below_what_was_left_out_when_and_by_which_definition() -> None:
    zh, en = (as_table(by_unit(), language).split("\n\n")[-1] for language in LANGUAGES)
    assert "不予公开的理由：未成年人 2，涉密 1" in zh
    assert "截止时间：2026-11-20 12:30:00（北京时间）" in zh
    assert "统计口径：daylight-1" in zh
    assert "Withheld by reason: Minor involved 2, State or police-work secret 1" in en
    assert "Cut-off: 2026-11-20 12:30:00 (Beijing time)" in en
    assert "Definition: daylight-1" in en


def test_a_table_names_the_period_and_the_chosen_unit() -> None:
    assert as_table(by_unit(), "zh").startswith(
        "2026-10-01 至 2026-12-31 受理的案件，城东分局及其下属单位\n"
    )
    assert as_table(by_officer(), "en").startswith("Cases taken in from 2026-10-01 to 2026-12-31\n")


def test_a_table_of_officers_has_a_line_for_each() -> None:
    table = as_table(by_officer("陈警官 (000001)", "陈警官 (000002)"), "zh")
    names = [line.split("  ")[0] for line in table.split("\n\n")[1].split("\n")]
    assert names == ["主办民警", "陈警官 (000001)", "陈警官 (000002)", "合计"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_period_is_shown_with_its_total_alone(bureau: Bureau, language: Language) -> None:
    answer = rates(bureau, replace(QUESTION, by="kind", unit=None))
    assert json.loads(as_json(answer))["rows"] == []
    assert [line["part"] for line in lines_of(answer)] == ["total"]
    assert len(as_table(answer, language).split("\n\n")[1].split("\n")) == 2
