import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Database } from "better-sqlite3";
import { diskRoom } from "../files/disk-room.ts";
import { codeOf } from "../kit/thrown.ts";
import type { StoreRoom } from "./store.ts";

/** How long a connection waits for another one of this process. */
export const busyTimeoutMs = 5_000;

/** How the thread that commits makes room. */
export const makingRoom = {
  /** Pages given back before the log is folded in again: a full disk has no room for a log of many. */
  pages: 32,
  /** How long commits may be held up by it. */
  milliseconds: 100,
  busyMilliseconds: busyTimeoutMs,
} as const;

/** How much room a database takes and has. */
export class SqliteRoom {
  readonly #file: string;
  readonly #pageBytes: number;
  readonly #pages;
  readonly #freePages;

  constructor(database: Database) {
    this.#file = database.name;
    this.#pageBytes = Number(database.pragma("page_size", { simple: true }));
    this.#pages = database.prepare<[], number>("PRAGMA page_count").pluck();
    this.#freePages = database.prepare<[], number>("PRAGMA freelist_count").pluck();
  }

  async look(): Promise<StoreRoom> {
    const [{ freeBytes, totalBytes }, { size }] = await Promise.all([
      diskRoom(dirname(this.#file)),
      stat(this.#file),
    ]);
    const whole = (this.#pages.get() ?? 0) * this.#pageBytes;
    // What is in the log alone still makes the file grow.
    const folding = Math.max(0, whole - size);
    return {
      place: this.#file,
      usedBytes: whole - (this.#freePages.get() ?? 0) * this.#pageBytes,
      freeBytes: Math.max(0, freeBytes - folding),
      totalBytes,
    };
  }
}

/** What the medium says when it may take the next commit all the same; undefined: nothing more can be trusted. */
export function passingRefusal(thrown: unknown): "resource_exhausted" | "unavailable" | undefined {
  const code = String(codeOf(thrown));
  if (code === "SQLITE_FULL") return "resource_exhausted";
  return code.startsWith("SQLITE_IOERR") ? "unavailable" : undefined;
}
