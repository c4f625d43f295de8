-- the trail

CREATE TABLE trail_entry (
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
);

CREATE INDEX trail_case ON trail_entry (case_number);

CREATE TABLE trail_head (
    id INTEGER PRIMARY KEY,
    size BIGINT NOT NULL,
    peaks TEXT NOT NULL
);

INSERT INTO trail_head (id, size, peaks) VALUES (1, 0, '');
