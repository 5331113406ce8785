import { Gauge, type Registry } from "prom-client";
import type { Clock, Timer } from "../../kit/clock.ts";
import type { Logger } from "../../kit/logger.ts";
import { textOf } from "../../kit/thrown.ts";
import { diskLookMs } from "./disk-pause.ts";
import type { StorageCondition, StorageGuard } from "./storage-guard.ts";

export interface StorageWatchDeps {
  readonly guard: Pick<StorageGuard, "condition">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told at first, and whenever it changes, whether clients may add something. */
  readonly onChange: (takesMore: boolean) => void;
}

/** Looks at the room of the storage once a second: says when it ends and when it is back. */
export class StorageWatch {
  readonly #deps: StorageWatchDeps;
  #timer: Timer | undefined;
  #full: boolean | undefined;
  #failing = false;
  #closed = false;

  constructor(deps: StorageWatchDeps) {
    this.#deps = deps;
  }

  /** Looks for the first time. @throws what the storage throws */
  async begin(): Promise<void> {
    await this.#look();
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    if (this.#closed) return;
    this.#timer = this.#deps.clock.after(diskLookMs, () => void this.#lookAgain());
  }

  async #lookAgain(): Promise<void> {
    try {
      await this.#look();
      this.#failing = false;
    } catch (thrown) {
      // Whether it takes commits shows with the next one.
      if (!this.#failing && !this.#closed)
        this.#deps.logger.warn({ reason: textOf(thrown) }, "the room of the storage is not known");
      this.#failing = true;
    }
    this.#arm();
  }

  async #look(): Promise<void> {
    const { guard, logger, onChange } = this.#deps;
    const { full, room } = await guard.condition();
    if (this.#closed) return;
    const isFull = full !== undefined;
    if (isFull !== this.#full) {
      if (full !== undefined) logger.error({ ...room }, `what grows is refused: ${full}`);
      else if (this.#full !== undefined) logger.info({ ...room }, "the disk has room again");
      this.#full = isFull;
      onChange(!isFull);
    }
  }
}

/** Shows the room of the storage: docs/observability.md, "Session manager". */
export async function measureStorage(
  registry: Registry,
  guard: StorageWatchDeps["guard"],
): Promise<void> {
  const registers = [registry];
  const gauge = (name: string, help: string, read: (now: StorageCondition) => number): void => {
    const collect = async (): Promise<void> => one.set(read(await guard.condition()));
    const one: Gauge = new Gauge({ name, help, registers, collect });
  };
  if ((await guard.condition()).room === undefined) return;
  gauge(
    "flame_storage_full",
    "1 while nothing is taken that grows, since the disk is full or cluster.limits.max_storage_bytes is reached; else 0.",
    ({ full }) => (full === undefined ? 0 : 1),
  );
  gauge(
    "flame_storage_free_bytes",
    "What the file system of the database still holds.",
    ({ room }) => room?.freeBytes ?? 0,
  );
  gauge(
    "flame_storage_used_bytes",
    "What the data in the database take.",
    ({ room }) => room?.usedBytes ?? 0,
  );
}
