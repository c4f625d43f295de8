"""What the parties write, who is to answer it by when, and the answers.

A comment is reached by its unit, the one that is to answer: whoever handles the case does not see
what went above it. Of a report of wrongdoing the case's record says nothing either.
"""

import re
import unicodedata
from datetime import date
from typing import Any

from lookup.beijing import beijing_day, from_utc_text, start_of_day, utc_text
from lookup.bureau import Bureau
from lookup.callbacks import is_own_work
from lookup.database import Database, Record
from lookup.errors import Conflict, NotFound, Refused
from lookup.messages import queue
from lookup.reach import units_within
from lookup.service import Category
from lookup.staff import Staff
from lookup.terms import Promise, read_promise
from lookup.trail import Change
from lookup.units import SUBTREE, unit_names
from lookup.withholding import lock_disclosed

# Of one person about one case in a day: texts come in pieces, so generous.
A_DAY = 20
# In Unicode code points after composing (NFC), a line break counting as one. A Chinese character
# is one; an emoji made of several parts counts as these.
LONGEST_COMMENT = 1000

# Marks that reorder what stands around them. They are no words of the writer's, and one left open
# would turn the staff's lists, papers and exports around it upside down; so they are taken out
# here once, and not defused anew in each place that shows a comment.
_REORDERING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
# What stands in a ready answer for a fact of the case.
_HOLE = re.compile(r"\{[a-z_]+\}")
_UNSEEN = {"Zs", "Zl", "Zp", "Cf", "Cc"}

# The comments within the reach of a unit; of people who were forgotten nothing is left to answer.
WITHIN = """FROM comment JOIN cases ON cases.id = comment.case_id
JOIN party ON party.id = comment.party_id JOIN unit ON unit.code = comment.unit
WHERE comment.unit IN (SELECT code FROM subtree) AND party.forgotten_at IS NULL"""
REACHED = f"""{SUBTREE} SELECT comment.*, cases.number, cases.name AS case_name,
    cases.unit AS case_unit, cases.officer, cases.badge, party.role,
    party.name_sealed, unit.name AS unit_name {WITHIN}"""


def comment(
    bureau: Bureau, ongoing: Change, issue: Record, body: str, form: str, category: str = ""
) -> None:
    """Keep what the party of a receipt issue wrote; the same ``form`` again does nothing.

    Kept as written, but composed (NFC), with plain line breaks and without marks that reorder
    text. ``category`` is the code of one that the bureau offers, else its first. Raises Refused
    where the text is blank, longer than LONGEST_COMMENT or holds a control character, for an
    unknown category, and after A_DAY comments in a day; Conflict where the case is withheld.
    """
    db = ongoing.db
    lock_disclosed(db, issue)
    text = read_text("body", body)
    chosen = _read_category(bureau, category or bureau.service.categories[0].code)
    if db.row("SELECT id FROM comment WHERE form = :form", form=form):
        return
    _refuse_more(ongoing, issue["party_id"])
    [case] = db.rows("SELECT unit FROM cases WHERE id = :id", id=issue["case_id"])
    [made] = db.rows(
        """INSERT INTO comment (case_id, party_id, body, via, form, made_at, answer, answered_by,
            about, category, unit, due_day, soonest_due, provisional, is_report)
        VALUES (:case_id, :party_id, :body, :via, :form, :at, '', '',
            :about, :category, :unit, :due_day, :due_day, :provisional, :is_report) RETURNING *""",
        case_id=issue["case_id"],
        party_id=issue["party_id"],
        body=text,
        via=ongoing.actor.via,
        form=form,
        at=ongoing.at,
        about=case["unit"],
        is_report=int(chosen.goes_above),
        **_owed(bureau, chosen, case["unit"], beijing_day(ongoing.now)),
    )
    told = {"category": chosen.code, "length": len(text)}
    _record(bureau, ongoing, "comment.made", made | {"number": issue["number"]}, **told)


