"""The cases behind a sheet: its figures can be recounted from them, and nobody is named unasked."""

import csv
import io
import json
import random
import stat
import tempfile
import threading
import zipfile
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from lookup.bureau import Bureau
from lookup.case_export import FORMS, export_cases
from lookup.case_facts import cases_of
from lookup.entries import said_entry
from lookup.facts import FIGURES, LEVEL_COLUMNS, SUMMED
from lookup.figures import Figures
from lookup.rates import Question, rates
from lookup.trail import Actor
from receipts.batch import replacing
from tests.public_cases import site_of
from tests.test_rates import BRANCH, STATION, Recount, at, play
from tests.test_rates import Station as Desk

AUDITOR = Actor("钱督察 qian", "desk")
AUTUMN = Question(date(2026, 9, 1), date(2026, 12, 31))
NOW = at("2026-12-20 10:00")
STEPS = ("intake", "transfer", "filing", "notice", "measure", "closure")
Line = dict[str, Any]


@pytest.fixture
def desk(bureau: Bureau) -> Desk:
    return Desk(bureau)


def exported(bureau: Bureau, form: str, question: Question = AUTUMN, **more: Any) -> bytes:
    file = io.BytesIO()
    export_cases(bureau, question, form, file, AUDITOR, NOW, **more)
    return file.getvalue()


def lines_of(bureau: Bureau, question: Question = AUTUMN, **more: Any) -> list[Line]:
    written = exported(bureau, "jsonl", question, **more).decode()
    return [json.loads(line) for line in written.splitlines()]


def sheet_of(written: bytes) -> tuple[list[str], list[list[Any]]]:
    """The header and the rows of the first sheet of a workbook."""
    book = load_workbook(io.BytesIO(written))
    head, *rows = ([cell.value for cell in row] for row in book.worksheets[0].iter_rows())
    return [str(name) for name in head], rows


def recounted(lines: list[Line]) -> dict[str, Any]:
    """The figures of milestones, clocks, look-ups and ratings as somebody adds them up who has but
    the export and the definition; the others it tells by their own columns."""
    due = [line for line in lines if "withheld" not in line]

    def parts(name: str) -> list[Any]:
        """What is told under a name of all steps of the cases that are due."""
        keys = [f"{step}_{name}" for step in STEPS]
        return [line[key] for line in due for key in keys if key in line]

    rated = [line for line in due if any(f"{step}_ratings" in line for step in STEPS)]
    return {
        "taken_in": len(lines),
        "withheld": Counter(line["withheld"] for line in lines if "withheld" in line),
        "disclosed": sum("why_not" not in line for line in due),
        "milestones": len(parts("on_time")),
        "on_time": sum(parts("on_time")),
        "backlog": len(parts("happened")) - len(parts("on_time")),
        "clocks_due": len(parts("kept")),
        "clocks_kept": sum(parts("kept")),
        "clocks_extended": sum(parts("extended")),
        "looked_up": sum("looked_up_at" in line for line in due),
        "rated": len(rated),
        "levels": Counter(int(level) for told in parts("ratings") for level in told.split()),
    }


def counted(found: Figures) -> dict[str, Any]:
    plain = {name: getattr(found, name) for name in ("taken_in", *SUMMED)}
    return plain | {"withheld": Counter(found.withheld), "levels": +Counter(found.levels)}


def summed(lines: list[Line]) -> dict[str, Any]:
    """The columns named like the figures of the sheet, added up."""
    sums = {name: sum(line.get(name, 0) for line in lines) for name in FIGURES}
    levels = Counter({level: sums.pop(name) for name, level in LEVEL_COLUMNS.items()})
    withheld = Counter(line["withheld"] for line in lines if "withheld" in line)
    return sums | {"withheld": withheld, "levels": +levels}


def test_every_figure_of_a_sheet_can_be_recounted_from_the_cases_behind_it(desk: Desk) -> None:
    dice = random.Random(9)
    with desk.bureau.db.transaction():
        for n in range(24):
            play(desk, dice, f"A{n}")
    instants = Recount(desk.bureau).instants()
    met: Counter[str] = Counter()
    for cutoff in (None, *dice.sample(instants, 2)):
        first, last = sorted(date(2026, 9, 15) + timedelta(dice.randrange(75)) for _ in "12")
        for unit in (None, BRANCH):
            wide = Question(AUTUMN.first, AUTUMN.last, "unit", unit, cutoff)
            for question in (wide, replace(wide, first=first, last=last)):
                lines, sheet = lines_of(desk.bureau, question), rates(desk.bureau, question, NOW)
                told, again = counted(sheet.total.figures), recounted(lines)
                assert summed(lines) == told == told | again, question
                for row in sheet.rows:
                    own = [line for line in lines if line["unit"] == row.unit]
                    assert summed(own) == counted(row.figures)
                assert [line["intake_day"] for line in lines] == sorted(
                    line["intake_day"] for line in lines
                )
                met.update(code for line in lines for code in line.get("why_not", "").split())
                met.update({name: n for name, n in told.items() if isinstance(n, int)})
    # The dice must have thrown all that there is to tell.
    assert {"undelivered", "unseen", "hidden", *SUMMED} <= set(+met)


