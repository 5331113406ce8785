-- Which submits of which producer became which tasks, in ranges of numbers and ids that follow one another: a submit that
-- comes again finds its task. first_task 0: they were refused.
CREATE TABLE submits (
  session_id   TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  producer     TEXT NOT NULL,
  first_number INTEGER NOT NULL,
  first_task   INTEGER NOT NULL,
  count        INTEGER NOT NULL,
  PRIMARY KEY (session_id, producer, first_number)
) STRICT, WITHOUT ROWID;
