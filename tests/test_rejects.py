"""Rejected rows go out and come in again unchanged."""

import stat
from pathlib import Path

import pytest
from hypothesis import given

from lookup.cells import column_key, defuse
from lookup.errors import Refused
from lookup.language import plain
from lookup.rejects import REJECT_COLUMNS, RejectsWriter
from lookup.tables import Row, open_table
from tests.tabular import ROWS, TEXTS, rows_of, written


def test_plain_text_is_narrow_and_visible() -> None:
    assert plain(" １３８\u200b００\x07\u3000") == "13800"
    assert plain("锦江路\n派出所") == "锦江路 派出所"
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
