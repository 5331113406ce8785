-- The latest start on this database: every commit looks whether it is still its own.
CREATE TABLE start (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  number INTEGER NOT NULL,
  id     TEXT NOT NULL,
  who    TEXT NOT NULL,
  time   INTEGER NOT NULL
) STRICT;
INSERT INTO start (one, number, id, who, time) VALUES (1, 0, '', 'nobody', 0);
