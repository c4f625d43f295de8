"""Receipts from cases: whose are printed, what each says, and what printing leaves on record."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from lookup.beijing import beijing_day
from lookup.bureau import Bureau
from lookup.database import Record
from lookup.errors import FileError, NotFound
from lookup.issues import hand_over, link, live_issue, manual_code, reissue, void_papers
from lookup.language import Text
from lookup.progress import Step, progress_of
from lookup.records import number_key
from lookup.trail import Actor, change
from lookup.units import SUBTREE, require_unit
from receipts.apart import render_apart
from receipts.batch import SheetError, render
from receipts.manual import format_code
from receipts.sheet import Format, Paper, Receipt

# Papers a transaction, so that a batch of thousands never holds the database for long.
_CHUNK = 100
# Dots an inch of an image: those of a roll printer's head, else what an office printer needs.
_DOTS: dict[Paper, int] = {"roll80": 203}


@dataclass(frozen=True)
class Selection:
    """Which cases: by number, by unit with those below it, by first day of intake."""

    numbers: Sequence[str] = ()
    unit: str | None = None
    since: date | None = None


@dataclass(frozen=True)
class Order:
    """What printing does besides: a new issue for a reason, a note that the paper was given."""

    reissue: str | None = None
    handed_over: bool = False


def select(bureau: Bureau, wanted: Selection) -> list[int]:
    """The ids of the parties whose receipts are wanted, in the order of cases.

    Raises NotFound naming every number that is no case, or saying that nothing was selected.
    """
    if wanted.unit:
        require_unit(bureau.db, wanted.unit)
    numbered = _numbered(bureau, wanted.numbers)
    if wanted.numbers and not (wanted.unit or wanted.since):
        return numbered
    # One statement for all choices: an absent one lets everything through.
    rows = bureau.db.rows(
        f"""{SUBTREE} SELECT party.id FROM party JOIN cases ON cases.id = party.case_id
        WHERE (:unit = '' OR cases.unit IN (SELECT code FROM subtree))
            AND cases.intake_day >= :since AND party.forgotten_at IS NULL
        ORDER BY cases.intake_day, cases.id, party.id""",
        unit=wanted.unit or "",
        since=wanted.since.isoformat() if wanted.since else "",
    )
    found = [row["id"] for row in rows]
    if wanted.numbers:
        found = [party_id for party_id in numbered if party_id in set(found)]
    if not found:
        raise NotFound(
            "没有符合条件的案件，未打印任何回执。", "No case matches; nothing was printed."
        )
    return found


def _numbered(bureau: Bureau, numbers: Sequence[str]) -> list[int]:
    found: dict[int, None] = {}
    unknown = []
    for number in numbers:
        rows = bureau.db.rows(
            """SELECT party.id FROM party JOIN cases ON cases.id = party.case_id
            WHERE cases.number_key = :key ORDER BY party.id""",
            key=number_key(number),
        )
        found |= dict.fromkeys(row["id"] for row in rows)
        if not rows:
            unknown.append(number)
    if unknown:
        listed = "、".join(unknown), ", ".join(unknown)
        raise NotFound(
            f"没有这些案件，未打印任何回执：{listed[0]}。",
            f"There are no such cases, nothing was printed: {listed[1]}.",
        )
    return list(found)


@dataclass(frozen=True)
class Target:
    """The file to draw into, and how."""

    out: Path
    paper: Paper
    form: Format
    dpi: int


class Printed:
    """What came out of a print run: a line for each receipt, and what the reader should know."""

    def __init__(self) -> None:
        self.links: list[dict[str, str | int]] = []
        self.warnings: list[Text] = []


def print_receipts(
    bureau: Bureau,
    party_ids: Sequence[int],
    order: Order,
    actor: Actor,
    now: datetime,
    target: Target | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Printed:
    """Find or make the issues and draw them into one file; without a target only list them.

    Issues are committed before they are drawn: where the file then fails, printing again
    renders the very same papers. Raises FileError where the file cannot be written.
    """
    printed = Printed()
    if order.reissue is None:
        party_ids = _without_void(bureau, party_ids, printed)
    issues = _issues(bureau, party_ids, order, actor, now)
    receipts = (_noted(receipt_of(bureau, issue, now), issue, printed) for issue in issues)
    if target is None:
        deque(receipts, maxlen=0)
    else:
        _draw(receipts, target, printed, progress)
    if order.handed_over:
        _note_handed_over(bureau, party_ids, actor, now)
    _warn_of_address(bureau, printed)
    return printed


def _without_void(bureau: Bureau, party_ids: Sequence[int], printed: Printed) -> list[int]:
    """A paper that was revoked comes back by a reissue alone, never with a stack of others."""
    void: dict[int, str] = {}
    for start in range(0, len(party_ids), _CHUNK):
        void |= void_papers(bureau.db, party_ids[start : start + _CHUNK])
    for number in dict.fromkeys(void[one] for one in party_ids if one in void):
        printed.warnings.append(
            Text(
                f"案件 {number}：回执已作废，没有打印；要补发请用 --reissue 并写明原因。",
                f"Case {number}: its receipt was revoked and was not printed; to replace it use "
                "--reissue with a reason.",
            )
        )
    left = [one for one in party_ids if one not in void]
    if party_ids and not left:
        raise NotFound(*printed.warnings[0])
    return left


def receipt_of(bureau: Bureau, issue: Record, now: datetime) -> Receipt:
    """What the paper of an issue says; that of a withheld case only where to ask in person."""
    kind = bureau.kinds[issue["kind"]]
    progress = progress_of(bureau, issue, beijing_day(now))
    badge = f"（{issue['badge']}）" if issue["badge"] else ""
    return Receipt(
        title=kind.paper.title,
        bureau=bureau.config.bureau_name,
        number=issue["number"],
        kind=kind.name,
        case_name="" if issue["withheld"] else issue["name"],
        party_name=bureau.seals.open(issue["name_sealed"]),
        unit_name=issue["unit_name"],
        unit_address=issue["address"],
        unit_phone=issue["phone"],
        officer="" if issue["withheld"] else issue["officer"] + badge,
        happened=[_told(step) for step in progress.steps],
        next_step=progress.next_line,
        materials=[(one.name, one.received is not None) for one in progress.materials],
        statement=kind.paper.statement,
        query=kind.paper.query,
        complain=kind.paper.complain,
        url=link(bureau, issue),
        site=bureau.config.host,
        code=format_code(manual_code(bureau, issue)),
        match=issue["match_word"],
        issue_number=issue["ordinal"],
        printed_on=beijing_day(now).isoformat(),
    )


def _told(step: Step) -> tuple[str, str, str]:
    outcome = f"{step.outcome.zh} {step.outcome.en} " if step.outcome else ""
    return step.name.zh, step.name.en, f"{outcome}{step.when.zh}"


def draw_receipt(
    bureau: Bureau, issue: Record, now: datetime, paper: Paper = "a5", form: Format = "pdf"
) -> bytes:
    """The paper of an issue as a file of its own; an image has the dots that a printer prints."""
    return render_apart(receipt_of(bureau, issue, now), paper, form, _DOTS.get(paper, 300))


def _issues(
    bureau: Bureau, party_ids: Sequence[int], order: Order, actor: Actor, now: datetime
) -> Iterator[Record]:
    for start in range(0, len(party_ids), _CHUNK):
        with change(bureau.db, actor, now) as ongoing:
            chunk = [
                live_issue(bureau, ongoing, party_id)
                if order.reissue is None
                else reissue(bureau, ongoing, party_id, order.reissue)
                for party_id in party_ids[start : start + _CHUNK]
            ]
        yield from chunk


def _noted(receipt: Receipt, issue: Record, printed: Printed) -> Receipt:
    printed.links.append(
        {
            "case": issue["number"],
            "issue": issue["ordinal"],
            "url": receipt.url,
            "code": receipt.code,
            "match": receipt.match,
            "party": issue["role"],
        }
    )
    return receipt


def _draw(
    receipts: Iterable[Receipt], target: Target, printed: Printed, progress: Callable[[int], None]
) -> None:
    try:
        lacking = render(
            receipts,
            target.paper,
            target.out,
            format=target.form,
            dpi=target.dpi,
            progress=progress,
        )
    except SheetError as error:
        raise FileError(error.zh, error.en) from error
    except OSError as error:
        raise FileError(
            f"文件“{target.out}”写不进去（{error.strerror}），请换一个位置后重新打印。",
            f"The file “{target.out}” cannot be written ({error.strerror}); choose another place "
            "and print again.",
        ) from error
    printed.warnings += [
        Text(
            f"案件 {number}：字体没有“{char}”字，纸上印为 U+{ord(char):04X}。",
            f"Case {number}: the font lacks “{char}”; it is printed as U+{ord(char):04X}.",
        )
        for number, chars in lacking.items()
        for char in chars
    ]


def _note_handed_over(
    bureau: Bureau, party_ids: Sequence[int], actor: Actor, now: datetime
) -> None:
    for start in range(0, len(party_ids), _CHUNK):
        with change(bureau.db, actor, now) as ongoing:
            for party_id in party_ids[start : start + _CHUNK]:
                hand_over(ongoing, live_issue(bureau, ongoing, party_id))


def _warn_of_address(bureau: Bureau, printed: Printed) -> None:
    if bureau.config.is_exposed_plain:
        printed.warnings.append(
            Text(
                f"PUBLIC_URL 是 {bureau.config.public_url}，未加密；正式使用请改为 https。",
                f"PUBLIC_URL is {bureau.config.public_url}, which is not encrypted; use https in "
                "service.",
            )
        )
