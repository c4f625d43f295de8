"""What each role may do. A person does it only to cases of the own unit and those below it."""

from collections.abc import Mapping
from typing import Literal, get_args

from lookup.language import Text
from lookup.vocabulary import Word, Words

# read: find and see cases; write: register, record, print; people: open sealed names and phones;
# answer: answer comments; call: phone those who were not satisfied; approve: be the second person;
# load: take in a register by file; trail: search the record; audit: figures and exceptions;
# inspect: draw cases and check them, make the bulletin; admin: accounts, units, keys.
Power = Literal[
    "read",
    "write",
    "people",
    "answer",
    "call",
    "approve",
    "load",
    "trail",
    "audit",
    "inspect",
    "admin",
]

STAFF_ROLES = Words(
    Word("desk_officer", Text("值班民警", "Desk officer")),
    Word("callback_officer", Text("回访员", "Call-back officer")),
    Word("auditor", Text("督察/法制", "Auditor")),
    Word("supervisor", Text("主管领导", "Supervisor")),
    Word("administrator", Text("系统管理员", "Administrator")),
)

POWERS: Mapping[str, frozenset[Power]] = {
    "desk_officer": frozenset({"read", "write", "people", "answer"}),
    "callback_officer": frozenset({"read", "people", "answer", "call"}),
    "auditor": frozenset({"read", "trail", "audit", "inspect"}),
    "supervisor": frozenset(
        {"read", "write", "people", "answer", "call", "approve", "load", "trail", "audit"}
    ),
    # Whoever hands out accounts sees no case.
    "administrator": frozenset({"admin"}),
}
ALL_POWERS: tuple[Power, ...] = get_args(Power)
