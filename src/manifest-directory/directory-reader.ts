import type { BigIntStats } from "node:fs";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../kit/clock.ts";
import { codeOf, textOf } from "../kit/thrown.ts";
import { MANIFEST_TEXT } from "../manifest/manifest.ts";
import { faulty, type ManifestFile, manifestFile, type ReadText } from "./manifest-file.ts";

/** What a directory holds at one moment. */
export interface DirectoryLook {
  /** `missing`: there is no such folder; it may come. */
  readonly folder: "present" | "missing" | "unreadable";
  /** Why it is unreadable. */
  readonly reason?: string;
  /** By path, sorted; empty unless the folder is present. A file that did not change is the same object again. */
  readonly files: ReadonlyMap<string, ManifestFile>;
  /** Something is being written just now: look again in a moment. */
  readonly unsettled: boolean;
  /** Other folders in which files of the directory really lie, by symbolic links. */
  readonly linkedFolders: readonly string[];
}

export interface DirectoryReaderDeps {
  /** Absolute. */
  readonly folder: string;
  readonly readText: ReadText;
  readonly clock: Clock;
  /** Files of one directory. @default 10,000 */
  readonly filesMax?: number;
}

const FILES_MAX = 10_000;
/** A file that was written so short a time ago, in milliseconds, may be half of what it is going to be. */
export const QUIET_MS = 30;
/** A file that is written all the time is read after this time nevertheless. */
const QUIET_WAIT_MAX_MS = 150;
/** How long a whole look waits for files that are being written, in milliseconds. */
const SETTLED_WAIT_MAX_MS = 500;
/** Files that are read at once. */
const READS_AT_ONCE = 16;

/** Manifests; neither hidden files nor what editors put beside them (`#x.yaml#`, `~x.yaml`, `x.yaml~`, `.x.yaml.swp`). */
const MANIFEST_FILE = /^[^.#~].*\.(?:ya?ml|json)$/;

interface Known {
  readonly state: string;
  readonly file: ManifestFile | undefined;
  /** The folder that it really lies in. */
  readonly home?: string;
  /** False: it was read while it might have been written. */
  readonly settled: boolean;
  /** When it was first seen to be in the middle of a change; absent: it is not. */
  readonly waitsSince?: number;
}

/** Reads a directory of manifests again and again, and of its files only those that changed. */
export class DirectoryReader {
  readonly #deps: DirectoryReaderDeps;
  #known = new Map<string, Known>();

  constructor(deps: DirectoryReaderDeps) {
    this.#deps = deps;
  }

  /** The directory as it is, waiting a moment for files that are just being written. Never throws. */
  async lookSettled(): Promise<DirectoryLook> {
    const { clock } = this.#deps;
    const deadline = clock.steady() + SETTLED_WAIT_MAX_MS;
    let look = await this.look();
    while (look.unsettled && clock.steady() < deadline) {
      await new Promise<void>((resolve) => {
        clock.after(QUIET_MS, resolve);
      });
      look = await this.look();
    }
    return look;
  }

  /** The directory as it is now. Never throws. */
  async look(): Promise<DirectoryLook> {
    const names = await this.#names();
    if (!Array.isArray(names)) return names as DirectoryLook;
    const paths = (names as string[]).map((name) => join(this.#deps.folder, name));
    const before = this.#known;
    const known = new Map<string, Known>();
    for (let start = 0; start < paths.length; start += READS_AT_ONCE) {
      const part = paths.slice(start, start + READS_AT_ONCE);
      const read = await Promise.all(part.map((path) => this.#look(path, before.get(path))));
      for (const [index, path] of part.entries()) {
        const one = read[index];
        if (one !== undefined) known.set(path, one);
      }
    }
    this.#known = known;
    const files = new Map<string, ManifestFile>();
    for (const [path, { file }] of known) if (file !== undefined) files.set(path, file);
    const all = [...known.values()];
    const homes = new Set(all.flatMap(({ home }) => home ?? []));
    homes.delete(this.#deps.folder);
    const unsettled = all.some(({ settled }) => !settled);
    return { folder: "present", files, unsettled, linkedFolders: [...homes] };
  }

  async #names(): Promise<readonly string[] | DirectoryLook> {
    const none = { files: new Map<string, ManifestFile>(), unsettled: false, linkedFolders: [] };
    let names: readonly string[];
    try {
      names = (await readdir(this.#deps.folder)).filter((name) => MANIFEST_FILE.test(name)).sort();
    } catch (thrown) {
      if (codeOf(thrown) === "ENOENT") return { folder: "missing", ...none };
      return { folder: "unreadable", reason: textOf(thrown), ...none };
    }
    const { filesMax = FILES_MAX } = this.#deps;
    if (names.length <= filesMax) return names;
    const reason = `got ${names.length} files of manifests, expected at most ${filesMax}`;
    return { folder: "unreadable", reason, ...none };
  }

  async #look(path: string, before: Known | undefined): Promise<Known | undefined> {
    let stats: BigIntStats;
    try {
      stats = await stat(path, { bigint: true });
    } catch (thrown) {
      return this.#withoutStats(path, thrown, before);
    }
    const state = stateOf(stats);
    if (before?.settled === true && before.state === state) return before;
    const { clock } = this.#deps;
    // Files bear the date; how long one was waited for is another clock's matter.
    const age = clock.now() - Number(stats.ctimeMs);
    const hot = age >= 0 && age < QUIET_MS;
    const waitsSince = before?.waitsSince ?? clock.steady();
    if (hot && clock.steady() - waitsSince < QUIET_WAIT_MAX_MS) {
      return { state: before?.state ?? "", file: before?.file, settled: false, waitsSince };
    }
    const file = await this.#read(path, stats);
    if (file === undefined) return undefined;
    return { state, file, settled: !hot, home: await homeOf(path) };
  }

  /** A name without a file behind it: a link that leads nowhere, or a file that was removed just now. */
  #withoutStats(path: string, thrown: unknown, before: Known | undefined): Known {
    const state = textOf(thrown);
    if (before?.state === state) return { ...before, settled: true };
    const gone = codeOf(thrown) === "ENOENT";
    const text = gone ? "got a link that leads nowhere, expected a file" : state;
    // Whether it is a link or a removal shows at the next look.
    return { state, file: faulty(path, text), settled: !gone };
  }

  async #read(path: string, stats: BigIntStats): Promise<ManifestFile | undefined> {
    if (!stats.isFile()) return faulty(path, "got something that is no file, expected a file");
    if (stats.size > BigInt(MANIFEST_TEXT.bytesMax)) {
      const text = `got ${stats.size} bytes, expected at most ${MANIFEST_TEXT.bytesMax}`;
      return faulty(path, text);
    }
    let bytes: Buffer;
    try {
      bytes = await readFile(path);
    } catch (thrown) {
      return codeOf(thrown) === "ENOENT" ? undefined : faulty(path, textOf(thrown));
    }
    return manifestFile(path, bytes, this.#deps.readText);
  }
}

/** What tells one state of a file from another without reading it. */
function stateOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(":");
}

async function homeOf(path: string): Promise<string> {
  try {
    return dirname(await realpath(path));
  } catch {
    return dirname(path);
  }
}
