-- A session goes in pieces when it has many tasks: until the last piece it is there with the state 'Deleted', and must
-- not go with its application, which goes at once. So the table is made anew without that reference; the migrations run
-- without foreign keys, else dropping it would take all tasks along.
CREATE TABLE sessions_anew (
  id                   TEXT PRIMARY KEY,
  application          TEXT NOT NULL,
  application_revision INTEGER NOT NULL,
  state                TEXT NOT NULL,
  creation_time        INTEGER NOT NULL,
  completion_time      INTEGER,
  cpu                  INTEGER NOT NULL,
  memory               INTEGER NOT NULL,
  gpu                  INTEGER NOT NULL,
  min_instances        INTEGER NOT NULL,
  max_instances        INTEGER,
  priority             INTEGER NOT NULL,
  owner                TEXT NOT NULL,
  common_data_bytes    INTEGER,
  events               TEXT NOT NULL,
  -- 1: the object cache has said that the objects of the closed session are gone.
  objects_deleted      INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO sessions_anew
  SELECT id, application, application_revision, state, creation_time, completion_time, cpu, memory, gpu, min_instances,
         max_instances, priority, owner, common_data_bytes, events, 0
  FROM sessions;
DROP TABLE sessions;
ALTER TABLE sessions_anew RENAME TO sessions;
CREATE INDEX sessions_by_application ON sessions (application);
CREATE INDEX sessions_deleted ON sessions (id) WHERE state = 'Deleted';

-- How many tasks of each state a session has had, and its last task id: a start reads these, and no task that has ended.
-- A row of its own, since it changes with each task, and the events of a session can be many.
CREATE TABLE session_counts (
  session_id        TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
  pending           INTEGER NOT NULL,
  running           INTEGER NOT NULL,
  succeed           INTEGER NOT NULL,
  failed            INTEGER NOT NULL,
  cancelled         INTEGER NOT NULL,
  last_task_id      INTEGER NOT NULL,
  -- Finished tasks that are no longer kept: how many, and up to which id all that had ended by then.
  forgotten         INTEGER NOT NULL DEFAULT 0,
  forgotten_through INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO session_counts (session_id, pending, running, succeed, failed, cancelled, last_task_id)
  SELECT session_id, sum(state = 'Pending'), sum(state = 'Running'), sum(state = 'Succeed'), sum(state = 'Failed'),
         sum(state = 'Cancelled'), max(id)
  FROM tasks GROUP BY session_id;
