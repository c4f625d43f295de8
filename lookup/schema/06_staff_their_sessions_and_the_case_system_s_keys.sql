-- staff, their sessions, and the case system's keys

CREATE TABLE staff (
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
);

CREATE INDEX staff_unit ON staff (unit);

CREATE TABLE session (
    id TEXT PRIMARY KEY,
    staff_id BIGINT NOT NULL REFERENCES staff (id),
    started_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL,
    ended_at TEXT
);

CREATE INDEX session_staff ON session (staff_id, seen_at);

CREATE TABLE client (
    id {identity},
    name TEXT NOT NULL UNIQUE,
    key_hash TEXT NOT NULL UNIQUE,
    unit TEXT REFERENCES unit (code),
    created_at TEXT NOT NULL,
    used_day TEXT,
    revoked_at TEXT
);

CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    staff_id BIGINT NOT NULL REFERENCES staff (id),
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    at TEXT NOT NULL
);
