import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { loadClusterConfig } from "../../src/config/load-cluster-config.ts";
import { type Finished, preparedHome, runToEnd } from "../support/python.ts";
import { temporaryFolder } from "../support/temp.ts";
import { wheel } from "../support/wheel.ts";

const root = resolve(import.meta.dirname, "../..");
// Nobody edits this copy between two installations; where it lay when it was installed is nothing any more.
const checkout = join(preparedHome, "../checkout");
const script = join(checkout, "scripts/install.sh");

let folder: ReturnType<typeof temporaryFolder>;

beforeEach(() => {
  folder = temporaryFolder("install");
});

afterEach(() => folder.remove());

const install = (...args: string[]): Promise<Finished> =>
  runToEnd(script, args, { deadlineMs: 150_000, cwd: folder.path });

async function installed(prefix: string, ...more: string[]): Promise<Finished> {
  const finished = await install("--prefix", prefix, ...more);
  expect(finished).toMatchObject({ code: 0, stderr: expect.not.stringContaining("Error") });
  return finished;
}

/** Every file below a folder with what tells whether it was written again. */
function filesOf(home: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(home, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [file, `${statSync(file).ino} ${statSync(file).mtimeMs}`]),
  );
}

describe("scripts/install.sh", () => {
  test("lays out a home that names nothing of the checkout it came from", () => {
    for (const path of [
      ...["bin/flame", "bin/flmctl", "bin/flmping-service", "bin/uv", "conf", "data", "logs"],
      ...["lib/flame/defaults/flmrun.yaml", "lib/flame/schemas/cluster.schema.json"],
      ...["lib/flame/migrations/sqlite", "sdk/python/flamepy", "share/doc/installation.md"],
      ...["work/flmrun/pyproject.toml", "work/flmrun/.venv/bin/flamepy.runpy"],
    ]) {
      expect({ path, there: existsSync(join(preparedHome, path)) }).toEqual({ path, there: true });
    }
    expect(readdirSync(join(preparedHome, "wheels")).join()).toMatch(/setuptools-.*wheel-/);
    expect(existsSync(join(preparedHome, "../source"))).toBe(false);
    // The names of bundled npm packages are comments; those of this run lie in the checkout itself.
    const own = new RegExp(`${root}/(?!node_modules/)|${join(preparedHome, "../source")}`);
    const naming = Object.keys(filesOf(preparedHome)).filter((file) => {
      if (file.includes("/logs/set-up/") || statSync(file).size > 4_000_000) return false;
      return own.test(readFileSync(file, "latin1"));
    });
    expect(naming).toEqual([]);
  });

  test("compiles the modules of flmrun's environment, also those that no service of this home has loaded", () => {
    const compiled = Object.keys(filesOf(join(preparedHome, "work/flmrun/.venv/lib"))).join("\n");
    expect(compiled).toMatch(/\/site-packages\/pyarrow\/__pycache__\/orc\.cpython-\d+\.pyc$/m);
    expect(compiled).toMatch(
      /\/site-packages\/flamepy\/_services\/__pycache__\/runpy\.cpython-\d+\.pyc$/m,
    );
  });

  test("starts what carries payloads with room for them, and nothing else", () => {
    const withRoom = readdirSync(join(preparedHome, "bin")).filter((name) =>
      / --initial-old-space-size=64 .*\.js" "\$@"$/m.test(
        readFileSync(join(preparedHome, "bin", name), "utf8"),
      ),
    );
    expect(withRoom).toEqual(["flame-executor-manager", "flame-session-manager"]);
  });

  test("says where it is, which node and which Python it uses, and writes nothing the second time", async () => {
    const prefix = join(folder.path, "flame");
    const { stdout } = await installed(prefix);
    expect(stdout).toMatch(
      new RegExp(`^Flame [\\d.]+ is installed in ${prefix} .*\\n +node +${process.execPath} `),
    );
    expect(stdout).toMatch(/\n +Python +\/.*python3/);
    const before = filesOf(prefix);
    const again = await installed(prefix);
    expect(again.stderr).not.toContain("...");
    expect(filesOf(prefix)).toEqual(before);
  });

  test("writes the operators' group into a new configuration, and tells what one that is there needs", async () => {
    const prefix = join(folder.path, "flame");
    const file = join(prefix, "conf/flame-cluster.yaml");
    await installed(prefix, "--operators", "root");
    const config = loadClusterConfig({ path: file, env: { FLAME_HOME: prefix } });
    expect(config.cluster.security).toMatchObject({ clients: "same-user", users: ["@root"] });
    const again = await installed(prefix, "--operators", "root");
    expect(again.stderr).not.toContain("stays as it is");
    writeFileSync(file, "cluster: { name: mine }\n");
    const { stderr } = await installed(prefix, "--operators=root");
    expect(stderr).toContain(
      `${file} stays as it is. For users of root to call, it needs: cluster: { security: { users: ["@root"] } }`,
    );
    expect(readFileSync(file, "utf8")).toBe("cluster: { name: mine }\n");
  });

  test("upgrades in place: what the user wrote stays as it is, what the version brings is of now", async () => {
    const prefix = join(folder.path, "flame");
    await installed(prefix);
    const own = {
      "conf/flame-cluster.yaml": "cluster: { name: mine }\n",
      "data/flame.db": "not touched",
      "logs/flame-session-manager.log": "{}\n",
      "bin/my-tool": "#!/bin/sh\n",
    };
    for (const [name, text] of Object.entries(own)) writeFileSync(join(prefix, name), text);
    // As an earlier version would have left it.
    const launcher = readFileSync(join(prefix, "bin/flmctl"), "utf8");
    writeFileSync(join(prefix, "bin/flmold"), launcher.replaceAll("flmctl", "flmold"));
    writeFileSync(join(prefix, "bin/flmctl"), "#!/bin/sh\nexit 9\n");
    writeFileSync(join(prefix, "lib/flame/package.json"), '{ "version": "0.0.1" }');
    writeFileSync(join(prefix, "lib/flame/dist/bin/flmold.js"), "");
    rmSync(join(prefix, "work/flmrun/.venv"), { recursive: true });
    for (const stamp of ["programs", "share"]) writeFileSync(join(prefix, "lib/stamps", stamp), "");

    await installed(prefix);
    for (const [name, text] of Object.entries(own)) {
      expect(readFileSync(join(prefix, name), "utf8")).toBe(text);
    }
    expect(readFileSync(join(prefix, "bin/flmctl"), "utf8")).toBe(launcher);
    expect(existsSync(join(prefix, "bin/flmold"))).toBe(false);
    expect(readdirSync(join(prefix, "lib/flame/dist/bin"))).not.toContain("flmold.js");
    expect(existsSync(join(prefix, "work/flmrun/.venv/bin/flamepy.runpy"))).toBe(true);
    const { stdout } = await runToEnd(join(prefix, "bin/flmctl"), ["--version"]);
    expect(stdout).not.toContain("0.0.1");
  });
});

