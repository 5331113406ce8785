// npm run bench -- overload [LOAD ...]: puts loads on daemons of its own and prints their memory and what another,
// well-behaved client had to wait meanwhile. Bounded: about five minutes with every load.
import { readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  chooseFreePorts,
  configuration,
  publishedBy,
  startCluster,
  temporaryHome,
} from "../scripts/lib/local-cluster.mjs";
import { runMain, SetupError } from "../scripts/lib/progress.mjs";
import { setUp } from "../scripts/setup.mjs";
import { bundleFor, probed, spread, startLoad } from "./overload/driver.mjs";

const daemons = ["flame-session-manager", "flame-object-cache", "flame-executor-manager"];
const sessions = 1_000;
const watchers = 10_000;
const tasks = 200_000;
const neverRead = 5_000;
const floodCalls = 30_000;
const floodAtOnce = 2_000;
const registers = 20_000;
const registerBytes = 8_000;
/** In this order, each on top of those before it. `holds`: it goes on until everything has been measured. */
const loads = [
  { name: "sessions", args: [sessions] },
  { name: "tasks", args: [tasks, sessions] },
  { name: "watchers", args: [watchers, sessions, 20], holds: true },
  { name: "never-reads", args: [neverRead, sessions], holds: true },
  { name: "flood", args: [floodCalls, floodAtOnce], needs: "one-session" },
  { name: "registers", args: [registers, registerBytes, 256] },
];

const rows = [];

function memoryOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mib = (key) =>
    Math.round(Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(status)?.[1]) / 1024);
  return `${mib("VmRSS")} (${mib("VmHWM")})`;
}

function told({ answered, refused, seconds }) {
  if (answered === undefined) return "";
  const parts = Object.entries(refused).map(([code, count]) => `${count} refused (${code})`);
  return [`${answered} in ${seconds.toFixed(1)} s`, ...parts].join(", ");
}

async function measure(program, address, pids, chosen) {
  const held = [];
  const record = (name, outcome, probe) =>
    rows.push([name, told(outcome), ...pids.map(memoryOf), spread(probe)]);
  const still = () =>
    probed(program, address, () => new Promise((done) => setTimeout(done, 2_000)));
  record("at rest", {}, (await still())[1]);
  for (const { name, args, holds, needs } of loads) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    if (needs !== undefined) await startLoad(program, needs, address, []).outcome;
    const [outcome, probe] = await probed(program, address, async () => {
      const load = startLoad(program, name, address, args);
      if (holds !== true) return load.outcome;
      await load.begun;
      held.push(load);
      await new Promise((done) => setTimeout(done, 5_000));
      return {};
    });
    record(name, outcome, probe);
  }
  record("all of it", {}, (await still())[1]);
  for (const load of held) load.finish();
  await Promise.all(held.map((load) => load.outcome));
}

async function main(chosen) {
  const unknown = chosen.filter((name) => !loads.some((load) => load.name === name));
  if (unknown.length > 0) {
    const known = loads.map((load) => load.name).join(", ");
    throw new SetupError(`no such load: ${unknown.join(", ")}; expected any of ${known}`);
  }
  const prepared = process.env.FLAME_BENCH_HOME ?? (await setUp()).home;
  const { home, remove } = await temporaryHome(prepared);
  const folder = await mkdtemp(join(tmpdir(), "flame-overload-"));
  try {
    const program = join(folder, "program.mjs");
    await bundleFor(program, "bench/overload/program.ts");
    const { args, ports } = await configuration({ home, first: await chooseFreePorts() });
    const cluster = await startCluster({ home, args, env: { ...process.env, FLAME_HOME: home } });
    try {
      const pids = daemons.map((name) => publishedBy(home, name).pid);
      await measure(program, `127.0.0.1:${ports.frontend}`, pids, chosen);
    } finally {
      await cluster.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await remove();
  }
  const print = (row) => process.stdout.write(`| ${row.join(" | ")} |\n`);
  print([
    `on ${cpus().length} cores, Node ${process.version}`,
    "calls",
    ...daemons.map((name) => `${name.slice(6)}: RSS (peak), MiB`),
    "another client: p50 / p99 / max, ms (calls)",
  ]);
  print(Array.from({ length: 3 + daemons.length }, () => "---"));
  for (const row of rows) print(row);
}

await runMain(() => main(process.argv.slice(2)));
