"""The description of the machines' interface: it is whole, and it is true."""

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from lookup.answers import FiledCase, RateSheet, Taken
from lookup.beijing import Moment, utc_now
from lookup.bodies import Bounds, read_case
from lookup.bureau import Bureau
from lookup.handins import RatesQuery
from tests.conftest import UNITS
from tests.machines import BODY, FILED, PHONE, Program, program
from tests.public_cases import site_of
from tests.test_kinds import LOST_PROPERTY

Node = Any
METHODS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture
def app(bureau: Bureau) -> Iterator[Flask]:
    site = site_of(bureau)
    yield site
    site.extensions["bureau"].db.close()


@pytest.fixture
def document(app: Flask) -> Node:
    return described(app)


def described(app: Flask) -> Node:
    """The description, as anybody may fetch it."""
    answer = Program(app, "").call("GET", "openapi.json")
    assert answer.status_code == 200 and answer.mimetype == "application/json"
    return answer.get_json()


def nodes(node: Node) -> Iterator[dict[str, Node]]:
    """Every object within a document."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from nodes(one)


def operations(document: Node) -> Iterator[tuple[str, str, Node]]:
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield path, method, item[method]


def shape(document: Node, name: str) -> Node:
    return document["components"]["schemas"][name]


def test_it_describes_every_route_and_no_other(app: Flask, document: Node) -> None:
    assert document["openapi"] == "3.1.1" and document["info"]["version"]
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    told = list(operations(document))
    assert {(path, method) for path, method, _ in told} == served
    assert len({one["operationId"] for _, _, one in told}) == len(told)
    for path, _, one in told:
        parameters = [*document["paths"][path].get("parameters", []), *one.get("parameters", [])]
        in_path = {known["name"] for known in parameters if known["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path))
        public = path == "/api/v1/openapi.json"
        assert (one.get("security") == []) == public
        assert {"503"} | (set() if public else {"401", "404", "429"}) <= one["responses"].keys()
    query = document["paths"]["/api/v1/rates"]["get"]["parameters"]
    fields = msgspec.structs.fields(RatesQuery)
    assert {(one["name"], one.get("required", False)) for one in query} == {
        (field.encode_name, field.required) for field in fields
    }


def test_all_that_it_points_to_is_there(document: Node) -> None:
    pointers = {node["$ref"] for node in nodes(document) if "$ref" in node}
    assert len(pointers) > 20
    for pointer in pointers:
        place = document
        for step in pointer.removeprefix("#/").split("/"):
            place = place[step.replace("~1", "/").replace("~0", "~")]
        assert place
    used = {pointer.rpartition("/")[2] for pointer in pointers}
    assert used >= document["components"]["schemas"].keys()
    assert used >= document["components"]["responses"].keys()


def test_its_patterns_are_read_the_same_by_other_programs(document: Node) -> None:
    patterns = {node["pattern"] for node in nodes(document) if isinstance(node.get("pattern"), str)}
    assert patterns
    for pattern in patterns:
        assert re.compile(pattern) and not re.search(r"\\[UpPdwAZ]|\(\?P|\(\?<", pattern)
    moment = re.compile(shape(document, "Moment")["pattern"])
    for good in ("2025-11-03", "2025-11-03 09:05", "2025-11-03T09:05:00+08:00", "2025年11月3日"):
        assert moment.search(good)
    for bad in ("", "2025-13-03", "2025-11-32", "2025-11-03 24:00", "1948-01-01", "昨天"):
        assert not moment.search(bad)


def test_its_example_can_be_handed_in_as_it_is(bureau: Bureau, app: Flask, document: Node) -> None:
    system = program(bureau, app)
    put = document["paths"]["/api/v1/cases/{number}"]["put"]
    content = put["requestBody"]["content"]["application/json"]
    assert content["examples"]["case"]["$ref"] == "#/components/examples/case"
    example = document["components"]["examples"]["case"]["value"]
    number = document["paths"]["/api/v1/cases/{number}"]["parameters"][0]["example"]
    made = system.call("PUT", f"cases/{number}", json=example)
    assert made.status_code == 201 and made.get_json()["warnings"] == []
    query = document["paths"]["/api/v1/rates"]["get"]["parameters"]
    period = {one["name"]: one["example"] for one in query if "example" in one}
    figures = system.call("GET", "rates", query_string=period)
    assert figures.get_json()["total"]["taken_in"] == 1


def test_answers_have_the_shapes_that_it_states(bureau: Bureau, app: Flask, document: Node) -> None:
    system = program(bureau, app)
    told = {"milestones": [FILED], "property": [PHONE], "withheld_reason": "minor"}
    answers: dict[type[Any], list[TestResponse]] = {
        Taken: [system.put("A1", **told), system.put("A1", officer="周强")],
        FiledCase: [system.get("A1")],
        RateSheet: [system.call("GET", "rates?from=2025-11-01&to=2025-11-30")],
    }
    for of, given in answers.items():
        for answer in given:
            decoded = msgspec.json.decode(answer.data, type=of)
            # Nothing is answered that is not described.
            assert json.loads(msgspec.json.encode(decoded)) == answer.get_json()
            assert shape(document, of.__name__)["required"]


def test_every_word_and_step_it_offers_is_taken(bureau: Bureau, document: Node) -> None:
    units = frozenset(unit.code for unit in UNITS)
    assert set(shape(document, "Unit")["enum"]) == units
    bounds = Bounds(bureau.kinds, units, Moment.of(utc_now()))

    def take(**told: Any) -> None:
        assert read_case({"number": "A1"} | BODY | told, bounds)

    for role in shape(document, "HandInParty")["properties"]["role"]["enum"]:
        take(parties=[{"role": role, "name": "王芳"}])
    thing = shape(document, "HandInProperty")["properties"]
    for measure, status in product(thing["measure"]["enum"], thing["status"]["enum"]):
        take(property=[PHONE | {"measure": measure, "status": status}])
    for kind in shape(document, "HandIn")["oneOf"]:
        assert kind["additionalProperties"] is False
        for word, reason in product(
            kind["properties"]["kind"]["enum"], kind["properties"]["withheld_reason"]["enum"]
        ):
            take(kind=word, withheld_reason=reason)
        for step in kind["properties"]["milestones"]["anyOf"][0]["items"]["anyOf"]:
            offered = step["properties"]
            at = {"at": "2025-11-05"} if "at" in step["required"] else {}
            for outcome, days in product(
                offered["outcome"]["enum"] or [None], offered["extended_days"]["enum"]
            ):
                told = {"step": offered["step"]["const"], "outcome": outcome, "extended_days": days}
                take(kind=kind["properties"]["kind"]["enum"][0], milestones=[told | at])


def test_the_kinds_of_the_bureau_are_described(bureau: Bureau, tmp_path: Path) -> None:
    own = tmp_path / "kinds.toml"
    own.write_text(LOST_PROPERTY, "utf-8")
    app = site_of(bureau, kinds_file=own)
    cases = shape(described(app), "HandIn")["oneOf"]
    lost = next(one for one in cases if "失物招领" in one["properties"]["kind"]["enum"])
    steps = lost["properties"]["milestones"]["anyOf"][0]["items"]["anyOf"]
    assert [one["properties"]["step"]["const"] for one in steps][::2] == ["search", "return"]
    assert steps[0]["properties"]["outcome"]["enum"] == [
        "found",
        "找到",
        "已找到",
        "not_found",
        "未找到",
    ]
    assert steps[1]["properties"]["extended_days"]["enum"] == [20, None]
    found = {"step": "search", "at": "2025-11-05", "outcome": "已找到"}
    put = program(bureau, app).put("L1", kind="失物招领", milestones=[found])
    assert put.status_code == 201
    app.extensions["bureau"].db.close()
