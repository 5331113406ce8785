import process from "node:process";
import { describe, expect, test } from "@jest/globals";
import type { CpuSnapshot } from "../../../bench/house/cpu.ts";
import { House } from "../../../bench/house/house.ts";
import { type Bench, LeftOut, type Ready } from "../../../bench/house/row.ts";
import { type Measured, measure, type RunOptions } from "../../../bench/house/runner.ts";

/** Each second of two cores, others take so much of it. */
function machineWith(othersMs: number): () => CpuSnapshot {
  let second = 0;
  return () => {
    const ours = 100 * second;
    const processes = new Map([[process.pid, { parent: 1, own: ours, ended: 0 }]]);
    return { processes, busy: ours + othersMs * second, total: 2_000 * second++ };
  };
}

function bench(id: string, values: readonly number[], more: Partial<Bench> = {}): Bench {
  let run = 0;
  const ready: Ready = {
    once: async () => ({ values: { [id]: values[run++ % values.length]! }, note: `run ${run}` }),
    close: async () => undefined,
  };
  return {
    id,
    needs: "machine",
    rows: [{ id, unit: "calls/s", what: id, throughput: true }],
    open: async () => ready,
    ...more,
  };
}

function run(benches: readonly Bench[], more: Partial<RunOptions> = {}): Promise<Measured> {
  const options = { prepared: "", folder: "", checkout: "", quick: false, queued: 1 };
  const rows = new Set(benches.flatMap((one) => one.rows.map(({ id }) => id)));
  return measure(
    benches,
    new House({ ...options, endpoint: undefined }),
    {
      rows,
      quick: false,
      runs: undefined,
      evenIfDisturbed: false,
      endpoint: undefined,
      clusterPids: [],
      snapshot: machineWith(20),
      ...more,
    },
    () => undefined,
  );
}

describe("the runner of benches", () => {
  test("tells the median, the spread and the ratio to the unit of the same run", async () => {
    const { rows, circumstances, failed } = await run([
      bench("ppe", [10, 20, 30, 40, 50]),
      bench("ours", [9, 1, 3, 5, 6]),
    ]);
    expect(rows).toEqual([
      { id: "ppe", unit: "calls/s", median: 30, min: 10, max: 50, runs: 5 },
      { id: "ours", unit: "calls/s", median: 5, min: 1, max: 9, runs: 5 },
    ]);
    expect(circumstances["ours"]).toEqual({ otherCpu: 0.01, ratioToPpe: 5 / 30, note: "run 5" });
    expect(failed).toBe(false);
  });

  test("does not report a row while which others took more than 5 %, unless told to", async () => {
    const busy = { snapshot: machineWith(200) };
    const quiet = await run([bench("ours", [1])], busy);
    expect(quiet.rows).toEqual([]);
    expect(quiet.notReported).toEqual([
      { id: "ours", why: "disturbed: other processes took 10.0 % of the CPU" },
    ]);
    const told = await run([bench("ours", [1])], { ...busy, evenIfDisturbed: true });
    expect(told.rows).toHaveLength(1);
    expect(told.circumstances["ours"]?.otherCpu).toBeCloseTo(0.1);
  });

  test("takes one run with --quick, and as many as --runs says", async () => {
    expect((await run([bench("ours", [1])], { quick: true })).rows[0]?.runs).toBe(1);
    expect((await run([bench("ours", [1])], { runs: 7 })).rows[0]?.runs).toBe(7);
  });

  test("leaves out what needs a cluster of its own when another one is named", async () => {
    const foreign = { endpoint: "http://127.0.0.1:1" };
    const benches = [bench("own", [1], { needs: "own" }), bench("any", [1], { needs: "cluster" })];
    const { rows, circumstances, notReported, failed } = await run(benches, foreign);
    expect(rows.map(({ id }) => id)).toEqual(["any"]);
    // The cluster's own CPU could be among that of others.
    expect(circumstances["any"]?.otherCpu).toBeNull();
    expect(notReported).toEqual([
      { id: "own", why: expect.stringContaining("a cluster of its own") },
    ]);
    expect(failed).toBe(false);
  });

  test("goes on after a bench that failed, and one that this machine lacks something for", async () => {
    const failing = (id: string, failure: Error): Bench =>
      bench(id, [1], {
        open: async () => {
          throw failure;
        },
      });
    const { rows, notReported, failed } = await run([
      failing("lacking", new LeftOut("no compiler")),
      bench("ours", [1]),
    ]);
    expect(rows.map(({ id }) => id)).toEqual(["ours"]);
    expect(notReported).toEqual([{ id: "lacking", why: "left out: no compiler" }]);
    expect(failed).toBe(false);
    const broken = await run([failing("broken", new Error("boom")), bench("ours", [1])]);
    expect(broken).toMatchObject({
      failed: true,
      rows: [{ id: "ours" }],
      notReported: [{ id: "broken", why: "failed: boom" }],
    });
  });

  test("takes a figure that is none for a failure", async () => {
    const { rows, notReported, failed } = await run([bench("ours", [Number.NaN])]);
    expect({ rows, failed }).toEqual({ rows: [], failed: true });
    expect(notReported[0]?.why).toBe("failed: ours: got NaN, expected a finite figure");
  });

  test("tells CPU for each task by process", async () => {
    let [cpu, runs] = [0, 0];
    const ready: Ready = {
      once: async () => {
        runs++;
        cpu += 10;
        return { values: { ours: 1 }, tasks: 1_000 };
      },
      cpu: () => ({ manager: cpu, node: 2 * cpu, services: 0, client: 3 * cpu }),
      close: async () => undefined,
    };
    const { circumstances } = await run([bench("ours", [], { open: async () => ready })]);
    expect(runs).toBe(5);
    expect(circumstances["ours"]?.cpuMicrosecondsPerTask).toEqual({
      manager: 10,
      node: 20,
      services: 0,
      client: 30,
    });
  });
});
