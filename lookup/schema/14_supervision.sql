-- supervision in time

-- A work phone that is sent a text each morning of what runs out; blank: none.
ALTER TABLE unit ADD COLUMN duty_phone TEXT NOT NULL DEFAULT '';

-- The text of a unit's day: one at most, whatever became of it. Its words are found when it is sent.
CREATE TABLE duty_text (
    unit TEXT NOT NULL REFERENCES unit (code),
    day TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    tries INTEGER NOT NULL,
    due_at TEXT NOT NULL,
    PRIMARY KEY (unit, day)
);

-- What a unit was told of a week, from Monday to Sunday. `data` is all it says (JSON): it never
-- changes afterwards.
CREATE TABLE digest (
    id {identity},
    unit TEXT NOT NULL REFERENCES unit (code),
    first_day TEXT NOT NULL,
    data TEXT NOT NULL,
    made_at TEXT NOT NULL,
    UNIQUE (unit, first_day)
);
