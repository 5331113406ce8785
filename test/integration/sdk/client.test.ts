import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import {
  bytes,
  CancelledError,
  connect,
  type Flame,
  FlameError,
  type PutOffCall,
  type Session,
  type TaskResult,
} from "../../../src/sdk/client.ts";
import { type ManagerUnderTest, startManager } from "../../support/in-process-manager.ts";
import { waitFor } from "../../support/wait-for.ts";

const patience = { deadlineMs: 60_000 };
const application = "flmping";
const setBefore = new Map<string, string | undefined>();

let manager: ManagerUnderTest;
let flame: Flame;
let session: Session<number, unknown>;

/** Until the end of the test. */
function setVariable(name: string, value: string): void {
  if (!setBefore.has(name)) setBefore.set(name, process.env[name]);
  process.env[name] = value;
}

beforeEach(async () => {
  manager = await startManager({ cluster: { limits: { max_open_tasks: 2_000 } } });
  flame = connect({ endpoint: manager.endpoint });
  session = await flame.createSession<number>({ application });
});

afterEach(async () => {
  flame.close();
  await manager.close();
  for (const [name, value] of setBefore) {
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  }
  setBefore.clear();
});

const counts = async (): Promise<object> => {
  const { pending, cancelled } = await session.get();
  return { pending, cancelled };
};
const untilPending = (count: number): Promise<unknown> =>
  waitFor(`${count} tasks`, async () => (await session.get()).pending === count, patience);
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = [];
  for await (const value of values) taken.push(value);
  return taken;
}

function* endless(): Generator<number> {
  for (let next = 0; ; next++) yield next;
}

// No node is there: tasks wait until somebody cancels them.
describe.each(["on", "off"])("waiting for tasks with FLAME_TASK_STREAMS=%s", (streams) => {
  beforeEach(async () => {
    setVariable("FLAME_TASK_STREAMS", streams);
    flame.close();
    flame = connect({ endpoint: manager.endpoint });
    session = await flame.createSession<number>({ application });
  });

  it("an aborted invoke leaves its task alone, or has cancelled it when it throws", async () => {
    const stop = new AbortController();
    const reason = new Error("enough");
    const left = failureOf(session.invoke(1, { signal: stop.signal }));
    await untilPending(1);
    const cancelled = failureOf(session.invoke(2, { signal: stop.signal, cancelTasks: true }));
    await untilPending(2);
    stop.abort(reason);
    expect([await left, await cancelled]).toEqual([reason, reason]);
    expect(await counts()).toEqual({ pending: 1, cancelled: 1 });
    expect((await session.task("1").get()).input).toEqual(Buffer.from("1"));
  });

  it("an abort of a map cancels everything that it began, and nothing else", async () => {
    const stop = new AbortController();
    const other = session.submit(-1);
    const options = { signal: stop.signal, cancelTasks: true, concurrency: 100 };
    const mapped = failureOf(session.map(endless(), options).next());
    await untilPending(101);
    stop.abort();
    expect(await mapped).toMatchObject({ name: "AbortError" });
    expect(await counts()).toEqual({ pending: 1, cancelled: 100 });
    expect((await (await other).get()).state).toBe("Pending");
  });

  it("leaving the loop cancels what is under way as well, and without cancelTasks nothing", async () => {
    for (const [cancelTasks, pending] of [
      [true, 0],
      [false, 9],
    ] as const) {
      const results = session.results(endless(), { concurrency: 10, cancelTasks });
      const first = results.next();
      await untilPending(10);
      const taskId = (await all(session.listTasks())).find(({ state }) => state === "Pending")?.id;
      await session.task(taskId ?? "").cancel();
      const { value } = (await first) as { value: TaskResult<unknown> };
      expect(value).toMatchObject({ status: "rejected", taskId });
      expect(value.status === "rejected" && value.reason).toBeInstanceOf(CancelledError);
      await results.return();
      expect(await counts()).toMatchObject({ pending });
    }
  });

  it("a task that was submitted can be waited for later, by another client too", async () => {
    const { id } = await session.submit(5);
    const stop = new AbortController();
    const again = await flame.openSession<number>(session.id);
    const waits = failureOf(again.task(id).result({ signal: stop.signal }));
    const alsoWaits = failureOf(session.task(id).result());
    stop.abort(new Error("not today"));
    expect(await waits).toMatchObject({ message: "not today" });
    await session.task(id).cancel();
    expect(await alsoWaits).toBeInstanceOf(CancelledError);
    expect(await alsoWaits).toMatchObject({ application, code: "aborted" });
  });

  it("an aborted signal begins nothing", async () => {
    const signal = AbortSignal.abort(new Error("before"));
    expect(await failureOf(session.invoke(1, { signal }))).toMatchObject({ message: "before" });
    expect(await counts()).toEqual({ pending: 0, cancelled: 0 });
  });
});

