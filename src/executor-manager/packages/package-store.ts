import { createHash } from "node:crypto";
import { setMaxListeners } from "node:events";
import { stat } from "node:fs/promises";
import type { ObjectClientOptions } from "../../client/objects.ts";
import type { Env } from "../../config/env.ts";
import type { FlameHome } from "../../config/flame-home.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Logger } from "../../kit/logger.ts";
import { codeOf, textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";
import { noPackageVariables } from "../service-environment.ts";
import type { PackageInstaller, PreparedPackage } from "../service-host.ts";
import { buildPackage, type PackageBuild, partsOf } from "./build-package.ts";
import { contentHash } from "./content-hash.ts";
import { InstallLogs } from "./install-log.ts";
import { ListLocks } from "./list-locks.ts";
import { type FetchLimits, PackageFetcher } from "./package-fetcher.ts";
import { chooseInstaller, formOf, type Installer, readInstaller } from "./package-kind.ts";
import { listFolder, PackageLists } from "./package-lists.ts";
import type { PackageProgress } from "./package-progress.ts";
import { PackageShelf, type TakenPackage, TRANSIENT } from "./package-shelf.ts";
import type { PackageSource } from "./package-source.ts";
import { beginsWithVariable, readPackageUrl } from "./package-url.ts";
import {
  binaryVariables,
  entersPackages,
  type InstalledPackage,
  pythonVariables,
  withListed,
} from "./package-variables.ts";
import { findPythonEnvironment, type PythonEnvironment } from "./python-environment.ts";
import { SharedWorks, type WaitLimits } from "./shared-work.ts";

/** Installed packages that are kept, those in use included. */
const PACKAGES_KEPT_MAX = 64;

/** A bind holds its executor at most so long for a package. */
const BIND_MS = 30_000;
/** Longer than the session manager pauses between two binds of a session that fail. */
const KEPT_MS = 60_000;

/** What the packages of a node are kept with. */
export interface PackageStoreDeps {
  readonly home: FlameHome;
  readonly env: Env;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface PackageStoreOptions {
  /** Bytes on disk of all installed packages; the longest unused ones beyond it go. */
  readonly maxDiskBytes: number;
  /** @default 64 */
  readonly maxPackages?: number;
  /** How object caches are reached: the node's own, and whom to trust with `grpcs://`. */
  readonly cache?: ObjectClientOptions;
  /** How long binds and downloads wait. */
  readonly waits?: Partial<WaitLimits> & FetchLimits;
}

/** Installed packages by content: what is the same is built once and shared, what differs never mixes. */
export interface PackageStore extends PackageInstaller {
  /** Gives up what is being fetched and installed. */
  close(): Promise<void>;
}

/** Opens `FLAME_HOME/data/packages`: removes what was left half-built there, and what is beyond the limits. */
export async function openPackageStore(
  deps: PackageStoreDeps,
  options: PackageStoreOptions,
): Promise<PackageStore> {
  const folder = deps.home.packages;
  const limits = {
    packages: options.maxPackages ?? PACKAGES_KEPT_MAX,
    bytes: options.maxDiskBytes,
  };
  const shelf = await PackageShelf.open(folder, limits, deps);
  const { cache: client = {}, waits = {} } = options;
  const fetcher = new PackageFetcher(deps, { folder, prefix: TRANSIENT, client, limits: waits });
  const locks = new ListLocks(client, deps.home.listLocks, deps.logger);
  const works = new SharedWorks(deps.clock, { bindMs: BIND_MS, keptMs: KEPT_MS, ...waits });
  return new Store(deps, shelf, fetcher, works, locks);
}

/** A package that lies on this node, and what its content is. */
interface LocalPackage {
  readonly path: string;
  readonly isDirectory: boolean;
  readonly hash: () => Promise<string>;
}

class Store implements PackageStore {
  readonly #deps: PackageStoreDeps;
  readonly #shelf: PackageShelf;
  readonly #fetcher: PackageFetcher;
  readonly #works: SharedWorks;
  readonly #logs: InstallLogs;
  readonly #locks: ListLocks;
  readonly #lists: PackageLists;
  readonly #stop = new AbortController();

  constructor(
    deps: PackageStoreDeps,
    shelf: PackageShelf,
    fetcher: PackageFetcher,
    works: SharedWorks,
    locks: ListLocks,
  ) {
    this.#deps = deps;
    this.#shelf = shelf;
    this.#fetcher = fetcher;
    this.#works = works;
    this.#logs = new InstallLogs(deps.home);
    this.#locks = locks;
    const { home, env } = deps;
    const { signal } = this.#stop;
    this.#lists = new PackageLists({ home, env, signal, shelf, fetcher, locks, logs: this.#logs });
    // As many installations listen to it as are under way.
    setMaxListeners(0, this.#stop.signal);
  }

  async prepare(
    source: PackageSource,
    signal: AbortSignal,
    patient = false,
  ): Promise<PreparedPackage> {
    const prepare = (progress: PackageProgress): Promise<PreparedPackage> =>
      this.#prepare(source, progress);
    try {
      return await this.#works.prepare(JSON.stringify(source), prepare, { signal, patient });
    } catch (thrown) {
      if (source.url === undefined) throw thrown;
      // Whatever is wrong with a package, its url is what a user can look up.
      const { code, message } = FlameError.from(thrown);
      throw new FlameError(code, `package url "${source.url}": ${message}`, { cause: thrown });
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#fetcher.close();
    this.#locks.close();
    await this.#works.close();
    await this.#shelf.close();
  }

  async #prepare(source: PackageSource, progress: PackageProgress): Promise<PreparedPackage> {
    const named = readInstaller(source.installer);
    if (source.packages.length === 0) return this.#prepareUrl(named, source, progress);
    if (named === "binary")
      throw new FlameError(
        "invalid_argument",
        `packages need installer python, and application "${source.application}" has installer binary`,
      );
    const listed = await this.#takeListed(source, progress);
    try {
      return await beside(listed, await this.#prepareUrl("python", source, progress), source);
    } catch (thrown) {
      listed.release();
      throw thrown;
    }
  }

  #prepareUrl(
    named: Installer | undefined,
    source: PackageSource,
    progress: PackageProgress,
  ): Promise<PreparedPackage> | PreparedPackage {
    const { url } = source;
    if (url !== undefined) return this.#prepareFrom(url, named, source, progress);
    return named === "python" ? this.#prepareNone(source) : nothing;
  }

  async #prepareNone(source: PackageSource): Promise<PreparedPackage> {
    return unheld(await this.#python(source, await this.#environment(source), undefined));
  }

  /** What is wrong with a list fails the tasks where the service can say so; else, and what may pass by itself, the bind. */
  async #takeListed(source: PackageSource, progress: PackageProgress): Promise<Listed> {
    const { application, packages: entries, since = this.#deps.clock.now() } = source;
    const environment = await this.#environment(source);
    try {
      const taken = await this.#lists.take({ application, entries, since }, environment, progress);
      return { folder: listFolder(taken.folder), environment, release: taken.release };
    } catch (thrown) {
      const { code, message } = FlameError.from(thrown);
      const isWrong = code === "invalid_argument" || code === "not_found";
      if (!isWrong || !entersPackages(source)) throw thrown;
      return { failure: message, environment, release: () => undefined };
    }
  }

  async #prepareFrom(
    url: string,
    named: Installer | undefined,
    source: PackageSource,
    progress: PackageProgress,
  ): Promise<PreparedPackage> {
    if (named === undefined && beginsWithVariable(url)) return nothing;
    const location = readPackageUrl(url);
    const { sha256 } = location;
    if (location.kind === "file") {
      const { path } = location;
      const isDirectory = await lookAt(path);
      const hash = (): Promise<string> => contentHash(path, isDirectory);
      progress.begin("being installed");
      return this.#prepareLocal({ path, isDirectory, hash }, sha256, named, source);
    }
    // What would be left alone is not fetched, and what is wrong is told before it is.
    const form = formOf(location.name, false);
    const installer = chooseInstaller(named, form);
    if (installer === undefined && sha256 === undefined) return nothing;
    if (installer !== undefined && sha256 !== undefined) {
      // Content that is pinned and installed needs no cache.
      const build = await this.#describe({ path: "", form, installer, hash: sha256 }, source);
      const taken = await this.#shelf.takeInstalled(folderName(build));
      if (taken !== undefined) return this.#use(taken, build, source);
    }
    return this.#fetcher.with(location, progress, ({ path, hash }) => {
      progress.begin("being installed");
      const local = { path, isDirectory: false, hash: () => Promise.resolve(hash) };
      return this.#prepareLocal(local, sha256, named, source);
    });
  }

  async #prepareLocal(
    { path, isDirectory, hash: readHash }: LocalPackage,
    sha256: string | undefined,
    named: Installer | undefined,
    source: PackageSource,
  ): Promise<PreparedPackage> {
    const form = formOf(path, isDirectory);
    const installer = chooseInstaller(named, form);
    if (installer === undefined && sha256 === undefined) return nothing;
    const hash = await readHash();
    checkPin(sha256, hash);
    if (installer === undefined) return nothing;
    const build = await this.#describe({ path, form, installer, hash }, source);
    const taken = await this.#shelf.take(folderName(build), (into) =>
      this.#build(source, build, into),
    );
    return this.#use(taken, build, source);
  }

  async #describe(
    build: Omit<PackageBuild, "environment">,
    source: PackageSource,
  ): Promise<PackageBuild> {
    const environment = build.installer === "python" ? await this.#environment(source) : undefined;
    return { ...build, environment };
  }

  async #use(
    { folder, release }: TakenPackage,
    { installer, form, environment }: PackageBuild,
    source: PackageSource,
  ): Promise<PreparedPackage> {
    try {
      const installed = partsOf(folder, installer, form);
      if (environment !== undefined)
        return { variables: await this.#python(source, environment, installed), release };
      return { variables: binaryVariables(installed.src ?? folder), release };
    } catch (thrown) {
      release();
      throw thrown;
    }
  }

  #environment(source: PackageSource): Promise<PythonEnvironment> {
    return findPythonEnvironment(this.#deps.home, source.environments["FLAME_PYTHON_VERSION"]);
  }

  #python(
    source: PackageSource,
    environment: PythonEnvironment,
    installed: InstalledPackage | undefined,
  ): ReturnType<typeof pythonVariables> {
    return pythonVariables(this.#deps.home, environment, source, installed);
  }

  async #build(source: PackageSource, build: PackageBuild, folder: string): Promise<void> {
    const { home, env, logger } = this.#deps;
    const { application, url } = source;
    const facts = { application, url: url ?? "", sha256: build.hash, installer: build.installer };
    logger.info(facts, "installing a package");
    await this.#logs.with(application, facts, (log) =>
      buildPackage({ home, env, signal: this.#stop.signal, logFile: log.path }, build, folder),
    );
    logger.info(facts, "package installed");
  }
}

