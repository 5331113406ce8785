import { createRequire } from "node:module";
import type { Database } from "better-sqlite3";
import { codeOf } from "../kit/thrown.ts";

/** A check reads the whole file, so larger ones are checked beside serving, in bytes: so many take a fraction of a second. */
const checkedAtOnceBytesMax = 32 * 1024 * 1024;

class DamagedDatabase extends Error {
  readonly code = "SQLITE_CORRUPT";
}

/**
 * Checks a small database: a damaged one is not served, answers from it could be wrong and writes could damage more.
 * @returns false for a larger one, which {@link integrityCheckArguments} has to check.
 * @throws Error with an SQLite code for which {@link isDamage} holds.
 */
export function checkIfSmall(database: Database): boolean {
  const pages = Number(database.pragma("page_count", { simple: true }));
  const pageBytes = Number(database.pragma("page_size", { simple: true }));
  if (pages * pageBytes > checkedAtOnceBytesMax) return false;
  const found = database.pragma("quick_check(1)", { simple: true });
  if (found !== "ok") throw new DamagedDatabase(String(found));
  return true;
}

export function isDamage(cause: unknown): boolean {
  return /^SQLITE_(CORRUPT|NOTADB)/.test(String(codeOf(cause)));
}

export function damagedText(file: string): string {
  return `the database ${file} is damaged; put a backup in its place with flame restore FILE, or move it away, with its -wal, to start with an empty one`;
}

/**
 * What Node is to be called with to check a database that is in use. SQLite's check cannot be interrupted, so it is a
 * process of its own, which can be ended at any time; it prints `ok`, or what is wrong.
 */
export function integrityCheckArguments(file: string): readonly string[] {
  const sqlite = createRequire(import.meta.url).resolve("better-sqlite3");
  return ["--eval", program, sqlite, file];
}

const program = `
require("node:os").setPriority(10);
const [sqlite, file] = process.argv.slice(1);
try {
  const database = new (require(sqlite))(file, { readonly: true, fileMustExist: true });
  console.log(database.pragma("quick_check(1)", { simple: true }));
} catch (error) {
  if (!/^SQLITE_(CORRUPT|NOTADB)/.test(String(error.code))) throw error;
  console.log(error.message);
}
`;
