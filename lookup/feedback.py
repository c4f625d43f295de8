"""What the parties say: ratings of milestones, comments, and the answers to these."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence

from lookup.bureau import Bureau
from lookup.database import Database, Record
from lookup.errors import Conflict, NotFound, Refused
from lookup.language import Text
from lookup.trail import Change
from lookup.vocabulary import Word, Words
from lookup.withholding import live_withholding

# The five levels of the national 好差评 scale; 1 and 2 are bad ratings.
LEVELS = Words(
    Word("5", Text("非常满意", "Very satisfied")),
    Word("4", Text("满意", "Satisfied")),
    Word("3", Text("基本满意", "Basically satisfied")),
    Word("2", Text("不满意", "Dissatisfied")),
    Word("1", Text("非常不满意", "Very dissatisfied")),
)

_OTHER = Word("other", Text("其他", "Something else"))
_GOOD = Words(
    Word("in_time", Text("办理及时", "Done in good time")),
    Word("friendly", Text("态度热情", "Friendly")),
    Word("explained", Text("讲解清楚", "Clearly explained")),
    Word("informed", Text("及时告知进展", "Kept me informed")),
    Word("told_at_once", Text("材料一次说清", "Told at once what to bring")),
    _OTHER,
)
_BETTER = Words(
    Word("quicker", Text("希望办得更快", "Could be quicker")),
    Word("more_news", Text("希望多告知进展", "Could tell me more about progress")),
    Word("clearer", Text("希望讲得更清楚", "Could explain more clearly")),
    Word("more_patient", Text("希望更耐心", "Could be more patient")),
    _OTHER,
)
_WRONG = Words(
    Word("long_wait", Text("等候时间长", "Had to wait long")),
    Word("unfriendly", Text("态度不好", "Unfriendly")),
    Word("no_news", Text("没有说明进展", "Was not told about progress")),
    Word("not_told_at_once", Text("没有一次性告知材料", "Was not told at once what to bring")),
    Word("overdue", Text("办理超期", "Not done in time")),
    _OTHER,
)
TAGS: Mapping[int, Words] = {5: _GOOD, 4: _GOOD, 3: _BETTER, 2: _WRONG, 1: _WRONG}

# In Unicode code points after composing (NFC), a line break counting as one. A Chinese character
# is one; an emoji made of several parts counts as these.
LONGEST_COMMENT = 1000

# Marks that reorder what stands around them. They are no words of the writer's, and one left open
# would turn the staff's lists, papers and exports around it upside down; so they are taken out
# here once, and not defused anew in each place that shows a comment.
_REORDERING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_UNSEEN = {"Zs", "Zl", "Zp", "Cf", "Cc"}


def rate(
    bureau: Bureau,
    ongoing: Change,
    issue: Record,
    step: str,
    level: str,
    tags: Sequence[str],
    form: str,
) -> None:
    """Rate a milestone in the name of the party of a receipt issue; the last rating counts.

    ``form`` is the nonce of the form sent: the same one again does nothing, nor does a rating
    equal to the current one. Raises Refused for a milestone that is not shown, a level or a tag
    that is not offered; Conflict where the case is withheld.
    """
    db = ongoing.db
    _lock_disclosed(db, issue)
    points, chosen = _read_level(level), _read_tags(level, tags)
    milestone = _shown_milestone(bureau, issue, step)
    current = db.row(
        """SELECT level, tags FROM rating
        WHERE party_id = :party_id AND step = :step AND replaced_at IS NULL""",
        party_id=issue["party_id"],
        step=step,
    )
    if current == {"level": points, "tags": chosen}:
        return
    if db.row("SELECT id FROM rating WHERE form = :form", form=form):
        return
    _replace(ongoing, milestone, issue["party_id"], points, chosen, form)
    ongoing.record("rating.given", issue["number"], step=step, level=points, tags=tags_in(chosen))


def ratings_of(db: Database, party_id: int) -> dict[str, Record]:
    """A party's current ratings by step, each a row of ``rating`` with its tags as a list."""
    rows = db.rows(
        "SELECT * FROM rating WHERE party_id = :party_id AND replaced_at IS NULL",
        party_id=party_id,
    )
    return {row["step"]: row | {"tags": tags_in(row["tags"])} for row in rows}


