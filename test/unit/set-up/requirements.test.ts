import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { keepNamedFiles } from "../../../scripts/lib/flmrun-environments.mjs";
import {
  lockedFile,
  pinsOf,
  requirementSet,
  setNames,
  uvVersion,
} from "../../../scripts/lib/requirements.mjs";
import { temporaryFolder } from "../../support/temp.ts";

const root = resolve(import.meta.dirname, "../../..");

describe("the files of Python requirements", () => {
  test.each(setNames)("%s is the one that its sources ask for", (name) => {
    const pins = pinsOf(lockedFile(root, name));
    expect(pins.length).toBeGreaterThan(0);
    for (const { name: release, version, hashes } of pins) {
      expect({ release, version }).toEqual({
        release: expect.stringMatching(/^[a-z0-9-]+$/),
        version: expect.stringMatching(/^\d[\w.]*$/),
      });
      expect(hashes.length).toBeGreaterThan(0);
      for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  test("names every requirement that somebody asked for, and no host", () => {
    for (const name of setNames) {
      const { asked, path } = requirementSet(root, name);
      const releases = pinsOf(path).map((pin) => pin.name);
      const names = asked.map((line) => /^[\w-]+/.exec(line)?.[0].toLowerCase());
      expect(releases).toEqual(expect.arrayContaining(names));
      expect(readFileSync(path, "utf8")).not.toMatch(/:\/\/|index-url|find-links/);
    }
  });

  test("has wheels of uv for more systems than this one", () => {
    const [uv] = pinsOf(lockedFile(root, "uv"));
    expect(uv).toMatchObject({ name: "uv", version: uvVersion });
    expect(uv?.hashes.length).toBeGreaterThan(10);
  });
});

describe("a file that is not the one that its sources ask for", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  const project = "sdk/python/pyproject.toml";

  beforeEach(() => {
    folder = temporaryFolder("locked");
    for (const path of [project, "requirements/flmrun.txt"]) {
      mkdirSync(dirname(join(folder.path, path)), { recursive: true });
      cpSync(join(root, path), join(folder.path, path));
    }
  });

  afterEach(() => folder.remove());

  const edit = (path: string, from: RegExp | string, to: string): void => {
    const file = join(folder.path, path);
    const before = readFileSync(file, "utf8");
    const after = before.replace(from, to);
    expect(after).not.toBe(before);
    writeFileSync(file, after);
  };

  const fault = (): string => {
    try {
      lockedFile(folder.path, "flmrun");
    } catch (failure) {
      return (failure as Error).message;
    }
    return "";
  };

  test("is told from one that is", () => expect(fault()).toBe(""));

  test.each([
    [
      "older than the project",
      project,
      /"pyarrow>=[\d.]+",/,
      '"pyarrow>=99",',
      /made for .*; expected cloudpickle.*, pyarrow>=99, /,
    ],
    [
      "of a project with one more",
      project,
      /^dependencies = \[/m,
      'dependencies = [\n  "numpy",',
      /; expected .*, numpy, /,
    ],
    [
      "edited",
      "requirements/flmrun.txt",
      /--hash=sha256:\w{4}/,
      "--hash=sha256:0000",
      /somebody changed it by hand; expected what npm run lock wrote/,
    ],
    [
      "of another making",
      "requirements/flmrun.txt",
      /^# Made by/,
      "# Written by",
      /got no file that npm run lock has made/,
    ],
    [
      "of a project without the list",
      project,
      /^dependencies = /m,
      "needs = ",
      /found no list dependencies in \[project\]/,
    ],
  ])("%s: says so, and what to do", (_what, path, from, to, expected) => {
    edit(path, from, to);
    expect(fault()).toMatch(expected);
    expect(fault()).toMatch(/^(requirements\/flmrun\.txt|sdk\/python\/pyproject\.toml): /);
  });
});

test("uv.lock keeps the named files of our releases, and whatever is of other releases", () => {
  const folder = temporaryFolder("uv-lock");
  try {
    const lock = join(folder.path, "uv.lock");
    const file = (hash: string): string =>
      `    { url = "x", hash = "sha256:${hash}", size = 1 },\n`;
    const part = (name: string, version: string, ...hashes: string[]): string =>
      `[[package]]\nname = "${name}"\nversion = "${version}"\nwheels = [\n${hashes.map(file).join("")}]\n\n`;
    const head = "version = 1\n\n";
    writeFileSync(
      lock,
      head +
        part("grpcio", "1.2", "aa", "bb", "cc") +
        part("grpcio", "1.1", "dd") +
        part("numpy", "2.0", "ee"),
    );
    keepNamedFiles(lock, [{ name: "GRPCIO", version: "1.2", marker: "", hashes: ["aa", "cc"] }]);
    expect(readFileSync(lock, "utf8")).toBe(
      head +
        part("grpcio", "1.2", "aa", "cc") +
        part("grpcio", "1.1", "dd") +
        part("numpy", "2.0", "ee"),
    );
  } finally {
    folder.remove();
  }
});
