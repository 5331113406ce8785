import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { flmctl } from "../../../src/cli/flmctl/program.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { fakeContext } from "./tools.ts";

let folder: string;
const file = (text: string): string => {
  const path = join(folder, "app.yaml");
  writeFileSync(path, text);
  return path;
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "flame-flmctl-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A cluster that notes what it is sent and refuses one name. */
function recorder(): { cluster: object; sent: unknown[] } {
  const sent: unknown[] = [];
  const note = async (...call: unknown[]): Promise<void> => {
    if (call[1] === "taken")
      throw new FlameError("already_exists", "application taken already exists");
    sent.push(call);
  };
  const cluster = {
    registerApplication: (name: string, spec: object) => note("register", name, spec),
    updateApplication: (name: string, spec: object) => note("update", name, spec),
    unregisterApplication: (name: string) => note("unregister", name),
  };
  return { cluster, sent };
}

async function run(
  ...argv: string[]
): Promise<{ code: number; err: string; out: string; sent: unknown[] }> {
  const { cluster, sent } = recorder();
  const context = fakeContext(cluster);
  const code = await flmctl(argv, context);
  return { code, err: context.err(), out: context.out(), sent };
}

const two = `metadata: { name: one }
spec: { command: x, url: "file:///opt/x.whl" }
---
metadata: { name: two }
spec: { command: x }
`;

describe("flmctl register", () => {
  it("registers every document in order and prints nothing", async () => {
    expect(await run("register", "-f", file(two))).toEqual({
      code: 0,
      err: "",
      out: "",
      sent: [
        ["register", "one", { command: "x", url: "file:///opt/x.whl" }],
        ["register", "two", { command: "x" }],
      ],
    });
  });

  it("sends nothing when any document has a fault, and tells every fault with its place", async () => {
    const path = file(`${two}---\nmetadata: { name: three }\nspec:\n  comand: x\n  shim: Docker\n`);
    const { code, err, sent } = await run("register", "-f", path);
    expect(code).toBe(1);
    expect(sent).toEqual([]);
    const lines = err.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain(`${path}:9:3: spec.comand`);
    expect(lines[0]).toContain('did you mean "command"');
    expect(lines[1]).toContain(`${path}:10:9: spec.shim`);
    expect(lines[2]).toBe(`Error: ${path}: 2 faults, nothing was sent`);
  });

  it("sends nothing when two documents name the same application, and tells both places", async () => {
    const text = two.replace("name: two", "name: one");
    const { code, err, sent } = await run("register", "-f", file(text));
    expect({ code, sent }).toEqual({ code: 1, sent: [] });
    expect(err).toContain(
      `/app.yaml:4:19: metadata.name: got "one" again, as at 1:19, expected each application in one document`,
    );
  });

  it("puts a single fault into the one line of the error", async () => {
    const path = file("metadata: { name: one }\nspec:\n  url: ftp://x/y\n  command: x\n");
    const { err } = await run("register", "-f", path);
    expect(err).toMatch(/^Error: .*:3:8: .*invalid url.*\n$/);
  });

  it("stops at the first that the server refuses and says what is registered", async () => {
    const path = file(
      `${two}---\nmetadata: { name: taken }\nspec: { command: x }\n---\nmetadata: { name: z }\nspec: { command: x }\n`,
    );
    const { code, err, sent } = await run("register", "-f", path);
    expect(code).toBe(1);
    expect(sent).toHaveLength(2);
    expect(err).toContain("Error: ");
    expect(err).toContain(
      "document 3 of 4: application taken already exists; registered before it: one, two",
    );
  });

  it("names a file that cannot be read", async () => {
    const { code, err } = await run("register", "-f", join(folder, "none.yaml"));
    expect(code).toBe(1);
    expect(err).toMatch(/^Error: cannot read .*none.yaml: ENOENT/);
  });

  it("needs a file", async () => {
    expect(await run("register")).toMatchObject({ code: 2 });
  });
});

describe("flmctl update", () => {
  it.each(["-f", "--file", "-a", "--application"])(
    "replaces one application with %s",
    async (flag) => {
      const path = file("metadata: { name: one }\nspec: { command: x }\n");
      expect(await run("update", flag, path)).toMatchObject({
        code: 0,
        sent: [["update", "one", { command: "x" }]],
      });
    },
  );

  it("takes exactly one document", async () => {
    const { code, err, sent } = await run("update", "-f", file(two));
    expect(code).toBe(1);
    expect(err).toContain("got 2 documents, expected one");
    expect(sent).toEqual([]);
  });

  it("says what is missing", async () => {
    expect((await run("update")).err).toContain("unsupported parameters: no --file");
  });
});

describe("flmctl unregister", () => {
  it.each([[["one"]], [["app", "one"]], [["-a", "one"]], [["app"], "app"]])(
    "understands %p",
    async (argv, name = "one") => {
      expect((await run("unregister", ...argv)).sent).toEqual([["unregister", name]]);
    },
  );

  it.each([[[]], [["app", "one", "two"]], [["session", "x"]]])("refuses %p", async (argv) => {
    const { code, sent } = await run("unregister", ...argv);
    expect(code).toBe(1);
    expect(sent).toEqual([]);
  });
});
