import { afterEach, expect, it } from "@jest/globals";
import { FlameClient, type Session } from "../../../src/client/index.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { waitFor } from "../../support/wait-for.ts";

const kept = 50;
let manager: ManagerUnderTest | undefined;
let client: FlameClient | undefined;

afterEach(async () => {
  client?.close();
  await manager?.close();
  [client, manager] = [undefined, undefined];
});

async function ids(session: Session): Promise<number[]> {
  const found: number[] = [];
  for await (const { id } of session.listTasks()) found.push(Number(id));
  return found;
}

it("an open session forgets the tasks that ended first: counts stay, GetTask and view say so, a restart changes nothing", async () => {
  manager = await startManager({ cluster: { limits: { finished_tasks_kept: kept } } });
  client = new FlameClient({ endpoint: manager.endpoint });
  const session = await client.createSession({ application: "flmping" });
  const input = Buffer.from("input");
  // No node: a task ends by being cancelled.
  for (let n = 0; n < 20; n++)
    await Promise.all([1, 2, 3, 4, 5].map(() => session.createTask(input)));
  const first = client.watchTask(session.id, "1").next();
  const open = await session.createTask(input);
  await client.cancelTasks(
    session.id,
    Array.from({ length: 100 }, (_, n) => String(n + 1)),
  );
  // Who watches hears the end, however soon the task is forgotten.
  expect((await first).value?.state).toBe("Cancelled");

  const info = async () => (await client?.getSession(session.id)) ?? { forgotten: 0, cancelled: 0 };
  await waitFor("the forgetting", async () => (await info()).forgotten === 100 - kept);
  const { forgotten, cancelled } = await info();
  expect(cancelled).toBe(100);
  const left = Array.from({ length: 101 - forgotten }, (_, n) => n + 1 + forgotten);
  const look = async (): Promise<void> => {
    expect(await ids(session)).toEqual(left);
    await expect(session.getTask("1")).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringContaining(
        `task 1 of session ${session.id} has ended and was forgotten: an open session keeps the ${kept} tasks that ended last (cluster.limits.finished_tasks_kept)`,
      ),
    });
    await expect(client?.watchTask(session.id, "1").next()).rejects.toThrow("was forgotten");
    expect((await session.getTask(open.id)).input).toEqual(input);
    expect((await manager?.flmctl("view", "session", session.id))?.out).toMatch(
      new RegExp(`Forgotten: +${forgotten} finished tasks, of 100`),
    );
  };
  await look();
  await manager.restart();
  await look();
  expect(await info()).toMatchObject({ forgotten, cancelled: 100, pending: 1 });
});
