import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { startCluster, type TestCluster } from "../support/cluster.ts";

const sumProgram = readFileSync(
  join(resolve(import.meta.dirname, "../.."), "examples/sum.py"),
  "utf8",
);

describe("a cluster as it is installed", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startCluster();
  });

  afterAll(async () => {
    await cluster.close();
  });

  test("has the three default applications and no others", async () => {
    const { code, stdout } = await cluster.run("flmctl", "list", "app", "-o", "json");
    expect(code).toBe(0);
    const names = (JSON.parse(stdout) as { metadata: { name: string } }[]).map(
      (app) => app.metadata.name,
    );
    expect(names.sort()).toEqual(["flmexec", "flmping", "flmrun"]);
  });

  test("answers flmping", async () => {
    const { code, stdout, stderr } = await cluster.run("flmping", "-t", "20");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.match(/Succeed/g)).toHaveLength(20);
  });

  test("runs the sum program of the README with our flamepy", async () => {
    const { code, stdout, stderr } = await cluster.python(sumProgram);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "3\n", stderr: "" });
  });
});
