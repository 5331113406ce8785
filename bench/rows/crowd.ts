import type { Client } from "../house/child.ts";
import { type BenchCluster, cpuOf } from "../house/cluster.ts";
import type { House } from "../house/house.ts";
import type { Bench, Row, Sample } from "../house/row.ts";
import { median } from "../house/statistics.ts";
import { flmping } from "./flmping-stream.ts";

/** What may make a task dearer, each on top of those before it. */
const crowds: readonly (readonly [name: string, what: string, full: number, quick: number])[] = [
  ["sessions", "10,000 open sessions", 10_000, 20],
  ["applications", "10,000 applications more", 10_000, 20],
  ["executors", "1,000 executors more, which wait in another session", 1_000, 5],
  ["watchers", "10,000 watches of pending tasks more", 10_000, 20],
];

/** A task costs the session manager at most this share more. */
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

async function once(house: House): Promise<Sample> {
  const cluster = await house.ownCluster({ cluster: { limits } });
  const address = cluster.endpoint.replace("http://", "");
  const tasks = house.size(20_000, 50);
  const values: Record<string, number> = {};
  const held: Client<unknown>[] = [];
  try {
    if (house.warms) await managerCpu(cluster, tasks);
    values["crowd_alone"] = await managerCpu(cluster, tasks);
    for (const [name, , full, quick] of crowds) {
      const put = house.client("crowd", cluster.env, name, address, house.size(full, quick));
      held.push(put);
      await put.begun;
      values[`crowd_${name}`] = await managerCpu(cluster, tasks);
    }
    return { values, note: `${measures} times ${tasks.toLocaleString("en")} tasks each` };
  } finally {
    for (const one of held) one.finish();
    await Promise.allSettled(held.map((one) => one.outcome));
    await cluster.stop();
  }
}

const row = (name: string, what: string): Row => ({ id: `crowd_${name}`, unit: "µs", what });

/** What a task costs the session manager beside very much that has nothing to do with it. */
export const crowd: Bench = {
  id: "crowd",
  needs: "own",
  onlyWhenNamed: true,
  rows: [
    row("alone", "CPU of the session manager for each task of `flmping -p`, nothing else there"),
    ...crowds.map(([name, what]) => ({
      ...row(name, `the same with ${what}`),
      target: { at: "most", value: mostOfAlone, of: "crowd_alone" } as const,
    })),
  ],
  open: async (house) => ({ once: () => once(house), close: async () => undefined }),
};
