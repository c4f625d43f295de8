"""Which column of a register fills which field of a case: a row laid out as the API's body."""

import re
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

from lookup.cells import column_key
from lookup.errors import ConfigError, Refused
from lookup.language import plain
from lookup.records import quoted
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
# What registers write into a cell for which there is nothing to say.
_BLANK = {"", "无", "空", "/", "\\", "-", "--", "—", "——", "null", "(null)", "none", "nil", "n/a"}


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


def load_columns(path: Path | None, steps: Container[str]) -> Columns:
    """The shipped mapping, with single fields replaced by the bureau's own file.

    ``steps`` are the milestones of all kinds. Raises ConfigError naming file, table and key of a
    mistake.
    """
    shipped = read_toml(SHIPPED)
    own = read_toml(path) if path else {}
    for table, content in own.items():
        if table not in ("columns", "required") or not isinstance(content, dict):
            raise _mistake(path, table, "不是已知的表", "is not a known table")
    for field, headers in own.get("columns", {}).items():
        if not _is_field(field, steps):
            raise _mistake(path, f"columns.{field}", "未知的字段", "is not a known field")
        if not isinstance(headers, list) or not all(isinstance(h, str) for h in headers):
            raise _mistake(path, f"columns.{field}", "应为表头列表", "must be a list of headers")
    headers = _merged(path, shipped["columns"], own.get("columns", {}))
    fields = own.get("required", shipped["required"]).get("fields")
    if not isinstance(fields, list) or not all(field in headers for field in fields):
        raise _mistake(path, "required.fields", "应为已知字段的列表", "must list known fields")
    return Columns(headers, fields)


def _is_field(field: str, steps: Container[str]) -> bool:
    group, _, rest = field.partition(".")
    known = _FIELD.fullmatch(field) is not None
    return known and (group != "milestones" or rest.partition(".")[0] in steps)


def _merged(
    path: Path | None, shipped: Mapping[str, list[str]], own: Mapping[str, list[str]]
) -> dict[str, list[str]]:
    """Each column fills one field: else a slip in copying would pass for a second milestone."""
    owners: dict[str, str] = {}
    for field, headers in own.items():
        for header in headers:
            owner = owners.setdefault(column_key(header), field)
            if owner != field:
                zh = f"表头“{header}”已用于 {owner}"
                en = f"names the header “{header}”, which {owner} has already"
                raise _mistake(path, f"columns.{field}", zh, en)
    left = {
        field: [h for h in names if column_key(h) not in owners] for field, names in shipped.items()
    }
    return left | dict(own)


def body_of(
    cells: Mapping[str, str], found: Mapping[str, str]
) -> tuple[dict[str, Any], list[Refused]]:
    """A register's row as a body, and what of it cannot be laid out.

    ``tells`` are the milestones that the register has columns for. A cell that says "none" is
    blank; whether the case is disclosed must be said in so many words.
    """
    told = {field: cells[header] for field, header in found.items()}
    told = {
        field: written
        for field, written in told.items()
        if plain(written).casefold() not in _BLANK or (field == "disclosed" and plain(written))
    }
    refusals: list[Refused] = []
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
    body["tells"] = frozenset(f.split(".")[1] for f in found if f.startswith("milestones."))
    body["property"] = list(_property(told.get("property", ""), refusals))
    body["withheld_reason"] = _withheld(told, refusals)
    return body, refusals


def _property(written: str, refusals: list[Refused]) -> Iterator[dict[str, str]]:
    """Reads ``name|quantity|unit|measure|status[|place]``, several separated by ``;``."""
    for part in re.split("[;；\n]", written):
        cells = re.split("[|｜]", part)
        if _FEWEST_PARTS <= len(cells) <= len(_PROPERTY):
            yield dict(zip(_PROPERTY, cells, strict=False)) | {"at_path": "property"}
        elif part.strip():
            shown = quoted(plain(part))
            refusals.append(
                Refused(
                    "property",
                    shown,
                    f"涉案财物“{shown}”读不懂，应写成 名称|数量|单位|措施|状态，多项以 ; 分隔。",
                    f"The seized property “{shown}” cannot be read; write it as "
                    "name|quantity|unit|measure|status, several separated by “;”.",
                )
            )


def _withheld(told: Mapping[str, str], refusals: list[Refused]) -> str | None:
    """The reason for which a case is withheld, empty where it is disclosed, None if not told."""
    written, reason = plain(told.get("disclosed", "")), plain(told.get("withheld_reason", ""))
    if not written:
        return reason or None
    disclosed = DISCLOSED.code_for(written)
    if disclosed == "no" and reason:
        return reason
    if disclosed == "yes" and not reason:
        return ""
    if disclosed is None:
        field, value = "disclosed", quoted(written)
        zh = f"“{value}”看不出是否公开，请填“是”或“否”。"
        en = f"“{value}” does not say whether the case is disclosed; write 是 or 否."
    elif disclosed == "no":
        field, value = "withheld_reason", ""
        zh = "标为不公开但没有理由，请填写理由。"
        en = "Marked as withheld without a reason; give the reason."
    else:
        field, value = "withheld_reason", quoted(reason)
        zh = f"标为公开却填写了不公开理由“{value}”，请核对是否公开。"
        en = f"Marked as disclosed, yet “{value}” is given as a reason for withholding; check it."
    refusals.append(Refused(field, value, zh, en))
    return None


def _mistake(path: Path | None, key: str, zh: str, en: str) -> ConfigError:
    return ConfigError(f"{path} 的 {key}：{zh}。", f"{path}: {key} {en}.")
