-- parties, receipts and look-ups

CREATE TABLE party (
    id {identity},
    case_id BIGINT NOT NULL REFERENCES cases (id),
    role TEXT NOT NULL,
    name_sealed TEXT NOT NULL,
    name_found TEXT NOT NULL,
    phone_sealed TEXT NOT NULL,
    phone_found TEXT NOT NULL,
    id_last4_sealed TEXT NOT NULL
);

CREATE INDEX party_case ON party (case_id);

CREATE INDEX party_name ON party (name_found);

CREATE INDEX party_phone ON party (phone_found);

CREATE TABLE issue (
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
);

CREATE UNIQUE INDEX issue_live ON issue (party_id) WHERE revoked_at IS NULL;

CREATE INDEX issue_case ON issue (case_id);

CREATE TABLE visit (
    party_id BIGINT NOT NULL REFERENCES party (id),
    day TEXT NOT NULL,
    case_id BIGINT NOT NULL REFERENCES cases (id),
    at TEXT NOT NULL,
    PRIMARY KEY (party_id, day)
);

CREATE INDEX visit_case ON visit (case_id);

CREATE TABLE throttle (
    bucket TEXT NOT NULL,
    window_start BIGINT NOT NULL,
    hits INTEGER NOT NULL,
    PRIMARY KEY (bucket, window_start)
);
