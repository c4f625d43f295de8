"""Registers taken in: which files are read, what is counted, what an interruption leaves."""

import multiprocessing
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from lookup.beijing import Moment
from lookup.bureau import Bureau, open_bureau
from lookup.cases import AsOf
from lookup.config import Config
from lookup.errors import FileError
from lookup.register import Summary, said_summary
from lookup.tables import Table
from lookup.trail import verify
from tests.intake import NIGHT, TRAIL, House, counts, until
from tests.registers import (
    CLOSED,
    COLUMNS,
    FIRST_DAY,
    Cells,
    flawed,
    fortnight,
    moved_on,
    register,
    row,
    stranger,
    write_csv,
    write_xlsx,
)


@pytest.fixture
def house(bureau: Bureau, tmp_path: Path) -> House:
    return House(bureau, tmp_path)


# Files


def test_every_encoding_and_delimiter_tells_the_same(house: House) -> None:
    rows = [flawed(row(1), "quoted newline"), row(2, 报案人="䶮𠮷")]
    first = True
    for encoding in ("gb18030", "utf-8", "utf-8-sig"):
        for delimiter in (",", "\t"):
            path = write_csv(house.folder / "r.csv", rows, encoding, delimiter)
            assert counts(house.take_file(path)) == ((2, 0, 0, 0) if first else (0, 0, 2, 0))
            first = False
    assert house.name(rows[1]) == "䶮𠮷"
    assert house.case(rows[0])["remark"] == '第一行 第二行，带“引号”和"双引号"'


def test_a_workbook_with_real_dates_tells_what_the_text_tells(house: House) -> None:
    rows = register(12)
    assert counts(house.take_file(write_xlsx(house.folder / "r.xlsx", rows))) == (12, 0, 0, 0)
    assert counts(house.take(rows)) == (0, 0, 12, 0)


def test_columns_are_found_by_name_in_any_order(house: House) -> None:
    rows = [row(1)]
    path = write_csv(house.folder / "r.csv", rows, columns=reversed(COLUMNS))
    house.take_file(path)
    assert counts(house.take(rows)) == (0, 0, 1, 0)


def test_a_column_that_fills_nothing_is_told_and_left(house: House) -> None:
    path = write_csv(house.folder / "r.csv", [row(1)], columns=[*COLUMNS, "案件性质"])
    assert house.take_file(path).unread_columns == ["案件性质"]


def test_a_register_without_a_needed_column_is_refused_whole(house: House) -> None:
    before = house.all()
    for column in ("案件编号", "立案时间", "结案时间", "是否公开", "不公开理由"):
        kept = [name for name in COLUMNS if name != column]
        path = write_csv(house.folder / "r.csv", [row(1)], columns=kept)
        with pytest.raises(FileError) as caught:
            house.take_file(path)
        assert column in caught.value.text.zh
    assert house.all() == before


def test_files_that_are_no_registers_are_refused_whole(house: House) -> None:
    cut = write_xlsx(house.folder / "r.xlsx", register(40))
    cut.write_bytes(cut.read_bytes()[:-200])
    empty = house.folder / "empty.csv"
    empty.write_bytes(b"")
    wrong = house.folder / "wrong.csv"
    wrong.write_bytes(",".join(COLUMNS).encode("gb18030") + b"\n\xff\xff\xff\n")
    before = house.all()
    for path in (cut, empty, wrong):
        with pytest.raises(FileError):
            house.take_file(path)
    assert house.all() == before


def test_a_register_of_headers_alone_has_no_rows(house: House) -> None:
    assert house.take([]).as_dict() | {"dry_run": 0} == Summary().as_dict()


# Counts


def test_a_fortnight_of_two_registers_is_counted_row_by_row(house: House) -> None:
    first, second = fortnight()
    summary = house.take(first, AsOf(FIRST_DAY))
    assert (summary.rows, *counts(summary)) == (600, 588, 0, 0, 12)
    assert len(house.rejects()) == 12
    summary = house.take(second, until("2026-12-04"))
    assert (summary.rows, *counts(summary)) == (660, 72, 110, 478, 0)
    assert summary.rejects_file is None
    assert house.count("cases") == 660
    assert counts(house.take(second, until("2026-12-04"))) == (0, 0, 660, 0)
    assert counts(house.take(first, until("2026-11-20"))) == (0, 0, 588, 12)
    assert verify(house.bureau.db) == []


def test_the_summary_says_what_its_users_read(house: House) -> None:
    summary = house.take([row(1), flawed(row(2), "unknown kind")])
    told = summary.as_dict()
    assert {name: told[name] for name in ("rows", "new", "changed", "unchanged", "rejected")} == {
        "rows": 2,
        "new": 1,
        "changed": 0,
        "unchanged": 0,
        "rejected": 1,
    }
    assert told["rejects_file"] == str(house.rejects_path)
    said = said_summary(summary)
    assert "2 行" in said.zh
    assert "1 rejected" in said.en
    assert str(house.rejects_path) in said.zh


