import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { pythons, runToEnd } from "../support/python.ts";
import { wheel } from "../support/wheel.ts";

jest.setTimeout(120_000);

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster();
});

afterAll(() => cluster.close());

/** Runs the self-check and returns what it tells. */
async function selfCheck(client: keyof typeof pythons, ...more: string[]): Promise<unknown> {
  const args = ["-m", "flamepy.runner.e2e", "--json", "--name", "self-check", ...more];
  const { code, stdout, stderr } = await runToEnd(pythons[client], args, {
    env: { ...cluster.env, PYTHONUNBUFFERED: "1" },
    // Where no flamepy lies beside the interpreter's own.
    cwd: cluster.home,
    deadlineMs: 90_000,
  });
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

const passed = {
  app_name: "self-check",
  template: "flmrun",
  function_results: [0, 1, 4, 9],
  chained_result: 41,
  stateful_result: 6,
};

describe("the self-check of the published Runner, flamepy 0.6.0", () => {
  test("passes: its project goes through the object cache to the executors and leaves nothing behind", async () => {
    expect(await selfCheck("published")).toMatchObject(passed);
    const { stdout: names } = await cluster.run("flmctl", "list", "app", "-o", "name");
    expect(names).not.toContain("self-check");
    // One content, one folder, however many executors wanted it at once.
    const packages = readdirSync(join(cluster.home, "data/packages"));
    expect(packages).toEqual([expect.stringMatching(/^python3\.\d+-[0-9a-f]{40}$/)]);
  });

  test("passes with our flamepy in its place", async () => {
    expect(await selfCheck("ours")).toMatchObject(passed);
    const { stdout: names } = await cluster.run("flmctl", "list", "app", "-o", "name");
    expect(names).not.toContain("self-check");
  });

  test.each(["published", "ours"] as const)(
    "passes with %s, a Python version and a dependency",
    async (client) => {
      const file = join(cluster.home, "six-1.0-py3-none-any.whl");
      writeFileSync(file, wheel("six", "PY3 = True\n"));
      const dependency = `six @ ${pathToFileURL(file).href}`;
      const more = ["--python-version", "3.12", "--dependency", dependency];
      expect(await selfCheck(client, ...more)).toMatchObject(passed);
    },
  );
});
