"""The cases behind a sheet, for auditors: one row a case, from which each figure can be recounted.

Personal data (the case's name, its people and phones) is left out unless it is asked for.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import IO

from lookup.beijing import beijing_day, from_utc_text, utc_text
from lookup.bureau import Bureau
from lookup.case_facts import cases_of
from lookup.database import Record
from lookup.exports import HEADS, Made, about
from lookup.facts import FIGURES
from lookup.language import Text
from lookup.rates import Question, Rates, rates
from lookup.sheets import Column, Value, write_csv, write_jsonl, write_xlsx
from lookup.trail import Actor, change, head
from lookup.units import unit_names
from lookup.vocabulary import ROLES, WITHHELD_REASONS, Word

FORMS = ("csv", "xlsx", "jsonl")
_LOT = 1000
_PAGES_WIDE = 7
_MOMENT, _NAME = 19, 24
WHY_NOT = {
    "undelivered": Text("回执未送达", "no receipt delivered"),
    "unseen": Text("有节点不可查看", "a milestone not visible"),
    "hidden": Text("申请不予公开待批", "hidden by a request to withhold"),
}
_CASE = (
    Column("number", Text("案件编号", "Case number"), _NAME),
    Column("kind", Text("类别", "Kind"), _NAME),
    Column("unit", Text("单位代码", "Unit")),
    Column("unit_name", Text("办案单位", "Unit's name"), _NAME),
    Column("officer", Text("主办民警", "Officer")),
    Column("badge", Text("警号", "Badge")),
    Column("intake_day", Text("受案日", "Day of intake")),
)
_PERSONAL = (
    Column("name", Text("案件名称", "Name of the case"), _NAME),
    Column("people", Text("当事人", "People"), 40),
)
_COUNTED = (
    Column("withheld", Text("不予公开", "Withheld"), _NAME),
    Column("why_not", Text("未公开的原因", "Why not disclosed"), 30),
    Column("handed_over", Text("交付回执", "Handed over"), _MOMENT),
    Column("looked_up_at", Text("首次查询", "First look-up"), _MOMENT),
    *(Column(name, HEADS[name]) for name in FIGURES),
)
# What is told of each step. Backlog has no on_time, and a clock that is not due no kept: so either
# column counts what a figure is over, and adds up to what was in time.
_STEP = (
    Column("outcome", Text("结果", "outcome"), _NAME),
    Column("happened", Text("发生", "happened"), _MOMENT),
    Column("visible", Text("可查看", "visible"), _MOMENT),
    Column("visible_by", Text("应可查看", "visible by")),
    Column("on_time", Text("按时公开", "on time")),
    Column("due", Text("期限", "due")),
    Column("extended", Text("延长", "extended")),
    Column("kept", Text("期限内", "kept")),
    Column("ratings", Text("现行评价", "ratings")),
)
_OF_STEP = Text("{step}·{part}", "{step}: {part}")
_RECOUNT = (
    Text("怎样复核", "How to recount"),
    Text(
        "每行一个案件；与统计表同名的栏相加，即为统计表的数。节点的“按时公开”：1 按时，0 未按时，"
        "空为历史节点或尚未发生。节点的“期限内”：1 在期限内作出，0 未在期限内作出，"
        "空为未到期或不计的期限。不予公开的案件只计入受案数和不予公开数。时间均为北京时间。",
        "One row a case; each figure of the sheet is the sum of the column of its name. “On time” "
        "of a milestone: 1 in time, 0 not, blank for backlog or what has not happened. “Kept”: 1 "
        "decided within the clock, 0 not, blank where it is not due or does not count. A withheld "
        "case counts as taken in and as withheld alone. Times are Beijing time.",
    ),
)


def export_cases(
    bureau: Bureau,
    question: Question,
    form: str,
    out: IO[bytes],
    actor: Actor,
    now: datetime,
    *,
    personal: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the cases behind a sheet in one of FORMS, all in one state of the database, and record
    that it was done; how many there were.

    ``progress`` hears of each lot of cases. Raises NotFound where there is no such unit, OSError
    where the file cannot be written.
    """
    db = bureau.db
    with db.transaction(reading=True):
        sheet, made = rates(bureau, question, now), Made(actor.name, now, head(db))
        parts = ["milestone", "clock", "rating", *(["party"] if personal else [])]
        cases = cases_of(db, question, beijing_day(now), parts)
        rows, columns = _rows(bureau, cases, progress), _columns(bureau, personal)
        if form == "xlsx":
            notes = [*about(sheet, made), _RECOUNT]
            write_xlsx(out, Text("案件", "Cases"), columns, rows, notes, pages_wide=_PAGES_WIDE)
        else:
            write = write_csv if form == "csv" else write_jsonl
            write(out, [column.name for column in columns], rows)
    done = sheet.total.figures.taken_in
    with change(db, actor, now) as ongoing:
        ongoing.record("cases.exported", cases=done, form=form, **_asked(sheet, personal))
    return done


