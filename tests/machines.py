"""Programs that call the machines' interface, as the tests stand in for them."""

from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from lookup.bureau import Bureau
from lookup.clients import add_client
from lookup.trail import Actor, change
from tests.public_cases import Phone

# Long past, so that no clock makes a difference.
BODY: dict[str, Any] = {
    "kind": "criminal",
    "unit": "5101040101",
    "name": "王某被盗窃案",
    "officer": "李明",
    "badge": "510123",
    "channel": "110",
    "reported_at": "2025-11-03 08:50:00",
    "taken_in_at": "2025-11-03 09:05:00",
    "parties": [
        {"role": "complainant", "name": "王芳", "phone": "13800138000", "id_last4": "123X"}
    ],
    "milestones": [],
    "property": [],
}
FILED = {"step": "filing", "at": "2025-11-05 16:30:00", "outcome": "filed"}
PHONE = {
    "name": "手机",
    "quantity": 1,
    "unit": "部",
    "measure": "扣押",
    "status": "保管中",
    "place": "物证室",
}


@dataclass
class Program:
    """A program with a key."""

    app: Flask
    key: str

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        client = self.app.test_client()
        assert isinstance(client, Phone)
        headers = {"Authorization": f"Bearer {self.key}"} | options.pop("headers", {})
        return client.open(f"/api/v1/{path}", method=method, headers=headers, **options)

    def put(self, number: str, **told: Any) -> TestResponse:
        return self.call("PUT", f"cases/{number}", json=BODY | told)

    def get(self, number: str) -> TestResponse:
        return self.call("GET", f"cases/{number}")

    def filed(self, number: str) -> dict[str, Any]:
        """A case as it is on file."""
        answer = self.get(number)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.get_json()
        return told


def program(bureau: Bureau, app: Flask, name: str = "night", unit: str | None = None) -> Program:
    """A program whose key reaches a unit and those below it, or all."""
    with change(bureau.db, Actor("test", "command")) as ongoing:
        return Program(app, add_client(ongoing, name, unit))
