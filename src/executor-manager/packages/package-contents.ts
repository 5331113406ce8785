import { lstat, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { textOf } from "../../kit/thrown.ts";
import { hashFile } from "./content-hash.ts";

/** In each folder of a package: what is in it. */
export const CONTENTS_FILE = ".contents";

/** One entry: a folder, a link with its target, or a file with its size and SHA-256. */
type Fact =
  | { readonly kind: "folder" }
  | { readonly kind: "link"; readonly target: string }
  | { readonly kind: "file"; readonly size: number; readonly sha256: string };

/** Writes down what a finished package holds. @param besides names of its top folder that do not count */
export async function writeContents(folder: string, besides: readonly string[]): Promise<void> {
  const facts = await read(folder, besides);
  const lines = [...facts].map((entry) => `${JSON.stringify(entry)}\n`);
  await writeFile(join(folder, CONTENTS_FILE), lines.join(""));
}

/**
 * How a package differs from what was written down; undefined: not at all. Compiled modules that Python added do not count.
 * Never rejects: what cannot be read differs.
 */
export async function differenceFrom(
  folder: string,
  besides: readonly string[],
): Promise<string | undefined> {
  try {
    const expected = parse(await readFile(join(folder, CONTENTS_FILE), "utf8"));
    const found = await read(folder, besides);
    for (const [path, fact] of expected) {
      const difference = differenceOf(fact, found.get(path));
      if (difference !== undefined) return `"${path}" ${difference}`;
      found.delete(path);
    }
    const added = [...found.keys()].find((path) => !path.split("/").includes("__pycache__"));
    return added === undefined ? undefined : `"${added}" was not installed`;
  } catch (thrown) {
    return `it cannot be compared with what was installed: ${textOf(thrown)}`;
  }
}

function differenceOf(expected: Fact, found: Fact | undefined): string | undefined {
  if (found === undefined) return "is missing";
  if (JSON.stringify(found) === JSON.stringify(expected)) return undefined;
  if (found.kind !== expected.kind) return `is a ${found.kind}, installed was a ${expected.kind}`;
  if (found.kind !== "file" || expected.kind !== "file") return "leads elsewhere";
  return found.size === expected.size
    ? "has another content"
    : `has ${found.size} bytes, installed were ${expected.size}`;
}

/** In the order of their names, folders before what is in them. */
async function read(top: string, besides: readonly string[]): Promise<Map<string, Fact>> {
  const facts = new Map<string, Fact>();
  const walk = async (inner: string): Promise<void> => {
    for (const name of (await readdir(join(top, inner))).sort()) {
      if (inner === "" && (name === CONTENTS_FILE || besides.includes(name))) continue;
      const path = join(inner, name);
      const fact = await factOf(join(top, path));
      facts.set(path, fact);
      if (fact.kind === "folder") await walk(path);
    }
  };
  await walk("");
  return facts;
}

async function factOf(path: string): Promise<Fact> {
  const found = await lstat(path);
  if (found.isDirectory()) return { kind: "folder" };
  if (found.isSymbolicLink()) return { kind: "link", target: await readlink(path) };
  if (!found.isFile()) throw new Error(`"${path}" is no file, folder or link`);
  return { kind: "file", size: found.size, sha256: await hashFile(path) };
}

function parse(text: string): Map<string, Fact> {
  if (!text.endsWith("\n")) throw new Error(`${CONTENTS_FILE} is cut off`);
  const lines = text.split("\n").slice(0, -1);
  return new Map(lines.map((line) => JSON.parse(line) as [string, Fact]));
}