def _asked(sheet: Rates, personal: bool) -> dict[str, str]:
    question = sheet.question
    return {
        "from": question.first.isoformat(),
        "to": question.last.isoformat(),
        "cutoff": utc_text(sheet.cutoff),
        **({"unit": question.unit} if question.unit else {}),
        **({"personal": "yes"} if personal else {}),
    }


def _columns(bureau: Bureau, personal: bool) -> list[Column]:
    return [*_CASE, *(_PERSONAL if personal else ()), *_COUNTED] + [
        replace(part, name=f"{step}_{part.name}", head=_OF_STEP.fill(step=name, part=part.head))
        for step, name in _steps(bureau).items()
        for part in _STEP
    ]


def _steps(bureau: Bureau) -> dict[str, Text]:
    """The steps that any kind knows, by the name that the first one has for each."""
    known = [rule for kind in bureau.kinds.values() for rule in kind.milestones]
    return {rule.step: rule.name for rule in known} | {r.step: r.name for r in reversed(known)}


def _rows(
    bureau: Bureau, cases: Iterable[Record], progress: Callable[[int], None]
) -> Iterator[list[Value]]:
    units, steps, number = unit_names(bureau.db), _steps(bureau), 0
    for number, case in enumerate(cases, 1):
        yield [
            *(case["number"], _kind(bureau, case), case["unit"], units[case["unit"]]),
            *(case["officer"], case["badge"], date.fromisoformat(case["intake_day"])),
            *([case["name"], _people(bureau, case)] if "party" in case else ()),
            Word(case["reason"], WITHHELD_REASONS[case["reason"]]) if case["reason"] else None,
            _why_not(case["hindrances"]),
            *(_instant(case["handed_over_at"]), _instant(case["looked_up_at"])),
            *(case["figures"].get(name) for name in FIGURES),
            *_of_steps(bureau, case, steps),
        ]
        if number % _LOT == 0:
            progress(_LOT)
    progress(number % _LOT)


def _of_steps(bureau: Bureau, case: Record, steps: Iterable[str]) -> Iterator[Value]:
    milestones, clocks = ({one["step"]: one for one in case[n]} for n in ("milestone", "clock"))
    if case["reason"]:  # A file goes from hand to hand: of what is withheld it has nothing.
        yield from [None] * len(_STEP) * len([*steps])
        return
    for step in steps:
        if milestone := milestones.get(step):
            yield _outcome(bureau, case, milestone)
            yield _instant(milestone["happened_at"]) or _day(milestone["happened_day"])
            yield _instant(milestone["visible_at"])
            yield _day(milestone["visible_by"])
            yield None if milestone["backlog"] else milestone["on_time"]
        else:
            yield from [None] * 5
        clock = clocks.get(step, {})
        counts = clock.get("kept") is not None
        yield _day(clock["due_day"]) if clock else None
        yield from (clock[name] if counts else None for name in ("extended", "kept"))
        levels = [str(one["level"]) for one in case["rating"] if one["step"] == step]
        yield " ".join(levels) or None


def _kind(bureau: Bureau, case: Record) -> Word:
    kind = bureau.kinds.get(case["kind"])
    return Word(case["kind"], kind.name if kind else Text(case["kind"], case["kind"]))


def _outcome(bureau: Bureau, case: Record, milestone: Record) -> Word | None:
    kind, code = bureau.kinds.get(case["kind"]), milestone["outcome"]
    outcome = kind.outcome_named(milestone["step"], code) if kind and code else None
    return Word(code, outcome.name if outcome else Text(code, code)) if code else None


def _why_not(hindrances: list[str]) -> Word | None:
    said = zip(*(WHY_NOT[name] for name in hindrances), strict=True)
    return Word(" ".join(hindrances), Text(*map("；".join, said))) if hindrances else None


def _people(bureau: Bureau, case: Record) -> str:
    people = [
        [ROLES[one["role"]].zh, *(bureau.seals.open(one[f"{n}_sealed"]) for n in ("name", "phone"))]
        for one in case["party"]
    ]
    return "；".join(" ".join(filter(None, told)) for told in people)


def _instant(kept: str | None) -> datetime | None:
    return from_utc_text(kept) if kept else None


_day = date.fromisoformat
