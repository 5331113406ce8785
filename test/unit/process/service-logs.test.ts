import { expect, test } from "@jest/globals";
import { serviceLogFolder, sessionLogFolder } from "../../../src/process/service-logs.ts";

test("each session has a log folder of its own, and none of ours", () => {
  const ids = ["x", ".x", "%2Ex", "%252Ex", "%x", "%25x", ".nodes", "%2Enodes", "a.b", "a%2Eb"];
  const folders = ids.map((id) => sessionLogFolder("/home", id));
  expect(new Set(folders).size).toBe(ids.length);
  expect(folders).not.toContain(`${serviceLogFolder("/home")}/.nodes`);
});
