import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { storedZip } from "../../../src/executor-manager/packages/stored-zip.ts";
import { pythons } from "../../support/python.ts";
import { pythonOutput, StoreUnderTest } from "./store-under-test.ts";

jest.setTimeout(60_000);

let store: StoreUnderTest;

beforeEach(async () => {
  store = new StoreUnderTest();
  store.linkWheels();
  await store.open();
});

afterEach(() => store.close());

const SETUPTOOLS =
  '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n';
// A backend of the project's own builds in a fraction of the time that others need.
const PYPROJECT =
  '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n' +
  '[project]\nname = "sourced"\ndynamic = ["version"]\n';
const backend = (version: string): string => `
import subprocess, zipfile
def build_wheel(folder, settings=None, metadata=None):
    version = ${version}
    info = f"sourced-{version}.dist-info/"
    with zipfile.ZipFile(f"{folder}/sourced-{version}-py3-none-any.whl", "w") as wheel:
        wheel.write("sourced.py")
        wheel.writestr(info + "METADATA", f"Metadata-Version: 2.1\\nName: sourced\\nVersion: {version}\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return f"sourced-{version}-py3-none-any.whl"
`;

const files = (inside: string): Record<string, string> => ({
  [`${inside}pyproject.toml`]: PYPROJECT,
  [`${inside}backend.py`]: backend("'2.0'"),
  [`${inside}sourced.py`]: "word = 'source'\n",
});

function project(): string {
  for (const [path, content] of Object.entries(files("project/"))) store.put(path, content);
  return join(store.path, "project");
}

/** Where the sources of an installed package lie. */
const sources = (): string => join(store.home.packages, store.installed().at(-1) ?? "", "src");

async function word(path: string): Promise<string> {
  const { variables, release } = await store.prepare(path);
  release();
  return pythonOutput(variables, "import sourced; print(sourced.word)");
}

describe("an archive of a project in a list of packages", () => {
  test.each(["project.tar.gz", "project.tgz", "PROJECT.ZIP"])("%s is installed", async (name) => {
    const folder = project();
    const archive = join(store.path, name);
    if (name.endsWith("ZIP")) store.put(name, storedZip(files("project/")));
    else execFileSync("tar", ["-czf", archive, "-C", folder, "."]);
    const packages = [pathToFileURL(archive).href];
    const { variables } = await store.prepareList({ since: 1, packages });
    expect(pythonOutput(variables, "import sourced; print(sourced.word)")).toBe("source");
  });
});

describe("an archive as other systems make it", () => {
  test.each<[string, Record<string, string>]>([
    ["macOS' Finder", { "__MACOSX/._project": "\0\x05\x16\x07", "__MACOSX/project/._x": "" }],
    ["macOS' Finder, of a folder that was looked at", { ".DS_Store": "\0" }],
    ["macOS' tar", { "._project": "\0\x05\x16\x07", "project/._sourced.py": "\0" }],
    ["Windows, with pictures in it", { "Thumbs.db": "\0" }],
  ])("by %s is installed: what the system adds does not count", async (_name, added) => {
    const zip = storedZip({ ...files("project/"), ...added });
    expect(await word(store.put("my-app.zip", zip))).toBe("source");
  });

  test("with something else beside the project's folder is refused: which folder is meant?", async () => {
    const zip = storedZip({ ...files("project/"), "other/x": "" });
    await expect(store.prepare(store.put("my-app.zip", zip))).rejects.toThrow(
      "it holds no pyproject.toml or setup.py",
    );
  });
});

describe("a project with setup.cfg alone", () => {
  const cfg = "[metadata]\nname=cfg\nversion=1\n";

  test.each([
    ["a directory", () => join(store.put("cfg/setup.cfg", cfg), "..")],
    ["an archive", () => store.put("cfg.zip", storedZip({ "cfg/setup.cfg": cfg }))],
  ])("in %s is refused before uv is asked, with what to add", async (_name, make) => {
    await expect(store.prepare(make())).rejects.toThrow(
      /it holds a setup\.cfg but no pyproject\.toml or setup\.py.*add a pyproject\.toml with \[build-system\]/,
    );
    expect(store.installed()).toEqual([]);
  });

  test("is installed with the pyproject.toml that the error asks for", async () => {
    store.put("cfg/setup.cfg", `${cfg}[options]\npy_modules=sourced\n`);
    store.put("cfg/sourced.py", "word = 'by setup.cfg'\n");
    store.put("cfg/pyproject.toml", SETUPTOOLS);
    expect(await word(join(store.path, "cfg"))).toBe("by setup.cfg");
  });
});

