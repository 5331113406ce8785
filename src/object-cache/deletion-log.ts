import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf } from "../kit/thrown.ts";
import { DeletedVersions, deletedKeysMax } from "./deleted-versions.ts";
import { DirectorySync } from "./directory-sync.ts";
import type { Deletion } from "./object-store.ts";

/** Lines beyond what still counted at the last time, after which the file is written anew. */
const MORE_LINES = deletedKeysMax;

export interface DeletionLogOptions {
  readonly path: string;
  /** Tells of keys whether there are files of them now: the next start must know then that they were deleted. */
  readonly filesNow: () => (key: string) => boolean;
}

/** `deleted.log`: one JSON line per deleted key, so that versions count on across restarts. */
export class DeletionLog {
  readonly versions = new DeletedVersions();
  readonly #path: string;
  readonly #filesNow: () => (key: string) => boolean;
  /** What the file says of each key; `versions` remembers the last ones alone. */
  readonly #written = new Map<string, number>();
  #lines = 0;
  #linesMax = 0;
  #tail: Promise<void> = Promise.resolve();

  constructor({ path, filesNow }: DeletionLogOptions) {
    this.#path = path;
    this.#filesNow = filesNow;
  }

  /** Reads the file; to be followed by {@link compact} before anything is added. */
  async load(): Promise<void> {
    for (const line of (await readIfThere(this.#path)).split("\n")) {
      const entry = parseLine(line);
      if (entry === undefined) continue;
      if ("floor" in entry) this.versions.raiseFloor(entry.floor);
      else this.#remember([entry]);
    }
  }

  /**
   * The last version of a key that the file says was deleted, 0 when it does not name the key. The floor is none of it:
   * it is beyond the versions of objects that were never deleted.
   */
  writtenVersion(key: string): number {
    return this.#written.get(key) ?? 0;
  }

  /** Writes the file anew: a last line that a crash cut short must not join the next one. */
  async compact(): Promise<void> {
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
    this.#remember(deletions);
    this.#lines += deletions.length;
    if (this.#lines > this.#linesMax) await this.#rewrite();
  }

  #remember(deletions: readonly Deletion[]): void {
    this.versions.add(deletions);
    for (const { key, version } of deletions) {
      this.#written.set(key, Math.max(version, this.#written.get(key) ?? 0));
    }
  }

  async #rewrite(): Promise<void> {
    const { floor } = this.versions;
    const entries = this.#entries();
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
    this.#linesMax = entries.length + MORE_LINES;
    this.#written.clear();
    for (const { key, version } of entries) this.#written.set(key, version);
  }

  /** The keys that are remembered one by one, and before them others whose files are still to be removed. */
  #entries(): Deletion[] {
    const remembered = this.versions.entries();
    const keys = new Set(remembered.map(({ key }) => key));
    const hasFiles = this.#filesNow();
    const others = [...this.#written].filter(([key]) => !keys.has(key) && hasFiles(key));
    return [...others.map(([key, version]) => ({ key, version })), ...remembered];
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
