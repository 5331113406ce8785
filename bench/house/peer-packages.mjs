import { rmSync } from "node:fs";
import { join } from "node:path";
import { installByHash } from "../../scripts/lib/by-hash.mjs";
import { root } from "../../scripts/lib/paths.mjs";
import { SetupError } from "../../scripts/lib/progress.mjs";
import { run } from "../../scripts/lib/run.mjs";
import { whenChanged } from "../../scripts/lib/stamps.mjs";

/**
 * The environment of `npm run bench -- --peers`: made when it is asked for the first time, and when the versions or the
 * Python have changed.
 * @param {{ folder: string, requirements: string, python: string, uv: string }} options `folder` is for the environment and
 *   what belongs to it; `requirements` is the file with every package, its version and its hashes
 * @returns {Promise<string>} its Python
 * @throws SetupError when a package cannot be had
 */
export async function ensurePeers({ folder, requirements, python, uv }) {
  const venv = join(folder, "venv");
  const executable = join(venv, "bin/python");
  const logFile = join(folder, "install.log");
  await whenChanged({
    folder: join(folder, "stamps"),
    name: "peers",
    title: "installing Ray and Dask for the bench",
    inputs: [venv, python, { path: requirements }],
    products: [executable],
    work: async () => {
      rmSync(venv, { recursive: true, force: true });
      const env = { UV_PYTHON_DOWNLOADS: "never" };
      await run([uv, "venv", "--python", python, venv], { logFile, env });
      const target = { uv, python: executable, root, file: requirements };
      await installByHash({ ...target, logFile }).catch(refuse);
    },
  });
  return executable;
}

function refuse({ message }) {
  throw new SetupError(
    `--peers measures Ray and Dask, and they cannot be had from the Python package index.\n${message}\n` +
      "What to do: make the index reachable for uv (UV_DEFAULT_INDEX names another one), or choose versions that it has for this " +
      "Python in bench/peers/requirements.in and run npm run lock; then run the same command again; or leave --peers out.",
  );
}
