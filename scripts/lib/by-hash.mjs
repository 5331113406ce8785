import { relative } from "node:path";
import { SetupError } from "./progress.mjs";
import { run } from "./run.mjs";

/**
 * Installs exactly the files that a requirement file names by their hashes. Wheels alone: a source distribution would run code
 * of the index, with build tools that no hash speaks for.
 * @param {{ uv: string, python: string, root: string, file: string, logFile: string, options?: string[], env?: object }} request
 *   `python` is the one to install for, `options` are more of `uv pip install`
 * @throws SetupError saying which file was not the expected one
 */
export function installByHash({ uv, python, root, file, logFile, options = [], env }) {
  const install = [uv, "pip", "install", "--python", python, "--only-binary", ":all:", ...options];
  return byHash([...install, "--require-hashes", "--requirements", file], {
    root,
    file,
    logFile,
    env: { UV_PYTHON_DOWNLOADS: "never", ...env },
  });
}

/**
 * The same with a Python's own pip, for what there is no uv yet for; `command` is one of pip, with its options.
 * `source` takes source distributions alone.
 */
export function pipByHash({ python, command, root, file, logFile, env, source = false }) {
  const kind = source ? "--no-binary=:all:" : "--only-binary=:all:";
  const pip = [python, "-m", "pip", ...command, "--quiet", "--no-deps", kind];
  return byHash([...pip, "--require-hashes", "--requirement", file], { root, file, logFile, env });
}

async function byHash(command, { root, file, logFile, env }) {
  try {
    await run(command, { logFile, env });
  } catch (failure) {
    const other = otherFile(failure.output ?? "");
    if (other === undefined) throw failure;
    throw new SetupError(otherFileText(other, relative(root, file), logFile), { cause: failure });
  }
}

/** A release may have dozens of files; as many of their hashes are shown. */
const shownHashes = 3;

/** What uv or pip say of a file whose hash is none of those that were named. */
function otherFile(said) {
  const uv = /Hash mismatch for `([^`]+)`\s+Expected:\s+([\s\S]*?)\s+Computed:\s+sha256:(\w+)/.exec(
    said,
  );
  if (uv !== null) {
    const expected = uv[2].split(/\s+/).map((hash) => hash.replace("sha256:", ""));
    return { release: uv[1], expected, got: uv[3] };
  }
  const pip = /^ {4}(\S+)(?: from (\S+))?.*:\n((?: +Expected .*\n)+) +Got +(\w+)/m.exec(said);
  if (pip === null) return undefined;
  const [, release, from, lines, got] = pip;
  return { release, from, expected: lines.match(/\b[0-9a-f]{64}\b/g) ?? [], got };
}

function otherFileText({ release, from, expected, got }, file, logFile) {
  const place = from === undefined ? "what the package index gave for it" : from;
  const more = expected.length - shownHashes;
  return (
    `${release}: ${place} is not a file that ${file} names. It was not installed.\n` +
    `got sha256 ${got}\nexpected ${expected.slice(0, shownHashes).join("\n      or ")}\n` +
    (more > 0 ? `      or one of ${more} more in ${file}\n` : "") +
    "What to do: somebody between you and the index, or a mirror, may have changed it. Take it from another index " +
    "(UV_DEFAULT_INDEX for uv, PIP_INDEX_URL for pip) and run the same command again. Where its makers have added files " +
    "to this release, npm run lock takes them in: look at the difference before you commit it.\n" +
    `(all of the output: ${logFile})`
  );
}
