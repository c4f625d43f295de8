"""What was recorded wrongly is put right; the former value stays in the record."""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from lookup.bureau import Bureau
from lookup.byhand import mark_by_hand
from lookup.casefile import amend
from lookup.cases import OnFile
from lookup.database import Database, Record
from lookup.kinds import Kind
from lookup.language import Text
from lookup.reckoning import reckon_case
from lookup.records import BY_HAND, INTAKE
from lookup.trail import Change, is_intact
from lookup.typed import read_words, refusal

_TAKEN_BACK = "milestone.taken_back"
_NO_LONGER = "extension.taken_back"
_FOLLOWED = Text(
    "它之后还有节点，请先处理后面的节点。",
    "Another milestone follows it; see to that one first.",
)
_NOT_OURS = Text(
    "它来自案件系统，撤回后会再次导入；请在案件系统中改正。",
    "It came from the case system and would come again; put it right there.",
)
_NOT_BY_HAND = Text(
    "这里没有人工录入的延期；案件系统的延期请在案件系统中改正。",
    "No extension was entered here by hand; put one of the case system's right there.",
)


@dataclass(frozen=True, slots=True)
class Entered:
    """One entry of the trail about a milestone or an extension; ``was`` is what stood before."""

    entry: Record
    was: Record | None
    reason: str


History = Mapping[tuple[str, str], list[Entered]]


def history_of(db: Database, number: str) -> History:
    """How what now stands came about, by part (milestones, extensions) and step, oldest first."""
    rows = db.rows(
        """SELECT * FROM trail_entry WHERE case_number = :number
        AND action IN ('case.registered', 'case.changed', 'case.moved', 'clock.extended',
            'milestone.corrected', 'milestone.recorded', :taken_back, :no_longer)
        ORDER BY position""",
        number=number,
        taken_back=_TAKEN_BACK,
        no_longer=_NO_LONGER,
    )
    found: dict[tuple[str, str], list[Entered]] = defaultdict(list)
    # What was blanked tells nothing any more, and what was altered must not.
    for row in filter(is_intact, rows):
        told = json.loads(row["detail"])
        if row["action"] == _TAKEN_BACK:
            found.pop(("milestones", told.get("step")), None)
        if row["action"] == _NO_LONGER:
            del found["extensions", told.get("step")][-1:]
        for part in ("milestones", "extensions"):
            for step, said in told.get(part, {}).items():
                found[part, step].append(Entered(row, said.get("was"), told.get("reason", "")))
    return found


def correct_milestone(
    bureau: Bureau, change: Change, kept: OnFile, told: Mapping[str, str]
) -> None:
    """Give a recorded milestone another moment or outcome; ``told`` has step, at, outcome and why.

    Raises CaseRefused with all that is wrong.
    """
    why, is_intake = read_words("why", told["why"]), told["step"] == INTAKE
    if told["step"] not in kept.course.milestones:
        zh, en = "这一节点没有记录，无从更正。", "It is not recorded, so it cannot be corrected."
        raise refusal("step", zh, en)
    changed = {"taken_in_at": told["at"]} if is_intake else {"milestones": [told]}
    if amend(bureau, change, kept, changed, why).result == "unchanged":
        zh, en = "与已有记录相同，没有改动。", "That is what is recorded already; nothing changed."
        raise refusal("at", zh, en)


def take_back(bureau: Bureau, change: Change, kept: OnFile, told: Mapping[str, str]) -> None:
    """Take back a milestone that never happened, the last one, recorded by hand; ``told`` has step
    and why.

    Ratings of it stay: a bad one must not vanish with the milestone it was given for. Raises
    CaseRefused.
    """
    case, step, why = kept.case, told["step"], read_words("why", told["why"])
    if why_not := _why_it_stays(change.db, bureau.kinds.get(case["kind"]), kept, step):
        raise refusal("step", *why_not)
    row = kept.course.milestones[step]
    change.db.run("DELETE FROM milestone WHERE id = :id", id=row["id"])
    mark_by_hand(change, case)
    reckon_case(bureau, case["id"], bureau.kinds[case["kind"]])
    was = {"at": row["happened_at"] or row["happened_day"], "outcome": row["outcome"]}
    change.record(_TAKEN_BACK, case["number"], step=step, was=was, reason=why)


def take_back_extension(
    bureau: Bureau, change: Change, kept: OnFile, told: Mapping[str, str]
) -> None:
    """Take back an extension entered by mistake; what it replaced holds again. ``told`` has step
    and why. Raises CaseRefused."""
    case, step, why = kept.case, told["step"], read_words("why", told["why"])
    longer = kept.course.extensions.get(step)
    if longer is None or longer["via"] != BY_HAND:
        raise refusal("step", *_NOT_BY_HAND)
    entered = history_of(change.db, case["number"]).get(("extensions", step), [])
    before = entered[-1].was if entered else None
    change.db.run(
        """UPDATE extension SET days = :days, approved_by = :approved_by, reason = ''
        WHERE case_id = :case_id AND step = :step"""
        if before
        else "DELETE FROM extension WHERE case_id = :case_id AND step = :step",
        case_id=case["id"],
        step=step,
        **(before or {}),
    )
    mark_by_hand(change, case)
    reckon_case(bureau, case["id"], bureau.kinds[case["kind"]])
    was = {"days": longer["days"], "approved_by": longer["approved_by"]}
    change.record(_NO_LONGER, case["number"], step=step, was=was, reason=why)


def _why_it_stays(db: Database, kind: Kind | None, kept: OnFile, step: str) -> Text | None:
    """Why a milestone cannot be taken back; None where it can."""
    entered = history_of(db, kept.case["number"]).get(("milestones", step), [])
    if kind is None or step == INTAKE or step not in kept.course.milestones:
        return Text("这一节点不能撤回。", "This milestone cannot be taken back.")
    if any(_rests_on(kind, later, step) for later in kept.course.milestones):
        return _FOLLOWED
    return None if entered and entered[0].entry["via"] == BY_HAND else _NOT_OURS


def _rests_on(kind: Kind, later: str, step: str) -> bool:
    followed = kind.milestone(later).follows if kind.has_step(later) else None
    return followed is not None and (followed == step or _rests_on(kind, followed, step))
