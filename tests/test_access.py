"""Who may call what: every route with every role and every method, as a table."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.routing import Rule

from app import create_app
from lookup.bureau import Bureau
from lookup.roles import POWERS, STAFF_ROLES
from lookup.web.guard import access_of, may_call
from tests.office import Browser, browser_of, hire
from tests.public_cases import days_ago, put, site_of

MATRIX = Path(__file__).resolve().parent.parent / "docs" / "access.md"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
WHO = ("nobody", *STAFF_ROLES)
NUMBER = "A5101040120261120001"
FILL = {
    "number": NUMBER,
    "form": "png",
    "login": "desk.officer",
    "filename": "app.css",
    "token": "x.y",
}


def rules(app: Flask) -> list[Rule]:
    return sorted(
        app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ()))
    )


def path_of(rule: Rule) -> str:
    """An address of the rule; numbers and ids of things that may or may not be there."""
    chosen = re.sub(r"<any\((\w+)[^>]*>", r"\1", rule.rule)
    return re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", lambda hole: FILL.get(hole[1], "1"), chosen)


def expected(app: Flask, who: str, endpoints: dict[str, str], method: str) -> str:
    """What a call must come to: in, out, log in, key, or no such method."""
    if method not in endpoints:
        return "method"
    access = access_of(app, endpoints[method])
    if "public" in access:
        return "in"
    if "machine" in access:
        return "key"
    if who == "nobody":
        return "log in"
    return "in" if may_call(who, access) else "out"


def found(browser: Browser, method: str, path: str, token: str) -> str:
    sent = {} if method == "GET" else {"csrf_token": token}
    answer = browser.client.open(path, method=method, data=sent)
    if answer.status_code == 405:
        return "method"
    if answer.status_code == 401:
        return "key" if path.startswith("/api/") else "log in"
    if answer.status_code == 403 and path.startswith("/sms/"):
        return "key"
    if answer.status_code == 303 and "/login" in answer.headers["Location"]:
        return "in" if path == "/logout" and token else "log in"
    if answer.status_code == 403 and ("没有权限" in answer.text or "not allow" in answer.text):
        return "out"
    assert answer.status_code < 500, (method, path, answer.text)
    return "in"


@pytest.fixture
def cast(bureau: Bureau) -> Iterator[tuple[Flask, dict[str, Browser]]]:
    put(bureau, NUMBER, days_ago(1))
    app = site_of(bureau, sms_secret="Secret0123456789")
    browsers = {"nobody": browser_of(app)}
    for role in STAFF_ROLES:
        hire(bureau, role.replace("_", "."), role)
        browsers[role] = browser_of(app)
        assert browsers[role].log_in(role.replace("_", ".")).status_code == 303
    yield app, browsers


def test_every_route_lets_in_exactly_whom_it_declares(
    cast: tuple[Flask, dict[str, Browser]],
) -> None:
    app, browsers = cast
    by_path: dict[str, dict[str, str]] = {}
    for rule in rules(app):
        for method in (rule.methods or set()) & set(METHODS):
            by_path.setdefault(rule.rule, {})[method] = rule.endpoint
    shown, tally, wrong = [], Counter[str](), []
    for pattern, endpoints in by_path.items():
        path = path_of(next(rule for rule in rules(app) if rule.rule == pattern))
        for method in METHODS:
            cells = []
            for who in WHO:
                browser = browsers[who]
                token = "" if who == "nobody" else browser.token()
                want = expected(app, who, endpoints, method)
                # What would end the session, or lock the role out, is tried where it is tested.
                skips = who != "nobody" and pattern in ("/logout", "/login") and method == "POST"
                got = want if skips else found(browser, method, path, token)
                tally[want] += 1
                cells.append(got)
                if got != want:
                    wrong.append((who, method, pattern, want, got))
            if method in endpoints:
                shown.append((method, pattern, cells))
    print_matrix(shown, tally)
    assert wrong == []
    assert as_markdown(shown) == MATRIX.read_text(encoding="utf-8").partition("\n\n| ")[2]


def print_matrix(shown: list[tuple[str, str, list[str]]], tally: Counter[str]) -> None:
    """The table for whoever runs the test with -s."""
    width = max(len(pattern) for _, pattern, _ in shown)
    print(f"\n{'':4} {'route':{width}} " + " ".join(f"{who:>16}" for who in WHO))
    for method, pattern, cells in shown:
        print(f"{method:4} {pattern:{width}} " + " ".join(f"{cell:>16}" for cell in cells))
    calls = sum(tally.values())
    print(f"{len(shown)} routes and methods, {calls} calls: {dict(tally)}")


def as_markdown(shown: list[tuple[str, str, list[str]]]) -> str:
    """The table of docs/access.md, so that who may do what changes only where somebody looks."""
    head = ["method", "address", *WHO]
    lines = [head, ["---"] * len(head)]
    lines += [[method, f"`{pattern}`", *cells] for method, pattern, cells in shown]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines).removeprefix("| ") + "\n"


def test_nothing_is_served_that_nobody_declared(bureau: Bureau) -> None:
    app = create_app(bureau.config)
    undeclared = [rule.endpoint for rule in rules(app) if not access_of(app, rule.endpoint)]
    assert undeclared == []


def test_every_role_has_powers_and_an_administrator_sees_no_case() -> None:
    assert set(POWERS) == set(STAFF_ROLES)
    assert POWERS["administrator"].isdisjoint({"read", "write", "people", "trail"})
    assert "approve" not in POWERS["desk_officer"]
