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
from lookup.cases import AsOf, put_case
from lookup.columns import Columns, body_of, load_columns
from lookup.errors import Refused
from lookup.language import Text
from lookup.records import CaseRecord
from lookup.rejects import RejectsWriter
from lookup.tables import Row, Table, open_table
from lookup.trail import Actor, change
from lookup.units import UnitRecord, put_units, unit_codes

# Rows a transaction: large enough to be fast, small enough that a phone's rating waiting for
# SQLite's one writer is not kept long.
_CHUNK = 200
_WARNINGS_SHOWN = 1000
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


def import_units(bureau: Bureau, path: Path, actor: Actor) -> dict[str, int]:
    """Load the tree of units; all or, where one is wrong, none.

    Raises FileError naming file or row.
    """
    columns = Columns(_UNIT_COLUMNS, list(_UNIT_COLUMNS))
    with open_table(path, columns.required()) as table, change(bureau.db, actor) as ongoing:
        found = columns.found(table.columns)
        units = (_unit(row, found) for row in table)
        return put_units(ongoing, units)


def import_cases(
    bureau: Bureau,
    path: Path,
    actor: Actor,
    as_of: AsOf,
    rejects: Path,
    *,
    dry_run: bool = False,
    progress: Callable[[Table], None] = lambda _: None,
) -> Summary:
    """Take in a register. Rows that break a rule go to ``rejects`` with their reason.

    Each chunk of rows is one transaction, so that an import that is broken off can simply be
    run again. A rehearsal (``dry_run``) keeps nothing but the rejects file.
    Raises FileError where the file as a whole cannot be read.
    """
    columns = load_columns(bureau.config.register_file)
    with (
        open_table(path, columns.required()) as table,
        RejectsWriter(rejects, table.headers) as writer,
        bureau.db.rehearsal() if dry_run else nullcontext(),
    ):
        taker = _Taker(bureau, columns.found(table.columns), as_of, writer)
        taker.summary.dry_run = dry_run
        read = set(taker.found.values())
        taker.summary.unread_columns = [c for c in table.columns if c not in read]
        for chunk in _chunks(table):
            taker.take(chunk, actor)
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
        self, bureau: Bureau, found: dict[str, str], as_of: AsOf, rejects: RejectsWriter
    ) -> None:
        self.summary = Summary()
        self.found = found
        self._bureau = bureau
        self._as_of = as_of
        self._rejects = rejects
        self._bounds = Bounds(bureau.kinds, unit_codes(bureau.db), Moment.of(as_of.instant))

    def take(self, rows: list[Row], actor: Actor) -> None:
        with change(self._bureau.db, actor) as ongoing:
            for row in rows:
                self.summary.rows += 1
                try:
                    put = put_case(self._bureau, ongoing, self._read(row), self._as_of)
                except* Refused as refusals:
                    self._reject(row, refusals.exceptions)
                else:
                    setattr(self.summary, put.result, getattr(self.summary, put.result) + 1)
                    self._warn(row, put.warnings)

    def _read(self, row: Row) -> CaseRecord:
        if row.excess:
            raise Refused(
                "",
                " ".join(row.excess),
                "单元格比表头多，可能是内容里的分隔符没有加引号。",
                "More cells than columns: perhaps a delimiter inside a cell that is not quoted.",
            )
        return read_case(body_of(row.cells, self.found), self._bounds)

    def _reject(self, row: Row, refusals: Iterable[BaseException]) -> None:
        self.summary.rejected += 1
        flat = list(_flat(refusals))
        reasons = [refusal.text for refusal in flat]
        self._rejects.add(
            row,
            Refused(
                "；".join(self._header(refusal.field) for refusal in flat),
                "；".join(refusal.value for refusal in flat),
                "".join(text.zh for text in reasons),
                " ".join(text.en for text in reasons),
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
        """The register's own name for a field, or for the cell that the field is part of."""
        while path not in self.found and "." in path:
            path = path.rpartition(".")[0]
        return self.found.get(path, path)


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    stream = iter(rows)
    while chunk := list(islice(stream, _CHUNK)):
        yield chunk


def _flat(refusals: Iterable[BaseException]) -> Iterator[Refused]:
    for refusal in refusals:
        if isinstance(refusal, Refused):
            yield refusal
        elif isinstance(refusal, BaseExceptionGroup):
            yield from _flat(refusal.exceptions)


def _unit(row: Row, found: dict[str, str]) -> UnitRecord:
    from lookup.language import plain

    return UnitRecord(row.number, **{name: plain(row.cells[h]) for name, h in found.items()})


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