def tags_in(kept: str) -> list[str]:
    """The codes in the database's text of a rating's tags."""
    return list(json.loads(kept))


def comment(bureau: Bureau, ongoing: Change, issue: Record, body: str, form: str) -> None:
    """Keep what the party of a receipt issue wrote; the same ``form`` again does nothing.

    Kept as written, but composed (NFC), with plain line breaks and without marks that reorder
    text. Raises Refused where it is blank, longer than LONGEST_COMMENT or holds a control
    character; Conflict where the case is withheld.
    """
    db = bureau.db
    _lock_disclosed(db, issue)
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


def _lock_disclosed(db: Database, issue: Record) -> None:
    """Let the writers of one case take turns; refuse a withheld case.

    The case is locked as in taking in a hand-in, and first of all, so that no two wait for
    each other.
    """
    db.row("SELECT id FROM cases WHERE id = :id" + db.for_update, id=issue["case_id"])
    if live_withholding(db, issue["case_id"]):
        raise Conflict(
            "本案的进展现改为当面告知，这里不再接受评价和留言，内容没有保存。",
            "The progress of this case is now told in person; ratings and comments are no longer "
            "taken here, and nothing was saved.",
        )


def _read_level(level: str) -> int:
    if level not in LEVELS:
        levels = LEVELS.listed()
        raise Refused(
            "level", level, f"请选择一项：{levels.zh}。", f"Please choose one of: {levels.en}."
        )
    return int(level)


def _read_tags(level: str, tags: Sequence[str]) -> str:
    """The chosen tags as database text, in the order they are offered."""
    offered = TAGS[int(level)]
    for tag in tags:
        if tag not in offered:
            said = offered.listed()
            raise Refused(
                "tags",
                tag,
                f"“{tag}”不能与这一评价同选，可选：{said.zh}。",
                f"“{tag}” is not offered with this rating; choose from: {said.en}.",
            )
    return json.dumps([code for code in offered if code in tags])


def _shown_milestone(bureau: Bureau, issue: Record, step: str) -> Record:
    milestone = bureau.db.row(
        """SELECT * FROM milestone
        WHERE case_id = :case_id AND step = :step AND visible_at IS NOT NULL""",
        case_id=issue["case_id"],
        step=step,
    )
    if milestone is None:
        kind = bureau.kinds.get(issue["kind"])
        name = kind.milestone(step).name if kind and kind.has_step(step) else Text(step, step)
        raise Refused(
            "step",
            step,
            f"“{name.zh}”尚未公开，公开后即可评价。",
            f"“{name.en}” has not been shown yet; it can be rated once it has.",
        )
    return milestone


def _replace(
    ongoing: Change, milestone: Record, party_id: int, level: int, tags: str, form: str
) -> None:
    """The earlier rating stays in the record; the new one goes to who was in charge then."""
    ongoing.db.run(
        """UPDATE rating SET replaced_at = :at
        WHERE party_id = :party_id AND step = :step AND replaced_at IS NULL""",
        at=ongoing.at,
        party_id=party_id,
        step=milestone["step"],
    )
    ongoing.db.run(
        """INSERT INTO rating (case_id, party_id, step, level, tags, unit, officer, badge, via,
            form, rated_at)
        VALUES (:case_id, :party_id, :step, :level, :tags, :unit, :officer, :badge, :via,
            :form, :at)""",
        **{name: milestone[name] for name in ("case_id", "step", "unit", "officer", "badge")},
        party_id=party_id,
        level=level,
        tags=tags,
        via=ongoing.actor.via,
        form=form,
        at=ongoing.at,
    )


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
