"""What stands out and should be looked at: lists of cases, each row with its reason.

exceptions.toml has the rules. No row names anybody but staff, nor tells what a party wrote. Lists
page by what orders them and an id, as the docket does.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

from lookup.beijing import beijing_day, from_utc_text
from lookup.bureau import Bureau
from lookup.database import Record
from lookup.exception_sql import Asked, complete, limits_of
from lookup.exception_trail import TELLERS, day_of, said_step, told_of
from lookup.language import Text
from lookup.levels import LEVELS
from lookup.rates import Question, rates
from lookup.reach import units_within
from lookup.scores import share
from lookup.sentences import said_span
from lookup.toml_tables import read_toml
from lookup.units import line_of

PAGE = 50
# More are not counted.
MOST = 1000
Key = tuple[str, int]
_TODAY, _AT_A_COUNTER, _NONE = Text("今天", "today"), Text("窗口评价", "At a counter"), Text("", "")
_NOBODY = Text("（无记录）", "(not recorded)")


@dataclass(frozen=True, slots=True)
class Rule:
    """A list, as exceptions.toml explains it."""

    code: str
    name: Text
    meaning: Text
    reason: Text
    by_period: bool = True
    source: str = ""
    chosen: str = ""
    at: str = ""
    id: str = ""
    since: str = ""
    until: str = "NULL"
    step: str = "''"
    n: str = "0"
    was: str = "0"
    of: str = "cases"
    unit: str = "cases.unit"
    author: str = ""

    @property
    def key(self) -> str:
        """What orders the rows."""
        return f"{self.at}, {self.id or f'{self.of}.id'}"

    @property
    def columns(self) -> str:
        """What is read of a row."""
        return f"""{self.at} AS at, {self.id or f"{self.of}.id"} AS id,
            {self.since or self.at} AS since, {self.until} AS until, {self.step} AS step,
            {self.n} AS n, {self.was} AS was, {self.of}.officer, {self.of}.badge,
            cases.number, cases.kind, unit.code AS unit, unit.name AS unit_name,
            {self.author or "NULL"} AS actor"""

    def select(self, columns: str) -> str:
        """Columns of the rows within reach, of the period where it goes by one."""
        of_instants = f"{self.at} >= :first_at AND {self.at} < :end_at"
        within = of_instants if self.at.endswith("_at") else f"{self.at} BETWEEN :first AND :last"
        # Not the bare unit: SQLite would take its index, and sort all that it finds there.
        return f"""SELECT {columns} FROM {self.source} JOIN unit ON unit.code = {self.unit}
            WHERE {within if self.by_period else "1 = 1"} AND ({self.chosen})
                AND {self.unit} || '' IN (SELECT code FROM subtree)"""


def _read() -> Iterator[Rule]:
    for code, told in read_toml(Path(__file__).with_suffix(".toml")).items():
        words = {part: Text(**told[part]) for part in ("name", "meaning", "reason")}
        yield Rule(code, **told | words)


RULES: Mapping[str, Rule] = {rule.code: rule for rule in _read()}
_SHARE = RULES["withheld_share"]


@dataclass(frozen=True, slots=True)
class Row:
    """What stands out, and why; ``number`` is blank for a rating at a counter, and for a unit."""

    key: Key
    number: str
    kind: Text
    unit: str
    unit_name: str
    officer: str
    badge: str
    reason: Text


def meaning_of(bureau: Bureau, rule: Rule) -> Text:
    """What a list holds, with the bureau's limits."""
    limits: dict[str, int | Text] = {**limits_of(bureau)}
    for name in ("unmoved", "unclosed"):
        spans = [
            (_kind(bureau, span.kind), said_span(getattr(span, name)))
            for span in bureau.oversight.exceptions.spans
        ]
        said = [[f"{kind[n]} {span[n]}" for kind, span in spans] for n in (0, 1)]
        limits[f"{name}_said"] = Text("、".join(said[0]), ", ".join(said[1]))
    return rule.meaning.fill(**limits)


def count(bureau: Bureau, rule: Rule, asked: Asked) -> int:
    """How many rows a list has; where more than MOST, one more than that."""
    if rule is _SHARE:
        return len(list(_shares(bureau, asked)))
    if rule.code in TELLERS:
        return len(list(islice(told_of(bureau, rule.code, asked), MOST + 1)))
    some = f"{rule.select('1 AS one')} LIMIT {MOST + 1}"
    sql, params = complete(bureau, asked, f"SELECT COUNT(*) AS n FROM ({some}) AS found")
    return int(bureau.db.rows(sql, **params)[0]["n"])


def page(
    bureau: Bureau, rule: Rule, asked: Asked, after: Key | None = None
) -> tuple[list[Row], Key | None]:
    """A page of a list, what is oldest first; and where the next begins, None after the last."""
    if rule is _SHARE:
        return list(_shares(bureau, asked)), None
    if rule.code in TELLERS:
        rows = list(islice(told_of(bureau, rule.code, asked, after), PAGE + 1))
    else:
        rows = _rows(bureau, rule, asked, after)
    found = [_row(bureau, rule, one, asked) for one in rows]
    return found[:PAGE], found[PAGE - 1].key if len(found) > PAGE else None


