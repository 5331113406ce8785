import { describe, expect, it } from "@jest/globals";
import { LocalUsers } from "../../../src/security/local-users.ts";

const users = new LocalUsers({
  passwd: "root:x:0:0:root:/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\nbob:x:1001:30::/:/bin/sh\n",
  group: "operators:x:30:alice,gone\nempty:x:31:\n# a comment\n",
});

describe("the users of this machine", () => {
  it("are named, or told by their uid", () => {
    expect(users.nameOf(1000)).toBe("alice");
    expect(users.nameOf(4711)).toBe("uid 4711");
  });

  it.each([
    ["alice", [1000]],
    ["1234", [1234]],
    [1234, [1234]],
    ["@operators", [1000, 1001]],
    ["@empty", []],
  ])("are found by %s", (entry, uids) => {
    expect(users.uidsOf(entry)).toEqual(uids);
  });

  it.each([
    ["carol", /got "carol", which this machine does not know; expected a user of \/etc\/passwd/],
    ["@none", /got "@none", .*expected a group of \/etc\/group/],
  ])("are refused by name when there is none: %s", (entry, text) => {
    expect(() => users.uidsOf(entry)).toThrow(text);
  });
});
