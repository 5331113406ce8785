import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, extract } from "tar";
import { run } from "../run.mjs";
import { archiveOf } from "./source.mjs";

/**
 * Builds flamepy's source distribution, and from it the wheel, out of a commit: the same bytes wherever and whenever. What
 * builds them is in `wheels`, which set-up filled by hash.
 * @param {{
 *   root: string, commit: string, seconds: number, uv: string, python: string, wheels: string, out: string, logFile: string
 * }} request
 */
export async function buildPython(request) {
  const { root, commit, seconds, uv, python, wheels, out, logFile } = request;
  const folder = mkdtempSync(join(tmpdir(), "flame-dist-"));
  try {
    const paths = ["sdk/python"];
    await unpack(archiveOf({ root, commit, paths }), folder);
    const dist = join(folder, "dist");
    const build = ["build", "--no-index", "--find-links", wheels, "--python", python, "--quiet"];
    const env = { SOURCE_DATE_EPOCH: String(seconds), UV_PYTHON_DOWNLOADS: "never" };
    await run([uv, ...build, "--out-dir", dist, ...paths], { cwd: folder, env, logFile });
    for (const name of readdirSync(dist)) {
      if (name.endsWith(".tar.gz")) await packAgain(join(dist, name), join(out, name), seconds);
      else if (name.endsWith(".whl")) renameSync(join(dist, name), join(out, name));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const unpack = (bytes, cwd) =>
  new Promise((resolve, reject) => {
    // Modes as git has them, whatever the umask.
    const into = extract({ cwd, umask: 0o022, noMtime: true });
    into.on("close", resolve).on("error", reject);
    into.end(bytes);
  });

/** setuptools writes into a source distribution who packed it, and when. */
async function packAgain(from, to, seconds) {
  const folder = `${from}.files`;
  mkdirSync(folder);
  await extract({ file: from, cwd: folder });
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
  const same = { portable: true, noPax: true, mtime: new Date(seconds * 1_000) };
  await create({ file: to, cwd: folder, gzip: { level: 9 }, ...same }, files);
}
