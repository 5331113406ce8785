import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { Env } from "../../../src/config/env.ts";
import { type FlameHome, flameHomeAt } from "../../../src/config/flame-home.ts";
import type { PackageSource } from "../../../src/executor-manager/packages/package-source.ts";
import {
  openPackageStore,
  type PackageStore,
  type PackageStoreOptions,
} from "../../../src/executor-manager/packages/package-store.ts";
import type { PackageVariables } from "../../../src/executor-manager/service-environment.ts";
import type { PreparedPackage } from "../../../src/executor-manager/service-host.ts";
import { systemClock } from "../../../src/kit/clock.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { preparedHome, pythons } from "../../support/python.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { wheel } from "../../support/wheel.ts";

jest.setTimeout(60_000);

let folder: { path: string; remove: () => void };
let home: FlameHome;
let store: PackageStore;

// No package index: what needs one has to say so.
const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], UV_OFFLINE: "1" };

beforeEach(async () => {
  folder = temporaryFolder("packages");
  home = flameHomeAt(join(folder.path, "home"));
  mkdirSync(home.root);
  for (const name of ["bin", "wheels", "work"]) {
    symlinkSync(join(preparedHome, name), join(home.root, name));
  }
  store = await open();
});

afterEach(async () => {
  await store.close();
  folder.remove();
});

