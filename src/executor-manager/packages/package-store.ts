import { createHash } from "node:crypto";
import { mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { Env } from "../../config/env.ts";
import type { FlameHome } from "../../config/flame-home.ts";
import { randomId } from "../../kit/ids.ts";
import type { Logger } from "../../kit/logger.ts";
import { codeOf, textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";
import { noPackageVariables, type PackageVariables } from "../service-environment.ts";
import type { PackageInstaller } from "../service-host.ts";
import { buildPackage, type PackageBuild, partsOf } from "./build-package.ts";
import { contentHash } from "./content-hash.ts";
import { chooseInstaller, formOf, type Installer, readInstaller } from "./package-kind.ts";
import type { PackageSource } from "./package-source.ts";
import { readPackageUrl } from "./package-url.ts";
import { binaryVariables, type InstalledPackage, pythonVariables } from "./package-variables.ts";
import { findPythonEnvironment, type PythonEnvironment } from "./python-environment.ts";

/** Installed packages that are kept; the longest unused ones beyond it go when the manager starts. */
const PACKAGES_KEPT_MAX = 64;

/** Folders that are being built; none of them outlives its manager. */
const BUILDING = ".building-";

/** What the packages of a node are kept with. */
export interface PackageStoreDeps {
  readonly home: FlameHome;
  readonly env: Env;
  readonly logger: Logger;
}

/** Installed packages by content: what is the same is built once and shared, what differs never mixes. */
export interface PackageStore extends PackageInstaller {
  /** Gives up what is being installed. */
  close(): Promise<void>;
}

/** Opens `FLAME_HOME/data/packages`, and removes what was left half-built there. */
export async function openPackageStore(deps: PackageStoreDeps): Promise<PackageStore> {
  await mkdir(deps.home.packages, { recursive: true });
  await removeUnused(deps.home.packages);
  return new Store(deps);
}

class Store implements PackageStore {
  readonly #deps: PackageStoreDeps;
  readonly #stop = new AbortController();
  /** Builds under way, by folder: binds of the same content wait for the same build. */
  readonly #builds = new Map<string, Promise<void>>();

  constructor(deps: PackageStoreDeps) {
    this.#deps = deps;
  }

  async prepare(source: PackageSource): Promise<PackageVariables> {
    const named = readInstaller(source.installer);
    const { url } = source;
    if (url === undefined) {
      return named === "python"
        ? this.#python(source, await this.#environment(source), undefined)
        : noPackageVariables;
    }
    try {
      return await this.#prepareFrom(url, named, source);
    } catch (thrown) {
      // Whatever is wrong with a package, its url is what a user can look up.
      const { code, message } = FlameError.from(thrown);
      throw new FlameError(code, `package url "${url}": ${message}`, { cause: thrown });
    }
  }

  async #prepareFrom(
    url: string,
    named: Installer | undefined,
    source: PackageSource,
  ): Promise<PackageVariables> {
    const { path, sha256 } = readPackageUrl(url);
    const isDirectory = await lookAt(path);
    const form = formOf(path, isDirectory);
    const installer = chooseInstaller(named, form);
    if (installer === undefined && sha256 === undefined) return noPackageVariables;
    const hash = await contentHash(path, isDirectory);
    checkPin(sha256, hash);
    if (installer === undefined) return noPackageVariables;
    const environment = installer === "python" ? await this.#environment(source) : undefined;
    const build = {
      application: source.application,
      url,
      path,
      form,
      installer,
      hash,
      environment,
    };
    const installed = partsOf(await this.#install(build), installer, form);
    if (environment !== undefined) return this.#python(source, environment, installed);
    return installed.src === undefined ? noPackageVariables : binaryVariables(installed.src);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#builds.values());
  }

  #environment(source: PackageSource): Promise<PythonEnvironment> {
    return findPythonEnvironment(this.#deps.home, source.environments["FLAME_PYTHON_VERSION"]);
  }

  #python(
    source: PackageSource,
    environment: PythonEnvironment,
    installed: InstalledPackage | undefined,
  ): Promise<PackageVariables> {
    return pythonVariables(this.#deps.home, environment, source, installed);
  }

  async #install(build: PackageBuild): Promise<string> {
    const folder = join(this.#deps.home.packages, folderName(build));
    if (await exists(folder)) {
      const now = new Date();
      await utimes(folder, now, now);
      return folder;
    }
    let building = this.#builds.get(folder);
    if (building === undefined) {
      // A failure is not remembered: the next bind looks again.
      building = this.#build(build, folder).finally(() => this.#builds.delete(folder));
      this.#builds.set(folder, building);
    }
    await building;
    return folder;
  }

  async #build(build: PackageBuild, folder: string): Promise<void> {
    const { home, env, logger } = this.#deps;
    const temporary = join(home.packages, `${BUILDING}${randomId()}`);
    const fields = { application: build.application, url: build.url, folder };
    logger.info({ ...fields, installer: build.installer }, "installing a package");
    try {
      await mkdir(temporary);
      await buildPackage({ home, env, signal: this.#stop.signal }, build, temporary);
      await rename(temporary, folder);
      logger.info(fields, "package installed");
    } catch (thrown) {
      await rm(temporary, { recursive: true, force: true });
      throw thrown;
    }
  }
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
  const { environment } = build;
  const beside =
    environment === undefined ? [] : [environment.folder, ...environment.distributions].flat();
  const key = JSON.stringify([
    build.hash,
    build.installer,
    build.form,
    environment?.version ?? "",
    beside,
  ]);
  const digest = createHash("sha256").update(key).digest("hex").slice(0, 40);
  return `${installerLabel(build.installer, environment)}-${digest}`;
}

function installerLabel(installer: Installer, environment: PythonEnvironment | undefined): string {
  return environment === undefined ? installer : `${installer}${environment.minor}`;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function removeUnused(packages: string): Promise<void> {
  const folders: { path: string; used: number }[] = [];
  for (const name of await readdir(packages)) {
    const path = join(packages, name);
    if (name.startsWith(BUILDING)) await rm(path, { recursive: true, force: true });
    else folders.push({ path, used: (await stat(path)).mtimeMs });
  }
  folders.sort((a, b) => b.used - a.used);
  for (const { path } of folders.slice(PACKAGES_KEPT_MAX))
    await rm(path, { recursive: true, force: true });
}
