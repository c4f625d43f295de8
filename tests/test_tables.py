"""CSV files as offices hand them out."""

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.cells import defuse
from lookup.errors import FileError
from lookup.tables import Row, open_table
from tests.tabular import (
    ROWS,
    refusal,
    rows_of,
    written,
)


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
    others = ",\t;，".replace(delimiter, "") * 3
    lines = [["编号", f'"甲{others}乙"', "x"], ["1", '"a""b"', "c"]]
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
