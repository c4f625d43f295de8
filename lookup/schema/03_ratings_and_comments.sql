-- ratings and comments

CREATE TABLE rating (
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
);

CREATE UNIQUE INDEX rating_current ON rating (party_id, step)
    WHERE replaced_at IS NULL;

CREATE INDEX rating_case ON rating (case_id);

CREATE TABLE comment (
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
);

CREATE INDEX comment_party ON comment (party_id);
