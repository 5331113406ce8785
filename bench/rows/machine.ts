import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { printedBy } from "../house/child.ts";
import { foreignCluster } from "../house/cluster.ts";
import type { Bench } from "../house/row.ts";
import { quantile } from "../house/statistics.ts";

const pageBytes = 4096;
const nothing = async (): Promise<void> => undefined;

/** Milliseconds that fdatasync takes in the median, where the benches keep their databases. */
export function fdatasyncP50(count: number): number {
  const folder = mkdtempSync(join(tmpdir(), "flame-bench-"));
  const file = openSync(join(folder, "file"), "w");
  const page = Buffer.alloc(pageBytes, 1);
  try {
    const times = Array.from({ length: count }, () => {
      writeSync(file, page);
      const begun = performance.now();
      fdatasyncSync(file);
      return performance.now() - begun;
    });
    return quantile(times, 0.5);
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}

/** The unit of throughput. */
export const ppe: Bench = {
  id: "ppe",
  needs: "machine",
  rows: [
    {
      id: "ppe",
      unit: "calls/s",
      what: "the unit, PPE: `ProcessPoolExecutor(2)` of the Python at hand, all calls of `add(i, 2)` submitted, then all results",
      throughput: true,
    },
  ],
  open: async (house) => {
    const { python, env } = foreignCluster(house.prepared, "");
    const count = house.size(20_000, 500);
    return {
      once: async () => {
        const printed = await printedBy(
          [python, house.file("programs/ppe.py"), String(count)],
          env,
        );
        const told = JSON.parse(printed) as { rate: number; python: string };
        return {
          values: { ppe: told.rate },
          note: `${count.toLocaleString("en")} calls, Python ${told.python}`,
        };
      },
      close: nothing,
    };
  },
};

export const fsync: Bench = {
  id: "fsync",
  needs: "machine",
  rows: [
    {
      id: "fsync",
      unit: "ms",
      what: "p50 of write of 4 KiB and fdatasync, fdatasync alone timed, where the benches keep their databases",
    },
  ],
  open: async (house) => ({
    once: async () => ({ values: { fsync: fdatasyncP50(house.size(2_000, 100)) } }),
    close: nothing,
  }),
};
