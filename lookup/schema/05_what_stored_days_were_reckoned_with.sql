-- what stored days were reckoned with

CREATE TABLE reckoning (id INTEGER PRIMARY KEY, rules TEXT NOT NULL);
