"""Papers in people's hands outlive the key they were signed under, until it is retired."""

import secrets
from collections.abc import Callable

import pytest

from lookup.beijing import utc_now
from lookup.bureau import Bureau
from lookup.errors import NotFound
from lookup.issues import link, manual_code, open_by_code, open_by_token
from tests.public_cases import days_ago, put


def test_an_older_paper_opens_under_a_newer_key_and_not_once_its_own_is_retired(
    bureau: Bureau, with_keys: Callable[..., Bureau]
) -> None:
    issue = put(bureau, "A5101", days_ago(2))
    token = link(bureau, issue).rpartition("/")[2]
    code = manual_code(bureau, issue)
    newer = secrets.token_hex(32)
    rotated = with_keys(*bureau.config.secret_keys, newer)
    assert open_by_token(rotated, token)["id"] == issue["id"]
    assert open_by_code(rotated, "A5101", code, "127.0.0.1", utc_now())["id"] == issue["id"]
    assert rotated.seals.open(issue["name_sealed"]) == "张三"
    reprinted = link(rotated, issue).rpartition("/")[2]
    assert reprinted != token
    assert open_by_token(rotated, reprinted)["id"] == issue["id"]
    retired = with_keys(newer)
    with pytest.raises(NotFound):
        open_by_token(retired, token)
    rotated.db.close()
    retired.db.close()
