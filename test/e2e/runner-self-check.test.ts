import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { pythons, runToEnd } from "../support/python.ts";

jest.setTimeout(120_000);

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster();
});

afterAll(() => cluster.close());

describe("the self-check of the published Runner, flamepy 0.6.0", () => {
  test("passes: its project goes through the object cache to the executors and leaves nothing behind", async () => {
    const args = ["-m", "flamepy.runner.e2e", "--json", "--name", "self-check"];
    const { code, stdout, stderr } = await runToEnd(pythons.published, args, {
      env: { ...cluster.env, PYTHONUNBUFFERED: "1" },
      deadlineMs: 90_000,
    });
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({
      app_name: "self-check",
      template: "flmrun",
      function_results: [0, 1, 4, 9],
      chained_result: 41,
      stateful_result: 6,
    });
    const { stdout: names } = await cluster.run("flmctl", "list", "app", "-o", "name");
    expect(names).not.toContain("self-check");
    // One content, one folder, however many executors wanted it at once.
    const packages = readdirSync(join(cluster.home, "data/packages"));
    expect(packages).toEqual([expect.stringMatching(/^python3\.\d+-[0-9a-f]{40}$/)]);
  });
});
