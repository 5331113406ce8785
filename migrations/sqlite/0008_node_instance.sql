-- Which start of its executor manager speaks for a node, and from where: a second one of the name is refused, also after a
-- restart of the session manager.
ALTER TABLE nodes ADD COLUMN instance TEXT;
ALTER TABLE nodes ADD COLUMN address TEXT;
