import { describe, expect, it } from "@jest/globals";
import { flmctl } from "../../../src/cli/flmctl/program.ts";
import { version } from "../../../src/cli/version.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { fakeContext, session } from "./tools.ts";

const commands = [
  "list",
  "view",
  "register",
  "update",
  "unregister",
  "create",
  "close",
  "delete",
  "deploy",
  "completion",
  "logs",
];

describe("flmctl", () => {
  it("prints its help without a command, naming all of them, and succeeds", async () => {
    const context = fakeContext();
    expect(await flmctl([], context)).toBe(0);
    for (const command of commands) expect(context.out()).toContain(`\n  ${command} `);
  });

  it.each(commands)("shows an example in the help of %s", async (command) => {
    const context = fakeContext();
    expect(await flmctl([command, "--help"], context)).toBe(0);
    expect(context.out()).toMatch(/Examples?:\n {2}flmctl /);
  });

  it.each(["-V", "--version"])("prints its version with %s", async (flag) => {
    const context = fakeContext();
    expect(await flmctl([flag], context)).toBe(0);
    expect(context.out()).toBe(`flmctl ${version}\n`);
  });

  it("hands --config to the connection", async () => {
    const context = fakeContext({ listNodes: async () => [] });
    await flmctl(["--config", "/x.yaml", "list", "node"], context);
    expect(context.configs).toEqual(["/x.yaml"]);
  });

  it.each([
    [["--verbose", "list", "node"], "Error (not_found): no such place\n"],
    [["list", "node", "--verbose"], "Error (not_found): no such place\n"],
    [["list", "node"], "Error: no such place\n"],
    [["list", "node", "-o", "json"], '{"error":{"code":"not_found","message":"no such place"}}\n'],
    [["list", "node", "-ojson"], '{"error":{"code":"not_found","message":"no such place"}}\n'],
    [
      ["list", "node", "--output=json"],
      '{"error":{"code":"not_found","message":"no such place"}}\n',
    ],
  ])("tells the code of an error to who asks for it: %j", async (argv, expected) => {
    const listNodes = () => Promise.reject(new FlameError("not_found", "no such place"));
    const context = fakeContext({ listNodes });
    expect(await flmctl(argv, context)).toBe(1);
    expect(context.err()).toBe(expected);
  });

  it("prints an unexpected failure in the same way, its further lines indented", async () => {
    const context = fakeContext({ listNodes: () => Promise.reject(new TypeError('say "x"\nnow')) });
    expect(await flmctl(["list", "node"], context)).toBe(1);
    expect(context.err()).toBe('Error: say "x"\n  now\n');
  });
});

describe("flmctl create, close and delete", () => {
  it("creates a session and prints its id", async () => {
    const asked: unknown[] = [];
    const context = fakeContext({
      createSession: async (spec) => {
        asked.push(spec);
        return session() as never;
      },
    });
    expect(
      await flmctl(["create", "-a", "flmping", "-p", "3", "-r", "cpu=2,mem=1g"], context),
    ).toBe(0);
    expect(context.out()).toBe("Session <flmping-Sf4R2o> was created.\n");
    const resreq = { cpu: 2, memory: 1024 ** 3, gpu: 0 };
    expect(asked).toEqual([{ application: "flmping", priority: 3, resreq }]);
  });

  it("creates by the natural form", async () => {
    const asked: unknown[] = [];
    const context = fakeContext({
      createSession: async (spec) => {
        asked.push(spec);
        return session() as never;
      },
    });
    expect(await flmctl(["create", "session", "flmping"], context)).toBe(0);
    expect(asked).toEqual([{ application: "flmping", priority: 0 }]);
  });

  it.each([
    [["create"], "required option"],
    [["create", "session"], "required option"],
    [["create", "-a", "x", "-p", "-1"], "whole number"],
    [["create", "-a", "x", "-p", "4294967296"], "whole number"],
    [["create", "-a", "x", "-r", "cpu=many"], "cpu=many"],
  ])("answers %p with a usage error", async (argv, text) => {
    const context = fakeContext();
    expect(await flmctl(argv, context)).toBe(2);
    expect(context.err()).toContain(text);
  });

  it.each([[["close", "-s", "x"]], [["close", "session", "x"]]])("closes by %p", async (argv) => {
    const context = fakeContext({ closeSession: async (id) => session({ id }) });
    expect(await flmctl(argv, context)).toBe(0);
    expect(context.out()).toBe("Session <x> was closed.\n");
  });

  it("deletes, and passes the server's refusal on", async () => {
    const context = fakeContext({
      deleteSession: async (id) => {
        if (id === "open") throw new FlameError("internal", "Cannot delete open session");
        return session({ id });
      },
    });
    expect(await flmctl(["delete", "session", "x"], context)).toBe(0);
    expect(context.out()).toBe("Session <x> was deleted.\n");
    expect(await flmctl(["delete", "-s", "open"], context)).toBe(1);
    expect(context.err()).toBe("Error: Cannot delete open session\n");
  });

  it.each([[["close"]], [["close", "app", "x"]], [["delete", "session"]]])(
    "refuses %p",
    async (argv) => {
      const context = fakeContext();
      expect(await flmctl(argv, context)).toBe(1);
      expect(context.err()).toContain("unsupported parameters");
    },
  );
});
