-- the definition in force

-- What of facts.HINDRANCES keeps a case from counting as disclosed (1) by the definition that the
-- figures kept ready were counted by.
CREATE TABLE definition (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    undelivered INTEGER NOT NULL,
    unseen INTEGER NOT NULL,
    hidden INTEGER NOT NULL
);

INSERT INTO definition (id, name, undelivered, unseen, hidden) VALUES (1, 'daylight-1', 1, 1, 1);
