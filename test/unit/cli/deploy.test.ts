import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { flmctl } from "../../../src/cli/flmctl/program.ts";
import { FlameError } from "../../../src/model/errors.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { application, fakeContext } from "./tools.ts";

let folder: { path: string; remove: () => void };

beforeEach(() => {
  folder = temporaryFolder("deploy");
});
afterEach(() => folder.remove());

/** A path that ends with `*` is executable. */
function put(path: string, content = ""): string {
  const full = join(folder.path, path.replace(/\*$/, ""));
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  if (path.endsWith("*")) chmodSync(full, 0o755);
  return full;
}

const script = (...names: string[]): string =>
  `[project]\nname = "my-app"\n[project.scripts]\n${names.map((name) => `${name} = "my:main"\n`).join("")}`;

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function dryRun(path: string, ...more: string[]): Promise<Outcome> {
  const context = fakeContext();
  const target = join(folder.path, path);
  const args = ["deploy", "--name", "my-app", "--application", target, "--dry-run", ...more];
  return { code: await flmctl(args, context), out: context.out(), err: context.err() };
}

async function planOf(path: string, ...more: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await dryRun(path, "-o", "json", ...more);
  expect({ code, err }).toEqual({ code: 0, err: expect.any(String) });
  return JSON.parse(out) as Record<string, unknown>;
}

describe("flmctl deploy tells what starts the service", () => {
  it.each([
    ["the script of its name", { "pyproject.toml": script("other", "my-app") }, "my-app", []],
    ["its only script", { "pyproject.toml": script("serve") }, "serve", []],
    [
      "its only script, in an inline table",
      { "pyproject.toml": '[project]\nscripts = { serve = "a:b" }\n' },
      "serve",
      [],
    ],
    ["its main module", { "setup.py": "", "my_app/__main__.py": "" }, "python", ["-m", "my_app"]],
    [
      "its main module below src",
      { "pyproject.toml": "", "src/my_app/__main__.py": "" },
      "python",
      ["-m", "my_app"],
    ],
  ])("of a Python project: %s", async (_what, files: object, command, args) => {
    for (const [name, text] of Object.entries(files)) put(`app/${name}`, text as string);
    const found = { input_kind: "directory", installer: "python", command, arguments: args };
    expect(await planOf("app")).toMatchObject(found);
  });

  it.each([
    ["bin/NAME", ["bin/my-app*", "bin/other*", "top*"], "my-app"],
    ["the only program in bin", ["bin/other*", "bin/readme", "top*"], "other"],
    ["the only program at the top", ["readme", "top*", "lib/helper*"], "top"],
  ])("of programs: %s", async (_what, files, command) => {
    for (const file of files) put(`app/${file}`);
    expect(await planOf("app")).toMatchObject({ installer: "binary", command, arguments: [] });
  });

  it("of a program alone, which is packed into bin", async () => {
    put("serve*", "#!/bin/sh\n");
    expect(await planOf("serve")).toMatchObject({
      input_kind: "executable-file",
      installer: "binary",
      command: "serve",
    });
  });

  it("of an archive, in whose one folder it looks", async () => {
    put("app-1.0/pyproject.toml", script("serve"));
    execFileSync("tar", ["-czf", "app.tgz", "app-1.0"], { cwd: folder.path });
    const found = { input_kind: "tar.gz", installer: "python", command: "serve" };
    const plan = await planOf("app.tgz");
    expect(plan).toMatchObject(found);
    // Packed anew, it is what the folder is.
    expect(plan["sha256"]).toBe((await planOf("app-1.0"))["sha256"]);
  });

  it("and takes the flags before what it finds", async () => {
    put("app/pyproject.toml", script("serve"));
    const flags = ["--command", "python", "--argument=-m", "--argument", "mine"];
    expect(await planOf("app", ...flags)).toMatchObject({
      command: "python",
      arguments: ["-m", "mine"],
    });
    expect(await planOf("app", "--command", "other")).toMatchObject({ arguments: [] });
    put("app/bin/my-app*");
    expect(await planOf("app", "--installer", "binary")).toMatchObject({ command: "my-app" });
  });
});

