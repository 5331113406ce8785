import { statSync } from "node:fs";
import { dirname } from "node:path";
import type { Database } from "better-sqlite3";
import { diskRoom } from "../files/disk-room.ts";
import { startStopwatch } from "../kit/stopwatch.ts";
import { codeOf } from "../kit/thrown.ts";
import type { StoreRoom } from "./store.ts";

/** Pages given back before the log is folded in again: a full disk has no room for a log of many. */
const pagesGivenBack = 32;

/** How long giving back may hold everybody up. */
const givingBackMs = 100;

/** How long a connection waits for another one of this process. */
export const busyTimeoutMs = 5_000;

/** How much room a database takes and has. */
export class SqliteRoom {
  readonly #database: Database;
  readonly #file: string;
  readonly #pageBytes: number;
  readonly #pages;
  readonly #freePages;
  #marks = 0;

  constructor(database: Database, file: string) {
    this.#database = database;
    this.#file = file;
    this.#pageBytes = Number(database.pragma("page_size", { simple: true }));
    this.#pages = database.prepare<[], number>("PRAGMA page_count").pluck();
    this.#freePages = database.prepare<[], number>("PRAGMA freelist_count").pluck();
  }

  look(): StoreRoom {
    const { freeBytes, totalBytes } = diskRoom(dirname(this.#file));
    const pages = this.#pages.get() ?? 0;
    const whole = pages * this.#pageBytes;
    // What is in the log alone still makes the file grow.
    const folding = Math.max(0, whole - statSync(this.#file).size);
    return {
      place: this.#file,
      usedBytes: whole - (this.#freePages.get() ?? 0) * this.#pageBytes,
      freeBytes: Math.max(0, freeBytes - folding),
      totalBytes,
    };
  }

  /** One page, through the log and its sync, as every commit. */
  tryWrite(): void {
    this.#marks = (this.#marks + 1) % 2 ** 31;
    this.#database.pragma(`user_version = ${this.#marks}`);
  }

  giveBack(): void {
    // Nobody who reads, such as a check of the whole file, is waited for.
    this.#database.pragma("busy_timeout = 0");
    try {
      // The log first: it may be all that can shrink on a disk that is full.
      this.#database.pragma("wal_checkpoint(TRUNCATE)");
      const lasts = startStopwatch();
      while ((this.#freePages.get() ?? 0) > 0 && lasts() < givingBackMs / 1_000) {
        this.#database.pragma(`incremental_vacuum(${pagesGivenBack})`);
        this.#database.pragma("wal_checkpoint(TRUNCATE)");
      }
    } catch (thrown) {
      if (passingRefusal(thrown) === undefined && codeOf(thrown) !== "SQLITE_BUSY") throw thrown;
    } finally {
      this.#database.pragma(`busy_timeout = ${busyTimeoutMs}`);
    }
  }
}

/** What the medium says when it may take the next commit all the same; undefined: nothing more can be trusted. */
export function passingRefusal(thrown: unknown): "resource_exhausted" | "unavailable" | undefined {
  const code = String(codeOf(thrown));
  if (code === "SQLITE_FULL") return "resource_exhausted";
  return code.startsWith("SQLITE_IOERR") ? "unavailable" : undefined;
}
