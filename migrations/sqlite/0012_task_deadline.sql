-- When a task is ended if it has not ended before, in Unix milliseconds; NULL: never.
ALTER TABLE tasks ADD COLUMN deadline INTEGER;
