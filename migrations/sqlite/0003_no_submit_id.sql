-- No call ever carried a submission id: nothing was looked up by it.
DROP INDEX tasks_by_submit_id;
ALTER TABLE tasks DROP COLUMN submit_id;
