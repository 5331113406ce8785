import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startCluster } from "../support/cluster.ts";
import { nodeMessage, ScriptedNode } from "./scripted-node.ts";
import { call, failure, status, type Target, targetOf } from "./target.ts";

// What the published server does and this one does not: docs/quirks.md.

let target: Target;
let node: ScriptedNode;
beforeAll(async () => {
  const config = { cluster: { limits: { max_executors: 1000 } } };
  target = targetOf(await startCluster({ daemons: ["flame-session-manager"], config }));
  node = await ScriptedNode.start(target, "n1");
});
afterAll(async () => {
  node.close();
  await target.close();
});

describe("a list of sessions", () => {
  it("leaves common data out when they would pass what a client receives", async () => {
    const commonData = Buffer.alloc(3 * 1024 * 1024, 1);
    for (const sessionId of ["large-1", "large-2"])
      await call(target.frontend, "createSession", {
        sessionId,
        session: { ...node.spec(), commonData },
      });
    const { sessions } = await call(target.frontend, "listSession", {});
    expect(sessions.map(({ spec }) => spec?.commonData)).toEqual([undefined, undefined]);
    const one = await call(target.frontend, "getSession", { sessionId: "large-1" });
    expect(one.spec?.commonData).toHaveLength(commonData.length);
    for (const sessionId of ["large-1", "large-2"]) {
      await call(target.frontend, "closeSession", { sessionId });
      await call(target.frontend, "deleteSession", { sessionId });
    }
  });
});

describe("every reply that shows a session", () => {
  it("shows its events", async () => {
    const executorId = await node.bindingExecutor();
    const { executors } = await call(target.frontend, "listExecutor", {});
    const found = executors.find(({ metadata }) => metadata?.id === executorId);
    const sessionId = found?.status?.sessionId ?? "";
    const result = { returnCode: 12, message: "no such module" };
    await call(target.backend, "bindExecutorCompleted", { executorId, result });
    const replies = [
      await call(target.frontend, "openSession", { sessionId, session: undefined }),
      await call(target.frontend, "closeSession", { sessionId }),
      await call(target.frontend, "deleteSession", { sessionId }),
    ];
    for (const reply of replies)
      expect(reply.status?.events).toEqual([
        expect.objectContaining({ code: 1001, message: expect.stringContaining("no such module") }),
      ]);
  });
});

describe("a task that is handed out", () => {
  it("is Running, the second time as well", async () => {
    const executorId = await node.busyExecutor();
    for (let time = 0; time < 2; time++) {
      const { task } = await call(target.backend, "launchTask", { executorId });
      expect(task?.status?.state).toBe(1);
    }
  });
});

describe("a node", () => {
  it("shows in Unix seconds when it was heard last", async () => {
    const { node: found } = await call(target.frontend, "getNode", { name: "n1" });
    const seconds = Number(found?.status?.lastHeartbeatTime);
    expect(Math.abs(seconds - Date.now() / 1000)).toBeLessThan(60);
  });

  it("with more than 256 executors registers without anybody who reads its stream", async () => {
    const executors = Array.from({ length: 300 }, (_, index) => ({
      metadata: { id: `unknown-${index}`, name: "" },
      spec: { node: "n2", resreq: { cpu: 0n, memory: 0n, gpu: 0 }, shim: 0 as const },
      status: { state: 4 as const, sessionId: undefined },
    }));
    const registered = { node: nodeMessage("n2", false), executors };
    const { returnCode } = await call(target.backend, "registerNode", registered);
    expect(returnCode).toBe(0);
    await call(target.backend, "releaseNode", { nodeName: "n2" });
  });

  it("is told of failures by a status, never by a return code", async () => {
    const executorId = await node.voidExecutor();
    const outcome = { executorId, result: undefined };
    const failed = await failure(call(target.backend, "bindExecutorCompleted", outcome));
    expect(failed.code).toBe(status.invalidArgument);
  });
});
