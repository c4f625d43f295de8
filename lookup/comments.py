"""What the parties write, and the answers to it."""

import re
import unicodedata

from lookup.bureau import Bureau
from lookup.database import Database, Record
from lookup.errors import Conflict, NotFound, Refused
from lookup.feedback import lock_disclosed
from lookup.trail import Change

# In Unicode code points after composing (NFC), a line break counting as one. A Chinese character
# is one; an emoji made of several parts counts as these.
LONGEST_COMMENT = 1000

# Marks that reorder what stands around them. They are no words of the writer's, and one left open
# would turn the staff's lists, papers and exports around it upside down; so they are taken out
# here once, and not defused anew in each place that shows a comment.
_REORDERING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_UNSEEN = {"Zs", "Zl", "Zp", "Cf", "Cc"}


def comment(bureau: Bureau, ongoing: Change, issue: Record, body: str, form: str) -> None:
    """Keep what the party of a receipt issue wrote; the same ``form`` again does nothing.

    Kept as written, but composed (NFC), with plain line breaks and without marks that reorder
    text. Raises Refused where it is blank, longer than LONGEST_COMMENT or holds a control
    character; Conflict where the case is withheld.
    """
    db = bureau.db
    lock_disclosed(db, issue)
    text = _read_text("body", body)
    made = db.run(
        """INSERT INTO comment (case_id, party_id, body, via, form, made_at, answer, answered_by)
        VALUES (:case_id, :party_id, :body, :via, :form, :at, '', '')
        ON CONFLICT (form) DO NOTHING""",
        case_id=issue["case_id"],
        party_id=issue["party_id"],
        body=text,
        via=ongoing.actor.via,
        form=form,
        at=ongoing.at,
    )
    if made:
        ongoing.record("comment.made", issue["number"], length=len(text))


def comments_of(db: Database, party_id: int) -> list[Record]:
    """A party's comments, rows of ``comment``, oldest first."""
    return db.rows(
        "SELECT * FROM comment WHERE party_id = :party_id ORDER BY made_at, id", party_id=party_id
    )


def answer(ongoing: Change, comment_id: int, text: str) -> None:
    """Answer a comment, once.

    Raises Conflict where it has been answered, NotFound where there is no such comment, Refused
    where the text is blank, too long or holds a control character.
    """
    db = ongoing.db
    said = _read_text("answer", text)
    touched = db.run(
        """UPDATE comment SET answer = :answer, answered_at = :at, answered_by = :by
        WHERE id = :id AND answered_at IS NULL""",
        answer=said,
        at=ongoing.at,
        by=ongoing.actor.name,
        id=comment_id,
    )
    kept = db.row(
        """SELECT cases.number, comment.answered_by FROM comment
        JOIN cases ON cases.id = comment.case_id WHERE comment.id = :id""",
        id=comment_id,
    )
    if kept is None:
        raise NotFound("没有这条留言。", "There is no such comment.")
    if not touched:
        raise Conflict(
            f"{kept['answered_by']}已答复这条留言，您的答复没有保存。",
            f"{kept['answered_by']} has answered this comment; your answer was not saved.",
        )
    ongoing.record("comment.answered", kept["number"], comment=comment_id, length=len(said))


def _read_text(field: str, written: str) -> str:
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
