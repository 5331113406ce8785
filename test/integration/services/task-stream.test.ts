import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { FrameReader, frameOf } from "../../../src/protocol/frames.ts";
import { ResultBatch, TaskBatch } from "../../../src/protocol/generated/flame/stream/v1/service.ts";
import type { Result, TaskResult } from "../../../src/protocol/generated/flame/v1/types.ts";
import { beginNestedWait } from "../../../src/services/nested-waits.ts";
import { connectForTasks, type TaskConnections } from "../../../src/services/task-connections.ts";
import { type RunTask, serveTaskStream } from "../../../src/services/task-stream.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";

const patient = { deadlineMs: 60_000 };
const done: TaskResult = { returnCode: 0, output: undefined, message: undefined };
const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

let folder: ReturnType<typeof temporaryFolder>;
let server: Server;
/** The executor manager's ends. */
let tasks: Socket;
let results: Socket;
let service: TaskConnections;
/** What the service said. */
let heard: ResultBatch[];
let answered: string[];
let begun: string[];
/** How the service was asked for its session. */
let steps: string[];

beforeEach(async () => {
  folder = temporaryFolder("tasks");
  const path = join(folder.path, "i.task");
  const sockets: Socket[] = [];
  server = createServer((socket) => sockets.push(socket.on("error", () => undefined)));
  server.listen(path);
  await once(server, "listening");
  service = (await connectForTasks(path)) as TaskConnections;
  await waitFor("two connections", () => sockets.length === 2, patient);
  [tasks, results] = sockets as [Socket, Socket];
  heard = [];
  answered = [];
  begun = [];
  steps = [];
});

afterEach(() => {
  for (const socket of [tasks, results, service.tasks, service.results]) socket.destroy();
  server.close();
  folder.remove();
});

function serve(run: RunTask, ahead = 0): void {
  const counted: RunTask = (task) => {
    begun.push(task.taskId);
    return run(task);
  };
  const step = (name: string) => async (): Promise<Result> => {
    steps.push(name);
    await new Promise((resolve) => setImmediate(resolve));
    return { returnCode: steps.length, message: name };
  };
  serveTaskStream(service, { enter: step("enter"), run: counted, leave: step("leave") }, ahead);
}

/** @param onAnswer is called with each answer, when it has been read */
function read(onAnswer: (taskId: string) => void = () => undefined): void {
  const frames = new FrameReader();
  results.on("data", (chunk: Buffer) =>
    frames.read(chunk, (message) => {
      const batch = ResultBatch.decode(message);
      heard.push(batch);
      for (const { taskId } of batch.answers) {
        answered.push(taskId);
        onAnswer(taskId);
      }
    }),
  );
}

function send(taskIds: readonly string[], recall = false): void {
  const contexts = taskIds.map((taskId) => ({ taskId, sessionId: "s", input: undefined }));
  sendBatch({ tasks: contexts, recall });
}

function sendBatch(part: Partial<TaskBatch>): void {
  const batch = { tasks: [], recall: false, enter: undefined, leave: false, ...part };
  tasks.write(frameOf(TaskBatch, batch));
}

const recalled = (): string[] | undefined =>
  heard.find((batch) => batch.recalled !== undefined)?.recalled?.taskIds;

/** Without a turn of the event loop. */
function spin(ms: number): TaskResult {
  const until = performance.now() + ms;
  while (performance.now() < until);
  return done;
}

