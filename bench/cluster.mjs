// npm run bench: measures a cluster of its own on this machine and prints a table. Bounded: about a minute.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  chooseFreePorts,
  configuration,
  publishedBy,
  startCluster,
  temporaryHome,
} from "../scripts/lib/local-cluster.mjs";
import { root } from "../scripts/lib/paths.mjs";
import { runMain, SetupError } from "../scripts/lib/progress.mjs";
import { runToEnd } from "../scripts/lib/run.mjs";
import { sourceFiles } from "../scripts/lib/stamps.mjs";
import { setUp } from "../scripts/setup.mjs";

const starts = 5;
const lists = 10;
const pingTasks = 10_000;
const serveDeadlineMs = 30_000;
const daemons = ["flame-session-manager", "flame-object-cache", "flame-executor-manager"];

/** Calls `sum` once in a new session, then 300 times more in the same one. */
const sums = `
import time, flamepy
from flamepy import RunnerContext, RunnerRequest, RunnerServiceKind

def sum(a, b):
    return a + b

def call(ssn):
    begun = time.perf_counter()
    assert ssn.invoke(RunnerRequest(method=None, args=(1, 2))).get() == 3
    return (time.perf_counter() - begun) * 1000

begun = time.perf_counter()
ssn = flamepy.create_session("flmrun", RunnerContext(execution_object=sum, kind=RunnerServiceKind.Stateless))
call(ssn)
print((time.perf_counter() - begun) * 1000)
for _ in range(300):
    print(call(ssn))
ssn.close()
`;

const rows = [];
const record = (what, value) => rows.push([what, value]);
const ms = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
const spread = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return `p50 ${ms(quantile(sorted, 0.5))}, p99 ${ms(quantile(sorted, 0.99))} (${sorted.length})`;
};

async function times(count, work) {
  const taken = [];
  for (let i = 0; i < count; i++) {
    const begun = performance.now();
    await work();
    taken.push(performance.now() - begun);
  }
  return taken;
}

/** From exec of the session manager to the moment when it says that it serves. */
async function startOnce(home, args, env) {
  const begun = performance.now();
  const child = spawn(join(home, "bin/flame-session-manager"), args, { env, stdio: "ignore" });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  while (publishedBy(home, "flame-session-manager")?.pid !== child.pid) {
    if (child.exitCode !== null || performance.now() - begun > serveDeadlineMs) {
      child.kill("SIGKILL");
      throw new SetupError("the session manager did not start");
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const taken = performance.now() - begun;
  child.kill("SIGTERM");
  await exited;
  return taken;
}

async function must(command, env, timeoutMs) {
  const { code, stdout, stderr } = await runToEnd(command, { env, timeoutMs });
  if (code !== 0) throw new SetupError(`${command.join(" ")} failed: ${stderr.trim()}`);
  return stdout;
}

async function measureCluster(home, env) {
  const list = [join(home, "bin/flmctl"), "list", "app"];
  record("flmctl list app", spread(await times(lists, () => must(list, env))));
  const python = join(home, "work/flmrun/.venv/bin/python");
  const [first, ...next] = (await must([python, "-c", sums], env, 120_000))
    .trim()
    .split("\n")
    .map(Number);
  record("sum: session and first call", ms(first));
  record("sum: next calls", spread(next));
  const ping = [join(home, "bin/flmping"), "-p", "-t", String(pingTasks)];
  const begun = performance.now();
  const printed = await must(ping, env, 300_000);
  const seconds = (performance.now() - begun) / 1000;
  record(
    `flmping -p -t ${pingTasks}`,
    `${seconds.toFixed(1)} s, ${Math.round(pingTasks / seconds)} tasks/s`,
  );
  process.stdout.write(`${printed.trimEnd().split("\n").slice(-12).join("\n")}\n\n`);
  for (const name of daemons) record(`RSS of ${name}`, memoryOf(publishedBy(home, name).pid));
}

function memoryOf(pid) {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return "unknown";
  const kib = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(file, "utf8"))?.[1] ?? 0);
  return `${Math.round(kib / 1024)} MiB`;
}

function countSource() {
  const lines = new Map();
  for (const file of sourceFiles(join(root, "src")).filter((path) => !path.includes("generated"))) {
    const room = file.split("/")[0];
    const count = readFileSync(join(root, "src", file), "utf8").split("\n").length - 1;
    lines.set(room, (lines.get(room) ?? 0) + count);
  }
  record(
    "lines of src, without generated",
    [...lines].map(([room, n]) => `${room} ${n}`).join(", "),
  );
}

async function main() {
  const prepared = await setUp();
  const { home, remove } = await temporaryHome(prepared.home);
  const env = { ...process.env, FLAME_HOME: home };
  try {
    const { args, ports } = await configuration({ home, first: await chooseFreePorts() });
    const taken = [];
    for (let i = 0; i < starts; i++) taken.push(await startOnce(home, args, env));
    record("session manager: exec to serving", spread(taken));
    env.FLAME_ENDPOINT = `http://127.0.0.1:${ports.frontend}`;
    env.FLAME_CACHE_ENDPOINT = `grpc://127.0.0.1:${ports.cache}`;
    const cluster = await startCluster({ home, args, env });
    try {
      await measureCluster(home, env);
    } finally {
      await cluster.stop();
    }
  } finally {
    await remove();
  }
  countSource();
  process.stdout.write(
    `| measured on ${cpus().length} cores, Node ${process.version} | |\n|---|---|\n`,
  );
  for (const [what, value] of rows) process.stdout.write(`| ${what} | ${value} |\n`);
}

await runMain(main);
