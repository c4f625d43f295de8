"""Case registers come in: each row a case, a flawed one refused alone."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from lookup.beijing import Moment
from lookup.bodies import Bounds, read_case
from lookup.bureau import Bureau
from lookup.cases import AsOf, Files, Put, put_case
from lookup.cells import column_key
from lookup.columns import Columns, body_of, load_columns
from lookup.errors import Conflict, FileError, Refused
from lookup.language import Text, plain
from lookup.records import CaseRecord, CaseRefused, number_key, prose
from lookup.rejects import REJECT_COLUMNS, RejectsWriter
from lookup.tables import Row, Table, open_table
from lookup.trail import Actor, Change, change
from lookup.units import UnitRecord, put_units, unit_codes
from lookup.within import FilesWithin, out_of_reach

# Rows a transaction: large enough to be fast, small enough that a phone's rating waiting for
# SQLite's one writer is not kept long.
_CHUNK = 200
_WARNINGS_SHOWN = 1000
# Where a register lacks a column, what is said of it is said of this one.
_INSTEAD = {"taken_in_at": "reported_at", "withheld_reason": "disclosed"}
_UNIT_COLUMNS = {
    "code": ["代码", "单位代码", "code"],
    "name": ["名称", "单位名称", "name"],
    "parent": ["上级代码", "上级单位代码", "parent"],
    "address": ["地址", "address"],
    "phone": ["电话", "联系电话", "phone"],
}


@dataclass
class Summary:
    """What became of a register's rows; ``warnings`` are values left out, rows left alone."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    rejects_file: str | None = None
    dry_run: bool = False
    unread_columns: list[str] = field(default_factory=list)
    warnings: list[dict[str, str | int]] = field(default_factory=list)
    warned: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The summary as the command prints it in JSON."""
        return asdict(self)


def import_units(
    bureau: Bureau, path: Path, actor: Actor, within: str | None = None
) -> dict[str, int]:
    """Load the tree of units; all or, where one is wrong, none.

    ``within`` is the unit whose tree may be altered. Raises FileError naming file or row.
    """
    columns = Columns(_UNIT_COLUMNS, list(_UNIT_COLUMNS))
    with open_table(path, columns.required()) as table, change(bureau.db, actor) as ongoing:
        found = columns.found(table.columns)
        units = (_unit(row, found) for row in table)
        return put_units(ongoing, units, within)


def import_cases(
    bureau: Bureau,
    path: Path,
    actor: Actor,
    as_of: AsOf,
    rejects: Path,
    *,
    dry_run: bool = False,
    progress: Callable[[Table], None] = lambda _: None,
    reach: frozenset[str] | None = None,
    most: int | None = None,
) -> Summary:
    """Take in a register. Rows that break a rule go to ``rejects`` with their reason.

    Each chunk of rows is one transaction, so that an import that is broken off can simply be
    run again. A rehearsal (``dry_run``) keeps nothing but the rejects file. Rows for units beyond
    ``reach``, or of their cases, are rejected.
    Raises FileError where the file as a whole cannot be read or has more rows than ``most``.
    """
    steps = {milestone.step for kind in bureau.kinds.values() for milestone in kind.milestones}
    columns = load_columns(bureau.config.register_file, steps)
    with (
        open_table(path, columns.required()) as table,
        RejectsWriter(rejects, table.headers) as writer,
        bureau.db.rehearsal() if dry_run else nullcontext(),
    ):
        taker = _Taker(bureau, columns.found(table.columns), as_of, writer, reach)
        taker.summary.dry_run = dry_run
        read = {*taker.found.values(), *map(column_key, REJECT_COLUMNS)}
        taker.summary.unread_columns = [c for c in table.columns if c not in read]
        for chunk in _chunks(table):
            taker.take(chunk, actor)
            _refuse_longer(path, taker.summary.rows, most)
            progress(table)
        summary = taker.summary
        summary.rejects_file = str(rejects) if summary.rejected else None
        with change(bureau.db, actor) as ongoing:
            counts = {k: getattr(summary, k) for k in ("rows", "new", "changed", "rejected")}
            ongoing.record("register.imported", file=path.name, as_of=as_of.text, **counts)
    return summary


class _Taker:
    """Takes in one register's rows, chunk by chunk."""

    def __init__(
        self,
        bureau: Bureau,
        found: dict[str, str],
        as_of: AsOf,
        rejects: RejectsWriter,
        reach: frozenset[str] | None,
    ) -> None:
        self.summary = Summary()
        self.found = found
        self._bureau = bureau
        self._as_of = as_of
        self._rejects = rejects
        self._reach = reach
        self._bounds = Bounds(bureau.kinds, unit_codes(bureau.db), Moment.of(as_of.instant))

    def take(self, rows: list[Row], actor: Actor) -> None:
        told = {row.number: self._read(row) for row in rows}
        records = {n: one for n, one in told.items() if isinstance(one, CaseRecord)}
        outcomes: dict[int, Put | CaseRefused] = {
            n: one for n, one in told.items() if isinstance(one, CaseRefused)
        }
        with change(self._bureau.db, actor) as ongoing:
            numbers = [one.number for one in records.values()]
            files = FilesWithin(self._bureau.db, numbers, self._reach)
            # In one order for all, so that two registers at once never wait for each other.
            for n in sorted(records, key=lambda n: number_key(records[n].number)):
                outcomes[n] = self._put(ongoing, files, records[n])
        for row in rows:
            self._count(row, outcomes[row.number])

    def _read(self, row: Row) -> CaseRecord | CaseRefused:
        body, refusals = body_of(row.cells, self.found)
        unit = plain(body.get("unit") or "")
        if self._reach is not None and unit in self._bounds.units - self._reach:
            refusals = [*refusals, out_of_reach("unit", unit)]
        if row.excess:
            zh = "单元格比表头多，可能是内容里的分隔符没有加引号。"
            en = "More cells than columns: perhaps a delimiter inside a cell that is not quoted."
            return CaseRefused("a row", [Refused("", " ".join(row.excess), zh, en)])
        try:
            return read_case(body, self._bounds, refusals)
        except CaseRefused as refused:
            return refused

    def _put(self, ongoing: Change, files: Files, told: CaseRecord) -> Put | CaseRefused:
        try:
            return put_case(self._bureau, ongoing, told, self._as_of, files)
        except CaseRefused as refused:
            return refused
        except Conflict as beyond:
            return CaseRefused("a row", [Refused("number", told.number, *beyond.text)])

    def _count(self, row: Row, outcome: Put | CaseRefused) -> None:
        self.summary.rows += 1
        if isinstance(outcome, CaseRefused):
            self._reject(row, outcome.refusals())
        else:
            setattr(self.summary, outcome.result, getattr(self.summary, outcome.result) + 1)
            self._warn(row, outcome.warnings)

    def _reject(self, row: Row, refusals: list[Refused]) -> None:
        self.summary.rejected += 1
        named = [(self._header(one.field), one) for one in refusals]
        # Where several cells are wrong, each reason says which it speaks of.
        several = len(refusals) > 1
        reasons = [
            Text(f"{name}：{one.text.zh}", f"{name}: {one.text.en}") if several else one.text
            for name, one in named
        ]
        self._rejects.add(
            row,
            Refused(
                "；".join(dict.fromkeys(name for name, _ in named)),
                "；".join(one.value for one in refusals),
                "".join(reason.zh for reason in reasons),
                " ".join(reason.en for reason in reasons),
            ),
        )

    def _warn(self, row: Row, warnings: list[Refused]) -> None:
        self.summary.warned += len(warnings)
        room = _WARNINGS_SHOWN - len(self.summary.warnings)
        self.summary.warnings += [
            {
                "row": row.number,
                "field": self._header(warning.field),
                "reason_zh": warning.text.zh,
                "reason": warning.text.en,
            }
            for warning in warnings[:room]
        ]

    def _header(self, path: str) -> str:
        """The register's own name for a field, for the cell it is part of, or for the nearest."""
        group = path if path in self.found else _INSTEAD.get(path, path)
        while group:
            kin = (name for name in self.found if name.startswith(f"{group}."))
            nearest = group if group in self.found else next(kin, None)
            if nearest:
                return self.found[nearest]
            group = group.rpartition(".")[0]
        return path


