import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { installByHash, pipByHash } from "../../scripts/lib/by-hash.mjs";
import { ensurePackages } from "../../scripts/lib/packages.mjs";
import { findAnyPython } from "../../scripts/lib/python.mjs";
import { preparedHome, pythons, runToEnd } from "../support/python.ts";
import { temporaryFolder } from "../support/temp.ts";
import { wheel } from "../support/wheel.ts";

const uv = join(preparedHome, "bin/uv");
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

let folder: ReturnType<typeof temporaryFolder>;
let house: string;
let file: string;

beforeEach(() => {
  folder = temporaryFolder("by-hash");
  house = join(folder.path, "house");
  mkdirSync(house);
  file = join(folder.path, "requirements.txt");
});

afterEach(() => folder.remove());

/** Puts a wheel into the house, and tells its hash. */
function keep(module: string): string {
  const bytes = wheel("added", module);
  writeFileSync(join(house, "added-1.0-py3-none-any.whl"), bytes);
  return sha256(bytes);
}

const require = (...hashes: string[]): void =>
  writeFileSync(file, `added==1.0${hashes.map((hash) => ` --hash=sha256:${hash}`).join("")}\n`);

const messageOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "",
    (failure: unknown) => (failure as Error).message,
  );

describe("what is installed by hash", () => {
  let python: string;

  beforeEach(async () => {
    const made = await runToEnd(uv, ["venv", "--python", pythons.ours, join(folder.path, "venv")]);
    expect(made).toMatchObject({ code: 0 });
    python = join(folder.path, "venv/bin/python");
  });

  const withUv = (): Promise<void> =>
    installByHash({
      ...{ uv, python, root: folder.path, file, logFile: join(folder.path, "uv.log") },
      env: { UV_NO_INDEX: "1", UV_FIND_LINKS: house, UV_CACHE_DIR: join(folder.path, "cache") },
    });

  const target = (): string => join(folder.path, "target");

  const withPip = async (): Promise<void> =>
    pipByHash({
      python: (await findAnyPython()) ?? "",
      command: ["install", "--target", target()],
      ...{ root: folder.path, file, logFile: join(folder.path, "pip.log") },
      env: { PIP_NO_INDEX: "1", PIP_FIND_LINKS: house },
    });

  const isThere = async (): Promise<boolean> =>
    existsSync(join(target(), "added.py")) ||
    (await runToEnd(python, ["-I", "-c", "import added"])).code === 0;

  test.each([
    ["uv", withUv, /^what the package index gave for it$/],
    ["pip", withPip, /added-1\.0-py3-none-any\.whl$/],
  ])("with %s is the named file, and no other one", async (_name, install, place) => {
    const before = keep("");
    const after = keep("changed = True");
    require("0".repeat(64), before, "1".repeat(64), "2".repeat(64), "3".repeat(64));
    const said = await messageOf(install());
    const [, release, from, got] =
      /^(\S+): (.+) is not a file that requirements\.txt names\. It was not installed\.\ngot sha256 (\w+)\n/.exec(
        said,
      ) ?? [];
    expect({ release, from, got }).toMatchObject({
      release: "added==1.0",
      from: expect.stringMatching(place),
      got: after,
    });
    expect(said.match(/^(expected| +or) [0-9a-f]{64}$/gm)).toHaveLength(3);
    expect(said).toMatch(/ or one of 2 more in requirements\.txt\nWhat to do: /);
    expect(said.match(/\(all of the output: .*\)$/)).not.toBeNull();
    expect(await isThere()).toBe(false);

    require(after);
    await install();
    expect(await isThere()).toBe(true);
  });

  test("is refused as it is where there is another reason", async () => {
    require(sha256(Buffer.from("")));
    const said = await messageOf(withUv());
    expect(said).toMatch(/added/);
    expect(said).not.toContain("is not a file that");
  });

  test("has a hash for each release", async () => {
    keep("");
    require();
    expect(await messageOf(withUv())).toMatch(/--require-hashes/);
    expect(await isThere()).toBe(false);
  });
});

test("npm packages are those of package-lock.json, and no other ones", async () => {
  const npm = async (...args: string[]): Promise<void> => {
    expect(await runToEnd("npm", args, { cwd: folder.path })).toMatchObject({ code: 0 });
  };
  const dependency = join(folder.path, "added");
  mkdirSync(dependency);
  const project = { name: "project", version: "1.0.0", dependencies: { added: "file:added.tgz" } };
  writeFileSync(join(dependency, "package.json"), '{ "name": "added", "version": "1.0.0" }');
  writeFileSync(join(folder.path, "package.json"), JSON.stringify(project));
  await npm("pack", "--silent", "./added");
  await runToEnd("mv", ["added-1.0.0.tgz", "added.tgz"], { cwd: folder.path });
  await npm("install", "--package-lock-only", "--no-audit", "--no-fund");
  const lock = join(folder.path, "package-lock.json");
  const right = readFileSync(lock, "utf8");
  const integrity = /"integrity": "(sha512-[^"]+)"/.exec(right)?.[1] ?? "";
  const other = `sha512-${Buffer.alloc(64).toString("base64")}`;
  const ensure = (): Promise<void> => ensurePackages({ root: folder.path, logs: folder.path });

  writeFileSync(lock, right.replace(integrity, other));
  const said = await messageOf(ensure());
  expect(said).toMatch(
    /^added@\S+: what the npm registry gave for it is not what package-lock\.json names\. It was not installed\.\n/,
  );
  expect(said).toContain(`\ngot ${integrity}\nexpected ${other}\nWhat to do: `);

  writeFileSync(lock, right);
  await ensure();
  expect(existsSync(join(folder.path, "node_modules/added/package.json"))).toBe(true);
  // The same version under another hash is another package.
  writeFileSync(lock, right.replace(integrity, other));
  expect(await messageOf(ensure())).toContain(`expected ${other}`);
});