function put(path: string, content: string | Buffer): string {
  const full = join(folder.path, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  return full;
}

function project(path: string, module = "word = 'source'\n"): string {
  put(
    `${path}/pyproject.toml`,
    '[build-system]\nrequires = ["setuptools", "wheel"]\nbuild-backend = "setuptools.build_meta"\n' +
      '[project]\nname = "sourced"\nversion = "2.0"\ndependencies = ["flamepy"]\n[tool.setuptools]\npy-modules = ["sourced"]\n' +
      '[project.scripts]\nsourced-run = "sourced:main"\n',
  );
  put(`${path}/sourced.py`, module);
  return join(folder.path, path);
}

function source(path: string | undefined, more: Partial<PackageSource> = {}): PackageSource {
  return {
    application: "my-app",
    url: path === undefined ? undefined : pathToFileURL(path).href,
    installer: undefined,
    environments: {},
    packages: [],
    since: undefined,
    commandLine: ["python", "-m", "mine"],
    ...more,
  };
}

const open = (
  options: Partial<PackageStoreOptions> = {},
  environment: Env = env,
): Promise<PackageStore> =>
  openPackageStore(
    { home, env: environment, clock: systemClock, logger: silentLogger },
    { maxDiskBytes: 2 ** 40, ...options },
  );

const take = (of: PackageSource): Promise<PreparedPackage> =>
  store.prepare(of, new AbortController().signal);

const prepare = async (of: PackageSource): Promise<PackageVariables> => (await take(of)).variables;

/** What a Python with the variables of a package prints. */
function python(variables: PackageVariables, code: string): string {
  const program = join(variables.values["VIRTUAL_ENV"] ?? "", "bin/python");
  const PYTHONPATH = variables.paths["PYTHONPATH"]?.join(":");
  const { FLAME_APP_SITE } = variables.values;
  return execFileSync(program, ["-c", code], {
    env: { PYTHONPATH, FLAME_APP_SITE, PYTHONDONTWRITEBYTECODE: "1" },
    encoding: "utf8",
  }).trim();
}

// uv leaves a lock file behind.
const visible = (path: string) =>
  readdirSync(path)
    .filter((name) => !name.startsWith("."))
    .sort();
const installed = () => readdirSync(home.packages).sort();
const installLog = () => readFileSync(join(home.logs, "install/my-app.log"), "utf8");

describe("a wheel", () => {
  test.each([
    ["with installer python", "python"],
    ["without installer", undefined],
  ])("%s is installed without any network, and importable", async (_name, installer) => {
    const path = put(
      "greet-1.0-py3-none-any.whl",
      wheel("greet", "word = 'one'\n", { requires: ["flamepy"] }),
    );
    const variables = await prepare(source(path, { installer }));
    expect(python(variables, "import greet; print(greet.word)")).toBe("one");
    const site = variables.values["FLAME_APP_SITE"];
    expect(variables.values).toMatchObject({
      FLAME_APP_SITE: expect.stringMatching(/\/deps$/),
      VIRTUAL_ENV: join(home.flmrun, ".venv"),
      FLAME_PYTHON_VERSION: expect.stringMatching(/^3\.\d+$/),
    });
    expect(variables.paths["PATH"]?.[0]).toBe(join(home.flmrun, ".venv/bin"));
    // Ours is the flamepy that services run on: it never lies beside a package.
    expect(visible(site ?? "")).toEqual(["greet-1.0.dist-info", "greet.py"]);
    expect(readdirSync(dirname(site ?? ""))).toEqual([".bytes", ".contents", "deps"]);
  });

  test("under a name that installers refuse is installed by what it holds", async () => {
    const path = put("my-app.whl", wheel("greet", "word = 'renamed'\n"));
    expect(python(await prepare(source(path)), "import greet; print(greet.word)")).toBe("renamed");
  });

  test("of our own service is left to the service to put on its path", async () => {
    const path = put("my-app.whl", wheel("greet", ""));
    for (const commandLine of [
      ["/usr/bin/uv", "run", "-n", "flamepy.runpy"],
      ["python", "-m", "flamepy.runner.runpy"],
      ["sh", "-c", "exec flamepy.runpy"],
    ]) {
      const variables = await prepare(source(path, { commandLine }));
      expect(variables.paths["PYTHONPATH"]).toEqual([]);
      expect(variables.values["FLAME_APP_SITE"]).toMatch(/deps$/);
    }
    const other = await prepare(
      source(path, { commandLine: ["python", "my_flamepy.runpy_like.py"] }),
    );
    expect(other.paths["PYTHONPATH"]).toHaveLength(1);
  });

  test("that requires what services have gets exactly that, and installs nothing", async () => {
    const requires = ["cloudpickle", "grpcio>=1", "PyYAML", "flamepy>=99"];
    const path = put(
      "my-app.whl",
      wheel("greet", "import cloudpickle, yaml, grpc, flamepy\n", { requires }),
    );
    const variables = await prepare(source(path));
    expect(python(variables, "import greet; print(greet.cloudpickle.__file__)")).toContain(".venv");
    expect(visible(variables.values["FLAME_APP_SITE"] ?? "")).toEqual([
      "greet-1.0.dist-info",
      "greet.py",
    ]);
  });

  test("that requires another version of what services have is refused with both", async () => {
    const path = put("my-app.whl", wheel("greet", "", { requires: ["cloudpickle<1"] }));
    await expect(prepare(source(path))).rejects.toThrow(
      /depends on cloudpickle<1 and cloudpickle==[\s\S]*\(flamepy and what it uses have the versions of ".*\.venv"\); log: .*my-app\.log/,
    );
  });

  test("that requires what only an index has is refused with the requirement and the log", async () => {
    const path = put("my-app.whl", wheel("greet", "", { requires: ["surely-not-here"] }));
    await expect(prepare(source(path))).rejects.toThrow(
      /surely-not-here[\s\S]*log: .*logs\/install\/my-app\.log/,
    );
    expect(installLog().match(/^\$ /gm)).toHaveLength(2);
    expect(installed()).toEqual([]);
  });

  test("that is broken is refused, and the next bind looks again", async () => {
    const path = put("my-app.whl", "no zip");
    await expect(prepare(source(path))).rejects.toThrow(/"\/.*my-app\.whl" is no wheel: /);
    put("my-app.whl", wheel("greet", "word = 'mended'\n"));
    expect(python(await prepare(source(path)), "import greet; print(greet.word)")).toBe("mended");
  });
});

/** An archive of a folder, of the kind that its name says. */
function pack(name: string, of: string): string {
  const archive = join(folder.path, name);
  const zip = "import shutil, sys; shutil.make_archive(sys.argv[1][:-4], 'zip', sys.argv[2])";
  if (name.endsWith(".zip")) execFileSync(pythons.ours, ["-c", zip, archive, of]);
  else execFileSync("tar", ["-czf", archive, "-C", of, "."]);
  return archive;
}

describe("every kind of package", () => {
  test.each(["my-app.tar.gz", "my-app.tgz", "my-app.zip", "directory", "sourced-2.0.tar.gz"])(
    "%s is installed by python",
    async (name) => {
      const path = project(
        name.startsWith("sourced") ? "box/sourced-2.0" : "project",
        "word = 1\n",
      );
      const of = name.startsWith("sourced") ? dirname(path) : path;
      const variables = await prepare(source(name === "directory" ? of : pack(name, of)));
      expect(python(variables, "import sourced; print(sourced.word)")).toBe("1");
    },
  );

  test.each(["my-app.tar.gz", "my-app.tgz", "my-app.zip", "directory"])(
    "%s is installed by binary",
    async (name) => {
      put("tool/bin/run-it", "#!/bin/sh\necho ran\n");
      execFileSync("chmod", ["755", join(folder.path, "tool/bin/run-it")]);
      const of = join(folder.path, "tool");
      const path = name === "directory" ? of : pack(name, of);
      const { values } = await prepare(source(path, { installer: "binary" }));
      const program = join(values["FLAME_APP_DIR"] ?? "", "bin/run-it");
      expect(execFileSync(program, { encoding: "utf8" })).toBe("ran\n");
    },
  );
});

describe("a package index", () => {
  /** An index of one wheel that answers its first two requests with 503. */
  async function startIndex(wheelName: string, content: Buffer): Promise<Server> {
    let requests = 0;
    const server = createServer((request, response) => {
      requests += 1;
      if (requests <= 2) response.writeHead(503).end();
      else if (request.url?.endsWith(".whl")) response.end(content);
      else if (request.url === "/simple/needed/")
        response
          .writeHead(200, { "content-type": "text/html" })
          .end(`<html><body><a href="/files/${wheelName}">${wheelName}</a></body></html>`);
      else response.writeHead(404).end();
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    return server;
  }

  test("that fails for a moment is asked again, for what the node does not have", async () => {
    const name = "needed-1.0-py3-none-any.whl";
    const index = await startIndex(name, wheel("needed", "word = 'from the index'\n"));
    try {
      const { port } = index.address() as AddressInfo;
      const { UV_OFFLINE: _, ...online } = env;
      await store.close();
      store = await open({}, { ...online, UV_DEFAULT_INDEX: `http://127.0.0.1:${port}/simple` });
      const path = put("my-app.whl", wheel("greet", "", { requires: ["needed"] }));
      expect(python(await prepare(source(path)), "import needed; print(needed.word)")).toBe(
        "from the index",
      );
    } finally {
      index.closeAllConnections();
      await new Promise((closed) => index.close(closed));
    }
  });
});

describe("sources", () => {
  test("in a directory are copied, built and installed with their scripts; the directory stays as it was", async () => {
    const path = project("src-dir");
    const variables = await prepare(source(path, { installer: "python" }));
    expect(python(variables, "import sourced; print(sourced.word)")).toBe("source");
    const folders = variables.values["FLAME_APP_SITE"]?.split(":") ?? [];
    expect(folders.map((entry) => entry.split("/").at(-1))).toEqual(["deps", "src"]);
    expect(readdirSync(variables.paths["PATH"]?.[1] ?? "")).toEqual(["sourced-run"]);
    expect(readdirSync(path).sort()).toEqual(["pyproject.toml", "sourced.py"]);
  });

  test("that hold no project are refused by name", async () => {
    mkdirSync(join(folder.path, "empty"));
    await expect(prepare(source(join(folder.path, "empty")))).rejects.toThrow(
      /package url "file:.*\/empty": it holds no pyproject.toml or setup.py/,
    );
  });
});

describe("a binary package", () => {
  test("is unpacked with its modes, and found by its variables", async () => {
    put("tool/bin/run-it", "#!/bin/sh\necho ran\n");
    put("tool/lib/x.txt", "x");
    execFileSync("chmod", ["755", join(folder.path, "tool/bin/run-it")]);
    const archive = join(folder.path, "tool.tgz");
    execFileSync("tar", ["-czf", archive, "-C", join(folder.path, "tool"), "."]);
    const { paths, values } = await prepare(source(archive, { installer: "Binary" }));
    const src = values["FLAME_APP_DIR"] ?? "";
    expect(paths).toEqual({
      PATH: [join(src, "bin"), src],
      LD_LIBRARY_PATH: [join(src, "libs"), join(src, "lib")],
    });
    expect(execFileSync(join(src, "bin/run-it"), { encoding: "utf8" })).toBe("ran\n");
  });
});

describe("packages by content", () => {
  test("are built once however many binds want them at once, and found again later", async () => {
    const path = put("my-app.whl", wheel("greet", ""));
    const all = await Promise.all(Array.from({ length: 8 }, () => prepare(source(path))));
    expect(new Set(all.map(({ values }) => values["FLAME_APP_SITE"])).size).toBe(1);
    expect(installed()).toHaveLength(1);
    rmSync(home.logs, { recursive: true });
    const later = await open();
    await later.prepare(source(path), new AbortController().signal);
    expect(existsSync(home.logs)).toBe(false);
  });

  test("never mix: another content behind the same url, or of the same distribution, is another folder", async () => {
    const path = put("my-app.whl", wheel("greet", "word = 'old'\n"));
    const other = put("other/my-app.whl", wheel("greet", "word = 'other'\n"));
    const [old, beside] = await Promise.all([
      prepare(source(path)),
      prepare(source(other, { application: "other" })),
    ]);
    put("my-app.whl", wheel("greet", "word = 'new'\n"));
    const fresh = await prepare(source(path));
    const words = [old, beside, fresh].map((variables) =>
      python(variables, "import greet; print(greet.word)"),
    );
    expect(words).toEqual(["old", "other", "new"]);
  });

  test("are checked against the hash that the url pins", async () => {
    const content = wheel("greet", "");
    const path = put("my-app.whl", content);
    const hash = createHash("sha256").update(content).digest("hex");
    const url = `${pathToFileURL(path).href}#sha256=`;
    await prepare(source(path, { url: url + hash }));
    await expect(prepare(source(path, { url: url + "0".repeat(64) }))).rejects.toThrow(
      `its content has sha256 ${hash}, expected ${"0".repeat(64)}`,
    );
  });

  test("half-built in an earlier run are removed", async () => {
    mkdirSync(join(home.packages, ".building-x/deps"), { recursive: true });
    await open();
    expect(installed()).toEqual([]);
  });
});

describe("without a package", () => {
  test("nothing is set for an application with neither url nor installer, and a plain file is left alone", async () => {
    expect(await prepare(source(undefined))).toEqual({ paths: {}, values: {} });
    expect(await prepare(source(put("some-program", "#!/bin/sh\n")))).toEqual({
      paths: {},
      values: {},
    });
    expect(installed()).toEqual([]);
  });

  test("installer python brings the prepared interpreter", async () => {
    const { paths, values } = await prepare(source(undefined, { installer: "python" }));
    expect(paths["PATH"]).toEqual([join(home.flmrun, ".venv/bin")]);
    expect(values["UV_PROJECT_ENVIRONMENT"]).toBe(join(home.flmrun, ".venv"));
    expect(values).not.toHaveProperty("FLAME_APP_SITE");
  });

  test("installer binary brings nothing, no Python either", async () => {
    const environments = { FLAME_PYTHON_VERSION: "3.99" };
    const binary = source(undefined, { installer: "binary", environments });
    expect(await prepare(binary)).toEqual({ paths: {}, values: {} });
    expect(installed()).toEqual([]);
  });

  test("a missing file is named with its url", async () => {
    await expect(prepare(source("/no/such.whl"))).rejects.toThrow(
      'package url "file:///no/such.whl": cannot read "/no/such.whl": no such file or directory on this node',
    );
  });

  test("a Python that nobody prepared is named with the command that makes it", async () => {
    const environments = { FLAME_PYTHON_VERSION: "python3.99" };
    await expect(prepare(source(undefined, { installer: "python", environments }))).rejects.toThrow(
      /no environment for Python 3\.99: ".*\.venv-3\.99" is missing; make it with: UV_PROJECT_ENVIRONMENT=".*\.venv-3\.99" ".*uv" sync --project ".*flmrun" --python 3\.99/,
    );
    const wrong = { FLAME_PYTHON_VERSION: "latest" };
    await expect(
      prepare(source(undefined, { installer: "python", environments: wrong })),
    ).rejects.toThrow('FLAME_PYTHON_VERSION: got "latest", expected a version such as 3.12');
  });
});