def comments_of(db: Database, party_id: int) -> list[Record]:
    """A party's comments, rows of ``comment`` with the name of their unit, oldest first."""
    return db.rows(
        """SELECT comment.*, unit.name AS unit_name FROM comment
        JOIN unit ON unit.code = comment.unit
        WHERE party_id = :party_id ORDER BY made_at, comment.id""",
        party_id=party_id,
    )


def promise_of(row: Record, today: date) -> Promise | None:
    """By when a comment is to be answered, and how that stands; None where nothing is owed."""
    at = row["answered_at"]
    return read_promise(row, beijing_day(from_utc_text(at)) if at else None, today)


def is_report(bureau: Bureau, code: str) -> bool:
    """Whether a category is one of reports; of one that is offered no more nobody can tell."""
    category = bureau.service.category(code)
    return category is None or category.goes_above


def reach_comment(db: Database, unit: str, comment_id: int) -> Record:
    """A comment within a unit's reach, with its case's number, name and unit; raises NotFound."""
    row = db.row(f"{REACHED} AND comment.id = :id", unit=unit, id=comment_id)
    if row is None:
        raise NotFound(
            "没有这条留言，或者它不归本单位。",
            "There is no such comment, or it is not your unit's.",
        )
    return row


def answer(bureau: Bureau, change: Change, staff: Staff, comment_id: int, text: str) -> None:
    """Answer a comment, once; its party is told by text that there is an answer.

    Raises NotFound, Conflict where somebody has answered it, Refused where the text is blank, too
    long or holds a control character, and for a complaint about one's own case.
    """
    said = _read_answer(text)
    kept = _take_open(change, staff, comment_id)
    category = bureau.service.category(kept["category"])
    others = category is None or category.others_answer
    if others and is_own_work(staff, kept["officer"], kept["badge"]):
        raise Refused(
            "answer",
            "",
            "这条留言涉及您主办的案件，请由另一位同事答复。",
            "This is about a case of yours; somebody else must answer it.",
        )
    change.db.run(
        """UPDATE comment SET answer = :answer, answered_at = :at, answered_by = :by
        WHERE id = :id""",
        answer=said,
        at=change.at,
        by=staff.name,
        id=comment_id,
    )
    queue(
        change,
        "answered",
        kept["case_id"],
        about=str(comment_id),
        party_id=kept["party_id"],
        comment_id=comment_id,
    )
    _record(bureau, change, "comment.answered", kept, length=len(said))


def recategorise(bureau: Bureau, change: Change, staff: Staff, comment_id: int, code: str) -> None:
    """Put a comment in another category: clock and addressee are those of the new one, counted
    from when it was made.

    It stays where it is, unless it becomes a report: that one ceases to be a report shows it to
    nobody. Reports count in no figure of their unit, so one that has been overdue, in any category
    that it had, is made a report only from above the units that it is about. Raises as `answer`
    does.
    """
    category, kept = _read_category(bureau, code), _take_open(change, staff, comment_id)
    if category.code == kept["category"]:
        return
    if category.goes_above and not kept["is_report"]:
        _refuse_escape(change, staff, kept, code)
    about = kept["about"] if category.goes_above else kept["case_unit"]
    owed = _owed(bureau, category, about, beijing_day(from_utc_text(kept["made_at"])))
    if is_report(bureau, kept["category"]) or not category.goes_above:
        owed["unit"] = kept["unit"]
    change.db.run(
        """UPDATE comment SET category = :category, unit = :unit, due_day = :due_day,
            provisional = :provisional, is_report = :is_report, soonest_due = :soonest
        WHERE id = :id""",
        **owed,
        soonest=min(filter(None, (kept["soonest_due"], owed["due_day"])), default=None),
        # What was one once is none of the figures that its unit reads.
        is_report=int(kept["is_report"] or category.goes_above),
        id=comment_id,
    )
    change.touch(kept["case_id"])
    both = {name: [kept[name], owed[name]] for name in ("category", "unit")}
    told = {name: pair for name, pair in both.items() if pair[0] != pair[1]}
    _record(bureau, change, "comment.recategorised", kept, **told)