def test_the_three_forms_tell_the_same(desk: Desk) -> None:
    filed = [{"step": "filing", "at": "2026-10-14", "outcome": "filed"}]
    desk.put(at("2026-10-12 10:00"), "A1", milestones=filed)
    desk.hand_over("A1", at("2026-10-12 10:30"))
    desk.look_up("A1", at("2026-10-13 08:00"))
    desk.rate("A1", at("2026-10-13 08:05"), 2)
    desk.put(at("2026-10-12 10:00"), "A2", withheld_reason="minor")
    desk.request("A1", at("2026-10-15 08:00"))
    one, other = lines_of(desk.bureau)
    assert (
        one
        | {
            "kind": "criminal",
            "unit_name": "锦江路派出所",
            "officer": "陈警官",
            "intake_day": "2026-10-12",
            "why_not": "hidden",
            "handed_over": "2026-10-12 10:30:00",
            "looked_up_at": "2026-10-13 08:00:00",
            "intake_happened": "2026-10-12 09:00:00",
            "intake_ratings": "2",
            "filing_outcome": "filed",
            "filing_happened": "2026-10-14",
            "filing_kept": 1,
            **{"disclosed": 0, "milestones": 2, "looked_up": 1, "level_2": 1},
        }
        == one
    )
    assert (other["withheld"], other["taken_in"]) == ("minor", 1)
    assert not {"disclosed", "milestones", "why_not", "intake_on_time"} & set(other)

    text = exported(desk.bureau, "csv").decode()
    assert text.startswith("\ufeffnumber,kind,unit,unit_name,officer,badge,intake_day,withheld,")
    assert text.count("\r\n") == text.count("\n") == 3
    grid = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    for line, row in zip((one, other), grid, strict=True):
        assert {name: str(value) for name, value in line.items()} == {
            name: cell for name, cell in row.items() if cell
        }

    head, rows = sheet_of(exported(desk.bureau, "xlsx"))
    assert len(head) == len(grid[0]) and head[0] == "案件编号\nCase number"
    assert head[-1] == "结案·现行评价\nClosure: ratings"
    cells = [dict(zip(grid[0], row, strict=True)) for row in rows]
    assert cells[0]["kind"] == "刑事 / Criminal"
    assert cells[0]["why_not"] == "申请不予公开待批 / hidden by a request to withhold"
    assert cells[0]["intake_day"] == datetime.fromisoformat("2026-10-12")
    assert cells[0]["looked_up_at"] == datetime.fromisoformat("2026-10-13 08:00")
    assert cells[1]["withheld"].startswith("未成年人 / ") and cells[1]["disclosed"] is None
    for line, row_cells in zip((one, other), cells, strict=True):
        numbers = {name: value for name, value in line.items() if isinstance(value, int)}
        assert {name: row_cells[name] for name in numbers} == numbers


def test_nobody_is_named_unless_asked_for_and_each_export_is_in_the_record(desk: Desk) -> None:
    people = [
        {"role": "complainant", "name": "欧阳一", "phone": "19900001234"},
        {"role": "victim", "name": "钱二"},
    ]
    desk.put(at("2026-10-12 10:00"), "A1", name="欧阳某被盗窃案", parties=people)
    question = replace(AUTUMN, unit=STATION, cutoff=at("2026-11-01 00:00"))
    for form in FORMS:
        sealed, opened = (
            _unpacked(exported(desk.bureau, form, question, personal=personal))
            for personal in (False, True)
        )
        for told in ("欧阳一", "钱二", "19900001234", "被盗窃案"):
            assert told not in sealed and told in opened
    [line] = lines_of(desk.bureau, personal=True)
    assert line["people"] == "报案人 欧阳一 19900001234；被害人 钱二"
    rows = desk.bureau.db.rows(
        "SELECT * FROM trail_entry WHERE action = 'cases.exported' ORDER BY position"
    )
    assert len(rows) == 7 and {row["actor"] for row in rows} == {AUDITOR.name}
    said = "导出案件明细：受案日 2026-09-01；至 2026-12-31；截止 2026-11-01 00:00；"
    assert said_entry(desk.bureau, rows[0]).zh.startswith(said)
    assert "含个人信息" in said_entry(desk.bureau, rows[1]).zh
    assert "含个人信息" not in said_entry(desk.bureau, rows[0]).zh
    assert not any(name in row["detail"] for row in rows for name in ("欧阳", "1234", "盗窃"))
    kept = json.loads(rows[1]["detail"])
    assert kept == {
        **{"from": "2026-09-01", "to": "2026-12-31", "cutoff": "2026-10-31T16:00:00Z"},
        **{"unit": STATION, "cases": 1, "form": "csv", "personal": "yes"},
    }


