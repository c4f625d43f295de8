"""Numbered steps that bring a database to the shape this program knows."""

from lookup.beijing import utc_now, utc_text
from lookup.database import Database
from lookup.errors import StorageError

# Each step: its name and its statements. `{identity}` is the engine's own-numbered primary key.
# A step that has been released is never edited; a change is a new step.
MIGRATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "units, cases and their course",
        (
            """CREATE TABLE unit (
                code TEXT PRIMARY KEY,
                name TEXT NOT NULL,
                parent TEXT REFERENCES unit (code),
                address TEXT NOT NULL,
                phone TEXT NOT NULL
            )""",
            "CREATE INDEX unit_parent ON unit (parent)",
            """CREATE TABLE cases (
                id {identity},
                number TEXT NOT NULL,
                number_key TEXT NOT NULL UNIQUE,
                kind TEXT NOT NULL,
                unit TEXT NOT NULL REFERENCES unit (code),
                name TEXT NOT NULL,
                officer TEXT NOT NULL,
                badge TEXT NOT NULL,
                channel TEXT NOT NULL,
                reported_day TEXT,
                reported_at TEXT,
                intake_day TEXT NOT NULL,
                intake_at TEXT,
                remark TEXT NOT NULL,
                known_as_of TEXT NOT NULL,
                by_hand TEXT NOT NULL,
                created_at TEXT NOT NULL,
                changed_at TEXT NOT NULL,
                version INTEGER NOT NULL
            )""",
            "CREATE INDEX cases_intake ON cases (intake_day, unit)",
            "CREATE INDEX cases_unit ON cases (unit, intake_day)",
            """CREATE TABLE milestone (
                id {identity},
                case_id BIGINT NOT NULL REFERENCES cases (id),
                step TEXT NOT NULL,
                outcome TEXT NOT NULL,
                happened_day TEXT NOT NULL,
                happened_at TEXT,
                entered_at TEXT NOT NULL,
                visible_at TEXT,
                visible_day TEXT,
                visible_by TEXT NOT NULL,
                backlog INTEGER NOT NULL,
                via TEXT NOT NULL,
                unit TEXT NOT NULL,
                officer TEXT NOT NULL,
                badge TEXT NOT NULL,
                UNIQUE (case_id, step)
            )""",
            """CREATE TABLE extension (
                case_id BIGINT NOT NULL REFERENCES cases (id),
                step TEXT NOT NULL,
                days INTEGER NOT NULL,
                approved_by TEXT NOT NULL,
                via TEXT NOT NULL,
                PRIMARY KEY (case_id, step)
            )""",
            """CREATE TABLE clock (
                case_id BIGINT NOT NULL REFERENCES cases (id),
                step TEXT NOT NULL,
                start_day TEXT NOT NULL,
                days INTEGER NOT NULL,
                due_day TEXT NOT NULL,
                provisional INTEGER NOT NULL,
                extended INTEGER NOT NULL,
                decided_day TEXT,
                void_step TEXT,
                is_decision INTEGER NOT NULL,
                PRIMARY KEY (case_id, step)
            )""",
            """CREATE TABLE withholding (
                id {identity},
                case_id BIGINT NOT NULL REFERENCES cases (id),
                reason TEXT NOT NULL,
                requested_at TEXT NOT NULL,
                requested_by TEXT NOT NULL,
                approved_at TEXT,
                approved_by TEXT NOT NULL,
                ended_at TEXT,
                ended_by TEXT NOT NULL,
                via TEXT NOT NULL
            )""",
            "CREATE UNIQUE INDEX withholding_live ON withholding (case_id) WHERE ended_at IS NULL",
            "CREATE INDEX withholding_case ON withholding (case_id)",
            """CREATE TABLE property (
                id {identity},
                case_id BIGINT NOT NULL REFERENCES cases (id),
                position INTEGER NOT NULL,
                name TEXT NOT NULL,
                quantity TEXT NOT NULL,
                unit TEXT NOT NULL,
                measure TEXT NOT NULL,
                status TEXT NOT NULL,
                status_day TEXT,
                place TEXT NOT NULL,
                UNIQUE (case_id, position)
            )""",
            """CREATE TABLE material (
                id {identity},
                case_id BIGINT NOT NULL REFERENCES cases (id),
                name TEXT NOT NULL,
                received_day TEXT
            )""",
            "CREATE INDEX material_case ON material (case_id)",
        ),
    ),
    (
        "parties, receipts and look-ups",
        (
            """CREATE TABLE party (
                id {identity},
                case_id BIGINT NOT NULL REFERENCES cases (id),
                role TEXT NOT NULL,
                name_sealed TEXT NOT NULL,
                name_found TEXT NOT NULL,
                phone_sealed TEXT NOT NULL,
                phone_found TEXT NOT NULL,
                id_last4_sealed TEXT NOT NULL
            )""",
            "CREATE INDEX party_case ON party (case_id)",
            "CREATE INDEX party_name ON party (name_found)",
            "CREATE INDEX party_phone ON party (phone_found)",
            """CREATE TABLE issue (
                id {identity},
                token_id TEXT NOT NULL UNIQUE,
                party_id BIGINT NOT NULL REFERENCES party (id),
                case_id BIGINT NOT NULL REFERENCES cases (id),
                ordinal INTEGER NOT NULL,
                code_sealed TEXT NOT NULL,
                match_word TEXT NOT NULL,
                issued_at TEXT NOT NULL,
                issued_by TEXT NOT NULL,
                revoked_at TEXT,
                revoked_by TEXT NOT NULL,
                revoked_for TEXT NOT NULL,
                handed_over_at TEXT,
                handed_over_by TEXT NOT NULL,
                UNIQUE (party_id, ordinal)
            )""",
            "CREATE UNIQUE INDEX issue_live ON issue (party_id) WHERE revoked_at IS NULL",
            "CREATE INDEX issue_case ON issue (case_id)",
            """CREATE TABLE visit (
                party_id BIGINT NOT NULL REFERENCES party (id),
                day TEXT NOT NULL,
                case_id BIGINT NOT NULL REFERENCES cases (id),
                at TEXT NOT NULL,
                PRIMARY KEY (party_id, day)
            )""",
            "CREATE INDEX visit_case ON visit (case_id)",
            """CREATE TABLE throttle (
                bucket TEXT NOT NULL,
                window_start BIGINT NOT NULL,
                hits INTEGER NOT NULL,
                PRIMARY KEY (bucket, window_start)
            )""",
        ),
    ),
    (
        "ratings and comments",
        (
            """CREATE TABLE rating (
                id {identity},
                case_id BIGINT NOT NULL REFERENCES cases (id),
                party_id BIGINT NOT NULL REFERENCES party (id),
                step TEXT NOT NULL,
                level INTEGER NOT NULL,
                tags TEXT NOT NULL,
                unit TEXT NOT NULL,
                officer TEXT NOT NULL,
                badge TEXT NOT NULL,
                via TEXT NOT NULL,
                form TEXT NOT NULL UNIQUE,
                rated_at TEXT NOT NULL,
                replaced_at TEXT
            )""",
            """CREATE UNIQUE INDEX rating_current ON rating (party_id, step)
                WHERE replaced_at IS NULL""",
            "CREATE INDEX rating_case ON rating (case_id)",
            """CREATE TABLE comment (
                id {identity},
                case_id BIGINT NOT NULL REFERENCES cases (id),
                party_id BIGINT NOT NULL REFERENCES party (id),
                body TEXT NOT NULL,
                via TEXT NOT NULL,
                form TEXT NOT NULL UNIQUE,
                made_at TEXT NOT NULL,
                answer TEXT NOT NULL,
                answered_at TEXT,
                answered_by TEXT NOT NULL
            )""",
            "CREATE INDEX comment_party ON comment (party_id)",
        ),
    ),
    (
        "the trail",
        (
            """CREATE TABLE trail_entry (
                position BIGINT PRIMARY KEY,
                at TEXT NOT NULL,
                actor TEXT NOT NULL,
                via TEXT NOT NULL,
                action TEXT NOT NULL,
                case_number TEXT NOT NULL,
                detail TEXT NOT NULL,
                nonce TEXT NOT NULL,
                leaf TEXT NOT NULL,
                root TEXT NOT NULL
            )""",
            "CREATE INDEX trail_case ON trail_entry (case_number)",
            """CREATE TABLE trail_head (
                id INTEGER PRIMARY KEY,
                size BIGINT NOT NULL,
                peaks TEXT NOT NULL
            )""",
            "INSERT INTO trail_head (id, size, peaks) VALUES (1, 0, '')",
        ),
    ),
    (
        "what stored days were reckoned with",
        ("CREATE TABLE reckoning (id INTEGER PRIMARY KEY, rules TEXT NOT NULL)",),
    ),
    (
        "staff, their sessions, and the case system's keys",
        (
            """CREATE TABLE staff (
                id {identity},
                login TEXT NOT NULL UNIQUE,
                name TEXT NOT NULL,
                badge TEXT NOT NULL,
                role TEXT NOT NULL,
                unit TEXT NOT NULL REFERENCES unit (code),
                password TEXT NOT NULL,
                must_change INTEGER NOT NULL,
                created_at TEXT NOT NULL,
                disabled_at TEXT
            )""",
            "CREATE INDEX staff_unit ON staff (unit)",
            """CREATE TABLE session (
                id TEXT PRIMARY KEY,
                staff_id BIGINT NOT NULL REFERENCES staff (id),
                started_at TEXT NOT NULL,
                seen_at TEXT NOT NULL,
                address TEXT NOT NULL,
                agent TEXT NOT NULL,
                ended_at TEXT
            )""",
            "CREATE INDEX session_staff ON session (staff_id, seen_at)",
            """CREATE TABLE client (
                id {identity},
                name TEXT NOT NULL UNIQUE,
                key_hash TEXT NOT NULL UNIQUE,
                unit TEXT REFERENCES unit (code),
                created_at TEXT NOT NULL,
                used_day TEXT,
                revoked_at TEXT
            )""",
            """CREATE TABLE upload (
                id TEXT PRIMARY KEY,
                staff_id BIGINT NOT NULL REFERENCES staff (id),
                name TEXT NOT NULL,
                sealed TEXT NOT NULL,
                at TEXT NOT NULL
            )""",
        ),
    ),
    (
        "what the desk does to a case",
        (
            "ALTER TABLE withholding ADD COLUMN end_requested_at TEXT",
            "ALTER TABLE withholding ADD COLUMN end_requested_by TEXT",
            "ALTER TABLE property ADD COLUMN place_day TEXT",
            "ALTER TABLE extension ADD COLUMN reason TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE party ADD COLUMN forgotten_at TEXT",
            """CREATE INDEX clock_open ON clock (due_day, case_id)
                WHERE decided_day IS NULL AND void_step IS NULL""",
            "CREATE INDEX cases_officer ON cases (officer, intake_day)",
            "CREATE INDEX trail_actor ON trail_entry (actor, position)",
            "CREATE INDEX trail_action ON trail_entry (action, position)",
        ),
    ),
)


