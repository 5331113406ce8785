import { describe, expect, test } from "@jest/globals";
import { readPrintable } from "../../../src/protocol/request-id.ts";
import { RequestTrail } from "../../../src/session-manager/calls/request-trail.ts";

describe("the trail of requests", () => {
  test("tells which request made a session and which a task of it", () => {
    const trail = new RequestTrail();
    trail.made("s", undefined, "a");
    trail.made("s", "1", "b");
    expect([trail.find("s"), trail.find("s", "1"), trail.find("s", "2")]).toEqual([
      "a",
      "b",
      undefined,
    ]);
  });

  test("keeps the request that made a session when it is opened again, until it is deleted", () => {
    const trail = new RequestTrail();
    trail.made("s", undefined, "a");
    trail.opened("s", "b");
    expect(trail.find("s")).toBe("a");
    trail.forget("s");
    trail.opened("s", "c");
    expect(trail.find("s")).toBe("c");
  });

  test("forgets the oldest, and never the newest 20,000", () => {
    const trail = new RequestTrail();
    for (let task = 1; task <= 60_001; task++) trail.made("s", String(task), "a");
    const found = ["1", "20000", "40002", "60001"].map((task) => trail.find("s", task));
    expect(found).toEqual([undefined, undefined, "a", "a"]);
  });
});

describe("the trail of what streams made", () => {
  test("tells which request made a task that came with others", () => {
    const trail = new RequestTrail();
    trail.madeTasks("s", 1, 100, "a");
    trail.madeTasks("s", 101, 100, "a");
    trail.madeTasks("s", 201, 1, "b");
    trail.made("s", "202", "c");
    trail.madeTasks("s", 203, 10, "a");
    const found = ["1", "200", "201", "202", "203", "213"].map((task) => trail.find("s", task));
    expect(found).toEqual(["a", "a", "b", "c", "a", undefined]);
    expect(trail.find("t", "1")).toBeUndefined();
  });

  test("counts the newest request where a session was deleted and its name used again", () => {
    const trail = new RequestTrail();
    trail.madeTasks("s", 1, 100, "a");
    trail.madeTasks("s", 1, 10, "b");
    expect([trail.find("s", "5"), trail.find("s", "50")]).toEqual(["b", undefined]);
    trail.made("s", "5", "c");
    expect(trail.find("s", "5")).toBe("c");
    trail.forget("s");
    expect(trail.find("s", "6")).toBeUndefined();
  });

  test("is bounded: of a session the newest 1,024 ranges, of sessions at least the newest 20,000", () => {
    const trail = new RequestTrail();
    for (let task = 1; task <= 2_000; task++) trail.madeTasks("s", task, 1, `r${task}`);
    expect([trail.find("s", "1"), trail.find("s", "2000")]).toEqual([undefined, "r2000"]);
    for (let session = 0; session < 60_000; session++) trail.madeTasks(`t${session}`, 1, 1, "a");
    const found = ["s", "t0", "t40000", "t59999"].map((session) => trail.find(session, "1"));
    expect(found).toEqual([undefined, undefined, "a", "a"]);
  });
});

describe("a request id from outside", () => {
  test.each([
    [["a-1"], "a-1"],
    [[], undefined],
    [[""], undefined],
    [["with space"], undefined],
    [["line\nbreak"], undefined],
    [["x".repeat(129)], undefined],
    [[Buffer.from("a")], undefined],
  ])("%j is read as %j", (values, expected) => {
    expect(readPrintable(values)).toBe(expected);
  });
});