def _unpacked(written: bytes) -> str:
    if not zipfile.is_zipfile(io.BytesIO(written)):
        return written.decode()
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        return "".join(archive.read(name).decode() for name in archive.namelist())


def test_an_export_shows_one_state_while_others_go_on_writing(desk: Desk) -> None:
    desk.put(at("2026-10-12 10:00"), "A1")
    db = desk.bureau.db

    def meanwhile() -> None:
        desk.put(at("2026-10-13 10:00"), "A2")
        desk.rate("A1", at("2026-10-13 11:00"), 1)
        db.close()

    with db.transaction(reading=True):
        sheet = rates(desk.bureau, AUTUMN, NOW)
        other = threading.Thread(target=meanwhile)
        other.start()
        other.join()
        [one] = cases_of(db, AUTUMN, NOW.date(), ["rating"])
    assert (one["number"], one["figures"]["rated"], one["rating"]) == ("A1", 0, [])
    assert sheet.total.figures.rated == 0
    assert {line["number"] for line in lines_of(desk.bureau)} == {"A1", "A2"}


@pytest.mark.parametrize("form", FORMS)
def test_an_export_that_was_broken_off_leaves_nothing(
    desk: Desk, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.put(at("2026-10-12 10:00"), "A1")
    scratch, out = tmp_path / "scratch", tmp_path / "out"
    scratch.mkdir()
    out.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))

    def break_off(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), replacing(out / "cases") as file:
        export_cases(desk.bureau, AUTUMN, form, file, AUDITOR, NOW, progress=break_off)
    assert list(out.iterdir()) == list(scratch.iterdir()) == []
    entries = "SELECT * FROM trail_entry WHERE action = 'cases.exported'"
    assert desk.bureau.db.rows(entries) == []
    assert len(lines_of(desk.bureau)) == 1


def test_the_commands_write_whole_files_for_their_owner_alone(desk: Desk, tmp_path: Path) -> None:
    desk.put(at("2026-10-12 10:00"), "A1")
    runner = site_of(desk.bureau).test_cli_runner()
    period = ("--from=2026-09-01", "--to=2026-12-31")

    def run(*args: str, code: int = 0) -> str:
        result = runner.invoke(args=[args[0], *period, *args[1:]], env={"LC_ALL": "C.UTF-8"})
        assert result.exit_code == code, result.output
        return result.output

    written = {
        tmp_path / "rates.xlsx": ("rates", "--format=xlsx"),
        tmp_path / "rates.csv": ("rates", "--format=csv"),
        tmp_path / "rates.json": ("rates", "--format=json"),
        tmp_path / "rates.txt": ("rates",),
        **{tmp_path / f"cases.{form}": ("export-cases", f"--format={form}") for form in FORMS},
    }
    for out, asked in written.items():
        run(*asked, f"--out={out}")
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        assert "exists; add --force" in run(*asked, f"--out={out}", code=1)
        before = out.read_bytes()
        run(*asked, f"--out={out}", "--force", "--unit=4242", code=1)
        assert out.read_bytes() == before
        run(*asked, f"--out={out}", "--force")
        assert "cannot be written" in run(*asked, f"--out={tmp_path}/no/{out.name}", code=1)
        assert "cannot be written" in run(*asked, "--out=/proc/none", code=1)
    assert set(tmp_path.glob("**/*")) >= set(written)
    assert not list(tmp_path.glob(".*rates*")) + list(tmp_path.glob(".*cases*"))
    # Without a file it goes to standard output.
    assert run("rates", "--format=csv").startswith("\ufeffpart,from,")
    assert "daylight-1" in run("rates") and json.loads(run("rates", "--format=json"))
    assert "--out" in run("rates", "--format=xlsx", code=1)
    assert "--out" in run("export-cases", code=1)
    assert run("export-cases", f"--out={tmp_path / 'all.csv'}").startswith("1 cases written")
