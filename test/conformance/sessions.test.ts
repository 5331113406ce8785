import { Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { SessionSpec, Task } from "../../src/protocol/generated/flame/v1/types.ts";
import { call, failure, openTarget, status, type Target } from "./target.ts";

let target: Target;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(() => target.close());

const spec = (fields: Partial<SessionSpec> = {}): SessionSpec => ({
  application: "flmping",
  minInstances: 0,
  batchSize: 1,
  priority: 0,
  ...fields,
});
const create = (sessionId: string, session: SessionSpec | undefined = spec()) =>
  call(target.frontend, "createSession", { sessionId, session });
const open = (sessionId: string, session?: SessionSpec) =>
  call(target.frontend, "openSession", { sessionId, session });
const close = (sessionId: string) => call(target.frontend, "closeSession", { sessionId });
const get = (sessionId: string) => call(target.frontend, "getSession", { sessionId });
const createTask = (sessionId: string, input?: Buffer) =>
  call(target.frontend, "createTask", { task: { sessionId, input } });

/** With fewer at most than at least. */
const crossed = { minInstances: 3, maxInstances: 2 };

describe("CreateSession", () => {
  it("answers the session with its resolved resources and no counts", async () => {
    const session = await create(
      "s-create",
      spec({ commonData: Buffer.from("data"), maxInstances: 2, priority: 4 }),
    );
    expect(session.metadata).toEqual({ id: "s-create", name: "s-create" });
    expect(session.spec).toEqual({
      application: "flmping",
      commonData: Buffer.from("data"),
      minInstances: 0,
      maxInstances: 2,
      batchSize: 1,
      priority: 4,
      resreq: { cpu: 1n, memory: 1_073_741_824n, gpu: 0 },
    });
    expect(session.status).toMatchObject({
      state: 0,
      pending: 0,
      running: 0,
      completionTime: undefined,
      events: [],
    });
  });

  it("tells absent common data from empty", async () => {
    expect((await create("s-absent")).spec?.commonData).toBeUndefined();
    expect(
      (await create("s-empty", spec({ commonData: Buffer.alloc(0) }))).spec?.commonData,
    ).toEqual(Buffer.alloc(0));
  });

  it.each([
    ["max_instances: got 0, expected", { maxInstances: 0 }],
    ["min_instances: got 3, expected at most max_instances, which is 2", crossed],
  ])("refuses clients of this make what says %s, and takes it of others", async (text, bounds) => {
    const ofThisMake = new Metadata();
    ofThisMake.set("flame-client", "c1");
    const sessionId = `s-bounds-${Object.keys(bounds).length}`;
    for (const method of ["createSession", "openSession"] as const) {
      const request = { sessionId, session: spec(bounds) };
      expect(await failure(call(target.frontend, method, request, ofThisMake))).toEqual({
        code: status.invalidArgument,
        details: expect.stringContaining(text),
      });
    }
    expect((await create(sessionId, spec(bounds))).spec).toMatchObject(bounds);
  });

  it("refuses what cannot be", async () => {
    const noSpec = call(target.frontend, "createSession", {
      sessionId: "s-none",
      session: undefined,
    });
    expect(await failure(noSpec)).toMatchObject({
      code: status.invalidArgument,
      details: expect.stringContaining("session spec"),
    });
    expect(await failure(create("s-app", spec({ application: "nobody" })))).toMatchObject({
      code: status.notFound,
    });
    await create("s-twice");
    expect(await failure(create("s-twice"))).toMatchObject({ code: status.alreadyExists });
    await close("s-twice");
    expect(await failure(create("s-twice"))).toMatchObject({ code: status.alreadyExists });
    for (const id of ["", "a/b", "a\\b", "..", "a\n", "x".repeat(254)]) {
      expect(await failure(create(id))).toMatchObject({ code: status.invalidArgument });
    }
  });

  it.each([
    [
      "cpu",
      { cpu: 2n ** 63n, memory: 1n, gpu: 0 },
      /invalid resreq: got cpu 9223372036854775808, expected 0 to/,
    ],
    [
      "memory",
      { cpu: 1n, memory: 2n ** 64n - 1n, gpu: 0 },
      /invalid resreq: got memory 18446744073709551615/,
    ],
    ["gpu", { cpu: 1n, memory: 1n, gpu: -1 }, /invalid resreq: got gpu -1, expected 0 to/],
  ])("refuses %s that nothing can hold, and goes on serving", async (field, resreq, details) => {
    expect(await failure(create(`s-${field}`, spec({ resreq })))).toEqual({
      code: status.invalidArgument,
      details: expect.stringMatching(details),
    });
    expect(await failure(get(`s-${field}`))).toMatchObject({ code: status.notFound });
  });

  it("refuses common data above the limit, naming it", async () => {
    const answer = await failure(
      create("s-large", spec({ commonData: Buffer.alloc(4 * 1024 * 1024) })),
    );
    expect(answer).toMatchObject({
      code: status.resourceExhausted,
      details: expect.stringMatching(/common_data has 4194304 bytes, at most/),
    });
    expect(await failure(get("s-large"))).toMatchObject({ code: status.notFound });
  });
});

describe("OpenSession", () => {
  it("creates once for a specification, and answers the same session afterwards", async () => {
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => open("s-open", spec({ priority: 1 }))),
    );
    expect(new Set(answers.map((one) => String(one.status?.creationTime))).size).toBe(1);
    expect((await open("s-open")).metadata?.id).toBe("s-open");
  });

  it.each([
    ["application", { application: "flmexec" }],
    ["resreq", { resreq: { cpu: 2n, memory: 1n, gpu: 0 } }],
    ["min_instances", { minInstances: 1 }],
    ["max_instances", { maxInstances: 3 }],
    ["priority", { priority: 9 }],
  ])("names %s when it differs", async (field, difference) => {
    await open("s-match", spec());
    expect(await failure(open("s-match", spec(difference)))).toEqual({
      code: status.invalidArgument,
      details: expect.stringMatching(
        new RegExp(`spec mismatch: ${field} differs \\(expected .*, got .*\\)`),
      ),
    });
  });

  it("does not compare common data and batch size", async () => {
    await open("s-loose", spec());
    const again = await open("s-loose", spec({ commonData: Buffer.from("x"), batchSize: 5 }));
    expect(again.spec?.commonData).toBeUndefined();
    expect(again.spec?.batchSize).toBe(1);
  });

  it("refuses an unknown session without a specification, and a closed one always", async () => {
    expect(await failure(open("s-unknown"))).toEqual({
      code: status.notFound,
      details: expect.stringContaining("not found"),
    });
    await create("s-shut");
    await close("s-shut");
    for (const answer of [open("s-shut"), open("s-shut", spec())]) {
      expect(await failure(answer)).toEqual({
        code: status.invalidArgument,
        details: expect.stringContaining("not open"),
      });
    }
  });
});

