"""XLSX files as offices hand them out."""

import zipfile
from collections.abc import Callable
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from lookup.tables import Row, open_table
from tests.tabular import AT, DAY, patched, refusal, rows_of, with_sheet, workbook

# XLSX


def test_cells_of_a_workbook_become_the_text_a_person_sees(tmp_path: Path) -> None:
    shown: list[tuple[Any, str, str]] = [
        ("张某", "General", "张某"),
        (" 13800138000 ", "General", " 13800138000 "),
        (13800138000, "General", "13800138000"),
        (85632, "000000", "085632"),
        (3.0, "0.00", "3"),
        (0.1 + 0.2, "General", "0.3"),
        (0.00005, "General", "0.00005"),
        (True, "General", "TRUE"),
        ("#REF!", "General", "#REF!"),
        (AT, "yyyy-mm-dd hh:mm", "2026-11-20 09:05:00"),
        (AT - timedelta(milliseconds=192), "yyyy-mm-dd hh:mm", "2026-11-20 09:05:00"),
        (DAY, "yyyy-mm-dd hh:mm", "2026-11-20 00:00:00"),
        (DAY, 'yyyy"年"m"月"d"日"', "2026-11-20"),
        (AT, "yyyy-mm-dd", "2026-11-20 09:05:00"),
        (date(2026, 11, 20), "[$-zh-CN]yyyy/m/d", "2026-11-20"),
        (time(9, 5), "h:mm", "09:05:00"),
        (timedelta(hours=25, minutes=5), "[h]:mm:ss", "25:05:00"),
        ("=1+1", "General", "=1+1"),
        ("a_x000D_\nb", "General", "a\r\nb"),
        (None, "General", ""),
    ]
    book = Workbook()
    sheet = book.worksheets[0]
    for column, (value, number_format, _) in enumerate([("末", "General", ""), *shown], 1):
        sheet.cell(1, column, f"c{column}")
        sheet.cell(2, column, value).number_format = number_format
    book.save(tmp_path / "登记.xlsx")
    assert rows_of(tmp_path / "登记.xlsx") == [(2, ["末", *(text for *_, text in shown)])]


@pytest.mark.parametrize(
    ("code", "text"),
    [(31, "2026-11-20"), (57, "2026-11-20"), (32, "2026-11-20 00:00:00"), (49, "46346")],
)
def test_date_formats_that_chinese_excel_leaves_unsaid_are_dates(
    tmp_path: Path, code: int, text: str
) -> None:
    book = Workbook()
    book.worksheets[0].append(["立案时间"])
    book.worksheets[0].append([46346])
    book.worksheets[0]["A2"].number_format = "0.00"
    book.save(tmp_path / "登记.xlsx")
    path = patched(
        tmp_path / "登记.xlsx",
        lambda _, content: content.replace(b'numFmtId="2"', b'numFmtId="%d"' % code),
    )
    assert rows_of(path) == [(2, [text])]


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        (b"<f>A3&amp;1</f><v>7</v>", "7"),
        (b"<f>A3&amp;1</f><v/>", "=A3&1"),
        (b'<f t="array" ref="B2">SUM(A3)</f>', "=SUM(A3)"),
    ],
)
def test_a_formula_counts_as_its_stored_result_or_else_as_its_text(
    tmp_path: Path, stored: bytes, text: str
) -> None:
    path = workbook(tmp_path, ["a", "b"], [1, "=X"], [2, "y"])
    with_sheet(path, b"<f>X</f><v />", stored)
    assert rows_of(path) == [(2, ["1", text]), (3, ["2", "y"])]


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        (b"510104020220260701", "510104020220260701"),
        (b"5.1010402022026074E+17", "510104020220260740"),
        (b"46346.3784722222", "46346.3784722222"),
    ],
)
def test_a_long_number_is_passed_on_as_it_is_stored(
    tmp_path: Path, stored: bytes, text: str
) -> None:
    path = workbook(tmp_path, ["编号"], [1])
    with_sheet(path, b"<v>1</v>", b"<v>" + stored + b"</v>")
    assert rows_of(path) == [(2, [text])]


def test_strings_kept_apart_from_the_sheet_are_read(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["姓名"], ["x"])
    with_sheet(path, b't="inlineStr"><is><t>x</t></is>', b't="s"><v>0</v>')
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = b'<Override PartName="/xl/sharedStrings.xml" ContentType="' + kind + b'"/></Types>'
    patched(path, lambda _, content: content.replace(b"</Types>", override))
    with zipfile.ZipFile(path, "a") as archive:
        namespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        strings = f'<sst xmlns="{namespace}"><si><r><t>张</t></r><r><t>某_x000D_</t></r></si></sst>'
        archive.writestr("xl/sharedStrings.xml", strings)
    assert rows_of(path) == [(2, ["张某\r"])]