describe("flmctl deploy --dry-run", () => {
  const sha256 = expect.stringMatching(/^[0-9a-f]{64}$/);

  it("prints everything that is said of the application, and what was not said is absent", async () => {
    put("app/pyproject.toml", script("serve"));
    const plan = await planOf(
      "app",
      ...["--label", "a", "--label", "b", "--env", "A=1", "--env", "B=x=y", "--shim", "host"],
      ...["--image", "img", "--description", "text", "--working-directory", "/srv"],
      ...["--max-instances", "3", "--delay-release", "-5", "--schema-output", '{"type":"string"}'],
    );
    const key = `my-app/pkg/my-app-${String(plan["sha256"]).slice(0, 16)}.tar.gz`;
    const url = `grpc://cache.example:9090/${key}`;
    expect(plan).toEqual({
      name: "my-app",
      input_kind: "directory",
      installer: "python",
      command: "serve",
      arguments: [],
      object_key: key,
      url,
      sha256,
      dry_run: true,
      application: {
        metadata: { name: "my-app" },
        spec: {
          shim: "Host",
          image: "img",
          description: "text",
          labels: ["a", "b"],
          command: "serve",
          environments: { A: "1", B: "x=y" },
          working_directory: "/srv",
          max_instances: 3,
          delay_release: -5,
          schema: { output: '{"type":"string"}' },
          url,
          installer: "python",
        },
      },
    });
    const bare = (await planOf("app"))["application"] as { spec: object };
    expect(Object.keys(bare.spec)).toEqual(["command", "url", "installer"]);
  });

  it("prints the summary and the YAML of the published tool", async () => {
    put("app/pyproject.toml", "");
    put("app/my_app/__main__.py", "");
    const { out } = await dryRun("app", "--delay-release", "60");
    const hash = /SHA256: ([0-9a-f]{64})/.exec(out)?.[1] ?? "";
    const key = `my-app/pkg/my-app-${hash.slice(0, 16)}.tar.gz`;
    expect(out).toBe(
      "Application <my-app> deploy plan.\nInput Kind: directory\nInstaller: python\nCommand: python\n" +
        `Delay Release: 1m\nArguments: -m my_app\nObject: ${key}\nSHA256: ${hash}\n` +
        `URL: grpc://cache.example:9090/${key}\nDry Run: true\n`,
    );
    expect((await dryRun("app", "-o", "yaml")).out).toBe(
      "metadata:\n  name: my-app\nspec:\n  command: python\n  arguments:\n    - -m\n    - my_app\n" +
        `  url: grpc://cache.example:9090/${key}\n  installer: python\n`,
    );
  });

  it("leaves out what tools made, and says so", async () => {
    put("app/pyproject.toml", script("serve"));
    const { sha256: before } = await planOf("app");
    for (const made of [".git/HEAD", ".venv/bin/python*", "my/__pycache__/a.pyc", ".DS_Store"])
      put(`app/${made}`);
    expect((await planOf("app"))["sha256"]).toBe(before);
    expect((await dryRun("app")).err).toBe(
      "left out, as no part of the project: .DS_Store, .git, .venv, my/__pycache__\n",
    );
  });

  it("warns of what will not do what its writer may think", async () => {
    put("app/pyproject.toml", "");
    const { code, err } = await dryRun("app", "--command", "python -m mine");
    expect(code).toBe(0);
    expect(err).toMatch(/^Warning: --command: got "python -m mine", expected the program alone/);
  });

  it("leaves no file behind", async () => {
    put("app/pyproject.toml", script("serve"));
    const context = { ...fakeContext(), env: { TMPDIR: folder.path } };
    const args = ["--name", "my-app", "--application", join(folder.path, "app"), "--dry-run"];
    expect(await flmctl(["deploy", ...args], context)).toBe(0);
    expect(readdirSync(folder.path)).toEqual(["app"]);
  });
});

/** An error's line without the marks of its quotes. */
const unquoted = (line: string): string => line.replaceAll('\\"', '"');

