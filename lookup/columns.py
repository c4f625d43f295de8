"""Which column of a register fills which field of a case: a row laid out as the API's body."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lookup.cells import column_key
from lookup.errors import ConfigError, Refused
from lookup.language import plain
from lookup.toml_tables import read_toml
from lookup.vocabulary import DISCLOSED

SHIPPED = Path(__file__).with_name("register.toml")
_FIELD = re.compile(
    r"number|name|kind|unit|unit_name|officer|badge|channel|reported_at|taken_in_at|property"
    r"|disclosed|withheld_reason|remark|parties\.(complainant|victim|guardian)\.(name|phone|id_last4)"
    r"|milestones\.[a-z][a-z0-9_]*\.(at|outcome|extended_days|approved_by)"
)
_PROPERTY = ("name", "quantity", "unit", "measure", "status", "place")
_FEWEST_PARTS = 5


class Columns:
    """The mapping of fields to headers, one of each field's headers per register."""

    def __init__(self, headers: Mapping[str, list[str]], required: list[str]) -> None:
        self._headers = headers
        self._required = required

    def required(self) -> list[list[str]]:
        """For each field that a register must have, the headers it may go by."""
        return [self._headers[field] for field in self._required if self._headers.get(field)]

    def found(self, present: list[str]) -> dict[str, str]:
        """Field → the header that fills it in a register with these columns."""
        keys = {column_key(header): header for header in present}
        chosen = {}
        for field, headers in self._headers.items():
            name = next((keys[k] for h in headers if (k := column_key(h)) in keys), None)
            if name is not None:
                chosen[field] = name
        return chosen


def load_columns(path: Path | None) -> Columns:
    """The shipped mapping, with single fields replaced by the bureau's own file.

    Raises ConfigError naming file, table and key of a mistake.
    """
    shipped = read_toml(SHIPPED)
    own = read_toml(path) if path else {}
    for table in own:
        if table not in ("columns", "required"):
            raise _mistake(path, table, "未知的表", "is not a known table")
    for field, headers in own.get("columns", {}).items():
        if not _FIELD.fullmatch(field):
            raise _mistake(path, f"columns.{field}", "未知的字段", "is not a known field")
        if not isinstance(headers, list) or not all(isinstance(h, str) for h in headers):
            raise _mistake(path, f"columns.{field}", "应为表头列表", "must be a list of headers")
    headers = shipped["columns"] | own.get("columns", {})
    required = own.get("required", shipped["required"])
    fields = required.get("fields") if isinstance(required, dict) else None
    if not isinstance(fields, list) or not all(field in headers for field in fields):
        raise _mistake(path, "required.fields", "应为已知字段的列表", "must list known fields")
    return Columns(headers, fields)


def body_of(cells: Mapping[str, str], found: Mapping[str, str]) -> dict[str, Any]:
    """A register's row as a body. Raises Refused where it is not told whether it is disclosed."""
    told = {field: cells[header] for field, header in found.items()}
    body: dict[str, Any] = {"parties": {}, "milestones": {}}
    for field, written in told.items():
        group, _, rest = field.partition(".")
        if rest:
            owner, _, leaf = rest.rpartition(".")
            body[group].setdefault(owner, {"at_path": f"{group}.{owner}"})[leaf] = written
        else:
            body[group] = written
    body["parties"] = [{"role": role} | one for role, one in body["parties"].items()]
    body["milestones"] = [{"step": step} | one for step, one in body["milestones"].items()]
    body["property"] = _property(told.get("property", ""))
    body["withheld_reason"] = _withheld(told)
    return body


def _property(written: str) -> list[dict[str, str]]:
    """Reads ``name|quantity|unit|measure|status[|place]``, several separated by ``;``."""
    things = []
    for part in re.split("[;；\n]", written):
        if not part.strip():
            continue
        cells = re.split("[|｜]", part)
        if not _FEWEST_PARTS <= len(cells) <= len(_PROPERTY):
            raise Refused(
                "property",
                part.strip(),
                f"涉案财物“{part.strip()}”读不懂，应写成 名称|数量|单位|措施|状态。",
                f"The seized property “{part.strip()}” cannot be read; write it as "
                "name|quantity|unit|measure|status.",
            )
        things.append(dict(zip(_PROPERTY, cells, strict=False)) | {"at_path": "property"})
    return things


def _withheld(told: Mapping[str, str]) -> str:
    written, reason = plain(told.get("disclosed", "")), plain(told.get("withheld_reason", ""))
    disclosed = DISCLOSED.code_for(written) if written else "no" if reason else "yes"
    if disclosed is None:
        raise Refused(
            "disclosed",
            written,
            f"“{written}”看不出是否公开，请填“是”或“否”。",
            f"“{written}” does not say whether the case is disclosed; write 是 or 否.",
        )
    if disclosed == "no" and not reason:
        raise Refused(
            "withheld_reason",
            "",
            "标为不公开但没有理由，请填写理由。",
            "Marked as withheld without a reason; give the reason.",
        )
    if disclosed == "yes" and reason:
        raise Refused(
            "withheld_reason",
            reason,
            "标为公开却填写了不公开理由，请核对是否公开。",
            "Marked as disclosed, yet a reason for withholding is given; check which is meant.",
        )
    return reason


def _mistake(path: Path | None, key: str, zh: str, en: str) -> ConfigError:
    return ConfigError(f"{path} 的 {key}：{zh}。", f"{path}: {key} {en}.")
