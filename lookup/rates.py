"""Counting: how far cases were disclosed, clocks kept, receipts used and service rated.

One statement counts everything, so that all figures of a sheet show one state of the database.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby

from lookup.beijing import beijing_day, utc_now, utc_text
from lookup.bureau import Bureau
from lookup.database import Record
from lookup.errors import Refused
from lookup.kinds import Kinds
from lookup.language import Text
from lookup.scores import FEWEST_RATINGS, Scores, share
from lookup.units import SUBTREE, require_unit, unit_names

DEFINITION = "daylight-1"
LEVELS = (5, 4, 3, 2, 1)

# What each grouping counts by: two columns, for officers of one name differ by their badge.
_LABELS = {
    "unit": ("cases.unit", "''"),
    "kind": ("cases.kind", "''"),
    "month": ("SUBSTR(cases.intake_day, 1, 7)", "''"),
    "officer": ("cases.officer", "cases.badge"),
}
GROUPINGS = tuple(_LABELS)

_DEFINED = {
    "taken_in": Text(
        "受案数：受案日在统计期间内的案件（北京时间，含首尾两日）。选定单位时包括其下属单位；"
        "各行互不重复，相加即为合计。案件及其节点、期限、评价均归入案件现在的办案单位、类别和主办民警。",
        "Taken in: cases whose day of intake lies in the period (Beijing days, both ends "
        "included). Choosing a unit includes the units below it; rows are disjoint and add up to "
        "the total. A case, with its milestones, clocks and ratings, belongs to its present unit, "
        "kind and officer in charge.",
    ),
    "cutoff": Text(
        "截止时间：以下各项只计截止时间及以前发生的事；只知日期的，自当日零时起算；已可查看的节点视为已发生。"
        "更正和延长批准按统计时在案的内容计。",
        "Cut-off: what came later is not counted. What has a day alone counts from that day's "
        "start, and a milestone that could be seen counts as happened. Corrected dates and "
        "approved extensions count as they are on file when the count is made.",
    ),
    "withheld": Text(
        "不予公开数：截止时已批准不予公开的案件，按理由列出，不计入应公开数。待批准的仍属应公开案件。",
        "Withheld: cases withheld with approval at the cut-off, listed by reason; they are not "
        "due. A case whose withholding awaits approval is still due.",
    ),
    "due": Text(
        "应公开数 = 受案数 − 不予公开数。以下各项只统计应公开案件。",
        "Due = taken in − withheld. All that follows is counted over due cases alone.",
    ),
    "disclosure_rate": Text(
        "公开率 = 公开数 / 应公开数。公开数：至少一份回执已送达（窗口交付，或扫码、输码打开过），"
        "且截止时已发生的每个节点都可查看的案件；仅打印不算送达；截止时因申请不予公开而隐藏的案件不可查看。",
        "Disclosure rate = disclosed / due. Disclosed: a receipt was delivered (handed over at the "
        "desk, or opened by scan or code; printing alone is not delivery) and every milestone that "
        "had happened was visible at the cut-off; nothing of a case is visible while a request to "
        "withhold it hides it.",
    ),
    "on_time_rate": Text(
        "按时公开率 = 按时公开的节点 / 已发生的节点。"
        "从发生之日起，在案件类别规定的工作日内可查看为按时；不含首次导入的历史节点。",
        "On-time disclosure = milestones visible in time / milestones that happened. In time: "
        "visible within the working days its kind allows, counted from when it happened; backlog "
        "is excluded.",
    ),
    "backlog": Text(
        "历史节点：首次导入旧案时带入的已发生节点，单列。",
        "Backlog: milestones that came with a first load of old cases, counted apart.",
    ),
    "clocks_kept_rate": Text(
        "期限遵守率 = 期限内作出的决定 / 到期的决定（已作出，或期限已过）。"
        "期限从该类别规定的节点起算（如行政案件结案自受案起算，立案前即在计）；"
        "不予立案后不再需要的期限、通知书送达等非决定的期限不计。经批准延长的按延长后的期限计，其数量另列。",
        "Clock kept = decisions made within their clock / decisions due (made, or their clock has "
        "run out). A clock runs from the milestone its kind counts it from (administrative closure "
        "from intake, so also before filing). Not counted: a clock that a refusal to file has made "
        "needless, and one for something else than a decision (serving a notice). An approved "
        "extension moves the clock; how many of the due ones had one is counted apart.",
    ),
    "lookup_rate": Text(
        "查询率 = 至少被查询过一次的案件 / 应公开数。每份回执每个北京日最多计一次；"
        "聊天软件等自动打开链接也会计入，因此是上限。",
        "Lookup rate = cases looked up at least once / due. At most one look-up a receipt and "
        "Beijing day; programs that open links by themselves count too, so it is an upper bound.",
    ),
    "participation": Text(
        "参与率 = 有现行评价的案件 / 应公开数。",
        "Participation = cases with a current rating / due.",
    ),
    "satisfaction": Text(
        "满意率 = 3 级及以上的现行评价 / 现行评价；旁列五个等级各自的占比。"
        "每名当事人对每个节点只有一个现行评价。现行评价少于 {fewest} 个的注明“过少”，不计算比率。",
        "Satisfaction = current ratings of 3 or more / current ratings, beside it the share of "
        "each of the five levels. One rating is current per party and milestone. Fewer than "
        "{fewest} current ratings are marked as too few and give no rate.",
    ),
}


@dataclass(frozen=True)
class Question:
    """What to count: a period of Beijing days, by what, in which unit, as known at ``cutoff``.

    Raises Refused where the period ends before it begins or the grouping is none of GROUPINGS.
    """

    first: date
    last: date
    by: str = "unit"
    unit: str | None = None
    cutoff: datetime = field(default_factory=utc_now)
    fewest_ratings: int = FEWEST_RATINGS

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise Refused(
                "to",
                self.last.isoformat(),
                f"截止日期 {self.last} 早于起始日期 {self.first}，请改正。",
                f"The period ends on {self.last}, before it begins on {self.first}; mend it.",
            )
        if self.by not in _LABELS:
            raise Refused(
                "by",
                self.by,
                f"不能按“{self.by}”统计，可用：{'、'.join(GROUPINGS)}。",
                f"Cases cannot be counted by “{self.by}”; use one of: {', '.join(GROUPINGS)}.",
            )


@dataclass(frozen=True)
class Figures(Scores):
    """The counts over a set of cases, and the rates that follow: fractions, None for 0 / 0.

    ``levels`` are those of current ratings.
    """

    taken_in: int
    withheld: Mapping[str, int]
    disclosed: int
    milestones: int
    on_time: int
    backlog: int
    clocks_due: int
    clocks_kept: int
    clocks_extended: int
    looked_up: int
    rated: int

    @property
    def due(self) -> int:
        """Cases to be disclosed."""
        return self.taken_in - sum(self.withheld.values())

    @property
    def disclosure_rate(self) -> float | None:
        """Disclosed of the due cases."""
        return share(self.disclosed, self.due)

    @property
    def on_time_rate(self) -> float | None:
        """Milestones visible in time of those that happened, without backlog."""
        return share(self.on_time, self.milestones)

    @property
    def clocks_kept_rate(self) -> float | None:
        """Decisions within their clock of the decisions due."""
        return share(self.clocks_kept, self.clocks_due)

    @property
    def lookup_rate(self) -> float | None:
        """Cases looked up of the due cases."""
        return share(self.looked_up, self.due)

    @property
    def participation(self) -> float | None:
        """Cases with a rating of the due cases."""
        return share(self.rated, self.due)


@dataclass(frozen=True)
class Row:
    """The figures of one unit, kind, month or officer; of all where none is named.

    ``label`` is what the row is called on a sheet.
    """

    figures: Figures
    label: Text
    unit: str | None = None
    unit_name: str | None = None
    kind: str | None = None
    month: str | None = None
    officer: str | None = None


@dataclass(frozen=True)
class Rates:
    """The answer: disjoint rows that add up to ``total``; ``unit_name`` is the chosen unit's."""

    question: Question
    unit_name: str | None
    rows: Sequence[Row]
    total: Row

    @property
    def definition_text(self) -> dict[str, Text]:
        """What was counted as what, by the figure's name."""
        fewest = self.question.fewest_ratings
        return {name: text.fill(fewest=fewest) for name, text in _DEFINED.items()}