describe("errors", () => {
  const codes: readonly (readonly [string, () => Promise<unknown>, object])[] = [
    [
      "a session of an unknown application",
      () => flame.createSession({ application: "nobody" }),
      { code: "not_found", application: "nobody" },
    ],
    [
      "a session id that is taken",
      () => flame.createSession({ application, id: session.id }),
      { code: "already_exists", application },
    ],
    ["a session that is not there", () => flame.openSession("none"), { code: "not_found" }],
    [
      "a task that is not there",
      () => session.task("99").get(),
      { code: "not_found", application },
    ],
    [
      "an application that is there",
      () => flame.applications.register(application, { command: "x" }),
      { code: "already_exists", application },
    ],
    [
      "an application with open sessions",
      () => flame.applications.unregister(application),
      { code: "invalid_state", application },
    ],
    [
      "common data that JSON cannot say",
      () => flame.createSession({ application, commonData: 1n }),
      { code: "invalid_argument", message: expect.stringMatching(/^the common data: /) },
    ],
    [
      "a timeout that cannot be",
      () => session.invoke(1, { timeoutMs: 0.5 }),
      { code: "invalid_argument", application },
    ],
    [
      "a concurrency that cannot be",
      () => session.map([], { concurrency: 0 }).next(),
      {
        code: "invalid_argument",
        message: "concurrency: got 0, expected a whole number from 1 to 1000000",
      },
    ],
  ];
  it.each(codes)("%s", async (_, call, expected) => {
    const thrown = await failureOf(call());
    expect(thrown).toBeInstanceOf(FlameError);
    expect(thrown).toMatchObject(expected);
  });

  it("a closed session takes nothing, and can be deleted", async () => {
    await session.close();
    expect(await failureOf(session.invoke(1))).toMatchObject({
      code: "invalid_argument",
      application,
      message: expect.stringContaining("closed"),
    });
    expect(await failureOf(flame.openSession(session.id))).toMatchObject({
      code: "invalid_argument",
    });
    expect((await flame.deleteSession(session.id)).state).toBe("Closed");
  });

  it("a refusal for now says when to come again, and is told while it is repeated", async () => {
    const waits = failureOf(session.map(endless(), { concurrency: 1_000 }).next());
    await untilPending(1_000);
    const told: PutOffCall[] = [];
    const impatient = connect({
      endpoint: manager.endpoint,
      callTimeoutMs: 3_000,
      onPutOff: (call) => told.push(call),
    });
    const again = await impatient.openSession<number>(session.id);
    const refused = await failureOf(again.invoke(1));
    expect(refused).toMatchObject({ code: "resource_exhausted", application });
    expect((refused as FlameError).retryAfterMs).toBeGreaterThan(0);
    expect(told[0]?.refusal.message).toBe((refused as FlameError).message);
    impatient.close();
    await session.cancel();
    expect(await waits).toBeInstanceOf(CancelledError);
  });
});

describe("results", () => {
  it("an input that cannot be encoded is a failure of its own, and no task", async () => {
    const bad = await flame.createSession({ application });
    const results = await all(bad.results([1n, () => 1]));
    expect(results.map(({ index, status, taskId }) => [index, status, taskId])).toEqual([
      [0, "rejected", undefined],
      [1, "rejected", undefined],
    ]);
    expect(await bad.get()).toMatchObject({ pending: 0 });
  });

  it("common data and inputs go through the codecs of the session", async () => {
    const raw = await flame.createSession({
      application,
      commonData: Buffer.from([1]),
      codecs: { input: bytes, commonData: bytes },
    });
    const { id } = await raw.submit(Buffer.from([2]));
    expect((await raw.task(id).get()).input).toEqual(Buffer.from([2]));
    expect((await flame.getSession(raw.id)).commonData).toEqual(Buffer.from([1]));
  });
});

describe("connect", () => {
  it("finds the cluster by options, else by FLAME_ENDPOINT, else by the client's file", async () => {
    const configFile = join(manager.home, "client.yaml");
    const contexts = [{ name: "here", cluster: { endpoint: manager.endpoint } }];
    writeFileSync(configFile, JSON.stringify({ "current-context": "here", contexts }));
    const ids = async (client: Flame): Promise<string[]> => {
      try {
        return (await client.listSessions()).map(({ id }) => id);
      } finally {
        client.close();
      }
    };
    expect(await ids(connect({ configFile }))).toEqual([session.id]);
    setVariable("FLAME_ENDPOINT", "http://127.0.0.1:1");
    expect(await failureOf(ids(connect({ configFile })))).toMatchObject({
      code: "invalid_config",
      message: expect.stringContaining("http://127.0.0.1:1"),
    });
    expect(await ids(connect({ configFile, endpoint: manager.endpoint }))).toEqual([session.id]);
  });

  it.each([
    [{ endpoint: "nowhere" }, 'invalid endpoint: got "nowhere"'],
    [{ cacheEndpoint: "http://x" }, 'invalid endpoint: got "http://x"'],
    [{ configFile: "no-such.yaml" }, "no-such.yaml"],
    [{ endpoint: "https://x", certFile: "c.pem" }, "a client certificate needs its key"],
  ])("refuses %j", (options, words) => {
    expect(() => connect(options)).toThrow(words);
  });

  it("reaches applications and the registry", async () => {
    await flame.applications.register("mine", { command: "/bin/true" });
    await flame.applications.update("mine", { command: "/bin/false" });
    expect((await flame.applications.get("mine")).spec.command).toBe("/bin/false");
    const names = (await flame.applications.list()).map(({ name }) => name);
    expect(names).toContain("mine");
    const manifest = "metadata: { name: mine }\nspec: { command: /bin/cat }\n";
    expect(await flame.registry.apply([{ manifest }])).toMatchObject([{ action: "configured" }]);
    expect((await flame.registry.revisions("mine")).map(({ number }) => number)).toEqual([3, 2, 1]);
    await flame.applications.unregister("mine");
  });
});