def test_the_same_register_twice_writes_nothing_but_that_it_came(house: House) -> None:
    rows = [*register(30), flawed(row(31), "phone one digit short")]
    for as_of in (NIGHT, until("2026-12-04")):
        house.take(rows, as_of)
        before, entries = house.all(*TRAIL), house.trail()
        assert counts(house.take(rows, as_of)) == (0, 0, 31, 0)
        assert house.all(*TRAIL) == before
        (came,) = house.trail()[len(entries) :]
        assert came["action"] == "register.imported"
        assert came["detail"]["file"] == "register.csv"


def test_the_next_days_register_moves_cases_on(house: House) -> None:
    rows = register(30)
    house.take(rows)
    later = moved_on(rows)
    assert counts(house.take(later)) == (0, 20, 10, 0)
    for before, after in zip(rows, later, strict=True):
        steps = house.steps(after)
        assert ("filing" in steps, "closure" in steps) == (
            bool(after["立案时间"]),
            bool(after["结案时间"]),
        )
        if before != after:
            assert house.case(after)["version"] == 2
    closed = next(one for one in later if one["结案时间"])
    assert house.steps(closed)["closure"]["happened_at"] == (
        Moment.of(datetime.fromisoformat(closed["结案时间"] + "+08:00")).at_text
    )


def test_a_case_that_moves_keeps_who_had_it_at_each_step(house: House) -> None:
    house.take([row(1)])
    other = {"受理单位代码": "5101040201", "主办民警": "周接手", "民警警号": "099999"}
    house.take([row(1, **other, **CLOSED)])
    steps = house.steps(row(1))
    assert steps["closure"]["officer"] == "周接手"
    assert steps["closure"]["unit"] == "5101040201"
    assert steps["filing"]["officer"] == row(1)["主办民警"]
    assert house.case(row(1))["unit"] == "5101040201"


# Rehearsal and interruption


def test_a_rehearsal_counts_the_same_and_writes_nothing(house: House) -> None:
    house.take(register(250))
    rows = [*moved_on(register(250)), *register(20, first=300), flawed(row(900), "no number")]
    rows.append(stranger(rows[0]))
    before = house.all()
    rehearsed = house.take(rows, dry_run=True)
    assert house.all() == before
    assert rehearsed.dry_run
    assert len(house.rejects()) == 2
    assert "未写入" in said_summary(rehearsed).zh
    assert counts(house.take(rows)) == counts(rehearsed)


class Cut(Exception):
    """The power fails."""


def test_an_import_that_is_cut_off_leaves_whole_rows_and_completes_when_run_again(
    house: House,
) -> None:
    rows = [*register(500), flawed(row(900), "no number")]

    def fail_after(chunks: int) -> Callable[[Table], None]:
        seen: list[int] = []

        def fail(table: Table) -> None:
            seen.append(table.position)
            if len(seen) == chunks:
                raise Cut

        return fail

    with pytest.raises(Cut):
        house.take(rows, progress=fail_after(1))
    kept = house.count("cases")
    assert 0 < kept < 500
    assert house.count("party") == kept
    assert not house.rejects_path.exists()
    assert verify(house.bureau.db) == []
    assert counts(house.take(rows)) == (500 - kept, 0, kept, 1)
    assert list(house.folder.glob(".*")) == []


def test_a_rehearsal_that_is_cut_off_writes_nothing(house: House) -> None:
    before = house.all()

    def fail(_: Table) -> None:
        raise Cut

    with pytest.raises(Cut):
        house.take(register(300), dry_run=True, progress=fail)
    assert house.all() == before


def _take_in(config: Config, folder: Path, rows: list[Cells], gate: Any, results: Any) -> None:
    """A process that takes in a register while another does."""
    folder.mkdir()
    bureau = open_bureau(config)
    gate.wait()
    results.put(counts(House(bureau, folder).take(rows)))
    bureau.db.close()


def test_two_registers_at_once_in_different_order_take_every_case_once(house: House) -> None:
    rows = register(150)
    spawn = multiprocessing.get_context("spawn")
    gate, results = spawn.Barrier(2), spawn.Queue()
    config = house.bureau.config
    workers = [
        spawn.Process(target=_take_in, args=(config, house.folder / name, told, gate, results))
        for name, told in (("a", rows), ("b", rows[::-1]))
    ]
    for worker in workers:
        worker.start()
    said = [results.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join(timeout=60)
        assert worker.exitcode == 0
    assert [sum(column) for column in zip(*said, strict=True)] == [150, 0, 150, 0]
    assert (house.count("cases"), house.count("party")) == (150, 150)
    assert verify(house.bureau.db) == []
