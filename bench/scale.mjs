// npm run bench -- scale [FOLDER]: the same session manager with nothing in it, and with 100,000 closed sessions, 10,000
// applications and 1,000 nodes. Prints a table of both. FOLDER: the program of another build, to compare (its dist is used).
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { publishedBy } from "../scripts/lib/local-cluster.mjs";
import { root } from "../scripts/lib/paths.mjs";
import { freePorts } from "../scripts/lib/ports.mjs";
import { runMain, SetupError } from "../scripts/lib/progress.mjs";
import { setUp } from "../scripts/setup.mjs";
import { bundleFor, probed, spread, startLoad } from "./overload/driver.mjs";

const crowd = { sessions: 100_000, tasks: 3, applications: 10_000, nodes: 1_000 };
/** One node has to be there for tasks. */
const empty = { sessions: 0, tasks: 0, applications: 0, nodes: 1 };
const tasks = 500;
const lists = 5;
const scrapes = 10;
const idleMs = 30_000;
const settleMs = 3_000;
const startDeadlineMs = 120_000;
const daemon = "flame-session-manager";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A session manager in a home of its own. */
class Manager {
  constructor(folder, build, port) {
    this.home = folder;
    this.build = build;
    this.address = `127.0.0.1:${port}`;
    for (const part of ["conf", "data", "run", "logs"])
      mkdirSync(join(folder, part), { recursive: true });
    this.database = join(folder, "data/scale.db");
    this.configuration = join(folder, "conf/flame-cluster.yaml");
    const limits = { max_applications: 20_000, max_sessions: 200_000 };
    const cluster = {
      name: "bench",
      endpoint: `http://${this.address}`,
      storage: `sqlite://${this.database}`,
      limits,
    };
    writeFileSync(this.configuration, JSON.stringify({ cluster }));
  }

  /** @returns how long it took until it served, in milliseconds */
  async start() {
    const profile = process.env.FLAME_BENCH_CPU_PROFILE;
    const options = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
    const program = join(this.build, "dist/bin", `${daemon}.js`);
    const from = performance.now();
    this.child = spawn(process.execPath, [...options, program, "--config", this.configuration], {
      env: { ...process.env, FLAME_HOME: this.home },
      stdio: ["ignore", "ignore", "inherit"],
    });
    this.ended = new Promise((resolve) => this.child.once("close", resolve));
    while (publishedBy(this.home, daemon)?.pid !== this.child.pid) {
      if (this.child.exitCode !== null || performance.now() - from > startDeadlineMs) {
        await this.stop();
        throw new SetupError(`the session manager did not start in ${this.home}`);
      }
      await pause(2);
    }
    return performance.now() - from;
  }

  get memoryMiB() {
    const status = readFileSync(`/proc/${this.child.pid}/status`, "utf8");
    return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024);
  }

  /** CPU time that it has used, in milliseconds. Ticks of Linux are 10 ms. */
  get cpuMs() {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, "utf8").split(") ")[1].split(" ");
    return 10 * (Number(fields[11]) + Number(fields[12]));
  }

  async scrape() {
    const { metrics } = JSON.parse(readFileSync(join(this.home, `run/${daemon}.json`), "utf8"));
    const from = performance.now();
    const text = await (await fetch(metrics)).text();
    return { took: performance.now() - from, text };
  }

  async stop() {
    this.child?.kill("SIGTERM");
    await this.ended;
  }
}

async function idle(manager, what, row) {
  await pause(settleMs);
  const before = manager.cpuMs;
  await pause(idleMs);
  row(`CPU of ${idleMs / 1000} s ${what}`, `${manager.cpuMs - before} ms`);
}

async function measure(program, manager, { sessions, applications, tasks: each, nodes }) {
  const figures = new Map();
  const row = (what, figure) => figures.set(what, figure);
  const load = (name, ...args) => startLoad(program, name, manager.address, args).outcome;
  const filling = [
    "fill",
    manager.database,
    [join(root, "migrations/sqlite"), applications, sessions, each],
  ];
  await startLoad(program, ...filling).outcome;
  row("database", `${Math.round(statSync(manager.database).size / 2 ** 20)} MiB`);
  const starts = [await manager.start()];
  for (let run = 0; run < 2; run++) {
    await manager.stop();
    starts.push(await manager.start());
  }
  row("until it serves, 3 starts", starts.map((ms) => `${ms.toFixed(0)} ms`).join(", "));
  row("CPU until it serves, last start", `${manager.cpuMs} ms`);
  row("memory", `${manager.memoryMiB} MiB`);
  await idle(manager, "without nodes", row);
  const connected = startLoad(program, "nodes", manager.address, [nodes]);
  await connected.begun;
  await idle(manager, "with nodes that beat", row);
  const loop = await manager.scrape();
  for (const part of ["p99", "max"]) {
    const seconds = new RegExp(`^nodejs_eventloop_lag_${part}_seconds (\\S+)`, "m").exec(
      loop.text,
    )?.[1];
    row(`event loop delay, ${part} since the start`, `${(1000 * Number(seconds)).toFixed(1)} ms`);
  }
  const before = manager.cpuMs;
  row("a task, p50 / p99 / max", spread(await load("tasks", tasks)));
  row("CPU for each task", `${((manager.cpuMs - before) / tasks).toFixed(2)} ms`);
  for (const method of ["listApplication", "listNodes", "listSession"])
    row(`${method}, p50 / p99 / max`, spread(await load("list", method, lists)));
  const taken = [];
  for (let run = 0; run < scrapes; run++) taken.push((await manager.scrape()).took);
  row("a scrape, p50 / p99 / max", spread({ times: taken, failures: [] }));
  if (sessions > 0) {
    const [gone, waited] = await probed(program, manager.address, async () => {
      const told = await load("remove");
      // What it leaves goes later.
      await pause(15_000);
      return told;
    });
    row("removal of the application of all sessions", spread(gone));
    row("what another client waits meanwhile", spread(waited));
  }
  connected.finish();
  await connected.outcome;
  return figures;
}

runMain(async () => {
  await setUp();
  const build = process.argv[2] ?? root;
  const folder = await mkdtemp(join(tmpdir(), "flame-scale-"));
  const program = join(root, "node_modules/.cache/flame-scale.mjs");
  await bundleFor(program, "bench/scale/program.ts");
  const managers = [];
  const fresh = async (name, size) => {
    const manager = new Manager(join(folder, name), build, await freePorts(2));
    managers.push(manager);
    const figures = await measure(program, manager, size);
    await manager.stop();
    return figures;
  };
  try {
    const of = await fresh("empty", empty);
    const full = await fresh("full", crowd);
    const load = loadavg()
      .map((one) => one.toFixed(1))
      .join(" ");
    process.stdout.write(`${cpus().length} CPUs, load ${load}; ${JSON.stringify(crowd)}\n`);
    for (const [what, figure] of full)
      process.stdout.write(`${what.padEnd(45)} | ${(of.get(what) ?? "").padEnd(40)} | ${figure}\n`);
  } finally {
    for (const manager of managers) await manager.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
