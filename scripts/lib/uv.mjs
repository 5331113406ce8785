import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { renameDurably } from "./durable.mjs";
import { cacheFolder } from "./paths.mjs";
import { announce, note, SetupError } from "./progress.mjs";
import { findAnyPython } from "./python.mjs";
import { ask, run } from "./run.mjs";

/** The release of uv that homes get; what services are started with. */
export const uvVersion = "0.13.9";

/**
 * Puts a real uv at `target`: from this user's cache, from the Python package index, or one found on PATH.
 * @throws SetupError when there is neither a Python with pip nor a uv
 */
export async function ensureUv({ target, logs }) {
  if (existsSync(target)) return target;
  const cached = join(cacheFolder(), `uv-${uvVersion}-${process.platform}-${process.arch}`);
  if (!existsSync(cached)) {
    const python = await findAnyPython();
    if (python === undefined) return copyFromPath(target);
    await announce(`fetching uv ${uvVersion}`, () => fetchUv(python, cached, logs));
  }
  install(cached, target);
  return target;
}

async function fetchUv(python, cached, logs) {
  const folder = mkdtempSync(join(tmpdir(), "flame-uv-"));
  try {
    const pip = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"];
    await run([...pip, "--target", folder, `uv==${uvVersion}`], { logFile: join(logs, "uv.log") });
    install(join(folder, "bin/uv"), cached);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function copyFromPath(target) {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const candidate of folders.map((folder) => join(folder, "uv"))) {
    const version = existsSync(candidate) ? await ask([candidate, "--version"]) : undefined;
    if (version !== undefined) {
      note(`taking ${version} from ${candidate}`);
      install(candidate, target);
      return target;
    }
  }
  throw new SetupError(
    "uv is needed and was not found: no Python with pip to fetch it with, and no uv on PATH.\n" +
      "What to do: install Python 3.12 or newer with pip (for example: apt-get install python3.12 " +
      "python3-pip) or uv, and run the same command again.",
  );
}

function install(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  const partial = `${to}.${process.pid}`;
  copyFileSync(from, partial);
  chmodSync(partial, 0o755);
  renameDurably(partial, to);
}