def migrate(db: Database, until: int = len(MIGRATIONS)) -> list[str]:
    """Apply the steps not yet applied, each together with its record; their names.

    ``until`` is the last one wanted. Raises StorageError where the database is newer than the
    program.
    """
    with db.transaction():
        # Two at once would both find the table missing on PostgreSQL, and one would fail.
        db.rows(db.take_turns)
        db.run(
            """CREATE TABLE IF NOT EXISTS migration (
                number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL
            )"""
        )
    _refuse_newer(newest_step(db))
    numbered = enumerate(MIGRATIONS[:until], 1)
    return [name for number, (name, steps) in numbered if _apply(db, number, name, steps)]


def check_ready(db: Database) -> None:
    """Raise StorageError unless the database has exactly the shape this program knows."""
    newest = newest_step(db)
    _refuse_newer(newest)
    if newest < len(MIGRATIONS):
        raise StorageError(
            f"数据库为第 {newest} 版，程序需要第 {len(MIGRATIONS)} 版，请先运行 flask init。",
            f"The database is at version {newest} and the program wants {len(MIGRATIONS)}; "
            "run flask init first.",
        )


def _apply(db: Database, number: int, name: str, steps: tuple[str, ...]) -> bool:
    with db.transaction():
        # The record goes first: a second `flask init` beside this one waits here, then skips.
        mine = db.run(
            """INSERT INTO migration (number, name, applied_at) VALUES (:number, :name, :now)
            ON CONFLICT (number) DO NOTHING""",
            number=number,
            name=name,
            now=utc_text(utc_now()),
        )
        for statement in steps if mine else ():
            db.run(statement.replace("{identity}", db.identity))
    return bool(mine)


def newest_step(db: Database) -> int:
    """The number of the last step applied; raises StorageError where none ever was."""
    row = db.row("SELECT COALESCE(MAX(number), 0) AS newest FROM migration")
    return int(row["newest"]) if row else 0


def _refuse_newer(newest: int) -> None:
    if newest > len(MIGRATIONS):
        raise StorageError(
            f"数据库为第 {newest} 版，比本程序（第 {len(MIGRATIONS)} 版）新，请升级程序后再使用。",
            f"The database is at version {newest}, newer than this program "
            f"({len(MIGRATIONS)}); upgrade the program before using it.",
        )
