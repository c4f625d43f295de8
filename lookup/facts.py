"""What is counted of cases, in SQL: one definition for a sheet as of any cut-off, and for what is
kept ready as cases change.

:cutoff and :cutoff_day are up to when things count; a clock that ran out before :today, undecided,
is due as well.
"""

from lookup.levels import BAD, POINTS

# Happened by the cut-off: by its instant or its day, or because it had been shown by then: a
# case system whose clock runs ahead must not take back what a complainant has already seen.
HAPPENED = """(milestone.visible_at <= :cutoff OR milestone.happened_at <= :cutoff
    OR (milestone.happened_at IS NULL AND milestone.happened_day <= :cutoff_day))"""

_CHOSEN = """chosen AS MATERIALIZED (
    SELECT cases.id, {label} AS label, {badge} AS badge,
        (SELECT MIN(reason) FROM withholding
            WHERE case_id = cases.id AND approved_at <= :cutoff
                AND (ended_at IS NULL OR ended_at > :cutoff)) AS reason,
        CASE WHEN EXISTS (SELECT 1 FROM visit
            WHERE case_id = cases.id AND at <= :cutoff) THEN 1 ELSE 0 END AS looked_up
    FROM cases WHERE {chosen}
)"""

# What can keep a due case from being disclosed: no receipt of it was delivered, a milestone was not
# to be seen, or a request to withhold it hides it. It does where the definition in force says so.
_HINDRANCES = {
    "undelivered": """(looked_up = 0 AND NOT EXISTS (SELECT 1 FROM issue
        WHERE case_id = chosen.id AND handed_over_at <= :cutoff))""",
    "unseen": f"""EXISTS (SELECT 1 FROM milestone WHERE case_id = chosen.id AND {HAPPENED}
        AND (visible_at IS NULL OR visible_at > :cutoff))""",
    "hidden": """EXISTS (SELECT 1 FROM withholding
        WHERE case_id = chosen.id AND requested_at <= :cutoff
            AND (ended_at IS NULL OR ended_at > :cutoff))""",
}
HINDRANCES = {
    name: f"((SELECT {name} FROM definition) = 1 AND {rule})" for name, rule in _HINDRANCES.items()
}
_CASES = f"""of_cases AS (
    SELECT label, badge, reason, COUNT(*) AS taken_in, SUM(looked_up) AS looked_up,
        SUM(CASE WHEN {" OR ".join(HINDRANCES.values())} THEN 0 ELSE 1 END) AS disclosed
    FROM chosen GROUP BY label, badge, reason
)"""

# Whether a milestone that happened was visible in time; backlog never is.
ON_TIME = "(backlog = 0 AND visible_at <= :cutoff AND visible_day <= visible_by)"

_MILESTONES = f"""of_milestones AS (
    SELECT chosen.label, chosen.badge, SUM(1 - backlog) AS milestones, SUM(backlog) AS backlog,
        SUM(CASE WHEN {ON_TIME} THEN 1 ELSE 0 END) AS on_time
    FROM chosen JOIN milestone ON milestone.case_id = chosen.id
    WHERE reason IS NULL AND {HAPPENED} GROUP BY chosen.label, chosen.badge
)"""

# A decision after the cut-off cannot have kept a clock that had run out by then.
KEPT = "(decided_day <= due_day)"
# A clock's decision; whether it ran at all; and whether it ran for a decision that is due.
DECISION = f"""LEFT JOIN milestone ON milestone.case_id = clock.case_id
    AND milestone.step = clock.step AND {HAPPENED}"""
RAN = f"""NOT EXISTS (SELECT 1 FROM milestone
    WHERE case_id = clock.case_id AND step = clock.void_step AND {HAPPENED})"""
