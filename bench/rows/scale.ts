import { mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ManagerAlone, processCpuMs } from "../house/cluster.ts";
import { memoryOf } from "../house/cpu.ts";
import type { House } from "../house/house.ts";
import type { Bench, Row, Sample } from "../house/row.ts";
import { environment } from "../house/scripts.ts";
import { median, quantile } from "../house/statistics.ts";

interface Crowd {
  readonly applications: number;
  readonly sessions: number;
  readonly tasks: number;
  readonly nodes: number;
}

interface Times {
  readonly times: number[];
}

const starts = 3;
const lists = 5;
const scrapes = 10;
const settleMs = 3_000;
const goneMs = 15_000;
const lag = "nodejs_eventloop_lag";

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What is measured of a session manager, the same with little and with much in it. */
const common: readonly (readonly [name: string, unit: string, what: string])[] = [
  ["database", "MiB", "size of the database"],
  ["start", "ms", "exec to serving, median of three starts"],
  ["start_cpu", "ms", "CPU until it serves, last start"],
  ["rss", "MiB", "resident memory after the start"],
  ["idle", "% of a core", "CPU of the session manager without nodes"],
  ["idle_nodes", "% of a core", "CPU of the session manager with nodes that beat"],
  ["loop_p99", "ms", "delay of the event loop since the start, p99"],
  ["loop_max", "ms", "delay of the event loop since the start, longest"],
  ["task_p50", "ms", "one task after the other on a scripted node, p50"],
  ["task_p99", "ms", "the same, p99"],
  ["task_cpu", "µs", "CPU of the session manager for each of these tasks"],
  ["list_applications", "ms", "ListApplication, median of five"],
  ["list_nodes", "ms", "ListNodes, median of five"],
  ["list_sessions", "ms", "ListSession, median of five"],
  ["scrape", "ms", "a scrape of its metrics, median of ten"],
];

const ofSessions: typeof common = [
  ["removal", "ms", "removal of the application of all sessions"],
  ["removal_wait_p99", "ms", "what another client waits for GetApplication meanwhile, p99"],
  ["removal_wait_max", "ms", "the same, longest"],
];

/** Fills its database before it starts. */
async function filled(house: House, manager: ManagerAlone, crowd: Crowd): Promise<number> {
  const database = join(manager.home, "data/flame.db");
  mkdirSync(dirname(database), { recursive: true });
  const { applications, sessions, tasks } = crowd;
  const migrations = house.file("../migrations/sqlite");
  await house.client(
    "scale",
    environment(),
    "fill",
    database,
    migrations,
    applications,
    sessions,
    tasks,
  ).outcome;
  return statSync(database).size / 2 ** 20;
}

/** CPU of a while in which nobody asks for anything, in hundredths of a core. */
async function idle(house: House, manager: ManagerAlone): Promise<number> {
  await pause(house.size(settleMs, 100));
  const before = processCpuMs(manager.pid);
  const ms = house.size(30_000, 500);
  await pause(ms);
  return (100 * (processCpuMs(manager.pid) - before)) / ms;
}

async function timesToServe(manager: ManagerAlone): Promise<number> {
  const times = [await manager.start()];
  while (times.length < starts) {
    await manager.stop();
    times.push(await manager.start());
  }
  return median(times);
}

async function scrapeMs(manager: ManagerAlone): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < scrapes; run++) {
    const begun = performance.now();
    await manager.scrape();
    times.push(performance.now() - begun);
  }
  return median(times);
}

async function once(house: House, id: string, crowd: Crowd): Promise<Sample> {
  const limits = { max_applications: 20_000, max_sessions: 200_000 };
  const { manager, close } = await house.managerAlone({ cluster: { limits } });
  const values: Record<string, number> = {};
  const row = (name: string, value: number): void => {
    values[`${id}_${name}`] = value;
  };
  const load = (...args: (string | number)[]): Promise<Times> =>
    house.client<Times>("scale", environment(), args[0] ?? "", manager.address, ...args.slice(1))
      .outcome;
  try {
    row("database", await filled(house, manager, crowd));
    row("start", await timesToServe(manager));
    row("start_cpu", processCpuMs(manager.pid));
    row("rss", memoryOf(manager.pid).now);
    row("idle", await idle(house, manager));
    const nodes = house.client("scale", environment(), "nodes", manager.address, crowd.nodes);
    await nodes.begun;
    row("idle_nodes", await idle(house, manager));
    const text = await manager.scrape();
    for (const part of ["p99", "max"]) {
      const seconds = new RegExp(`^${lag}_${part}_seconds (\\S+)`, "m").exec(text)?.[1];
      row(`loop_${part}`, 1000 * Number(seconds));
    }
    const tasks = house.size(500, 20);
    const before = processCpuMs(manager.pid);
    const { times } = await load("tasks", tasks);
    row("task_p50", quantile(times, 0.5));
    row("task_p99", quantile(times, 0.99));
    row("task_cpu", (1000 * (processCpuMs(manager.pid) - before)) / tasks);
    row("list_applications", median((await load("list", "listApplication", lists)).times));
    row("list_nodes", median((await load("list", "listNodes", lists)).times));
    row("list_sessions", median((await load("list", "listSession", lists)).times));
    row("scrape", await scrapeMs(manager));
    if (crowd.sessions > 0) await removal(house, manager, row);
    nodes.finish();
    await nodes.outcome;
    return { values, note: told(crowd) };
  } finally {
    await close();
  }
}

async function removal(
  house: House,
  manager: ManagerAlone,
  row: (name: string, value: number) => void,
): Promise<void> {
  const probe = house.client<Times>("scale", environment(), "probe", manager.address);
  await probe.begun;
  const { outcome } = house.client<Times>("scale", environment(), "remove", manager.address);
  row("removal", median((await outcome).times));
  // What it leaves goes later.
  await pause(house.size(goneMs, 200));
  probe.finish();
  const { times } = await probe.outcome;
  row("removal_wait_p99", quantile(times, 0.99));
  row("removal_wait_max", quantile(times, 1));
}

const told = ({ sessions, tasks, applications, nodes }: Crowd): string =>
  `closed sessions: ${sessions.toLocaleString("en")} with ${tasks} tasks each; ` +
  `applications: ${applications.toLocaleString("en")}; nodes: ${nodes.toLocaleString("en")}`;

function bench(id: string, crowdOf: (house: House) => Crowd, rows: typeof common): Bench {
  return {
    id,
    family: "scale",
    needs: "own",
    onlyWhenNamed: true,
    rows: rows.map(([name, unit, what]): Row => ({ id: `${id}_${name}`, unit, what })),
    open: async (house) => ({
      once: () => once(house, id, crowdOf(house)),
      close: async () => undefined,
    }),
  };
}

/** The same session manager with nothing in it but the node that tasks need, and with very much. */
export const scale: readonly Bench[] = [
  bench("scale_empty", () => ({ applications: 0, sessions: 0, tasks: 0, nodes: 1 }), common),
  bench(
    "scale_full",
    (house) => ({
      applications: house.size(10_000, 50),
      sessions: house.size(100_000, 100),
      tasks: 3,
      nodes: house.size(1_000, 10),
    }),
    [...common, ...ofSessions],
  ),
];
