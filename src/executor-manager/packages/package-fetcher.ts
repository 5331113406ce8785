import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ObjectClient, type ObjectClientOptions } from "../../client/objects.ts";
import type { Clock } from "../../kit/clock.ts";
import { randomId } from "../../kit/ids.ts";
import { FlameError } from "../../model/errors.ts";
import { Backoff, pause } from "../backoff.ts";
import { contentHash } from "./content-hash.ts";
import type { PackageLocation } from "./package-url.ts";
import { downloadFromWeb } from "./web-download.ts";

/** A fetch from an object cache may take this long, in milliseconds. */
const OBJECT_TIMEOUT_MS = 300_000;

/** A web server that sends no byte for so long is given up, in milliseconds; one that sends may take its time. */
const SILENCE_MS = 60_000;

/** Tries of one fetch, the first one included, while nobody answers. */
const ATTEMPTS_MAX = 4;
const PAUSE_FIRST_MS = 200;
const PAUSE_MAX_MS = 2_000;

/** Fetches at the same time: each may hold a whole package in memory. */
const FETCHES_MAX = 2;

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
  users: number;
}

export interface PackageFetcherOptions {
  /** Where fetched files lie meanwhile; every folder in it begins with `prefix`. */
  readonly folder: string;
  readonly prefix: string;
  /** How caches are reached. */
  readonly client: ObjectClientOptions;
}

/** Gets packages out of object caches and from web servers. */
export class PackageFetcher {
  readonly #clock: Clock;
  readonly #options: PackageFetcherOptions;
  readonly #objects: ObjectClient;
  readonly #stop = new AbortController();
  /** Fetches that have not begun, by address: what begins later is new enough for all who asked before. */
  readonly #planned = new Map<string, SharedFetch>();
  /** What waits for one of the {@link FETCHES_MAX} places. */
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(deps: { readonly clock: Clock }, options: PackageFetcherOptions) {
    this.#clock = deps.clock;
    this.#options = options;
    this.#objects = new ObjectClient({
      clock: deps.clock,
      callTimeoutMs: OBJECT_TIMEOUT_MS,
      ...options.client,
    });
  }

  /**
   * Fetches a package, and removes the file when the work with it has ended. Who is away for a moment is asked again
   * after 0.2, 0.4 and 0.8 s.
   * @throws FlameError not_found, unavailable and so on, naming who was asked; and what `work` throws.
   */
  async with<T>(from: PackageAddress, work: (fetched: FetchedPackage) => Promise<T>): Promise<T> {
    const shared = this.#join(from);
    shared.users += 1;
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
    const fetched = this.#enter().then(async () => {
      this.#planned.delete(address);
      try {
        return await this.#fetch(from, folder);
      } finally {
        this.#leave();
      }
    });
    const shared = { folder, fetched, users: 0 };
    this.#planned.set(address, shared);
    return shared;
  }

  async #fetch(from: PackageAddress, folder: string): Promise<FetchedPackage> {
    const path = join(folder, from.name);
    const backoff = new Backoff(PAUSE_FIRST_MS, PAUSE_MAX_MS);
    await mkdir(folder, { recursive: true });
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#download(from, path);
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

  #download(from: PackageAddress, path: string): Promise<void> {
    if (from.kind === "object") {
      const { endpoint, key } = from;
      return this.#objects.download({ endpoint, key, version: 0 }, path);
    }
    const { signal } = this.#stop;
    return downloadFromWeb(from.url, path, { clock: this.#clock, signal, silenceMs: SILENCE_MS });
  }

  async #enter(): Promise<void> {
    if (this.#running < FETCHES_MAX) {
      // A turn later: the caller has planned the fetch by then.
      this.#running += 1;
      await Promise.resolve();
    } else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    // The place is handed over: nobody can slip in between.
    if (next === undefined) this.#running -= 1;
    else next();
  }
}

function whatOf(from: PackageAddress): string {
  return from.kind === "web"
    ? `"${from.url}"`
    : `"${from.key}" from the object cache at ${from.endpoint}`;
}
