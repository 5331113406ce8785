import { isUtf8 } from "node:buffer";
import { createReadStream, type Dirent, type Stats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { textOf } from "../../../kit/thrown.ts";
import { MANIFEST_TEXT } from "../../../manifest/manifest.ts";
import { FlameError } from "../../../model/errors.ts";

/** A text as somebody wrote it. */
export class SourceText {
  /** What messages call it. */
  readonly name: string;
  readonly text: string;
  #lines: readonly string[] | undefined;

  constructor(name: string, text: string) {
    this.name = name;
    this.text = text;
  }

  /** Line `number`, from 1, without its end. */
  line(number: number): string | undefined {
    this.#lines ??= this.text.split("\n");
    return this.#lines[number - 1];
  }
}

export interface SourceOptions {
  /** Look into the folders of a folder too. @default false */
  readonly recursive?: boolean;
  /** Standard input, for `-`. */
  readonly stdin: () => Chunks;
}

type Chunks = AsyncIterable<Uint8Array>;

/** What messages call standard input. */
const STDIN = "stdin";

/**
 * The texts behind the values of `-f`, in their order: files, `-` for standard input, and folders, of which every
 * `*.yaml`, `*.yml` and `*.json` that is not hidden is read, sorted by name.
 * @throws FlameError invalid_config naming what cannot be read, and a folder without manifests
 */
export async function readSources(
  files: readonly string[],
  options: SourceOptions,
): Promise<readonly SourceText[]> {
  if (files.filter((file) => file === "-").length > 1) {
    const text = "got -f - more than once, expected it once: standard input can be read once only";
    throw new FlameError("invalid_config", text);
  }
  const sources: SourceText[] = [];
  for (const file of files) {
    if (file === "-")
      sources.push(new SourceText(STDIN, decoded(STDIN, await wholeOf(STDIN, options.stdin()))));
    else for (const path of await pathsOf(file, options)) sources.push(await sourceOf(path));
  }
  return sources;
}

/** The text of one file. @throws FlameError invalid_config when it cannot be read or is no UTF-8 */
async function sourceOf(path: string): Promise<SourceText> {
  return new SourceText(path, decoded(path, await wholeOf(path, createReadStream(path))));
}

/** No more is read than one text may have, whatever comes. */
async function wholeOf(name: string, chunks: Chunks): Promise<Uint8Array> {
  const { bytesMax } = MANIFEST_TEXT;
  const read: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of chunks) {
      read.push(chunk);
      bytes += chunk.length;
      if (bytes > bytesMax) break;
    }
  } catch (cause) {
    unreadable(name, cause);
  }
  if (bytes <= bytesMax) return Buffer.concat(read);
  const text = `${name}: got more than ${bytesMax} bytes, expected at most that in one text; split it`;
  throw new FlameError("invalid_config", text);
}

async function pathsOf(file: string, { recursive = false }: SourceOptions): Promise<string[]> {
  if (!(await factsOf(file)).isDirectory()) return [file];
  const paths = await manifestsIn(file, recursive);
  if (paths.length > 0) return paths;
  const deeper = recursive ? "in it or below it" : "in it (-R looks into its folders too)";
  const text = `${file}: got a folder without manifests, expected *.yaml, *.yml or *.json ${deeper}`;
  throw new FlameError("invalid_config", text);
}

const MANIFEST = /\.(ya?ml|json)$/i;

/** Links to files count as files; links to folders are not followed, since they may lead back. */
async function manifestsIn(folder: string, recursive: boolean): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) =>
    unreadable(folder, cause),
  );
  const paths: string[] = [];
  for (const entry of entries.sort(byName)) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith(".")) continue;
    if (entry.isDirectory()) {
      if (recursive) paths.push(...(await manifestsIn(path, recursive)));
    } else if (MANIFEST.test(entry.name) && (await factsOf(path)).isFile()) paths.push(path);
  }
  return paths;
}

const byName = (a: Dirent, b: Dirent): number => (a.name < b.name ? -1 : 1);

function factsOf(path: string): Promise<Stats> {
  return stat(path).catch((cause: unknown) => unreadable(path, cause));
}

/** Text of bytes that must be UTF-8; a byte order mark is dropped. */
export function decoded(source: string, bytes: Uint8Array): string {
  if (isUtf8(bytes)) return new TextDecoder().decode(bytes);
  const utf16 =
    (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  const hint = utf16 ? "it looks like UTF-16: save it as UTF-8" : "save it as UTF-8";
  const text = `${source}:${lineOfBadByte(bytes)}: got bytes that are no UTF-8, expected UTF-8 text; ${hint}`;
  throw new FlameError("invalid_config", text);
}

function lineOfBadByte(bytes: Uint8Array): number {
  let line = 1;
  for (let begin = 0; begin < bytes.length; line++) {
    const newline = bytes.indexOf(0x0a, begin);
    const end = newline < 0 ? bytes.length : newline + 1;
    if (!isUtf8(bytes.subarray(begin, end))) return line;
    begin = end;
  }
  return line;
}

function unreadable(path: string, cause: unknown): never {
  throw new FlameError("invalid_config", `cannot read ${path}: ${textOf(cause)}`, { cause });
}
