// A session manager whose COMMIT takes longer, as on a slower disk: FLAME_BENCH_COMMIT_MS more, spent on the event loop
// (FLAME_BENCH_COMMIT=loop) or beside it (beside).
import process from "node:process";
import { SqliteStore } from "../../src/storage/sqlite-store.ts";

const delayMs = Number(process.env["FLAME_BENCH_COMMIT_MS"]);
const onLoop = process.env["FLAME_BENCH_COMMIT"] === "loop";
const cell = new Int32Array(new SharedArrayBuffer(4));
const commit = Object.getOwnPropertyDescriptor(SqliteStore.prototype, "commit")
  ?.value as SqliteStore["commit"];

SqliteStore.prototype.commit = async function (this: SqliteStore, changes) {
  await commit.call(this, changes);
  if (delayMs === 0) return;
  if (onLoop) Atomics.wait(cell, 0, 0, delayMs);
  else await new Promise((resolve) => setTimeout(resolve, delayMs));
};

await import("../../src/bin/flame-session-manager.ts");
