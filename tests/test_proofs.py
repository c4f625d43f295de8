"""Inclusion and consistency proofs: those of RFC 9162, cheap in a long log, checked outside."""

import ast
import copy
import hashlib
import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import reduce
from itertools import pairwise
from operator import getitem
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import create_app
from lookup import comments, feedback, proofs, subtrees, trail
from lookup.bureau import Bureau
from lookup.cases import require_case
from lookup.database import Database, Record, open_database
from lookup.errors import NotFound
from lookup.merkle import audit_path, consistency_path, grown, root_of
from lookup.migrations import migrate
from lookup.trail import Actor, Head, change
from lookup.withholding import ask_to_withhold
from tests.public_cases import CLERK, days_ago, path_of, put, site_of
from tests.test_purging import day, forget, put_ended
from tests.test_rates import at

SCRIPT = Path(__file__).resolve().parent.parent / "tools" / "verify_inclusion.py"
NOW = datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC)
NOBODY = Actor("nobody", "web")
NUMBER = "A5101040120261120001"
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


# RFC 9162 as it is written (2.1.1, 2.1.3.1, 2.1.4.1), over the list of all leaves


def _split(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def _mth(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256().digest()
    k = _split(len(leaves))
    return hashlib.sha256(b"\x01" + _mth(leaves[:k]) + _mth(leaves[k:])).digest()


def _path(m: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if m < k:
        return [*_path(m, leaves[:k]), _mth(leaves[k:])]
    return [*_path(m - k, leaves[k:]), _mth(leaves[:k])]


def _subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [_mth(leaves)]
    k = _split(len(leaves))
    if m <= k:
        return [*_subproof(m, leaves[:k], whole), _mth(leaves[k:])]
    return [*_subproof(m - k, leaves[k:], False), _mth(leaves[:k])]


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_inclusion", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


verifier = _script()
LEAVES = [hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(300)]


@given(st.integers(1, len(LEAVES)), st.data())
def test_paths_are_those_of_rfc_9162_and_the_script_accepts_no_other(
    size: int, data: st.DataObject
) -> None:
    leaves = LEAVES[:size]
    position = data.draw(st.integers(0, size - 1))
    former = data.draw(st.integers(1, size))

    def subtree(level: int, place: int) -> bytes:
        assert (place + 1) << level <= size
        return _mth(leaves[place << level : (place + 1) << level])

    path = audit_path(subtree, position, 0, size)
    assert path == _path(position, leaves)
    more = consistency_path(subtree, former, size)
    assert more == _subproof(former, leaves, True)

    root, was = _mth(leaves), _mth(leaves[:former])
    assert verifier.root_by_path(position, size, leaves[position], path) == root
    assert verifier.continues(former, was, size, root, more)
    other = data.draw(st.integers(0, size + 1).filter(lambda n: n != position))
    assert verifier.root_by_path(other, size, leaves[position], path) != root
    for wrong in (path[:-1], [*path, root], [*path[1:], root]):
        if wrong != path:
            assert verifier.root_by_path(position, size, leaves[position], wrong) != root
    for wrong in (more[:-1], [*more, root], [*more[1:], root]):
        if wrong != more:
            assert not verifier.continues(former, was, size, root, wrong)
    assert not verifier.continues(former, LEAVES[0][::-1], size, root, more)


# From the database


@pytest.fixture
def log(database_url: str) -> Iterator[Database]:
    """A prepared database in which nothing has happened."""
    opened = open_database(database_url)
    migrate(opened)
    yield opened
    opened.close()


def _append(db: Database, first: int, end: int) -> None:
    with change(db, CLERK, NOW) as ongoing:
        for number in range(first, end):
            ongoing.record("case.changed", f"A{number % 997}", number=number)


def _leaves(db: Database) -> list[bytes]:
    rows = db.rows("SELECT leaf FROM trail_entry ORDER BY position")
    return [bytes.fromhex(row["leaf"]) for row in rows]


def _kept(db: Database) -> list[Record]:
    return db.rows("SELECT level, last, hash FROM trail_subtree ORDER BY level, last")


def _faults(db: Database, kept: Head | None = None) -> list[str]:
    return [fault.en.split(":")[0] for fault in trail.verify(db, kept)]


def test_a_long_log_proves_each_entry_from_a_few_rows(
    log: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 4096 + 64 + 3
    for first, end in ((0, 1), (1, 64), (64, 190), (190, 4100), (4100, size)):
        _append(log, first, end)
    leaves, kept = _leaves(log), _kept(log)
    assert [(row["level"], row["last"]) for row in kept] == [
        *((6, 64 * n - 1) for n in range(1, 66)),
        (12, 4095),
    ]
    for row in kept:
        start = row["last"] + 1 - (1 << row["level"])
        assert row["hash"] == _mth(leaves[start : row["last"] + 1]).hex()

    read: list[int] = []
    rows_of = Database.rows

    def counting(self: Database, sql: str, **params: Any) -> list[Record]:
        found = rows_of(self, sql, **params)
        read.append(len(found))
        return found

    monkeypatch.setattr(Database, "rows", counting)
    for against in (None, 4096, 4095, 1000, 64, 1):
        end = against or size
        proof = proofs.case_proof(log, "A3", NOBODY, NOW, against)
        assert (proof["size"], proof["root"]) == (end, _mth(leaves[:end]).hex())
        positions = [one["position"] for one in proof["entries"]]
        assert positions == [n for n in range(3, end, 997)]
        for one in proof["entries"]:
            assert one["leaf"] == leaves[one["position"]].hex()
            path = [bytes.fromhex(node) for node in one["path"]]
            assert path == _path(one["position"], leaves[:end])
        former = proofs.head_now(log, NOW, Head(end, proof["root"]))
        expected = [node.hex() for node in _subproof(end, leaves, True)]
        assert former["consistency"] == expected
    monkeypatch.undo()
    assert max(read) <= 64
    assert sum(read) < 6 * 10 * 64

    # Without the kept hashes, as in a log begun by an older program, only slower.
    log.run("DELETE FROM trail_subtree WHERE last > 100")
    proof = proofs.case_proof(log, "A3", NOBODY, NOW)
    assert [bytes.fromhex(node) for node in proof["entries"][1]["path"]] == _path(1000, leaves)
    assert (
        _faults(log)[0] == "The kept hash of entries 64–127 is missing; flask init makes it anew."
    )
    subtrees.catch_up(log)
    assert _kept(log) == kept
    assert subtrees.catch_up(log) == 0
    assert trail.verify(log, trail.head(log)) == []


def test_an_altered_hash_of_a_part_is_named_and_so_is_one_too_many(log: Database) -> None:
    _append(log, 0, 4200)
    log.run("UPDATE trail_subtree SET hash = :h WHERE level = 12", h="00" * 32)
    log.run("UPDATE trail_subtree SET hash = 'not hexadecimal' WHERE last = 191")
    fit = "does not fit them"
    assert _faults(log) == [
        f"The kept hash of entries 128–191 {fit}",
        f"The kept hash of entries 0–4095 {fit}",
    ]
    [(wrong, _, _)] = verifier.check_former(
        proofs.case_proof(log, "A3", NOBODY, NOW), proofs.case_proof(log, "A3", NOBODY, NOW, 999)
    )
    assert wrong  # the same leaves, and yet:
    found = list(verifier.check_entries(proofs.case_proof(log, "A3", NOBODY, NOW)))
    assert not all(fits for fits, _, _ in found)

    log.run("DELETE FROM trail_subtree")
    subtrees.catch_up(log)
    # Where leaves themselves were altered, it is not laid at the door of what is kept of them.
    log.run("UPDATE trail_entry SET leaf = :h WHERE position = 70", h="11" * 32)
    log.run("DELETE FROM trail_entry WHERE position = 200")
    log.run("UPDATE trail_subtree SET hash = :h WHERE last = 319", h="00" * 32)
    assert _faults(log) == [
        "Entry 70 was altered",
        "Entry 200 is missing.",
        f"The kept hash of entries 256–319 {fit}",
    ]
    strays = [(6, 4223), (6, 70), (7, 127), (6, -1), (18, 4095)]
    for level, last in strays:
        log.run(
            "INSERT INTO trail_subtree (level, last, hash) VALUES (:level, :last, '')",
            level=level,
            last=last,
        )
    named = [fault for fault in _faults(log) if "does not belong" in fault]
    assert sorted(named) == sorted(
        f"The hash kept at entry {last} (level {level}) does not belong to the log."
        for level, last in strays
    )
    # What somebody left where the next hash goes does not keep the log from growing.
    _append(log, 4200, 4230)
    assert log.row("SELECT hash FROM trail_subtree WHERE last = 4223") != {"hash": ""}


def test_proofs_hold_while_others_append_and_the_log_is_caught_up(
    log: Database, database_url: str
) -> None:
    _append(log, 0, 130)
    log.run("DELETE FROM trail_subtree")
    over = threading.Event()

    def write(author: int) -> None:
        db = open_database(database_url)
        for number in range(60):
            with change(db, Actor(f"writer {author}", "api")) as ongoing:
                for _ in range(number % 4 + 1):
                    ongoing.record("case.changed", "A3", number=number)
        db.close()

    writers = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for one in writers:
        one.start()
    taken = [proofs.case_proof(log, "A3", NOBODY, NOW)]
    heads = [proofs.head_now(log, NOW)]
    subtrees.catch_up(log)
    while not over.is_set():
        over.set() if not any(one.is_alive() for one in writers) else None
        taken.append(proofs.case_proof(log, "A3", NOBODY, NOW))
        former = Head(heads[-1]["size"], heads[-1]["root"])
        heads.append(proofs.head_now(log, NOW, former))
    size = 130 + 3 * 150
    assert (heads[-1]["size"], len(taken[-1]["entries"])) == (size, proofs.MOST)
    assert all(fits for fits, _, _ in verifier.check_heads([*heads, *taken]))
    for earlier, later in pairwise(taken):
        told = [*verifier.check_entries(later), *verifier.check_former(later, earlier)]
        assert all(fits for fits, _, _ in told)
    assert trail.verify(log) == []
    assert len(_kept(log)) == size // 64


def test_there_is_no_proof_against_a_head_that_never_was(log: Database) -> None:
    _append(log, 0, 5)
    for size in (0, -1, 6, 10**30):
        with pytest.raises(NotFound, match=f"has 5 entries and no head of {size}"):
            proofs.case_proof(log, "A3", NOBODY, NOW, size)
        with pytest.raises(NotFound, match="the record was cut"):
            proofs.head_now(log, NOW, Head(size, "00" * 32))
    assert proofs.case_proof(log, "unknown", NOBODY, NOW)["entries"] == []


# What the complainant is given


@pytest.fixture
def issue(bureau: Bureau) -> Record:
    """A case in a record of a hundred entries, of which its party made two."""
    _append(bureau.db, 0, 20)
    found = put(bureau, NUMBER, days_ago(3))
    _append(bureau.db, 20, 90)
    _say(bureau, found)
    return found


def _say(bureau: Bureau, issue: Record, now: datetime | None = None) -> None:
    with change(bureau.db, Actor(f"party {issue['party_id']}", "web"), now) as ongoing:
        feedback.rate(bureau, ongoing, issue, "intake", "5", [], f"form 1 {now}")
        comments.comment(bureau, ongoing, issue, "请回电", f"form 2 {now}")


def _run(*arguments: str | Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", SCRIPT, *arguments], capture_output=True, encoding="utf-8"
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


def _save(folder: Path, name: str, told: Record) -> Path:
    (folder / name).write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return folder / name


def _taken(bureau: Bureau, issue: Record, size: int | None = None) -> Record:
    own = Actor(f"party {issue['party_id']}", "web")
    return proofs.case_proof(bureau.db, issue["number"], own, NOW, size)


def test_the_page_tells_the_entry_number_and_hands_out_what_the_script_accepts(
    bureau: Bureau, issue: Record, tmp_path: Path
) -> None:
    phone = site_of(bureau).test_client()
    assert phone.get("/case/proof.json").location == "/case"
    page = phone.get(path_of(bureau, issue), follow_redirects=True).text
    rows = bureau.db.rows(
        "SELECT * FROM trail_entry WHERE case_number = :n ORDER BY position", n=NUMBER
    )
    assert f"第 {rows[0]['position']} 条等 {len(rows)} 条" in page
    assert 'href="/case/proof.json"' in page
    assert f"entry {rows[0]['position']} and others" in phone.get("/case?lang=en").text

    answer = phone.get("/case/proof.json")
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("application/json", "no-store")
    assert f"attachment; filename={NUMBER}.proof.json" in answer.headers["Content-Disposition"]
    for hidden in ("test", "command", "case.registered", "李明", "张", rows[0]["nonce"]):
        assert hidden not in answer.text
    told = answer.get_json()
    assert [one["position"] for one in told["entries"]] == [row["position"] for row in rows]
    opened = [json.loads(one["entry"])["action"] for one in told["entries"] if "entry" in one]
    assert opened == ["rating.given", "comment.made"]
    saved = tmp_path / "saved.json"
    saved.write_bytes(answer.data)
    code, said = _run(saved)
    assert code == 0, said
    assert "全部相符" in said and "all of it fits" in said
    assert f"your own entry {rows[-1]['position']} (comment.made" in said

    # Another party of the case is told no more of it than that it is there.
    other = proofs.case_proof(bureau.db, NUMBER, Actor("party 0", "web"), NOW)
    assert not any("entry" in one for one in other["entries"])
    # The head that was given out earlier, on paper.
    _append(bureau.db, 90, 95)
    early = phone.get(f"/case/proof.json?size={rows[1]['position'] + 1}").get_json()
    assert len(early["entries"]) == 2
    assert _run(_save(tmp_path, "a", early), "--head", f"{early['size']}:{early['root']}")[0] == 0
    assert phone.get("/case/proof.json?size=100000").status_code == 404
    with change(bureau.db, CLERK) as ongoing:
        ask_to_withhold(ongoing, require_case(bureau.db, NUMBER), "privacy")
    assert phone.get("/case/proof.json").status_code == 404
    assert "proof.json" not in phone.get("/case").text


def test_a_proof_outlives_the_purge_of_its_case(bureau: Bureau, tmp_path: Path) -> None:
    issue = put_ended(bureau, "A1")
    _say(bureau, issue, at(day(-1)))
    former = _save(tmp_path, "former.json", _taken(bureau, issue))
    assert forget(bureau) == 1
    _append(bureau.db, 0, 100)
    later = _taken(bureau, issue)
    assert not any("entry" in one for one in later["entries"])
    assert trail.verify(bureau.db) == []
    code, said = _run(_save(tmp_path, "later.json", later), former)
    assert (code, "entries of before are unchanged" in said) == (0, True)

    app = create_app(bureau.config)
    run = app.test_cli_runner().invoke
    out = tmp_path / "head.json"
    assert run(args=["trail-head", "--since", str(former), "--out", str(out)]).exit_code == 0
    assert _run(out, former)[0] == 0
    assert run(args=["verify-trail", "--head", str(former)]).exit_code == 0
    too_long = _save(tmp_path, "too-long.json", {"size": 5000, "root": "00"})
    bureau.db.run("DELETE FROM trail_subtree")
    assert run(args=["verify-trail"]).exit_code == 1
    assert run(args=["init"]).exit_code == run(args=["verify-trail"]).exit_code == 0
    refused = run(args=["trail-head", "--since", str(too_long)])
    assert refused.exit_code == 1 and "no head of 5000" in refused.output
    app.extensions["bureau"].db.close()


# Tampering


def _rewrite(db: Database, position: int, **values: str) -> None:
    """Alter an entry and, as somebody who knows how all is made, all that follows from it."""
    names = ", ".join(f"{name} = :{name}" for name in values)
    db.run(
        f"UPDATE trail_entry SET {names} WHERE position = :position", position=position, **values
    )
    peaks: list[bytes] = []
    for row in db.rows("SELECT * FROM trail_entry ORDER BY position"):
        said = bytes.fromhex(row["nonce"]) + trail.said_of(row).encode()
        leaf = hashlib.sha256(b"\x00" + said).digest()
        peaks, ended = grown(peaks, row["position"], leaf)
        db.run(
            "UPDATE trail_entry SET leaf = :leaf, root = :root WHERE position = :position",
            leaf=leaf.hex(),
            root=root_of(peaks).hex(),
            position=row["position"],
        )
        subtrees.keep(db, subtrees.rows_of(row["position"], ended))
    db.run("UPDATE trail_head SET peaks = :peaks", peaks=" ".join(peak.hex() for peak in peaks))


def test_who_says_so_when_the_record_is_tampered_with(
    bureau: Bureau, issue: Record, tmp_path: Path
) -> None:
    db, kept = bureau.db, trail.head(bureau.db)
    taken = _taken(bureau, issue)
    former = _save(tmp_path, "former.json", taken)
    first, own = (taken["entries"][n]["position"] for n in (0, -2))
    _append(db, 90, 140)

    def entry(statement: str, position: int) -> Callable[[], object]:
        return lambda: db.run(f"{statement} WHERE position = :p", p=position)

    clean: list[str] = []
    rewritten = f"The entries up to {kept.size - 1} are not those the kept head was made of"
    day_before = "UPDATE trail_entry SET at = '2020-01-01T00:00:00Z'"
    seen: dict[str, tuple[Callable[[], object], list[str], list[str], list[str]]] = {
        # What was done: what `flask verify-trail` says, and with the head kept; what the script
        # says of a new proof, and of the new one beside the one saved before.
        "the author altered": (
            entry("UPDATE trail_entry SET actor = 'nobody'", first),
            [f"Entry {first} was altered"],
            [],
            [],
        ),
        "dated back": (entry(day_before, first), [f"Entry {first} was altered"], [], []),
        "what the complainant sent dated back": (
            entry(day_before, own),
            [f"Entry {own} was altered"],
            [f"your own entry {own} (rating.given, 2020-01-01T00:00:00Z) was altered"],
            [],
        ),
        "another leaf": (
            entry(f"UPDATE trail_entry SET leaf = '{'00' * 32}'", first),
            [f"Entry {first} was altered", rewritten],
            [f"entry {first} does not lead to the root"],
            [f"entry {first} of before was replaced"],
        ),
        "removed": (
            entry("DELETE FROM trail_entry", first),
            [f"Entry {first} is missing.", rewritten],
            [f"entry {first + 1} does not lead to the root"],
            [f"entry {first} of before is gone"],
        ),
        "rewritten throughout": (
            lambda: _rewrite(db, first, at="2020-01-01T00:00:00Z"),
            [rewritten],
            [],
            [f"entry {first} of before was replaced"],
        ),
    }
    for done, (tamper, by_command, by_proof, by_former) in seen.items():
        with db.rehearsal():
            tamper()
            assert _faults(db, kept) == by_command, done
            told = _taken(bureau, issue)
            against = _taken(bureau, issue, kept.size)
        proof = _save(tmp_path, "proof.json", told)
        code, said = _run(proof)
        assert [line for line in by_proof if line not in said] == clean, (done, said)
        assert code == bool(by_proof), (done, said)
        code, said = _run(proof, former)
        assert [line for line in by_proof + by_former if line not in said] == clean, (done, said)
        assert code == bool(by_proof + by_former), (done, said)
        if done == "rewritten throughout":
            head = f"{kept.size}:{kept.root}"
            code, said = _run(_save(tmp_path, "against.json", against), "--head", head)
            assert code == 1 and f"different roots of {kept.size} entries" in said
    assert _faults(db, kept) == clean


def _places(told: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where there is a single value in what was read from JSON."""
    if not isinstance(told, dict | list):
        yield path
        return
    for key, value in told.items() if isinstance(told, dict) else enumerate(told):
        yield from _places(value, (*path, key))


def _altered(told: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(told)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


def _others(value: Any) -> list[Any]:
    """Values that somebody might put in the place of one."""
    if isinstance(value, int):
        return [value + 1, value - 1, 10**12, -1, None]
    last = "0" if value[-1] != "0" else "1"
    return [value[:-1], value[:-1] + last, "00" * 32, "", None, [], 7]


def _accepts(*told: Any) -> bool:
    try:
        return all(fits for fits, _, _ in verifier.check(list(told)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return False  # the program tells it in a sentence: below


@ON_SQLITE
def test_the_script_accepts_nothing_that_was_altered(bureau: Bureau, issue: Record) -> None:
    proof = _taken(bureau, issue)
    _append(bureau.db, 90, 143)
    later = proofs.head_now(bureau.db, NOW, Head(proof["size"], proof["root"]))
    assert _accepts(proof, later)
    for told in (proof, later):
        places = [place for place in _places(told) if place[-1] not in ("about", "at")]
        assert len(places) > (30 if told is proof else 8)
        for place in places:
            for other in _others(reduce(getitem, place, told)):
                altered = _altered(told, place, other)
                assert not _accepts(altered, proof, later), (place, other)


@ON_SQLITE
def test_what_cannot_be_compared_is_said_and_does_not_pass(
    bureau: Bureau, issue: Record, tmp_path: Path
) -> None:
    proof = _taken(bureau, issue)
    saved = _save(tmp_path, "proof.json", proof)
    other = _save(tmp_path, "other.json", proofs.case_proof(bureau.db, "A3", NOBODY, NOW))
    none = _save(tmp_path, "none.json", proof | {"entries": []})
    cases: list[tuple[list[str | Path], str]] = [
        ([saved, "--head", f"7:{'00' * 32}"], "nothing links the head of 7"),
        ([saved, other], "not of the same case"),
        ([none], f"has 0 of case {NUMBER}"),
        ([tmp_path / "not-there.json"], "no proof can be read"),
        ([saved, "--head", "nonsense"], "no proof can be read"),
    ]
    for n, nonsense in enumerate(("", "[]", "null", '{"size": 1}', "[" * 100000)):
        (tmp_path / str(n)).write_text(nonsense)
        cases.append(([tmp_path / str(n)], "no proof can be read"))
    for arguments, said in cases:
        code, told = _run(*arguments)
        assert code == 1 and said in told, (arguments, told)


def test_the_script_needs_the_standard_library_alone() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    named = {
        name
        for one in ast.walk(tree)
        if isinstance(one, ast.Import | ast.ImportFrom)
        for name in (
            [one.module] if isinstance(one, ast.ImportFrom) else [n.name for n in one.names]
        )
    }
    assert named and {str(name).split(".")[0] for name in named} <= sys.stdlib_module_names
