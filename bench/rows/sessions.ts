import { type BenchCluster, type ClusterConfig, cpuReader } from "../house/cluster.ts";
import type { House } from "../house/house.ts";
import { type Bench, LeftOut, type Target } from "../house/row.ts";
import { quantile } from "../house/statistics.ts";
import { python } from "./python.ts";

const noneWarm: ClusterConfig = { cluster: { executors: { warm: 0 } } };

interface Sessions {
  readonly id: string;
  readonly what: string;
  readonly target: Target;
  readonly config?: ClusterConfig;
  /** The times of so many new sessions, each begun when the node has rested. */
  readonly times: (
    house: House,
    cluster: BenchCluster,
    metrics: string,
    count: number,
  ) => Promise<readonly number[]>;
}

function bench({ id, what, target, config, times }: Sessions): Bench {
  return {
    id,
    family: "sessions",
    needs: "own",
    rows: [{ id, unit: "ms", what, target }],
    open: async (house) => {
      const cluster = await house.ownCluster(config);
      const metrics = cluster.nodeMetrics;
      if (metrics === undefined) throw new LeftOut("its node serves no metrics");
      const count = house.size(20, 2);
      return {
        once: async () => ({
          values: { [id]: quantile(await times(house, cluster, metrics, count), 0.5) },
          tasks: count,
          note: `${count} sessions, one after the other`,
        }),
        ...cpuReader(cluster),
        close: () => cluster.stop(),
      };
    },
  };
}

const ofPython =
  (warm: number): Sessions["times"] =>
  async (house, cluster, metrics, count) => {
    const { times } = await python<{ times: number[] }>(
      house,
      cluster,
      "sessions",
      count,
      metrics,
      warm,
    );
    return times;
  };

/** New sessions, with services that wait for them and without. */
export const sessionBenches: readonly Bench[] = [
  bench({
    id: "flmping_session_warm",
    what: "a new session of flmping when a service waits for it, our TypeScript client, connected: its creation to the first result, p50",
    target: { at: "most", value: 10 },
    times: async (house, { env, endpoint }, metrics, count) => {
      const client = house.client<{ times: number[] }>(
        "tasks",
        env,
        "sessions",
        endpoint,
        count,
        metrics,
      );
      return (await client.outcome).times;
    },
  }),
  bench({
    id: "python_session_warm",
    what: "a new session of flamepy when a service waits for it, connected: `create_session` to the first result, p50",
    target: { at: "most", value: 25 },
    times: ofPython(1),
  }),
  bench({
    id: "python_session_cold",
    what: "the same when none waits: its service is started",
    target: { at: "most", value: 200 },
    config: noneWarm,
    times: ofPython(0),
  }),
];
