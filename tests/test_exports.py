"""Rates as files: what programs, spreadsheets and terminals are given."""

import csv
import gc
import io
import json
import shutil
import subprocess
import tempfile
import unicodedata
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from openpyxl import load_workbook

from lookup.bureau import Bureau
from lookup.cells import as_meant
from lookup.exports import Made, as_csv, as_json, as_xlsx
from lookup.facts import SUMMED
from lookup.figures import Figures
from lookup.language import LANGUAGES, Language, Text
from lookup.oversight import load_oversight
from lookup.rate_table import as_table
from lookup.rates import Question, Rates, Row, rates
from lookup.sheets import Column, Value, write_jsonl, write_xlsx
from lookup.trail import Head
from lookup.vocabulary import Word

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
    callbacks=4,
    called=3,
    callbacks_due=3,
    callbacks_kept=2,
    callbacks_closed=2,
    put_right=1,
    rerated=1,
    comments=6,
    answered=5,
    answers_due=5,
    answers_kept=4,
    inspected=5,
    sound=4,
    levels={5: 6, 4: 1, 3: 1, 2: 1, 1: 3},
    fewest_ratings=10,
)
STANDARD = load_oversight(None).definition
EMPTY = replace(
    STATION,
    **dict.fromkeys(("taken_in", *SUMMED), 0),
    withheld={},
    levels=dict.fromkeys((5, 4, 3, 2, 1), 0),
)
NUMBERS = {
    **{"taken_in": 12, "due": 9, "disclosed": 8, "disclosure_rate": 8 / 9},
    **{"milestones": 20, "on_time": 15, "on_time_rate": 0.75, "backlog": 4},
    **{"clocks_due": 7, "clocks_kept": 6, "clocks_kept_rate": 6 / 7, "clocks_extended": 2},
    **{"looked_up": 3, "lookup_rate": 3 / 9, "rated": 5, "participation": 5 / 9},
    **{"ratings": 12, "satisfied": 8, "satisfaction": 8 / 12, "too_few": False},
    **{"callbacks": 4, "called": 3, "callback_rate": 0.75, "callbacks_due": 3},
    **{"callbacks_kept": 2, "callbacks_kept_rate": 2 / 3, "callbacks_closed": 2, "put_right": 1},
    **{"put_right_rate": 0.5, "rerated": 1, "rerating_rate": 0.5, "comments": 6, "answered": 5},
    **{"answer_rate": 5 / 6, "answers_due": 5, "answers_kept": 4, "answers_kept_rate": 0.8},
    **{"inspected": 5, "sound": 4, "sound_rate": 0.8},
}


def by_unit(figures: Figures = STATION, name: str = "锦江路派出所") -> Rates:
    """An answer of one row, all of it in one station."""
    label = Text(f"5101040101 {name}", f"5101040101 {name}")
    row = Row(figures, label, unit="5101040101", unit_name=name)
    return Rates(QUESTION, CUTOFF, "城东分局", [row], Row(figures, Text("合计", "Total")), STANDARD)


def by_officer(*officers: str) -> Rates:
    """An answer with a row for each officer."""
    rows = [Row(STATION, Text(name, name), officer=name) for name in officers]
    question = replace(QUESTION, by="officer", unit=None)
    return Rates(question, CUTOFF, None, rows, Row(STATION, Text("合计", "Total")), STANDARD)


def lines_of(answer: Rates) -> list[dict[str, str]]:
    """The CSV as a spreadsheet reads it."""
    return list(csv.DictReader(io.StringIO(as_csv(answer).removeprefix("\ufeff"), newline="")))


MADE = Made("钱督察 qian", datetime(2026, 11, 21, 1, 0, tzinfo=UTC), Head(1234, "ab" * 32))
# What a spreadsheet would compute, or XlsxWriter take for XML of its own.
HOSTILE = [
    *(
        "=1+1",
        "+86",
        "-1+2",
        "@SUM(A1)",
        "＝1+1",
        "\t=1+1",
        "\r=1",
        "'=1",
        '=HYPERLINK("http://x")',
    ),
    *("{=1+1}", "https://example.cn", "0510123", "1E5", "2026-11-20", "TRUE", "#REF!"),
    "<r>a</r></is></c><c r='Z9'><f>1+1</f></c><c><is><r></r>",
]


