"""Issues of receipts: each printing for a party has its own token, code and match word.

Printing renders the live issue. Only a reissue makes a new one, and it kills the old.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime

from lookup.beijing import beijing_day, utc_text
from lookup.bureau import Bureau
from lookup.database import Database, Record
from lookup.errors import Conflict, NotFound
from lookup.language import Text
from lookup.records import number_key
from lookup.tally import refresh
from lookup.throttle import Limit, count_try, forgive_try, network_of
from lookup.trail import Change
from receipts.manual import new_code, new_match_word, read_code
from receipts.token import BadToken, new_receipt_id

# Eight random characters hold 40 bits: at this pace a case's code is safe for ages. Phone
# carriers put thousands of people behind one address, so an address may try far more often.
_PER_CASE = Limit(tries=10, seconds=15 * 60)
_PER_ADDRESS = Limit(tries=600, seconds=60 * 60)

_OR_SCAN = Text("，或扫描回执上的二维码", ", or scan the code on the receipt")

_ALIKE = str.maketrans({"O": "0", "I": "1"})

_LIVE = """SELECT issue.*, cases.number, cases.kind, cases.unit, cases.name, cases.officer,
    cases.badge, cases.intake_day, cases.intake_at, party.role, party.name_sealed,
    party.phone_sealed, party.texts_off_at, party.language, stopped_number.why AS stopped,
    unit.name AS unit_name, unit.address, unit.phone, unit.parent,
    withholding.reason AS withheld
FROM issue
JOIN party ON party.id = issue.party_id
JOIN cases ON cases.id = issue.case_id
JOIN unit ON unit.code = cases.unit
LEFT JOIN stopped_number ON stopped_number.phone_found = party.phone_found
LEFT JOIN withholding ON withholding.case_id = cases.id AND withholding.ended_at IS NULL
WHERE issue.revoked_at IS NULL"""


def find_live(db: Database, party_id: int) -> Record | None:
    """The live issue of a party's receipt joined with its case, None where there is none."""
    return db.row(f"{_LIVE} AND issue.party_id = :party_id", party_id=party_id)


def live_issue(bureau: Bureau, change: Change, party_id: int) -> Record:
    """The live issue of a party's receipt, made where there is none; joined with its case.

    ``withheld`` is the reason where the case is not disclosed, else None. Raises NotFound where
    the party was forgotten.
    """
    return find_live(bureau.db, party_id) or _make(bureau, change, party_id)


def require_live(db: Database, party_id: int, ordinal: str) -> Record:
    """The live issue, which must be the one that somebody saw; raises Conflict."""
    live = find_live(db, party_id)
    if live is None:
        raise Conflict(
            "这张回执刚才已被作废，请看下面现在的情况。",
            "This receipt was revoked meanwhile; below is how it stands now.",
        )
    if str(live["ordinal"]) != ordinal:
        raise Conflict(
            f"这张回执刚才已由 {live['issued_by']} 补发（第 {live['ordinal']} 次出具），没有改动。",
            f"This receipt was reissued meanwhile by {live['issued_by']} (issue no. "
            f"{live['ordinal']}); nothing was changed.",
        )
    return live


def void_papers(db: Database, party_ids: Sequence[int]) -> dict[int, str]:
    """Of some parties those whose paper was revoked and not replaced, each with the number of the
    case."""
    rows = db.rows(
        f"""SELECT party.id, cases.number FROM party JOIN cases ON cases.id = party.case_id
        WHERE party.id IN ({", ".join(map(str, party_ids)) or "NULL"})
            AND EXISTS (SELECT 1 FROM issue WHERE party_id = party.id)
            AND NOT EXISTS (
                SELECT 1 FROM issue WHERE party_id = party.id AND revoked_at IS NULL)"""
    )
    return {row["id"]: row["number"] for row in rows}


def reissue(bureau: Bureau, change: Change, party_id: int, reason: str) -> Record:
    """A new issue in place of the live one, which stops working at once."""
    live = live_issue(bureau, change, party_id)
    revoke(change, live, reason)
    return _make(bureau, change, party_id)


def revoke(change: Change, issue: Record, reason: str) -> None:
    """Kill an issue: its token and code open nothing any more."""
    change.db.run(
        """UPDATE issue SET revoked_at = :at, revoked_by = :by, revoked_for = :reason
        WHERE id = :id AND revoked_at IS NULL""",
        at=change.at,
        by=change.actor.name,
        reason=reason,
        id=issue["id"],
    )
    change.record("receipt.revoked", issue["number"], issue=issue["ordinal"], reason=reason)


def hand_over(change: Change, issue: Record) -> None:
    """Note that the paper was put into the party's hand; the first time counts."""
    touched = change.db.run(
        """UPDATE issue SET handed_over_at = :at, handed_over_by = :by
        WHERE id = :id AND handed_over_at IS NULL""",
        at=change.at,
        by=change.actor.name,
        id=issue["id"],
    )
    if touched:
        change.record("receipt.handed_over", issue["number"], issue=issue["ordinal"])


