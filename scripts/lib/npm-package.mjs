import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleDeclarations } from "./declarations.mjs";
import { renameDurably } from "./durable.mjs";
import { SetupError } from "./progress.mjs";
import { ask, run } from "./run.mjs";
import { whenChanged } from "./stamps.mjs";

/** What the package gives away that is more than types. */
const entries = ["client", "service"];

/** Whatever the package is made of. */
const sources = [
  "src",
  "sdk/typescript",
  "schemas",
  "plugin-api.d.ts",
  "LICENSE",
  "package.json",
  "tsconfig.json",
  "scripts/lib/npm-package.mjs",
  "scripts/lib/declarations.mjs",
];

const sourceOf = (root, entry) => join(root, `src/sdk/${entry}.ts`);
const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));

/** What `npm` takes for the place of sources. */
const isRepository = (url) =>
  /^((git\+)?(https?|ssh)|git):\/\/\S+$|^[^\s:/]+@[^\s:/]+:\S+$/.test(url);

/**
 * Where the sources are published: what was given, or the place that the checkout was cloned from, if that is one for others.
 * @throws SetupError when what was given is no such place
 */
export async function repositoryOf(root, given) {
  if (given !== undefined && !isRepository(given))
    throw new SetupError(
      `--repository ${given}: got no URL of a repository, expected one such as https://HOST/PATH.git`,
    );
  const origin = given ?? (await ask(["git", "-C", root, "config", "--get", "remote.origin.url"]));
  return origin !== undefined && isRepository(origin) ? origin : undefined;
}

/**
 * Builds the npm package and packs it into `out`.
 * @param {{ root: string, stamps: string, repository?: string, out: string, logFile: string }} options
 * @returns {Promise<string>} the path of the archive
 */
export async function packNpm({ root, stamps, repository, out, logFile }) {
  const folder = await ensureNpmPackage({ root, stamps, repository });
  mkdirSync(out, { recursive: true });
  const pack = ["npm", "pack", "--ignore-scripts", "--pack-destination", out];
  await run(pack, { cwd: folder, logFile });
  const { name, version } = readJson(join(folder, "package.json"));
  return join(out, `${name}-${version}.tgz`);
}

/**
 * The folder of the npm package `flame-ts`, built from src/sdk and sdk/typescript: what `npm pack` and `npm publish` take.
 * @param {{ root: string, stamps: string, repository?: string }} options `repository` is where the sources are published
 * @returns {Promise<string>} its path
 */
async function ensureNpmPackage({ root, stamps, repository }) {
  const folder = join(root, "dist/npm/flame-ts");
  await whenChanged({
    folder: stamps,
    name: "npm-package",
    title: "building the npm package flame-ts",
    inputs: [repository ?? "", ...sources.map((path) => ({ path: join(root, path) }))],
    products: [join(folder, "package.json")],
    work: () => build(root, folder, repository),
  });
  return folder;
}

async function build(root, folder, repository) {
  const next = `${folder}.next`;
  rmSync(next, { recursive: true, force: true });
  mkdirSync(next, { recursive: true });
  const packages = await buildCode(root, next);
  const { version, dependencies } = readJson(join(root, "package.json"));
  const manifest = readJson(join(root, "sdk/typescript/package.json"));
  for (const name of packages) manifest.dependencies[name] = `^${dependencies[name]}`;
  const published = { ...manifest, version, repository: { type: "git", url: repository } };
  if (repository === undefined) delete published.repository;
  write(join(next, "package.json"), `${JSON.stringify(published, undefined, 2)}\n`);
  const types = await bundleDeclarations(
    root,
    entries.map((entry) => sourceOf(root, entry)),
  );
  for (const [at, entry] of entries.entries())
    write(join(next, `${entry}.d.ts`), declarationFile(entry, version, types[at]));
  cpSync(join(root, "plugin-api.d.ts"), join(next, "plugin.d.ts"));
  for (const file of ["README.md", "cluster.js"])
    cpSync(join(root, "sdk/typescript", file), join(next, file));
  cpSync(join(root, "LICENSE"), join(next, "LICENSE"));
  rmSync(folder, { recursive: true, force: true });
  renameDurably(next, folder);
}

const write = (path, text) => writeFileSync(path, text);

const declarationFile = (entry, version, types) =>
  `// flame-ts ${version}: the types of flame-ts/${entry}. How to use it: README.md.
/// <reference types="node" />

${types}

export {};
`;

/** @returns {Promise<string[]>} the packages that the code imports */
async function buildCode(root, outdir) {
  const { build: bundle } = await import("esbuild");
  const { metafile } = await bundle({
    // What it writes of paths is then the same wherever the checkout is.
    absWorkingDir: root,
    entryPoints: entries.map((entry) => ({ in: sourceOf(root, entry), out: entry })),
    outdir,
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    metafile: true,
    logLevel: "silent",
  }).catch(({ message }) => {
    throw new SetupError(message);
  });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  const names = imports
    .filter(({ external, path }) => external && !path.startsWith("node:"))
    .map(({ path }) => path.split("/", path.startsWith("@") ? 2 : 1).join("/"));
  return [...new Set(names)].sort();
}
