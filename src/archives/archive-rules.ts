import { FlameError } from "../model/errors.ts";

/** What an archive may unpack to. */
export interface UnpackLimits {
  readonly bytes: number;
  readonly entries: number;
  /** Beyond `freeBytes` an archive may not expand more than this many times. */
  readonly expansion: number;
  readonly freeBytes: number;
}

export const unpackLimits: UnpackLimits = {
  bytes: 8 * 1024 ** 3,
  entries: 100_000,
  expansion: 200,
  freeBytes: 256 * 1024 ** 2,
};

/** One entry of an archive, as it says of itself. */
export interface ArchiveEntry {
  readonly path: string;
  /** `other`: a device, a pipe, or something that this version does not know. */
  readonly kind: "file" | "directory" | "link" | "hard link" | "other";
  /** Of a link: where it points to. */
  readonly target?: string | undefined;
  /** Unix permissions. */
  readonly mode: number;
}

const SETUID_OR_SETGID = 0o6000;

/**
 * Whether an archive may be unpacked (docs/protocol.md, "Packages"): entry by entry, before anything is written. Nothing in an
 * archive that passes lies or points outside the folder that it is unpacked to, or overwrites something else in it.
 */
export class ArchiveRules {
  readonly #archiveBytes: number;
  readonly #limits: UnpackLimits;
  /** What lies where; `directory` also for folders that only paths name. */
  readonly #seen = new Map<string, ArchiveEntry["kind"]>();
  #bytes = 0;
  #entries = 0;

  constructor(archiveBytes: number, limits: UnpackLimits) {
    this.#archiveBytes = archiveBytes;
    this.#limits = limits;
  }

  /** Counts bytes that come out of the archive. @throws FlameError resource_exhausted beyond the limits. */
  expand(bytes: number): void {
    this.#bytes += bytes;
    const { bytes: max, expansion, freeBytes } = this.#limits;
    if (this.#bytes > max)
      throw new FlameError("resource_exhausted", `it unpacks to more than ${max} bytes`);
    if (this.#bytes > freeBytes && this.#bytes > expansion * this.#archiveBytes) {
      throw new FlameError(
        "resource_exhausted",
        `its ${this.#archiveBytes} bytes unpack to more than ${expansion} times as many`,
      );
    }
  }

  /** @throws FlameError invalid_argument naming the entry and what is wrong with it. */
  check(entry: ArchiveEntry): void {
    if (++this.#entries > this.#limits.entries) {
      throw new FlameError(
        "resource_exhausted",
        `it has more than ${this.#limits.entries} entries`,
      );
    }
    const refuse = (why: string): FlameError =>
      new FlameError("invalid_argument", `its entry ${JSON.stringify(entry.path)} ${why}`);
    const parts = partsOf(entry.path);
    if (parts === undefined) throw refuse("has a path that leaves the archive");
    if (entry.kind === "other") throw refuse("is no file, directory or link");
    if (entry.kind !== "directory" && (entry.mode & SETUID_OR_SETGID) !== 0)
      throw refuse("is setuid or setgid");
    this.#place(parts, entry, refuse);
    if (entry.kind === "link") checkLink(parts, entry.target ?? "", refuse);
    if (entry.kind === "hard link") this.#checkHardLink(entry.target ?? "", refuse);
    this.#seen.set(parts.join("/"), entry.kind === "hard link" ? "file" : entry.kind);
  }

  #place(parts: readonly string[], entry: ArchiveEntry, refuse: (why: string) => FlameError): void {
    for (let length = 1; length < parts.length; length++) {
      const above = parts.slice(0, length).join("/");
      const kind = this.#seen.get(above);
      if (kind !== undefined && kind !== "directory")
        throw refuse(`lies below "${above}", which is a ${kind}`);
      this.#seen.set(above, "directory");
    }
    const before = parts.length === 0 ? "directory" : this.#seen.get(parts.join("/"));
    if (before === undefined || (before === "directory" && entry.kind === "directory")) return;
    throw refuse("is there twice");
  }

  #checkHardLink(target: string, refuse: (why: string) => FlameError): void {
    const parts = partsOf(target);
    if (parts === undefined || this.#seen.get(parts.join("/")) !== "file")
      throw refuse(`links to ${JSON.stringify(target)}, which is no file before it in the archive`);
  }
}

/** The names in a path; undefined when it leaves the folder that it begins in. */
function partsOf(path: string): string[] | undefined {
  if (path.startsWith("/") || path.includes("\0")) return undefined;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return parts.includes("..") ? undefined : parts;
}

// Links lie in real directories, so `..` at the beginning of a target is what it says. After a name it need not be: the name
// may be a link itself.
function checkLink(
  parts: readonly string[],
  target: string,
  refuse: (why: string) => FlameError,
): void {
  const steps = target.split("/").filter((part) => part !== "" && part !== ".");
  const up = steps.findIndex((step) => step !== "..");
  const ups = up === -1 ? steps.length : up;
  const leaves = ups > parts.length - 1 || steps.slice(ups).includes("..");
  if (target === "" || target.startsWith("/") || target.includes("\0") || leaves)
    throw refuse(`links to ${JSON.stringify(target)}, which is outside the archive`);
}
