import { beforeEach, describe, expect, jest, test } from "@jest/globals";
import {
  ServiceBreach,
  ServiceGone,
  TaskStream,
} from "../../../src/executor-manager/work/task-stream.ts";
import type { ResultBatch } from "../../../src/protocol/generated/flame/stream/v1/service.ts";
import { ScriptedServiceCall } from "./scripted-service-call.ts";

let service: ScriptedServiceCall;
let stream: TaskStream;
let heard: string[];

const task = (taskId: string) => ({ taskId, sessionId: "s1", input: undefined });
const answers = (...taskIds: string[]) => ({
  answers: taskIds.map((taskId) => ({ taskId, result: { returnCode: 0 } })),
});

const listener = {
  answered: (all: readonly { taskId: string }[]) =>
    void heard.push(all.map(({ taskId }) => taskId).join(" ")),
  recalled: (taskIds: readonly string[]) => void heard.push(`recalled ${taskIds.join(" ")}`),
  awaits: (sessionIds: readonly string[]) => void heard.push(`awaits ${sessionIds.join()}`),
  done: ({ returnCode }: { returnCode: number }) => void heard.push(`done ${returnCode}`),
  drained: () => void heard.push("drained"),
  broken: (why: Error) => void heard.push(`broken: ${why.message}`),
};

beforeEach(() => {
  heard = [];
  service = new ScriptedServiceCall();
  stream = new TaskStream(service.link);
});

