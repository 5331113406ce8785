import { describe, expect, it } from "@jest/globals";
import { flmctl } from "../../../src/cli/flmctl/program.ts";
import { application, fakeContext } from "./tools.ts";

const hostile = "\u001b[2J\u009b31mred\r\n\tnext";
const cluster = {
  getApplication: async () => application({ spec: { description: hostile } }),
};

describe("the terminal of flmctl", () => {
  it("is not steered by texts of others when a person reads it", async () => {
    const context = fakeContext(cluster, { interactive: true });
    expect(await flmctl(["view", "-a", "x"], context)).toBe(0);
    expect(context.out()).toContain("Description:   [2J31mred\n\tnext\n");
  });

  it("passes on to a program what there is", async () => {
    const context = fakeContext(cluster);
    expect(await flmctl(["view", "-a", "x"], context)).toBe(0);
    expect(context.out()).toContain(`Description:   ${hostile}\n`);
  });
});
