-- figures kept ready

-- What each case adds to the figures at present: a difference is what changes the sums.
CREATE TABLE standing (
    case_id BIGINT PRIMARY KEY REFERENCES cases (id),
    day TEXT NOT NULL,
    unit TEXT NOT NULL,
    kind TEXT NOT NULL,
    officer TEXT NOT NULL,
    badge TEXT NOT NULL,
    reason TEXT NOT NULL,
    running TEXT NOT NULL,
    taken_in INTEGER NOT NULL,
    disclosed INTEGER NOT NULL,
    milestones INTEGER NOT NULL,
    on_time INTEGER NOT NULL,
    backlog INTEGER NOT NULL,
    clocks_due INTEGER NOT NULL,
    clocks_kept INTEGER NOT NULL,
    clocks_extended INTEGER NOT NULL,
    looked_up INTEGER NOT NULL,
    rated INTEGER NOT NULL,
    level_5 INTEGER NOT NULL,
    level_4 INTEGER NOT NULL,
    level_3 INTEGER NOT NULL,
    level_2 INTEGER NOT NULL,
    level_1 INTEGER NOT NULL,
    callbacks INTEGER NOT NULL,
    called INTEGER NOT NULL,
    callbacks_due INTEGER NOT NULL,
    callbacks_kept INTEGER NOT NULL,
    callbacks_closed INTEGER NOT NULL,
    put_right INTEGER NOT NULL,
    rerated INTEGER NOT NULL,
    comments INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    answers_due INTEGER NOT NULL,
    answers_kept INTEGER NOT NULL,
    inspected INTEGER NOT NULL,
    sound INTEGER NOT NULL
);

CREATE INDEX standing_day ON standing (day, unit);

CREATE INDEX standing_officer ON standing (officer, day);

-- From a figure to the few cases that fall short of it, or were heard of: drill.py has the same
-- conditions, word for word.
CREATE INDEX standing_amiss ON standing (day, unit)
    WHERE disclosed = 0 OR on_time < milestones OR clocks_kept < clocks_due OR running <> '[]';

CREATE INDEX standing_heard ON standing (day, unit)
    WHERE level_1 + level_2 + callbacks + comments + inspected > 0;

-- The sums by year, month, ten days and day of intake (span), of units (grain 'unit') and of officers.
CREATE TABLE tally (
    grain TEXT NOT NULL,
    span TEXT NOT NULL,
    unit TEXT NOT NULL,
    kind TEXT NOT NULL,
    officer TEXT NOT NULL,
    badge TEXT NOT NULL,
    reason TEXT NOT NULL,
    taken_in BIGINT NOT NULL,
    disclosed BIGINT NOT NULL,
    milestones BIGINT NOT NULL,
    on_time BIGINT NOT NULL,
    backlog BIGINT NOT NULL,
    clocks_due BIGINT NOT NULL,
    clocks_kept BIGINT NOT NULL,
    clocks_extended BIGINT NOT NULL,
    looked_up BIGINT NOT NULL,
    rated BIGINT NOT NULL,
    level_5 BIGINT NOT NULL,
    level_4 BIGINT NOT NULL,
    level_3 BIGINT NOT NULL,
    level_2 BIGINT NOT NULL,
    level_1 BIGINT NOT NULL,
    callbacks BIGINT NOT NULL,
    called BIGINT NOT NULL,
    callbacks_due BIGINT NOT NULL,
    callbacks_kept BIGINT NOT NULL,
    callbacks_closed BIGINT NOT NULL,
    put_right BIGINT NOT NULL,
    rerated BIGINT NOT NULL,
    comments BIGINT NOT NULL,
    answered BIGINT NOT NULL,
    answers_due BIGINT NOT NULL,
    answers_kept BIGINT NOT NULL,
    inspected BIGINT NOT NULL,
    sound BIGINT NOT NULL,
    PRIMARY KEY (grain, span, unit, kind, officer, badge, reason)
);

-- What is due by a last day: whether that has run out depends on when one asks. Summed by that day
-- (then due_month is blank) and once more by its month: months that are over are read as such.
CREATE TABLE tally_running (
    grain TEXT NOT NULL,
    span TEXT NOT NULL,
    unit TEXT NOT NULL,
    kind TEXT NOT NULL,
    officer TEXT NOT NULL,
    badge TEXT NOT NULL,
    due_month TEXT NOT NULL,
    due_day TEXT NOT NULL,
    clocks_due BIGINT NOT NULL,
    clocks_extended BIGINT NOT NULL,
    callbacks_due BIGINT NOT NULL,
    answers_due BIGINT NOT NULL,
    PRIMARY KEY (grain, span, due_day, due_month, unit, kind, officer, badge)
);

-- A comment that is or was a report of wrongdoing counts in no figure: none may show it to the unit
-- that it is about. Of those on file, what went to another unit may have been one.
ALTER TABLE comment ADD COLUMN is_report INTEGER NOT NULL DEFAULT 0;

UPDATE comment SET is_report = 1 WHERE unit <> about;
