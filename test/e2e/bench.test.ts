import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Results } from "../../bench/house/results.ts";
import { catalogue } from "../../bench/rows/catalogue.ts";
import { startCluster } from "../support/cluster.ts";
import { type Finished, preparedHome, runToEnd } from "../support/python.ts";
import { temporaryFolder } from "../support/temp.ts";
import { waitFor } from "../support/wait-for.ts";

const root = resolve(import.meta.dirname, "../..");
const script = join(root, "bench/run.mjs");
/** On a machine where much else runs. */
const deadlineMs = 600_000;
/** Without --peers: nothing is installed for a test. */
const own = catalogue.filter(({ needs }) => needs !== "peers");
const ordinary = own.filter(({ onlyWhenNamed }) => onlyWhenNamed !== true);
const named = own.filter(({ onlyWhenNamed }) => onlyWhenNamed === true);
const idsOf = (benches: typeof catalogue): string[] =>
  benches.flatMap(({ rows }) => rows.map(({ id }) => id));

describe("npm run bench -- --quick", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let env: NodeJS.ProcessEnv;

  beforeEach(() => {
    folder = temporaryFolder("b");
    mkdirSync(join(folder.path, "t"));
    env = { ...process.env, TMPDIR: join(folder.path, "t"), FLAME_BENCH_HOME: preparedHome };
  });

  afterEach(() => folder.remove());

  const file = (): string => join(folder.path, "results.json");
  const bench = (...args: string[]): Promise<Finished> =>
    runToEnd(
      process.execPath,
      [script, "--quick", "--even-if-disturbed", "--json", file(), ...args],
      { env, deadlineMs },
    );
  const results = (): Results => JSON.parse(readFileSync(file(), "utf8")) as Results;
  const expectNothingLeft = (): void => expect(readdirSync(join(folder.path, "t"))).toEqual([]);

  function expectFigures({ rows, circumstances }: Results): void {
    for (const row of rows) {
      expect(Object.keys(row)).toEqual(["id", "unit", "median", "min", "max", "runs"]);
      const { id, median, min, max, runs } = row;
      for (const figure of [median, min, max]) {
        expect({ id, figure, finite: Number.isFinite(figure) }).toMatchObject({ finite: true });
      }
      expect(min).toBeLessThanOrEqual(median);
      expect(median).toBeLessThanOrEqual(max);
      expect(runs).toBe(1);
      expect(circumstances[id]?.otherCpu).not.toBeUndefined();
    }
    // Rates, not what may be nothing, such as CPU that is counted in ticks.
    const rates = rows.filter(({ unit }) => unit.endsWith("/s"));
    expect(rates).not.toEqual([]);
    expect(rates.filter(({ median }) => median <= 0)).toEqual([]);
    for (const { id } of rates.filter((rate) => rate.id.startsWith("flmping")))
      expect(circumstances[id]?.ratioToPpe).toBeGreaterThan(0);
  }

  test(
    "gives a figure for every row, and leaves nothing behind",
    async () => {
      const { code, stdout, stderr } = await bench();
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("failed") });
      const told = results();
      expectFigures(told);
      // A machine without a C compiler cannot make fsync slower.
      const lacking = told.notReported.filter(({ why }) => !/C compiler named cc/.test(why));
      expect(lacking).toEqual([]);
      const ids = [...told.rows, ...told.notReported].map(({ id }) => id);
      expect(ids.sort()).toEqual(idsOf(ordinary).sort());
      expect(told.machine).toMatchObject({ quick: true, cores: expect.any(Number) });
      expect(told.machine.fdatasyncP50Ms).toBeGreaterThan(0);
      for (const { id } of told.rows) expect(stdout).toContain(`| \`${id}\` |`);
      expectNothingLeft();
    },
    deadlineMs,
  );

  test(
    "gives a figure for every row of the benches that run only when they are named",
    async () => {
      const { code, stderr } = await bench("--only", named.map(({ id }) => id).join(","));
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("failed") });
      const told = results();
      expectFigures(told);
      expect(told.rows.map(({ id }) => id).sort()).toEqual(["ppe", ...idsOf(named)].sort());
      expectNothingLeft();
    },
    deadlineMs,
  );

  test(
    "measures the cluster of --endpoint, and says what it left out",
    async () => {
      const cluster = await startCluster();
      try {
        const only = "flmping_sync,flmping_stream_10k,start";
        const { code } = await bench("--endpoint", cluster.endpoint, "--only", only);
        expect(code).toBe(0);
        const told = results();
        expectFigures(told);
        const ids = ["flmping_stream_10k", "flmping_sync_p50", "flmping_sync_p99", "ppe"];
        expect(told.rows.map(({ id }) => id).sort()).toEqual(ids);
        const why = new Map(told.notReported.map((one) => [one.id, one.why]));
        expect(why.get("start")).toContain("needs a cluster of its own");
        expect(why.get("cpu_per_task_manager")).toContain("known of own clusters only");
        const sessions = await cluster.run("flmctl", "list", "session", "-o", "json");
        expect(JSON.parse(sessions.stdout)).not.toEqual([]);
      } finally {
        await cluster.close();
      }
    },
    deadlineMs,
  );

  test(
    "ends its cluster when it is asked to stop, and leaves nothing behind",
    async () => {
      const child = spawn(process.execPath, [script, "--quick", "--only", "flmping_sync"], {
        env,
        stdio: ["ignore", "ignore", "pipe"],
      });
      let stderr = "";
      child.stderr.on("data", (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      const ended = once(child, "close") as Promise<[number | null]>;
      const homes = () => readdirSync(join(folder.path, "t")).filter((name) => /check/.test(name));
      const serves = () =>
        homes().some((home) =>
          existsSync(join(folder.path, "t", home, "run/flame-session-manager.json")),
        );
      await waitFor("the session manager of the bench", serves, { deadlineMs });
      child.kill("SIGTERM");
      expect((await ended)[0]).toBe(143);
      expect(stderr).toContain("ending what was started");
      expectNothingLeft();
    },
    deadlineMs,
  );

  test("refuses a mistake with one message and code 2, before anything is measured", async () => {
    const { code, stdout, stderr } = await runToEnd(
      process.execPath,
      [script, "--json", join(folder.path, "nowhere/results.json")],
      { env },
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toBe(
      `Error: --json ${folder.path}/nowhere/results.json: got no folder ${folder.path}/nowhere, ` +
        "expected a file in one that exists\n",
    );
  });
});
