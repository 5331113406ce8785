import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { pipByHash } from "./by-hash.mjs";
import { renameDurably } from "./durable.mjs";
import { cacheFolder } from "./paths.mjs";
import { announce, note, SetupError } from "./progress.mjs";
import { findAnyPython } from "./python.mjs";
import { lockedFile, uvVersion } from "./requirements.mjs";
import { ask } from "./run.mjs";
import { sha256 } from "./sha256.mjs";

/**
 * Puts a real uv at `target`: the one that requirements/uv.txt names, from this user's cache or the Python package index; or
 * one found on PATH, which is as much of this machine as its Node and its Python are.
 * @throws SetupError when there is neither a Python with pip nor a uv
 */
export async function ensureUv({ root, target, logs }) {
  const file = lockedFile(root, "uv");
  // One that was kept when other files were named is not taken.
  const named = sha256(readFileSync(file)).slice(0, 12);
  const name = `uv-${uvVersion}-${process.platform}-${process.arch}-${named}`;
  const cached = join(cacheFolder(), name);
  if (!existsSync(cached)) {
    const python = await findAnyPython();
    if (python === undefined) return copyFromPath(target);
    await announce(`fetching uv ${uvVersion}`, () => fetchUv({ root, file, python, cached, logs }));
  }
  install(cached, target);
  return target;
}

async function fetchUv({ root, file, python, cached, logs }) {
  const folder = mkdtempSync(join(tmpdir(), "flame-uv-"));
  try {
    const command = ["install", "--target", folder];
    await pipByHash({ python, command, root, file, logFile: join(logs, "uv.log") });
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
