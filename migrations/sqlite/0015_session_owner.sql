-- Which identity made a session, such as "name alice"; NULL: nobody was asked who calls.
ALTER TABLE sessions ADD COLUMN owner_id TEXT;
