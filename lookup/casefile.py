"""A case as staff work on it: what they see of its course and what they record by hand.

Forms carry ``seen``, the place in the trail up to which their page showed the case. Whoever sends
one after somebody else changed the case is shown the change first.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from lookup import course
from lookup.beijing import Moment, beijing_day
from lookup.bodies import Bounds, read_case
from lookup.bureau import Bureau
from lookup.cases import AsOf, OnFile, Put, move_on, read_kept
from lookup.database import Database, Record
from lookup.errors import Conflict, Refused
from lookup.kinds import Kind, Milestone
from lookup.language import Text, plain
from lookup.parties import parties_of, warn_forgotten
from lookup.progress import Progress, progress_for_staff
from lookup.reach import reach_case
from lookup.records import CaseRefused, said_moment
from lookup.staff import Staff
from lookup.trail import Change
from lookup.typed import read_words, refusal
from lookup.units import unit_codes

# What is recorded of a case without changing anything that its forms show.
_BESIDE = """'person.opened', 'rating.given', 'comment.made', 'comment.answered',
    'comment.forwarded', 'comment.noted', 'comment.recategorised',
    'receipt.issued', 'receipt.handed_over', 'texts.muted', 'texts.unmuted', 'texts.stopped',
    'texts.started', 'texts.wrong_number', 'callback.opened', 'callback.raised', 'callback.taken',
    'callback.released', 'callback.attempted', 'callback.closed', 'message.left',
    'message.sent_again', 'inspection.checked', 'inspection.put_right'"""
_RECORDED = Text(
    "“{name}”已有记录（{said}），没有改动；如有误，请更正该节点。",
    "“{name}” is recorded already ({said}) and was left as it is; if that is wrong, correct it.",
)
_TOO_SOON = Text(
    "按目前的进展还不能记录“{name}”，请先记录它之前的节点。",
    "“{name}” cannot come yet; record what goes before it first.",
)
_NAME_OUTCOME = Text("{name} · {outcome}", "{name} · {outcome}")
_NAME_DAYS = Text("{name} · 共{days}天", "{name} · {days} days in all")


class Overtaken(Conflict):
    """Somebody changed the case since the form was drawn; ``entries`` say how, oldest first."""

    def __init__(self, entries: Sequence[Record]) -> None:
        super().__init__(
            "您填写期间，本案已有变动，您的内容还没有保存。请看过下面的变动，再决定是否提交。",
            "The case changed while you were typing, and nothing of yours is saved yet. Look at "
            "what changed, then send it again if it still holds.",
        )
        self.entries = entries


@dataclass(frozen=True, slots=True)
class CaseFile:
    """The course of a case as staff see it.

    ``milestones`` and ``extensions`` are rows by step. ``choices`` are the names of the steps that
    may be recorded next, ``longer`` those of the extensions, by the form's value for them.
    """

    case: Record
    seen: int
    kind: Kind | None
    progress: Progress
    milestones: Mapping[str, Record]
    extensions: Mapping[str, Record]
    choices: Mapping[str, Text]
    longer: Mapping[str, Text]
    is_forgotten: bool

    @property
    def likely_choice(self) -> str:
        """The choice that a form may make beforehand: what is awaited, but none of several
        outcomes that would each end the case, so that no slip closes one."""
        first = next(iter(self.choices), "")
        step = first.partition(" ")[0]
        if self.kind is None or step not in (one.step for one in self.progress.awaited):
            return ""
        outcomes = self.kind.milestone(step).outcomes
        return "" if len(outcomes) > 1 and all(one.ends for one in outcomes) else first


def open_file(bureau: Bureau, staff: Staff, number: str, now: datetime) -> CaseFile:
    """The file of a case within reach; raises NotFound."""
    db, kind_of = bureau.db, bureau.kinds.get
    case = reach_case(db, staff.unit, number)
    # Before all else: what comes in between must rather be told twice than missed.
    seen = last_seen(db, case["number"])
    on_file = course.read(db, [case["id"]])[case["id"]]
    milestones, kind = on_file.milestones, kind_of(case["kind"])
    progress = progress_for_staff(bureau, case, milestones.values(), beijing_day(now))
    expected = [one.step for one in progress.awaited]
    clocks = [one.step for one in progress.awaited if one.term]
    return CaseFile(
        case=case,
        seen=seen,
        kind=kind,
        progress=progress,
        milestones=milestones,
        extensions=on_file.extensions,
        choices=choices_of(kind, milestones, expected) if kind else {},
        longer=dict(_longer(kind, clocks, on_file.extensions)) if kind else {},
        is_forgotten=any(party["forgotten_at"] for party in parties_of(db, case["id"])),
    )


def choices_of(
    kind: Kind, reached: Mapping[str, Record], expected: Sequence[str] = ()
) -> dict[str, Text]:
    """The names of the steps that may come next, each with each of its outcomes, by what a form
    says for them: "filing refused". The expected ones are first."""
    steps = [m for m in kind.milestones if m.step not in reached and _may_come(kind, m, reached)]
    steps.sort(key=lambda one: one.step not in expected)
    codes = [
        f"{one.step} {outcome.code}" if outcome else one.step
        for one in steps
        for outcome in one.outcomes or (None,)
    ]
    return {code: name_choice(kind, code) for code in codes}


def _may_come(kind: Kind, rule: Milestone, reached: Mapping[str, Record]) -> bool:
    """Whether a step may be recorded next; after the end only what belongs to that end."""
    outcomes = {step: row["outcome"] for step, row in reached.items()}
    found = (kind.outcome_named(step, code) for step, code in outcomes.items() if code)
    ended = {one.code for one in found if one and one.ends}
    return rule.may_follow(outcomes) and (not ended or rule.only_after in ended)


def name_choice(kind: Kind | None, code: str) -> Text:
    """The name of a step with its outcome, as `choices_of` has it."""
    step, _, outcome_code = code.partition(" ")
    if kind is None or not kind.has_step(step):
        return Text(code, code)
    name, outcome = kind.milestone(step).name, kind.outcome_named(step, outcome_code)
    return _NAME_OUTCOME.fill(name=name, outcome=outcome.name) if outcome else name


def _longer(
    kind: Kind, running: Iterable[str], extensions: Mapping[str, Record]
) -> Iterator[tuple[str, Text]]:
    for step in running:
        rule, present = kind.milestone(step), extensions.get(step, {}).get("days")
        for days in rule.clock.extensions if rule.clock else ():
            if days != present:
                yield f"{step} {days}", _NAME_DAYS.fill(name=rule.name, days=days)


def last_seen(db: Database, number: str) -> int:
    """The position in the trail of the last change of a case, -1 where there is none."""
    row = db.row(
        f"""SELECT COALESCE(MAX(position), -1) AS last FROM trail_entry
        WHERE case_number = :number AND action NOT IN ({_BESIDE})""",
        number=number,
    )
    return int(row["last"]) if row else -1


def require_seen(change: Change, case: Record, seen: int) -> None:
    """Raise Overtaken where a case, locked already, changed after the position ``seen``."""
    entries = change.db.rows(
        f"""SELECT * FROM trail_entry
        WHERE case_number = :number AND position > :seen AND action NOT IN ({_BESIDE})
        ORDER BY position""",
        number=case["number"],
        seen=seen,
    )
    if entries:
        raise Overtaken([row | {"kind": case["kind"]} for row in entries])


def take_case(change: Change, staff: Staff, number: str, seen: int | None = None) -> OnFile:
    """A case within reach, locked, to be changed by hand.

    Raises NotFound; Overtaken where it changed after ``seen``; Conflict where its people were
    forgotten, for then it is closed for good.
    """
    case = reach_case(change.db, staff.unit, number, lock=True)
    if seen is not None:
        require_seen(change, case, seen)
    kept = read_kept(change.db, [case["number_key"]])[case["number_key"]]
    if forgotten := warn_forgotten(case["number"], kept.parties):
        raise Conflict(*forgotten.text)
    return kept


def amend(
    bureau: Bureau, change: Change, kept: OnFile, told: Mapping[str, Any], why: str = ""
) -> Put:
    """Change a case by what is told of it; ``told`` has fields of the API's body.

    Raises CaseRefused with all that is wrong.
    """
    case = kept.case
    stands = {name: case[name] for name in ("number", "kind", "unit")}
    stands["taken_in_at"] = said_moment(Moment.read(case["intake_day"], case["intake_at"]))
    bounds = Bounds(bureau.kinds, unit_codes(change.db), Moment.of(change.now))
    body = stands | {name: value for name, value in told.items() if value}
    # Who reported the case is known: a body without people must not add a nameless one.
    record = replace(read_case(body, bounds), parties=())
    return move_on(bureau, change, kept, record, AsOf(change.now), plain(why))


def change_details(
    bureau: Bureau, change: Change, kept: OnFile, told: Mapping[str, str], why: str = ""
) -> None:
    """Change what is said of a case itself; ``told`` has fields of the API's body.

    Raises CaseRefused with all that is wrong, also where another unit gets the case and nobody
    there is named: the complainant would be sent to who no longer has it.
    """
    amend(bureau, change, kept, told, why)
    if told.get("unit") and not told.get("officer"):
        raise refusal(
            "officer",
            "案件转到别的单位，请填写那里的主办民警，还没有定就填“待定”。",
            "The case goes to another unit: name the officer in charge there, or write 待定.",
        )


def record_milestone(
    bureau: Bureau,
    change: Change,
    staff: Staff,
    number: str,
    told: Mapping[str, str],
    seen: int | None = None,
) -> None:
    """Record that a step was reached; ``told`` has step, at and outcome. A recorded one stays.

    Raises CaseRefused with all that is wrong, and what `take_case` raises.
    """
    kept = take_case(change, staff, number, seen)
    refuse(_untimely(bureau.kinds.get(kept.case["kind"]), kept.course.milestones, told))
    amend(bureau, change, kept, {"milestones": [told]})


def extend_clock(
    staff: Staff, bureau: Bureau, change: Change, kept: OnFile, told: Mapping[str, str]
) -> None:
    """Record that more time was approved; ``told`` has step, extended_days (the total from the
    start), why, and approved_by, who is neither the writer nor the officer in charge.

    Raises CaseRefused with all that is wrong.
    """
    refuse(_unapproved(kept, staff, told))
    amend(bureau, change, kept, {"milestones": [told]}, read_words("why", told["why"]))


def refuse(mistakes: Iterable[Refused]) -> None:
    """Raise CaseRefused where there are mistakes."""
    if found := list(mistakes):
        raise CaseRefused("the case was refused", found)


def _untimely(
    kind: Kind | None, reached: Mapping[str, Record], told: Mapping[str, str]
) -> Iterator[Refused]:
    step = told["step"]
    if not plain(told["at"]):
        yield Refused("at", "", "请填写时间。", "Say when it happened.")
    if kind is None or not kind.has_step(step):
        return  # the reader of the body says so
    rule = kind.milestone(step)
    if step in reached:
        was = reached[step]
        said = said_moment(Moment.read(was["happened_day"], was["happened_at"]))
        yield Refused("step", "", *_RECORDED.fill(name=rule.name, said=said))
    elif not _may_come(kind, rule, reached):
        yield Refused("step", "", *_TOO_SOON.fill(name=rule.name))


def _unapproved(kept: OnFile, staff: Staff, told: Mapping[str, str]) -> Iterator[Refused]:
    approver, themselves = plain(told["approved_by"]), (staff.name, kept.case["officer"])
    if told["step"] in kept.course.milestones:
        zh, en = "这一步已经完成，不能再延长。", "This step is done; its time cannot be extended."
        yield Refused("extended_days", "", zh, en)
    elif not plain(told["extended_days"]):
        yield Refused("extended_days", "", "请选择期限。", "Choose the time allowed.")
    if not approver:
        yield Refused("approved_by", "", "请填写批准人。", "Say who approved it.")
    elif approver in themselves:
        zh, en = (
            "批准人不能是主办民警或录入人本人。",
            "Neither the officer in charge nor whoever records it can approve it.",
        )
        yield Refused("approved_by", approver, zh, en)