IS_DUE = "(is_decision = 1 AND (milestone.id IS NOT NULL OR due_day < :today))"
_CLOCKS = f"""of_clocks AS (
    SELECT chosen.label, chosen.badge, COUNT(*) AS clocks_due,
        SUM(clock.extended) AS clocks_extended,
        SUM(CASE WHEN {KEPT} THEN 1 ELSE 0 END) AS clocks_kept
    FROM chosen JOIN clock ON clock.case_id = chosen.id {DECISION}
    WHERE reason IS NULL AND {IS_DUE} AND {RAN}
    GROUP BY chosen.label, chosen.badge
)"""

LEVEL_COLUMNS = {f"level_{level}": level for level in POINTS}
_BY_LEVEL = ", ".join(
    f"SUM(CASE WHEN level = {level} THEN 1 ELSE 0 END) AS {name}"
    for name, level in LEVEL_COLUMNS.items()
)
_RATINGS = f"""of_ratings AS (
    SELECT chosen.label, chosen.badge, COUNT(DISTINCT rating.case_id) AS rated, {_BY_LEVEL}
    FROM chosen JOIN rating ON rating.case_id = chosen.id
    WHERE reason IS NULL AND rated_at <= :cutoff
        AND (replaced_at IS NULL OR replaced_at > :cutoff)
    GROUP BY chosen.label, chosen.badge
)"""


# A call-back that a bad rating brought about; a comment that an answer is owed to.
CALLBACK = "rating_id IS NOT NULL"
COMMENT = "comment.is_report = 0 AND due_day IS NOT NULL"

_RATED = """SELECT 1 FROM rating WHERE rating.case_id = callback.case_id
    AND rating.party_id = callback.party_id AND rating.step = callback.step"""
# One drawn at random becomes that of the bad rating that joins it.
_BROUGHT_ABOUT = f"""{CALLBACK} AND opened_at <= :cutoff AND (cause = 'rating' OR EXISTS ({_RATED}
    AND level IN ({", ".join(map(str, BAD))}) AND rated_at BETWEEN opened_at AND :cutoff))"""
# Called is whoever was spoken to.
_CALLED = """EXISTS (SELECT 1 FROM callback_attempt WHERE callback_id = callback.id
    AND callback_attempt.at <= :cutoff AND callback_attempt.result IN ('reached', 'refused'))"""
_CLOSED = "closed_at <= :cutoff"
_RERATED = f"EXISTS ({_RATED} AND rated_at > closed_at AND rated_at <= :cutoff)"
_CALLBACKS = f"""of_callbacks AS (
    SELECT chosen.label, chosen.badge, COUNT(*) AS callbacks,
        SUM(CASE WHEN {_CALLED} THEN 1 ELSE 0 END) AS called,
        SUM(CASE WHEN {_CLOSED} OR due_day < :today THEN 1 ELSE 0 END) AS callbacks_due,
        SUM(CASE WHEN {_CLOSED} AND closed_day <= due_day THEN 1 ELSE 0 END) AS callbacks_kept,
        SUM(CASE WHEN {_CLOSED} THEN 1 ELSE 0 END) AS callbacks_closed,
        SUM(CASE WHEN {_CLOSED} AND result IN ('put_right', 'explained') THEN 1 ELSE 0 END)
            AS put_right,
        SUM(CASE WHEN {_CLOSED} AND {_RERATED} THEN 1 ELSE 0 END) AS rerated
    FROM chosen JOIN callback ON callback.case_id = chosen.id
    WHERE reason IS NULL AND {_BROUGHT_ABOUT}
    GROUP BY chosen.label, chosen.badge
)"""

