"""The commands as an administrator types them: what they print, and what they refuse."""

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from app import create_app
from lookup.config import Config
from lookup.database import open_database
from lookup.migrations import MIGRATIONS
from lookup.roles import STAFF_ROLES
from tests.conftest import UNITS
from tests.registers import register, row, write_csv

Run = Callable[..., Result]


@pytest.fixture
def app(config: Config) -> Iterator[Flask]:
    made = create_app(config)
    yield made
    made.extensions["bureau"].db.close()


@pytest.fixture
def run(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in an empty folder, on each engine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    runner = app.test_cli_runner()

    def invoke(*args: str, code: int = 0) -> Result:
        result = runner.invoke(args=list(args))
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    return invoke


@pytest.fixture
def stocked(run: Run, tmp_path: Path) -> Run:
    """The same, with units and five cases taken in."""
    head = "代码,名称,上级代码,地址,电话\n"
    lines = [f"{u.code},{u.name},{u.parent},{u.address},{u.phone}\n" for u in UNITS]
    (tmp_path / "units.csv").write_text(head + "".join(lines), encoding="utf-8")
    write_csv(tmp_path / "register.csv", register(5))
    run("init")
    run("import-units", "units.csv")
    run("import-cases", "register.csv")
    return run


@pytest.fixture
def numbers() -> list[str]:
    return [one["案件编号"] for one in register(5)]


def links(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_init_repeats_harmlessly(run: Run) -> None:
    assert f"{len(MIGRATIONS)} steps applied" in run("init").output
    assert "0 steps applied" in run("init").output


@pytest.mark.parametrize("command", ["import-units", "import-cases"])
def test_a_database_that_was_never_prepared_is_named(
    run: Run, command: str, tmp_path: Path
) -> None:
    write_csv(tmp_path / "register.csv", [row(1)])
    assert "flask init" in run(command, "register.csv", code=1).output


def test_a_newer_database_is_refused(stocked: Run, database_url: str) -> None:
    db = open_database(database_url)
    db.run("INSERT INTO migration VALUES (99, 'from the future', '2027-01-01T00:00:00Z')")
    db.close()
    assert "newer than this program" in stocked("init", code=1).output
    assert "newer than this program" in stocked("verify-trail", code=1).output


def test_an_import_is_summed_up_in_json(stocked: Run, tmp_path: Path) -> None:
    write_csv(tmp_path / "next.csv", [*register(7), row(9, 案件类别="民事")])
    said = json.loads(stocked("import-cases", "next.csv", "--format", "json").stdout)
    counts = {k: said[k] for k in ("rows", "new", "changed", "unchanged", "rejected")}
    assert counts == {"rows": 8, "new": 2, "changed": 0, "unchanged": 5, "rejected": 1}
    rejects = tmp_path / said["rejects_file"]
    assert "民事" in rejects.read_text(encoding="utf-8-sig")
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600


def test_a_dry_run_keeps_nothing(stocked: Run, tmp_path: Path) -> None:
    write_csv(tmp_path / "next.csv", register(7))
    said = json.loads(stocked("import-cases", "next.csv", "--dry-run", "--format", "json").stdout)
    assert said["new"] == 2
    said = json.loads(stocked("import-cases", "next.csv", "--format", "json").stdout)
    assert said["new"] == 2


def test_as_of_takes_a_day_and_nothing_else(stocked: Run) -> None:
    stocked("import-cases", "register.csv", "--as-of", "2026-12-04")
    assert (
        "not a date" in stocked("import-cases", "register.csv", "--as-of", "4 Dec", code=2).output
    )


@pytest.mark.parametrize("locale, said", [("zh_CN.UTF-8", "缺少列"), ("C.UTF-8", "lacks the col")])
def test_a_missing_column_is_told_in_the_readers_language(
    stocked: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locale: str, said: str
) -> None:
    (tmp_path / "bad.csv").write_text("案件编号,案件类别\nA1,刑事\n", encoding="utf-8")
    monkeypatch.setenv("LC_ALL", locale)
    assert said in stocked("import-cases", "bad.csv", code=1).output


def test_links_are_one_json_line_a_receipt(stocked: Run, numbers: list[str]) -> None:
    [line] = links(stocked("print-receipts", "--case", numbers[0], "--links"))
    assert line["case"] == numbers[0]
    assert line["issue"] == 1
    assert line["url"].startswith("https://daylight.example.cn/r/")
    assert len(line["code"].replace("-", "")) == 9
    assert len(line["match"]) == 4


def test_printing_again_renders_the_live_issue(stocked: Run, numbers: list[str]) -> None:
    first = stocked("print-receipts", "--case", numbers[0], "--links").stdout
    stocked("print-receipts", "--case", numbers[0], "--out", "a.pdf", "--paper", "a4")
    assert stocked("print-receipts", "--case", numbers[0], "--links").stdout == first


def test_a_reissue_replaces_the_paper_and_needs_a_reason(
    stocked: Run, numbers: list[str], app: Flask
) -> None:
    asked = ("print-receipts", "--case", numbers[0], "--links")
    [old] = links(stocked(*asked))
    assert "--reason" in stocked(*asked, "--reissue", code=2).output
    [new] = links(stocked(*asked, "--reissue", "--reason", "遗失"))
    assert new["issue"] == 2
    assert {new["url"], new["code"]}.isdisjoint({old["url"], old["code"]})
    client = app.test_client()
    assert client.get(old["url"]).status_code == 404
    assert client.get(new["url"]).status_code == 303


def test_unknown_cases_are_all_named_and_nothing_is_printed(
    stocked: Run, numbers: list[str], tmp_path: Path
) -> None:
    asked = ["--case", "B1", "--case", numbers[0], "--case", "B2"]
    said = stocked("print-receipts", *asked, "--out", "a.pdf", code=1).output
    assert "B1, B2" in said
    assert not (tmp_path / "a.pdf").exists()


@pytest.mark.parametrize(
    "asked, said",
    [
        (["--since", "2026-12-31"], "No case matches"),
        (["--unit", "5101040200", "--since", "2026-12-31"], "No case matches"),
        (["--unit", "4242"], "no unit “4242”"),
    ],
)
def test_an_empty_selection_says_so(stocked: Run, asked: list[str], said: str) -> None:
    assert said in stocked("print-receipts", *asked, "--out", "a.pdf", code=1).output


def test_a_unit_means_all_below_it(stocked: Run, numbers: list[str]) -> None:
    all_lines = links(stocked("print-receipts", "--unit", "5101000000", "--links"))
    branches = [
        links(stocked("print-receipts", "--unit", unit, "--links"))
        for unit in ("5101040100", "5101040200")
        if unit
    ]
    assert sorted(line["case"] for line in all_lines) == sorted(numbers)
    assert sorted(line["url"] for part in branches for line in part) == sorted(
        line["url"] for line in all_lines
    )


def test_an_existing_file_is_replaced_only_by_force(
    stocked: Run, numbers: list[str], tmp_path: Path
) -> None:
    (tmp_path / "a.pdf").write_text("mine", encoding="utf-8")
    asked = ("print-receipts", "--case", numbers[0], "--out", "a.pdf")
    assert "--force" in stocked(*asked, code=2).output
    assert (tmp_path / "a.pdf").read_text(encoding="utf-8") == "mine"
    stocked(*asked, "--force")
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_nothing_chosen_and_nowhere_to_print_are_both_told(stocked: Run) -> None:
    assert "--unit" in stocked("print-receipts", "--links", code=2).output
    assert "--out" in stocked("print-receipts", "--since", "2026-01-01", code=2).output
    unwritable = ("print-receipts", "--since", "2026-01-01", "--out", "none/a.pdf")
    assert "cannot be written" in stocked(*unwritable, code=1).output


@pytest.mark.parametrize("out", ["all.pdf", "all.zip"])
def test_a_batch_is_one_file(stocked: Run, tmp_path: Path, out: str) -> None:
    form = "pdf" if out.endswith("pdf") else "png"
    asked = ("print-receipts", "--since", "2026-01-01", "--out", out, "--format", form)
    assert "5 receipts" in stocked(*asked, "--paper", "roll80").output
    assert (tmp_path / out).stat().st_size > 5000


def test_several_receipts_do_not_fit_one_image(stocked: Run) -> None:
    asked = ("print-receipts", "--since", "2026-01-01", "--out", "all.png", "--format", "png")
    assert ".zip" in stocked(*asked, code=1).output


def test_a_rare_character_is_warned_about(stocked: Run, tmp_path: Path) -> None:
    write_csv(tmp_path / "rare.csv", [row(20, 报案人="张𪚥"), row(21, 报案人="䶮·𠮷")])
    stocked("import-cases", "rare.csv")
    [rare, fine] = [row(20)["案件编号"], row(21)["案件编号"]]
    result = stocked("print-receipts", "--case", rare, "--case", fine, "--out", "rare.pdf")
    assert "U+2A6A5" in result.stderr
    assert result.stderr.count("U+") == 1


def test_handing_over_makes_a_receipt_delivered(stocked: Run, numbers: list[str]) -> None:
    asked = ("rates", "--from", "2026-01-01", "--to", "2026-12-31", "--format", "json")
    assert json.loads(stocked(*asked).stdout)["total"]["disclosed"] == 0
    stocked("print-receipts", "--case", numbers[0], "--out", "a.pdf")
    assert json.loads(stocked(*asked).stdout)["total"]["disclosed"] == 0
    stocked("print-receipts", "--case", numbers[0], "--links", "--handed-over")
    total = json.loads(stocked(*asked).stdout)["total"]
    assert (total["disclosed"], total["due"]) == (1, 5)


@pytest.mark.parametrize("form", ["table", "csv", "json"])
@pytest.mark.parametrize("by", ["unit", "kind", "month", "officer"])
def test_rates_come_in_every_form(stocked: Run, form: str, by: str) -> None:
    asked = ("rates", "--from", "2026-01-01", "--to", "2026-12-31", "--by", by, "--format", form)
    assert "daylight-1" in stocked(*asked).output


def test_rates_refuse_what_cannot_be_counted(stocked: Run) -> None:
    stocked("rates", "--from", "2026-02-01", "--to", "2026-01-01", code=1)
    stocked("rates", "--from", "2026-01-01", "--to", "2026-02-01", "--unit", "4242", code=1)


def test_a_cut_trail_is_found_with_the_head_kept_elsewhere(
    stocked: Run, database_url: str, tmp_path: Path
) -> None:
    stocked("trail-head", "--out", "head.json")
    assert "is whole" in stocked("verify-trail", "--head", "head.json").output
    size = json.loads((tmp_path / "head.json").read_text(encoding="utf-8"))["size"]
    db = open_database(database_url)
    db.run("DELETE FROM trail_entry WHERE position = :last", last=size - 1)
    db.close()
    assert f"Entry {size - 1} is missing" in stocked("verify-trail", code=1).output
    assert "not a file that flask trail-head wrote" in (
        stocked("verify-trail", "--head", "register.csv", code=1).output
    )


def test_the_demonstration_fills_an_empty_database_once(run: Run, tmp_path: Path) -> None:
    said = run("demo", "--cases", "60", "--receipt", "receipt").output
    assert "60 invented cases" in said
    for shown in ("call-back due  ", "comment answered  ", "https://daylight.example.cn/c/"):
        assert shown in said
    assert (tmp_path / "receipt.pdf").exists()
    assert (tmp_path / "receipt.png").exists()
    assert "invented cases written" not in run("demo").output
    run("verify-rates")
    assert "is whole" in run("verify-trail").output


def test_the_demonstration_stays_out_of_a_real_database(stocked: Run) -> None:
    assert "real cases" in stocked("demo", code=1).output


@pytest.mark.parametrize("role", STAFF_ROLES)
def test_an_account_is_opened_with_a_password_shown_once(run: Run, role: str) -> None:
    run("init")
    run("add-unit", "5101", "蓉江市公安局", "--phone", "028-55550000")
    options = ("--name", "李明", "--role", role, "--unit", "5101", "--badge", "510123")
    opened = run("add-staff", "liming", *options)
    password = opened.output.split()[-1]
    assert len(password) == 19
    again = run("add-staff", "liming", *options, code=1)
    assert "is taken" in again.output
    assert "Traceback" not in again.output
    nowhere = run("add-staff", "other", *options[:4], "--unit", "9999", code=1)
    assert "no unit “9999”" in nowhere.output


def test_a_unit_is_added_below_another_or_refused(run: Run) -> None:
    run("init")
    run("add-unit", "5101", "蓉江市公安局")
    run("add-unit", "510104", "城东分局", "--parent", "5101")
    refused = run("add-unit", "510105", "城西分局", "--parent", "9", code=1)
    assert "“9” that does not exist" in refused.output
    assert "Row" not in refused.output