describe("closing and deleting", () => {
  it("cancels what is Pending, keeps the first completion time, and lets the session be deleted", async () => {
    await create("s-close");
    await createTask("s-close");
    await createTask("s-close");
    const closed = await close("s-close");
    expect(closed.status).toMatchObject({ state: 1, pending: 0, cancelled: 2 });
    expect((await close("s-close")).status?.completionTime).toBe(closed.status?.completionTime);
    const deleted = await call(target.frontend, "deleteSession", { sessionId: "s-close" });
    expect(deleted.metadata?.id).toBe("s-close");
    expect(await failure(get("s-close"))).toMatchObject({ code: status.notFound });
  });

  it("refuses to delete an open session, and to touch an unknown one", async () => {
    await create("s-alive");
    expect(
      await failure(call(target.frontend, "deleteSession", { sessionId: "s-alive" })),
    ).toMatchObject({
      code: status.invalidArgument,
    });
    expect((await get("s-alive")).status?.state).toBe(0);
    expect(await failure(close("s-gone"))).toMatchObject({ code: status.notFound });
    expect(
      await failure(call(target.frontend, "deleteSession", { sessionId: "s-gone" })),
    ).toMatchObject({
      code: status.notFound,
    });
  });
});

describe("tasks of a session that no node serves", () => {
  it("are counted, numbered from 1, and echo their input", async () => {
    await create("s-tasks");
    const first = await createTask("s-tasks", Buffer.from("in"));
    expect(first.metadata).toEqual({ id: "1", name: "1" });
    expect(first.spec).toEqual({
      sessionId: "s-tasks",
      input: Buffer.from("in"),
      output: undefined,
    });
    expect(first.status).toMatchObject({ state: 0, completionTime: undefined, events: [] });
    expect((await createTask("s-tasks")).metadata?.id).toBe("2");
    const task = await call(target.frontend, "getTask", { sessionId: "s-tasks", taskId: "2" });
    expect(task.spec?.input).toBeUndefined();
    expect(task.status?.events).toMatchObject([
      { code: 0, message: expect.stringContaining("<Pending>") },
    ]);
    expect((await get("s-tasks")).status).toMatchObject({ pending: 2 });
    const { sessions } = await call(target.frontend, "listSession", {});
    expect(sessions.find((one) => one.metadata?.id === "s-tasks")?.status).toMatchObject({
      pending: 2,
    });
  });

  it("are refused where they cannot be", async () => {
    await create("s-refuse");
    await createTask("s-refuse");
    const noTask = call(target.frontend, "createTask", { task: undefined });
    expect(await failure(noTask)).toMatchObject({ code: status.invalidArgument });
    expect(await failure(createTask("s-nobody"))).toMatchObject({ code: status.notFound });
    await close("s-refuse");
    expect(await failure(createTask("s-refuse"))).toEqual({
      code: status.invalidArgument,
      details: expect.stringContaining("closed session"),
    });
    for (const [taskId, code] of [
      ["x", status.invalidArgument],
      ["", status.invalidArgument],
      ["2", status.notFound],
      ["0", status.notFound],
      ["-1", status.notFound],
    ] as const) {
      expect(
        await failure(call(target.frontend, "getTask", { sessionId: "s-refuse", taskId })),
      ).toMatchObject({ code });
      expect(await failure(watch("s-refuse", taskId))).toMatchObject({ code });
    }
    expect(
      await failure(call(target.frontend, "getTask", { sessionId: "s-nobody", taskId: "1" })),
    ).toMatchObject({ code: status.notFound });
    expect(await failure(watch("s-nobody", "1"))).toMatchObject({ code: status.notFound });
    expect(await failure(listTasks("s-nobody"))).toMatchObject({ code: status.notFound });
  });

  it("are listed once each, in order", async () => {
    await create("s-list");
    await Promise.all(Array.from({ length: 250 }, () => createTask("s-list", Buffer.from("i"))));
    const tasks = await listTasks("s-list");
    expect(tasks.map((one) => one.metadata?.id)).toEqual(
      Array.from({ length: 250 }, (_, index) => String(index + 1)),
    );
  });

  it("tell their watchers that they were cancelled, and end the stream", async () => {
    await create("s-watch");
    await createTask("s-watch");
    const watched = watch("s-watch", "1");
    await close("s-watch");
    expect((await watched).map((one) => one.status?.state)).toEqual([4]);
    // A terminal task gives exactly one message.
    expect((await watch("s-watch", "1")).map((one) => one.status?.state)).toEqual([4]);
  });

  it("refuse an input above the limit", async () => {
    await create("s-input");
    expect(
      await failure(createTask("s-input", Buffer.alloc(4 * 1024 * 1024 - 64 * 1024 + 1))),
    ).toMatchObject({
      code: status.resourceExhausted,
    });
    expect(
      (await createTask("s-input", Buffer.alloc(4 * 1024 * 1024 - 64 * 1024))).metadata?.id,
    ).toBe("1");
  });
});

function watch(sessionId: string, taskId: string): Promise<Task[]> {
  return collect<Task>(target.frontend.watchTask({ sessionId, taskId }));
}

function listTasks(sessionId: string): Promise<Task[]> {
  return collect<Task>(target.frontend.listTask({ sessionId }));
}

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const messages: T[] = [];
  for await (const message of stream) messages.push(message);
  return messages;
}
