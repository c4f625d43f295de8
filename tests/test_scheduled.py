"""The figures of a month and of a quarter that are over, as files in a folder."""

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import IO

import pytest
from openpyxl import load_workbook

from lookup import scheduled
from lookup.beijing import utc_now
from lookup.bureau import Bureau
from lookup.doctor import examine
from lookup.errors import StorageError
from lookup.scheduled import export_periods
from lookup.work import run, seen_at
from tests.public_cases import put

# Beijing's first of October has just begun.
OCTOBER = datetime(2026, 9, 30, 16, tzinfo=UTC)
RATES = {
    f"rates-{period}-{by}.{form}"
    for period in ("2026-09", "2026-Q3")
    for by in ("unit", "officer")
    for form in ("csv", "xlsx", "json")
}
ALL = RATES | {f"ranking-2026-Q3.{form}" for form in ("csv", "xlsx", "json")}


@pytest.fixture
def office(bureau: Bureau, tmp_path: Path) -> Bureau:
    """The bureau with a folder, and cases before, in and after September."""
    folder = tmp_path / "exports"
    folder.mkdir()
    for day in ("2026-08-31", "2026-09-01", "2026-09-30", "2026-10-01"):
        put(bureau, f"A-{day}", f"{day} 00:00", officer="=HYPERLINK(1)", now=OCTOBER)
    return replace(bureau, config=replace(bureau.config, export_folder=folder))


def folder_of(bureau: Bureau) -> Path:
    assert bureau.config.export_folder
    return bureau.config.export_folder


def names(bureau: Bureau) -> set[str]:
    return {file.name for file in folder_of(bureau).iterdir()}


def recorded(bureau: Bureau) -> list[str]:
    rows = bureau.db.rows("SELECT * FROM trail_entry WHERE action = 'rates.exported'")
    assert {row["case_number"] for row in rows} <= {""}
    return [json.loads(row["detail"])["file"] for row in rows]


def test_month_and_quarter_are_written_once_each_for_their_owner_alone(office: Bureau) -> None:
    folder = folder_of(office)
    (folder / "rates-2026-09-unit.json").write_text("kept")
    export_periods(office, OCTOBER)
    assert names(office) == ALL
    assert sorted(recorded(office)) == sorted(ALL - {"rates-2026-09-unit.json"})
    assert (folder / "rates-2026-09-unit.json").read_text() == "kept"
    written = [folder / name for name in recorded(office)]
    assert {stat.S_IMODE(file.stat().st_mode) for file in written} == {0o600}
    quarter = json.loads((folder / "rates-2026-Q3-officer.json").read_text())
    assert [quarter[end] for end in ("from", "to")] == ["2026-07-01", "2026-09-30"]
    assert [row["taken_in"] for row in quarter["rows"]] == [3]
    month = (folder / "rates-2026-09-officer.csv").read_text("utf-8-sig").splitlines()
    assert len(month) == 3 and "'=HYPERLINK(1)" in month[1]
    sheet = load_workbook(folder / "rates-2026-09-unit.xlsx").worksheets[0]
    assert [sheet.cell(2, column).value for column in (1, 2)] == [
        "5101040101 锦江路派出所",
        2,
    ]
    ranking = json.loads((folder / "ranking-2026-Q3.json").read_text())
    assert [(row["level"], row["unit"], row["due"]) for row in ranking["rows"]] == [
        (1, "5101040100", 3),
        (1, "5101040200", 0),
        (2, "5101040101", 3),
        (2, "5101040102", 0),
        (2, "5101040201", 0),
    ]
    ranked = load_workbook(folder / "ranking-2026-Q3.xlsx")
    assert ranked.worksheets[0].max_row == 6 and len(ranked.sheetnames) == 2
    assert len((folder / "ranking-2026-Q3.csv").read_bytes().splitlines()) == 6
    # Again, and all month, nothing more; in November October, and nothing of a quarter.
    export_periods(office, datetime(2026, 10, 31, 15, tzinfo=UTC))
    assert len(recorded(office)) == len(ALL) - 1
    export_periods(office, datetime(2026, 10, 31, 16, tzinfo=UTC))
    assert {name for name in names(office) - ALL if "2026-10-" in name} == names(office) - ALL
    assert len(names(office) - ALL) == 6


def test_a_folder_that_cannot_be_written_is_told_of_and_tried_again(
    office: Bureau, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(office)

    def break_off(_: object, out: IO[bytes], __: object) -> None:
        out.write(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(scheduled, "as_xlsx", break_off)
        export_periods(office, OCTOBER)
    assert names(office) == {"rates-2026-09-unit.csv"} == set(recorded(office))
    assert "No space left on device" in caplog.text
    folder.rename(folder.with_name("elsewhere"))
    done = run(office, once=True, stop=Event())
    assert (done.trouble, seen_at(office.db, "exports") is not None) == ("", True)
    assert "No such file or directory" in caplog.text and f"{folder}" in caplog.text

    def doubts() -> list[str]:
        found = examine(office, {}, utc_now(), debug=False)
        return [one.text.en for one in found if one.name == "export_folder"]

    assert [f"{folder}" in one for one in doubts()] == [True]
    folder.with_name("elsewhere").rename(folder)
    export_periods(office, OCTOBER)
    assert (names(office), doubts()) == (ALL, [])
    # A lost database is no fault of the folder's.
    with monkeypatch.context() as broken:
        broken.setattr(scheduled, "_export", _lose)
        with pytest.raises(StorageError):
            export_periods(office, OCTOBER)
    unset = replace(office, config=replace(office.config, export_folder=None))
    export_periods(unset, OCTOBER)


def _lose(*_: object) -> None:
    raise StorageError("x", "x")


def test_two_at_once_leave_whole_files(office: Bureau) -> None:
    from tests.test_sending import at_once

    at_once(office, 2, lambda: export_periods(office, OCTOBER))
    assert names(office) == ALL
    for name in ALL:
        content = (folder_of(office) / name).read_bytes()
        if name.endswith("xlsx"):
            load_workbook(BytesIO(content))
        elif name.endswith("json"):
            json.loads(content)
