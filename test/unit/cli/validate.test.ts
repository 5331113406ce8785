import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { flmctl } from "../../../src/cli/flmctl/program.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { fakeContext } from "./tools.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeAll(() => {
  folder = temporaryFolder("validate");
});
afterAll(() => folder.remove());

/** Writes a file and tells its path. */
function file(name: string, content: string | Uint8Array): string {
  const path = join(folder.path, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** No cluster is there to be asked. */
async function validate(
  ...argv: string[]
): Promise<{ code: number; out: string; err: string; asked: number }> {
  return validateWith("", ...argv);
}

async function validateWith(
  stdin: string,
  ...argv: string[]
): Promise<{ code: number; out: string; err: string; asked: number }> {
  const context = fakeContext({}, { stdin });
  const code = await flmctl(["validate", ...argv], context);
  return { code, out: context.out(), err: context.err(), asked: context.configs.length };
}

const good = "metadata: { name: a }\nspec: { command: x }\n";

describe("flmctl validate", () => {
  it("asks no cluster", async () => {
    expect(await validate("-f", file("good.yaml", good))).toEqual({
      code: 0,
      out: "1 application without faults\n",
      err: "",
      asked: 0,
    });
    expect((await validateWith(good, "-f", "-")).out).toBe("1 application without faults\n");
  });

  it("tells every fault of every document of every file, each with its line", async () => {
    const one = file("one.yaml", `${good}---\nmetadata: { name: b }\nspec:\n\tcommand: x\n`);
    const two = file("two.yaml", `metadata: { name: c }\nspec: { ulr: x, shim: Docker }\n`);
    const { code, err } = await validate("-f", one, "-f", two);
    expect(code).toBe(1);
    expect(err).toMatch(new RegExp(`^${one}:6:1: got `));
    expect(err).toContain(`${two}:2:9: spec.ulr: got`);
    expect(err).toContain("    2 | spec: { ulr: x, shim: Docker }\n      |         ^\n");
    expect(err).toContain(
      "    2 | spec: { ulr: x, shim: Docker }\n      |                       ^\n",
    );
    expect(err).toMatch(/Error: 3 faults in 3 documents\n$/);
  });

  it("finds a name that is in two files, and says where it was first", async () => {
    const one = file("same/1.yaml", good);
    const two = file("same/2.yaml", `# again\n${good}`);
    const { err } = await validate("-f", join(folder.path, "same"));
    expect(err).toContain(
      `${two}:2:19: metadata.name: got "a" again, as at ${one}:1:19, expected each application in one document; keep one of them`,
    );
  });

  it("shows of a long line what is around the fault, and nothing that steers a terminal", async () => {
    const labels = `[${"'a', ".repeat(100)}5, ${"'b', ".repeat(100)}]`;
    const path = file(
      "long.yaml",
      `metadata: { name: a }\nspec:\n  labels: ${labels}\n  "\u009b2J": 1\n`,
    );
    const { err } = await validate("-f", path);
    const lines = err.split("\n");
    const shown = lines.find((line) => line.startsWith("    3 | ")) ?? "";
    expect(shown.length).toBeLessThan(140);
    const caret = lines[lines.indexOf(shown) + 1] ?? "";
    expect(shown[caret.indexOf("^")]).toBe("5");
    expect(err).not.toMatch(/^ +4 \|.*\u009b/m);
  });

  it("prints the faults as JSON for tools", async () => {
    const path = file(
      "json.yaml",
      "metadata: { name: a }\nspec: { max_instances: many, command: x }\n",
    );
    const { code, out, err } = await validate("-f", path, "-o", "json");
    expect([code, err]).toEqual([1, ""]);
    expect(JSON.parse(out)).toEqual({
      documents: 1,
      faults: [
        {
          file: path,
          line: 2,
          column: 24,
          application: "a",
          path: "spec.max_instances",
          rule: "type",
          got: '"many"',
          expected: "a whole number",
          hint: null,
        },
      ],
      warnings: [],
    });
    const fine = await validate("-f", file("fine.yaml", good), "-o", "json");
    expect([fine.code, JSON.parse(fine.out)]).toEqual([
      0,
      { documents: 1, faults: [], warnings: [] },
    ]);
  });

  it("prints warnings with their lines, and accepts what they are about", async () => {
    const path = file(
      "warned.yaml",
      "metadata: { name: a }\nspec:\n  command: x\n  max_instances: 0\n  labels: [b, b]\n",
    );
    const { code, out, err } = await validate("-f", path);
    expect([code, out]).toEqual([0, "1 application without faults, 2 warnings\n"]);
    expect(err).toContain(`Warning: ${path}:4:18: spec.max_instances: got 0, expected at least 1`);
    expect(err).toContain("    4 |   max_instances: 0\n      |                  ^\n");
    expect(err).toContain(`Warning: ${path}:5:15: spec.labels[1]: got "b" again`);
    const json = await validate("-f", path, "-o", "json");
    expect([json.code, json.err]).toEqual([0, ""]);
    expect(JSON.parse(json.out)).toMatchObject({
      faults: [],
      warnings: [
        { rule: "no-instances", line: 4, path: "spec.max_instances" },
        { rule: "repeated-label", line: 5, path: "spec.labels[1]" },
      ],
    });
  });

  it("leaves what only a cluster knows to it", async () => {
    const path = file(
      "http.yaml",
      "metadata: { name: a }\nspec: { command: x, url: http://h/x.whl }\n",
    );
    expect((await validate("-f", path)).code).toBe(0);
  });
});

describe("-f", () => {
  it.each<[string, () => string[], string]>([
    ["a missing file", () => ["-f", "none.yaml"], "cannot read none.yaml: ENOENT"],
    ["an unreadable one", () => ["-f", "/proc/self/mem"], "cannot read /proc/self/mem: EIO"],
    ["standard input twice", () => ["-f", "-", "-f", "-"], "got -f - more than once"],
    [
      "bytes that are no UTF-8",
      () => ["-f", file("latin1.yaml", Buffer.from("a: b\nc: \xe9\n", "latin1"))],
      "latin1.yaml:2: got bytes that are no UTF-8, expected UTF-8 text; save it as UTF-8",
    ],
    [
      "UTF-16",
      () => ["-f", file("utf16.yaml", Buffer.from("\ufeffa: b", "utf16le"))],
      "it looks like UTF-16: save it as UTF-8",
    ],
    [
      "a folder without manifests",
      () => ["-f", join(file("empty/deep/a.yaml", good), "../..")],
      "got a folder without manifests, expected *.yaml, *.yml or *.json in it (-R looks into its folders too)",
    ],
    [
      "nothing below it either",
      () => ["-R", "-f", join(file("none/deep/a.txt", good), "../..")],
      "expected *.yaml, *.yml or *.json in it or below it",
    ],
    ["what never ends", () => ["-f", "/dev/zero"], "/dev/zero: got more than 4194304 bytes"],
    ["an empty file", () => ["-f", file("empty.yaml", "# nothing\n")], "1 fault in 1 document"],
    [
      "too many documents",
      () => [
        "-f",
        file("many/1.yaml", `${good}---\n`.repeat(6000)),
        "-f",
        file("many/2.yaml", `${good}---\n`.repeat(6000)),
      ],
      "got 12000 documents, expected at most 10000 at once: name fewer files",
    ],
  ])("refuses %s", async (_what, argv, text) => {
    const { code, out, err } = await validate(...argv());
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain(text);
    expect(err).toMatch(/Error: .*\n$/);
  });

  it("is needed", async () => {
    expect(await validate()).toMatchObject({ code: 2 });
  });

  it("takes a byte order mark and Windows' ends of lines", async () => {
    const path = file("windows.yaml", `\ufeff${good.replaceAll("\n", "\r\n")}`);
    expect((await validate("-f", path)).out).toBe("1 application without faults\n");
    const bad = file("windows-bad.yaml", "metadata: { name: a }\r\nspec: { ulr: x }\r\n");
    expect((await validate("-f", bad)).err).toContain("    2 | spec: { ulr: x }\n");
  });
});
