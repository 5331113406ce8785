import { setMaxListeners } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ObjectClient, type ObjectClientOptions } from "../../client/objects.ts";
import { Backoff } from "../../kit/backoff.ts";
import type { Clock } from "../../kit/clock.ts";
import { randomId } from "../../kit/ids.ts";
import { FlameError } from "../../model/errors.ts";
import { pause } from "../pause.ts";
import { contentHash } from "./content-hash.ts";
import { PackageProgress } from "./package-progress.ts";
import type { PackageLocation } from "./package-url.ts";
import { downloadFromWeb } from "./web-download.ts";

/** A fetch from an object cache may take this long, in milliseconds. */
const OBJECT_TIMEOUT_MS = 300_000;

/** How long it may be quiet. */
export interface FetchLimits {
  /** A bind does not wait for a web server that sends no byte for so long, in milliseconds. @default 5,000 */
  readonly quietMs?: number;
  /** Nor for the answer of an object cache, of which nothing can be seen before it is whole. @default 10,000 */
  readonly objectQuietMs?: number;
  /** A web server that sends no byte for so long is given up; one that sends may take its time. @default 60,000 */
  readonly silenceMs?: number;
}

const QUIET_MS = 5_000;
const OBJECT_QUIET_MS = 10_000;
const SILENCE_MS = 60_000;

/** Tries of one fetch, the first one included, while nobody answers. */
const ATTEMPTS_MAX = 4;
const PAUSE_FIRST_MS = 200;
const PAUSE_MAX_MS = 2_000;

/** Fetches at the same time from one object cache: each may hold a whole package in memory. */
const OBJECTS_MAX = 2;

/** Where a package is fetched from. */
export type PackageAddress = Exclude<PackageLocation, { kind: "file" }>;

/** A package as it came; nobody writes to it. */
export interface FetchedPackage {
  readonly path: string;
  /** SHA-256 in lower-case hex. */
  readonly hash: string;
}

/** One fetch and everybody that uses what it brings. */
interface SharedFetch {
  readonly folder: string;
  readonly fetched: Promise<FetchedPackage>;
  readonly progress: PackageProgress;
  users: number;
}

export interface PackageFetcherOptions {
  /** Where fetched files lie meanwhile; every folder in it begins with `prefix`. */
  readonly folder: string;
  readonly prefix: string;
  /** How caches are reached. */
  readonly client: ObjectClientOptions;
  readonly limits: FetchLimits;
}

/** Fetches from one object cache. */
interface Queue {
  running: number;
  readonly waiting: (() => void)[];
}

/** Gets packages out of object caches and from web servers. */
export class PackageFetcher {
  readonly #clock: Clock;
  readonly #options: PackageFetcherOptions;
  readonly #objects: ObjectClient;
  readonly #stop = new AbortController();
  /** Fetches that have not begun, by address: what begins later is new enough for all who asked before. */
  readonly #planned = new Map<string, SharedFetch>();
  /** By endpoint: a cache that does not answer holds up nobody who asks another one. */
  readonly #queues = new Map<string, Queue>();

