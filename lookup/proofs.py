"""Proofs about the record for those who cannot look into it: that an entry is in it, and that it
begins with what it was before (RFC 9162, 2.1.3 and 2.1.4).

They are checked by ``tools/verify_inclusion.py``, which knows nothing of this program.
"""

from datetime import datetime

from lookup.beijing import utc_text
from lookup.database import Database, Record
from lookup.errors import NotFound
from lookup.language import Text
from lookup.merkle import Subtree, audit_path, consistency_path
from lookup.subtrees import reader
from lookup.trail import Actor, Head, head, said_of

# Of a case with more, the first ones: so that what one proof has, each later one has too.
MOST = 200
_ABOUT = Text(
    "本文件证明：下列条目写在变动记录里，连同其余条目得出同一个根。请妥善保存；日后再取一份，"
    "用公开的 verify_inclusion.py（只需 Python 3）对照，即可知道这些条目是否仍在原处、未被改动。",
    "This file proves that these entries are in the record and make up its root together with all "
    "others. Keep it; compare it with one taken later by means of verify_inclusion.py (nothing but "
    "Python 3 is needed) to see that they are still in their place, unchanged.",
)
_NO_SUCH_HEAD = Text(
    "记录现有 {present} 条，没有 {size} 条时的首部；如果那个首部是本局给出的，说明记录被截短了。",
    "The record has {present} entries and no head of {size}; if this bureau gave out such a head, "
    "the record was cut.",
)
_OTHER_ROOT = Text(
    "记录有 {size} 条时的首部是另一个根，请核对；如果那个首部是本局给出的，说明记录被改写了。",
    "The record of {size} entries has another root, please compare; if this bureau gave out that "
    "one, the record was rewritten.",
)


def place_of(db: Database, number: str) -> Record:
    """How many entries the record has about a case (``times``), and the position of the first."""
    [found] = db.rows(
        """SELECT COUNT(*) AS times, MIN(position) AS first FROM trail_entry
        WHERE case_number = :number""",
        number=number,
    )
    return found


def case_proof(
    db: Database, number: str, sender: Actor, now: datetime, size: int | None = None
) -> Record:
    """The inclusion proofs of a case's entries, at most MOST, as they are saved: against the
    present head, or that of the first ``size`` entries.

    Of an entry only position and leaf are told; what the ``sender`` sent himself is opened, so
    that he can see that it is his. Raises NotFound where there was no such head.
    """
    with db.transaction(reading=True):
        made = _head_at(db, size)
        rows = db.rows(
            """SELECT * FROM trail_entry WHERE case_number = :number AND position < :size
            ORDER BY position LIMIT :most""",
            number=number,
            size=made.size,
            most=MOST,
        )
        hash_of = reader(db)
        entries = [_proof(hash_of, row, made.size) | _opened(row, sender) for row in rows]
    return {
        "about": _ABOUT.both(),
        "case": number,
        "at": utc_text(now),
        "size": made.size,
        "root": made.root,
        "entries": entries,
    }


def head_now(db: Database, now: datetime, former: Head | None = None) -> Record:
    """The present head as it is given out, with the proof that it continues a former one; raises
    NotFound where the record is shorter, or had another root then."""
    with db.transaction(reading=True):
        present = head(db)
        told = {"size": present.size, "root": present.root, "at": utc_text(now)}
        if former is None:
            return told
        since = _head_at(db, former.size)
        if since.root != former.root:
            raise NotFound(*_OTHER_ROOT.fill(size=former.size))
        path = consistency_path(reader(db), since.size, present.size)
    told["since"] = {"size": former.size, "root": former.root}
    return told | {"consistency": [one.hex() for one in path]}


def _head_at(db: Database, size: int | None) -> Head:
    """The head as it was after so many entries, from the root kept with the last of them."""
    present = head(db)
    if size is None or size == present.size:
        return present
    last = size - 1 if 0 < size < present.size else -1
    row = db.row("SELECT root FROM trail_entry WHERE position = :last", last=last)
    if row is None:
        raise NotFound(*_NO_SUCH_HEAD.fill(present=present.size, size=size))
    return Head(size, row["root"])


def _proof(hash_of: Subtree, row: Record, size: int) -> Record:
    path = audit_path(hash_of, row["position"], 0, size)
    return {
        "position": row["position"],
        "leaf": row["leaf"],
        "path": [one.hex() for one in path],
    }


def _opened(row: Record, sender: Actor) -> Record:
    """The nonce and the very words that a leaf is the hash of, where it is the sender's own;
    once blanked by a purge nobody can open it any more."""
    if Actor(row["actor"], row["via"]) != sender or not row["nonce"]:
        return {}
    return {"nonce": row["nonce"], "entry": said_of(row)}
