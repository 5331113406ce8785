import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, sep } from "node:path";
import process from "node:process";
import { programs } from "./bundle.mjs";
import { installByHash, pipByHash } from "./by-hash.mjs";
import { renameDurably } from "./durable.mjs";
import { installOptions, prepareFlmrun, refuseFlmrunLoss } from "./flmrun-home.mjs";
import { homePaths } from "./paths.mjs";
import { SetupError } from "./progress.mjs";
import { lockedFile, requirementSet, uvVersion } from "./requirements.mjs";
import { run } from "./run.mjs";
import { isDue, isSource, whenChanged } from "./stamps.mjs";
import { ensureUv } from "./uv.mjs";

/** What the SQLite driver needs at run time, and nothing of what it was compiled from. */
const runtimePackages = [
  "better-sqlite3/package.json",
  "better-sqlite3/lib",
  "better-sqlite3/build/Release/better_sqlite3.node",
  "bindings/package.json",
  "bindings/bindings.js",
  "file-uri-to-path/package.json",
  "file-uri-to-path/index.js",
];
const shippedFolders = ["dist", "proto", "schemas", "defaults", "migrations"];

/** The folders of a home; conf, data and logs hold what is the user's. */
export const homeFolders = ["bin", "conf", "data", "lib", "logs", "run", "sdk", "wheels", "work"];

/** What daemons write: for their user alone. */
const closed = new Set(["data", "logs", "run"]);

/** Creates the folders of a home. */
export function ensureFolders(home) {
  for (const name of homeFolders) {
    try {
      mkdirSync(join(home, name), { recursive: true, ...(closed.has(name) && { mode: 0o700 }) });
    } catch (cause) {
      throw new SetupError(
        `${home} cannot be a home: its folder ${name} cannot be made (${cause.code}).\n` +
          "What to do: name a folder that you may write to, with npm start -- --home DIR",
        { cause },
      );
    }
  }
}

/** Copies the built programs and what they read to `lib/flame`, and their launchers to `bin`. */
export async function ensurePrograms({ root, home, buildStamps }) {
  const { lib, bin, stamps } = homePaths(home);
  const names = programs(root);
  await whenChanged({
    folder: stamps,
    name: "programs",
    title: `laying out ${names.length} programs in ${home}`,
    inputs: [
      home,
      process.execPath,
      ...["proto", "schemas", "defaults", "migrations", "package.json"].map((path) => ({
        path: join(root, path),
      })),
      { path: join(buildStamps, "dist") },
      { path: join(root, "node_modules/better-sqlite3/package.json") },
      { path: join(root, "scripts/lib/home.mjs") },
    ],
    products: [lib, ...names.map((name) => join(bin, name))],
    work: () => {
      layOutLibrary(root, lib);
      for (const name of names) writeLauncher(bin, name);
      removeOtherLaunchers(bin, names);
    },
  });
}

function layOutLibrary(root, lib) {
  const next = `${lib}.next`;
  const old = `${lib}.old`;
  for (const folder of [next, old]) rmSync(folder, { recursive: true, force: true });
  for (const name of shippedFolders.filter((folder) => existsSync(join(root, folder)))) {
    cpSync(join(root, name), join(next, name), { recursive: true });
  }
  for (const name of runtimePackages) {
    const target = join(next, "node_modules", name);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(root, "node_modules", name), target, { recursive: true });
  }
  cpSync(join(root, "package.json"), join(next, "package.json"));
  // Renamed into place, so that a program that starts meanwhile finds all of it.
  if (existsSync(lib)) renameSync(lib, old);
  renameDurably(next, lib);
  rmSync(old, { recursive: true, force: true });
}

function writeLauncher(bin, name) {
  const path = join(bin, name);
  writeFileSync(`${path}.next`, launcher(name));
  chmodSync(`${path}.next`, 0o755);
  renameDurably(`${path}.next`, path);
}

/** A launcher of an earlier version would start a program that is gone; other files are the user's. */
function removeOtherLaunchers(bin, names) {
  for (const entry of readdirSync(bin, { withFileTypes: true })) {
    const path = join(bin, entry.name);
    if (!entry.isFile() || names.includes(entry.name) || statSync(path).size > 4096) continue;
    if (readFileSync(path, "utf8").includes(launched(entry.name))) rmSync(path);
  }
}

const withoutMaps = new Set(["flmctl", "flmexec", "flmexec-service", "flmping", "flmping-service"]);
/**
 * What carries payloads. Buffers of messages count as V8's memory, so its limit, which starts just above a small heap, would
 * be met by every dozen calls of 100 kB, and each time all of the heap be marked: so it starts at this many megabytes.
 */