def link(bureau: Bureau, issue: Record) -> str:
    """The address in the QR code."""
    return f"{bureau.config.public_url}/r/{bureau.papers.sign(issue['token_id'])}"


def manual_code(bureau: Bureau, issue: Record) -> str:
    """The code to type where the camera does not help, 9 characters."""
    return bureau.seals.open(issue["code_sealed"])


def open_by_token(bureau: Bureau, token: str) -> Record:
    """The live issue a token from the paper belongs to, joined with its case.

    Raises NotFound, the same for forged, unknown and revoked ones and after the same work.
    """
    try:
        token_id = bureau.papers.read(token)
    except BadToken:
        token_id = ""
    return open_by_id(bureau.db, token_id)


def open_by_id(db: Database, token_id: str) -> Record:
    """The live issue of a receipt id that was verified before; raises NotFound."""
    issue = db.row(f"{_LIVE} AND issue.token_id = :token_id", token_id=token_id)
    if issue is None:
        raise NotFound(
            "这张回执无效，可能已被新的回执取代。",
            "This receipt is not valid; it may have been replaced by a newer one.",
        )
    return issue


def open_by_code(bureau: Bureau, number: str, code: str, address: str, now: datetime) -> Record:
    """The live issue of a case number and the printed code.

    Raises receipts.manual.BadCode where the code has a slip that its check character shows,
    NotFound where number and code do not belong together, Throttled after too many tries.
    """
    wanted, second = read_code(code), int(now.timestamp())
    key = number_key(number)
    # Digits are what people see in a printed number.
    digits = key.translate(_ALIKE)
    limits = {
        f"case {bureau.seals.fingerprint(digits)}": _PER_CASE,
        f"address {bureau.seals.fingerprint(network_of(address))}": _PER_ADDRESS,
    }
    count_try(bureau.db, limits, second, _OR_SCAN)
    live = bureau.db.rows(
        f"{_LIVE} AND cases.number_key IN (:key, :digits)", key=key, digits=digits
    )
    found = [one for one in live if hmac.compare_digest(manual_code(bureau, one), wanted)]
    if not found:
        raise NotFound(
            "案件编号与查询码不符，请对照回执核对后重试。",
            "The case number and the code do not belong together; please check both against the "
            "receipt.",
        )
    forgive_try(bureau.db, limits, second)
    return found[0]


def count_visit(db: Database, issue: Record, now: datetime) -> None:
    """Count a look-up: at most one a receipt and Beijing day."""
    visit = {"party_id": issue["party_id"], "day": beijing_day(now).isoformat()}
    if db.row("SELECT day FROM visit WHERE party_id = :party_id AND day = :day", **visit):
        return
    with db.transaction():
        db.run(
            """INSERT INTO visit (party_id, day, case_id, at)
            VALUES (:party_id, :day, :case_id, :at) ON CONFLICT (party_id, day) DO NOTHING""",
            **visit,
            case_id=issue["case_id"],
            at=utc_text(now),
        )
        [seen] = db.rows(
            "SELECT COUNT(*) AS times FROM visit WHERE case_id = :id", id=issue["case_id"]
        )
        if seen["times"] == 1:  # further ones change no figure
            refresh(db, [issue["case_id"]])


def _make(bureau: Bureau, change: Change, party_id: int) -> Record:
    _refuse_forgotten(change.db, party_id)
    # Where another desk made the issue in the same moment, its one is taken.
    made = change.db.run(
        """INSERT INTO issue (party_id, case_id, token_id, ordinal, code_sealed, match_word,
            issued_at, issued_by, revoked_by, revoked_for, handed_over_by)
        SELECT party.id, party.case_id, :token_id,
            (SELECT COUNT(*) + 1 FROM issue WHERE issue.party_id = party.id), :code, :match_word,
            :at, :by, '', '', ''
        FROM party WHERE party.id = :party_id
        ON CONFLICT DO NOTHING""",
        token_id=new_receipt_id(),
        party_id=party_id,
        code=bureau.seals.seal(new_code()),
        match_word=new_match_word(),
        at=change.at,
        by=change.actor.name,
    )
    issue = find_live(change.db, party_id)
    if issue is None:
        return _make(bureau, change, party_id)
    if made:
        change.record("receipt.issued", issue["number"], issue=issue["ordinal"], role=issue["role"])
    return issue


def _refuse_forgotten(db: Database, party_id: int) -> None:
    forgotten = db.row(
        """SELECT number FROM cases JOIN party ON party.case_id = cases.id
        WHERE party.id = :party_id AND forgotten_at IS NOT NULL""",
        party_id=party_id,
    )
    if forgotten:
        raise NotFound(
            f"案件 {forgotten['number']} 的个人信息已按期清除，不再有回执。",
            f"The people of case {forgotten['number']} were forgotten after the set time; it has "
            "no receipts any more.",
        )
