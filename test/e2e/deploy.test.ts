import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { wheel } from "../support/wheel.ts";

jest.setTimeout(120_000);

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster();
});

afterAll(() => cluster.close());

const path = (name: string): string => join(cluster.home, "user", name);

function put(name: string, content: string | Buffer): string {
  mkdirSync(dirname(path(name)), { recursive: true });
  writeFileSync(path(name), content);
  return path(name);
}

/** Answers each task with a word of its dependency and what came in. */
const service = `
import flamepy
import words

class Greeter(flamepy.FlameService):
    def on_session_enter(self, context): pass
    def on_task_invoke(self, context): return (words.hello + " " + context.input.decode()).encode()
    def on_session_leave(self): pass

def main():
    flamepy.run(Greeter())
`;

/** A project whose service needs another package than flamepy. */
function project(folder: string, more = ""): void {
  const file = put("words-1.0-py3-none-any.whl", wheel("words", "hello = 'Hello'\n"));
  put(
    `${folder}/pyproject.toml`,
    '[build-system]\nrequires = ["setuptools", "wheel"]\nbuild-backend = "setuptools.build_meta"\n' +
      `[project]\nname = "greeter"\nversion = "1.0"\ndependencies = ["flamepy", "words @ ${pathToFileURL(file).href}"]\n` +
      `[tool.setuptools]\npackages = ["greeter"]\n${more}`,
  );
  put(`${folder}/greeter/__init__.py`, service);
  put(`${folder}/greeter/__main__.py`, "from greeter import main\nmain()\n");
}

const deploy = (name: string, file: string, ...more: string[]): ReturnType<TestCluster["run"]> =>
  cluster.run("flmctl", "deploy", "--name", name, "--application", path(file), ...more);

async function deployed(name: string, file: string, ...more: string[]): Promise<string> {
  const { code, stdout, stderr } = await deploy(name, file, ...more);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("Error") });
  return stdout;
}

async function greeting(application: string): Promise<string> {
  const source = `import flamepy\nwith flamepy.create_session("${application}") as ssn:\n    print(ssn.invoke(b"Ada").decode())\n`;
  const { stdout, stderr } = await cluster.python(source);
  return stdout.trim() === "" ? stderr : stdout.trim();
}

describe("flmctl deploy brings to the nodes", () => {
  test("a project with a dependency, from its folder, by the script of its name", async () => {
    project("greeter", '[project.scripts]\ngreeter = "greeter:main"\nother = "greeter:main"\n');
    put("greeter/.venv/pyvenv.cfg", "");
    const out = await deployed("greeter", "greeter");
    expect(out).toMatch(
      /^Application <greeter> deployed\.\nInput Kind: directory\nInstaller: python\nCommand: greeter\nObject: greeter\/pkg\/greeter-[0-9a-f]{16}\.tar\.gz\n/,
    );
    expect(out).toContain(`URL: ${cluster.cacheEndpoint}/greeter/pkg/greeter-`);
    expect(await greeting("greeter")).toBe("Hello Ada");
    const again = await deploy("greeter", "greeter");
    expect(again).toMatchObject({ code: 1, stdout: "" });
    expect(again.stderr).toContain("already exists");
  });

  test("an archive of it, by its main module", async () => {
    project("archived/greeter-1.0");
    execFileSync("tar", ["-czf", "greeter-1.0.tar.gz", "greeter-1.0"], { cwd: path("archived") });
    const out = await deployed(
      "greeter-archive",
      "archived/greeter-1.0.tar.gz",
      "--dry-run",
      "--command",
      "x",
    );
    expect(out).toContain("Input Kind: tar.gz\n");
    await deployed(
      "greeter-archive",
      "archived/greeter-1.0.tar.gz",
      "--command",
      "python",
      "--argument=-m",
      "--argument=greeter",
    );
    expect(await greeting("greeter-archive")).toBe("Hello Ada");
  });

  test("a program", async () => {
    const python = join(cluster.home, "work/flmrun/.venv/bin/python");
    const program = service.replace("import words\n", "class words: hello = 'Program'\n");
    chmodSync(put("serve", `#!${python}\n${program}\nmain()\n`), 0o755);
    const out = await deployed("program", "serve", "--description", "of one file");
    expect(out).toContain("Input Kind: executable-file\nInstaller: binary\nCommand: serve\n");
    expect(await greeting("program")).toBe("Program Ada");
  });

  test("a library, whose functions are called from Python", async () => {
    project("library");
    const runpy = ["--command", "python", "--argument=-m", "--argument=flamepy.runpy"];
    await deployed("library", "library", ...runpy);
    const { stdout, stderr } = await cluster.python(`
import flamepy
from flamepy import RunnerContext, RunnerRequest

def word():
    import words
    return words.hello

with flamepy.create_session("library", RunnerContext(execution_object=word)) as ssn:
    print(ssn.invoke(RunnerRequest()).get())
`);
    expect({ stdout, stderr }).toEqual({ stdout: "Hello\n", stderr: "" });
  });
});

test("flmctl deploy registers nothing while the object cache is away, and says which it asked", async () => {
  project("late", '[project.scripts]\nlate = "greeter:main"\n');
  await cluster.daemon("flame-object-cache").stop();
  const { code, stderr } = await deploy("late", "late");
  await cluster.daemon("flame-object-cache").start();
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.any(String) });
  expect(stderr).toContain(`object cache ${cluster.cacheEndpoint}: `);
  expect((await cluster.run("flmctl", "list", "app", "-o", "name")).stdout).not.toContain("late");
  await deployed("late", "late");
  expect(await greeting("late")).toBe("Hello Ada");
});
