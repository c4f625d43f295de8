"""Ready answers: what a unit and those below it say again and again, filled in for the case."""

import re
from collections.abc import Container, Mapping

from lookup.bureau import Bureau
from lookup.comments import read_text
from lookup.database import Database, Record
from lookup.errors import Conflict, Refused
from lookup.language import Language, Text, plain
from lookup.staff import Staff
from lookup.trail import Change

# What may stand in a ready answer, and what is put there.
PLACEHOLDERS: Mapping[str, Text] = {
    "number": Text("案件编号", "number of the case"),
    "unit": Text("办案单位", "handling unit"),
    "unit_phone": Text("办案单位电话", "its telephone"),
    "officer": Text("主办民警", "officer in charge"),
    "step": Text("最近的节点", "latest milestone"),
    "next": Text("下一步和期限", "what comes next and by when"),
    "site": Text("查询网址", "address of the status page"),
}
_HOLE = re.compile(r"\{([^{}]*)\}")
_LONGEST_TITLE = 60
_GONE = (
    "这条常用答复已被别人修改或停用，您的内容还没有保存，请看过现在的再改。",
    "Somebody has changed or retired this ready answer, and nothing of yours was saved; look at "
    "it again.",
)
# Those of a unit and of the units above it.
_OFFERED = """WITH RECURSIVE line (code) AS (
    SELECT code FROM unit WHERE code = :unit
    UNION SELECT unit.parent FROM unit JOIN line ON unit.code = line.code
        WHERE unit.parent IS NOT NULL
) SELECT ready_answer.*, unit.name AS unit_name FROM ready_answer
JOIN unit ON unit.code = ready_answer.unit
WHERE retired_at IS NULL AND ready_answer.unit IN (SELECT code FROM line)"""


def offered(db: Database, unit: str, words: str = "", category: str = "") -> list[Record]:
    """The ready answers that a unit may use and that hold all of some words, each with the name of
    its unit; those for a category first, then those used most."""
    rows = db.rows(f"{_OFFERED} ORDER BY used DESC, ready_answer.id", unit=unit)
    sought = plain(words).casefold().split()
    found = (row for row in rows if _holds(row, sought))
    return sorted(found, key=lambda row: row["category"] != category)


def fill(body: str, facts: Mapping[str, Text]) -> str:
    """A ready answer with its places filled, in the language that it is written in."""
    language: Language = "en" if body.isascii() else "zh"
    return _HOLE.sub(lambda hole: facts[hole[1]].said_in(language), body)


def put_ready(
    bureau: Bureau, change: Change, staff: Staff, told: Mapping[str, str], known: int = 0
) -> None:
    """Keep a ready answer of the own unit, in the place of the one ``known``; ``told`` has title,
    body and category, which may be blank.

    Raises Refused for what was typed, Conflict where the known one is gone meanwhile.
    """
    kept = _checked(bureau, told)
    used = _retire(change, staff, known) if known else 0
    [made] = change.db.rows(
        """INSERT INTO ready_answer (title, body, category, unit, used, made_at, made_by)
        VALUES (:title, :body, :category, :unit, :used, :at, :by) RETURNING id""",
        **kept,
        unit=staff.unit,
        used=used,
        at=change.at,
        by=change.actor.name,
    )
    if known:
        change.record("ready_answer.changed", ready=[known, made["id"]])
    else:
        change.record("ready_answer.added", ready=made["id"])


def retire_ready(change: Change, staff: Staff, ready_id: int) -> None:
    """Offer a ready answer of the own unit no more; raises Conflict where it is gone already."""
    _retire(change, staff, ready_id)
    change.record("ready_answer.retired", ready=ready_id)


def count_used(change: Change, unit: str, used: Container[str]) -> None:
    """Count that an answer was sent that came from ready ones, told by their ids as they were
    written in its form; only those count that the unit may use."""
    # In one order for all, so that no two wait for each other.
    for ready_id in sorted(row["id"] for row in offered(change.db, unit)):
        if str(ready_id) in used:
            change.db.run("UPDATE ready_answer SET used = used + 1 WHERE id = :id", id=ready_id)


def _holds(row: Record, sought: list[str]) -> bool:
    text = plain(f"{row['title']} {row['body']}").casefold()
    return all(word in text for word in sought)


def _checked(bureau: Bureau, told: Mapping[str, str]) -> Record:
    title, body, category = plain(told["title"]), read_text("body", told["body"]), told["category"]
    if not 0 < len(title) <= _LONGEST_TITLE:
        zh, en = f"请填写标题，最多 {_LONGEST_TITLE} 字。", "Give it a title of at most "
        raise Refused("title", title, zh, f"{en}{_LONGEST_TITLE} characters.")
    if category and not bureau.service.category(category):
        raise Refused("category", category, "请选择类别。", "Please choose a category.")
    for name in _HOLE.findall(body):
        if name not in PLACEHOLDERS:
            known = " ".join(f"{{{one}}}" for one in PLACEHOLDERS)
            zh = f"没有“{{{name}}}”这个占位符，可用：{known}。"
            en = f"There is no placeholder “{{{name}}}”; use one of {known}."
            raise Refused("body", name, zh, en)
    return {"title": title, "body": body, "category": category}


def _retire(change: Change, staff: Staff, ready_id: int) -> int:
    """How often it was used."""
    row = change.db.row(
        """UPDATE ready_answer SET retired_at = :at
        WHERE id = :id AND unit = :unit AND retired_at IS NULL RETURNING used""",
        at=change.at,
        id=ready_id,
        unit=staff.unit,
    )
    if row is None:
        raise Conflict(*_GONE)
    return int(row["used"])