describe("what lies in the directory of a project and is no part of it", () => {
  const git = (cwd: string, ...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=x", "-c", "user.email=x@example.org", ...args], {
      cwd,
      encoding: "utf8",
      env: { PATH: process.env["PATH"], HOME: store.path, GIT_CONFIG_NOSYSTEM: "1" },
    });

  test("such as virtual environments, whatever their names", async () => {
    const path = project();
    const names = [".venv", "venv", "my-env"];
    for (const name of names)
      execFileSync(pythons.ours, ["-m", "venv", "--without-pip", join(path, name)]);
    expect(await word(path)).toBe("source");
    expect(readdirSync(sources()).filter((name) => names.includes(name))).toEqual([]);
  });

  test("such as a venv that is only half there", async () => {
    const path = project();
    mkdirSync(join(path, "venv/bin"), { recursive: true });
    symlinkSync("/nowhere/python3", join(path, "venv/bin/python"));
    expect(await word(path)).toBe("source");
  });

  test("but a module named venv is part of it", async () => {
    const path = project();
    // The standard library has a module of that name, too, and wins.
    store.put("project/venv/__init__.py", "");
    store.put("project/venv/word.py", "");
    const { variables } = await store.prepare(path);
    const found =
      "import os, sys; print([p for p in sys.path if os.path.exists(p + '/venv/word.py')] != [])";
    expect(pythonOutput(variables, found)).toBe("True");
  });

  test("such as what tools leave there: the package stays the one that is installed", async () => {
    const path = project();
    await word(path);
    const before = store.installed();
    const caches = [
      ".pytest_cache/x",
      ".mypy_cache/x",
      ".ruff_cache/x",
      ".tox/x",
      "__pycache__/x.pyc",
    ];
    for (const added of [...caches, ".DS_Store", ".hg/store", "._sourced.py"])
      store.put(`project/${added}`, "changed");
    await word(path);
    expect(store.installed()).toEqual(before);
  });

  test("such as what a commit and a status of git change", async () => {
    const path = project();
    git(path, "init", "-q");
    git(path, "add", ".");
    git(path, "commit", "-qm", "first");
    expect(await word(path)).toBe("source");
    const before = store.installed();
    git(path, "commit", "-qm", "second", "--allow-empty");
    git(path, "status");
    expect(await word(path)).toBe("source");
    expect(store.installed()).toEqual(before);
    expect(readdirSync(sources())).not.toContain(".git");
  });

  test("version control is there while the project is built, for builds that ask it for the version", async () => {
    const path = project();
    const tag = "subprocess.check_output(['git', 'describe', '--tags'], text=True).strip()";
    store.put("project/backend.py", backend(tag));
    git(path, "init", "-q");
    git(path, "add", ".");
    git(path, "commit", "-qm", "first");
    git(path, "tag", "7.4");
    const socket = createServer().listen(join(path, ".git/fsmonitor--daemon.ipc"));
    try {
      const { variables } = await store.prepare(path);
      const code = "import importlib.metadata as m; print(m.version('sourced'))";
      expect(pythonOutput(variables, code)).toBe("7.4");
    } finally {
      await new Promise((closed) => socket.close(closed));
    }
  });

  test("a binary package has no version control in it, and the Python that it brings", async () => {
    const path = join(store.put("tool/python/bin/python", "#!/bin/sh\n"), "../../..");
    store.put("tool/.git/config", "");
    const { variables } = await store.prepare(path, { installer: "binary" });
    const folder = variables.values["FLAME_APP_DIR"] ?? "";
    expect(readdirSync(folder)).toEqual(["python"]);
    expect(existsSync(join(folder, "python/bin/python"))).toBe(true);
  });
});
