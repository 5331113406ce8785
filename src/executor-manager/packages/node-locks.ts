import { mkdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { randomId } from "../../kit/ids.ts";
import type { Logger } from "../../kit/logger.ts";
import { codeOf, textOf } from "../../kit/thrown.ts";
import { packLock, unpackLock } from "./lock-text.ts";

/**
 * The locks that a node has seen, one file each, in a folder for each application. They are copies: one that cannot be read or
 * written is done without, and one that a power cut tore is known by its first line.
 */
export class NodeLocks {
  readonly #folder: string;
  readonly #logger: Logger;

  /** @param folder is made when there is something to keep */
  constructor(folder: string, logger: Logger) {
    this.#folder = folder;
    this.#logger = logger;
  }

  /** Undefined: this node has not seen it, or the file is damaged. */
  async find(application: string, key: string): Promise<string | undefined> {
    const path = join(this.#folder, application, key);
    try {
      return unpackLock(await readFile(path, "utf8"));
    } catch (thrown) {
      if (codeOf(thrown) !== "ENOENT") this.#warn(path, thrown, "a kept lock was not read");
      return undefined;
    }
  }

  /** Writes it unless it is there; it then counts as used now. */
  async keep(application: string, key: string, lock: string): Promise<void> {
    const path = join(this.#folder, application, key);
    if ((await this.find(application, key)) === lock) {
      const now = new Date();
      await utimes(path, now, now).catch(() => undefined);
      return;
    }
    // Without a point at its front: what a kill leaves goes like any other that nobody uses.
    const next = `${path}.${randomId()}`;
    try {
      await mkdir(join(this.#folder, application), { recursive: true });
      await writeFile(next, packLock(lock));
      await rename(next, path);
    } catch (thrown) {
      await rm(next, { force: true }).catch(() => undefined);
      this.#warn(path, thrown, "a lock was not kept on this node");
    }
  }

  #warn(path: string, thrown: unknown, text: string): void {
    this.#logger.warn({ path, reason: textOf(thrown) }, text);
  }
}
