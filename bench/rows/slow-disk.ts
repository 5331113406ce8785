import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { printedBy } from "../house/child.ts";
import { type BenchCluster, cpuReader } from "../house/cluster.ts";
import type { House } from "../house/house.ts";
import { type Bench, LeftOut, type Ready } from "../house/row.ts";
import { environment } from "../house/scripts.ts";
import { quantile } from "../house/statistics.ts";
import { windowTasks } from "./latency.ts";

/** Of what a disk without delay reaches, a slow one reaches at least this share. */
const shareOfFast = 0.7;
/** Tasks under way, where there are enough of them to hide the disk. */
const manyTasks = 2_000;
const stallGauge = "nodejs_eventloop_lag_max_seconds";

/** Builds what delays fsync, with the C compiler at hand. */
async function delayingLibrary(house: House, folder: string): Promise<string> {
  const library = join(folder, "slow-fsync.so");
  const source = house.file("programs/slow-fsync.c");
  try {
    await printedBy(
      ["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"],
      environment(),
    );
  } catch (failure) {
    throw new LeftOut(
      `a slower fsync needs a C compiler named cc, to build ${source}: ${(failure as Error).message}`,
    );
  }
  return library;
}

async function measure(house: House, cluster: BenchCluster, id: string, seconds: number) {
  const client = <T>(...args: (string | number)[]) =>
    house.client<T>("tasks", cluster.env, args[0] ?? "", cluster.endpoint, ...args.slice(1));
  const probe = client<{ reads: number[]; writes: number[] }>("probe");
  await probe.begun;
  // Metrics tell the longest one since they were last asked.
  await cluster.gauge(stallGauge);
  const window = house.size(windowTasks, 10);
  const { rate } = await client<{ rate: number }>("window", window, seconds).outcome;
  const stall = await cluster.gauge(stallGauge);
  probe.finish();
  const { reads, writes } = await probe.outcome;
  const many = house.size(manyTasks, 20);
  const wide = await client<{ rate: number }>("window", many, seconds).outcome;
  const note = `${window} and ${many} tasks under way for ${seconds} s each, ${reads.length} reads and writes`;
  return {
    values: {
      [id]: rate,
      [`${id}_many`]: wide.rate,
      [`${id}_read_p99`]: quantile(reads, 0.99),
      [`${id}_write_p99`]: quantile(writes, 0.99),
      ...(stall !== undefined && { [`${id}_stall`]: stall * 1000 }),
    },
    note,
  };
}

async function open(house: House, id: string, delayMs: number): Promise<Ready> {
  const folder = mkdtempSync(join(tmpdir(), "flame-bench-"));
  const removed = house.ending(async () => rmSync(folder, { recursive: true, force: true }));
  try {
    const delay =
      delayMs === 0
        ? {}
        : {
            LD_PRELOAD: await delayingLibrary(house, folder),
            FLAME_BENCH_FSYNC_US: String(delayMs * 1000),
          };
    const cluster = await house.ownCluster({}, delay);
    const seconds = house.size(10, 1);
    if (house.warms) await measure(house, cluster, id, 3);
    return {
      once: () => measure(house, cluster, id, seconds),
      ...cpuReader(cluster),
      close: async () => {
        await cluster.stop();
        await removed();
      },
    };
  } catch (failure) {
    await removed();
    throw failure;
  }
}

function bench(delayMs: number): Bench {
  const id = `slow_disk_${delayMs}ms`;
  const disk = delayMs === 0 ? "the disk as it is" : `${delayMs} ms added to each fsync`;
  return {
    id,
    family: "slow_disk",
    needs: "own",
    rows: [
      {
        id,
        unit: "tasks/s",
        what: `results of ${windowTasks} tasks that are under way all the time, ${disk}`,
        throughput: true,
        ...(delayMs > 0 && { target: { at: "least", value: shareOfFast, of: "slow_disk_0ms" } }),
      },
      {
        id: `${id}_many`,
        unit: "tasks/s",
        what: `the same with ${manyTasks.toLocaleString("en")} tasks under way`,
        throughput: true,
        ...(delayMs > 0 && {
          target: { at: "least", value: shareOfFast, of: "slow_disk_0ms_many" },
        }),
      },
      {
        id: `${id}_read_p99`,
        unit: "ms",
        what: `GetApplication of another client meanwhile, with ${windowTasks} under way, p99`,
        target: { at: "most", value: delayMs + 5 },
      },
      {
        id: `${id}_write_p99`,
        unit: "ms",
        what: "CreateSession of another client meanwhile, p99",
        target: { at: "most", value: 2 * (delayMs + 5) },
      },
      {
        id: `${id}_stall`,
        unit: "ms",
        what: "the longest time that the session manager's event loop stood still meanwhile",
      },
    ],
    open: (house) => open(house, id, delayMs),
  };
}

export const slowDisk: readonly Bench[] = [bench(0), bench(2), bench(10)];
