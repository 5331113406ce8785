-- Who unregistered an application and when: its revisions go with it, and another one may have its name since.
CREATE TABLE application_removals (
  -- Counts up, the latest last.
  number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name     text COLLATE "C" NOT NULL,
  time     bigint NOT NULL,
  author   text NOT NULL,
  -- The revision that it was at.
  revision bigint NOT NULL
);
CREATE INDEX application_removals_by_name ON application_removals (name, number);
-- Who asked that a disabled application goes with its last open session.
ALTER TABLE applications ADD COLUMN removed_by text;
