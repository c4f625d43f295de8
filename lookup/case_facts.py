"""What each case of a sheet counted as, with the parts that the sheet's figures are made of.

By the rules of `facts`, so that the figures of a sheet are the sums over its cases.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice

from lookup import facts
from lookup.beijing import beijing_day, utc_text
from lookup.database import Database, Record
from lookup.rates import Question
from lookup.tally import ALWAYS
from lookup.units import SUBTREE

_PAGE = 1000
# The rows of cases (``ids``) up to a cut-off; a clock that is not due has no ``kept``.
PARTS = {
    "milestone": f"""SELECT milestone.*, CASE WHEN {facts.ON_TIME} THEN 1 ELSE 0 END AS on_time
        FROM milestone WHERE case_id IN ({{ids}}) AND {facts.HAPPENED}""",
    "clock": f"""SELECT clock.case_id, clock.step, due_day, decided_day, extended,
            CASE WHEN {facts.IS_DUE} THEN CASE WHEN {facts.KEPT} THEN 1 ELSE 0 END END AS kept
        FROM clock {facts.DECISION} WHERE clock.case_id IN ({{ids}}) AND {facts.RAN}""",
    "rating": """SELECT case_id, step, level FROM rating WHERE case_id IN ({ids})
        AND rated_at <= :cutoff AND (replaced_at IS NULL OR replaced_at > :cutoff) ORDER BY id""",
    "party": "SELECT * FROM party WHERE case_id IN ({ids}) ORDER BY id",
}


def cases_of(
    db: Database, question: Question, today: date, parts: Sequence[str]
) -> Iterator[Record]:
    """The cases behind a sheet by their day of intake, in steady memory; to be read within one
    transaction for reading, so that all of it is one state.

    Each row of ``cases`` has besides: the first ``handed_over_at`` and ``looked_up_at``;
    ``reason``, why it is withheld, None where it is due; ``hindrances``, what keeps a due case from
    being disclosed; ``figures``, what it adds to a sheet; and its rows of each of the ``parts``:
    milestone, clock, rating, party.
    """
    until = ALWAYS | {"today": today.isoformat()}
    if question.cutoff is not None:
        day = beijing_day(question.cutoff).isoformat()
        until = {"cutoff": utc_text(question.cutoff), "cutoff_day": day, "today": day}
    within = "AND cases.unit IN (SELECT code FROM subtree)" if question.unit is not None else ""
    rows = db.each(
        f"""{SUBTREE} SELECT cases.*,
            (SELECT MIN(handed_over_at) FROM issue
                WHERE case_id = cases.id AND handed_over_at <= :cutoff) AS handed_over_at,
            (SELECT MIN(at) FROM visit WHERE case_id = cases.id AND at <= :cutoff) AS looked_up_at
        FROM cases WHERE cases.intake_day BETWEEN :first AND :last {within}
        ORDER BY cases.intake_day, cases.id""",
        first=question.first.isoformat(),
        last=question.last.isoformat(),
        unit=question.unit,
        **until,
    )
    while page := list(islice(rows, _PAGE)):
        yield from _with_facts(db, page, parts, until)


def _with_facts(
    db: Database, page: Sequence[Record], parts: Sequence[str], until: dict[str, str]
) -> Iterator[Record]:
    ids = ", ".join(str(row["id"]) for row in page)
    among = f"cases.id IN ({ids})"
    counted = db.rows("WITH " + facts.count("cases.id", "''", among), **until)
    figures = {row["label"]: row for row in counted}
    found = {row["id"]: row for row in db.rows(facts.hindrances(among), **until)}
    told: dict[str, dict[int, list[Record]]] = {name: defaultdict(list) for name in parts}
    for name, of_cases in told.items():
        for row in db.rows(PARTS[name].format(ids=ids), **until):
            of_cases[row["case_id"]].append(row)
    for row in page:
        one, reason = row["id"], found[row["id"]]["reason"]
        # Of a withheld case nothing counts but that there is one.
        names = facts.FIGURES[:1] if reason else facts.FIGURES
        hindrances = () if reason else facts.HINDRANCES
        yield row | {
            "reason": reason,
            "hindrances": [name for name in hindrances if found[one][name]],
            "figures": {name: figures[one][name] or 0 for name in names},
            **{name: of_cases[one] for name, of_cases in told.items()},
        }
