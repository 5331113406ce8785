import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { FlameClient, type Session } from "../../src/client/index.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { waitFor } from "../support/wait-for.ts";

const kept = 10;
const deadlineMs = 60_000;

let cluster: TestCluster;
let client: FlameClient;
beforeAll(async () => {
  cluster = await startCluster({ config: { cluster: { limits: { finished_tasks_kept: kept } } } });
  client = new FlameClient({ endpoint: cluster.endpoint });
});
afterAll(async () => {
  client.close();
  await cluster.close();
});

async function keptIds(session: Session): Promise<number[]> {
  const ids: number[] = [];
  for await (const { id } of session.listTasks()) ids.push(Number(id));
  return ids;
}

test("while tasks are forgotten each watch hears its result, through kill -9 of the session manager as well", async () => {
  const session = await client.createSession({ application: "flmping" });
  const input = Buffer.from(JSON.stringify({ duration: 0 }));
  const results: (string | undefined)[] = [];
  const work = async (): Promise<void> => {
    for (let count = 0; count < 20; count++) {
      const { state, output } = await session.run(input);
      results.push(output === undefined ? undefined : state);
    }
  };
  const long = session.run(Buffer.from(JSON.stringify({ duration: 15_000 })));
  const all = Promise.all([1, 2, 3, 4].map(work));
  const forgotten = async (): Promise<number> => (await session.get()).forgotten;
  await waitFor("the first to be forgotten", async () => (await forgotten()) > 0, { deadlineMs });
  await all;
  await cluster.daemon("flame-session-manager").restart("SIGKILL");
  // It ran while all others came and went.
  expect((await long).state).toBe("Succeed");
  expect(results).toEqual(Array.from({ length: 80 }, () => "Succeed"));
  const { succeed } = await session.get();
  expect(succeed).toBe(81);
  await waitFor("the rest to be forgotten", async () => (await forgotten()) === succeed - kept, {
    deadlineMs,
  });
  const ids = await keptIds(session);
  expect(ids).toHaveLength(kept);
  // It ended last.
  expect(ids[0]).toBe(1);
  await cluster.daemon("flame-session-manager").restart("SIGKILL");
  expect(await keptIds(session)).toEqual(ids);
  expect(await session.get()).toMatchObject({ succeed, forgotten: succeed - kept });
  await session.close();
});

test("the published client works beyond the limit, and is told of a task that is gone", async () => {
  const { code, stdout, stderr } = await cluster.python(
    `
import flamepy, json, time
assert flamepy.__version__ == "0.6.0", flamepy.__version__
ssn = flamepy.create_session("flmping")
outputs = [ssn.invoke(b"{}") is not None for _ in range(30)]
deadline = time.time() + 30
while (kept := len(list(ssn.list_tasks()))) > 10 and time.time() < deadline:
    time.sleep(0.05)
try:
    ssn.get_task("1")
except flamepy.FlameError as error:
    # This client calls every failed call of GetTask INTERNAL.
    refusal = str(error)
again = ssn.invoke(b"{}") is not None
session = flamepy.get_session(ssn.id)
ssn.close()
print(json.dumps([all(outputs), refusal, kept, again, session.succeed]))`,
    "published",
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toEqual([
    true,
    expect.stringContaining(
      `was forgotten: an open session keeps the ${kept} tasks that ended last`,
    ),
    kept,
    true,
    31,
  ]);
});