def rates(bureau: Bureau, question: Question) -> Rates:
    """Count the cases taken in within the period as they stood at the cut-off.

    Rows stand in the order of unit codes, configured kinds, months or officers; groups without
    a case have none. Raises NotFound where there is no such unit.
    """
    if question.unit is not None:
        require_unit(bureau.db, question.unit)
    found = bureau.db.rows(
        _statement(question),
        first=question.first.isoformat(),
        last=question.last.isoformat(),
        unit=question.unit,
        cutoff=utc_text(question.cutoff),
        cutoff_day=beijing_day(question.cutoff).isoformat(),
    )
    order = {code: place for place, code in enumerate(bureau.kinds)}
    # Sorted here and not in SQL, where each engine has its own order of Chinese characters.
    found.sort(key=lambda row: (order.get(row["label"], len(order)), *_label(row)))
    units = unit_names(bureau.db)
    namer = _Namer(bureau.kinds, units, question.by)
    rows = [
        namer.row(label, _figures(question, list(of_label)))
        for label, of_label in groupby(found, _label)
    ]
    chosen = units[question.unit] if question.unit is not None else None
    return Rates(question, chosen, rows, Row(_figures(question, found), Text("合计", "Total")))


# Happened by the cut-off: by its instant or its day, or because it had been shown by then: a
# case system whose clock runs ahead must not take back what a complainant has already seen.
_HAPPENED = """(milestone.visible_at <= :cutoff OR milestone.happened_at <= :cutoff
    OR (milestone.happened_at IS NULL AND milestone.happened_day <= :cutoff_day))"""

