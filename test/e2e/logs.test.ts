import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { FlameClient, type Session } from "../../src/client/index.ts";
import { prepareCluster, startCluster, type TestCluster } from "../support/cluster.ts";
import { type Finished, runToEnd } from "../support/python.ts";
import { waitFor } from "../support/wait-for.ts";

let cluster: TestCluster;
let client: FlameClient;

beforeAll(async () => {
  cluster = await startCluster();
  client = new FlameClient({ endpoint: cluster.endpoint });
});

afterAll(async () => {
  client.close();
  await cluster.close();
});

/** What is on standard output belongs to the answer; what is on standard error goes to the log. */
const script = (code: string): Buffer => Buffer.from(JSON.stringify({ language: "shell", code }));

/** flmctl as on another host: it has the endpoint and nothing else of the cluster. */
function flmctl(...args: string[]): Promise<Finished> {
  const { PATH, HOME, FLAME_ENDPOINT } = cluster.env;
  const env = { PATH, HOME, FLAME_ENDPOINT };
  return runToEnd(join(cluster.home, "bin/flmctl"), args, { env });
}

const flmexec = (): Promise<Session> =>
  client.createSession({ application: "flmexec", maxInstances: 1 });

describe("flmctl logs", () => {
  test("prints what services wrote, labelled by executor and task, knowing only the endpoint", async () => {
    const session = await flmexec();
    await session.run(script("echo one >&2; printf two >&2"));
    await session.run(script("true"));
    await session.run(script("echo three >&2; exit 4"));
    const { stdout, stderr } = await flmctl("logs", "-s", session.id);
    expect(stderr).toBe("");
    const [label = ""] = /^\[\w{8}/.exec(stdout) ?? [];
    expect(stdout).toBe(
      `${label} task 1 err] one\n${label} task 1 err] two\n${label} task 3 err] three\n` +
        `${label} task 3 err] a shell script ended with exit code 4\n`,
    );
    expect((await client.listExecutors()).some(({ id }) => `[${id}`.startsWith(label))).toBe(true);
    const second = await flmctl("logs", "session", session.id, "-t", "3");
    expect(second.stdout.split("\n")).toHaveLength(3);
    await session.close();
    // The session is closed and its service gone; what it wrote is kept.
    expect((await flmctl("logs", "-s", session.id, "-f")).stdout).toBe(stdout);
  });

  test("shows what a Python function prints, while its task runs", async () => {
    const { stdout, stderr } = await cluster.python(`
import flamepy
from flamepy import RunnerContext, RunnerRequest

def shout(text):
    print(text)
    return text

ssn = flamepy.create_session("flmrun", RunnerContext(execution_object=shout))
for text in ("first", "second"):
    ssn.invoke(RunnerRequest(method=None, args=(text,))).get()
print(ssn.id)
ssn.close()
`);
    expect(stderr).toBe("");
    const logs = await flmctl("logs", "-s", stdout.trim());
    expect(logs.stdout).toMatch(/^\[\w{8} task 1\] first$/m);
    expect(logs.stdout).toMatch(/^\[\w{8} task 2\] second$/m);
  });

  test("follows what is written until the session is closed", async () => {
    const session = await flmexec();
    await session.run(script("echo before >&2"));
    const program = join(cluster.home, "bin/flmctl");
    const follower = spawn(program, ["logs", "-f", "-s", session.id], { env: cluster.env });
    const exited = new Promise((resolve) => follower.once("exit", resolve));
    let printed = "";
    follower.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
    });
    await waitFor("the past", () => printed.includes("task 1 err] before\n"));
    await session.run(script("echo after >&2"));
    await waitFor("the present", () => printed.includes("task 2 err] after\n"));
    await session.close();
    expect(await exited).toBe(0);
  });

  test("says that nothing is kept, and refuses what does not exist", async () => {
    const session = await client.createSession({ application: "flmexec" });
    const { stdout, stderr } = await flmctl("logs", "-s", session.id);
    expect(stdout).toBe("");
    expect(stderr).toMatch(
      /^Note: nothing that the services of session flmexec-\w{6} wrote is kept/,
    );
    expect((await flmctl("logs", "-s", "none")).stderr).toMatch(/^Error: .*not found/);
    expect((await flmctl("logs", "-s", session.id, "-t", "7")).stderr).toMatch(
      /^Error: .*not found/,
    );
  });

  test("reads the logs of a node with another FLAME_HOME through the session manager, and says when it is away", async () => {
    const manager = await startCluster({ daemons: ["flame-session-manager"] });
    const node = await prepareCluster({ config: { cluster: { endpoint: manager.endpoint } } });
    const there = new FlameClient({ endpoint: manager.endpoint });
    const logs = (...args: string[]): Promise<Finished> => manager.run("flmctl", "logs", ...args);
    try {
      const daemon = node.daemon("flame-executor-manager");
      await daemon.start();
      const session = await there.createSession({ application: "flmexec", maxInstances: 1 });
      // More than one answer of the node holds, and an end without a newline.
      await session.run(script("seq 1 100000 >&2; printf 'the last\\377' >&2"));
      await session.run(script("echo second >&2"));
      const { stdout, stderr } = await logs("-s", session.id);
      expect(stderr).toBe("");
      const lines = stdout.replaceAll(/^\[\w{8} /gm, "").split("\n");
      expect(lines).toHaveLength(100_003);
      expect(lines.slice(99_999)).toEqual([
        "task 1 err] 100000",
        "task 1 err] the last\ufffd",
        "task 2 err] second",
        "",
      ]);
      const one = await logs("-s", session.id, "-t", "2");
      expect(one.stdout).toMatch(/^\[\w{8} task 2 err\] second\n$/);
      await session.close();
      expect((await logs("-s", session.id, "-f")).stdout).toBe(stdout);
      // A session manager that knows nothing of the past asks every node.
      const own = manager.daemon("flame-session-manager");
      await own.stop();
      await own.start();
      await waitFor("the node", async () => (await logs("-s", session.id)).stdout === stdout);
      const open = await there.createSession({ application: "flmexec", maxInstances: 1 });
      await open.run(script("true"));
      await daemon.stop();
      const folder = join(node.home, "logs/executors", open.id);
      expect((await logs("-s", open.id)).stderr).toMatch(
        new RegExp(
          `^Note: node \\S+ is away, and what its services wrote with it: .* in ${folder}`,
        ),
      );
    } finally {
      there.close();
      await node.close();
      await manager.close();
    }
  });
});
