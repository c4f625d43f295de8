-- unusual ratings, and what finds exceptions among a great many cases

-- A keyed print of the network that somebody rated from, or logged in from; blank: not known.
ALTER TABLE rating ADD COLUMN network TEXT NOT NULL DEFAULT '';

ALTER TABLE counter_rating ADD COLUMN network TEXT NOT NULL DEFAULT '';

ALTER TABLE session ADD COLUMN network TEXT NOT NULL DEFAULT '';

CREATE INDEX rating_when ON rating (rated_at, network);

CREATE INDEX rating_bad ON rating (rated_at, id, case_id, party_id, step) WHERE level <= 2;

CREATE INDEX counter_rating_when ON counter_rating (rated_at, network);

-- Of a case that was filed and has not ended, the day of what came last; else blank.
ALTER TABLE cases ADD COLUMN still_since TEXT NOT NULL DEFAULT '';

CREATE INDEX cases_still ON cases (still_since, id) WHERE still_since <> '';

-- So that the next preparation reckons it.
UPDATE reckoning SET rules = '';

-- Whether a rating came from a network that staff had logged in from shortly before.
ALTER TABLE rating ADD COLUMN own_network INTEGER NOT NULL DEFAULT 0;

ALTER TABLE counter_rating ADD COLUMN own_network INTEGER NOT NULL DEFAULT 0;

CREATE INDEX session_network ON session (network, started_at) WHERE network <> '';

CREATE INDEX rating_own ON rating (rated_at, id) WHERE own_network = 1;

CREATE INDEX counter_rating_own ON counter_rating (rated_at, id) WHERE own_network = 1;

CREATE INDEX rating_at_desk ON rating (rated_at, id) WHERE via = 'desk';

-- Those of a purge are blanked, and are not looked for.
CREATE INDEX issue_revoked ON issue (revoked_at, id)
    WHERE revoked_at IS NOT NULL AND code_sealed <> '';

-- The soonest day by which an answer to a comment was ever due, whatever its category is now.
ALTER TABLE comment ADD COLUMN soonest_due TEXT;

UPDATE comment SET soonest_due = due_day;

-- Entries of staff by which a day, a unit or a category of a comment became another.
CREATE INDEX trail_retold ON trail_entry (at, position)
    WHERE via IN ('desk', 'upload')
    AND action || '' IN ('case.changed', 'case.moved', 'clock.extended', 'comment.recategorised',
        'milestone.corrected', 'milestone.taken_back')
    AND (REPLACE(detail, '"was":', '') <> detail OR REPLACE(detail, '"overdue":', '') <> detail
        OR REPLACE(detail, '"unit":[', '') <> detail
        OR REPLACE(detail, '"category":[', '') <> detail);

CREATE INDEX milestone_shown_late ON milestone (visible_by, id)
    WHERE backlog = 0 AND (visible_day IS NULL OR visible_day > visible_by);

CREATE INDEX issue_first ON issue (issued_at, id, case_id) WHERE ordinal = 1;

CREATE INDEX issue_handed_over ON issue (handed_over_at, id, party_id, case_id)
    WHERE revoked_at IS NULL;

-- Milestones entered on a later day than they happened, by how many days.
CREATE INDEX milestone_dated_back ON milestone (entered_at, (((CAST(SUBSTR(entered_at, 1, 4) AS BIGINT) * 12 + CAST(SUBSTR(entered_at, 6, 2) AS BIGINT) - 3) / 12 * 1461 / 4 + ((CAST(SUBSTR(entered_at, 1, 4) AS BIGINT) * 12 + CAST(SUBSTR(entered_at, 6, 2) AS BIGINT) - 3) % 12 * 153 + 2) / 5 + CAST(SUBSTR(entered_at, 9, 2) AS BIGINT)) + CAST(SUBSTR(entered_at, 12, 2) AS BIGINT) / 16 - ((CAST(SUBSTR(happened_day, 1, 4) AS BIGINT) * 12 + CAST(SUBSTR(happened_day, 6, 2) AS BIGINT) - 3) / 12 * 1461 / 4 + ((CAST(SUBSTR(happened_day, 1, 4) AS BIGINT) * 12 + CAST(SUBSTR(happened_day, 6, 2) AS BIGINT) - 3) % 12 * 153 + 2) / 5 + CAST(SUBSTR(happened_day, 9, 2) AS BIGINT))))
    WHERE backlog = 0 AND (((CAST(SUBSTR(entered_at, 1, 4) AS BIGINT) * 12 + CAST(SUBSTR(entered_at, 6, 2) AS BIGINT) - 3) / 12 * 1461 / 4 + ((CAST(SUBSTR(entered_at, 1, 4) AS BIGINT) * 12 + CAST(SUBSTR(entered_at, 6, 2) AS BIGINT) - 3) % 12 * 153 + 2) / 5 + CAST(SUBSTR(entered_at, 9, 2) AS BIGINT)) + CAST(SUBSTR(entered_at, 12, 2) AS BIGINT) / 16 - ((CAST(SUBSTR(happened_day, 1, 4) AS BIGINT) * 12 + CAST(SUBSTR(happened_day, 6, 2) AS BIGINT) - 3) / 12 * 1461 / 4 + ((CAST(SUBSTR(happened_day, 1, 4) AS BIGINT) * 12 + CAST(SUBSTR(happened_day, 6, 2) AS BIGINT) - 3) % 12 * 153 + 2) / 5 + CAST(SUBSTR(happened_day, 9, 2) AS BIGINT))) > 0;
