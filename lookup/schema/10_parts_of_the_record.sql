-- parts of the record

CREATE TABLE trail_subtree (
    -- 6 for every 64 leaves of the trail, 12 for every 64 such parts, and so on
    level INTEGER NOT NULL,
    -- the position of its last leaf
    last BIGINT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (level, last)
);
