import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** How deep below the start shared libraries are looked for. */
const DEPTH_MAX = 4;

/** The folders that hold `*.so` files, the start included, in the order of their paths (docs/protocol.md, "Packages"). */
export async function libraryFolders(start: string, depth: number = DEPTH_MAX): Promise<string[]> {
  const entries = await readdir(start, { withFileTypes: true }).catch(() => []);
  const own = entries.some((entry) => entry.isFile() && entry.name.endsWith(".so")) ? [start] : [];
  if (depth === 0) return own;
  const inner = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(start, entry.name));
  const found = await Promise.all(inner.sort().map((folder) => libraryFolders(folder, depth - 1)));
  return [...own, ...found.flat()];
}
