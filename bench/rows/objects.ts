import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { printedBy } from "../house/child.ts";
import { type BenchCluster, cpuReader } from "../house/cluster.ts";
import { memoryOf } from "../house/cpu.ts";
import type { House } from "../house/house.ts";
import type { Bench, Ready, Row, Target } from "../house/row.ts";

const mib = 1024 * 1024;
const largeBytes = 64 * mib;
/** What a memory row is a multiple of. */
const hugeBytes = 1024 * mib;
const atOnce = 64;

/** One run of bench/programs/objects.py. */
async function told(
  house: House,
  { python, env }: BenchCluster,
  ...args: (string | number)[]
): Promise<Readonly<Record<string, number>>> {
  const command = [python, house.file("programs/objects.py"), ...args.map(String)] as const;
  const printed = await printedBy(command, { ...env, PYTHONDONTWRITEBYTECODE: "1" });
  return JSON.parse(printed) as Record<string, number>;
}

const leastOf = (value: number, of?: string): { readonly target: Target } => ({
  target: { at: "least", value, ...(of !== undefined && { of }) },
});

/** Rows of one cluster that others measure on, too. */
function onCluster(
  id: string,
  rows: readonly Row[],
  measure: (house: House, cluster: BenchCluster) => ReturnType<Ready["once"]>,
): Bench {
  return {
    id,
    family: "objects",
    needs: "cluster",
    rows,
    open: async (house) => {
      const cluster = await house.cluster();
      const once = (): ReturnType<Ready["once"]> => measure(house, cluster);
      if (house.warms) await once();
      return { once, ...cpuReader(cluster), close: async () => undefined };
    },
  };
}

/** MB/s of `dd bs=64M conv=fdatasync`, where the benches keep their objects. */
function ddRate(): number {
  const folder = mkdtempSync(join(tmpdir(), "flame-bench-"));
  try {
    const file = join(folder, "file");
    const args = ["if=/dev/zero", `of=${file}`, "bs=64M", "count=1", "conv=fdatasync"];
    const begun = performance.now();
    const { status, stderr } = spawnSync("dd", args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`dd ${args.join(" ")} ended with ${status}: ${stderr}`);
    return largeBytes / 1000 / (performance.now() - begun);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const large = onCluster(
  "objects_64m",
  [
    {
      id: "dd_64m",
      unit: "MB/s",
      what: "`dd bs=64M count=1 conv=fdatasync` of zeros, start and end included, just before the puts",
    },
    {
      id: "object_put_64m",
      unit: "MB/s",
      what: "`put_object` of 64 MiB of random bytes on the cache's host, durable, one after the other",
      ...leastOf(0.8, "dd_64m"),
    },
    {
      id: "object_put_64m_unsynced",
      unit: "MB/s",
      what: "the same put with `durable=False`",
      ...leastOf(0.6, "ray_put_64m"),
    },
    {
      id: "object_get_64m",
      unit: "MB/s",
      what: "`get_object` of 64 MiB that were put so that they are durable, by a client that did not put them",
      ...leastOf(0.6, "ray_get_64m"),
    },
    {
      id: "flight_put_64m",
      unit: "MB/s",
      what: "the durable put through Arrow Flight, as from another host",
      ...leastOf(0.7, "dd_64m"),
    },
    {
      id: "flight_get_64m",
      unit: "MB/s",
      what: "the same get through Arrow Flight",
      ...leastOf(500),
    },
  ],
  async (house, cluster) => {
    const count = house.size(5, 1);
    const dd = Array.from({ length: count }, ddRate);
    const shared = await told(house, cluster, "large", "shared", count, largeBytes);
    const unsynced = await told(house, cluster, "large", "unsynced", count, largeBytes);
    const flight = await told(house, cluster, "large", "flight", count, largeBytes);
    return {
      values: {
        dd_64m: dd.reduce((sum, one) => sum + one, 0) / count,
        object_put_64m: shared["put"] ?? Number.NaN,
        object_put_64m_unsynced: unsynced["put"] ?? Number.NaN,
        object_get_64m: shared["get"] ?? Number.NaN,
        flight_put_64m: flight["put"] ?? Number.NaN,
        flight_get_64m: flight["get"] ?? Number.NaN,
      },
      note: `objects: ${count}, after one`,
    };
  },
);

const small = onCluster(
  "objects_small",
  [
    {
      id: "object_put_small",
      unit: "objects/s",
      what: `\`put_object\` of 100 random bytes, durable, ${atOnce} in flight`,
      ...leastOf(3_000),
    },
    {
      id: "object_get_small",
      unit: "objects/s",
      what: "`get_object` of the same by a client that did not put them, as many in flight",
      ...leastOf(6_000),
    },
    {
      id: "object_put_small_serial",
      unit: "objects/s",
      what: "the same puts one after the other",
      ...leastOf(800),
    },
    {
      id: "object_get_small_serial",
      unit: "objects/s",
      what: "the same gets one after the other",
      ...leastOf(1_500),
    },
  ],
  async (house, cluster) => {
    const [many, serial] = [house.size(5_000, 100), house.size(1_000, 50)];
    const together = await told(house, cluster, "small", atOnce, many);
    const alone = await told(house, cluster, "small", 1, serial);
    return {
      values: {
        object_put_small: together["put"] ?? Number.NaN,
        object_get_small: together["get"] ?? Number.NaN,
        object_put_small_serial: alone["put"] ?? Number.NaN,
        object_get_small_serial: alone["get"] ?? Number.NaN,
      },
      note: `${many.toLocaleString("en")} objects, ${serial.toLocaleString("en")} one after the other`,
    };
  },
);

/** In a cluster of its own: what a cache once held at its highest stays there. */
const memory: Bench = {
  id: "objects_rss",
  family: "objects",
  needs: "own",
  rows: [
    {
      id: "object_rss_put",
      unit: "x",
      what: "most memory of a client that puts 1 GiB, above the object itself, as a part of it",
      target: { at: "most", value: 0.3 },
    },
    {
      id: "object_rss_get",
      unit: "x",
      what: "the same of a client that gets it",
      target: { at: "most", value: 0.3 },
    },
    {
      id: "object_rss_cache",
      unit: "x",
      what: "most memory of the object cache meanwhile, above what it had before, as a part of the object",
      target: { at: "most", value: 0.1 },
    },
  ],
  open: async (house) => {
    const size = house.size(hugeBytes, mib);
    return {
      once: async () => {
        const cluster = await house.ownCluster();
        try {
          const cache = cluster.pids?.cache ?? 0;
          const before = memoryOf(cache).peak;
          const { put = Number.NaN, get = Number.NaN } = await told(house, cluster, "rss", size);
          const [client, above] = [(bytes: number) => bytes / size, memoryOf(cache).peak - before];
          return {
            values: {
              object_rss_put: client(put),
              object_rss_get: client(get),
              object_rss_cache: (above * mib) / size,
            },
            note: `one object of ${(size / mib).toLocaleString("en")} MiB`,
          };
        } finally {
          await cluster.stop();
        }
      },
      close: async () => undefined,
    };
  },
};

export const objectBenches: readonly Bench[] = [large, small];
export const objectMemory = memory;
