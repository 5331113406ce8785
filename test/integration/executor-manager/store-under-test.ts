import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Env } from "../../../src/config/env.ts";
import { type FlameHome, flameHomeAt } from "../../../src/config/flame-home.ts";
import type { PackageSource } from "../../../src/executor-manager/packages/package-source.ts";
import {
  openPackageStore,
  type PackageStore,
  type PackageStoreOptions,
} from "../../../src/executor-manager/packages/package-store.ts";
import type { PackageVariables } from "../../../src/executor-manager/service-environment.ts";
import type { PreparedPackage } from "../../../src/executor-manager/service-host.ts";
import { systemClock } from "../../../src/kit/clock.ts";
import { type Logger, silentLogger } from "../../../src/kit/logger.ts";
import { preparedHome } from "../../support/python.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { wheel } from "../../support/wheel.ts";

/** A package store in a home of its own, with the programs and environments that set-up prepared. */
export class StoreUnderTest {
  readonly home: FlameHome;
  readonly #folder = temporaryFolder("packages");
  #store: PackageStore | undefined;

  constructor() {
    this.home = flameHomeAt(join(this.#folder.path, "home"));
    mkdirSync(this.home.root);
    for (const name of ["bin", "work"]) {
      symlinkSync(join(preparedHome, name), join(this.home.root, name));
    }
  }

  get path(): string {
    return this.#folder.path;
  }

  /** @param environment no package index, unless it names one */
  async open(
    options: Partial<PackageStoreOptions> = {},
    environment: Env = { UV_OFFLINE: "1" },
    logger: Logger = silentLogger,
  ): Promise<void> {
    const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], ...environment };
    this.#store = await openPackageStore(
      { home: this.home, env, clock: systemClock, logger },
      { maxDiskBytes: 2 ** 40, ...options },
    );
  }

  /** The wheels that set-up laid out, beside others of the test. */
  linkWheels(): void {
    mkdirSync(this.home.wheels);
    for (const name of readdirSync(join(preparedHome, "wheels"))) {
      symlinkSync(join(preparedHome, "wheels", name), join(this.home.wheels, name));
    }
  }

  /** @param options.keep what lies there stays, to be opened again */
  async close({ keep = false } = {}): Promise<void> {
    await this.#store?.close();
    if (!keep) this.#folder.remove();
  }

  /** Writes a file below the folder of the test. @returns its path */
  put(path: string, content: string | Buffer): string {
    const full = join(this.path, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
    return full;
  }

  /** A wheel of one module, `word`, in a folder of wheels of the node. @returns its path */
  offer(
    name: string,
    version: string,
    requires: readonly string[] = [],
    folder = "home/wheels",
  ): string {
    const content = wheel(name, `word = '${version}'\n`, { version, requires });
    return this.put(`${folder}/${name}-${version}-py3-none-any.whl`, content);
  }

  /** Prepares the package of a path or url. */
  prepare(
    of: string,
    more: Partial<PackageSource> = {},
    signal?: AbortSignal,
  ): Promise<PreparedPackage> {
    return this.prepareList(
      { url: of.startsWith("/") ? pathToFileURL(of).href : of, ...more },
      signal,
    );
  }

  /** Prepares an application with nothing but what is given. */
  prepareList(
    more: Partial<PackageSource>,
    signal = new AbortController().signal,
  ): Promise<PreparedPackage> {
    if (this.#store === undefined) throw new Error("the store is not open");
    const source = {
      application: "my-app",
      url: undefined,
      installer: undefined,
      environments: {},
      packages: [],
      since: undefined,
      commandLine: ["python", "-m", "mine"],
      ...more,
    };
    return this.#store.prepare(source, signal);
  }

  /** The folders of the packages that are installed. */
  installed(): string[] {
    return readdirSync(this.home.packages).sort();
  }
}

/** What the one module of a wheel of {@link StoreUnderTest.offer} says. */
export const wordOf = ({ variables }: PreparedPackage, module: string): string =>
  pythonOutput(variables, `import ${module}; print(${module}.word)`);

/** What a Python with the variables of a package prints. */
export function pythonOutput({ values, paths }: PackageVariables, code: string): string {
  return execFileSync(join(values["VIRTUAL_ENV"] ?? "", "bin/python"), ["-c", code], {
    env: {
      PYTHONPATH: (paths["PYTHONPATH"] ?? []).join(":"),
      FLAME_APP_SITE: values["FLAME_APP_SITE"],
      PYTHONDONTWRITEBYTECODE: "1",
    },
    encoding: "utf8",
  }).trim();
}
