"""Tables in the shapes that offices hand out, and rejects files that come back."""

import csv
import io
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from lookup.errors import FileError, Refused
from lookup.tables import (
    REJECT_COLUMNS,
    RejectsWriter,
    Row,
    column_key,
    defuse,
    open_table,
    plain,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
AT, DAY = map(datetime.fromisoformat, ["2026-11-20 09:05:00", "2026-11-20"])
ROWS = st.lists(st.lists(TEXTS, min_size=3, max_size=3), max_size=6)


def rows_of(path: Path, *required: str) -> list[tuple[int, list[str]]]:
    with open_table(path, [[name] for name in required]) as table:
        return [(row.number, list(row.cells.values())) for row in table]


def refusal(path: Path, *required: str) -> FileError:
    with pytest.raises(FileError) as caught:
        rows_of(path, *required)
    assert path.name in caught.value.text.zh
    assert path.name in caught.value.text.en
    assert str(path.parent) not in caught.value.text.both()
    return caught.value


def written(folder: Path, content: bytes) -> Path:
    path = folder / "登记.csv"
    path.write_bytes(content)
    return path


def workbook(folder: Path, *rows: list[Any]) -> Path:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    book.save(folder / "登记.xlsx")
    return folder / "登记.xlsx"


def patched(path: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """The workbook with each of its parts put through ``change``."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: change(name, archive.read(name)) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def with_sheet(path: Path, old: bytes, new: bytes) -> Path:
    def change(name: str, content: bytes) -> bytes:
        if name != "xl/worksheets/sheet1.xml":
            return content
        assert old in content
        return content.replace(old, new)

    return patched(path, change)


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "gbk", "gb2312"])
def test_a_chinese_table_reads_alike_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "编号,姓名\r\n1,张某\r\n".encode(encoding))
    assert rows_of(path, "编号") == [(2, ["1", "张某"])]


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_utf_16_is_read_in_both_byte_orders(tmp_path: Path, mark: bytes) -> None:
    order = "utf-16-le" if mark == b"\xff\xfe" else "utf-16-be"
    path = written(tmp_path, mark + "编号\t地址\n1\t上海".encode(order))
    assert rows_of(path) == [(2, ["1", "上海"])]


def test_characters_outside_gbk_survive_gb18030(tmp_path: Path) -> None:
    assert rows_of(written(tmp_path, "姓名,名\n䶮,𠮷\n".encode("gb18030"))) == [(2, ["䶮", "𠮷"])]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
@pytest.mark.parametrize("shift", range(4))
def test_a_character_cut_by_the_end_of_a_chunk_is_whole(
    tmp_path: Path, encoding: str, shift: int
) -> None:
    remark = "x" * shift + "警" * 700_000
    path = written(tmp_path, f"编号,备注\n1,{remark}\n".encode(encoding))
    assert rows_of(path) == [(2, ["1", remark])]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_text_in_no_known_encoding_is_refused_with_its_place(tmp_path: Path, encoding: str) -> None:
    good = "编号,姓名\n".encode(encoding) + "1,张某\n".encode(encoding) * 300_000
    error = refusal(written(tmp_path, good + b"2,\xff\xff\n"))
    assert f"line 300002, byte {len(good) + 3}" in error.text.en
    assert f"第 300002 行，第 {len(good) + 3} 字节" in error.text.zh


def test_a_file_cut_inside_a_character_is_refused(tmp_path: Path) -> None:
    content = "编号,姓名\n1,张某".encode()[:-1]
    assert "line 2, byte" in refusal(written(tmp_path, content)).text.en


# What is no table


@pytest.mark.parametrize(
    ("content", "zh", "en"),
    [
        (b"", "是空的", "is empty"),
        (b"\r\n ,, \r\n", "是空的", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "PNG 图片", "a PNG picture"),
        (b"%PDF-1.7\n", "PDF 文件", "a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), ".xls", "an old Office file"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "密码",
            "locked with a password",
        ),
        (b"a,b\n1,\0\n", "二进制", "a binary file"),
        ("编号,姓名\n1,张某".encode("utf-16-le"), "二进制", "a binary file"),
        ("编号\n".encode() * 200_000 + b"\0", "第 200001 行", "NUL characters in line 200001"),
        ("\n<html><table>编号".encode("gb18030"), "网页", "a web page"),
        (b'<?xml version="1.0"?><Workbook/>', "网页", "a web page"),
        (b"MIME-Version: 1.0\n", "网页", "a web page"),
        (b"PK\x03\x04" + bytes(100), "已损坏", "is damaged"),
    ],
)
def test_what_is_no_table_is_named_in_one_sentence(
    tmp_path: Path, content: bytes, zh: str, en: str
) -> None:
    error = refusal(written(tmp_path, content))
    assert zh in error.text.zh
    assert en in error.text.en
    assert "CSV UTF-8 或 XLSX" in error.text.zh
    assert "CSV UTF-8 or XLSX" in error.text.en


def test_a_file_that_is_not_there_is_a_file_error(tmp_path: Path) -> None:
    assert "cannot be opened" in refusal(tmp_path / "无.csv").text.en


# Columns


def test_headers_match_however_they_are_typed_and_stay_as_found(tmp_path: Path) -> None:
    path = written(tmp_path, '\ufeff\ufeff案件 编号,"报案\n时间",ＩＤ　\n1,2,3\n'.encode())
    with open_table(path, [["案件编号"], ["报案时间", "reported at"], ["ID"]]) as table:
        assert table.columns == ["案件编号", "报案时间", "ID"]
        assert table.headers == ["\ufeff案件 编号", "报案\n时间", "ＩＤ　"]
        assert [row.cells for row in table] == [{"案件编号": "1", "报案时间": "2", "ID": "3"}]


def test_all_missing_columns_are_named_beside_those_found(tmp_path: Path) -> None:
    path = written(tmp_path, "姓名,电话\n".encode())
    with pytest.raises(FileError) as caught:
        open_table(path, [["案件编号", "number"], ["姓名"], ["类别"]])
    assert "案件编号或number、类别（现有列：姓名、电话）" in caught.value.text.zh
    assert "案件编号 or number, 类别 (it has: 姓名, 电话)" in caught.value.text.en


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    assert "named “ID”" in refusal(written(tmp_path, "ID,姓名, ＩＤ\n".encode())).text.en


def test_a_table_of_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert rows_of(written(tmp_path, "编号,姓名".encode()), "编号") == []


def test_a_column_without_a_header_is_called_by_its_place(tmp_path: Path) -> None:
    with open_table(written(tmp_path, b"a,,b,,\n1,2,3,,\n")) as table:
        assert table.columns == ["a", "第2列", "b"]
        assert list(table) == [Row(2, {"a": "1", "第2列": "2", "b": "3"})]


# Rows of CSV


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "，"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_delimiter_and_line_end_are_found_out(tmp_path: Path, delimiter: str, end: str) -> None:
    lines = [["编号", '"甲,乙;丙，丁"', "x"], ["1", '"a""b"', "c"]]
    path = written(tmp_path, end.join(delimiter.join(line) for line in lines).encode())
    assert rows_of(path) == [(2, ["1", 'a"b', "c"])]


def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    path = written(tmp_path, b'\r\na,b\r\n1,"x\r\ny"\r\n\r\n , \r\n2,z')
    assert rows_of(path) == [(3, ["1", "x\r\ny"]), (6, ["2", "z"])]


def test_short_rows_are_filled_and_long_rows_show_their_excess(tmp_path: Path) -> None:
    with open_table(written(tmp_path, b"a,b\n1\n1,2,, \n1,2,,3\n")) as table:
        assert list(table) == [
            Row(2, {"a": "1", "b": ""}),
            Row(3, {"a": "1", "b": "2"}),
            Row(4, {"a": "1", "b": "2"}, ("", "3")),
        ]


def test_a_remark_of_a_megabyte_is_read(tmp_path: Path) -> None:
    assert rows_of(written(tmp_path, b"a,b\n1," + b"x" * 1_000_000)) == [
        (2, ["1", "x" * 1_000_000])
    ]


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (b'a,b\n1,2\n3,"4\n' + b"5,6\n" * 300, 3),
        (b'a,b\n1,2\n3,"4', 3),
        (b'a,b\n1,"2\n3,4\n5,"6\n', 2),
        (b'a,b\n1,"' + b"2,3\n" * 254 + b'"\n', 2),
        (b'a,b\n1,"' + b"2,3\n" * 2_000_000 + b'"\n', 2),
        (b"a,b\n1,2\n\n3," + b"x" * 5_000_000, 4),
    ],
)
def test_a_quotation_mark_that_swallows_rows_is_refused_with_its_row(
    tmp_path: Path, content: bytes, row: int
) -> None:
    error = refusal(written(tmp_path, content))
    assert f"a row {row} that" in error.text.en
    assert f"第 {row} 行" in error.text.zh


def test_a_quotation_mark_out_of_place_within_a_line_is_forgiven(tmp_path: Path) -> None:
    path = written(tmp_path, b'a,b\n"x" ,y"z"\n')
    assert rows_of(path) == [(2, ["x ", 'y"z"'])]


def test_the_position_runs_to_the_size(tmp_path: Path) -> None:
    with open_table(written(tmp_path, b"a,b\n" + b"1,2\n" * 50_000)) as table:
        seen = [table.position for _ in table]
        assert seen == sorted(seen)
        assert 0 < seen[0] < seen[-1] == table.size == 200_004


@given(
    rows=ROWS,
    delimiter=st.sampled_from(",\t;，"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
    end=st.sampled_from(["\r\n", "\n", "\r"]),
)
def test_any_text_comes_back_from_csv(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    delimiter: str,
    encoding: str,
    end: str,
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([["案件编号", "姓名", "备注"], *([defuse(c) for c in row] for row in rows)])
    path = written(tmp_path_factory.getbasetemp(), text.getvalue().encode(encoding))
    expected = [(n, row) for n, row in enumerate(rows, 2) if any(c.strip() for c in row)]
    assert rows_of(path, "案件编号") == expected


READ_WITHIN_MEMORY = """
import sys
from pathlib import Path
from lookup.tables import open_table

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])