describe("what somebody added to flmrun", () => {
  let prefix: string;
  let flmrun: string;

  beforeEach(async () => {
    prefix = join(folder.path, "flame");
    flmrun = join(prefix, "work/flmrun");
    await installed(prefix);
  });

  const uv = async (...args: string[]): Promise<void> => {
    const finished = await runToEnd(join(prefix, "bin/uv"), args, { cwd: flmrun });
    expect(finished).toMatchObject({ code: 0 });
  };

  /** What an environment says when it is asked to import something. */
  const imports = async (environment: string, name: string): Promise<Finished> =>
    runToEnd(join(flmrun, environment, "bin/python"), ["-I", "-c", `import ${name}`]);

  /** As if the next version came. */
  const age = (): void => writeFileSync(join(prefix, "lib/stamps/flmrun"), "");

  test("survives an upgrade: packages, files, edits of the project, an environment of another Python", async () => {
    const added = join(folder.path, "added-1.0-py3-none-any.whl");
    writeFileSync(added, wheel("added", ""));
    await uv("pip", "install", "--offline", "--python", ".venv/bin/python", added);
    await uv("venv", "--offline", "--python", ".venv/bin/python", ".venv-3.99");
    writeFileSync(join(flmrun, "lookup.csv"), "1,2\n");
    const edited = `${readFileSync(join(flmrun, "pyproject.toml"), "utf8")}\n[tool.mine]\n`;
    writeFileSync(join(flmrun, "pyproject.toml"), edited);
    writeFileSync(join(flmrun, "README.md"), "as an earlier version brought it");
    // That version noted nothing.
    rmSync(join(prefix, "lib/stamps/flmrun-files.json"));
    age();

    await installed(prefix);
    expect(await imports(".venv", "added, flamepy")).toMatchObject({ code: 0 });
    expect(await imports(".venv-3.99", "flamepy")).toMatchObject({ code: 0 });
    expect(readFileSync(join(flmrun, "lookup.csv"), "utf8")).toBe("1,2\n");
    expect(readFileSync(join(flmrun, "pyproject.toml"), "utf8")).toBe(edited);
    expect(readFileSync(join(flmrun, "README.md"), "utf8")).toMatch(/^# flmrun\n/);
  });

  test("is listed where an upgrade would lose it, and nothing is changed until it is dealt with", async () => {
    const site = join(
      flmrun,
      ".venv/lib",
      readdirSync(join(flmrun, ".venv/lib")).join(),
      "site-packages",
    );
    mkdirSync(join(site, "added-1.0.dist-info"));
    mkdirSync(join(site, "cloudpickle-1.2.3.dist-info"));
    const python = join(flmrun, ".venv/bin/python");
    rmSync(python);
    symlinkSync(process.execPath, python);
    const project = join(flmrun, "pyproject.toml");
    writeFileSync(project, `${readFileSync(project, "utf8")}\n[tool.mine]\n`);
    // The last version brought another one than this.
    writeFileSync(join(prefix, "lib/stamps/flmrun-files.json"), '{ "pyproject.toml": "0" }');
    writeFileSync(join(prefix, "lib/stamps/programs"), "");
    age();
    const before = filesOf(prefix);

    const { code, stdout, stderr } = await install("--prefix", prefix);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    const error = stderr.slice(stderr.indexOf("Error: "));
    expect(error.split("\n").slice(0, 6)).toEqual([
      `Error: what somebody added to ${flmrun} would be lost:`,
      "  pyproject.toml: edited here, and changed by this version",
      `  added 1.0 in ${flmrun}/.venv: named by no project, and the environment is made anew on another Python`,
      expect.stringMatching(`^  cloudpickle 1.2.3 in ${flmrun}/.venv: uv.lock says 3[.\\d]+$`),
      "Nothing was changed.",
      `What to do: a package stays when the project names it, with: cd "${flmrun}" && "${prefix}/bin/uv" add --no-sync NAME==VERSION`,
    ]);
    expect(filesOf(prefix)).toEqual(before);

    rmSync(project);
    rmSync(join(flmrun, ".venv"), { recursive: true });
    await installed(prefix);
    expect(await imports(".venv", "flamepy")).toMatchObject({ code: 0 });
    expect(readFileSync(project, "utf8")).not.toContain("tool.mine");
  });
});

describe("scripts/install.sh refuses", () => {
  test.each([
    ["an unknown option", ["--perfix", "/x"], 2, "--perfix: unknown argument, expected --prefix"],
    ["a missing folder", ["--prefix"], 2, "--prefix: got no folder, expected an absolute path"],
    ["an empty folder", ["--prefix="], 2, "--prefix: got no folder, expected an absolute path"],
    ["a relative folder", ["--prefix", "flame"], 2, "--prefix flame: expected an absolute path"],
    ["what scripts cannot quote", ["--prefix", "/a b"], 2, "--prefix /a b: expected letters"],
    ["a folder of the checkout", ["--prefix", `${checkout}/x`], 1, "this is inside the checkout"],
    ["no operators", ["--operators", ""], 2, "--operators: got no group, expected the name"],
    ["unknown operators", ["--operators", "no-such-group"], 1, 'got "no-such-group", expected'],
    ["a file", ["--prefix", script], 1, "inside the checkout"],
  ])("%s", async (_what, args, code, text) => {
    const finished = await install(...args);
    expect(finished).toMatchObject({ code, stdout: "" });
    expect(finished.stderr).toContain(`Error: `);
    expect(finished.stderr).toContain(text);
    expect(finished.stderr).toContain("What to do: ");
    expect(finished.stderr).not.toMatch(/\n +at /);
  });

  test("a folder that holds something else, and a file", async () => {
    mkdirSync(join(folder.path, "photos"));
    const { code, stderr } = await install("--prefix", folder.path);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        `Error: --prefix ${folder.path}: this folder is not a Flame installation and holds other things (photos).\n` +
        "What to do: name a folder of its own, such as /usr/local/flame.\n",
    });
    const file = join(folder.path, "file");
    writeFileSync(file, "");
    expect((await install("--prefix", file)).stderr).toContain("this is a file, expected a folder");
    expect((await install("--prefix", `${file}/flame`)).stderr).toContain(
      "What to do: name another",
    );
    expect(readdirSync(folder.path).sort()).toEqual(["file", "photos"]);
  });

  test("a folder that the user may not write to, naming both", async () => {
    // Root may write everywhere: then somebody else tries, from a copy of the scripts that anybody may read.
    const readable = join(folder.path, "checkout");
    const closed = join(folder.path, "closed");
    cpSync(join(checkout, "scripts"), join(readable, "scripts"), { recursive: true });
    mkdirSync(closed);
    chmodSync(closed, 0o555);
    chmodSync(folder.path, 0o755);
    const nobody = process.getuid?.() === 0 ? ["--reuid=65534", "--clear-groups"] : [];
    const { code, stderr } = await runToEnd("setpriv", [
      ...nobody,
      join(readable, "scripts/install.sh"),
      ...["--prefix", join(closed, "flame")],
    ]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        new RegExp(
          `^Error: --prefix ${closed}/flame: the user \\S+ may not write to ${closed} \\(EACCES\\)\\.\nWhat to do: `,
        ),
      ),
    });
  });

  test("to begin without node or npm, saying which is missing and what to do", async () => {
    const path = join(folder.path, "path");
    mkdirSync(path);
    for (const name of ["sh", "dirname", "pwd"]) symlinkSync(`/bin/${name}`, join(path, name));
    const without = (): Promise<Finished> =>
      runToEnd(script, ["--prefix", join(folder.path, "flame")], { env: { PATH: path } });
    expect(await without()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Error: node was not found on PATH\nWhat to do: install Node/),
    });
    symlinkSync(process.execPath, join(path, "node"));
    expect(await without()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Error: npm was not found on PATH; node is .*\nWhat to do: /),
    });
  });

  test("nothing when it is asked for help", async () => {
    const { code, stdout, stderr } = await install("--help");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^usage: scripts\/install\.sh \[--prefix DIR\] \[--operators GROUP\]\n/);
    expect(existsSync(join(folder.path, "flame"))).toBe(false);
  });
});
