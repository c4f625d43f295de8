"""What the parties think: ratings of milestones."""

import json
from collections.abc import Mapping, Sequence

from lookup.bureau import Bureau
from lookup.callbacks import is_own_work, open_for_rating
from lookup.database import Database, Record
from lookup.errors import Conflict, NotFound, Refused
from lookup.language import Text
from lookup.levels import LEVELS, TAGS
from lookup.networks import is_own
from lookup.parties import parties_of
from lookup.records import CaseRefused
from lookup.staff import Staff
from lookup.trail import Change
from lookup.typed import refusal
from lookup.withholding import lock_disclosed


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
    lock_disclosed(db, issue)
    points, chosen = read_level(level), read_tags(level, tags)
    milestone = _shown_milestone(bureau, issue, step)
    # After the call-back that followed it, the same rating says that he is unhappy still.
    current = db.row(
        """SELECT level, tags FROM rating
        WHERE party_id = :party_id AND step = :step AND replaced_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM callback
                WHERE callback.rating_id = rating.id AND closed_at IS NOT NULL)""",
        party_id=issue["party_id"],
        step=step,
    )
    if current == {"level": points, "tags": chosen}:
        return
    if db.row("SELECT id FROM rating WHERE form = :form", form=form):
        return
    rating = _replace(ongoing, milestone, issue["party_id"], points, chosen, form)
    told = {"step": step, "level": points, "tags": tags_in(chosen)}
    ongoing.record("rating.given", issue["number"], rating=rating["id"], **told)
    open_for_rating(bureau, ongoing, rating)


def enter_rating(
    bureau: Bureau, ongoing: Change, staff: Staff, issue: Record, told: Mapping[str, str]
) -> None:
    """Rate a milestone as a party told staff to; ``told`` has step, level, tag and nonce, and
    ``issue`` is as `rate` wants it.

    Raises CaseRefused with what is wrong, also where it is about whoever enters it; NotFound
    where the case has no such party, Conflict where the case is withheld or the party forgotten.
    """
    db, step = ongoing.db, told["step"]
    parties = {one["id"]: one for one in parties_of(db, issue["case_id"])}
    if issue["party_id"] not in parties:
        raise NotFound("本案没有这位当事人。", "The case has no such party.")
    if parties[issue["party_id"]]["forgotten_at"]:
        zh, en = "个人信息已按期清除，不能再评价。", "This person was forgotten after the set time."
        raise Conflict(zh, en)
    rated = db.row(
        "SELECT officer, badge FROM milestone WHERE case_id = :case_id AND step = :step",
        case_id=issue["case_id"],
        step=step,
    )
    if rated and is_own_work(staff, rated["officer"], rated["badge"]):
        zh, en = "对您本人的评价，请由另一位同事录入。", "Somebody else must enter a rating of you."
        raise refusal("level", zh, en)
    tags = [told["tag"]] if told["tag"] else []
    try:
        rate(bureau, ongoing, issue, step, told["level"], tags, f"staff {told['nonce']}")
    except Refused as refused:
        raise CaseRefused("the rating was refused", [refused]) from None


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


def read_level(level: str) -> int:
    """The points of a level as it was sent; raises Refused for one that is not offered."""
    if level not in LEVELS:
        levels = LEVELS.listed()
        raise Refused(
            "level", level, f"请选择一项：{levels.zh}。", f"Please choose one of: {levels.en}."
        )
    return int(level)


def read_tags(level: str, tags: Sequence[str]) -> str:
    """The chosen tags as database text, in the order they are offered; raises Refused."""
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
) -> Record:
    """The earlier rating stays in the record; the new one goes to who was in charge then."""
    ongoing.db.run(
        """UPDATE rating SET replaced_at = :at
        WHERE party_id = :party_id AND step = :step AND replaced_at IS NULL""",
        at=ongoing.at,
        party_id=party_id,
        step=milestone["step"],
    )
    [given] = ongoing.db.rows(
        """INSERT INTO rating (case_id, party_id, step, level, tags, unit, officer, badge, via,
            form, rated_at, network, own_network)
        VALUES (:case_id, :party_id, :step, :level, :tags, :unit, :officer, :badge, :via,
            :form, :at, :network, :own_network) RETURNING *""",
        **{name: milestone[name] for name in ("case_id", "step", "unit", "officer", "badge")},
        party_id=party_id,
        level=level,
        tags=tags,
        via=ongoing.actor.via,
        form=form,
        at=ongoing.at,
        network=ongoing.actor.network,
        own_network=is_own(ongoing.db, ongoing.actor.network, ongoing.now),
    )
    return given