const carrying = new Set(["flame-session-manager", "flame-executor-manager"]);
const flags = (name) =>
  (withoutMaps.has(name) ? "" : "--enable-source-maps ") +
  (carrying.has(name) ? "--initial-old-space-size=64 " : "");
const launched = (name) => `"$home/lib/flame/dist/bin/${name}.js"`;

// The programs are found beside the launcher, also through a link to it; data belongs to FLAME_HOME.
// Tools end in a moment, services start with sessions, and neither prints stacks: reading the maps of their sources would be
// a good part of what a start costs.
// DEP0123: gRPC names the host it dials to TLS, also when that is an address; users can do nothing about it.
const launcher = (name) => `#!/bin/sh
self="$0"
while [ -h "$self" ]; do
  target=$(readlink "$self")
  case "$target" in /*) self="$target" ;; *) self="$(dirname "$self")/$target" ;; esac
done
home=$(cd "$(dirname "$self")/.." && pwd)
: "\${FLAME_HOME:=$home}"
export FLAME_HOME
node="${process.execPath}"
[ -x "$node" ] || node=node
exec "$node" --disable-warning=DEP0123 ${flags(name)}${launched(name)} "$@"
`;

/**
 * Looks, before anything is changed, whether flmrun can be brought to this version with all that somebody added to it.
 * @throws SetupError with the list of what would be lost
 */
export function checkFlmrun(place) {
  if (isDue(flmrunStep(place))) refuseFlmrunLoss(place);
}

/** Copies the Python SDK, fetches what builds wheels without a network, and prepares flmrun's environment. */
export async function ensurePythonParts(place) {
  const { root, home } = place;
  const { sdk, stamps } = homePaths(home);
  const source = join(root, "sdk/python");
  await whenChanged({
    folder: stamps,
    name: "sdk",
    title: "copying the Python SDK",
    inputs: [home, { path: source }],
    products: [sdk],
    work: () => copySources(source, sdk),
  });
  await ensureWheels(place);
  await whenChanged(flmrunStep(place));
}

function flmrunStep({ root, home, python, uv }) {
  const { flmrun, stamps } = homePaths(home);
  const { file } = requirementSet(root, "flmrun");
  const sources = ["sdk/python", "flmrun", file].map((path) => ({ path: join(root, path) }));
  return {
    folder: stamps,
    name: "flmrun",
    title: `preparing flmrun's environment on Python ${python.version.join(".")}`,
    inputs: [home, python, uvVersion, installOptions, ...sources],
    products: [join(flmrun, ".venv/bin/python")],
    work: () => prepareFlmrun({ root, home, python, uv }),
  };
}

function copySources(from, to) {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, {
    recursive: true,
    filter: (path) => path.slice(from.length).split(sep).every(isSource),
  });
}

/** Wheels that build user packages without a network: setuptools, wheel, and what the SDK builds with. */
async function ensureWheels({ root, home, python, uv }) {
  const { wheels, stamps, venvs, logs } = homePaths(home);
  const { asked, path } = requirementSet(root, "build");
  const logFile = join(logs, "wheels.log");
  await whenChanged({
    folder: stamps,
    name: "wheels",
    title: `fetching the wheels that build packages offline (${asked.join(", ")})`,
    inputs: [home, python.version, { path }],
    products: [wheels],
    work: async () => {
      const tools = join(venvs, "tools");
      rmSync(tools, { recursive: true, force: true });
      await run([uv, "venv", "--python", python.executable, tools], { logFile });
      const pip = join(tools, "bin/python");
      await installByHash({ uv, python: pip, root, file: lockedFile(root, "pip"), logFile });
      const command = ["download", "--dest", wheels];
      const file = lockedFile(root, "build");
      for (const old of readdirSync(wheels).filter(isWheel)) rmSync(join(wheels, old));
      await pipByHash({ python: pip, command, root, file, logFile });
      rmSync(tools, { recursive: true, force: true });
    },
  });
}

const isWheel = (name) => name.endsWith(".whl");

/** Puts a uv of the pinned release at `bin/uv`. */
export async function ensureHomeUv({ root, home }) {
  const { bin, stamps, logs } = homePaths(home);
  const target = join(bin, "uv");
  await whenChanged({
    folder: stamps,
    name: "uv",
    title: `installing uv ${uvVersion}`,
    inputs: [home, { path: requirementSet(root, "uv").path }],
    products: [target],
    work: () => ensureUv({ root, target, logs }),
  });
  return target;
}
