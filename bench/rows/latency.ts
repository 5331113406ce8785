import { cpuReader } from "../house/cluster.ts";
import type { Bench } from "../house/row.ts";
import { quantile } from "../house/statistics.ts";

/** Tasks under way at once where the most that a cluster can do is asked for. */
export const windowTasks = 500;

export const flmpingSync: Bench = {
  id: "flmping_sync",
  needs: "cluster",
  rows: [
    {
      id: "flmping_sync_p50",
      unit: "ms",
      what: "one task after the other, submit to result, our TypeScript client, SQLite, WAL, FULL: p50",
      target: { at: "most", value: 1 },
    },
    {
      id: "flmping_sync_p99",
      unit: "ms",
      what: "the same: p99",
      target: { at: "most", value: 4 },
    },
  ],
  open: async (house) => {
    const cluster = await house.cluster();
    const count = house.size(1_000, 20);
    const once = async () => {
      const client = house.client<{ times: number[] }>(
        "tasks",
        cluster.env,
        "serial",
        cluster.endpoint,
        count,
      );
      const { times } = await client.outcome;
      return {
        values: { flmping_sync_p50: quantile(times, 0.5), flmping_sync_p99: quantile(times, 0.99) },
        tasks: count,
        note: `${count.toLocaleString("en")} tasks, after 50 at once`,
      };
    };
    if (house.warms) await once();
    return {
      once,
      ...cpuReader(cluster),
      close: async () => undefined,
    };
  },
};

export const latencyHalfLoad: Bench = {
  id: "latency_half_load",
  needs: "cluster",
  rows: [
    {
      id: "latency_half_load_p50",
      unit: "ms",
      what: `open loop at half of what ${windowTasks} tasks under way reached just before, due to result: p50`,
    },
    {
      id: "latency_half_load",
      unit: "ms",
      what: "the same: p99",
      target: { at: "most", value: 15 },
    },
  ],
  open: async (house) => {
    const cluster = await house.cluster();
    const seconds = house.size(5, 1);
    return {
      once: async () => {
        const client = house.client<{ rate: number; times: number[] }>(
          "tasks",
          cluster.env,
          "half-load",
          cluster.endpoint,
          house.size(windowTasks, 10),
          seconds,
        );
        const { rate, times } = await client.outcome;
        return {
          values: {
            latency_half_load_p50: quantile(times, 0.5),
            latency_half_load: quantile(times, 0.99),
          },
          note: `${Math.round(rate)} tasks/s for ${seconds} s`,
        };
      },
      close: async () => undefined,
    };
  },
};
