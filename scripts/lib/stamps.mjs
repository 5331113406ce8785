import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { renameDurably, syncFileSystems } from "./durable.mjs";
import { announce } from "./progress.mjs";

/** Never part of what is hashed or copied: what tools leave beside sources. */
const leftovers = new Set([
  "__pycache__",
  ".venv",
  ".mypy_cache",
  ".pytest_cache",
  ".ruff_cache",
  "node_modules",
  "build",
  "dist",
]);

/** True for a file or folder that belongs to the sources. */
export const isSource = (name) => !leftovers.has(name) && !name.endsWith(".egg-info");

/** All source files below `folder`, sorted, relative to it. */
export function sourceFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => isSource(name))
    .flatMap((entry) =>
      entry.isDirectory()
        ? sourceFiles(join(folder, entry.name)).map((file) => join(entry.name, file))
        : [entry.name],
    )
    .sort();
}

/** One hash over plain values and the contents of files and folders given as `{ path }`. */
export function fingerprint(...inputs) {
  const hash = createHash("sha256");
  for (const input of inputs) {
    if (typeof input === "object" && input !== null && "path" in input) hashPath(hash, input.path);
    else hash.update(`${JSON.stringify(input)}\0`);
  }
  return hash.digest("hex");
}

function hashPath(hash, path) {
  const files = sourceFilesOrSelf(path);
  for (const file of files) {
    hash.update(`${file}\0`);
    hash.update(readFileSync(file));
  }
  hash.update(`${files.length}\0`);
}

function sourceFilesOrSelf(path) {
  if (!existsSync(path)) return [];
  try {
    return sourceFiles(path).map((file) => join(path, file));
  } catch (failure) {
    if (failure.code === "ENOTDIR") return [path];
    throw failure;
  }
}

/** Whether {@link whenChanged} would do the work of a step. */
export function isDue({ folder, name, inputs, products }) {
  const stamp = join(folder, name);
  const done = existsSync(stamp) ? readFileSync(stamp, "utf8") : "";
  return done !== fingerprint(...inputs) || !products.every((product) => existsSync(product));
}

/**
 * Does `work` unless it was done for the same inputs before and its products are still there.
 * @param {{ folder: string, name: string, title: string, inputs: unknown[], products: string[], work: () => Promise<void> }} step
 *   `folder` holds the stamps; `inputs` as for {@link fingerprint}; `products` are paths that must exist
 * @returns {Promise<boolean>} whether there was anything to do
 */
export async function whenChanged(step) {
  if (!isDue(step)) return false;
  const { folder, name, title, inputs, products, work } = step;
  const stamp = join(folder, name);
  const wanted = fingerprint(...inputs);
  rmSync(stamp, { force: true });
  await announce(title, work);
  mkdirSync(dirname(stamp), { recursive: true });
  // A power cut must not leave a stamp that speaks for products that are half on disk.
  await syncFileSystems(products);
  writeFileSync(`${stamp}.next`, wanted);
  renameDurably(`${stamp}.next`, stamp);
  return true;
}
