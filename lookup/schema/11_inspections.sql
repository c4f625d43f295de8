-- inspections: cases drawn at random, checked, and what was found

-- Anybody can draw the same cases again from the period, the units, how many of each, and the seed.
-- `unit` is the top of those drawn of, `by_unit` the one that drew: it and those above it check.
-- `sheet` keeps the items of the check sheet as they were then (JSON: code, Chinese, English).
CREATE TABLE inspection (
    id {identity},
    unit TEXT NOT NULL REFERENCES unit (code),
    by_unit TEXT NOT NULL REFERENCES unit (code),
    first_day TEXT NOT NULL,
    last_day TEXT NOT NULL,
    per_unit INTEGER NOT NULL,
    seed TEXT NOT NULL,
    sheet TEXT NOT NULL,
    drawn_at TEXT NOT NULL,
    drawn_by TEXT NOT NULL
);

-- `unit` is the one that handled the case when it was drawn, `place` its place in the draw of it,
-- and `among` of how many cases that was.
CREATE TABLE inspected_case (
    id {identity},
    inspection_id BIGINT NOT NULL REFERENCES inspection (id),
    case_id BIGINT NOT NULL REFERENCES cases (id),
    unit TEXT NOT NULL REFERENCES unit (code),
    place INTEGER NOT NULL,
    among INTEGER NOT NULL,
    checked_at TEXT,
    checked_by TEXT NOT NULL DEFAULT '',
    note TEXT NOT NULL DEFAULT '',
    UNIQUE (inspection_id, case_id)
);

CREATE INDEX inspected_case_of ON inspected_case (case_id);

-- An item of the check sheet that a case failed; what was put right, by when it must be, and when.
-- One that holds no more is withdrawn, and stays: at an earlier cut-off it still counts.
CREATE TABLE finding (
    id {identity},
    inspected_id BIGINT NOT NULL REFERENCES inspected_case (id),
    item TEXT NOT NULL,
    found_at TEXT NOT NULL,
    due_day TEXT NOT NULL,
    provisional INTEGER NOT NULL,
    remedy TEXT NOT NULL DEFAULT '',
    put_right_day TEXT,
    put_right_by TEXT NOT NULL DEFAULT '',
    withdrawn_at TEXT,
    withdrawn_by TEXT NOT NULL DEFAULT ''
);

CREATE UNIQUE INDEX finding_once ON finding (inspected_id, item) WHERE withdrawn_at IS NULL;
