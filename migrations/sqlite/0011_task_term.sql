-- In which term of the session manager a task was made: a lease of an earlier one was of another task with its id, which a
-- crash took back. 0: before there were terms.
ALTER TABLE tasks ADD COLUMN term INTEGER NOT NULL DEFAULT 0;
