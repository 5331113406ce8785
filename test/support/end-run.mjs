import { readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";

const settleMs = 3_000;
const pollMs = 100;
/** What uv, Python's multiprocessing and its tempfile leave in the run's folder, which goes with it. */
const toolFiles = /^(uv-.+\.lock|pymp-.+|tmp.+)$/;

/**
 * Fails the run when it left a process, and so maybe a port, or a temporary home behind.
 * Processes are found by their environment, which only Linux shows; elsewhere only files are checked.
 */
export default async function endRun() {
  const run = process.env.FLAME_TEST_RUN;
  if (run === undefined) return;
  // What begin-run-with-installed-prefix.mjs made for all of the run.
  const installed = process.env.FLAME_TEST_INSTALLED;
  if (installed !== undefined) rmSync(installed, { recursive: true, force: true });
  // What was told to end in the last test may need a moment to be gone.
  const deadline = performance.now() + settleMs;
  let left = leftovers(run);
  while (left.length > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    left = leftovers(run);
  }
  if (left.length > 0) throw new Error(`the tests left behind:\n${left.join("\n")}`);
}

function leftovers(run) {
  const files = readdirSync(tmpdir())
    .filter((name) => !toolFiles.test(name))
    .map((name) => `${tmpdir()}/${name}`);
  return [...processesOf(run), ...files];
}

function processesOf(run) {
  const above = ancestors();
  const marks = [`\0FLAME_TEST_RUN=${run}\0`, `/flame-test-${run}/`];
  return (
    pids()
      .filter((pid) => !above.has(pid))
      .map((pid) => ({ pid, environment: `\0${read(pid, "environ")}\0` }))
      .filter(({ environment }) => marks.some((mark) => environment.includes(mark)))
      .map(({ pid }) => ({ pid, command: read(pid, "cmdline").replaceAll("\0", " ").trim() }))
      // Jest's own workers carry the name too; they end after this.
      .filter(({ command }) => command !== "" && !/node_modules\/(jest|@esbuild)/.test(command))
      .map(({ pid, command }) => `process ${pid}: ${command.slice(0, 200)}`)
  );
}

/** This process and all that wait for it to end: npm and its shell too, where .ci/run begins the run. */
function ancestors() {
  const found = new Set();
  for (let pid = process.pid; pid > 0; pid = parentOf(pid)) found.add(pid);
  return found;
}

/** 0 where there is no parent, or /proc does not show it. */
function parentOf(pid) {
  const status = /^PPid:\s*(\d+)$/m.exec(read(pid, "status"));
  return Number(status?.[1] ?? 0);
}

function pids() {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

/** A process that ended meanwhile, or is not ours to look at, has nothing to say. */
function read(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
