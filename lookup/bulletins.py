"""The bulletin of a quarter: drafted, approved by a second person, published to all units.

What is published never changes: the record of changes keeps the digests of all it says and of its
paper, and a correction is a new edition that says what changed.
"""

import json
from base64 import b64encode
from datetime import date, datetime
from hashlib import sha256

from lookup.beijing import beijing_day, utc_text
from lookup.bulletin_figures import count_quarter
from lookup.bulletin_sheet import differences, sheet_of
from lookup.bureau import Bureau
from lookup.comments import read_text
from lookup.database import Database, Record
from lookup.editions import as_recorded, digests, pdf_of, recorded, seal_of
from lookup.errors import Conflict, NotFound, Refused
from lookup.periods import Period, quarter_of, read_period
from lookup.reach import is_whole
from lookup.staff import Staff
from lookup.trail import Change, change
from receipts.apart import render_apart

_DPI = 300
_ALTERED = (
    "这份通报与变动记录不符：发布后被改动过，不再显示。请告知系统管理员。",
    "This bulletin is not what the record says was published: it was altered since, and is not "
    "shown any more. Please tell the administrator.",
)


def makes(db: Database, staff: Staff) -> bool:
    """Whether somebody has a part in making bulletins, which are of all units."""
    return (staff.may("inspect") or staff.may("approve")) and is_whole(db, staff.unit)


def bulletins(db: Database, staff: Staff) -> list[Record]:
    """All that somebody may read, the latest first: rows without data and paper."""
    return db.rows(
        """SELECT id, period, edition, state, changed, drafted_at, published_at FROM bulletin
        WHERE state = 'published' OR :makes = 1 ORDER BY period DESC, edition DESC""",
        makes=int(makes(db, staff)),
    )


def find(db: Database, staff: Staff, bulletin_id: int, *, lock: bool = False) -> Record:
    """A row with ``data`` parsed, its ``seal`` (the digest of all it says), ``pdf`` as bytes, the
    digest of that (``paper``), and where the record tells of its publication (``entry``); with
    ``lock``, kept from others until the transaction ends.

    Raises NotFound, to those who do not make bulletins until it is published, and to all for what
    is not what was published.
    """
    more = db.for_update if lock else ""
    row = db.row(f"SELECT * FROM bulletin WHERE id = :id{more}", id=bulletin_id)
    if row is None or (row["state"] != "published" and not makes(db, staff)):
        raise NotFound("没有这份通报。", "There is no such bulletin.")
    if row["state"] == "published" and not as_recorded(db, row):
        raise NotFound(*_ALTERED)
    entry, _ = recorded(db).get((row["period"], row["edition"]), (None, None))
    return _sealed(row) | {"data": json.loads(row["data"]), "entry": entry}


def draft(
    bureau: Bureau, staff: Staff, code: str, told: Record, now: datetime, seen: str = ""
) -> int:
    """Count a quarter that is over as a draft, with a ``foreword`` and, of one that was published
    before, what ``changed``: a new edition, or anew the one with the seal ``seen``, whose approval
    is void. Its id.

    Raises Refused for what will not do, Conflict where another edition is under way.
    """
    quarter = _quarter(bureau.db, staff, code, beijing_day(now))
    counted = count_quarter(bureau, staff.unit, quarter, now)
    with change(bureau.db, staff.actor, now) as ongoing:
        ongoing.db.rows(ongoing.db.take_turns)  # of two who begin at once, the second is told so
        row = ongoing.db.row(
            "SELECT * FROM bulletin WHERE period = :code ORDER BY edition DESC", code=code
        )
        if row and (seen or row["state"] != "published"):
            row = _expected(ongoing.db, _sealed(row), seen, "draft", "approved")
        else:
            [row] = ongoing.db.rows(
                """INSERT INTO bulletin (period, edition, state, data, drafted_at, drafted_by)
                VALUES (:code, :edition, '', '', '', '') RETURNING *""",
                code=code,
                edition=row["edition"] + 1 if row else 1,
            )
        return _keep(ongoing, row, counted, told)


def approve(bureau: Bureau, staff: Staff, bulletin_id: int, seen: str, now: datetime) -> None:
    """Let a draft be published. Raises Refused to its drafter, and Conflict."""
    with change(bureau.db, staff.actor, now) as ongoing:
        row = find(ongoing.db, staff, bulletin_id, lock=True)
        row = _expected(ongoing.db, row, seen, "draft")
        if is_own(ongoing.db, staff, row):
            raise Refused(
                "approve",
                "",
                "通报须由编制人以外的人审批。",
                "A bulletin is approved by somebody else than its drafter.",
            )
        _step(ongoing, row, "approved")
        ongoing.record("bulletin.approved", period=row["period"], edition=row["edition"])


