import { existsSync, renameSync } from "node:fs";
import { lstat, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeFolderDurably, renameDurably, syncNames } from "../../files/durable.ts";
import type { Clock } from "../../kit/clock.ts";
import { randomId } from "../../kit/ids.ts";
import type { Logger } from "../../kit/logger.ts";
import { codeOf, textOf } from "../../kit/thrown.ts";
import { FlameError } from "../../model/errors.ts";
import { differenceFrom, writeContents } from "./package-contents.ts";
import { UncheckedPackages } from "./unchecked-packages.ts";

/** Folders that are made, fetched or taken away; none of them outlives its manager. */
export const TRANSIENT = ".building-";

/** In each folder: the bytes that it takes on disk. */
const BYTES_FILE = ".bytes";
const BLOCK_BYTES = 512;

/** What is kept of packages that nobody uses. */
export interface ShelfLimits {
  readonly packages: number;
  /** On disk, those in use included. */
  readonly bytes: number;
}

/** A package that stays where it is until it is released. */
export interface TakenPackage {
  readonly folder: string;
  /** Idempotent. */
  readonly release: () => void;
}

interface Shelved {
  bytes: number;
  /** Unix milliseconds. */
  usedAt: number;
  holders: number;
}

/** Fills an empty folder with a package. */
export type BuildInto = (folder: string) => Promise<void>;

/** Folders of finished packages by name: each built once, and never taken away while somebody uses it. */
export class PackageShelf {
  readonly #root: string;
  readonly #limits: ShelfLimits;
  readonly #deps: { readonly clock: Clock; readonly logger: Logger };
  readonly #shelved = new Map<string, Shelved>();
  /** Builds under way: whoever wants the same package waits for the same build. */
  readonly #builds = new Map<string, Promise<void>>();
  /** Removals under way. */
  readonly #removals = new Set<Promise<void>>();
  #unchecked: UncheckedPackages | undefined;