def recipients(bureau: Bureau, row: Record) -> dict[str, str]:
    """The names by code of the units that a comment can be forwarded to: for a report none that it
    is about or that has the case now, and none below these."""
    barred = {row["unit"]}
    if is_report(bureau, row["category"]):
        for unit in (row["about"], row["case_unit"]):
            barred |= units_within(bureau.db, unit).keys()
    return {code: name for code, name in unit_names(bureau.db).items() if code not in barred}


def forward(
    bureau: Bureau, change: Change, staff: Staff, comment_id: int, unit: str, why: str
) -> None:
    """Hand a comment on to another unit, which reads ``why`` beside it; its clock runs on.

    Raises as `answer` does.
    """
    kept, because = _take_open(change, staff, comment_id), read_text("why", why)
    names = recipients(bureau, kept)
    if unit not in names:
        raise Refused(
            "unit",
            unit,
            "请选择另一个单位；举报不能转给被举报的单位及其下属单位。",
            "Choose another unit; a report never goes to the unit it is about, nor below it.",
        )
    change.db.run("UPDATE comment SET unit = :unit WHERE id = :id", unit=unit, id=comment_id)
    _note(change, comment_id, f"转{names[unit]}：{because}")
    _record(bureau, change, "comment.forwarded", kept, unit=[kept["unit"], unit])


def follow_case(bureau: Bureau, change: Change, case_id: int, was: str, unit: str) -> None:
    """Hand what waits for an answer on with its case; a report stays where it is."""
    offered = [one.code for one in bureau.service.categories if not one.goes_above]
    change.db.run(
        f"""UPDATE comment SET unit = :unit WHERE case_id = :case_id AND unit = :was
            AND answered_at IS NULL AND category IN ('{"', '".join(offered)}')""",
        unit=unit,
        was=was,
        case_id=case_id,
    )


def note(bureau: Bureau, change: Change, staff: Staff, comment_id: int, body: str) -> None:
    """Note something beside a comment, answered or not, that its party is never shown.

    Raises NotFound, and Refused as `answer` does.
    """
    said, kept = read_text("note", body), _lock(change, staff, comment_id)
    _note(change, comment_id, said)
    _record(bureau, change, "comment.noted", kept, length=len(said))


def _read_answer(text: str) -> str:
    said = read_text("answer", text)
    if hole := _HOLE.search(said):
        raise Refused(
            "answer",
            hole[0],
            f"“{hole[0]}”还没有换成具体内容，请改好再发。",
            f"“{hole[0]}” has not been filled in; put it right before you send this.",
        )
    return said


def _read_category(bureau: Bureau, code: str) -> Category:
    category = bureau.service.category(code)
    if category is None:
        names = [one.name for one in bureau.service.categories]
        zh, en = "、".join(name.zh for name in names), ", ".join(name.en for name in names)
        raise Refused("category", code, f"请选择类别：{zh}。", f"Please choose one of: {en}.")
    return category


def _refuse_more(ongoing: Change, party_id: int) -> None:
    made = ongoing.db.row(
        # Whoever holds the phone cannot keep the person with the paper from writing.
        """SELECT COUNT(*) AS n FROM comment
        WHERE party_id = :party_id AND via = :via AND made_at >= :since""",
        party_id=party_id,
        via=ongoing.actor.via,
        since=utc_text(start_of_day(beijing_day(ongoing.now))),
    )
    if made and made["n"] >= A_DAY:
        raise Refused(
            "body",
            "",
            f"您今天已留言 {A_DAY} 条，请明天再发；着急的话，请给办案单位打电话。",
            f"You have sent {A_DAY} messages today; send this one tomorrow, or call the unit.",
        )


