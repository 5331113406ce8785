import { lstat } from "node:fs/promises";
import { basename, join } from "node:path";

/** Made by running, testing or looking at the sources, whatever it holds. */
const MADE_BY_TOOLS: ReadonlySet<string> = new Set([
  ...["__pycache__", ".venv", ".tox", ".nox", ".eggs"],
  ...[
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".pytype",
    ".hypothesis",
    ".ipynb_checkpoints",
  ],
]);

/** What a version control system keeps: builds may read it, and each commit changes it. */
const VERSION_CONTROL: ReadonlySet<string> = new Set([".git", ".hg", ".svn"]);

/** True for what other operating systems add to folders and archives. */
export function isClutter(name: string): boolean {
  return (
    name === "__MACOSX" || name === ".DS_Store" || name === "Thumbs.db" || name.startsWith("._")
  );
}

/** True for the folder of a version control system, or the file that stands for one. */
export function isVersionControl(name: string): boolean {
  return VERSION_CONTROL.has(name);
}

/** True for what lies in the directory of a project and is no part of it: neither hashed nor installed. */
export async function isNotOfTheProject(path: string): Promise<boolean> {
  const name = basename(path);
  if (MADE_BY_TOOLS.has(name) || isVersionControl(name) || isClutter(name)) return true;
  return isVirtualEnvironment(path, name);
}

// A package may have a module named venv: the name alone is not enough, and neither is a Python that a binary package brings.
async function isVirtualEnvironment(path: string, name: string): Promise<boolean> {
  if (await isThere(join(path, "pyvenv.cfg"))) return true;
  return name === "venv" && (await isThere(join(path, "bin", "python")));
}

/** Also of a link whose target is gone. */
function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