def _refuse_longer(path: Path, rows: int, most: int | None) -> None:
    if most is not None and rows > most:
        raise FileError(
            f"文件“{path.name}”超过 {most} 行，请用命令 flask import-cases 导入。",
            f"The file “{path.name}” has more than {most} rows; import it with the command flask "
            "import-cases.",
        )


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    stream = iter(rows)
    while chunk := list(islice(stream, _CHUNK)):
        yield chunk


def _unit(row: Row, found: dict[str, str]) -> UnitRecord:
    if row.excess:
        raise FileError(
            f"第 {row.number} 行的单元格比表头多，可能是内容里的逗号没有加引号。未导入任何单位。",
            f"Row {row.number} has more cells than columns: perhaps a comma inside a cell that is "
            "not quoted. No unit was imported.",
        )
    return UnitRecord(row.number, **{name: prose(row.cells[h]) for name, h in found.items()})


def said_summary(summary: Summary) -> Text:
    """The summary as a sentence for the terminal."""
    counts = {name: getattr(summary, name) for name in ("rows", "new", "changed", "unchanged")}
    rejected = Text(
        f"，拒收 {summary.rejected} 行（见 {summary.rejects_file}）" if summary.rejected else "",
        f", {summary.rejected} rejected (see {summary.rejects_file})" if summary.rejected else "",
    )
    rehearsed = Text("（演练，未写入）", " (rehearsed, nothing written)")
    return Text(
        "共 {rows} 行：新增 {new}，变更 {changed}，未变 {unchanged}{rejected}{rehearsed}。",
        "{rows} rows: {new} new, {changed} changed, {unchanged} unchanged{rejected}{rehearsed}.",
    ).fill(**counts, rejected=rejected, rehearsed=rehearsed if summary.dry_run else Text("", ""))