  constructor(deps: { readonly clock: Clock }, options: PackageFetcherOptions) {
    this.#clock = deps.clock;
    this.#options = options;
    // As many fetches listen to it as are under way.
    setMaxListeners(0, this.#stop.signal);
    this.#objects = new ObjectClient({
      clock: deps.clock,
      callTimeoutMs: OBJECT_TIMEOUT_MS,
      ...options.client,
    });
  }

  /**
   * Fetches a package, and removes the file when the work with it has ended. Who is away for a moment is asked again
   * after 0.2, 0.4 and 0.8 s.
   * @param progress learns how far the fetch is
   * @throws FlameError not_found, unavailable and so on, naming who was asked; and what `work` throws.
   */
  async with<T>(
    from: PackageAddress,
    progress: PackageProgress,
    work: (fetched: FetchedPackage) => Promise<T>,
  ): Promise<T> {
    const shared = this.#join(from);
    shared.users += 1;
    progress.follow(shared.progress);
    try {
      return await work(await shared.fetched);
    } finally {
      shared.users -= 1;
      if (shared.users === 0) await rm(shared.folder, { recursive: true, force: true });
    }
  }

  close(): void {
    this.#stop.abort();
    this.#objects.close();
  }

  #join(from: PackageAddress): SharedFetch {
    const address = from.kind === "web" ? from.url : `${from.endpoint}/${from.key}`;
    const planned = this.#planned.get(address);
    if (planned !== undefined) return planned;
    const folder = join(this.#options.folder, `${this.#options.prefix}${randomId()}`);
    const progress = new PackageProgress(this.#clock);
    const fetched = this.#enter(from, progress).then(async () => {
      this.#planned.delete(address);
      try {
        return await this.#fetch(from, folder, progress);
      } finally {
        this.#leave(from);
      }
    });
    const shared = { folder, fetched, progress, users: 0 };
    this.#planned.set(address, shared);
    return shared;
  }

  async #fetch(
    from: PackageAddress,
    folder: string,
    progress: PackageProgress,
  ): Promise<FetchedPackage> {
    const path = join(folder, from.name);
    const backoff = new Backoff(PAUSE_FIRST_MS, PAUSE_MAX_MS);
    await mkdir(folder, { recursive: true });
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#download(from, path, progress);
        progress.begin("being read");
        return { path, hash: await contentHash(path, false) };
      } catch (thrown) {
        const { code, message } = FlameError.from(thrown);
        if (code === "unavailable" && attempt < ATTEMPTS_MAX) {
          await pause(this.#clock, backoff.next(), this.#stop.signal);
          continue;
        }
        const tried = attempt === 1 ? "" : ` in ${attempt} attempts`;
        throw new FlameError(code, `cannot fetch ${whatOf(from)}${tried}: ${message}`, {
          cause: thrown,
        });
      }
    }
  }

  #download(from: PackageAddress, path: string, progress: PackageProgress): Promise<void> {
    const { quietMs, objectQuietMs, silenceMs } = this.#options.limits;
    if (from.kind === "object") {
      const { endpoint, key } = from;
      progress.begin("being fetched", objectQuietMs ?? OBJECT_QUIET_MS);
      return this.#untilStopped(this.#objects.download({ endpoint, key, version: 0 }, path));
    }
    progress.begin("being downloaded", quietMs ?? QUIET_MS);
    return downloadFromWeb(from.url, path, {
      clock: this.#clock,
      signal: this.#stop.signal,
      silenceMs: silenceMs ?? SILENCE_MS,
      onBytes: (bytes, of) => progress.heard(bytes, of),
    });
  }

  async #enter(from: PackageAddress, progress: PackageProgress): Promise<void> {
    if (from.kind === "object") {
      const queue = this.#queues.get(from.endpoint) ?? { running: 0, waiting: [] };
      this.#queues.set(from.endpoint, queue);
      if (queue.running === OBJECTS_MAX) {
        progress.begin(`waiting for ${OBJECTS_MAX} others from the same object cache`);
        await this.#untilStopped(new Promise<void>((resolve) => queue.waiting.push(resolve)));
        return;
      }
      queue.running += 1;
    }
    // A turn later: the caller has planned the fetch by then.
    await Promise.resolve();
  }

  /** Nothing else ends a call to a cache that does not answer. */
  #untilStopped<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#stop;
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(new FlameError("aborted", "the node stops"));
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
    });
  }

  #leave(from: PackageAddress): void {
    const queue = from.kind === "object" ? this.#queues.get(from.endpoint) : undefined;
    if (from.kind !== "object" || queue === undefined) return;
    const next = queue.waiting.shift();
    // The place is handed over: nobody can slip in between.
    if (next !== undefined) next();
    else if (--queue.running === 0) this.#queues.delete(from.endpoint);
  }
}

function whatOf(from: PackageAddress): string {
  return from.kind === "web"
    ? `"${from.url}"`
    : `"${from.key}" from the object cache at ${from.endpoint}`;
}
