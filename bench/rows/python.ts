import { printedBy } from "../house/child.ts";
import { type BenchCluster, cpuReader } from "../house/cluster.ts";
import type { House } from "../house/house.ts";
import type { Bench, Ready } from "../house/row.ts";
import { quantile } from "../house/statistics.ts";

/** What a work of `programs/calls.py` prints. */
export async function python<T>(
  house: House,
  { python, env }: BenchCluster,
  ...args: (string | number)[]
): Promise<T> {
  const command = [python, house.file("programs/calls.py"), ...args.map(String)] as const;
  return JSON.parse(await printedBy(command, { ...env, PYTHONDONTWRITEBYTECODE: "1" })) as T;
}

/** With the CPU of the cluster's processes, where they are known. */
function ready(cluster: BenchCluster, once: Ready["once"]): Ready {
  return {
    once,
    ...cpuReader(cluster),
    close: async () => undefined,
  };
}

const calls: Bench = {
  id: "python_calls",
  family: "python",
  needs: "cluster",
  rows: [
    {
      id: "python_async",
      unit: "calls/s",
      what: "`add(i, 2)` with flamepy, all submitted with `run`, then all results",
      throughput: true,
      target: { at: "least", value: 0.4, of: "ppe" },
    },
    {
      id: "python_sync_p50",
      unit: "ms",
      what: "one `invoke` after the other, with its result: p50",
      target: { at: "most", value: 1, of: "ray_task_sync_p50" },
    },
    {
      id: "python_sync_p99",
      unit: "ms",
      what: "the same: p99",
      target: { at: "most", value: 1, of: "ray_task_sync_p99" },
    },
  ],
  open: async (house) => {
    const cluster = await house.cluster();
    const [count, serial] = [house.size(5_000, 50), house.size(1_000, 20)];
    return ready(cluster, async () => {
      const { rate, times } = await python<{ rate: number; times: number[] }>(
        house,
        cluster,
        "calls",
        count,
        serial,
      );
      return {
        values: {
          python_async: rate,
          python_sync_p50: quantile(times, 0.5),
          python_sync_p99: quantile(times, 0.99),
        },
        tasks: count + serial,
        note: `${count.toLocaleString("en")} calls at once, ${serial.toLocaleString("en")} one by one, after 20`,
      };
    });
  },
};

export const pythonBenches: readonly Bench[] = [calls];
