-- units, cases and their course

CREATE TABLE unit (
    code TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    parent TEXT REFERENCES unit (code),
    address TEXT NOT NULL,
    phone TEXT NOT NULL
);

CREATE INDEX unit_parent ON unit (parent);

CREATE TABLE cases (
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
);

CREATE INDEX cases_intake ON cases (intake_day, unit);

CREATE INDEX cases_unit ON cases (unit, intake_day);

CREATE TABLE milestone (
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
);

CREATE TABLE extension (
    case_id BIGINT NOT NULL REFERENCES cases (id),
    step TEXT NOT NULL,
    days INTEGER NOT NULL,
    approved_by TEXT NOT NULL,
    via TEXT NOT NULL,
    PRIMARY KEY (case_id, step)
);

CREATE TABLE clock (
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
);

CREATE TABLE withholding (
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
);

CREATE UNIQUE INDEX withholding_live ON withholding (case_id) WHERE ended_at IS NULL;

CREATE INDEX withholding_case ON withholding (case_id);

CREATE TABLE property (
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
);

CREATE TABLE material (
    id {identity},
    case_id BIGINT NOT NULL REFERENCES cases (id),
    name TEXT NOT NULL,
    received_day TEXT
);

CREATE INDEX material_case ON material (case_id);
