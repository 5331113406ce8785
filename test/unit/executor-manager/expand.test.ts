import { describe, expect, test } from "@jest/globals";
import { expandAll, expandKnown } from "../../../src/executor-manager/expand.ts";

const lookup = (name: string) => ({ A: "1", LONG_2: "two", EMPTY: "" })[name];

describe("variables in commands", () => {
  test.each([
    ["$A/${LONG_2}", "1/two"],
    ["${A}x$Ax", "1x$Ax"],
    ["${NONE:-default}", "default"],
    ["${A:-default}${EMPTY:-unused}", "1"],
    ["${NONE:-}", ""],
    ["$$A ${", "$A ${"],
    ["$ $- $/", "$ $- $/"],
    ["~ $(A) `A`", "~ $(A) `A`"],
    ["python${FLAME_PYTHON_VERSION} ${A}", "python${FLAME_PYTHON_VERSION} 1"],
    ["${not closed", "${not closed"],
  ])("%j becomes %j", (text, expanded) => {
    expect(expandKnown(text, lookup)).toBe(expanded);
  });
});

describe("variables in environments", () => {
  test("one that is not set leaves the whole value as it was written", () => {
    expect(expandAll("$A/${NONE}", lookup)).toBe("$A/${NONE}");
    expect(expandAll("$A/${NONE:-x}/$$", lookup)).toBe("1/x/$");
  });
});