def workbook_of(answer: Rates) -> Any:
    """The workbook as a program opens it."""
    file = io.BytesIO()
    as_xlsx(answer, file, MADE)
    return load_workbook(file)


def hostile_workbook() -> bytes:
    """A sheet of names that attack, beside a number, a share, a day and an instant."""
    names = ("name", "count", "share", "day", "at")
    columns = [Column(name, Text(name, name), 20) for name in names]
    rows: list[list[Value]] = [
        [name, 1, 0.5, date(2026, 11, 20), datetime(2026, 11, 20, 1, 5, tzinfo=UTC)]
        for name in HOSTILE
    ]
    file, notes = io.BytesIO(), [(Text("=1", "=1"), Text("=1+1", "=1+1"))]
    write_xlsx(file, Text("表", "Sheet"), columns, rows, notes, total=["=1+1", 7, None])
    return file.getvalue()


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
    keys = ("unit", "unit_name", "kind", "month", "quarter", "year", "officer")
    row = [said["rows"][0][key] for key in keys]
    assert row == ["5101040101", "锦江路派出所", *[None] * 5]
    assert [said["total"][key] for key in keys] == [None] * 7
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
    for said in ("3/9 33.33%", "5/9 55.56%", "8/12 66.67%", "6 50%", "3 25%", "4/5 80.00%"):
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


def test_a_workbook_has_the_figures_of_the_json_as_typed_cells() -> None:
    sheet = workbook_of(by_unit()).worksheets[0]
    head, row, total = ([cell.value for cell in line] for line in sheet.iter_rows())
    assert head[:2] == ["单位\nUnit", "受案数\nTaken in"]
    assert (row[0], total[0]) == ("5101040101 锦江路派出所", "合计 / Total")
    assert row[1:] == total[1:]
    told = dict(zip((name.split("\n")[1] for name in head), row, strict=True))
    assert (told["Taken in"], told["Due"], told["Disclosed"]) == (12, 9, 8)
    assert told["Disclosure rate"] == pytest.approx(8 / 9)
    assert (told["Withheld: Minor involved"], told["Withheld: Privacy"]) == (2, 0)
    assert [told[f"Level {level}"] for level in (5, 4, 3, 2, 1)] == [6, 1, 1, 1, 3]
    assert told["Satisfaction"] == pytest.approx(8 / 12)
    counts = [cell for cell in sheet[2] if isinstance(cell.value, int)]
    shares = [cell for cell in sheet[2] if isinstance(cell.value, float)]
    assert {cell.number_format for cell in counts} == {"#,##0"}
    assert {cell.number_format for cell in shares} == {"0.00%"} and len(shares) == 18
    assert sheet["B3"].font.bold and not sheet["B2"].font.bold


def test_a_workbook_is_ready_to_read_and_to_print() -> None:
    book = workbook_of(by_unit())
    sheet, notes = book.worksheets
    assert (sheet.title, notes.title) == ("统计表", "说明")
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("B2", "A1:BD2")
    assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
    assert (sheet.print_title_rows, sheet.print_title_cols) == ("$1:$1", "$A:$A")
    assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (2, 0)
    assert sheet.column_dimensions["A"].width >= width("5101040101 锦江路派出所")
    for column in sheet.columns:
        line = max(map(width, str(column[0].value).split("\n")))
        room = sheet.column_dimensions[column[0].column_letter].width
        assert room >= 12 and room * 3 > line
    assert sheet.row_dimensions[1].height >= 3 * 14


def test_a_workbook_says_how_its_figures_were_reached_by_whom_and_on_which_record() -> None:
    notes = workbook_of(by_unit()).worksheets[1]
    told = {str(name).split("\n")[1]: value for name, value in notes.iter_rows(values_only=True)}
    assert told["Counted"].startswith("2026-10-01 至 2026-12-31 受理的案件，城东分局及其下属单位\n")
    assert (told["From"], told["To"]) == (
        *(datetime.fromisoformat(day) for day in ("2026-10-01", "2026-12-31")),
    )
    assert told["Made at"] == datetime.fromisoformat("2026-11-21 09:00")  # in Beijing
    assert (told["Made by"], told["Definition"]) == ("钱督察 qian", "daylight-1")
    assert (told["Entries of the record"], told["Root of the record"]) == (1234, "ab" * 32)
    for text in by_unit().definition_text.values():
        assert f"{text.zh}\n{text.en}" in told.values()


