import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import packageFile from "../../package.json" with { type: "json" };
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { runToEnd } from "../support/python.ts";

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster();
});

afterAll(() => cluster.close());

const bytes = (text: string): string => `[${[...Buffer.from(text)].join(", ")}]`;

describe("flmexec on a real cluster", () => {
  test("runs shell scripts and shows what each printed", async () => {
    const { code, stdout, stderr } = await cluster.run("flmexec", "-t", "2", "-c", "echo hi");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(
      `Task 1         : ${bytes("hi\n")}\nTask 2         : ${bytes("hi\n")}`,
    );
    expect(stdout).toMatch(/<2> tasks was completed in <[\d,]+ ms>\./);
  });

  test("gives a Python script its standard input", async () => {
    const script = "import sys; print(sys.stdin.read()[::-1], end='')";
    const input = ["-i", "104", "-i", "105"];
    const { stdout } = await cluster.run(
      "flmexec",
      "-t",
      "1",
      "-l",
      "python",
      "-c",
      script,
      ...input,
    );
    expect(stdout).toContain(`Task 1         : ${bytes("ih")}\n`);
  });

  test("tells which runtimes there are when a script asks for another one", async () => {
    const { code, stderr } = await cluster.run("flmexec", "-t", "1", "-r", "perl", "-c", "true");
    expect(code).toBe(1);
    expect(stderr).toContain("expected one of bash, sh, dash");
  });

  test("ends with the reason of a task that failed and leaves its session open", async () => {
    const { code, stderr } = await cluster.run("flmexec", "-c", "yes | head -c 1100000");
    expect(code).toBe(1);
    const [, id = ""] =
      /^Error: task 1 of session (\S+) ended as Failed: .*1000000/.exec(stderr) ?? [];
    expect((await cluster.run("flmctl", "view", "-s", id)).stdout).toMatch(/State: +Open/);
  });
});

describe("flmctl view cluster", () => {
  test("tells versions, storage, queue sizes and counts, knowing only the endpoint", async () => {
    await cluster.run("flmping", "-t", "3");
    // Another host has no FLAME_HOME of this cluster and no configuration: it has the endpoint.
    const { PATH, HOME, FLAME_ENDPOINT } = cluster.env;
    const flmctl = join(cluster.home, "bin/flmctl");
    const env = { PATH, HOME, FLAME_ENDPOINT };
    const { stdout, stderr } = await runToEnd(flmctl, ["view", "cluster", "-o", "json"], { env });
    expect(stderr).toBe("");
    const { version } = packageFile;
    expect(JSON.parse(stdout)).toEqual({
      name: "test",
      versions: { session_manager: version, flmctl: version },
      start_time: expect.any(Number),
      storage: {
        kind: "sqlite",
        file: join(cluster.home, "data/flame.db"),
        bytes: expect.any(Number),
        free_bytes: expect.any(Number),
        full: null,
      },
      nodes: [{ name: expect.any(String), state: "Ready", version }],
      counts: expect.objectContaining({
        applications: { Enabled: 3 },
        nodes: { Ready: 1 },
        tasks: expect.objectContaining({ Succeed: expect.any(Number) }),
      }),
      queues: expect.objectContaining({ node_streams: 1, tasks_that_wait_for_an_executor: 0 }),
    });
  });

  test("prints it for people as well", async () => {
    const { stdout } = await cluster.run("flmctl", "view", "cluster");
    expect(stdout).toMatch(/^Cluster: {7}test\nVersions:\n {2}session manager \d+\.\d+\.\d+\n/);
    expect(stdout).toMatch(
      /\nStorage: {7}sqlite \S+\/data\/flame\.db \(\d+[KM]i, \d+[KMGT]i free\)\n/,
    );
    expect(stdout).toMatch(/\n {2}applications: 3 Enabled\n/);
    expect(stdout).toMatch(/\n {2}0 tasks that wait for an executor\n/);
  });
});
