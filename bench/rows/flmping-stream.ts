import { printedBy } from "../house/child.ts";
import { type BenchCluster, cpuOf, cpuReader } from "../house/cluster.ts";
import { memoryOf } from "../house/cpu.ts";
import type { House } from "../house/house.ts";
import type { Bench, Ready, Row, Sample } from "../house/row.ts";

/** The warm-up is no longer than this, however many tasks the runs have. */
const warmUpTasks = 10_000;

interface Variant {
  readonly id: string;
  readonly tasks: number;
  readonly storage: "sqlite" | "none";
  /** Also tells CPU and memory of the processes. */
  readonly processes?: true;
  readonly onlyWhenNamed?: true;
}

const mib = (id: string, what: string): Row => ({ id, unit: "MiB", what });

const cpuRow = (who: string, budget: number, what: string): Row => ({
  id: who === "" ? "cpu_per_task" : `cpu_per_task_${who}`,
  unit: "µs",
  what: `CPU of ${what} for each task of \`flmping_stream_10k\``,
  target: { at: "most", value: budget },
});

const processRows: readonly Row[] = [
  cpuRow("", 150, "all processes together"),
  cpuRow("manager", 45, "the session manager"),
  cpuRow("node", 15, "the executor manager"),
  cpuRow("services", 15, "the services"),
  cpuRow("client", 20, "flmping, its start included,"),
  mib("rss_manager", "resident memory of the session manager after a run of `flmping_stream_10k`"),
  mib("rss_node", "the same of the executor manager"),
  mib("rss_cache", "the same of the object cache"),
];

/** Runs `flmping -p`, and tells the tasks/s that it prints: from first submit to last result. */
export async function flmping(
  cluster: BenchCluster,
  tasks: number,
  env: NodeJS.ProcessEnv = {},
): Promise<number> {
  const command = [cluster.program("flmping"), "-p", "-t", String(tasks)] as const;
  const printed = await printedBy(command, { ...cluster.env, ...env });
  const succeeded = /^Succeeded: +(\d+)\/(\d+)$/m.exec(printed);
  const rate = Number(/^Throughput: +(\d+(?:\.\d+)?) tasks\/sec$/m.exec(printed)?.[1]);
  if (succeeded?.[1] !== String(tasks) || succeeded[2] !== String(tasks) || !(rate > 0)) {
    throw new Error(`flmping -p -t ${tasks}: expected ${tasks} successes, got ${printed.trim()}`);
  }
  return rate;
}

const needsOwn = "processes are known of own clusters only";

/** CPU between two moments and memory now, for the rows of the processes. */
async function withProcesses(
  cluster: BenchCluster,
  tasks: number,
  work: () => Promise<Sample["values"]>,
): Promise<Sample> {
  const before = cpuOf(cluster);
  const values = await work();
  const after = cpuOf(cluster);
  if (before === undefined || after === undefined || cluster.pids === undefined) {
    return { values, leftOut: Object.fromEntries(processRows.map(({ id }) => [id, needsOwn])) };
  }
  const perTask = (who: keyof typeof before): number => (1000 * (after[who] - before[who])) / tasks;
  const cpu = {
    cpu_per_task_manager: perTask("manager"),
    cpu_per_task_node: perTask("node"),
    cpu_per_task_services: perTask("services"),
    cpu_per_task_client: perTask("client"),
  };
  return {
    values: {
      ...values,
      ...cpu,
      cpu_per_task: Object.values(cpu).reduce((sum, one) => sum + one, 0),
      rss_manager: memoryOf(cluster.pids.manager).now,
      rss_node: memoryOf(cluster.pids.node).now,
      rss_cache: memoryOf(cluster.pids.cache).now,
    },
  };
}

async function open(house: House, variant: Variant): Promise<Ready> {
  const { id, storage, processes } = variant;
  const shared = storage === "sqlite";
  const cluster = shared
    ? await house.cluster()
    : await house.ownCluster({ cluster: { storage: "none" } });
  const tasks = house.size(variant.tasks, 50);
  const note = `${tasks.toLocaleString("en")} tasks`;
  if (house.warms) await flmping(cluster, Math.min(tasks, warmUpTasks));
  return {
    once: async () => {
      const work = async () => ({ [id]: await flmping(cluster, tasks) });
      const sample =
        processes === true ? await withProcesses(cluster, tasks, work) : { values: await work() };
      return { ...sample, tasks, note };
    },
    ...cpuReader(cluster),
    close: async () => {
      if (!shared) await cluster.stop();
    },
  };
}

function bench(variant: Variant): Bench {
  const { id, tasks, storage, processes, onlyWhenNamed } = variant;
  const where = storage === "none" ? "storage `none`" : "SQLite, WAL, FULL";
  return {
    id,
    family: storage === "none" ? "flmping_stream_none" : "flmping_stream",
    needs: storage === "none" ? "own" : "cluster",
    ...(onlyWhenNamed !== undefined && { onlyWhenNamed }),
    rows: [
      {
        id,
        unit: "tasks/s",
        what: `\`flmping -p -t ${tasks}\`, first submit to last result, ${where}`,
        throughput: true,
        target: { at: "least", value: storage === "none" ? 1 : 0.8, of: "ppe" },
      },
      ...(processes === true ? processRows : []),
    ],
    open: (house) => open(house, variant),
  };
}

const unary = "flmping_unary";
const withoutStreams = { FLAME_TASK_STREAMS: "off" };

/** Client and node as published ones are: one call for each task. */
export const flmpingUnary: Bench = {
  id: unary,
  needs: "own",
  rows: [
    {
      id: unary,
      unit: "tasks/s",
      what: "`flmping -p -t 10000` with streams off in client and node, first submit to last result, SQLite, WAL, FULL",
      throughput: true,
      target: { at: "least", value: 0.06, of: "ppe" },
    },
  ],
  open: async (house) => {
    const cluster = await house.ownCluster({}, withoutStreams);
    const tasks = house.size(10_000, 50);
    if (house.warms) await flmping(cluster, tasks, withoutStreams);
    return {
      once: async () => ({
        values: { [unary]: await flmping(cluster, tasks, withoutStreams) },
        tasks,
        note: `${tasks.toLocaleString("en")} tasks`,
      }),
      ...cpuReader(cluster),
      close: () => cluster.stop(),
    };
  },
};

export const flmpingStreams: readonly Bench[] = [
  bench({ id: "flmping_stream_10k", tasks: 10_000, storage: "sqlite", processes: true }),
  bench({ id: "flmping_stream_100k", tasks: 100_000, storage: "sqlite" }),
  bench({ id: "flmping_stream_1m", tasks: 1_000_000, storage: "sqlite", onlyWhenNamed: true }),
];

export const flmpingStreamsWithoutStorage: readonly Bench[] = [
  bench({ id: "flmping_stream_10k_none", tasks: 10_000, storage: "none" }),
  bench({ id: "flmping_stream_100k_none", tasks: 100_000, storage: "none" }),
];
