import { Gauge, type Registry } from "prom-client";
import type { Clock, Timer } from "../kit/clock.ts";
import type { Logger } from "../kit/logger.ts";
import { diskLookMs } from "./disk-pause.ts";
import type { StorageGuard } from "./storage-guard.ts";

export interface StorageWatchDeps {
  readonly guard: StorageGuard;
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

  constructor(deps: StorageWatchDeps) {
    this.#deps = deps;
    this.#look();
  }

  close(): void {
    this.#timer?.cancel();
  }

  #look(): void {
    const { guard, clock, logger, onChange } = this.#deps;
    const { full, room } = guard.condition();
    const isFull = full !== undefined;
    if (isFull !== this.#full) {
      if (full !== undefined) logger.error({ ...room }, `what grows is refused: ${full}`);
      else if (this.#full !== undefined) logger.info({ ...room }, "the disk has room again");
      this.#full = isFull;
      onChange(!isFull);
    }
    this.#timer = clock.after(diskLookMs, () => {
      this.#look();
    });
  }
}

/** Shows the room of the storage: docs/observability.md, "Session manager". */
export function measureStorage(registry: Registry, guard: StorageGuard): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): void => {
    const one: Gauge = new Gauge({ name, help, registers, collect: () => one.set(read()) });
  };
  if (guard.condition().room === undefined) return;
  gauge(
    "flame_storage_full",
    "1 while nothing is taken that grows, since the disk is full or cluster.limits.max_storage_bytes is reached; else 0.",
    () => (guard.condition().full === undefined ? 0 : 1),
  );
  gauge(
    "flame_storage_free_bytes",
    "What the file system of the database still holds.",
    () => guard.condition().room?.freeBytes ?? 0,
  );
  gauge(
    "flame_storage_used_bytes",
    "What the data in the database take.",
    () => guard.condition().room?.usedBytes ?? 0,
  );
}
