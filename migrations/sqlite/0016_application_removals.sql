-- Who unregistered an application and when: its revisions go with it, and another one may have its name since.
CREATE TABLE application_removals (
  -- Counts up, the latest last.
  number   INTEGER PRIMARY KEY AUTOINCREMENT,
  name     TEXT NOT NULL,
  time     INTEGER NOT NULL,
  author   TEXT NOT NULL,
  -- The revision that it was at.
  revision INTEGER NOT NULL
) STRICT;
CREATE INDEX application_removals_by_name ON application_removals (name, number);
-- Who asked that a disabled application goes with its last open session.
ALTER TABLE applications ADD COLUMN removed_by TEXT;
