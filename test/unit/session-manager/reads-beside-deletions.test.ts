import { EventEmitter } from "node:events";
import { Metadata } from "@grpc/grpc-js";
import { beforeEach, describe, expect, it } from "@jest/globals";
import { silentLogger } from "../../../src/kit/logger.ts";
import type { SessionRecord } from "../../../src/model/session.ts";
import type { TaskRecord } from "../../../src/model/task.ts";
import {
  type BackendDeps,
  backendService,
} from "../../../src/session-manager/backend/backend-service.ts";
import { ReplyHold } from "../../../src/session-manager/calls/reply-hold.ts";
import { Payloads } from "../../../src/session-manager/engine/payloads.ts";
import { sessionCalls } from "../../../src/session-manager/frontend/session-calls.ts";
import { type TaskCallDeps, taskCalls } from "../../../src/session-manager/frontend/task-calls.ts";
import { HeldReads } from "./held-reads.ts";

// What clients and nodes are answered when what they ask for goes between the machine's answer and the read.

const task = (id: number, extra: Partial<TaskRecord> = {}): TaskRecord => ({
  sessionId: "s",
  id,
  state: "Succeed",
  creationTime: 2,
  completionTime: 3,
  inputBytes: 5,
  outputBytes: 6,
  attempt: 1,
  crashes: 0,
  lostNodes: 0,
  term: 0,
  events: [],
  ...extra,
});

/** A call of which the test hears what it is answered. */
class Call extends EventEmitter {
  readonly metadata = new Metadata();
  readonly request: object;
  readonly written: string[] = [];
  cancelled = false;

  constructor(request: object) {
    super();
    this.request = request;
  }

  getPeer(): string {
    return "client";
  }

  sendMetadata(): void {
    this.written.push("metadata");
  }

  write(message: { readonly metadata?: { readonly id: string } }): boolean {
    this.written.push(message.metadata?.id ?? "?");
    return true;
  }

  end(): void {
    this.written.push("end");
  }
}

let store: HeldReads;
let session: SessionRecord;
/** What the machine answers, by command. */
let answers: Record<string, unknown>;
let payloads: Payloads;

beforeEach(async () => {
  store = new HeldReads();
  session = await store.makeSession("s", 1, Buffer.from("common"));
  await store.commit(
    [1, 2].map((id) => ({
      kind: "task.put",
      record: task(id),
      input: Buffer.from("input"),
      output: Buffer.from("output"),
    })),
  );
  payloads = new Payloads(store, 10_000);
  const view = { record: session, counts: {} };
  answers = {
    "task.get": { stored: { session, taskId: 1 } },
    "task.list": session,
    "session.get": view,
    "session.list": [view],
    "executor.bind": {
      bound: { application: { name: "a", spec: {}, manifest: {} }, session: view },
    },
    "executor.launch": { task: task(1, { state: "Running", executorId: "e1" }) },
  };
});

const engine = {
  of: () => engine,
  ask: async (kind: string) => answers[kind],
  call: (kind: string, _input: unknown, reply: (value: unknown) => void) => {
    reply(answers[kind]);
    return { token: 1, cancel: () => undefined };
  },
};
const replies = new ReplyHold(1_000_000);

async function deleted(): Promise<void> {
  await store.commit([{ kind: "session.delete", id: "s" }]);
  await store.makeSession("s", 9, Buffer.from("other"));
  await store.commit([
    {
      kind: "task.put",
      record: task(1, { creationTime: 10 }),
      input: Buffer.from("other"),
      output: Buffer.from("others"),
    },
  ]);
}

/** Asks, does something while the store is read, and tells what is answered. */
async function asked(
  handler: unknown,
  request: object,
  meanwhile: () => Promise<void>,
  failure?: Error,
): Promise<unknown> {
  store.hold();
  const call = new Call(request);
  const answered = new Promise<unknown>((resolve) => {
    (handler as (call: Call, answer: (error: unknown, value: unknown) => void) => void)(
      call,
      (error, value) => resolve(error === null ? value : error),
    );
    call.on("error", resolve);
  });
  await new Promise((resolve) => setImmediate(resolve));
  await meanwhile();
  store.letGo(failure);
  return answered;
}
const tasks = () => taskCalls({ engine, payloads, store, replies } as unknown as TaskCallDeps);
const sessions = () =>
  sessionCalls({ engine, payloads, replies, sizes: { sessions: () => 0 } } as never);
const backend = () =>
  backendService({
    engine,
    payloads,
    logger: silentLogger,
    notes: { bound: () => undefined },
  } as unknown as BackendDeps);
const notFound = (text: string) => ({ code: 5, details: expect.stringContaining(text) });

describe("beside a deletion", () => {
  it("GetTask does not find the task, and finds none of a later session of the id", async () => {
    const { getTask } = tasks();
    expect(await asked(getTask, { sessionId: "s", taskId: "1" }, deleted)).toMatchObject(
      notFound("task 1 of session s not found"),
    );
    answers["task.get"] = { task: task(1) };
    expect(await asked(getTask, { sessionId: "s", taskId: "1" }, deleted)).toMatchObject(
      notFound("task 1 of session s not found"),
    );
  });

  it("ListTask says that the session is gone, rather than end as if that were all", async () => {
    expect(await asked(tasks().listTask, { sessionId: "s" }, deleted)).toMatchObject(
      notFound("session s not found: it has been deleted"),
    );
  });

  it("GetSession does not find it, and ListSession leaves it out: none is shown without its common data", async () => {
    const { getSession, listSession } = sessions();
    expect(await asked(getSession, { sessionId: "s" }, deleted)).toMatchObject(
      notFound("session s not found: it has been deleted"),
    );
    expect(await asked(listSession, {}, deleted)).toEqual({ sessions: [] });
  });

  it("BindExecutor gives no session, so that no service begins without its common data", async () => {
    expect(await asked(backend().bindExecutor, { executorId: "e1" }, deleted)).toEqual({
      application: undefined,
      session: undefined,
    });
  });

  it("LaunchTask gives no task, rather than one without its input or with that of another", async () => {
    expect(await asked(backend().launchTask, { executorId: "e1" }, deleted)).toEqual({
      task: undefined,
    });
  });
});

describe("a read that fails", () => {
  it("fails LaunchTask and BindExecutor with why, so that the node asks again", async () => {
    for (const method of ["launchTask", "bindExecutor"] as const) {
      const answer = asked(
        backend()[method],
        { executorId: "e1" },
        () => Promise.resolve(),
        new Error("disk I/O error"),
      );
      expect(await answer).toMatchObject({ details: expect.stringContaining("disk I/O error") });
    }
  });

  it("gives a task with its input when nothing went wrong", async () => {
    const answer = asked(backend().launchTask, { executorId: "e1" }, () => Promise.resolve());
    expect(await answer).toMatchObject({ task: { spec: { input: Buffer.from("input") } } });
  });
});
