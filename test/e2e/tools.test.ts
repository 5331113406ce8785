import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { startCluster, type TestCluster } from "../support/cluster.ts";

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

  test("ends with the reason of a task that failed and leaves its session open", async () => {
    const { code, stderr } = await cluster.run("flmexec", "-c", "yes | head -c 1100000");
    expect(code).toBe(1);
    const [, id = ""] =
      /^Error: Internal\("task 1 of session (\S+) ended as Failed: .*1000000/.exec(stderr) ?? [];
    expect((await cluster.run("flmctl", "view", "-s", id)).stdout).toMatch(/State: +Open/);
  });
});
