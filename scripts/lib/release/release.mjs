import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packNpm } from "../npm-package.mjs";
import { homePaths } from "../paths.mjs";
import { announce, SetupError } from "../progress.mjs";
import { provenanceOf } from "./provenance.mjs";
import { buildPython } from "./python-dist.mjs";
import { billOfMaterials } from "./sbom.mjs";
import { archiveOf, cleanCommit } from "./source.mjs";
import { sumsOf } from "./sums.mjs";

/**
 * Makes everything of a release of the commit that a checkout is at: the sources, the npm package, flamepy's wheel and source
 * distribution, the bill of materials, where all of that comes from, and the sums of it. It needs no network and no key.
 * @param {{ root: string, home: string, uv: string, python: string, out: string, repository?: string }} request
 *   `home` has what set-up fetched; `out` is a folder that is not there yet, or empty
 * @returns {Promise<string[]>} the names of the files
 * @throws SetupError for a checkout with changes, and for a folder that holds something
 */
export async function makeRelease({ root, home, uv, python, out, repository }) {
  const source = await cleanCommit(root);
  refuseFull(out);
  mkdirSync(out, { recursive: true });
  const { wheels } = homePaths(home);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const logFile = join(root, ".cache/release.log");
  const write = (name, value) =>
    writeFileSync(join(out, name), `${JSON.stringify(value, undefined, 2)}\n`);

  await announce(`packing commit ${source.commit}`, async () => {
    const prefix = `flame-${version}`;
    const sources = archiveOf({ root, commit: source.commit, prefix: `${prefix}/` });
    writeFileSync(join(out, `${prefix}.tar.gz`), gzipSync(sources, { level: 9 }));
    await packAnew({ root, out, repository, logFile });
    await buildPython({ root, ...source, uv, python, wheels, out, logFile });
  });
  write(`flame-${version}.cdx.json`, await billOfMaterials({ root, version, ...source }));
  const files = readdirSync(out).sort();
  const { commit } = source;
  const provenance = await provenanceOf({ root, commit, repository, files, out, uv, python });
  write(`flame-${version}.intoto.json`, provenance);
  writeFileSync(join(out, "SHA256SUMS"), sumsOf(out, readdirSync(out).sort()));
  return readdirSync(out).sort();
}

function refuseFull(out) {
  if (!existsSync(out) || readdirSync(out).length === 0) return;
  throw new SetupError(
    `--out ${out}: this folder holds something already, expected a new one.\nWhat to do: remove it, or name another.`,
  );
}

/** Builds the npm package from the sources, whatever an earlier build left. */
async function packAnew({ root, out, repository, logFile }) {
  const stamps = mkdtempSync(join(tmpdir(), "flame-stamps-"));
  try {
    await packNpm({ root, stamps, repository, out, logFile });
  } finally {
    rmSync(stamps, { recursive: true, force: true });
  }
}
