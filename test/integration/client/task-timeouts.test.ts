import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FlameClient, type Session, type TaskEnd } from "../../../src/client/index.ts";
import { taskTimeoutMsMax } from "../../../src/model/task-timeout.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { TaskStreamClient } from "../../support/task-stream-client.ts";
import { waitFor } from "../../support/wait-for.ts";

// A session manager without nodes: tasks wait until their deadlines pass.

let manager: ManagerUnderTest;
let client: FlameClient;
let session: Session;

beforeEach(async () => {
  manager = await startManager();
  client = new FlameClient({ endpoint: manager.endpoint });
  session = await client.createSession({ application: "flmping" });
});
afterEach(async () => {
  client.close();
  await manager.close();
});

const waited = /^the task did not end within 0\.3 s of its submit, .* it waited for an executor/;

describe.each(["on streams", "with a call for each task"])("timeoutMs of a submit, %s", (how) => {
  beforeEach(async () => {
    if (how === "on streams") return;
    client.close();
    client = new FlameClient({ endpoint: manager.endpoint, taskStreams: false });
    session = await client.openSession(session.id);
  });

  it("ends the task, and the error says why", async () => {
    await expect(session.invoke(Buffer.from("in"), { timeoutMs: 300 })).rejects.toThrow(waited);
    const task = await session.getTask("1");
    expect(task.state).toBe("Failed");
    expect(task.events.map(({ code }) => code)).toEqual([0, 1102, 3]);
    expect(task.deadline?.getTime()).toBe(task.creationTime.getTime() + 300);
  });

  it("is that of each input of many, and of those beside it without one none", async () => {
    const ends: TaskEnd[] = [];
    const inputs = Array.from({ length: 300 }, () => Buffer.from("in"));
    const other = session.run(Buffer.from("other"));
    await session.runMany(inputs, (_, end) => ends.push(end), { timeoutMs: 300 });
    expect(ends).toHaveLength(300);
    expect(ends.every((end) => end.kind === "finished" && end.state === "Failed")).toBe(true);
    expect(await session.get()).toMatchObject({ pending: 1, failed: 300 });
    await session.close();
    expect((await other).state).toBe("Cancelled");
  });

  it.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, taskTimeoutMsMax + 1, "5" as never])(
    "is refused when it is %s, before anything is sent",
    async (timeoutMs) => {
      const text = `timeoutMs of the submit is ${timeoutMs}: expected whole milliseconds from 1 to ${taskTimeoutMsMax}`;
      await expect(session.run(undefined, { timeoutMs })).rejects.toThrow(text);
      await expect(session.createTask(undefined, { timeoutMs })).rejects.toThrow(text);
      await expect(session.runMany([undefined], () => undefined, { timeoutMs })).rejects.toThrow(
        text,
      );
      expect((await session.get()).pending).toBe(0);
    },
  );
});

it("a deadline goes on counting over restarts of the session manager, and its client hears the end", async () => {
  const run = session.run(Buffer.from("in"), { timeoutMs: 3_000 });
  await waitFor("the task", async () => (await session.get()).pending === 1);
  await manager.restart();
  await manager.restart();
  const task = await run;
  expect(task.state).toBe("Failed");
  const took = (task.completionTime?.getTime() ?? 0) - task.creationTime.getTime();
  expect(took).toBeGreaterThanOrEqual(2_990);
});

it("a submit whose timeout cannot be is refused alone, those behind it are carried out", async () => {
  const stream = new TaskStreamClient(manager.endpoint.slice("http://".length));
  try {
    stream.send({
      lanes: [{ lane: 1, sessionId: session.id, producer: "p" }],
      submits: [
        {
          lane: 1,
          first: 1n,
          follow: false,
          inputs: [
            { data: undefined, timeout: 0n },
            { data: undefined, timeout: 2n ** 64n - 1n },
            { data: undefined, timeout: 60_000n },
          ],
        },
      ],
    });
    await stream.acknowledged(1);
    await waitFor("the refusals", () => stream.refusals.length === 2);
    expect(stream.refusals.map(({ code }) => code)).toEqual([3, 3]);
    expect(stream.refusals[0]?.message).toMatch(/^the timeout of the submit is 0: expected whole/);
    expect((await session.getTask("1")).deadline).toBeInstanceOf(Date);
  } finally {
    stream.close();
  }
});