describe("flmctl deploy refuses, with one line that says what to do,", () => {
  const project = { "app/pyproject.toml": script("a", "b") };

  it.each<[string, object, string, string[], RegExp]>([
    ["a path without anything", {}, "none", [], /--application: cannot read .*none: ENOENT/],
    ["an empty folder", {}, ".", [], /holds no file, expected a project or a program/],
    [
      "a folder with nothing of its own",
      { "app/.git/HEAD": "" },
      "app",
      [],
      /holds no file but \.git/,
    ],
    [
      "a file that is no program",
      { "serve.py": "" },
      "serve.py",
      [],
      /got .*serve\.py, expected a directory, .*if it is a program: chmod \+x .*serve\.py/,
    ],
    ["a wheel", { "my.whl": "" }, "my.whl", [], /of a wheel: deploy the folder or source archive/],
    ["a zip file", { "my.zip": "" }, "my.zip", [], /unpack it and deploy the folder/],
    [
      "a broken archive",
      { "a.tar.gz": "no archive" },
      "a.tar.gz",
      [],
      /cannot unpack ".*a\.tar\.gz"/,
    ],
    [
      "two scripts of other names",
      project,
      "app",
      [],
      /\[project\.scripts\] has a, b, none of which is "my-app"/,
    ],
    [
      "a project without any",
      { "app/pyproject.toml": "" },
      "app",
      [],
      /no \[project\.scripts\] and there is no my_app\/__main__\.py; add one, or pass --command/,
    ],
    [
      "a pyproject.toml that is no TOML",
      { "app/pyproject.toml": '[project]\nname = "a\n' },
      "app",
      [],
      /pyproject\.toml:2:\d+: Invalid TOML document/,
    ],
    [
      "a project that no installer takes",
      { "app/setup.cfg": "" },
      "app",
      ["--command", "x"],
      /setup\.cfg and neither pyproject\.toml nor setup\.py.*add a pyproject\.toml/,
    ],
    [
      "installer python for something else",
      { "app/run*": "" },
      "app",
      ["--installer", "python"],
      /--installer python: expected a project with a pyproject\.toml/,
    ],
    [
      "several programs",
      { "app/bin/a*": "", "app/bin/b*": "" },
      "app",
      [],
      /a, b are executable, and none is bin\/my-app; pass --command/,
    ],
    ["no program", { "app/notes": "" }, "app", [], /no executable file in bin\/ or at the top/],
    [
      "flags that make no manifest, all of them",
      { "run*": "" },
      "run",
      ["--working-directory", "srv", "--schema-input", "{", "--shim", "Cri"],
      /--shim: got "Cri".*; --working-directory: .*got "srv", expected an absolute path.*; --schema-input/,
    ],
  ])("%s", async (_what, files, path, flags, text) => {
    for (const [name, content] of Object.entries(files)) put(name, content as string);
    const { code, out, err } = await dryRun(path, ...flags);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(unquoted(err)).toMatch(text);
    expect(err.trimEnd().split("\n")).toHaveLength(1);
  });

  it.each([
    [["--env", "NAME"], 'got "NAME", expected NAME=VALUE'],
    [["--env", "=1"], 'got "=1", expected NAME=VALUE'],
    [["--delay-release", "soon"], "expected a whole number of seconds"],
    [["--max-instances", "-1"], "expected a whole number from 0"],
    [["--installer", "cargo"], "Allowed choices are binary, python"],
    [["-o", "table"], "Allowed choices are summary, yaml, json"],
  ])("the flags %p, as a usage error", async (flags, text) => {
    const { code, err } = await dryRun("app", ...flags);
    expect(code).toBe(2);
    expect(err).toContain(text);
  });

  it("a name that is none", async () => {
    const path = put("run*");
    const context = fakeContext();
    const args = ["deploy", "--name", "my app", "--application", path, "--dry-run"];
    expect(await flmctl(args, context)).toBe(1);
    expect(unquoted(context.err())).toMatch(/--name: .*got "my app", expected/);
  });
});

describe("flmctl deploy", () => {
  interface Calls {
    readonly calls: string[];
    readonly code: number;
    readonly err: string;
  }

  /** Deploys, with a cluster and a cache that answer as told. */
  async function deployed(answers: {
    existing?: boolean;
    upload?: FlameError;
    register?: FlameError;
  }): Promise<Calls> {
    const calls: string[] = [];
    const context = fakeContext(
      {
        getApplication: async () => {
          calls.push("get");
          if (answers.existing === true) return application();
          throw new FlameError("not_found", "application my-app not found");
        },
        registerApplication: async (name, spec) => {
          calls.push(`register ${name} ${spec.url ?? ""}`);
          if (answers.register !== undefined) throw answers.register;
        },
      },
      {
        objects: {
          upload: async (key) => {
            calls.push(`upload ${key}`);
            if (answers.upload !== undefined) throw answers.upload;
            return { endpoint: "grpc+tls://10.0.0.9:9191", key, version: 1 };
          },
          delete: async (key) => void calls.push(`delete ${key}`),
        },
      },
    );
    const args = ["deploy", "--name", "my-app", "--application", put("run*")];
    return { code: await flmctl(args, context), calls, err: context.err() };
  }

  const key = expect.stringMatching(/^upload my-app\/pkg\/my-app-[0-9a-f]{16}\.tar\.gz$/);

  it("uploads, then registers the url that the cache answered, in the word of nodes for TLS", async () => {
    const { code, calls, err } = await deployed({});
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const [, upload = ""] = calls;
    const url = `grpcs://10.0.0.9:9191/${upload.replace("upload ", "")}`;
    expect(calls).toEqual(["get", key, `register my-app ${url}`]);
  });

  it("uploads nothing when the application exists", async () => {
    const { code, calls, err } = await deployed({ existing: true });
    expect({ code, calls }).toEqual({ code: 1, calls: ["get"] });
    expect(err).toMatch(/^Error: .*already exists.*flmctl unregister my-app\n$/);
  });

  it("names the cache that cannot be reached", async () => {
    const upload = new FlameError("unavailable", "no connection");
    const { code, calls, err } = await deployed({ upload });
    expect({ code, calls }).toEqual({ code: 1, calls: ["get", key] });
    expect(err).toMatch(
      /object cache grpc:\/\/cache\.example:9090: no connection; does it run, .*FLAME_CACHE_ENDPOINT/,
    );
  });

  it("takes the package away when the application is refused", async () => {
    const { code, calls } = await deployed({
      register: new FlameError("invalid_argument", "refused by a hook"),
    });
    expect(code).toBe(1);
    expect(calls.at(-1)).toBe(calls[1]?.replace("upload", "delete"));
  });

  it("leaves the package when another one was first, which may be of the same content", async () => {
    const { code, calls } = await deployed({
      register: new FlameError("already_exists", "application my-app already exists"),
    });
    expect(code).toBe(1);
    expect(calls).toHaveLength(3);
  });
});
