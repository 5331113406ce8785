import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { prepareCluster, startCluster, type TestCluster } from "../support/cluster.ts";
import { waitFor } from "../support/wait-for.ts";

jest.setTimeout(180_000);
/** The first has to be silent for 15 s, and the second asks every 10 s at the latest. */
const takeoverDeadlineMs = 60_000;
const workDeadlineMs = 90_000;

const name = "flame-executor-manager";
let first: TestCluster;
/** A home of its own, on the same host: its executor manager is a node of the same name, of the same session manager. */
let second: TestCluster;

beforeEach(async () => {
  first = await startCluster();
  second = await prepareCluster({
    config: { cluster: { endpoint: first.endpoint }, cache: { endpoint: first.cacheEndpoint } },
  });
});

afterEach(async () => {
  await second.close();
  await first.close();
});

/** Tasks that write down each time that they begin. */
const slowTasks = (count: number, seconds: number): string => `
import flamepy
from flamepy import RunnerContext, RunnerRequest

def slow(number):
    import time
    with open(${JSON.stringify(join(first.home, "tmp/begun"))}, "a") as file:
        file.write(f"{number}\\n")
    time.sleep(${seconds})
    return number

ssn = flamepy.create_session("flmrun", RunnerContext(execution_object=slow))
futures = [ssn.run(RunnerRequest(args=(n,))) for n in range(${count})]
print(sorted(future.result().get() for future in futures))
ssn.close()
`;

const begun = (): string[] => readFileSync(join(first.home, "tmp/begun"), "utf8").split("\n");

test("two executor managers of one name: the first serves, each task begins once, the second says why it waits", async () => {
  second.daemon(name).spawn();
  await waitFor("the second to ask", () =>
    /is served by|node registered/.test(second.daemon(name).log()),
  );
  const { stdout, stderr } = await first.python(slowTasks(6, 4), "ours", {
    deadlineMs: workDeadlineMs,
  });
  expect({ stdout, stderr }).toEqual({ stdout: "[0, 1, 2, 3, 4, 5]\n", stderr: "" });
  expect(begun().sort().join("")).toBe("012345");
  expect(second.daemon(name).running).toBe(true);
  const address = String.raw`127\.0\.0\.1:\d+`;
  expect(second.daemon(name).log()).toMatch(
    new RegExp(
      `is served by another executor manager, at ${address}, .* this one calls from ${address}`,
    ),
  );
  expect(second.daemon(name).log()).toContain("--node-name");
  expect((await first.run("flmctl", "list", "node")).stdout).toMatch(
    new RegExp(`WARNING[^]*another executor manager asks for this name, at ${address}`),
  );

  await first.daemon(name).kill();
  await waitFor(
    "the second to take over",
    () => second.daemon(name).log().includes("node registered"),
    { deadlineMs: takeoverDeadlineMs },
  );
  const after = await first.python(slowTasks(2, 0), "ours", { deadlineMs: workDeadlineMs });
  expect({ stdout: after.stdout, stderr: after.stderr }).toEqual({
    stdout: "[0, 1]\n",
    stderr: "",
  });
});

test("an executor manager that was killed and is started again takes its node at once", async () => {
  // Each may be killed before it has heard that it was accepted.
  for (let kills = 0; kills < 5; kills++) await first.daemon(name).restart("SIGKILL");
  await first.daemon(name).restart("SIGTERM");
  expect(first.daemon(name).log()).not.toContain("is served by another executor manager");
  const again = await first.python(slowTasks(2, 0), "ours", { deadlineMs: workDeadlineMs });
  expect({ stdout: again.stdout, stderr: again.stderr }).toEqual({
    stdout: "[0, 1]\n",
    stderr: "",
  });
});
