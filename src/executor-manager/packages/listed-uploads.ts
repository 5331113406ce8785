import { copyFile, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { FlameError } from "../../model/errors.ts";
import { packagesFault } from "../../model/package-list.ts";
import { contentHash } from "./content-hash.ts";
import type { PackageFetcher } from "./package-fetcher.ts";
import { formOf } from "./package-kind.ts";
import type { PackageProgress } from "./package-progress.ts";
import { type PackageLocation, readPackageUrl } from "./package-url.ts";
import { wheelName } from "./wheel-name.ts";

/** Before the name of what flamepy uploads, so that other content has another key. */
const UPLOAD_PREFIX = /^[0-9a-f]{16}\./;

/** An entry of a list of packages. */
export type ListEntry =
  | { readonly kind: "requirement"; readonly text: string }
  /** A wheel or an archive that a node gets for itself; its content is what counts. */
  | { readonly kind: "file"; readonly location: PackageLocation; readonly sha256: string };

/**
 * Reads a list of packages.
 * @throws FlameError invalid_argument or not_found naming the entry.
 */
export async function readList(entries: readonly string[]): Promise<ListEntry[]> {
  const fault = packagesFault(entries);
  if (fault !== undefined) throw new FlameError("invalid_argument", fault);
  return Promise.all(entries.map(readEntry));
}

async function readEntry(text: string): Promise<ListEntry> {
  if (!/^(file|grpcs?):\/\//i.test(text)) return { kind: "requirement", text };
  const location = readPackageUrl(text);
  const name = location.kind === "file" ? location.path : location.name;
  const form = formOf(name, false);
  if (form === "other")
    throw refused(text, "expected a wheel (.whl) or an archive (.tar.gz, .tgz, .zip)");
  if (location.kind !== "file") return { kind: "file", location, sha256: location.sha256 ?? "" };
  const facts = await stat(location.path).catch(() => undefined);
  if (facts?.isFile() !== true)
    throw refused(text, "there is no such file on this node", "not_found");
  const sha256 = await contentHash(location.path, false);
  if (location.sha256 !== undefined && location.sha256 !== sha256)
    throw refused(text, `its content has sha256 ${sha256}`);
  return { kind: "file", location, sha256 };
}

function refused(
  entry: string,
  why: string,
  code: "invalid_argument" | "not_found" = "invalid_argument",
): FlameError {
  return new FlameError(code, `package "${entry}": ${why}`);
}

/** What tells two lists apart, wherever their files lie. */
export function identityOf(entry: ListEntry): string {
  return entry.kind === "requirement" ? entry.text : entry.sha256;
}

/** The files of a list beside each other, where uv finds them by one variable. */
export class ListedUploads {
  readonly #folder: string;
  readonly #entries: readonly ListEntry[];
  #lines: Promise<string[]> | undefined;

  /** @param folder is made when it is needed first */
  constructor(folder: string, entries: readonly ListEntry[]) {
    this.#folder = folder;
    this.#entries = entries;
  }

  get folder(): string {
    return this.#folder;
  }

  /**
   * The list as lines of a file of requirements, its files fetched.
   * @param variable what stands for {@link folder} in them, so that a lock means the same on every node
   */
  async lines(
    variable: string,
    fetcher: PackageFetcher,
    progress: PackageProgress,
  ): Promise<string[]> {
    this.#lines ??= this.#layOut(variable, fetcher, progress);
    return this.#lines;
  }

  async #layOut(
    variable: string,
    fetcher: PackageFetcher,
    progress: PackageProgress,
  ): Promise<string[]> {
    await mkdir(this.#folder, { recursive: true });
    const lines: string[] = [];
    for (const entry of this.#entries) {
      if (entry.kind === "requirement") lines.push(entry.text);
      else lines.push(`file://\${${variable}}/${await this.#fetch(entry, fetcher, progress)}`);
    }
    return lines;
  }

  /** @returns where it lies below the folder */
  async #fetch(
    { location, sha256 }: Extract<ListEntry, { kind: "file" }>,
    fetcher: PackageFetcher,
    progress: PackageProgress,
  ): Promise<string> {
    if (location.kind === "file") return this.#copy(location.path, location.path, sha256);
    return fetcher.with(location, progress, ({ path, hash }) => {
      if (hash !== sha256)
        throw new FlameError(
          "invalid_argument",
          `package "${location.name}": its content has sha256 ${hash}, expected ${sha256}`,
        );
      return this.#copy(path, location.name.replace(UPLOAD_PREFIX, ""), sha256);
    });
  }

  async #copy(path: string, name: string, sha256: string): Promise<string> {
    const folder = join(this.#folder, sha256);
    await mkdir(folder, { recursive: true });
    const form = formOf(name, false);
    // A wheel's name means something to installers, that of an archive nothing but its kind. uv refuses .tgz.
    const ending = /\.zip$/i.test(name) ? ".zip" : ".tar.gz";
    const plain = form === "wheel" ? name.slice(name.lastIndexOf("/") + 1) : `package${ending}`;
    const copy = join(folder, plain);
    await copyFile(path, copy);
    if (form !== "wheel") return `${sha256}/${plain}`;
    const known = await wheelName(copy);
    if (known !== plain) await copyFile(copy, join(folder, known));
    return `${sha256}/${encodeURIComponent(known)}`;
  }
}
