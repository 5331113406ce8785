import { describe, expect, it } from "@jest/globals";
import { CancelledError, type Task, taskOutput } from "../../../src/client/index.ts";
import { FlameError } from "../../../src/model/errors.ts";

const at = (over: Partial<Task>): Task => ({
  id: "3",
  sessionId: "s",
  state: "Failed",
  creationTime: new Date(0),
  events: [],
  ...over,
});
const event = (code: number, message: string) => ({ code, message, time: new Date(0) });

function thrownBy(task: Task): FlameError {
  try {
    taskOutput(task);
  } catch (thrown) {
    return thrown as FlameError;
  }
  throw new Error("nothing was thrown");
}

describe("the output of a task", () => {
  it("is its bytes, or none, when it succeeded", () => {
    expect(taskOutput(at({ state: "Succeed", output: Buffer.from("x") }))?.toString()).toBe("x");
    expect(taskOutput(at({ state: "Succeed" }))).toBeUndefined();
  });

  it.each([
    [
      "was cancelled while it ran",
      at({ events: [event(1101, "cancelled by a (open, from b)"), event(3, "cancelled by a")] }),
      "task 3 of session s was cancelled by a",
    ],
    [
      "was cancelled before it ran",
      at({ state: "Cancelled", events: [event(1101, "cancelled by a (open, from b)")] }),
      "task 3 of session s was cancelled by a (open, from b)",
    ],
    [
      "was pending when its session was closed",
      at({ state: "Cancelled" }),
      "task 3 of session s was cancelled: its session was closed before it ran",
    ],
  ])("is a CancelledError when it %s", (_what, task, message) => {
    const error = thrownBy(task);
    expect(error).toBeInstanceOf(CancelledError);
    expect(error).toBeInstanceOf(FlameError);
    expect(error.message).toBe(message);
  });

  it("is the service's own failure otherwise, which is no CancelledError", () => {
    const error = thrownBy(at({ events: [event(3, "ValueError: no")] }));
    expect(error).toMatchObject({ code: "internal", message: "ValueError: no" });
    expect(error).not.toBeInstanceOf(CancelledError);
    expect(thrownBy(at({ state: "Running" })).message).toContain("is Running");
  });
});
