import { describe, expect, test } from "@jest/globals";
import { readPrintable } from "../../../src/protocol/request-id.ts";
import { RequestTrail } from "../../../src/session-manager/request-trail.ts";

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

  test("forgets the oldest beyond 20,000", () => {
    const trail = new RequestTrail();
    for (let task = 1; task <= 20_001; task++) trail.made("s", String(task), "a");
    expect([trail.find("s", "1"), trail.find("s", "2")]).toEqual([undefined, "a"]);
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
