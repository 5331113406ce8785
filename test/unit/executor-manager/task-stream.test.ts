import { status } from "@grpc/grpc-js";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { RpcFailure } from "../../../src/executor-manager/unary.ts";
import {
  NoTaskStream,
  ServiceBreach,
  TaskStream,
} from "../../../src/executor-manager/work/task-stream.ts";
import { ScriptedServiceCall } from "./scripted-service-call.ts";

const calls: ScriptedServiceCall[] = [];
let stream: TaskStream;

const task = (taskId: string) => ({ taskId, sessionId: "s1", input: undefined });
const last = (): ScriptedServiceCall => calls.at(-1) as ScriptedServiceCall;

beforeEach(() => {
  calls.length = 0;
  stream = new TaskStream(() => {
    const call = new ScriptedServiceCall();
    calls.push(call);
    return call.call;
  });
});

describe("the stream of tasks of a service", () => {
  test("is asked for with the first task, and once", async () => {
    expect(calls).toHaveLength(0);
    for (const id of ["1", "2"]) {
      const result = stream.run(task(id));
      last().answer(id);
      expect(await result).toMatchObject({ returnCode: 0 });
    }
    expect(calls).toHaveLength(1);
    expect(last().sent).toEqual([["1"], ["2"]]);
  });

  test("has so many tasks ahead as the service says, and no more than 256", () => {
    stream.send([task("1")]);
    expect(stream.ahead).toBe(0);
    last().say({ ahead: 7 });
    expect(stream.ahead).toBe(7);
    last().say({ ahead: 4_000_000_000 });
    expect(stream.ahead).toBe(256);
  });

  test("is absent where the service does not know it, before it has said anything", async () => {
    const result = stream.run(task("1"));
    last().fail(status.UNIMPLEMENTED, "unknown service");
    await expect(result).rejects.toBeInstanceOf(NoTaskStream);
    expect(stream.absent).toBe(true);
  });

  test("is not absent when a service says so after it has answered: that is a breach", async () => {
    const first = stream.run(task("1"));
    last().answer("1");
    await first;
    const second = stream.run(task("2"));
    last().fail(status.UNIMPLEMENTED, "no more");
    await expect(second).rejects.toThrow("ended its stream of tasks with UNIMPLEMENTED: no more");
    expect(stream.absent).toBe(false);
  });

  test.each([status.UNAVAILABLE, status.CANCELLED])(
    "that breaks with status %d is a lost connection, not a breach",
    async (code) => {
      const result = stream.run(task("1"));
      last().fail(code, "gone");
      await expect(result).rejects.toBeInstanceOf(RpcFailure);
    },
  );

  test("that the service ends is a breach", async () => {
    const result = stream.run(task("1"));
    last().emit("end");
    await expect(result).rejects.toBeInstanceOf(ServiceBreach);
  });

  test("refuses an answer to another task, names both, and is given up", async () => {
    const result = stream.run(task("1"));
    last().answer("x".repeat(5_000));
    await expect(result).rejects.toThrow(/^answered task "x{100}" when task 1 was due/);
    expect(last().cancelled).toBe(true);
  });

  test("refuses an answer without a result", async () => {
    const result = stream.run(task("1"));
    last().say({ answers: [{ taskId: "1", result: undefined }] });
    await expect(result).rejects.toBeInstanceOf(ServiceBreach);
  });

  test("hears nothing more of a call that was given up", async () => {
    const result = stream.run(task("1"));
    const call = last();
    call.answer("2");
    await expect(result).rejects.toBeInstanceOf(ServiceBreach);
    const heard: string[] = [];
    stream.listen({
      answered: ({ taskId }) => void heard.push(taskId),
      recalled: () => void heard.push("recalled"),
      drained: () => void heard.push("drained"),
      broken: () => void heard.push("broken"),
    });
    call.answer("1");
    call.emit("drain");
    call.emit("end");
    call.fail(status.CANCELLED, "cancelled");
    expect(heard).toEqual([]);
  });
});
