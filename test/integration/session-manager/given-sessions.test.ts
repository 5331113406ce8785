import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FlameClient } from "../../../src/client/index.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { waitFor } from "../../support/wait-for.ts";
import { type ScriptedStream, ScriptedWorkNode } from "./scripted-work-node.ts";

const mib = 1024 * 1024;

let manager: ManagerUnderTest;
let client: FlameClient;
let node: ScriptedWorkNode;
let stream: ScriptedStream;

/** A node that takes executors with their sessions, and whose first executor has registered. */
beforeEach(async () => {
  manager = await startManager();
  client = new FlameClient({ endpoint: manager.endpoint });
  node = new ScriptedWorkNode(manager.endpoint, "n1");
  node.binds = true;
  await node.register();
  const first = await client.createSession({ application: "flmping" });
  await first.createTask();
  await node.bound();
  stream = node.work();
  // What is answered on it was carried out after its hello.
  stream.ready("nobody", 0);
  await waitFor("an answer", () => stream.messages.some(({ leaves }) => leaves.length > 0));
});
afterEach(async () => {
  node.close();
  client.close();
  await manager.close();
});

describe("a session for a node that takes executors with their sessions", () => {
  it("comes with its application, its common data, who asked for it, and a task that runs when it is entered", async () => {
    const commonData = Buffer.alloc(3 * mib, 7);
    const session = await client.createSession({ application: "flmping", commonData });
    const task = await session.createTask(Buffer.from("in"));
    const [given] = await stream.gets(1);
    const [bind] = stream.messages.flatMap(({ binds }) => binds);
    const executorId = bind?.executor?.metadata?.id ?? "";
    expect(bind?.executor?.spec?.node).toBe("n1");
    expect(bind?.application?.spec?.command).toMatch(/flmping-service$/);
    expect(bind?.session?.metadata?.id).toBe(session.id);
    expect(bind?.session?.spec?.commonData?.equals(commonData)).toBe(true);
    expect(bind?.requestId).not.toBe("");
    expect(given).toMatchObject({ executorId, taskId: task.id, input: Buffer.from("in") });
    expect(await session.getTask(task.id)).toMatchObject({ state: "Pending" });
    const lease = given?.lease ?? "";
    stream.say({ ready: [{ executorId, credit: 1, opens: true, held: [], entered: session.id }] });
    await waitFor("Running", async () => (await session.getTask(task.id)).state === "Running");
    stream.done(executorId, lease, Buffer.from("out"));
    await waitFor("the end", async () => (await session.getTask(task.id)).state === "Succeed");
  });

  it("is a session without application when it was deleted before it left", async () => {
    const session = await client.createSession({ application: "flmping", minInstances: 1 });
    await waitFor("the bind", () => stream.messages.some(({ binds }) => binds.length > 0));
    await session.close();
    await client.deleteSession(session.id);
    const next = node.work();
    const [bind] = await waitFor("the bind again", () => {
      const binds = next.messages.flatMap((message) => message.binds);
      return binds.length > 0 ? binds : undefined;
    });
    expect([bind?.application, bind?.session, bind?.executor === undefined]).toEqual([
      undefined,
      undefined,
      false,
    ]);
  });

  it("is told on WatchNode, and asked for by calls, when the node's stream says nothing of binds", async () => {
    node.binds = false;
    const older = node.work();
    const session = await client.createSession({ application: "flmping" });
    const task = await session.createTask(Buffer.from("in"));
    const executorId = await node.bound();
    older.ready(executorId, 1, []);
    const [assigned] = await older.gets(1);
    expect(assigned).toMatchObject({ executorId, taskId: task.id });
    expect(older.messages.flatMap(({ binds }) => binds)).toEqual([]);
  });
});
