-- A session that ends with its clients names them, as a JSON array; NULL: it stays until it is closed.
ALTER TABLE sessions ADD COLUMN clients TEXT;
