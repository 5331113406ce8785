import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { renameDurably } from "./durable.mjs";
import { cacheFolder } from "./paths.mjs";
import { announce, SetupError } from "./progress.mjs";
import { ask, run } from "./run.mjs";

/** Installs the npm packages of the lock file unless node_modules holds exactly those. */
export async function ensurePackages({ root, logs }) {
  if (packagesMatch(root)) return;
  await announce("installing npm packages", () =>
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
      cwd: root,
      logFile: join(logs, "npm.log"),
    }),
  ).catch(refuseOtherFile);
}

/** Says what npm says of a package that is not the one of the lock file, so that somebody can act on it. */
function refuseOtherFile(failure) {
  const output = failure.output ?? "";
  const [, expected, got] = /: wanted (sha\d+-\S+) but got (sha\d+-[\w+/=]+)/.exec(output) ?? [];
  if (got === undefined) throw failure;
  const what = /tarball data for (.+) \(sha/.exec(output)?.[1] ?? "an npm package";
  throw new SetupError(
    `${what}: what the npm registry gave for it is not what package-lock.json names. It was not installed.\n` +
      `got ${got}\nexpected ${expected}\n` +
      "What to do: somebody between you and the registry, or a mirror, may have changed it, or npm's cache is broken: " +
      "npm cache clean --force, take it from another registry (npm_config_registry), and run the same command again.",
    { cause: failure },
  );
}

/** Compares npm's own record of node_modules with the lock file, package by package. */
function packagesMatch(root) {
  const record = join(root, "node_modules/.package-lock.json");
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(readFileSync(record, "utf8")).packages;
  const isSame = (a, b) => a.version === b.version && a.integrity === b.integrity;
  return Object.entries(wanted).every(
    ([path, entry]) =>
      path === "" ||
      (installed[path] === undefined ? entry.optional === true : isSame(installed[path], entry)),
  );
}

/** Makes the native SQLite driver loadable: already there, from this machine's cache, or compiled. */
export async function ensureNative({ root, logs }) {
  const binary = join(root, "node_modules/better-sqlite3/build/Release/better_sqlite3.node");
  const cached = join(cacheFolder(), nativeName(root));
  if (await loads(root)) {
    if (!existsSync(cached)) keep(binary, cached);
    return;
  }
  if (existsSync(cached)) {
    keep(cached, binary);
    if (await loads(root)) return;
  }
  // Its own script would download what its makers compiled, which no hash of ours speaks for.
  const fromSource = process.env.npm_config_build_from_source ?? "true";
  await announce("compiling better-sqlite3 (a minute or two, once per machine)", () =>
    run(["npm", "rebuild", "better-sqlite3"], {
      cwd: root,
      env: { ...headersOfThisNode(), npm_config_build_from_source: fromSource },
      logFile: join(logs, "better-sqlite3.log"),
    }),
  ).catch((failure) => {
    throw new SetupError(
      `better-sqlite3 could not be compiled.\n${failure.message}\n` +
        "What to do: install a C++ compiler, make and Python (for example: apt-get install g++ make python3), and run the same " +
        "command again. npm_config_build_from_source=false takes what its makers compiled, without a check of ours.",
      { cause: failure },
    );
  });
  if (!(await loads(root))) {
    throw new SetupError(
      `better-sqlite3 was compiled, but Node ${process.version} cannot load ${binary}\n` +
        "What to do: remove node_modules and run the same command again.",
    );
  }
  keep(binary, cached);
}

function nativeName(root) {
  const { version } = createRequire(join(root, "package.json"))("better-sqlite3/package.json");
  const { modules } = process.versions;
  return `better-sqlite3-${version}-abi${modules}-${process.platform}-${process.arch}.node`;
}

// In a process of its own: a file that is not a module for this machine may end the one that loads it.
async function loads(root) {
  const code = 'new (require("better-sqlite3"))(":memory:").close(); console.log("loaded")';
  const env = { NODE_PATH: join(root, "node_modules") };
  return (await ask([process.execPath, "--eval", code], { env })) === "loaded";
}

function keep(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, `${to}.${process.pid}`);
  renameDurably(`${to}.${process.pid}`, to);
}

// A Node from a distribution brings its own C++ headers; with them node-gyp needs no download.
function headersOfThisNode() {
  const prefix = resolve(dirname(process.execPath), "..");
  const found = existsSync(join(prefix, "include/node/node_api.h"));
  return found ? { npm_config_nodedir: prefix } : {};
}
