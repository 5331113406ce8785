import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
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

/** @param PATH of the service */
async function run(script: object, PATH = process.env["PATH"]): Promise<string> {
  const service = execService({
    home: folder.path,
    env: { PATH, HOME: folder.path, FLAME_HOME: folder.path, SECRET: "s" },
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
      /\/bash" printed more than 1000000 bytes/,
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

describe("a shell script", () => {
  const shell = (code: string, runtime?: string | null): object => ({
    language: "shell",
    code,
    ...(runtime === undefined ? {} : { runtime }),
  });
  const isBash = "echo ${BASH_VERSION:+bash}";

  test.each([undefined, null, "", " bash "])(
    "with the runtime %p is run by bash",
    async (runtime) => {
      expect(await run(shell(isBash, runtime))).toBe("bash\n");
      expect(await run(shell("words=(a b); echo ${words[1]}", runtime))).toBe("b\n");
    },
  );

  test("is run by the shell that it names", async () => {
    expect(await run(shell("echo ${BASH_VERSION:-none}", "dash"))).toBe("none\n");
  });

  test("is run by a shell of the service's PATH, the first there is", async () => {
    const own = join(folder.path, "own");
    mkdirSync(own);
    writeFileSync(join(own, "zsh"), '#!/bin/sh\necho "zsh runs $(cat "$1")"\n');
    chmodSync(join(own, "zsh"), 0o755);
    const path = [own, process.env["PATH"]].join(delimiter);
    expect(await run(shell("this", "zsh"), path)).toBe("zsh runs this\n");
  });

  test("may be longer than one argument of a program", async () => {
    expect(await run(shell(`# ${"x".repeat(200_000)}\necho long`))).toBe("long\n");
  });

  test.each(["perl", "/bin/bash", "bash -x", "3.12"])(
    "for %p, which is no shell, is refused",
    async (runtime) => {
      await expect(run(shell("true", runtime))).rejects.toThrow(
        `runtime of a shell script: got "${runtime}", expected one of bash, sh, dash, ash, ksh, zsh, fish`,
      );
    },
  );

  test("for a shell that the node has not is refused with those that it has", async () => {
    const own = join(folder.path, "own");
    mkdirSync(own);
    await expect(run(shell("true"), own)).rejects.toThrow(
      `this node has no bash in ${own}; it has no shell at all: install one`,
    );
    symlinkSync("/bin/sh", join(own, "sh"));
    await expect(run(shell("true"), own)).rejects.toThrow(
      `this node has no bash in ${own}; it has sh: name one of these as runtime`,
    );
    expect(await run(shell("echo sh", "sh"), own)).toBe("sh\n");
  });
});

describe("a Python script", () => {
  const code = "import sys; print('%d.%d' % sys.version_info[:2], sys.prefix)";
  const python = (runtime?: string): object => ({ language: "python", code, runtime });
  const own = (): string => join(folder.path, "work/flmrun/.venv");

  const version = /version_info = ((\d+)\.(\d+)\.\d+)/.exec(
    readFileSync(join(preparedHome, "work/flmrun/.venv/pyvenv.cfg"), "utf8"),
  );
  const [, whole = "", major = "", minor = ""] = version ?? [];

  test.each([major, `${major}.${minor}`, whole, `python${major}.${minor}`, ` ${major}.${minor} `])(
    "for %p, which flmrun has, is run by its interpreter, which finds flamepy",
    async (runtime) => {
      const printed = await run(python(runtime));
      expect(printed).toBe(await run(python()));
      expect(printed).toMatch(new RegExp(`^${major}\\.${minor} `));
      expect(await run({ language: "python", runtime, code: "import flamepy; print(1)" })).toBe(
        "1\n",
      );
    },
  );

  test("is run by the environment of another version beside flmrun's own", async () => {
    rmSync(join(folder.path, "work"));
    mkdirSync(join(folder.path, "work/flmrun/.venv-3.97/bin"), { recursive: true });
    const beside = `${own()}-3.97`;
    writeFileSync(join(beside, "pyvenv.cfg"), "version = 3.97.1\n");
    symlinkSync(join(preparedHome, "work/flmrun/.venv/bin/python"), join(beside, "bin/python"));
    expect(await run({ language: "python", code: "print('beside')", runtime: "3.97" })).toBe(
      "beside\n",
    );
    await expect(run(python())).rejects.toThrow(`no Python of flmrun: ${own()} is missing`);
    await expect(run(python("3.96"))).rejects.toThrow("no Python 3.96; flmrun has 3.97.1:");
  });

  test("is run by the interpreter at a path", async () => {
    const path = join(preparedHome, "work/flmrun/.venv/bin/python");
    expect(await run(python(path))).toMatch(/^\d/);
    await expect(run(python("/no/python"))).rejects.toThrow(
      /no Python at \/no\/python; flmrun has/,
    );
  });

  test.each(["bash", "3.x", "3.12 --offline", "--help", "pypy"])(
    "for %p, which is no version, is refused",
    async (runtime) => {
      await expect(run(python(runtime))).rejects.toThrow(
        `runtime of a Python script: got "${runtime}", expected a version such as 3.12`,
      );
    },
  );

  test("for a version that the node has not is refused with what there is", async () => {
    await expect(run(python("3.99"))).rejects.toThrow(
      `this node has no Python 3.99; flmrun has ${whole}: install it on the node, or leave runtime out`,
    );
  });
});
