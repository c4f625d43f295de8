-- what the desk does to a case

ALTER TABLE withholding ADD COLUMN end_requested_at TEXT;

ALTER TABLE withholding ADD COLUMN end_requested_by TEXT;

ALTER TABLE property ADD COLUMN place_day TEXT;

ALTER TABLE extension ADD COLUMN reason TEXT NOT NULL DEFAULT '';

ALTER TABLE party ADD COLUMN forgotten_at TEXT;

ALTER TABLE party ADD COLUMN told_sealed TEXT NOT NULL DEFAULT '';

CREATE INDEX clock_open ON clock (due_day, case_id)
    WHERE decided_day IS NULL AND void_step IS NULL;

CREATE INDEX cases_officer ON cases (officer, intake_day);

CREATE INDEX cases_badge ON cases (LOWER(badge));

-- Holds all that a search reads, newest last, so that it never touches the table.
CREATE INDEX cases_find ON cases
    (intake_day, id, unit, kind, number_key, name, officer);

CREATE INDEX milestone_stage ON milestone (case_id, step, outcome);

CREATE UNIQUE INDEX cases_number ON cases (number);

CREATE INDEX trail_actor ON trail_entry (actor, position);

CREATE INDEX trail_action ON trail_entry (action, position);