_CHOSEN = """chosen AS MATERIALIZED (
    SELECT cases.id, {label} AS label, {badge} AS badge,
        (SELECT MIN(reason) FROM withholding
            WHERE case_id = cases.id AND approved_at <= :cutoff
                AND (ended_at IS NULL OR ended_at > :cutoff)) AS reason,
        CASE WHEN EXISTS (SELECT 1 FROM visit
            WHERE case_id = cases.id AND at <= :cutoff) THEN 1 ELSE 0 END AS looked_up
    FROM cases
    WHERE cases.intake_day BETWEEN :first AND :last {within}
)"""

_CASES = f"""of_cases AS (
    SELECT label, badge, reason, COUNT(*) AS taken_in, SUM(looked_up) AS looked_up,
        SUM(CASE WHEN (looked_up = 1 OR EXISTS (SELECT 1 FROM issue
                WHERE case_id = chosen.id AND handed_over_at <= :cutoff))
            AND NOT EXISTS (SELECT 1 FROM milestone WHERE case_id = chosen.id AND {_HAPPENED}
                AND (visible_at IS NULL OR visible_at > :cutoff))
            AND NOT EXISTS (SELECT 1 FROM withholding
                WHERE case_id = chosen.id AND requested_at <= :cutoff
                    AND (ended_at IS NULL OR ended_at > :cutoff))
            THEN 1 ELSE 0 END) AS disclosed
    FROM chosen GROUP BY label, badge, reason
)"""

_MILESTONES = f"""of_milestones AS (
    SELECT chosen.label, chosen.badge, SUM(1 - backlog) AS milestones, SUM(backlog) AS backlog,
        SUM(CASE WHEN backlog = 0 AND visible_at <= :cutoff AND visible_day <= visible_by
            THEN 1 ELSE 0 END) AS on_time
    FROM chosen JOIN milestone ON milestone.case_id = chosen.id
    WHERE reason IS NULL AND {_HAPPENED} GROUP BY chosen.label, chosen.badge
)"""