describe("the stream of tasks of a service", () => {
  test("runs a task, then another one", async () => {
    for (const id of ["1", "2"]) {
      const result = stream.invoke(task(id));
      service.answer(id);
      expect(await result).toMatchObject({ returnCode: 0 });
    }
    expect(service.sent).toEqual([["1"], ["2"]]);
  });

  test("has so many tasks ahead as the service says, and no more than 256", () => {
    expect(stream.ahead).toBe(0);
    service.say({ ahead: 7 });
    expect(stream.ahead).toBe(7);
    service.say({ ahead: 4_000_000_000 });
    expect(stream.ahead).toBe(256);
  });

  test("tells what came in one piece at once, in its order, however the pieces are cut", () => {
    stream.listen(listener);
    service.say(answers("1"), answers("2"), { recalled: { taskIds: ["4"] } }, answers("3"));
    expect(heard).toEqual(["1 2", "recalled 4", "3"]);
    const whole = new ScriptedServiceCall();
    const bytes: Buffer[] = [];
    whole.results.on("data", (chunk: Buffer) => bytes.push(chunk));
    whole.say(answers("5"), answers("6"));
    for (const byte of Buffer.concat(bytes)) service.tell(Buffer.of(byte));
    expect(heard.slice(3)).toEqual(["5", "6"]);
  });

  test("that breaks is a lost connection, not a breach", async () => {
    const result = stream.invoke(task("1"));
    service.fail("gone");
    await expect(result).rejects.toBeInstanceOf(ServiceGone);
    await expect(result).rejects.toThrow("gone");
    expect(stream.isOpen).toBe(false);
  });

  test("that the service ends is a breach", async () => {
    const result = stream.invoke(task("1"));
    service.end();
    await expect(result).rejects.toBeInstanceOf(ServiceBreach);
  });

  test("that ended while nobody listened says so to whoever comes", async () => {
    service.end();
    expect(stream.isOpen).toBe(false);
    await expect(stream.invoke(task("1"))).rejects.toThrow("ended its stream of tasks");
  });

  test("tells the results that lie in it before its end, when tasks reach the service no more", () => {
    stream.listen(listener);
    service.tasks.emit("error", new Error("EPIPE"));
    service.tasks.emit("close");
    service.answer("1");
    service.end();
    expect(heard).toEqual(["1", "broken: ended its stream of tasks"]);
  });

  test("does not wait forever for the results of a service that closed the connection of its tasks", () => {
    jest.useFakeTimers();
    try {
      stream.listen(listener);
      service.tasks.emit("close");
      jest.advanceTimersByTime(999);
      expect(heard).toEqual([]);
      jest.advanceTimersByTime(1);
      expect(heard).toEqual(["broken: closed the connection of its tasks"]);
    } finally {
      jest.useRealTimers();
    }
  });

  test("refuses an answer to another task, names both, and is given up", async () => {
    const result = stream.invoke(task("1"));
    service.answer("x".repeat(5_000));
    await expect(result).rejects.toThrow(/^answered task "x{100}" when task 1 was due/);
    expect(service.cancelled).toBe(true);
  });

  test("refuses two answers to one task", async () => {
    const result = stream.invoke(task("1"));
    service.answer("1", "1");
    await expect(result).rejects.toThrow(/^answered task "1" when/);
  });

  test("refuses an answer without a result", async () => {
    const result = stream.invoke(task("1"));
    service.say({ answers: [{ taskId: "1", result: undefined }] });
    await expect(result).rejects.toBeInstanceOf(ServiceBreach);
  });

  test.each([
    ["noise", Buffer.alloc(32, 0xff), /a message of 4294967295 bytes \(expected at most 268435456/],
    ["one byte too many", Buffer.from("10000001", "hex"), /a message of 268435457 bytes/],
    ["nonsense", Buffer.from("00000002ffff", "hex"), /^broken: sent what is no result: /],
  ])("refuses %s, after the results before it", (_, bytes, why) => {
    stream.listen(listener);
    const results = new ScriptedServiceCall();
    const chunks: Buffer[] = [];
    results.results.on("data", (chunk: Buffer) => chunks.push(chunk));
    results.answer("1");
    service.tell(Buffer.concat([...chunks, bytes]));
    expect(heard).toEqual(["1", expect.stringMatching(why)]);
    expect(service.cancelled).toBe(true);
  });

  test("hears nothing more of a service that was given up", async () => {
    const result = stream.invoke(task("1"));
    service.answer("2");
    await expect(result).rejects.toBeInstanceOf(ServiceBreach);
    stream.listen(listener);
    heard = [];
    service.answer("1");
    service.drain();
    service.end();
    service.fail("cancelled");
    expect(heard).toEqual([]);
  });

  test("that is given up tells who listens", () => {
    stream.listen(listener);
    stream.cancel();
    expect(heard).toEqual(["broken: it was given up"]);
  });

  test("enters and leaves the session, and tells what the service says of it", async () => {
    const context = { sessionId: "s1", application: undefined, commonData: undefined };
    const entered = stream.enter(context);
    expect(service.written.at(-1)).toMatchObject({ enter: { sessionId: "s1" }, leave: false });
    service.say({ done: { returnCode: -1, message: "not today" } });
    expect(await entered).toEqual({ returnCode: -1, message: "not today" });
    const left = stream.leave(60_000);
    expect(service.written.at(-1)).toMatchObject({ enter: undefined, leave: true });
    service.say({ done: { returnCode: 0 } });
    expect(await left).toMatchObject({ returnCode: 0 });
    expect(service.cancelled).toBe(false);
  });

  test("waits so long for a service that leaves, and no longer", async () => {
    await expect(stream.leave(1)).rejects.toThrow("no answer for 0.001 seconds");
  });

  test.each<[string, Partial<ResultBatch>, RegExp]>([
    ["a result", answers("3"), /^answered task "3" when no task runs/],
    ["tasks", { recalled: { taskIds: [] } }, /^gave back tasks that nobody had asked for/],
  ])("takes %s for a breach while the service enters", async (_, said, why) => {
    const context = { sessionId: "s1", application: undefined, commonData: undefined };
    const entered = stream.enter(context);
    service.say(said);
    await expect(entered).rejects.toThrow(why);
    await expect(entered).rejects.toBeInstanceOf(ServiceBreach);
    expect(service.cancelled).toBe(true);
  });

  test("takes word of the session for a breach while a task runs", async () => {
    const result = stream.invoke(task("1"));
    service.say({ done: { returnCode: 0 } });
    await expect(result).rejects.toThrow("told of its session when nobody had asked");
    expect(service.cancelled).toBe(true);
  });
});
