import { ObjectClient, type ObjectClientOptions } from "../../client/objects.ts";
import type { Logger } from "../../kit/logger.ts";
import { FlameError } from "../../model/errors.ts";
import { packLock, unpackLock } from "./lock-text.ts";
import { NodeLocks } from "./node-locks.ts";

/** A lock is some lines: a cache that does not give it by then is as good as none, in milliseconds. */
const CALL_TIMEOUT_MS = 5_000;

/**
 * What lists of packages were resolved to, in the object cache: what one node has found out serves the others. Of each one that
 * this node has seen it keeps a copy, which counts while the cache does not answer, and where there is none.
 */
export class ListLocks {
  readonly #objects: ObjectClient;
  readonly #endpoint: string;
  readonly #copies: NodeLocks;
  readonly #logger: Logger;

  /** @param folder for the copies of this node */
  constructor(cache: ObjectClientOptions, folder: string, logger: Logger) {
    this.#objects = new ObjectClient({ ...cache, callTimeoutMs: CALL_TIMEOUT_MS });
    this.#endpoint = cache.endpoint ?? "";
    this.#copies = new NodeLocks(folder, logger);
    this.#logger = logger;
  }

  /** Undefined: nobody has put it there, it is damaged, or the cache does not answer and this node has no copy. */
  async find(application: string, key: string): Promise<string | undefined> {
    if (this.#endpoint === "") return this.#copies.find(application, key);
    const object = keyOf(application, key);
    try {
      const lock = await this.#read(object);
      // Only a lock that was seen is kept: where the cache says that there is none, the list is resolved anew.
      if (lock !== undefined) await this.#copies.keep(application, key, lock);
      return lock;
    } catch (thrown) {
      const copy = await this.#copies.find(application, key);
      this.#logger.warn(
        { object, reason: FlameError.from(thrown).message },
        copy === undefined
          ? "the lock of a list was not read"
          : "the lock of a list was not read: the copy that this node has kept is used",
      );
      return copy;
    }
  }

  /** Puts it there unless another node was faster. @returns what all nodes go by */
  async keep(application: string, key: string, lock: string): Promise<string> {
    const agreed = this.#endpoint === "" ? lock : await this.#share(application, key, lock);
    await this.#copies.keep(application, key, agreed);
    return agreed;
  }

  close(): void {
    this.#objects.close();
  }

  /** @throws FlameError when the cache does not say whether it is there */
  async #read(object: string): Promise<string | undefined> {
    const ref = { endpoint: this.#endpoint, key: object, version: 0 };
    try {
      const lock = unpackLock((await this.#objects.get(ref)).toString());
      if (lock === undefined)
        this.#logger.warn({ object }, "the lock of a list is damaged: the list is resolved anew");
      return lock;
    } catch (thrown) {
      if (FlameError.from(thrown).code === "not_found") return undefined;
      throw thrown;
    }
  }

  async #share(application: string, key: string, lock: string): Promise<string> {
    const object = keyOf(application, key);
    const bytes = Buffer.from(packLock(lock));
    try {
      await this.#objects.put(object, bytes, { expectedVersion: 0 });
      return lock;
    } catch (thrown) {
      const { code, message } = FlameError.from(thrown);
      if (code === "aborted") return this.#orReplace(object, lock, bytes);
      this.#notShared(object, message);
      return lock;
    }
  }

  /** What another node has put there; where that cannot be read, ours takes its place. */
  async #orReplace(object: string, lock: string, bytes: Buffer): Promise<string> {
    try {
      const other = await this.#read(object);
      if (other !== undefined) return other;
      await this.#objects.put(object, bytes);
    } catch (thrown) {
      this.#notShared(object, FlameError.from(thrown).message);
    }
    return lock;
  }

  #notShared(object: string, reason: string): void {
    this.#logger.warn(
      { object, reason },
      "the lock of a list was not put into the object cache: another node may find other versions",
    );
  }
}

/** Below a session without a record, so that it goes when no node asks for it any more (docs/object-cache.md, 10.2). */
const keyOf = (application: string, key: string): string => `${application}/lock-${key}/lock`;
