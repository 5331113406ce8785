import { describe, expect, it } from "@jest/globals";
import { errorTable, FlameError } from "../../../src/model/errors.ts";
import {
  addResources,
  fits,
  formatMemory,
  formatResources,
  parseResources,
  parseSize,
  sameResources,
  subtractResources,
} from "../../../src/model/resources.ts";
import { checkSessionId } from "../../../src/model/session.ts";
import { isTerminal, leaseOf, parseTaskId, type TaskRecord } from "../../../src/model/task.ts";

const kib = 1024;

describe("sizes", () => {
  it.each([
    ["0", 0],
    ["512", 512],
    ["512b", 512],
    ["1k", kib],
    ["1.5K", 1.5 * kib],
    ["2m", 2 * kib ** 2],
    ["64MiB", 64 * kib ** 2],
    ["2Gi", 2 * kib ** 3],
    ["4 g", 4 * kib ** 3],
    ["1t", kib ** 4],
    ["1P", kib ** 5],
    [" 7 ", 7],
  ])("%j is %d bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(["", "g", "-1", "1x", "1,5g", "1e3", "0x10"])("%j is refused by name", (text) => {
    expect(() => parseSize(text)).toThrow(`invalid size: got "${text}"`);
  });

  it.each([
    [0, "0B"],
    [1023, "1023B"],
    [1024, "1Ki"],
    [kib ** 2 + 1, "1Mi"],
    [5 * kib ** 3, "5Gi"],
    [2048 * kib ** 3, "2048Gi"],
  ])("%d bytes are shown as %s", (bytes, text) => {
    expect(formatMemory(bytes)).toBe(text);
  });
});

describe("resources", () => {
  const a = { cpu: 4, memory: 8, gpu: 1 };
  const b = { cpu: 1, memory: 8, gpu: 0 };

  it("add, subtract, compare", () => {
    expect(addResources(a, b)).toEqual({ cpu: 5, memory: 16, gpu: 1 });
    expect(subtractResources(a, b)).toEqual({ cpu: 3, memory: 0, gpu: 1 });
    expect(sameResources(a, { ...a })).toBe(true);
    for (const other of [
      { ...a, cpu: 0 },
      { ...a, memory: 0 },
      { ...a, gpu: 0 },
    ])
      expect(sameResources(a, other)).toBe(false);
  });

  it("fit only when every field does", () => {
    expect(fits(b, a)).toBe(true);
    expect(fits(a, a)).toBe(true);
    for (const field of ["cpu", "memory", "gpu"] as const)
      expect(fits({ ...a, [field]: a[field] + 1 }, a)).toBe(false);
  });

  it.each([
    ["cpu=2,mem=4g,gpu=1", { cpu: 2, memory: 4 * kib ** 3, gpu: 1 }],
    ["GPU=1, Memory=512m", { cpu: 0, memory: 512 * kib ** 2, gpu: 1 }],
    ["cpu=1", { cpu: 1, memory: 0, gpu: 0 }],
  ])("%s is read", (text, resources) => {
    expect(parseResources(text)).toEqual(resources);
  });

  it.each([
    ["", ""],
    ["cpu", "cpu"],
    ["cpu=", "cpu="],
    ["cpu=1.5", "cpu=1.5"],
    ["cpu=-1", "cpu=-1"],
    ["disk=1", "disk=1"],
    ["cpu=1,mem=2=3", "mem=2=3"],
  ])("%j is refused, and %j is named", (text, entry) => {
    expect(() => parseResources(text)).toThrow(`got "${entry}"`);
  });

  it("are shown as they are written", () => {
    expect(formatResources({ cpu: 2, memory: kib ** 3, gpu: 1 })).toBe("cpu=2,mem=1Gi,gpu=1");
  });
});

describe("ids", () => {
  it.each(["a", "my-app-x7Yd2k", "ü", "a.b", "x".repeat(253)])("%s is a session id", (id) => {
    expect(() => checkSessionId(id)).not.toThrow();
  });

  it.each(["", "a/b", "a\\b", "a..b", "a\nb", "\u007f", "x".repeat(254), "ü".repeat(127)])(
    "%j is not",
    (id) => {
      expect(() => checkSessionId(id)).toThrow("invalid session id");
    },
  );

  it.each([
    ["1", 1],
    ["0", 0],
    ["-5", -5],
    ["007", 7],
  ])("%s is task %d", (text, id) => {
    expect(parseTaskId(text)).toBe(id);
  });

  it.each(["", "x", "1.5", "1e3", " 1", "0x1", "9007199254740993", "99999999999999999999"])(
    "%j is no task id",
    (text) => {
      expect(() => parseTaskId(text)).toThrow("invalid task id");
    },
  );
});

describe("tasks", () => {
  it("are terminal in three of five states", () => {
    const states = ["Pending", "Running", "Succeed", "Failed", "Cancelled"] as const;
    expect(states.filter(isTerminal)).toEqual(["Succeed", "Failed", "Cancelled"]);
  });

  it("a lease names the attempt, the task, its session and which one of that name, in ASCII", () => {
    const task: TaskRecord = {
      sessionId: "s",
      id: 1,
      state: "Running",
      creationTime: 5,
      attempt: 1,
      crashes: 0,
      lostNodes: 0,
      term: 0,
      events: [],
    };
    const others = [
      { ...task, attempt: 2 },
      { ...task, id: 2 },
      { ...task, sessionId: "t" },
      { ...task, creationTime: 6 },
      // No separator inside an id may make two leases look alike.
      { ...task, sessionId: "5:s" },
    ];
    expect(new Set([task, ...others].map(leaseOf)).size).toBe(6);
    expect(leaseOf({ ...task, sessionId: "größe 1" })).toMatch(/^[\x21-\x7e]+$/);
  });
});

describe("errors", () => {
  it("have a status and an exit code", () => {
    for (const { grpcStatus, exitCode } of Object.values(errorTable)) {
      expect(grpcStatus).toBeGreaterThan(0);
      expect(exitCode).toBeGreaterThan(0);
    }
  });

  it("are known by their mark, also from another copy of the class", () => {
    const copy = Object.assign(new Error("text"), {
      [Symbol.for("flame.FlameError")]: true,
      code: "not_found",
    });
    expect(copy).toBeInstanceOf(FlameError);
    expect(FlameError.from(copy)).toBe(copy);
    expect(new Error("text")).not.toBeInstanceOf(FlameError);
    for (const value of [null, undefined, "text", {}])
      expect(value instanceof FlameError).toBe(false);
  });

  it("become internal with the original as their cause when they are of another kind", () => {
    const cause = new TypeError("undefined is not a function");
    expect(FlameError.from(cause)).toMatchObject({
      code: "internal",
      message: cause.message,
      cause,
    });
    expect(FlameError.from("just text").message).toBe("just text");
  });
});
