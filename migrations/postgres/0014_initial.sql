-- What migrations/sqlite have made by their number 14; later files have the numbers and the meaning of those there. Integers are
-- bigint and flags 0 or 1, as there, so that rows of both are read alike. Texts compare byte by byte, whatever the database does.
-- Only what an application takes along is a foreign key: a check for each task that is written would cost more than the rest of
-- its row, so a commit looks once for each session (expect_sessions), and delete_sessions takes along what is of one.

CREATE TABLE applications (
  name          text COLLATE "C" PRIMARY KEY,
  state         text NOT NULL,
  creation_time bigint NOT NULL,
  revision      bigint NOT NULL,
  -- What seeding last wrote for a default application; NULL for all others.
  last_seeded   text,
  -- The file or tool that keeps the application; NULL: nobody but whoever changes it.
  owner         text,
  -- The owner that made the application; NULL for defaults and for what was registered by hand.
  created_by    text,
  -- JSON: [[origin, author, [field path, ...]], ...]. Empty: the author of the present revision set them all.
  field_owners  text NOT NULL
);

CREATE TABLE application_revisions (
  name          text COLLATE "C" NOT NULL REFERENCES applications (name) ON DELETE CASCADE,
  revision      bigint NOT NULL,
  revision_time bigint NOT NULL,
  origin        text NOT NULL,
  author        text NOT NULL,
  cause         text NOT NULL,
  -- The revision that a rollback brought back.
  restored      bigint,
  -- 1: made over the head of the application's owner.
  forced        bigint NOT NULL,
  manifest      text NOT NULL,
  PRIMARY KEY (name, revision)
);

-- A deleted session is there with the state 'Deleted' until its last piece has gone.
CREATE TABLE sessions (
  id                   text COLLATE "C" PRIMARY KEY,
  application          text COLLATE "C" NOT NULL,
  application_revision bigint NOT NULL,
  state                text NOT NULL,
  creation_time        bigint NOT NULL,
  completion_time      bigint,
  cpu                  bigint NOT NULL,
  memory               bigint NOT NULL,
  gpu                  bigint NOT NULL,
  min_instances        bigint NOT NULL,
  max_instances        bigint,
  priority             bigint NOT NULL,
  owner                text NOT NULL,
  common_data_bytes    bigint,
  -- A session that ends with its clients names them, as a JSON array; NULL: it stays until it is closed.
  clients              text,
  events               text NOT NULL,
  -- What the services of a session import beside what is there, as a JSON array; NULL: nothing.
  packages             text,
  -- 1: the object cache has said that the objects of the closed session are gone.
  objects_deleted      bigint NOT NULL DEFAULT 0
);
CREATE INDEX sessions_by_application ON sessions (application);
CREATE INDEX sessions_deleted ON sessions (id) WHERE state = 'Deleted';

CREATE TABLE session_common_data (
  session_id text COLLATE "C" PRIMARY KEY,
  data       bytea NOT NULL
);
ALTER TABLE session_common_data ALTER COLUMN data SET STORAGE EXTERNAL;