def test_too_few_ratings_are_said_to_be_too_few_in_a_workbook() -> None:
    few = replace(STATION, levels={5: 8, 4: 0, 3: 0, 2: 0, 1: 0})
    sheet = workbook_of(by_unit(few)).worksheets[0]
    [place] = [n for n, cell in enumerate(sheet[1]) if cell.value == "满意率\nSatisfaction"]
    assert {sheet[row][place].value for row in (2, 3)} == {"过少 / too few"}


def test_nothing_hostile_becomes_a_formula_a_link_or_a_number() -> None:
    sheet, notes = load_workbook(io.BytesIO(hostile_workbook())).worksheets
    names = [sheet.cell(n, 1) for n in range(2, len(HOSTILE) + 3)]
    assert {cell.data_type for cell in (*names, notes["A1"], notes["B1"])} <= {"s", "inlineStr"}
    assert not any(cell.hyperlink for row in sheet.iter_rows() for cell in row)
    assert sheet.max_column == 5
    for cell, hostile in zip(names, HOSTILE, strict=False):
        written = str(cell.value).replace("_x000D_", "\r")
        assert as_meant(written) == hostile or written == f"'{hostile}"
        assert written != hostile or hostile[0] not in "=+-@＝\t\r<"
    assert [cell.data_type for cell in sheet[2][1:]] == ["n", "n", "d", "d"]
    assert sheet["E2"].value == datetime.fromisoformat("2026-11-20 09:05")


def test_libreoffice_finds_no_formula_and_the_types_that_were_meant(tmp_path: Path) -> None:
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("no LibreOffice")
    (tmp_path / "sheet.xlsx").write_bytes(hostile_workbook())
    home = f"-env:UserInstallation=file://{tmp_path}/home"
    asked = ["--headless", home, "--convert-to", "fods", "--outdir", str(tmp_path)]
    subprocess.run(
        [office, *asked, str(tmp_path / "sheet.xlsx")], check=True, capture_output=True, timeout=120
    )
    opened = ElementTree.parse(tmp_path / "sheet.fods").getroot()
    ns = {"office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0"}
    ns["table"] = "urn:oasis:names:tc:opendocument:xmlns:table:1.0"
    cells = opened.findall(".//table:table-cell", ns)
    assert not [cell for cell in cells if f"{{{ns['table']}}}formula" in cell.attrib]
    types = Counter(cell.get(f"{{{ns['office']}}}value-type") for cell in cells)
    rows = len(HOSTILE)
    assert (types["float"], types["percentage"], types["date"]) == (rows + 1, rows, 2 * rows)
    assert types["string"] == 5 + rows + 1 + 2
    days = {cell.get(f"{{{ns['office']}}}date-value") for cell in cells} - {None}
    assert days == {"2026-11-20", "2026-11-20T09:05:00"}


def test_rows_beyond_what_a_sheet_holds_go_to_further_ones() -> None:
    columns = [Column("n", Text("序号", "No."))]
    for rows, sheets in {0: 1, 3: 1, 4: 2, 6: 2, 7: 3}.items():
        file = io.BytesIO()
        write_xlsx(file, Text("表", "Rows"), columns, ([n] for n in range(rows)), [], most_rows=3)
        *pages, notes = load_workbook(file).worksheets
        assert [page.title for page in pages] == ["表", "表 2", "表 3"][:sheets]
        assert {page["A1"].value for page in pages} == {"序号\nNo."}
        found = [row[0] for page in pages for row in page.iter_rows(2, values_only=True)]
        assert found == list(range(rows)) and notes.title == "说明"


def test_json_lines_tell_what_there_is_in_plain_words() -> None:
    file = io.BytesIO()
    row: list[Value] = ["=1", 2, 0.5, True, date(2026, 11, 20), CUTOFF, None]
    row.append(Word("minor", Text("未成年人", "Minor involved")))
    write_jsonl(file, list("abcdefgh"), [row])
    told = {"a": "=1", "b": 2, "c": 0.5, "d": True, "e": "2026-11-20", "f": "2026-11-20 12:30:00"}
    assert json.loads(file.getvalue()) == told | {"h": "minor"}


def test_a_workbook_for_which_there_is_no_room_says_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Path("/dev/full").open("wb", 0) as full, pytest.raises(OSError, match="No space left"):
        as_xlsx(by_unit(), full, MADE)
    gc.collect()  # what the archive would still say must not be heard
    assert list(tmp_path.iterdir()) == []
