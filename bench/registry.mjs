// npm run bench -- registry [RUNS]: a session manager of its own with 10,000 applications; start, registers, lists,
// applies and saves are timed at clients in processes of their own. Prints a table of targets; about two minutes.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { publishedBy } from "../scripts/lib/local-cluster.mjs";
import { root } from "../scripts/lib/paths.mjs";
import { freePorts } from "../scripts/lib/ports.mjs";
import { runMain, SetupError } from "../scripts/lib/progress.mjs";
import { setUp } from "../scripts/setup.mjs";

const applications = 10_000;
const applied = 1_000;
const saves = 20;
const calls = 10;
const clients = { processes: 2, connections: 4, atOnce: 64 };
const daemon = "flame-session-manager";
const startDeadlineMs = 60_000;
const workDeadlineMs = 300_000;
const pollMs = 1;

const rows = [];

/** A session manager in a home of its own; `start` tells how long it took until it served, in milliseconds. */
class Manager {
  constructor(folder, name, port) {
    this.home = join(folder, name);
    this.address = `127.0.0.1:${port}`;
    this.folder = join(this.home, "conf/applications");
    for (const part of ["conf/applications", "data", "run", "logs"])
      mkdirSync(join(this.home, part), { recursive: true });
    this.configuration = join(this.home, "conf/flame-cluster.yaml");
    const plugins = [{ name: "application-directory" }];
    const cluster = { name: "bench", endpoint: `http://${this.address}`, plugins };
    writeFileSync(this.configuration, JSON.stringify({ cluster }));
  }