def _rows(bureau: Bureau, rule: Rule, asked: Asked, after: Key | None) -> list[Record]:
    beyond = f"AND ({rule.key}) > (:after_at, :after_id)" if after else ""
    order = f"{beyond} ORDER BY {rule.key} LIMIT {PAGE + 1}"
    sql, params = complete(bureau, asked, f"{rule.select(rule.columns)} {order}")
    params |= dict(zip(("after_at", "after_id"), after or (), strict=False))
    return bureau.db.rows(sql, **params)


def every(bureau: Bureau, rule: Rule, asked: Asked) -> Iterator[Row]:
    """All rows of a list in steady memory, of one state of the database."""
    if rule is _SHARE:
        yield from _shares(bureau, asked)
        return
    ordered = f"{rule.select(rule.columns)} ORDER BY {rule.key}"
    with bureau.db.transaction(reading=True):
        if rule.code in TELLERS:
            rows = told_of(bureau, rule.code, asked)
        else:
            sql, params = complete(bureau, asked, ordered)
            rows = bureau.db.each(sql, **params)
        for one in rows:
            yield _row(bureau, rule, one, asked)


def authors(bureau: Bureau, rule: Rule, asked: Asked) -> list[tuple[str, Text, int]]:
    """Who did how much of what a list holds, by the name of the unit, those with the most first;
    nothing where a list does not tell."""
    if rule.code in TELLERS:
        did = ((one["unit_name"], one["actor"]) for one in told_of(bureau, rule.code, asked))
        most = sorted(Counter(did).items(), key=lambda one: (-one[1], one[0]))
        return [(unit, _who(actor), n) for (unit, actor), n in most[:PAGE]]
    if not rule.author:
        return []
    grouped = rule.select(f"unit.name AS unit_name, {rule.author} AS actor, COUNT(*) AS n")
    names = f"unit.code, unit.name, {rule.author}"
    order = f"GROUP BY {names} ORDER BY n DESC, {names} LIMIT {PAGE}"
    sql, params = complete(bureau, asked, f"{grouped} {order}")
    rows = bureau.db.rows(sql, **params)
    return [(one["unit_name"], _who(one["actor"]), one["n"]) for one in rows]


def _row(bureau: Bureau, rule: Rule, one: Record, asked: Asked) -> Row:
    since = day_of(one["since"])
    until = day_of(one["until"]) if one["until"] else beijing_day(asked.now)
    told: dict[str, int | str | Text] = {
        "step": said_step(bureau, one["kind"], one["step"]),
        "since": since.isoformat(),
        "until": until.isoformat() if one["until"] else _TODAY,
        "days": said_span((until - since).days),
        "n": one["n"],
        "who": _who(one["actor"]),
        "level": LEVELS.get(str(one["n"]), _NONE),
        "former": LEVELS.get(str(one["was"]), _NONE),
        "what": one.get("what", _NONE),
    }
    if rule.code == "hasty":
        taken = from_utc_text(one["until"]) - from_utc_text(one["since"])
        told["seconds"] = int(taken.total_seconds())
    return Row(
        key=(one["at"], one["id"]),
        number=one["number"] or "",
        kind=_kind(bureau, one["kind"]) if one["kind"] else _AT_A_COUNTER,
        **{name: one[name] for name in ("unit", "unit_name", "officer", "badge")},
        reason=rule.reason.fill(**told),
    )


def _who(actor: str | None) -> Text:
    return Text(actor, actor) if actor else _NOBODY


def _kind(bureau: Bureau, code: str) -> Text:
    kind = bureau.kinds.get(code)
    return kind.name if kind else Text(code, code)


def _shares(bureau: Bureau, asked: Asked) -> Iterator[Row]:
    """The units within reach that withhold far more than the others of their level in the whole
    bureau, each with those below it."""
    limits, names = bureau.oversight.exceptions, units_within(bureau.db, asked.unit)
    taken_in, withheld, levels = _counted(bureau, asked)
    shares = {code: share(withheld[code], whole) or 0 for code, whole in taken_in.items()}
    for code in sorted(names.keys() & shares.keys()):
        peers = [shares[one] for one in shares if one != code and levels[one] == levels[code]]
        if withheld[code] < limits.withheld_least or not peers:
            continue
        if shares[code] >= limits.withheld_times * median(peers):
            reason = _SHARE.reason.fill(
                n=withheld[code],
                whole=taken_in[code],
                share=f"{shares[code]:.2%}",
                peers=f"{median(peers):.2%}",
            )
            yield Row(("", 0), "", _NONE, code, names[code], "", "", reason)


def _counted(bureau: Bureau, asked: Asked) -> tuple[Counter[str], Counter[str], dict[str, int]]:
    """The cases taken in and those withheld of each unit with those below it, and how many units
    stand above it."""
    above = {one["code"]: one["parent"] for one in bureau.db.rows("SELECT code, parent FROM unit")}
    lines = {code: line_of(code, above) for code in above}
    taken_in, withheld = Counter[str](), Counter[str]()
    counted = rates(bureau, Question(asked.period.first, asked.period.last, "unit"), asked.now)
    for row in counted.rows:
        for code in lines[row.unit or ""]:
            taken_in[code] += row.figures.taken_in
            withheld[code] += row.figures.taken_in - row.figures.due
    return taken_in, withheld, {code: len(line) for code, line in lines.items()}
