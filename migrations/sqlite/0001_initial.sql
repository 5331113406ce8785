-- Applications: the checked manifest before defaults is one canonical JSON document.
CREATE TABLE applications (
  name          TEXT PRIMARY KEY,
  state         TEXT NOT NULL,
  creation_time INTEGER NOT NULL,
  revision      INTEGER NOT NULL,
  -- What seeding last wrote for a default application; NULL for all others.
  last_seeded   TEXT
) STRICT;

-- Every revision that is present, kept for history or pinned by a session.
CREATE TABLE application_revisions (
  name          TEXT NOT NULL REFERENCES applications (name) ON DELETE CASCADE,
  revision      INTEGER NOT NULL,
  revision_time INTEGER NOT NULL,
  origin        TEXT NOT NULL,
  author        TEXT NOT NULL,
  manifest      TEXT NOT NULL,
  PRIMARY KEY (name, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  id                   TEXT PRIMARY KEY,
  application          TEXT NOT NULL REFERENCES applications (name) ON DELETE CASCADE,
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
  events               TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_by_application ON sessions (application);

CREATE TABLE session_common_data (
  session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
  data       BLOB NOT NULL
) STRICT;

-- The present lease stands in the task's own row (executor_id, attempt), so that handing a task out is one write.
CREATE TABLE tasks (
  session_id      TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  id              INTEGER NOT NULL,
  state           TEXT NOT NULL,
  creation_time   INTEGER NOT NULL,
  completion_time INTEGER,
  input_bytes     INTEGER,
  output_bytes    INTEGER,
  attempt         INTEGER NOT NULL,
  crashes         INTEGER NOT NULL,
  executor_id     TEXT,
  -- Chosen by the client: a repeated submission finds the first task.
  submit_id       TEXT,
  events          TEXT NOT NULL,
  PRIMARY KEY (session_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tasks_by_submit_id ON tasks (session_id, submit_id) WHERE submit_id IS NOT NULL;
CREATE INDEX tasks_open ON tasks (session_id, id) WHERE state IN ('Pending', 'Running');

-- Apart from the tasks, so that a change of state never rewrites the payload.
CREATE TABLE task_payloads (
  session_id TEXT NOT NULL,
  task_id    INTEGER NOT NULL,
  kind       TEXT NOT NULL CHECK (kind IN ('input', 'output')),
  data       BLOB NOT NULL,
  FOREIGN KEY (session_id, task_id) REFERENCES tasks (session_id, id) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX task_payloads_by_task ON task_payloads (session_id, task_id, kind);

CREATE TABLE nodes (
  name           TEXT PRIMARY KEY,
  state          TEXT NOT NULL,
  capacity       TEXT NOT NULL,
  allocatable    TEXT NOT NULL,
  arch           TEXT NOT NULL,
  os             TEXT NOT NULL,
  shim           TEXT,
  last_heartbeat INTEGER NOT NULL
) STRICT;

CREATE TABLE executors (
  id         TEXT PRIMARY KEY,
  node       TEXT NOT NULL,
  cpu        INTEGER NOT NULL,
  memory     INTEGER NOT NULL,
  gpu        INTEGER NOT NULL,
  shim       TEXT NOT NULL,
  state      TEXT NOT NULL,
  session_id TEXT
) STRICT;