def is_own(db: Database, staff: Staff, row: Record) -> bool:
    """Whether somebody, under whatever name or second account, drafted a bulletin.

    The login at the end of a name tells: the name itself may be changed meanwhile.
    """
    login = row["drafted_by"].split()[-1]
    drafter = db.row("SELECT badge FROM staff WHERE login = :login", login=login)
    return login == staff.login or bool(drafter and staff.badge and drafter["badge"] == staff.badge)


def publish(bureau: Bureau, staff: Staff, bulletin_id: int, seen: str, now: datetime) -> None:
    """Publish what was approved, with its paper. Raises Conflict, and
    subprocess.SubprocessError where that cannot be drawn."""
    row = _expected(bureau.db, find(bureau.db, staff, bulletin_id), seen, "approved")
    told = {"state": "published", "published_at": utc_text(now), "published_by": staff.actor.name}
    pdf = paper(row | told)  # before the database is held
    with change(bureau.db, staff.actor, now) as ongoing:
        row = find(ongoing.db, staff, bulletin_id, lock=True)
        row = _expected(ongoing.db, row, seen, "approved")
        _step(ongoing, row, "published", b64encode(pdf).decode())
        [done] = ongoing.db.rows("SELECT * FROM bulletin WHERE id = :id", id=bulletin_id)
        ongoing.record("bulletin.published", **digests(done))


def paper(row: Record) -> bytes:
    """The PDF: as it was published, else drawn now. Raises subprocess.SubprocessError."""
    return row["pdf"] or render_apart(sheet_of(row), "a4", "pdf", _DPI)


def _quarter(db: Database, staff: Staff, code: str, today: date) -> Period:
    quarter = read_period(code)
    if quarter_of(quarter.first) != quarter or quarter.last >= today or not makes(db, staff):
        raise Refused(
            "period",
            code,
            "通报由全局的督察按已结束的季度编制，请选择一个已结束的季度。",
            "A bulletin is made of a quarter that is over, by an auditor of the whole bureau.",
        )
    return quarter


def _keep(ongoing: Change, row: Record, counted: Record, told: Record) -> int:
    """Make a row a draft of what was just counted and is ``told``."""
    former = ongoing.db.row(
        "SELECT * FROM bulletin WHERE period = :period AND edition = :edition",
        period=row["period"],
        edition=row["edition"] - 1,
    )
    if not all(as_recorded(ongoing.db, one) for one in (row, former) if one):
        raise Conflict(*_ALTERED)
    changes = differences(json.loads(former["data"]), counted) if former else []
    foreword = told["foreword"].strip()
    ongoing.db.run(
        """UPDATE bulletin SET state = 'draft', data = :data, foreword = :foreword,
            changed = :changed, drafted_at = :at, drafted_by = :by, approved_at = NULL,
            approved_by = '' WHERE id = :id""",
        id=row["id"],
        data=json.dumps(counted | {"changes": changes}, ensure_ascii=False),
        foreword=read_text("foreword", foreword) if foreword else "",
        changed=read_text("changed", told["changed"].strip()) if former else "",
        at=ongoing.at,
        by=ongoing.actor.name,
    )
    ongoing.record("bulletin.drafted", period=row["period"], edition=row["edition"])
    return int(row["id"])


def _step(ongoing: Change, row: Record, state: str, pdf: str = "") -> None:
    ongoing.db.run(
        f"""UPDATE bulletin SET state = :state, {state}_at = :at, {state}_by = :by, pdf = :pdf
        WHERE id = :id""",
        id=row["id"],
        state=state,
        at=ongoing.at,
        by=ongoing.actor.name,
        pdf=pdf,
    )


def _expected(db: Database, row: Record, seen: str, *states: str) -> Record:
    if row["state"] not in states or row["seal"] != seen:
        raise Conflict(
            "这个季度的通报已有人在编制或刚改动，未作处理，请打开最新一版核对。",
            "Somebody is making this bulletin or has just changed it, so nothing was done; open "
            "the latest edition and check it.",
        )
    if (row["period"], row["edition"]) in recorded(db):  # set back by hand
        raise Conflict(*_ALTERED)
    return row


def _sealed(row: Record) -> Record:
    pdf = pdf_of(row)
    return row | {"pdf": pdf, "seal": seal_of(row), "paper": sha256(pdf).hexdigest()}