-- How many tasks of each state a session has had, and its last task id: a start reads these, and no task that has ended.
CREATE TABLE session_counts (
  session_id        text COLLATE "C" PRIMARY KEY,
  pending           bigint NOT NULL,
  running           bigint NOT NULL,
  succeed           bigint NOT NULL,
  failed            bigint NOT NULL,
  cancelled         bigint NOT NULL,
  last_task_id      bigint NOT NULL,
  -- Finished tasks that are no longer kept: how many, and up to which id all that had ended by then.
  forgotten         bigint NOT NULL DEFAULT 0,
  forgotten_through bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- Payloads stand in the task's row: PostgreSQL puts large ones elsewhere by itself, and a change of state does not rewrite
-- those. They are not compressed, which would cost more time than room is worth.
CREATE TABLE tasks (
  session_id      text COLLATE "C" NOT NULL,
  id              bigint NOT NULL,
  state           text NOT NULL,
  creation_time   bigint NOT NULL,
  completion_time bigint,
  input_bytes     bigint,
  output_bytes    bigint,
  attempt         bigint NOT NULL,
  crashes         bigint NOT NULL,
  lost_nodes      bigint NOT NULL,
  executor_id     text,
  events          text NOT NULL,
  input           bytea,
  output          bytea,
  -- In which term of the session manager the task was made.
  term            bigint NOT NULL,
  -- When a task is ended if it has not ended before, in Unix milliseconds; NULL: never.
  deadline        bigint,
  PRIMARY KEY (session_id, id)
) WITH (toast_tuple_target = 512);
ALTER TABLE tasks ALTER COLUMN input SET STORAGE EXTERNAL, ALTER COLUMN output SET STORAGE EXTERNAL;
CREATE INDEX tasks_open ON tasks (session_id, id) WHERE state IN ('Pending', 'Running');

-- Which submits of which producer became which tasks, in ranges of numbers and ids that follow one another. first_task 0:
-- they were refused.
CREATE TABLE submits (
  session_id   text COLLATE "C" NOT NULL,
  producer     text COLLATE "C" NOT NULL,
  first_number bigint NOT NULL,
  first_task   bigint NOT NULL,
  count        bigint NOT NULL,
  PRIMARY KEY (session_id, producer, first_number)
) WITH (fillfactor = 50);

CREATE TABLE nodes (
  name           text COLLATE "C" PRIMARY KEY,
  state          text NOT NULL,
  capacity       text NOT NULL,
  allocatable    text NOT NULL,
  arch           text NOT NULL,
  os             text NOT NULL,
  shim           text,
  last_heartbeat bigint NOT NULL,
  -- Which start of its executor manager speaks for the node, and from where.
  instance       text,
  address        text,
  -- The token or certificate that registered the node; NULL where nobody has to prove who it is.
  owner          text
);

CREATE TABLE executors (
  id         text COLLATE "C" PRIMARY KEY,
  node       text NOT NULL,
  cpu        bigint NOT NULL,
  memory     bigint NOT NULL,
  gpu        bigint NOT NULL,
  shim       text NOT NULL,
  state      text NOT NULL,
  session_id text
);

-- Whose the database is: every commit changes this row under its own id, so no other one's commit can come in between, and
-- counts itself in it, so that who lost the answer of a commit can see whether it was made.
CREATE TABLE start (
  one    bigint PRIMARY KEY CHECK (one = 1),
  number bigint NOT NULL,
  id     text NOT NULL,
  who    text NOT NULL,
  time   bigint NOT NULL,
  -- The last commit.
  turn   bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO start (one, number, id, who, time, turn) VALUES (1, 0, '', 'nobody', 0, 0);

-- Ends the transaction that calls it.
CREATE FUNCTION fail(code text, message text) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message; END $$;

-- The first statement of every commit.
CREATE FUNCTION begin_turn(own text, next bigint) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN
  UPDATE start SET turn = next WHERE id = own;
  IF NOT FOUND THEN PERFORM fail('FL001', 'another one has started on the database'); END IF;
END $$;

CREATE FUNCTION expect_sessions(ids text[]) RETURNS void LANGUAGE sql AS
$$ SELECT fail('FL002', 'session ' || wanted || ': no such session') FROM unnest(ids) AS wanted
   WHERE NOT EXISTS (SELECT FROM sessions WHERE id = wanted) $$;

CREATE FUNCTION delete_sessions(ids text[]) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN
  DELETE FROM tasks WHERE session_id = ANY (ids);
  DELETE FROM submits WHERE session_id = ANY (ids);
  DELETE FROM session_counts WHERE session_id = ANY (ids);
  DELETE FROM session_common_data WHERE session_id = ANY (ids);
  DELETE FROM sessions WHERE id = ANY (ids);
END $$;
