import { createHash } from "node:crypto";
import { ObjectClient, type ObjectClientOptions } from "../../client/objects.ts";
import type { Logger } from "../../kit/logger.ts";
import { FlameError } from "../../model/errors.ts";

/** A lock is some lines: a cache that does not give it by then is as good as none, in milliseconds. */
const CALL_TIMEOUT_MS = 5_000;

/** The first line of a lock in the cache: what the others hash to. */
const HEAD = /^# sha256: ([0-9a-f]{64})\n/;

/** What lists of packages were resolved to, in the object cache: what one node has found out serves the others. */
export class ListLocks {
  readonly #objects: ObjectClient;
  readonly #endpoint: string;
  readonly #logger: Logger;

  constructor(cache: ObjectClientOptions, logger: Logger) {
    this.#objects = new ObjectClient({ ...cache, callTimeoutMs: CALL_TIMEOUT_MS });
    this.#endpoint = cache.endpoint ?? "";
    this.#logger = logger;
  }

  /** Undefined: nobody has put it there, it is damaged, or the cache does not answer. */
  async find(application: string, key: string): Promise<string | undefined> {
    if (this.#endpoint === "") return undefined;
    const object = keyOf(application, key);
    try {
      const ref = { endpoint: this.#endpoint, key: object, version: 0 };
      const lock = contentOf((await this.#objects.get(ref)).toString());
      if (lock === undefined)
        this.#logger.warn({ object }, "the lock of a list is damaged: the list is resolved anew");
      return lock;
    } catch (thrown) {
      const { code, message } = FlameError.from(thrown);
      if (code !== "not_found")
        this.#logger.warn({ object, reason: message }, "the lock of a list was not read");
      return undefined;
    }
  }

  /** Puts it there unless another node was faster. @returns what all nodes go by */
  async keep(application: string, key: string, lock: string): Promise<string> {
    if (this.#endpoint === "") return lock;
    const object = keyOf(application, key);
    const bytes = Buffer.from(`# sha256: ${hashOf(lock)}\n${lock}`);
    try {
      await this.#objects.put(object, bytes, { expectedVersion: 0 });
    } catch (thrown) {
      const { code, message } = FlameError.from(thrown);
      if (code === "aborted") return await this.#orReplace(application, key, lock, bytes);
      this.#notKept(object, message);
    }
    return lock;
  }

  close(): void {
    this.#objects.close();
  }

  /** What another node has put there; where that cannot be read, ours takes its place. */
  async #orReplace(application: string, key: string, lock: string, bytes: Buffer): Promise<string> {
    const other = await this.find(application, key);
    if (other !== undefined) return other;
    const object = keyOf(application, key);
    await this.#objects
      .put(object, bytes)
      .catch((thrown: unknown) => this.#notKept(object, FlameError.from(thrown).message));
    return lock;
  }

  #notKept(object: string, reason: string): void {
    this.#logger.warn(
      { object, reason },
      "the lock of a list was not put into the object cache: another node may find other versions",
    );
  }
}

/** Below a session without a record, so that it goes when no node asks for it any more (docs/object-cache.md, 10.2). */
const keyOf = (application: string, key: string): string => `${application}/lock-${key}/lock`;

const hashOf = (lock: string): string => createHash("sha256").update(lock).digest("hex");

/** Undefined for anything but a whole lock. */
function contentOf(text: string): string | undefined {
  const [head = "", hash] = HEAD.exec(text) ?? [];
  const lock = text.slice(head.length);
  return hash === hashOf(lock) ? lock : undefined;
}
