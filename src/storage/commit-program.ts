/**
 * What the thread runs that commits: it knows nothing but statements. It is text, so that it needs no file of its own beside
 * the programs, and runs alike in them and in tests. It answers each message: a batch with how long the COMMIT took and how
 * many pages the log has, or with what was wrong; nothing of a batch that was wrong is left. A word, or a number of pages to
 * give back, asks for one of the other things that wait for the disk.
 */
export const commitProgram = `
const { parentPort, workerData } = require("node:worker_threads");
const { sqlite, file, startId, writes, pragmas, marks, room } = workerData;
let connection;
let tries = 0;

function open() {
  if (connection !== undefined) return connection;
  const database = new (require(sqlite))(file, { fileMustExist: true });
  for (const pragma of pragmas) database.pragma(pragma);
  connection = {
    database,
    begin: database.prepare("BEGIN IMMEDIATE"),
    commit: database.prepare("COMMIT"),
    rollback: database.prepare("ROLLBACK"),
    start: database.prepare("SELECT id FROM start").pluck(),
    log: database.prepare("PRAGMA wal_checkpoint(NOOP)"),
    writes: writes.map((sql) => database.prepare(sql)),
  };
  return connection;
}

function apply(statements, batch) {
  const kinds = new Uint8Array(batch.kinds);
  const numbers = new Float64Array(batch.numbers);
  const { text, bytes } = batch;
  let at = 0;
  let number = 0;
  let character = 0;
  let byte = 0;
  const values = [];
  while (at < kinds.length) {
    const mark = kinds[at];
    const statement = statements[kinds[at + 1]];
    values.length = kinds[at + 2];
    at += 3;
    for (let index = 0; index < values.length; index++) {
      const kind = kinds[at++];
      if (kind === marks.null) {
        values[index] = null;
        continue;
      }
      const value = numbers[number++];
      if (kind === marks.number) values[index] = value;
      else if (kind === marks.text) {
        values[index] = text.substring(character, character + value);
        character += value;
      } else {
        values[index] = new Uint8Array(bytes, byte, value);
        byte += value;
      }
    }
    if (mark === marks.run) statement.run(values);
    else {
      const failure = values.shift();
      if (statement.get(values) === undefined) throw new Error(failure);
    }
  }
}

/** Gives so many free pages back to the file system. */
function giveBack(pages) {
  const { database, start } = open();
  if (start.get() !== startId) return { isForeign: true };
  database.pragma("incremental_vacuum(" + pages + ")");
  return { free: database.pragma("freelist_count", { simple: true }) };
}

/** Makes the files smaller, the log first: it may be all that can shrink on a disk that is full. */
function makeRoom({ pages, milliseconds, busyMilliseconds }) {
  const { database, start } = open();
  // Nobody who reads, such as a check of the whole file, is waited for.
  database.pragma("busy_timeout = 0");
  try {
    if (start.get() !== startId) return { isForeign: true };
    database.pragma("wal_checkpoint(TRUNCATE)");
    const until = process.hrtime.bigint() + BigInt(milliseconds) * 1000000n;
    while (database.pragma("freelist_count", { simple: true }) > 0 && process.hrtime.bigint() < until) {
      database.pragma("incremental_vacuum(" + pages + ")");
      database.pragma("wal_checkpoint(TRUNCATE)");
    }
    return {};
  } finally {
    database.pragma("busy_timeout = " + busyMilliseconds);
  }
}

/** One page, through the log and its sync, as every commit. */
function tryWrite() {
  const { database, start } = open();
  if (start.get() !== startId) return { isForeign: true };
  tries = (tries + 1) % 2 ** 31;
  database.pragma("user_version = " + tries);
  return {};
}

function commit(batch) {
  const { database, begin, commit, rollback, start, log, writes } = open();
  begin.run();
  try {
    if (start.get() !== startId) {
      rollback.run();
      return { isForeign: true };
    }
    apply(writes, batch);
    const syncing = process.hrtime.bigint();
    commit.run();
    const seconds = Number(process.hrtime.bigint() - syncing) / 1e9;
    return { seconds, pages: log.get().log };
  } catch (error) {
    // SQLite ends some transactions by itself, such as when the disk is full.
    if (database.inTransaction) rollback.run();
    throw error;
  }
}

parentPort.on("message", (message) => {
  try {
    if (message === "close") {
      connection?.database.close();
      parentPort.close();
    } else if (message === "checkpoint") {
      open().database.pragma("wal_checkpoint(PASSIVE)");
      parentPort.postMessage({});
    } else if (message === "tryWrite") parentPort.postMessage(tryWrite());
    else if (message === "makeRoom") parentPort.postMessage(makeRoom(room));
    else if (typeof message === "number") parentPort.postMessage(giveBack(message));
    else parentPort.postMessage(commit(message));
  } catch (error) {
    parentPort.postMessage({ failure: { message: String(error?.message ?? error), code: error?.code } });
  }
});
`;
