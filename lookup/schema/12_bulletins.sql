-- bulletins

-- One edition of the bulletin of a quarter (`period`, as 2026-Q3). `data` is all it says (JSON):
-- once it is published neither data nor paper (`pdf`, base64) ever changes.
CREATE TABLE bulletin (
    id {identity},
    period TEXT NOT NULL,
    edition INTEGER NOT NULL,
    state TEXT NOT NULL,
    data TEXT NOT NULL,
    foreword TEXT NOT NULL DEFAULT '',
    changed TEXT NOT NULL DEFAULT '',
    drafted_at TEXT NOT NULL,
    drafted_by TEXT NOT NULL,
    approved_at TEXT,
    approved_by TEXT NOT NULL DEFAULT '',
    published_at TEXT,
    published_by TEXT NOT NULL DEFAULT '',
    pdf TEXT NOT NULL DEFAULT '',
    UNIQUE (period, edition)
);