def test_a_formula_whose_result_is_empty_is_empty(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["a", "b"], [1, "=X"])
    with_sheet(path, b'<c r="B2"><f>X</f><v /></c>', b'<c r="B2" t="str"><f>X</f><v></v></c>')
    assert rows_of(path) == [(2, ["1", ""])]


def test_empty_rows_and_columns_around_a_sheet_do_no_harm(tmp_path: Path) -> None:
    path = workbook(tmp_path, [], [None, "编号", "姓名", None], [], [None, 1, "张某", " "], [])
    with open_table(path, [["编号"]]) as table:
        assert table.columns == ["第1列", "编号", "姓名"]
        assert list(table) == [Row(4, {"第1列": "", "编号": "1", "姓名": "张某"})]


def test_a_wrong_dimension_cuts_nothing_off(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["a", "b"], [1, 2], [3, 4])
    with_sheet(path, b'<dimension ref="A1:B3"', b'<dimension ref="A1"')
    assert rows_of(path) == [(2, ["1", "2"]), (3, ["3", "4"])]


def test_the_first_sheet_with_the_columns_is_read(tmp_path: Path) -> None:
    book = Workbook()
    sheets: dict[str, list[list[Any]]] = {
        "说明": [["填表说明"]],
        "登记": [["编号"], [1]],
        "旧": [["编号"]],
    }
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(tmp_path / "登记.xlsx")
    assert rows_of(tmp_path / "登记.xlsx", "编号") == [(2, ["1"])]
    assert rows_of(tmp_path / "登记.xlsx") == []
    assert "it has: 填表说明" in refusal(tmp_path / "登记.xlsx", "姓名").text.en


def test_openpyxl_says_nothing_of_what_it_skips(tmp_path: Path) -> None:
    path = workbook(tmp_path, ["a"], [1])
    with_sheet(path, b"</worksheet>", b'<extLst><ext uri="{x}"/></extLst></worksheet>')
    assert rows_of(path) == [(2, ["1"])]


def damaged(path: Path) -> None:
    with_sheet(path, b"</sheetData>", b"</wrong>")


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def with_entities(path: Path) -> None:
    doctype = b'<!DOCTYPE x [<!ENTITY e "e">]><worksheet'
    with_sheet(path, b"<worksheet", doctype)


def with_entities_in_utf_16(path: Path) -> None:
    styles = '<!DOCTYPE styleSheet [<!ENTITY e "e">]><styleSheet/>'.encode("utf-16")
    patched(path, lambda name, content: styles if name == "xl/styles.xml" else content)


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/bomb.bin", bytes(100 << 20))


def a_row_without_end(path: Path) -> None:
    with_sheet(path, b"</row>", b"<c/>" * 300_000 + b"</row>")


def a_row_too_far(path: Path) -> None:
    with_sheet(path, b'<row r="2"', b'<row r="99999999999"')


def an_unknown_style(path: Path) -> None:
    with_sheet(path, b'<c r="A2" t="n">', b'<c r="A2" t="n" s="999">')


def other_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "编号")


def strict(path: Path) -> None:
    old, new = (
        b"schemas.openxmlformats.org/spreadsheetml/2006",
        b"purl.oclc.org/ooxml/spreadsheetml",
    )
    patched(path, lambda _, content: content.replace(old, new))


@pytest.mark.parametrize(
    ("harm", "zh", "en"),
    [
        (damaged, "已损坏", "is damaged"),
        (an_unknown_style, "已损坏", "is damaged"),
        (cut_short, "已损坏", "is damaged"),
        (with_entities, "实体", "XML entities"),
        (with_entities_in_utf_16, "实体", "XML entities"),
        (bomb, "解压后有 100 MB", "unpack to 100 MB"),
        (a_row_without_end, "单元格过多", "too many cells"),
        (a_row_too_far, "超过 1048576 行", "more than 1048576 rows"),
        (other_archive, "ZIP 压缩包", "a ZIP archive"),
        (strict, "严格 Open XML", "Strict Open XML"),
    ],
)
def test_a_harmful_workbook_is_refused_in_one_sentence(
    tmp_path: Path, harm: Callable[[Path], None], zh: str, en: str
) -> None:
    path = workbook(tmp_path, ["编号"], [1])
    harm(path)
    error = refusal(path)
    assert zh in error.text.zh
    assert en in error.text.en
