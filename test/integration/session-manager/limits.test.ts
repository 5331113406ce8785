import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ServiceError } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "@jest/globals";
import { LoadClient, openSessions, queueTasks } from "../../../bench/overload/loads.ts";
import { NeverReads } from "../../../bench/overload/never-reads.ts";
import { AdminService as admin } from "../../../src/protocol/generated/flame/admin/v1/admin.ts";
import { FrontendService as frontend } from "../../../src/protocol/generated/flame/v1/frontend.ts";
import { readRetryDelay } from "../../../src/protocol/retry-info.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { waitFor } from "../../support/wait-for.ts";

const MIB = 1024 * 1024;
const exhausted = 8;

let manager: ManagerUnderTest;
const clients: LoadClient[] = [];
const address = (): string => manager.endpoint.replace("http://", "");

async function start(limits: object): Promise<void> {
  manager = await startManager({ cluster: { limits } });
}
function client(): LoadClient {
  const one = new LoadClient(address());
  clients.push(one);
  return one;
}
afterEach(async () => {
  for (const one of clients.splice(0)) one.close();
  await manager.close();
});

/** The refusal of a call that has to be refused. */
async function refusal(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call;
  } catch (thrown) {
    return thrown as ServiceError;
  }
  throw new Error("the call was not refused");
}

const createTask = (one: LoadClient, sessionId: string, bytes = 5): Promise<unknown> =>
  one.call(frontend.createTask, {
    task: { sessionId, input: Buffer.alloc(bytes), output: undefined },
  });

describe("a session manager that is full", () => {
  it("refuses with RESOURCE_EXHAUSTED, what to do and when to come again, and serves what it has", async () => {
    await start({ max_open_sessions: 2, max_open_tasks: 4, max_applications: 4 });
    const one = client();
    expect((await openSessions([one], "s", 3)).refused.get(exhausted)).toBe(1);
    expect((await queueTasks([one], "s", { count: 4, sessions: 1 })).answered).toBe(2);
    const refused = await refusal(createTask(one, "s-0"));
    expect(refused.code).toBe(exhausted);
    expect(refused.details).toContain("session s-0 has 2 open tasks");
    expect(readRetryDelay(refused.metadata)).toBe(1_000);
    expect(refused.metadata.get("grpc-status-details-bin")).toHaveLength(1);
    expect(refused.metadata.get("flame-request-id")).toHaveLength(1);
    await createTask(one, "s-1");

    const register = (name: string): Promise<unknown> =>
      one.call(frontend.registerApplication, {
        name,
        application: { labels: [], arguments: [], environments: [], shim: 0 } as never,
      });
    await register("fourth");
    expect((await refusal(register("fifth"))).details).toContain("cluster.limits.max_applications");
    const { applications } = await one.call(frontend.listApplication, {});
    expect(applications).toHaveLength(4);
    await one.call(frontend.closeSession, { sessionId: "s-0" });
    await createTask(client(), "s-1");
  });

  it("refuses watches beyond what a connection may have, not those of another", async () => {
    await start({ max_watchers: 12 });
    const [one, other] = [client(), client()];
    await openSessions([one], "s", 1);
    await queueTasks([one], "s", { count: 1, sessions: 1 });
    const watch = (of: LoadClient): { ended: number | undefined; readonly cancel: () => void } => {
      const state: { ended: number | undefined; readonly cancel: () => void } = {
        ended: undefined,
        cancel: () => {
          stream.cancel();
        },
      };
      const stream = of.watch("s-0", "1");
      stream.on("error", (error: ServiceError) => (state.ended = error.code)).resume();
      return state;
    };
    const watches = Array.from({ length: 4 }, () => watch(one));
    await waitFor("the refusal", () => watches.filter(({ ended }) => ended === exhausted).length);
    const others = [watch(other), watch(other), watch(other)];
    await waitFor("the other's refusal", () => others.some(({ ended }) => ended === exhausted));
    expect(others.filter(({ ended }) => ended === undefined)).toHaveLength(2);
    expect(watches.filter(({ ended }) => ended === undefined)).toHaveLength(3);
    for (const { cancel } of watches) cancel();
    await waitFor("room for another watch", async () => {
      const again = watch(one);
      await one.call(frontend.getSession, { sessionId: "s-0" });
      return again.ended === undefined;
    });
  });
});

/** Bytes of all buffers that somebody still holds. */
function bytesInUse(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().arrayBuffers;
}

describe("a client that never reads", () => {
  it("has a few replies kept for it, costs nobody else anything, and gets all when it reads after all", async () => {
    await start({});
    const one = client();
    await openSessions([one], "s", 1);
    await queueTasks([one], "s", { count: 1, sessions: 1, bytes: 3 * MIB });
    const silent = new NeverReads(address());
    const before = bytesInUse();
    const asked = 100;
    for (let index = 0; index < asked; index++)
      silent.ask(frontend.getTask, { sessionId: "s-0", taskId: "1" });
    // Somebody else is answered with as large a reply, again and again.
    for (let index = 0; index < 20; index++) {
      const { spec } = await one.call(frontend.getTask, { sessionId: "s-0", taskId: "1" });
      expect(spec?.input).toHaveLength(3 * MIB);
    }
    // 100 replies would be 300 MiB.
    expect(bytesInUse() - before).toBeLessThan(60 * MIB);
    expect(silent.answers).toBe(0);
    silent.read();
    await waitFor("the answers", () => silent.answers === asked, { deadlineMs: 60_000 });
    silent.close();
  });

  it("holds one record for each watch, and gets the last state when it reads after all", async () => {
    await start({});
    const one = client();
    await openSessions([one], "s", 1);
    await queueTasks([one], "s", { count: 40, sessions: 1, bytes: 3 * MIB, concurrency: 4 });
    const silent = new NeverReads(address());
    for (let id = 1; id <= 40; id++)
      silent.ask(frontend.watchTask, { sessionId: "s-0", taskId: String(id) });
    await waitFor("the watches", async () => {
      const { queues } = await one.call(admin.viewCluster, {});
      return queues.some(({ name, size }) => name === "task watchers" && size === 40n);
    });
    const before = bytesInUse();
    // Every watcher is to hear that its task was cancelled, with the input of the task: 120 MiB.
    await one.call(frontend.closeSession, { sessionId: "s-0" });
    expect(silent.answers).toBe(0);
    expect(bytesInUse() - before).toBeLessThan(60 * MIB);
    await openSessions([one], "t", 1);
    silent.read();
    await waitFor("the last states", () => silent.answers === 40, { deadlineMs: 60_000 });
    silent.close();
  });
});

describe("a flood of one connection", () => {
  it("does not hold up another one", async () => {
    await start({});
    const [flood, other] = [client(), client()];
    await openSessions([flood], "s", 2);
    let underWay = 0;
    const calls = Array.from({ length: 8_000 }, async () => {
      underWay++;
      await createTask(flood, "s-0").catch(() => undefined);
      underWay--;
    });
    for (let index = 0; index < 3; index++) await createTask(other, "s-1");
    expect(underWay).toBeGreaterThan(1_000);
    await Promise.all(calls);
  });
});