# A decision after the cut-off cannot have kept a clock that had run out by then.
_CLOCKS = f"""of_clocks AS (
    SELECT chosen.label, chosen.badge, COUNT(*) AS clocks_due,
        SUM(clock.extended) AS clocks_extended,
        SUM(CASE WHEN decided_day <= due_day THEN 1 ELSE 0 END) AS clocks_kept
    FROM chosen JOIN clock ON clock.case_id = chosen.id
    LEFT JOIN milestone ON milestone.case_id = clock.case_id
        AND milestone.step = clock.step AND {_HAPPENED}
    WHERE reason IS NULL AND is_decision = 1
        AND (milestone.id IS NOT NULL OR due_day < :cutoff_day)
        AND NOT EXISTS (SELECT 1 FROM milestone
            WHERE case_id = clock.case_id AND step = clock.void_step AND {_HAPPENED})
    GROUP BY chosen.label, chosen.badge
)"""

_LEVELS = {f"level_{level}": level for level in LEVELS}
_BY_LEVEL = ", ".join(
    f"SUM(CASE WHEN level = {level} THEN 1 ELSE 0 END) AS {name}" for name, level in _LEVELS.items()
)
_RATINGS = f"""of_ratings AS (
    SELECT chosen.label, chosen.badge, COUNT(DISTINCT rating.case_id) AS rated, {_BY_LEVEL}
    FROM chosen JOIN rating ON rating.case_id = chosen.id
    WHERE reason IS NULL AND rated_at <= :cutoff
        AND (replaced_at IS NULL OR replaced_at > :cutoff)
    GROUP BY chosen.label, chosen.badge
)"""

_SUMMED = (
    *("disclosed", "milestones", "on_time", "backlog", "clocks_due", "clocks_kept"),
    *("clocks_extended", "looked_up", "rated"),
)

# One row for the due cases of a label, and one for the withheld ones of each reason, in which
# only taken_in is of use.
_ALL = f"""{SUBTREE}, {_CHOSEN}, {_CASES}, {_MILESTONES}, {_CLOCKS}, {_RATINGS}
SELECT of_cases.label, of_cases.badge, reason, taken_in, {", ".join((*_SUMMED, *_LEVELS))}
FROM of_cases """ + " ".join(
    f"LEFT JOIN {facts} ON {facts}.label = of_cases.label AND {facts}.badge = of_cases.badge"
    for facts in ("of_milestones", "of_clocks", "of_ratings")
)


def _statement(question: Question) -> str:
    label, badge = _LABELS[question.by]
    within = "" if question.unit is None else "AND cases.unit IN (SELECT code FROM subtree)"
    return _ALL.format(label=label, badge=badge, within=within)


def _label(row: Record) -> tuple[str, str]:
    return row["label"], row["badge"]


@dataclass(frozen=True)
class _Namer:
    kinds: Kinds
    units: Mapping[str, str]
    by: str

    def row(self, label: tuple[str, str], figures: Figures) -> Row:
        name, badge = label
        if self.by == "unit":
            called = self.units[name]
            return Row(figures, _same(f"{name} {called}"), unit=name, unit_name=called)
        if self.by == "kind" and name in self.kinds:
            return Row(figures, self.kinds[name].name, kind=name)
        full = f"{name} ({badge})" if badge else name
        return Row(figures, _same(full), **{self.by: full})


def _same(name: str) -> Text:
    return Text(name, name)


def _figures(question: Question, found: Sequence[Record]) -> Figures:
    withheld: Counter[str] = Counter()
    for row in found:
        if row["reason"]:
            withheld[row["reason"]] += row["taken_in"]
    due = [row for row in found if not row["reason"]]

    def total(name: str) -> int:
        # The join leaves NULL where a label has no such facts.
        return sum(row[name] or 0 for row in due)

    return Figures(
        taken_in=total("taken_in") + withheld.total(),
        withheld=dict(sorted(withheld.items())),
        levels={level: total(name) for name, level in _LEVELS.items()},
        fewest_ratings=question.fewest_ratings,
        **{name: total(name) for name in _SUMMED},
    )