_ANSWERED = "answered_at <= :cutoff"
# A Beijing day ends at 16:00 UTC.
_IN_TIME = "answered_at < due_day || 'T16'"
_COMMENTS = f"""of_comments AS (
    SELECT chosen.label, chosen.badge, COUNT(*) AS comments,
        SUM(CASE WHEN {_ANSWERED} THEN 1 ELSE 0 END) AS answered,
        SUM(CASE WHEN {_ANSWERED} OR due_day < :today THEN 1 ELSE 0 END) AS answers_due,
        SUM(CASE WHEN {_ANSWERED} AND {_IN_TIME} THEN 1 ELSE 0 END) AS answers_kept
    FROM chosen JOIN comment ON comment.case_id = chosen.id
    WHERE reason IS NULL AND {COMMENT} AND made_at <= :cutoff
    GROUP BY chosen.label, chosen.badge
)"""

_INSPECTIONS = """of_inspections AS (
    SELECT chosen.label, chosen.badge, COUNT(*) AS inspected,
        SUM(CASE WHEN EXISTS (SELECT 1 FROM finding WHERE inspected_id = inspected_case.id
            AND found_at <= :cutoff AND (withdrawn_at IS NULL OR withdrawn_at > :cutoff))
            THEN 0 ELSE 1 END) AS sound
    FROM chosen JOIN inspected_case ON inspected_case.case_id = chosen.id
    WHERE reason IS NULL AND checked_at <= :cutoff GROUP BY chosen.label, chosen.badge
)"""

SUMMED = (
    *("disclosed", "milestones", "on_time", "backlog", "clocks_due", "clocks_kept"),
    *("clocks_extended", "looked_up", "rated", "callbacks", "called", "callbacks_due"),
    *("callbacks_kept", "callbacks_closed", "put_right", "rerated", "comments", "answered"),
    *("answers_due", "answers_kept", "inspected", "sound"),
)

# The columns of each row.
FIGURES = ("taken_in", *SUMMED, *LEVEL_COLUMNS)

# What comes to be due as its last day goes by: as (figures, last day) of a case (:among).
RUNNING = ("clocks_due", "clocks_extended", "callbacks_due", "answers_due")
RUNS = f"""SELECT case_id, due_day, 1 AS clocks_due, extended AS clocks_extended,
    0 AS callbacks_due, 0 AS answers_due FROM clock
WHERE case_id IN ({{among}}) AND is_decision = 1 AND void_step IS NULL AND decided_day IS NULL
UNION ALL SELECT case_id, due_day, 0, 0, 1, 0 FROM callback
WHERE case_id IN ({{among}}) AND {CALLBACK} AND closed_at IS NULL
UNION ALL SELECT case_id, due_day, 0, 0, 0, 1 FROM comment
WHERE case_id IN ({{among}}) AND {COMMENT} AND answered_at IS NULL"""

_FACTS = (_MILESTONES, _CLOCKS, _RATINGS, _CALLBACKS, _COMMENTS, _INSPECTIONS)
_ALL = f"""{_CHOSEN}, {_CASES}, {", ".join(_FACTS)}
SELECT of_cases.label, of_cases.badge, reason, {", ".join(FIGURES)}
FROM of_cases """ + " ".join(
    f"LEFT JOIN {facts} ON {facts}.label = of_cases.label AND {facts}.badge = of_cases.badge"
    for facts in (fact.partition(" ")[0] for fact in _FACTS)
)


def count(label: str, badge: str, chosen: str) -> str:
    """The statement that counts the cases of a condition by two columns of theirs: one row for the
    due ones of each label, and one for the withheld ones of each reason, in which only taken_in is
    of use. It begins with a table of a WITH, and other tables may stand before it."""
    return _ALL.format(label=label, badge=badge, chosen=chosen)


def hindrances(chosen: str) -> str:
    """The statement that says of each case of a condition why it is withheld (reason, or NULL) and,
    by the names of HINDRANCES, 1 or 0 for what would keep it from being disclosed."""
    found = (f"CASE WHEN {rule} THEN 1 ELSE 0 END AS {name}" for name, rule in HINDRANCES.items())
    one = _CHOSEN.format(label="''", badge="''", chosen=chosen)
    return f"WITH {one} SELECT id, reason, {', '.join(found)} FROM chosen"