  async start() {
    const profile = process.env.FLAME_BENCH_CPU_PROFILE;
    const options =
      profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${join(profile, daemon)}`];
    const program = join(root, "dist/bin", `${daemon}.js`);
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
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    return performance.now() - from;
  }

  /** Its memory in MiB: now, and at its highest. */
  memory() {
    const status = readFileSync(`/proc/${this.child.pid}/status`, "utf8");
    return ["VmRSS", "VmHWM"].map((key) =>
      Math.round(Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(status)?.[1]) / 1024),
    );
  }

  /** CPU time that it has used, in milliseconds: says the same on a busy machine. Ticks of Linux are 10 ms. */
  cpu() {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, "utf8").split(") ")[1].split(" ");
    return 10 * (Number(fields[11]) + Number(fields[12]));
  }

  async stop() {
    this.child?.kill("SIGTERM");
    await this.ended;
  }
}

async function bundleProgram(folder) {
  const { build } = await import("esbuild");
  const outfile = join(folder, "program.mjs");
  await build({
    entryPoints: [join(root, "bench/registry/program.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    banner: {
      js: 'import { createRequire as c } from "node:module";\nconst require = c(import.meta.url);',
    },
    logLevel: "silent",
  });
  return outfile;
}

/** A client in a process of its own. `ready`: it said its first line; `go` lets it on; `answer`: its last line. */
function startClient(program, ...args) {
  const child = spawn(process.execPath, [program, ...args.map(String)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let last = "";
  const lines = createInterface({ input: child.stdout });
  const ready = new Promise((resolve) => {
    lines.on("line", (line) => {
      last = line;
      resolve();
    });
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), workDeadlineMs);
  const answer = new Promise((resolve, reject) => {
    child.once("close", (code) => {
      clearTimeout(timer);
      if (code === 0) resolve(JSON.parse(last));
      else reject(new SetupError(`the client ${args[0]} ended with ${code}`));
    });
  });
  return { ready: Promise.race([ready, answer]), answer, go: () => child.stdin.write("go\n") };
}

/** Registers all applications from several processes that begin together. Returns registers in a second. */
async function registerAll(program, { address }) {
  const { processes, connections, atOnce } = clients;
  const share = applications / processes;
  const all = Array.from({ length: processes }, (_, index) =>
    startClient(program, "register", address, index * share, share, connections, atOnce),
  );
  await Promise.all(all.map(({ ready }) => ready));
  for (const one of all) one.go();
  const told = await Promise.all(all.map(({ answer }) => answer));
  const answered = told.reduce((sum, one) => sum + one.answered, 0);
  if (answered !== applications) {
    throw new SetupError(`${answered} of ${applications} registers were answered well`);
  }
  const from = Math.min(...told.map((one) => one.from));
  return (1000 * applications) / (Math.max(...told.map((one) => one.to)) - from);
}

/** The whole command, from the start of its process to its end. */
async function flmctl({ address, home }, ...args) {
  const from = performance.now();
  const program = join(root, "dist/bin/flmctl.js");
  const env = { ...process.env, FLAME_ENDPOINT: `http://${address}`, HOME: home, FLAME_HOME: home };
  const child = spawn(process.execPath, [program, ...args], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let characters = 0;
  child.stdout.on("data", (chunk) => {
    characters += chunk.length;
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0 || characters === 0) throw new SetupError(`flmctl ${args[0]} ended with ${code}`);
  return performance.now() - from;
}

const repeated = async (count, work) => {
  const results = [];
  for (let run = 0; run < count; run++) results.push(await work(run));
  return results;
};

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/**
 * One line of the table; the median counts.
 * @param cpu time of the session manager for each call, in milliseconds
 * @param most whether `target` is the highest (else the lowest) that is met
 */
function record(what, values, { target, unit = "ms", most = true, cpu }) {
  const figure = median(values);
  const digits = figure < 100 ? 1 : 0;
  const texts = [figure, Math.min(...values), Math.max(...values)].map((v) => v.toFixed(digits));
  const met = most ? figure <= target : figure >= target;
  const bound = target === undefined ? "" : `${most ? "at most" : "at least"} ${target} ${unit}`;
  rows.push([
    what,
    `${texts[0]} ${unit}`,
    `${texts[1]} - ${texts[2]} (${values.length})`,
    cpu === undefined ? "" : `${cpu.toFixed(cpu < 1 ? 2 : 0)} ms`,
    bound,
    target === undefined ? "" : met ? "met" : "MISSED",
  ]);
}

async function measureCalls(program, folder, manager) {
  const { address } = manager;
  const of = async (...args) => {
    const before = manager.cpu();
    const told = await startClient(program, ...args).answer;
    return { ...told, cpu: (manager.cpu() - before) / (told.times?.length ?? 1) };
  };
  const checked = (told, expected) => {
    const { items } = told;
    if (items >= expected) return told;
    throw new SetupError(`got ${items} applications, expected at least ${expected}`);
  };
  const published = checked(await of("list-published", address, calls), applications);
  const brief = checked(await of("list-brief", address, calls), applications);
  const registry = checked(await of("list", address, calls), applications);
  const unchanged = checked(await of("apply", address, calls, applied), applied);
  const file = join(folder, "documents.yaml");
  await of("documents", address, file, applied);
  const saved = await of("save", address, manager.folder, saves);
  const listed = await repeated(3, () => flmctl(manager, "list", "app"));
  const appliedFile = await repeated(3, () => flmctl(manager, "apply", "-f", file));
  const version = await repeated(3, () => flmctl(manager, "--version"));
  record(`ListApplication of flame.v1, ${applications} applications`, published.times, {
    ...published,
    target: 150,
  });
  record(`Registry.List, ${applications} applications, brief`, brief.times, {
    ...brief,
    target: 150,
  });
  record(`Registry.List, ${applications} applications, with manifests and owners`, registry.times, {
    ...registry,
  });
  record(`Registry.Apply of ${applied} unchanged documents`, unchanged.times, {
    ...unchanged,
    target: 1000,
  });
  record("a saved file is live (plugin application-directory)", saved.times, {
    ...saved,
    target: 200,
  });
  record("whole command: flmctl list app", listed, {});
  record(`whole command: flmctl apply -f, ${applied} unchanged`, appliedFile, {});
  record("whole command: flmctl --version", version, {});
}

async function measure(program, folder, runs) {
  const port = await freePorts(2);
  const managers = [];
  const fresh = (name) => {
    const manager = new Manager(folder, name, port);
    managers.push(manager);
    return manager;
  };
  try {
    const rates = [];
    let registerCpu = 0;
    for (let run = 0; run < runs; run++) {
      const manager = fresh(`full-${run}`);
      await manager.start();
      const before = manager.cpu();
      rates.push(await registerAll(program, manager));
      registerCpu = (manager.cpu() - before) / applications;
      if (run === runs - 1) break;
      await manager.stop();
    }
    const full = managers.at(-1);
    const [, peak] = full.memory();
    await full.stop();
    const empty = fresh("empty");
    await empty.start();
    await empty.stop();
    // In turn, so that what else the machine does falls on both.
    const starts = await repeated(2 * runs, async () => {
      const of = async (manager) => {
        const ms = await manager.start();
        await manager.stop();
        return ms;
      };
      return { empty: await of(empty), full: await of(full) };
    });
    const emptyMs = starts.map((start) => start.empty);
    const above = starts.map((start) => start.full - start.empty);
    record("start, no applications", emptyMs, {});
    record(
      `start, ${applications} applications`,
      starts.map((start) => start.full),
      {},
    );
    record("start above the empty start, pair by pair", above, { target: 200 });
    record("durable RegisterApplication, concurrent clients", rates, {
      target: 3000,
      unit: "/s",
      most: false,
      cpu: registerCpu,
    });
    await full.start();
    await measureCalls(program, folder, full);
    const [rss, later] = full.memory();
    const most = Math.max(peak, later);
    record("memory of the session manager at its highest", [most], { target: 512, unit: "MiB" });
    record("memory of the session manager at the end", [rss], { unit: "MiB" });
  } finally {
    for (const manager of managers) if (manager.child?.exitCode === null) await manager.stop();
  }
}

const loadText = () =>
  loadavg()
    .map((load) => load.toFixed(1))
    .join(" ");

async function main([given = "3"]) {
  const runs = Number(given);
  if (!Number.isInteger(runs) || runs < 1 || runs > 100) {
    throw new SetupError(
      `got ${JSON.stringify(given)} runs, expected a whole number from 1 to 100`,
    );
  }
  await setUp();
  const before = loadText();
  const folder = await mkdtemp(join(tmpdir(), "flame-registry-bench-"));
  try {
    await measure(await bundleProgram(folder), folder, runs);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  const print = (row) => process.stdout.write(`| ${row.join(" | ")} |\n`);
  print([
    `${cpus().length} cores, Node ${process.version}, load ${before} before, ${loadText()} after`,
    "median",
    "lowest - highest (runs)",
    "its CPU",
    "target",
    "",
  ]);
  print(Array.from({ length: 6 }, () => "---"));
  for (const row of rows) print(row);
}

await runMain(() => main(process.argv.slice(2)));
