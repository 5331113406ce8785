import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { execService } from "../../../src/services/flmexec/flmexec-service.ts";
import { preparedHome } from "../../support/python.ts";
import { temporaryFolder } from "../../support/temp.ts";

jest.setTimeout(30_000);

let folder: { path: string; remove: () => void };
let lines: string[];

beforeEach(() => {
  folder = temporaryFolder("flmexec");
  lines = [];
  mkdirSync(join(folder.path, "scripts"));
  for (const name of ["bin", "work"])
    symlinkSync(join(preparedHome, name), join(folder.path, name));
});

afterEach(() => {
  folder.remove();
});

async function run(script: object): Promise<string> {
  const service = execService({
    home: folder.path,
    env: { PATH: process.env["PATH"], HOME: folder.path, FLAME_HOME: folder.path, SECRET: "s" },
    temporary: join(folder.path, "scripts"),
    log: (line) => lines.push(line),
  });
  const input = Buffer.from(JSON.stringify(script));
  const output = await service.onTaskInvoke({ taskId: "1", sessionId: "s", input });
  const { data } = JSON.parse((output ?? Buffer.alloc(0)).toString("utf8")) as { data: number[] };
  return Buffer.from(data).toString("utf8");
}

const bytes = (text: string) => [...Buffer.from(text)];

describe("flmexec", () => {
  test("answers what a shell script prints, and gives it its input", async () => {
    expect(
      await run({ language: "shell", code: "cat; echo $FLAME_HOME-$SECRET", input: bytes("hé ") }),
    ).toBe(`hé ${folder.path}-\n`);
    expect(readdirSync(join(folder.path, "scripts"))).toEqual([]);
  });

  test("runs Python on the prepared interpreter", async () => {
    const code = "import sys; print(sys.stdin.read().upper(), sys.version_info.major)";
    expect(await run({ language: "python", code, input: bytes("abc") })).toBe("ABC 3\n");
  });

  test("answers what a failing script printed before it failed", async () => {
    expect(await run({ language: "shell", code: "echo before; exit 3" })).toBe("before\n");
    expect(lines).toEqual(["a shell script ended with exit code 3"]);
  });

  test("ends a script that prints without end", async () => {
    await expect(run({ language: "shell", code: "yes" })).rejects.toThrow(
      '"/bin/sh" printed more than 1000000 bytes',
    );
  });

  test("survives a script that does not read its input", async () => {
    expect(
      await run({
        language: "shell",
        code: "true",
        input: Array.from({ length: 100_000 }, () => 1),
      }),
    ).toBe("");
  });
});
