-- people are heard: texts, call-backs, answers, counters

ALTER TABLE party ADD COLUMN texts_off_at TEXT;

ALTER TABLE party ADD COLUMN language TEXT NOT NULL DEFAULT 'zh';

-- Numbers whose holder wants no texts (stop), or is not who was meant (wrong).
CREATE TABLE stopped_number (
    id {identity},
    phone_sealed TEXT NOT NULL,
    phone_found TEXT NOT NULL UNIQUE,
    why TEXT NOT NULL,
    at TEXT NOT NULL
);

-- A text to one party about one event. Its words and its number are found when it is sent.
CREATE TABLE message (
    id {identity},
    event TEXT NOT NULL UNIQUE,
    case_id BIGINT NOT NULL REFERENCES cases (id),
    party_id BIGINT NOT NULL REFERENCES party (id),
    comment_id BIGINT REFERENCES comment (id),
    template TEXT NOT NULL,
    step TEXT NOT NULL,
    state TEXT NOT NULL,
    made_at TEXT NOT NULL,
    due_at TEXT NOT NULL,
    lapses_at TEXT NOT NULL,
    tries INTEGER NOT NULL,
    lease TEXT NOT NULL,
    leased_until TEXT,
    sent_at TEXT,
    sent_day TEXT,
    settled_at TEXT,
    answered_at TEXT,
    reason TEXT NOT NULL
);

CREATE INDEX message_state ON message (state, due_at, id);

CREATE INDEX message_party ON message (party_id, sent_at);

CREATE INDEX message_case ON message (case_id);

-- What the gateway has handed in, so that handing it in again changes nothing.
CREATE TABLE inbound (id TEXT PRIMARY KEY, at TEXT NOT NULL);

-- When the worker last did what it does by the day, or was seen at all.
CREATE TABLE job (name TEXT PRIMARY KEY, at TEXT NOT NULL);

CREATE TABLE callback (
    id {identity},
    case_id BIGINT NOT NULL REFERENCES cases (id),
    party_id BIGINT NOT NULL REFERENCES party (id),
    step TEXT NOT NULL,
    cause TEXT NOT NULL,
    rating_id BIGINT REFERENCES rating (id),
    raised_from BIGINT REFERENCES callback (id),
    unit TEXT NOT NULL REFERENCES unit (code),
    owner_id BIGINT REFERENCES staff (id),
    opened_at TEXT NOT NULL,
    opened_day TEXT NOT NULL,
    due_day TEXT NOT NULL,
    provisional INTEGER NOT NULL,
    problem TEXT NOT NULL DEFAULT '',
    remedy TEXT NOT NULL DEFAULT '',
    responsible TEXT NOT NULL DEFAULT '',
    result TEXT NOT NULL DEFAULT '',
    told TEXT NOT NULL DEFAULT '',
    closed_at TEXT,
    closed_day TEXT,
    closed_by TEXT NOT NULL DEFAULT ''
);

CREATE UNIQUE INDEX callback_open ON callback (party_id, step) WHERE closed_at IS NULL;

CREATE INDEX callback_due ON callback (unit, due_day) WHERE closed_at IS NULL;

CREATE INDEX callback_case ON callback (case_id);

CREATE INDEX callback_opened ON callback (opened_day, unit);

CREATE INDEX callback_closed ON callback (closed_day, id) WHERE closed_at IS NOT NULL;

CREATE TABLE callback_attempt (
    id {identity},
    callback_id BIGINT NOT NULL REFERENCES callback (id),
    at TEXT NOT NULL,
    by TEXT NOT NULL,
    result TEXT NOT NULL,
    note TEXT NOT NULL
);

CREATE INDEX callback_attempt_of ON callback_attempt (callback_id);

-- Who is to answer a comment, and by when; nothing is owed where there is no due day. `about` is
-- the unit that handled the case when it was made: a report must never reach it.
ALTER TABLE comment ADD COLUMN category TEXT NOT NULL DEFAULT 'inquiry';

ALTER TABLE comment ADD COLUMN about TEXT REFERENCES unit (code);

ALTER TABLE comment ADD COLUMN unit TEXT REFERENCES unit (code);

ALTER TABLE comment ADD COLUMN due_day TEXT;

ALTER TABLE comment ADD COLUMN provisional INTEGER NOT NULL DEFAULT 0;

UPDATE comment SET unit = (SELECT unit FROM cases WHERE cases.id = comment.case_id);

UPDATE comment SET about = unit;

CREATE INDEX comment_open ON comment (unit, due_day) WHERE answered_at IS NULL;

CREATE INDEX comment_case ON comment (case_id);

-- What staff note beside a comment, forwarding among it; never shown to parties.
CREATE TABLE comment_note (
    id {identity},
    comment_id BIGINT NOT NULL REFERENCES comment (id),
    at TEXT NOT NULL,
    by TEXT NOT NULL,
    body TEXT NOT NULL
);

CREATE INDEX comment_note_of ON comment_note (comment_id);

CREATE TABLE ready_answer (
    id {identity},
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    category TEXT NOT NULL,
    unit TEXT NOT NULL REFERENCES unit (code),
    used INTEGER NOT NULL,
    made_at TEXT NOT NULL,
    made_by TEXT NOT NULL,
    retired_at TEXT
);

CREATE TABLE counter (
    id {identity},
    token_id TEXT NOT NULL UNIQUE,
    unit TEXT NOT NULL REFERENCES unit (code),
    name TEXT NOT NULL,
    officer TEXT NOT NULL,
    badge TEXT NOT NULL,
    duty_at TEXT,
    made_at TEXT NOT NULL,
    made_by TEXT NOT NULL,
    retired_at TEXT
);

CREATE UNIQUE INDEX counter_name ON counter (unit, name) WHERE retired_at IS NULL;

CREATE TABLE counter_rating (
    id {identity},
    counter_id BIGINT NOT NULL REFERENCES counter (id),
    unit TEXT NOT NULL,
    officer TEXT NOT NULL,
    badge TEXT NOT NULL,
    level INTEGER NOT NULL,
    tags TEXT NOT NULL,
    form TEXT NOT NULL UNIQUE,
    rated_at TEXT NOT NULL,
    rated_day TEXT NOT NULL
);

CREATE INDEX counter_rating_of ON counter_rating (counter_id, rated_day);
