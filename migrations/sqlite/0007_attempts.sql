-- How often the node of a task was lost while it ran: after so many times it fails.
ALTER TABLE tasks ADD COLUMN lost_nodes INTEGER NOT NULL DEFAULT 0;