/** The environment of a list, or why there is none. */
type Listed = (
  | { readonly folder: string; readonly failure?: never }
  | { readonly failure: string; readonly folder?: never }
) & { readonly environment: PythonEnvironment; readonly release: () => void };

/** What an application has, with what a list made beside it. */
async function beside(
  { folder, failure, environment, release }: Listed,
  prepared: PreparedPackage,
  source: PackageSource,
): Promise<PreparedPackage> {
  const releaseBoth = (): void => {
    prepared.release();
    release();
  };
  if (entersPackages(source)) {
    const listed = failure === undefined ? { folders: [folder] } : { folders: [], failure };
    return { ...prepared, listed, release: releaseBoth };
  }
  if (folder === undefined) return { ...prepared, release: releaseBoth };
  try {
    const variables = await withListed(prepared.variables, environment, folder);
    return { variables, release: releaseBoth };
  } catch (thrown) {
    prepared.release();
    throw thrown;
  }
}

const nothing = unheld(noPackageVariables);

function unheld(variables: PreparedPackage["variables"]): PreparedPackage {
  return { variables, release: () => undefined };
}

/** @throws FlameError not_found naming the path. */
async function lookAt(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (thrown) {
    const why =
      codeOf(thrown) === "ENOENT" ? "no such file or directory on this node" : textOf(thrown);
    throw new FlameError("not_found", `cannot read "${path}": ${why}`, {
      cause: thrown,
    });
  }
}

function checkPin(pinned: string | undefined, hash: string): void {
  if (pinned === undefined || pinned === hash) return;
  throw new FlameError("invalid_argument", `its content has sha256 ${hash}, expected ${pinned}`);
}

/** Content, installer and interpreter, and for Python what is installed beside the package. */
function folderName(build: PackageBuild): string {
  const { environment, installer } = build;
  const beside =
    environment === undefined ? [] : [environment.folder, ...environment.distributions].flat();
  const key = JSON.stringify([
    build.hash,
    installer,
    build.form,
    environment?.version ?? "",
    beside,
  ]);
  const digest = createHash("sha256").update(key).digest("hex").slice(0, 40);
  return `${installer}${environment?.minor ?? ""}-${digest}`;
}
