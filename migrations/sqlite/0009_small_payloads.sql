-- Small payloads stand in the task's own row: no row and no index entry of their own, and one write with the state. Larger
-- ones, and those that earlier versions wrote, are in task_payloads.
ALTER TABLE tasks ADD COLUMN input BLOB;
ALTER TABLE tasks ADD COLUMN output BLOB;