  private constructor(
    root: string,
    limits: ShelfLimits,
    deps: { readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#root = root;
    this.#limits = limits;
    this.#deps = deps;
  }

  /** Opens a folder of packages: removes what was left half-done in it and what is beyond the limits. */
  static async open(
    root: string,
    limits: ShelfLimits,
    deps: { readonly clock: Clock; readonly logger: Logger },
  ): Promise<PackageShelf> {
    const shelf = new PackageShelf(root, limits, deps);
    makeFolderDurably(root);
    for (const name of await readdir(root)) {
      const path = join(root, name);
      const bytes = name.startsWith(TRANSIENT) ? undefined : await knownBytes(path);
      if (bytes === undefined) await rm(path, { recursive: true, force: true });
      else shelf.#shelved.set(name, { bytes, usedAt: (await stat(path)).mtimeMs, holders: 0 });
    }
    shelf.#unchecked = await UncheckedPackages.open(root, [...shelf.#shelved.keys()], deps.logger);
    shelf.#evict();
    await shelf.settled();
    return shelf;
  }

  /**
   * The package of a name, built if it is not there.
   * @throws what `build` throws; a failure is not remembered, the next call builds again.
   */
  async take(name: string, build: BuildInto): Promise<TakenPackage> {
    const folder = join(this.#root, name);
    const shelved = this.#hold(name);
    try {
      await this.#check(name, shelved);
      // Asked without a pause: between an answer and a look at the builds one could end.
      if (!existsSync(folder)) await this.#buildOnce(name, folder, shelved, build);
      return await this.#taken(name, shelved);
    } catch (thrown) {
      this.#release(name, shelved);
      throw thrown;
    }
  }

  /** The package of a name if it is there. */
  async takeInstalled(name: string): Promise<TakenPackage | undefined> {
    const folder = join(this.#root, name);
    if (!existsSync(folder)) return undefined;
    const shelved = this.#hold(name);
    try {
      await this.#check(name, shelved);
      if (existsSync(folder)) return await this.#taken(name, shelved);
    } catch (thrown) {
      this.#release(name, shelved);
      throw thrown;
    }
    this.#release(name, shelved);
    return undefined;
  }

  /** Resolves when no build and no removal is under way. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#builds.values(), ...this.#removals]);
  }

  /** The next start need not look at the packages: this one ends in order. */
  async close(): Promise<void> {
    await this.settled();
    await this.#unchecked?.close();
  }

  /** After an end out of order: takes a package away that is not what was installed. */
  async #check(name: string, shelved: Shelved): Promise<void> {
    await this.#unchecked?.look(name, async () => {
      const difference = await differenceFrom(join(this.#root, name), [BYTES_FILE]);
      if (difference === undefined) return;
      this.#deps.logger.warn(
        { package: name, difference },
        "a package is not what was installed before the executor manager was killed: it goes, and is installed anew",
      );
      if (!this.#moveAway(name))
        throw new FlameError(
          "internal",
          `package ${name} is not what was installed, and cannot be removed`,
        );
      shelved.bytes = 0;
    });
  }

  async #taken(name: string, shelved: Shelved): Promise<TakenPackage> {
    const folder = join(this.#root, name);
    const now = this.#deps.clock.now();
    shelved.usedAt = now;
    // What is used is remembered across restarts; a disk that is read-only forgets it.
    await utimes(folder, now / 1_000, now / 1_000).catch(() => undefined);
    let released = false;
    return {
      folder,
      release: () => {
        if (!released) this.#release(name, shelved);
        released = true;
      },
    };
  }

  #hold(name: string): Shelved {
    const shelved = this.#shelved.get(name) ?? { bytes: 0, usedAt: 0, holders: 0 };
    this.#shelved.set(name, shelved);
    shelved.holders += 1;
    return shelved;
  }

  #release(name: string, shelved: Shelved): void {
    shelved.holders -= 1;
    if (shelved.holders === 0 && !existsSync(join(this.#root, name))) this.#shelved.delete(name);
    this.#evict();
  }

  #buildOnce(name: string, folder: string, shelved: Shelved, build: BuildInto): Promise<void> {
    const known = this.#builds.get(name);
    if (known !== undefined) return known;
    const building = this.#buildWithRoom(folder, shelved, build).finally(() =>
      this.#builds.delete(name),
    );
    this.#builds.set(name, building);
    return building;
  }

  /** Unused packages make room once when the disk is full. */
  async #buildWithRoom(folder: string, shelved: Shelved, build: BuildInto): Promise<void> {
    try {
      await this.#build(folder, shelved, build);
    } catch (thrown) {
      if (!isDiskFull(thrown) || !(await this.#dropUnused())) throw thrown;
      await this.#build(folder, shelved, build);
    }
  }

  /** Takes every unused package away. @returns whether there was one. */
  async #dropUnused(): Promise<boolean> {
    const unused = [...this.#shelved].filter(
      ([name, { holders }]) => holders === 0 && existsSync(join(this.#root, name)),
    );
    this.#deps.logger.warn({ packages: unused.length }, "the disk is full: unused packages go");
    for (const [name, shelved] of unused) this.#remove(name, shelved);
    await Promise.allSettled(this.#removals);
    return unused.length > 0;
  }

  async #build(folder: string, shelved: Shelved, build: BuildInto): Promise<void> {
    const temporary = join(this.#root, `${TRANSIENT}${randomId()}`);
    try {
      await mkdir(temporary);
      await build(temporary);
      await writeContents(temporary, [BYTES_FILE]);
      shelved.bytes = await bytesOnDisk(temporary);
      await writeFile(join(temporary, BYTES_FILE), `${shelved.bytes}\n`);
      // A power cut must not leave a package whose files are empty: it would count as whole forever.
      await renameDurably(temporary, folder);
    } catch (thrown) {
      await rm(temporary, { recursive: true, force: true });
      throw thrown;
    }
    this.#evict();
  }

  /** Takes the longest unused packages away until the rest is within the limits. */
  #evict(): void {
    let bytes = 0;
    for (const shelved of this.#shelved.values()) bytes += shelved.bytes;
    const unused = [...this.#shelved]
      .filter(([, { holders }]) => holders === 0)
      .sort(([, a], [, b]) => a.usedAt - b.usedAt);
    for (const [name, shelved] of unused) {
      if (bytes <= this.#limits.bytes && this.#shelved.size <= this.#limits.packages) return;
      bytes -= shelved.bytes;
      this.#remove(name, shelved);
    }
  }

  #remove(name: string, shelved: Shelved): void {
    if (!this.#moveAway(name)) return;
    this.#shelved.delete(name);
    this.#unchecked?.forget(name);
    this.#deps.logger.info({ package: name, bytes: shelved.bytes }, "unused package removed");
  }

  /** @returns false when it cannot be taken away */
  #moveAway(name: string): boolean {
    const away = join(this.#root, `${TRANSIENT}${randomId()}`);
    try {
      // In one step, and without a pause since it was seen unused: who takes it next builds it anew.
      renameSync(join(this.#root, name), away);
    } catch (thrown) {
      this.#deps.logger.warn({ package: name, error: textOf(thrown) }, "cannot remove a package");
      return false;
    }
    // Its name is gone for good before its files go: a power cut brings back all of it or nothing.
    const removing = syncNames(this.#root).then(() => rm(away, { recursive: true, force: true }));
    const removal = removing.catch((thrown: unknown) => {
      this.#deps.logger.warn({ package: name, error: textOf(thrown) }, "cannot remove a package");
    });
    this.#removals.add(removal);
    void removal.finally(() => this.#removals.delete(removal));
    return true;
  }
}

/** Also when a program that was run says so: the installer has no other way to tell. */
function isDiskFull(thrown: unknown): boolean {
  for (let one: unknown = thrown; one !== undefined; ) {
    const code = codeOf(one);
    if (code === "ENOSPC" || code === "EDQUOT") return true;
    if (/ENOSPC|No space left on device|Disk quota exceeded/.test(textOf(one))) return true;
    one = typeof one === "object" && one !== null && "cause" in one ? one.cause : undefined;
  }
  return false;
}

/** Undefined for what is no whole package: the file is written last, so a power cut that tore it tore others too. */
async function knownBytes(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, BYTES_FILE), "utf8").catch(() => undefined);
  if (text === undefined) return bytesOnDisk(folder);
  return /^\d+\n$/.test(text) ? Number(text) : undefined;
}

async function bytesOnDisk(path: string): Promise<number> {
  const facts = await lstat(path);
  let bytes = facts.blocks * BLOCK_BYTES;
  if (!facts.isDirectory()) return bytes;
  for (const name of await readdir(path)) bytes += await bytesOnDisk(join(path, name));
  return bytes;
}