describe("a service at its stream of tasks", () => {
  test("says how many it takes before anything else", async () => {
    serve(() => done, 7);
    read();
    await waitFor("its first word", () => heard.length > 0, patient);
    expect(heard).toEqual([{ answers: [], recalled: undefined, ahead: 7, done: undefined }]);
  });

  test("says while a task waits for tasks of its own, and that it goes on before it does", async () => {
    let goOn = (): void => undefined;
    serve(async ({ taskId }) => {
      const end = beginNestedWait(`of ${taskId}`);
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      end();
      return done;
    });
    read();
    const awaits = (): unknown[] => heard.flatMap(({ awaits: one }) => one?.sessionIds ?? []);
    for (const taskId of ["1", "2"]) {
      send([taskId]);
      await waitFor("the wait", () => awaits().at(-1) === `of ${taskId}`, patient);
      goOn();
      await waitFor("the result", () => answered.at(-1) === taskId, patient);
    }
    beginNestedWait("between tasks")();
    const said = heard
      .slice(1)
      .map(({ awaits: one, answers }) => one?.sessionIds ?? answers.length);
    expect(said).toEqual([["of 1"], [], 1, ["of 2"], [], 1]);
  });

  test.each<[string, RunTask]>([
    ["at once", () => spin(1)],
    ["by promises that are fulfilled already", () => Promise.resolve(spin(1))],
  ])("hears a recall in a long series of tasks that are done %s", async (_, run) => {
    serve(run, 256);
    // Sent when the first result is there: nobody could read it in a service that never pauses.
    read((taskId) => {
      if (taskId === "0") send([], true);
    });
    send(ids(1_000));
    await waitFor("the answer", () => recalled() !== undefined, patient);
    const back = recalled() ?? [];
    expect(back.length).toBeGreaterThan(0);
    await waitFor("the results", () => answered.length + back.length === 1_000, patient);
    expect([...answered, ...back]).toEqual(ids(1_000));
    expect(begun).toEqual(answered);
  });

  test("begins no task before the system has the whole result of the one before", async () => {
    // More than the system keeps of a connection.
    const large: TaskResult = {
      returnCode: 0,
      output: Buffer.alloc(3_000_000),
      message: undefined,
    };
    serve(() => large, 256);
    const tooEarly: string[] = [];
    send(ids(20));
    await waitFor("the first task", () => begun.length === 1, patient);
    read((taskId) => {
      // This very result has been read; the next one may have begun, but none behind it.
      if (begun.length > Number(taskId) + 2) tooEarly.push(taskId);
    });
    await waitFor("the results", () => answered.length === 20, patient);
    expect(tooEarly).toEqual([]);
    expect(answered).toEqual(ids(20));
  });

  test("gives back none that counts as begun while a result leaves", async () => {
    const large: TaskResult = {
      returnCode: 0,
      output: Buffer.alloc(3_000_000),
      message: undefined,
    };
    serve(() => large, 256);
    send(["0", "1", "2"]);
    await waitFor("the first task", () => begun.length === 1, patient);
    send([], true);
    read();
    await waitFor("the results", () => answered.length === 2, patient);
    expect(answered).toEqual(["0", "1"]);
    expect(recalled()).toEqual(["2"]);
  });

  test("fails a task whose output is larger than any message, and goes on", async () => {
    const huge = { returnCode: 0, output: { length: 300_000_000 } as Buffer, message: undefined };
    serve(({ taskId }) => (taskId === "0" ? huge : done), 256);
    read();
    send(ids(2));
    await waitFor("the results", () => answered.length === 2, patient);
    expect(heard.flatMap(({ answers }) => answers)[0]?.result).toMatchObject({
      returnCode: -1,
      message: expect.stringMatching(/got 300000000 bytes, expected at most \d+; use put_object/),
    });
  });

  test("enters before it runs what came with that, and leaves after it, each answered", async () => {
    serve(() => {
      steps.push("task");
      return done;
    });
    read();
    const enter = { sessionId: "s", application: undefined, commonData: undefined };
    sendBatch({ enter, tasks: [{ taskId: "0", sessionId: "s", input: undefined }] });
    await waitFor("the result", () => answered.length === 1, patient);
    sendBatch({ leave: true });
    const told = () => heard.flatMap(({ done }) => (done === undefined ? [] : [done]));
    await waitFor("the answers", () => told().length === 2, patient);
    expect(steps).toEqual(["enter", "task", "leave"]);
    expect(told()).toEqual([
      { returnCode: 1, message: "enter" },
      { returnCode: 3, message: "leave" },
    ]);
  });

  test("ends its side when no more comes, after its last result", async () => {
    serve(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return done;
    });
    read();
    send(ids(3));
    tasks.end();
    await once(results, "end");
    expect(answered).toEqual(ids(3));
  });

  test.each([
    ["a message that is none", Buffer.from("00000004ffffffff", "hex")],
    ["noise", Buffer.alloc(32, 0xff)],
  ])("ends it after %s", async (_, bytes) => {
    serve(() => done);
    read();
    tasks.write(bytes);
    await once(results, "end");
    expect(begun).toEqual([]);
  });
});
