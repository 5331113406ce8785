import { describe, expect, it } from "@jest/globals";
import { FlameError } from "../../../src/model/errors.ts";
import { HostedService } from "../../../src/sdk/hosted-service.ts";
import type { Service, ServiceTask } from "../../../src/sdk/service-types.ts";
import { toldFailure } from "../../../src/sdk/told-failure.ts";

const application = { name: "app", shim: 0, url: "file:///x" } as const;
const asContext = (commonData?: unknown) => ({
  sessionId: "s",
  application: {
    ...application,
    image: undefined,
    command: "x",
    workingDirectory: undefined,
    installer: undefined,
  },
  commonData: commonData === undefined ? undefined : Buffer.from(JSON.stringify(commonData)),
});
const taskOf = (input: unknown, taskId = "1") => ({
  taskId,
  sessionId: "s",
  input: Buffer.from(JSON.stringify(input)),
});

async function entered<State>(
  service: Service<number, unknown, unknown, State>,
  commonData?: unknown,
) {
  const hosted = new HostedService(service);
  await hosted.onSessionEnter(asContext(commonData));
  return hosted;
}

describe("a hosted service", () => {
  it("hands session, state and decoded input to each task, and gives its output as bytes at once", async () => {
    const seen: unknown[] = [];
    const hosted = await entered<{ base: unknown }>(
      {
        onSessionEnter: ({ id, application: { name, url }, commonData }) => {
          seen.push(id, name, url);
          return { base: commonData };
        },
        onTaskInvoke: (input, { id, state, session }) => ({ id, input, ...state, of: session.id }),
        onSessionLeave: (state) => seen.push(state) as never,
      },
      5,
    );
    expect(hosted.onTaskInvoke(taskOf(7))).toEqual(
      Buffer.from(JSON.stringify({ id: "1", input: 7, base: 5, of: "s" })),
    );
    await hosted.onSessionLeave();
    expect(seen).toEqual(["s", "app", "file:///x", { base: 5 }]);
  });

  it("gives no output for undefined, and waits for promises", async () => {
    const hosted = await entered({
      onTaskInvoke: (n) => (n === 0 ? undefined : Promise.resolve(n)),
    });
    expect(hosted.onTaskInvoke(taskOf(0))).toBeUndefined();
    expect(await hosted.onTaskInvoke(taskOf(1))).toEqual(Buffer.from("1"));
  });

  it.each([
    [
      "an input that is no JSON",
      { ...taskOf(0), input: Buffer.from("pong") },
      "the input of task 1: got 4 bytes that are no JSON",
    ],
    ["an output that JSON cannot say", taskOf(-1), "the output: a value cannot be written as JSON"],
    ["a rejection", taskOf(-2), "TypeError: later"],
    ["an exception", taskOf(-3), "at "],
  ])("fails the task alone, and tells why: %s", async (_, task, words) => {
    const hosted = await entered({
      onTaskInvoke: (n) => {
        if (n === -1) return 1n;
        if (n === -2) return Promise.reject(new TypeError("later"));
        if (n === -3) throw new Error("now");
        return n;
      },
    });
    await expect(async () => hosted.onTaskInvoke(task)).rejects.toThrow(words);
    expect(hosted.onTaskInvoke(taskOf(3))).toEqual(Buffer.from("3"));
  });

  it("told to end: aborts the running task's signal, waits for it, leaves the session once and begins nothing more", async () => {
    const steps: string[] = [];
    let finish = (): void => undefined;
    const hosted = await entered<string>({
      onSessionEnter: () => "state",
      onTaskInvoke: (n, { signal }: ServiceTask<unknown, string>) => {
        steps.push(`task ${n}`);
        signal.addEventListener("abort", () => steps.push("aborted"));
        return new Promise<void>((resolve) => {
          finish = resolve;
        });
      },
      onSessionLeave: (state) => {
        steps.push(`left ${state}`);
      },
    });
    void hosted.onTaskInvoke(taskOf(1));
    const stopped = hosted.stop();
    void hosted.onTaskInvoke(taskOf(2));
    await new Promise((resolve) => setImmediate(resolve));
    expect(steps).toEqual(["task 1", "aborted"]);
    finish();
    await stopped;
    await hosted.stop();
    expect(steps).toEqual(["task 1", "aborted", "left state"]);
  });

  it("leaves no session that was not entered", async () => {
    const hosted = new HostedService({
      onSessionEnter: () => {
        throw new Error("no database");
      },
      onTaskInvoke: () => 0,
      onSessionLeave: () => {
        throw new Error("left");
      },
    });
    await expect(hosted.onSessionEnter(asContext())).rejects.toThrow("no database");
    await hosted.stop();
  });

  it.each([[-1], [257], [1.5], [Number.NaN]])("refuses tasksAhead %p", (tasksAhead) => {
    expect(() => new HostedService({ tasksAhead, onTaskInvoke: () => 0 })).toThrow(
      `tasksAhead: got ${tasksAhead}, expected a whole number from 0 to 256`,
    );
  });
});

describe("what a client is told of a failure", () => {
  it("is the text of a FlameError, name, text and own frames of an error, and the text of anything else", () => {
    expect(toldFailure(new FlameError("aborted", "no word"))).toBe("no word");
    const told = toldFailure(new RangeError("too far"));
    expect(told).toMatch(/^RangeError: too far\n\s+at /);
    expect(told).not.toContain("node:internal");
    const bundled = new Error("x");
    bundled.stack =
      "Error: x\n    at mine (file:///srv/a/service.js:1:1)\n    at run (file:///srv/a/node_modules/flame-ts/service.js:1:1)";
    expect(toldFailure(bundled)).toBe("Error: x\n    at mine (file:///srv/a/service.js:1:1)");
    expect(toldFailure("text")).toBe("text");
    expect(toldFailure({ stack: 1, message: "odd" })).toBe("odd");
    const long = new Error("x");
    long.stack = "y".repeat(100_000);
    expect(toldFailure(long)).toHaveLength(8_192);
  });
});