before = peak()
with open_table(Path(sys.argv[1])) as table:
    rows = sum(1 for _ in table)
print(rows, peak() - before)
"""


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_large_csv_is_read_in_steady_memory(tmp_path: Path, encoding: str) -> None:
    row = f'1,张某,"{"一" * 500}\n{"二" * 500}"\n'.encode(encoding)
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.write("编号,姓名,备注\n".encode(encoding))
        file.writelines(row for _ in range(60_000_000 // len(row)))
    done = subprocess.run(
        [sys.executable, "-c", READ_WITHIN_MEMORY, str(path)],
        capture_output=True,
        check=True,
        text=True,
    )
    rows, kilobytes = map(int, done.stdout.split())
    assert rows == 60_000_000 // len(row)
    assert kilobytes < 40_000


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


def a_row_too_far(path: Path) -> None:
    with_sheet(path, b'<row r="2"', b'<row r="99999999999"')


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
        (cut_short, "已损坏", "is damaged"),
        (with_entities, "实体", "XML entities"),
        (with_entities_in_utf_16, "实体", "XML entities"),
        (bomb, "解压后有 100 MB", "unpack to 100 MB"),
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


# Text and rejects


def test_plain_text_is_narrow_and_visible() -> None:
    assert plain(" １３８\u200b００\x07\u3000") == "13800"
    assert plain("锦江路\n派出所") == "锦江路派出所"
    assert plain("\ue000𠮷") == "\ue000𠮷"
    assert column_key("\ufeffCase Ｎｏ\n（号）") == "CaseNo(号)"


@pytest.mark.parametrize("sign", "=+-@\t\r＝＋－＠")
def test_a_formula_is_guarded_and_the_guard_is_taken_away_again(tmp_path: Path, sign: str) -> None:
    assert defuse(f"{sign}1") == f"'{sign}1"
    path = written(tmp_path, f"a,b,c\n\"'{sign}1\",\"''{sign}1\",'1\n".encode())
    assert rows_of(path) == [(2, [f"{sign}1", f"'{sign}1", "'1"])]
    assert defuse("'1") == "'1"


def reject(path: Path, headers: list[str], *rows: Row) -> RejectsWriter:
    with RejectsWriter(path, headers) as rejects:
        for row in rows:
            rejects.add(row, Refused("电话", "=1", "电话少一位", "a digit is missing"))
    return rejects


@given(header=TEXTS, rows=ROWS)
def test_rejected_rows_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, header: str, rows: list[list[str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "rejects.csv"
    path.unlink(missing_ok=True)
    headers = ["=案件编号", f"'=\n{header}", "电话"]
    keys = [column_key(h) for h in headers]
    given_rows = [Row(n, dict(zip(keys, cells, strict=True))) for n, cells in enumerate(rows, 5)]
    assert reject(path, headers, *given_rows).count == len(rows)
    assert path.exists() == bool(rows)
    if not rows:
        return
    with open_table(path) as table:
        again = list(table)
        assert table.headers == [*headers, *REJECT_COLUMNS]
    assert [list(row.cells.values())[:3] for row in again] == rows
    assert [row.cells["行号row"] for row in again] == [str(row.number) for row in given_rows]


def test_a_rejects_file_says_why_and_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    reject(path, ["编号"], Row(7, {"编号": "+1"}))
    assert path.read_bytes().decode("utf-8") == (
        '\ufeff"编号","行号 row","字段 field","值 value","原因 reason"\r\n'
        '"\'+1","7","电话","\'=1","电话少一位 / a digit is missing"\r\n'
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_rows_rejected_twice_carry_one_reason(tmp_path: Path) -> None:
    first, second = tmp_path / "1.csv", tmp_path / "2.csv"
    reject(first, ["编号", ""], Row(7, {"编号": "1", "第2列": "x"}))
    with open_table(first) as table:
        reject(second, table.headers, *table)
    with open_table(second) as table:
        assert table.headers == ["编号", "", *REJECT_COLUMNS]
        assert [row.cells["行号row"] for row in table] == ["2"]


def test_rejects_of_a_run_that_fails_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), RejectsWriter(tmp_path / "r.csv", ["a"]) as rejects:
        rejects.add(Row(2, {"a": "1"}), Refused("a", "1", "错", "wrong"))
        assert not (tmp_path / "r.csv").exists()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
