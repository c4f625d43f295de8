"""The walls of the house: which module may import which. docs/architecture.md draws them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = [
    {"language", "errors", "beijing", "charts"},
    {
        "toml_tables",
        "vocabulary",
        "workdays",
        "clocks",
        "kinds",
        "records",
        "bodies",
        "sentences",
        "roles",
        "levels",
        "service",
        "texts",
        "scores",
        "suppression",
        "facts",
        "figures",
        "definitions",
        "periods",
        "oversight",
        "merkle",
    },
    {
        "config",
        "database",
        "sealing",
        "passwords",
        "cells",
        "workbooks",
        "tables",
        "rejects",
        "sheets",
        "sms",
    },
    {"migrations", "trail", "subtrees", "tally", "recount", "throttle", "columns"},
    {
        "bureau",
        "units",
        "byhand",
        "typed",
        "withholding",
        "materials",
        "sessions",
        "reach",
        "clients",
        "messages",
        "proofs",
        "networks",
    },
    {
        "reckoning",
        "parties",
        "issues",
        "feedback",
        "callbacks",
        "comments",
        "library",
        "counters",
        "course",
        "seized",
        "rates",
        "particulars",
        "terms",
        "staff",
        "rekeying",
        "purging",
        "case_facts",
        "entries",
        "stops",
        "trail_search",
        "recurring",
        "inspections",
        "inspection_lists",
        "supervision_recount",
    },
    {
        "cases",
        "remedies",
        "progress",
        "exports",
        "rate_table",
        "ranking_sheet",
        "open_figures",
        "case_export",
        "ranking",
        "bulletin_figures",
        "editions",
        "bulletin_sheet",
        "drill",
        "trends",
        "exceptions",
        "exception_sql",
        "attested",
        "exception_trail",
        "stages",
        "answers",
        "handins",
        "within",
        "replies",
        "questions",
    },
    {
        "register",
        "uploads",
        "people",
        "printing",
        "demo",
        "demo_voices",
        "demo_audit",
        "backups",
        "doctor",
        "bulletins",
        "casefile",
        "corrections",
        "intake",
        "docket",
        "callback_lists",
        "inbox",
        "feedback_export",
        "sending",
        "supervision",
        "digests",
        "duty",
        "scheduled",
        "work",
    },
    {"cli", "upkeep_commands", "work_commands", "audit_commands", "web"},
]
DRIVERS = {"sqlite3", "psycopg", "sqlite_utils"}


def _sources() -> Iterator[Path]:
    yield ROOT / "app.py"
    yield from sorted((ROOT / "lookup").rglob("*.py"))
    yield from sorted((ROOT / "receipts").rglob("*.py"))


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _room(dotted: str) -> str | None:
    """The module of lookup/ that an import enters; a screen counts as web."""
    parts = dotted.split(".")
    return parts[1] if parts[0] == "lookup" and len(parts) > 1 else None


def _floor(room: str) -> int:
    places = [n for n, rooms in enumerate(FLOORS) if room in rooms]
    assert places, f"lookup/{room} stands on no floor: give it one here and in the architecture"
    return places[0]


LOOKUP = [path for path in _sources() if "lookup" in path.parts and path.stem != "__init__"]


@pytest.mark.parametrize("path", LOOKUP, ids=_module)
def test_imports_run_downwards(path: Path) -> None:
    own = _room(_module(path))
    assert own is not None
    for dotted in _imports(path):
        room = _room(dotted)
        if room and room != own:
            assert _floor(room) <= _floor(own), f"{own} must not import {room}, which is above it"


def test_no_module_imports_itself_around_a_circle() -> None:
    arrows = {
        _room(_module(path)): {_room(dotted) for dotted in _imports(path)} - {None}
        for path in LOOKUP
        if "web" not in path.parts
    }
    open_rooms = dict(arrows)
    while free := [room for room, others in open_rooms.items() if not others & set(open_rooms)]:
        for room in free:
            del open_rooms[room]
    assert not open_rooms


@pytest.mark.parametrize("path", list(_sources()), ids=_module)
def test_database_drivers_stand_behind_one_door(path: Path) -> None:
    if path.name != "database.py":
        assert not {dotted.split(".")[0] for dotted in _imports(path)} & DRIVERS


@pytest.mark.parametrize("path", list(_sources()), ids=_module)
def test_nothing_imports_the_application(path: Path) -> None:
    assert not {dotted.split(".")[0] for dotted in _imports(path)} & {"app"}


@pytest.mark.parametrize("path", sorted((ROOT / "receipts").rglob("*.py")), ids=_module)
def test_the_paper_knows_nothing_of_cases(path: Path) -> None:
    assert not {dotted.split(".")[0] for dotted in _imports(path)} & {"lookup", "app", "flask"}


def test_only_the_outermost_rooms_know_flask_or_click() -> None:
    outer = {"cli", "upkeep_commands", "work_commands", "audit_commands", "web"}
    knowing = {
        _room(_module(path))
        for path in LOOKUP
        if {dotted.split(".")[0] for dotted in _imports(path)} & {"flask", "click", "werkzeug"}
    }
    assert knowing <= outer
