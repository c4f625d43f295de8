"""How far a case has come and which of its clocks run, as conditions of SQL.

Both follow from its milestones and its kind's configuration. The conditions name lists of codes,
``{refused}`` and the like, to be filled in from `codes_of`.
"""

from collections.abc import Iterator, Mapping

from lookup.kinds import Kind, Kinds, Milestone
from lookup.language import Text

_FILING = "filing"
STAGES: Mapping[str, Text] = {
    "awaiting": Text("待立案决定", "Awaiting filing decision"),
    "under_way": Text("办理中", "Under way"),
    "ended": Text("已办结", "Ended"),
    "refused": Text("不予立案", "Not filed"),
}
_HAS = """EXISTS (SELECT 1 FROM milestone WHERE milestone.case_id = cases.id
    AND cases.kind || '.' || step || '.' || outcome IN ({}))"""
_REFUSED = _HAS.format("{refused}")
_OVER = _HAS.format("{refused}, {ended}")
_BEGUN = _HAS.format("{refused}, {ended}, {under_way}")
IN_STAGE = {
    "awaiting": f"NOT {_BEGUN}",
    "under_way": f"{_BEGUN} AND NOT {_OVER}",
    "ended": f"{_OVER} AND NOT {_REFUSED}",
    "refused": _REFUSED,
    "open": f"NOT {_OVER}",
}
STAGE = f"""CASE WHEN {_REFUSED} THEN 'refused' WHEN {_OVER} THEN 'ended'
    WHEN {_BEGUN} THEN 'under_way' ELSE 'awaiting' END"""
# Undecided, and no later step, or an end, has passed its step over; an optional one never is.
_RUNS = """{clock}.decided_day IS NULL AND {clock}.void_step IS NULL
    AND NOT EXISTS (SELECT 1 FROM milestone WHERE milestone.case_id = {clock}.case_id
        AND cases.kind || '.' || {clock}.step || '.' || milestone.step || '.' || milestone.outcome
            IN ({{passed}}))"""
RUNS = _RUNS.format(clock="clock")
FIRST_TO_RUN = f"""{RUNS} AND NOT EXISTS (SELECT 1 FROM clock AS sooner
    WHERE sooner.case_id = clock.case_id AND {_RUNS.format(clock="sooner")}
    AND (sooner.due_day, sooner.step) < (clock.due_day, clock.step))"""


def codes_of(kinds: Kinds) -> dict[str, list[str]]:
    """The milestones that bring a case to a stage, as kind.step.outcome, by stage; and those by
    which a clock's step is ``passed`` over, as kind.step.step.outcome."""
    found: dict[str, list[str]] = {"refused": [], "ended": [], "under_way": [], "passed": []}
    for kind in kinds.values():
        required = [one for one in kind.milestones if not one.optional]
        for one, outcome, ends in _outcomes(kind):
            if stage := _stage_after(kind, one, ends or one is required[-1]):
                found[stage].append(f"{kind.code}.{one.step}.{outcome}")
            found["passed"] += [
                f"{kind.code}.{earlier.step}.{one.step}.{outcome}"
                for earlier in required
                if ends or one in required[required.index(earlier) + 1 :]
            ]
    return found


def _outcomes(kind: Kind) -> Iterator[tuple[Milestone, str, bool]]:
    for one in kind.milestones:
        yield one, "", False
        yield from ((one, outcome.code, outcome.ends) for outcome in one.outcomes)


def _stage_after(kind: Kind, reached: Milestone, ends: bool) -> str | None:
    """A kind without a filing decision is under way from the start."""
    if ends:
        return "refused" if reached.step == _FILING else "ended"
    filing = kind.order_of(_FILING) if kind.has_step(_FILING) else 0
    is_past = not reached.optional and kind.order_of(reached.step) >= filing
    return "under_way" if is_past else None