def _refuse_escape(change: Change, staff: Staff, kept: Record, code: str) -> None:
    above = units_within(change.db, staff.unit).keys() - {staff.unit}
    due, today = kept["soonest_due"], beijing_day(change.now).isoformat()
    if due and due < today and not {kept["about"], kept["case_unit"]} <= above:
        raise Refused(
            "category",
            code,
            "已过答复期限，不能改为举报；如确属举报，请先答复或转上级。",
            "The answer is overdue, so this cannot be made a report here; if it is one, answer it "
            "first or forward it to the unit above.",
        )


def _owed(bureau: Bureau, category: Category, about: str, made: date) -> Record:
    """Who is to answer a comment about a unit that was made on a day, and by when."""
    due = bureau.calendar.add_working(made, category.days) if category.days else None
    [above] = bureau.db.rows("SELECT parent FROM unit WHERE code = :code", code=about)
    return {
        "category": category.code,
        "unit": (category.goes_above and above["parent"]) or about,
        "due_day": due.day.isoformat() if due else None,
        "provisional": int(due is not None and due.provisional),
    }


def _lock(change: Change, staff: Staff, comment_id: int) -> Record:
    """A comment within reach, kept from others like all of its case until the change ends."""
    db = change.db
    case = "SELECT id FROM cases WHERE id = (SELECT case_id FROM comment WHERE comment.id = :id)"
    db.row(case + db.for_update, id=comment_id)
    return reach_comment(db, staff.unit, comment_id)


def _take_open(change: Change, staff: Staff, comment_id: int) -> Record:
    kept = _lock(change, staff, comment_id)
    if kept["answered_at"]:
        raise Conflict(
            f"{kept['answered_by']}已答复这条留言，您的内容没有保存。",
            f"{kept['answered_by']} has answered this comment; nothing of yours was saved.",
        )
    return kept


def _note(change: Change, comment_id: int, body: str) -> None:
    change.db.run(
        """INSERT INTO comment_note (comment_id, at, by, body) VALUES (:id, :at, :by, :body)""",
        id=comment_id,
        at=change.at,
        by=change.actor.name,
        body=body,
    )


def _record(bureau: Bureau, change: Change, action: str, row: Record, **told: Any) -> None:
    """Of what is or was a report, the record of the case must not tell the unit it is about."""
    category: Any = told.get("category", row["category"])
    codes = category if isinstance(category, list) else [category]
    is_secret = any(is_report(bureau, code) for code in codes)
    change.record(action, "" if is_secret else row["number"], comment=row["id"], **told)


def read_text(field: str, written: str) -> str:
    """A text as it is kept; raises Refused for one that is blank, too long or not to be kept."""
    # Four characters compose to one at most, so a longer text is too long in any case; and to
    # compose a very long one can take seconds.
    text = written if len(written) > 4 * LONGEST_COMMENT else _composed(written)
    over = len(text) - LONGEST_COMMENT
    if over > 0:
        raise Refused(
            field,
            str(len(text)),
            f"内容超出 {over} 个字，最多 {LONGEST_COMMENT} 个字，请缩短后重试。",
            f"The text is {over} characters too long; at most {LONGEST_COMMENT} can be kept.",
        )
    _refuse_unkeepable(field, text)
    if all(unicodedata.category(character) in _UNSEEN for character in text):
        raise Refused(field, "", "请填写内容。", "Please write something.")
    return text


def _composed(written: str) -> str:
    return unicodedata.normalize("NFC", re.sub(r"\r\n?", "\n", written)).translate(_REORDERING)


def _refuse_unkeepable(field: str, text: str) -> None:
    """Control characters and halves of characters: taking them out unasked would alter a word."""
    for place, character in enumerate(text, 1):
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t":
            code = f"U+{ord(character):04X}"
            raise Refused(
                field,
                code,
                f"第 {place} 个字符（{code}）无法保存，请删除后重试。",
                f"Character {place} ({code}) cannot be kept; please remove it.",
            )
