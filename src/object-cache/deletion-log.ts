import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf } from "../kit/thrown.ts";
import { DeletedVersions, deletedKeysMax } from "./deleted-versions.ts";
import { DirectorySync } from "./directory-sync.ts";
import type { Deletion } from "./object-store.ts";

/** Lines after which the file is written anew with what still counts. */
const LINES_MAX = 2 * deletedKeysMax;

/** `deleted.log`: one JSON line per deleted key, so that versions count on across restarts. */
export class DeletionLog {
  readonly versions = new DeletedVersions();
  readonly #path: string;
  #lines = 0;
  #tail: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** Reads the file, and writes it anew: a last line that a crash cut short must not join the next one. */
  async load(): Promise<void> {
    for (const line of (await readIfThere(this.#path)).split("\n")) {
      const entry = parseLine(line);
      if (entry === undefined) continue;
      if ("floor" in entry) this.versions.raiseFloor(entry.floor);
      else this.versions.add([entry]);
    }
    await this.#rewrite();
  }

  /** Durable when it resolves. */
  add(deletions: readonly Deletion[]): Promise<void> {
    const added = this.#tail.then(() => this.#append(deletions));
    // A failure is the caller's; the next one is not kept from trying.
    this.#tail = added.catch(() => undefined);
    return added;
  }

  async #append(deletions: readonly Deletion[]): Promise<void> {
    const text = deletions.map((deletion) => `${JSON.stringify(deletion)}\n`).join("");
    const file = await open(this.#path, "a");
    try {
      const { size } = await file.stat();
      try {
        await file.writeFile(text);
        await file.datasync();
      } catch (thrown) {
        // Half a line would swallow the next one.
        await file.truncate(size);
        throw thrown;
      }
    } finally {
      await file.close();
    }
    this.versions.add(deletions);
    this.#lines += deletions.length;
    if (this.#lines > LINES_MAX) await this.#rewrite();
  }

  async #rewrite(): Promise<void> {
    const { floor } = this.versions;
    const entries = this.versions.entries();
    const lines = [{ floor }, ...entries].map((entry) => `${JSON.stringify(entry)}\n`);
    const temporary = `${this.#path}.new`;
    const file = await open(temporary, "w");
    try {
      await file.writeFile(lines.join(""));
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.#path);
    // Later lines go to the new file: the folder must not point to the old one after a crash.
    await new DirectorySync(dirname(this.#path)).sync();
    this.#lines = entries.length;
  }
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return "";
    throw thrown;
  }
}

function parseLine(line: string): Deletion | { floor: number } | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== "object" || entry === null) return undefined;
    if ("floor" in entry && typeof entry.floor === "number") return { floor: entry.floor };
    if (!("key" in entry) || typeof entry.key !== "string") return undefined;
    if (!("version" in entry) || typeof entry.version !== "number") return undefined;
    return { key: entry.key, version: entry.version };
  } catch {
    return undefined;
  }
}
