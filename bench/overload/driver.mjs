// What benches need to put loads on a session manager.
import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { root } from "../../scripts/lib/paths.mjs";
import { SetupError } from "../../scripts/lib/progress.mjs";

/** A load that takes longer is given up. */
const loadDeadlineMs = 300_000;

/** Bundles a program of the benches, for a Node of its own; `better-sqlite3` is found from the file. */
export async function bundleFor(outfile, entry) {
  const { build } = await import("esbuild");
  await build({
    entryPoints: [join(root, entry)],
    outfile,
    bundle: true,
    external: ["better-sqlite3"],
    platform: "node",
    format: "esm",
    target: "node20",
    banner: {
      js: 'import { createRequire as c } from "node:module";\nconst require = c(import.meta.url);',
    },
    logLevel: "silent",
  });
}

/** A load in a process of its own. `begun` resolves when one that holds is in place, `outcome` when it is over. */
export function startLoad(program, name, address, args) {
  const child = spawn(process.execPath, [program, name, address, ...args.map(String)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  let last = "";
  const begun = new Promise((resolve) => {
    lines.on("line", (line) => {
      resolve();
      last = line;
    });
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), loadDeadlineMs);
  const outcome = new Promise((resolve, reject) => {
    child.once("close", (code) => {
      clearTimeout(timer);
      if (code === 0) resolve(JSON.parse(last));
      else reject(new SetupError(`the load ${name} ended with ${code}`));
    });
  });
  return { begun: Promise.race([begun, outcome]), outcome, finish: () => child.stdin.end() };
}

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];

/** `p50 / p99 / max (calls)`, in milliseconds. */
export function spread({ times, failures }) {
  if (times.length === 0) return "nothing answered";
  const sorted = [...times].sort((a, b) => a - b);
  const at = (q) => quantile(sorted, q).toFixed(1);
  const failed = failures.length === 0 ? "" : `, ${failures.length} failed: ${failures[0]}`;
  return `${at(0.5)} / ${at(0.99)} / ${at(1)} (${times.length}${failed})`;
}

/** What came of `work`, and of a client that called all the while. */
export async function probed(program, address, work) {
  const probe = startLoad(program, "probe", address, []);
  await probe.begun;
  const outcome = await work();
  probe.finish();
  return [outcome, await probe.outcome];
}
