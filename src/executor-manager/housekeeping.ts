import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { lstat, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { FlameHome } from "../config/flame-home.ts";
import type { Clock, Timer } from "../kit/clock.ts";
import type { Logger } from "../kit/logger.ts";
import { textOf } from "../kit/thrown.ts";
import { serviceLogFolder } from "../process/service-logs.ts";
import { uvCacheFolder } from "./packages/run-uv.ts";
import { installLogLimits, listLockLimits, pruneLogs, serviceLogLimits } from "./prune-logs.ts";

export interface HousekeepingDeps {
  readonly home: FlameHome;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Executors that run: their logs are being written, and uv's cache may be in use. */
  readonly executors: () => readonly string[];
  /** Does something while no service waits for a session: such a one may use uv's cache, too. */
  readonly withoutWarm: (work: () => Promise<void>) => Promise<void>;
}

export interface HousekeepingOptions {
  /** How long logs are kept after they were last written to, in milliseconds; 0: whatever their age. */
  readonly logAgeMs: number;
  /** uv's downloads and builds; beyond it they are dropped while no executor runs. @default 8 GiB */
  readonly uvCacheBytesMax?: number;
  /** @default 600,000 */
  readonly intervalMs?: number;
}

const uvCacheBytesDefault = 8 * 1024 ** 3;
const intervalDefaultMs = 600_000;

/** Keeps what a node writes beside its packages within bounds, now and again while it runs. */
export class Housekeeping {
  readonly #deps: HousekeepingDeps;
  readonly #options: HousekeepingOptions;
  #timer: Timer | undefined;
  #closed = false;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: HousekeepingDeps, options: HousekeepingOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Cleans up now, beside everything else, and from now on. */
  start(): void {
    this.#running = this.#clean().then(() => {
      if (this.#closed) return;
      const { intervalMs = intervalDefaultMs } = this.#options;
      this.#timer = this.#deps.clock.after(intervalMs, () => this.start());
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#running;
  }

  async #clean(): Promise<void> {
    const { home, clock, logger, executors } = this.#deps;
    const now = clock.now();
    try {
      const limits = { ...serviceLogLimits, ageMs: this.#options.logAgeMs };
      const running = executors();
      const isWritten = (name: string): boolean => running.some((id) => name.startsWith(id));
      await pruneLogs(serviceLogFolder(home.root), limits, now, isWritten);
      await pruneLogs(join(home.logs, "install"), installLogLimits, now);
      await pruneLogs(home.listLocks, listLockLimits, now);
      await this.#boundUvCache();
    } catch (thrown) {
      logger.warn(
        { reason: textOf(thrown) },
        "cannot remove old logs and downloads; tried again later",
      );
    }
  }

  /** As a whole: what uv needs of it again it fetches again. Only while nobody runs uv, nor a service that it started. */
  async #boundUvCache(): Promise<void> {
    const { home, logger, executors, withoutWarm } = this.#deps;
    const folder = uvCacheFolder(home);
    const bytes = await bytesBelow(folder);
    const most = this.#options.uvCacheBytesMax ?? uvCacheBytesDefault;
    if (bytes <= most || executors().length > 0) return;
    const away = join(folder, "..", `.removed-${randomUUID()}`);
    await withoutWarm(async () => {
      // One may have come while those services ended.
      if (executors().length > 0) return;
      // In one step, so that an installation that begins now finds a cache that is whole: none.
      await rename(folder, away);
    });
    if (!existsSync(away)) return;
    await rm(away, { recursive: true, force: true });
    logger.info({ bytes, most }, "dropped the cache of downloads");
  }
}

async function bytesBelow(path: string): Promise<number> {
  const facts = await lstat(path).catch(() => undefined);
  if (facts === undefined) return 0;
  if (!facts.isDirectory()) return facts.size;
  let bytes = 0;
  for (const name of await readdir(path).catch(() => []))
    bytes += await bytesBelow(join(path, name));
  return bytes;
}
