import { createHash } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { randomId } from "../../kit/ids.ts";
import { FlameError } from "../../model/errors.ts";
import type { InstallLogs } from "./install-log.ts";
import type { ListLocks } from "./list-locks.ts";
import { identityOf, type ListEntry, ListedUploads, readList } from "./listed-uploads.ts";
import type { PackageFetcher } from "./package-fetcher.ts";
import type { PackageProgress } from "./package-progress.ts";
import { type PackageShelf, type TakenPackage, TRANSIENT } from "./package-shelf.ts";
import { DAY_MS } from "./package-source.ts";
import { OWN_DISTRIBUTION } from "./provided-distributions.ts";
import type { PythonEnvironment } from "./python-environment.ts";
import { installLock, LIST_FILES, type ListWork, resolveList } from "./resolve-list.ts";
import type { UvDeps } from "./run-uv.ts";

/** A list of packages and who asks for it. */
export interface PackageList {
  readonly application: string;
  readonly entries: readonly string[];
  /** Of the session, in Unix milliseconds: whichever node serves it, and whenever, it gets the same versions. */
  readonly since: number;
}

export interface PackageListsDeps extends Omit<UvDeps, "logFile"> {
  readonly shelf: PackageShelf;
  readonly fetcher: PackageFetcher;
  readonly locks: ListLocks;
  readonly logs: InstallLogs;
}

/** Where the packages of a list lie in their folder. */
export const listFolder = (folder: string): string => join(folder, "deps");

/** What is done for one list, once. */
interface Job {
  readonly list: PackageList;
  readonly entries: readonly ListEntry[];
  readonly environment: PythonEnvironment;
  readonly uploads: ListedUploads;
  readonly progress: PackageProgress;
}

/** Environments of lists of packages: one for each lock and Python, beside the installed packages and bounded with them. */
export class PackageLists {
  readonly #deps: PackageListsDeps;
  /** Resolutions under way, by the application that keeps the lock and its key. */
  readonly #resolving = new Map<string, Promise<string>>();

  constructor(deps: PackageListsDeps) {
    this.#deps = deps;
  }

  /**
   * The environment of a list, resolved and built if need be.
   * @throws FlameError invalid_argument or not_found when the list is wrong, with the resolver's words; others may pass by
   *   themselves.
   */
  async take(
    list: PackageList,
    environment: PythonEnvironment,
    progress: PackageProgress,
  ): Promise<TakenPackage> {
    const entries = await readList(list.entries);
    const folder = join(this.#deps.home.packages, `${TRANSIENT}${randomId()}`);
    const uploads = new ListedUploads(join(folder, "files"), entries);
    const job = { list, entries, environment, uploads, progress };
    try {
      const key = lockKey(job);
      const lock =
        (await this.#deps.locks.find(list.application, key)) ?? (await this.#resolveOnce(key, job));
      const name = `list${environment.minor}-${digest([lock, environment.folder, ...besides(environment)])}`;
      return await this.#deps.shelf.take(name, (into) => this.#build(lock, job, into));
    } catch (thrown) {
      const { code, message } = FlameError.from(thrown);
      throw new FlameError(code, `packages ${shown(list.entries)}: ${message}`, { cause: thrown });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  #resolveOnce(key: string, job: Job): Promise<string> {
    const own = JSON.stringify([job.list.application, key]);
    const known = this.#resolving.get(own);
    if (known !== undefined) return known;
    const resolving = this.#resolve(key, job).finally(() => this.#resolving.delete(own));
    this.#resolving.set(own, resolving);
    return resolving;
  }

  async #resolve(key: string, job: Job): Promise<string> {
    const lock = await this.#logged(job, (deps, work) => {
      job.progress.begin("being resolved");
      return resolveList(deps, work);
    });
    return this.#deps.locks.keep(job.list.application, key, lock);
  }

  async #build(lock: string, job: Job, into: string): Promise<void> {
    await this.#logged(job, async (deps, work) => {
      job.progress.begin("being installed");
      await installLock(deps, { ...work, lock, target: listFolder(into) });
    });
  }

  /** Fetches the files of the list and works with uv, whose words go to the log of the application. */
  async #logged<T>(job: Job, act: (deps: UvDeps, work: ListWork) => Promise<T>): Promise<T> {
    const { fetcher, home, env, signal, logs } = this.#deps;
    const { list, environment, uploads, progress } = job;
    const lines = await uploads.lines(LIST_FILES, fetcher, progress);
    const scratch = join(uploads.folder, "..", randomId());
    await mkdir(scratch, { recursive: true });
    const facts = { application: list.application, packages: shown(list.entries) };
    const work = { lines, files: uploads.folder, scratch, environment };
    return logs.with(list.application, facts, (log) =>
      act({ home, env, signal, logFile: log.path }, work),
    );
  }
}

/** What a resolution depends on, but for what the index has. */
function lockKey({ list, entries, environment }: Job): string {
  const { platform, arch } = process;
  const day = Math.floor(list.since / DAY_MS);
  return digest([platform, arch, day, entries.map(identityOf), ...besides(environment)]);
}

/** What a list is installed beside: all but flamepy, which no list brings, so that an upgrade of it makes nothing anew. */
function besides({ version, distributions }: PythonEnvironment): readonly unknown[] {
  return [version, [...distributions].filter(([name]) => name !== OWN_DISTRIBUTION)];
}

const digest = (parts: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 40);

const shown = (entries: readonly string[]): string =>
  entries
    .slice(0, 8)
    .map((entry) => `"${entry.slice(0, 120)}"`)
    .join(", ") + (entries.length > 8 ? ` and ${entries.length - 8} more` : "");
