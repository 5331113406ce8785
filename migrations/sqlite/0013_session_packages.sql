-- What the services of a session import beside what is there, as a JSON array; NULL: nothing.
ALTER TABLE sessions ADD COLUMN packages TEXT;
