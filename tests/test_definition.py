"""A bureau's own definition of disclosure: put in force as a whole, and named on every sheet."""

import io
import json
import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import get_args

import pytest

from lookup.bureau import Bureau
from lookup.case_export import export_cases
from lookup.doctor import examine
from lookup.errors import ConfigError, StorageError
from lookup.exports import as_json
from lookup.facts import HINDRANCES
from lookup.issues import hand_over
from lookup.oversight import SHIPPED, Definition, Hindrance, load_oversight
from lookup.rates import Question, rates
from lookup.reckoning import is_current, refresh
from lookup.recount import verify
from lookup.trail import Actor, change
from tests.public_cases import days_ago, put

OWN = Definition("蓉江-1", ("unseen", "hidden"))
YEARS = Question(date(2020, 1, 1), date(2030, 1, 1), "kind")
NOW = datetime.now(UTC)


@pytest.fixture
def own(bureau: Bureau) -> Bureau:
    """The bureau with three cases, one handed over, and a definition that is not in force yet."""
    refresh(bureau)
    for number in ("A-1", "A-2", "A-3"):
        issue = put(bureau, number, days_ago(30))
    with change(bureau.db, Actor("周警官", "desk")) as ongoing:
        hand_over(ongoing, issue)
    return replace(bureau, oversight=replace(bureau.oversight, definition=OWN))


def told(bureau: Bureau) -> list[tuple[str, int]]:
    """By which definition how many cases are disclosed, as things stand and counted anew."""
    sheets = [rates(bureau, replace(YEARS, cutoff=at)) for at in (None, datetime.now(UTC))]
    return [(one.definition.name, one.total.figures.disclosed) for one in sheets]


def test_a_bureaus_own_definition_is_put_in_force_by_init_and_counts_everywhere(
    own: Bureau,
) -> None:
    assert not is_current(own)
    assert "rules_changed" in [one.name for one in examine(own, {}, NOW, debug=False)]
    assert told(own) == [("daylight-1", 1)] * 2
    refresh(own)
    assert is_current(own) and told(own) == [("蓉江-1", 3)] * 2
    assert verify(own.db) == []
    said = json.loads(as_json(rates(own, YEARS)))
    assert (said["definition"], said["total"]["disclosed"]) == ("蓉江-1", 3)
    words = said["definition_text"]["zh"]["disclosure_rate"]
    assert "申请不予公开" in words and "不可查看" in words and "送达" not in words
    file = io.BytesIO()
    export_cases(own, YEARS, "jsonl", file, Actor("钱督察", "desk"), datetime.now(UTC))
    assert [line for line in file.getvalue().splitlines() if b"why_not" in line] == []
    put(own, "A-4", days_ago(3))
    assert told(own) == [("蓉江-1", 4)] * 2
    # Back to the one that is shipped.
    refresh(replace(own, oversight=load_oversight(None)))
    assert told(own) == [("daylight-1", 1)] * 2 and verify(own.db) == []


def test_a_change_of_definition_that_is_broken_off_leaves_the_former_in_force(own: Bureau) -> None:
    # The row and what stands for the cases are written; then the sums are not there.
    own.db.run("ALTER TABLE tally RENAME TO elsewhere")
    with pytest.raises(StorageError):
        refresh(own)
    own.db.run("ALTER TABLE elsewhere RENAME TO tally")
    assert told(own) == [("daylight-1", 1)] * 2
    assert verify(own.db) == [] and not is_current(own)


def test_cases_that_change_meanwhile_are_counted_by_the_new_definition(own: Bureau) -> None:
    faults: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            for n in range(8):
                put(own, f"B-{writer}-{n}", days_ago(20))
        except BaseException as error:  # for the thread that waits
            faults.append(error)
        finally:
            own.db.close()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    refresh(own)
    for thread in threads:
        thread.join()
    assert faults == [] and verify(own.db) == []
    assert told(own) == [("蓉江-1", 3 + 24)] * 2


def test_what_has_changed_wants_a_name_of_its_own(own: Bureau, tmp_path: Path) -> None:
    refresh(own)
    other = replace(own.oversight, definition=Definition("蓉江-1", ("unseen",)))
    with pytest.raises(ConfigError, match="wants another name"):
        refresh(replace(own, oversight=other))
    assert told(own)[0] == ("蓉江-1", 3)
    shipped, file = SHIPPED.read_text(encoding="utf-8"), tmp_path / "own.toml"
    for line, named in {
        'hindrances = ["unseen"]': "not daylight-1 as it is shipped",
        "hindrances = []": "key hindrances: this key is missing",
        'hindrances = ["unheard"]': "undelivered",
    }.items():
        every = 'hindrances = ["undelivered", "unseen", "hidden"]'
        assert every in shipped
        file.write_text(shipped.replace(every, line), encoding="utf-8")
        with pytest.raises(ConfigError, match=named):
            load_oversight(file)
    renamed = shipped.replace('name = "daylight-1"', 'name = "own"')
    file.write_text(renamed.replace('["undelivered", "unseen"', '["unseen"'), encoding="utf-8")
    assert load_oversight(file).definition == Definition("own", ("unseen", "hidden"))


def test_what_may_be_configured_is_what_there_is() -> None:
    assert get_args(Hindrance) == tuple(HINDRANCES)
