import type { Client } from "../house/child.ts";
import { type BenchCluster, cpuOf } from "../house/cluster.ts";
import type { House } from "../house/house.ts";
import type { Bench, Row, Sample } from "../house/row.ts";
import { median } from "../house/statistics.ts";
import { flmping } from "./flmping-stream.ts";

interface Crowd {
  readonly name: string;
  readonly what: string;
  readonly count: { readonly full: number; readonly quick: number };
}

/** What may make a task dearer. */
const crowds: readonly Crowd[] = [
  { name: "sessions", what: "10,000 open sessions", count: { full: 10_000, quick: 20 } },
  { name: "applications", what: "10,000 applications", count: { full: 10_000, quick: 20 } },
  {
    name: "executors",
    what: "1,000 executors, which wait in another session",
    count: { full: 1_000, quick: 5 },
  },
  { name: "watchers", what: "10,000 watches of pending tasks", count: { full: 10_000, quick: 20 } },
];

/** Beside a crowd a task costs the session manager at most this much of what it costs without. */
const mostOfAlone = 1.1;
const measures = 3;
const limits = { max_open_sessions: 20_000, max_applications: 20_000 };

/** CPU of the session manager for each task of `flmping -p`, in microseconds: the median of some runs. */
async function managerCpu(cluster: BenchCluster, tasks: number): Promise<number> {
  const found: number[] = [];
  while (found.length < measures) {
    const before = cpuOf(cluster)?.manager ?? 0;
    await flmping(cluster, tasks);
    found.push((1000 * ((cpuOf(cluster)?.manager ?? 0) - before)) / tasks);
  }
  return median(found);
}

/** What a task costs in a cluster of its own, before some crowds are there and beside them. */
async function beside(
  house: House,
  some: readonly Crowd[],
  tasks: number,
): Promise<{ readonly alone: number; readonly among: number }> {
  const cluster = await house.ownCluster({ cluster: { limits } });
  const address = cluster.endpoint.replace("http://", "");
  const held: Client<unknown>[] = [];
  try {
    if (house.warms) await managerCpu(cluster, tasks);
    const alone = await managerCpu(cluster, tasks);
    for (const { name, count } of some) {
      const size = house.size(count.full, count.quick);
      const put = house.client("crowd", cluster.env, name, address, size);
      held.push(put);
      await put.begun;
    }
    return { alone, among: await managerCpu(cluster, tasks) };
  } finally {
    for (const one of held) one.finish();
    await Promise.allSettled(held.map((one) => one.outcome));
    await cluster.stop();
  }
}

async function once(house: House): Promise<Sample> {
  const values: Record<string, number> = {};
  const alones: number[] = [];
  const tasks = house.size(20_000, 50);
  const measure = async (id: string, some: readonly Crowd[]): Promise<void> => {
    const { alone, among } = await beside(house, some, tasks);
    alones.push(alone);
    values[id] = among / alone;
  };
  for (const one of crowds) await measure(`crowd_${one.name}`, [one]);
  await measure("crowd_all", crowds);
  values["crowd_alone"] = median(alones);
  return { values, note: `${measures} times ${tasks.toLocaleString("en")} tasks each` };
}

const row = (name: string, what: string): Row => ({
  id: `crowd_${name}`,
  unit: "x",
  what: `the same beside ${what}, as a part of that of the same cluster before`,
  target: { at: "most", value: mostOfAlone },
});

/** What a task costs the session manager beside very much that has nothing to do with it. */
export const crowd: Bench = {
  id: "crowd",
  needs: "own",
  onlyWhenNamed: true,
  rows: [
    {
      id: "crowd_alone",
      unit: "µs",
      what: "CPU of the session manager for each task of `flmping -p`, nothing else there",
    },
    ...crowds.map(({ name, what }) => row(name, what)),
    row("all", "all of these at once"),
  ],
  open: async (house) => ({ once: () => once(house), close: async () => undefined }),
};
