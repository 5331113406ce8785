import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { Logger } from "../../../src/kit/logger.ts";
import { StoreUnderTest } from "./store-under-test.ts";

let store: StoreUnderTest;
let warnings: string[];
let project: string;

const logger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (fields, message) => warnings.push(`${message} ${JSON.stringify(fields)}`),
  error: () => undefined,
  child: () => logger,
};

beforeEach(async () => {
  store = new StoreUnderTest();
  warnings = [];
  store.put("app/bin/run", "#!/bin/sh\necho run\n");
  store.put("app/data/large", "x".repeat(100_000));
  project = join(store.path, "app");
  symlinkSync("data/large", join(project, "link"));
  await store.open({}, {}, logger);
});
afterEach(() => store.close());

/** Prepares the project. @returns the folder of its package */
async function install(): Promise<string> {
  const { variables, release } = await store.prepare(project, { installer: "binary" });
  release();
  return join(variables.values["FLAME_APP_DIR"] ?? "", "..");
}

/** What is left when an executor manager did not close its shelf, however it ended. */
const killedMark = (): string => `${store.home.packages}.open`;

async function reopen({ killed }: { killed: boolean }): Promise<void> {
  await store.close({ keep: true });
  if (killed) writeFileSync(killedMark(), "");
  await store.open({}, {}, logger);
}

describe("after an executor manager was killed", () => {
  it.each<[string, string, (folder: string) => void]>([
    [
      "has another content",
      '\\"src/bin/run\\" has another content',
      (folder) => {
        const file = join(folder, "src/bin/run");
        const { atime, mtime } = statSync(file);
        writeFileSync(file, "#!/bin/sh\necho RUN\n");
        utimesSync(file, atime, mtime);
      },
    ],
    [
      "was cut off",
      '\\"src/data/large\\" has 5 bytes, installed were 100000',
      (folder) => truncateSync(join(folder, "src/data/large"), 5),
    ],
    [
      "lacks a file",
      '\\"src/bin/run\\" is missing',
      (folder) => rmSync(join(folder, "src/bin/run")),
    ],
    [
      "has a file more",
      '\\"src/bin/other\\" was not installed',
      (folder) => writeFileSync(join(folder, "src/bin/other"), ""),
    ],
    [
      "has a link that leads elsewhere",
      '\\"src/link\\" leads elsewhere',
      (folder) => {
        rmSync(join(folder, "src/link"));
        symlinkSync("bin/run", join(folder, "src/link"));
      },
    ],
    [
      "has a folder for a file",
      '\\"src/bin/run\\" is a folder, installed was a file',
      (folder) => {
        rmSync(join(folder, "src/bin/run"));
        mkdirSync(join(folder, "src/bin/run"));
      },
    ],
    [
      "is of an earlier version, without a list",
      "cannot be compared",
      (folder) => rmSync(join(folder, ".contents")),
    ],
    [
      "has a list that was cut off",
      "is cut off",
      (folder) => truncateSync(join(folder, ".contents"), 30),
    ],
  ])("a package that %s is installed anew, and that is logged", async (_, difference, change) => {
    const folder = await install();
    change(folder);
    await reopen({ killed: true });
    expect(await install()).toBe(folder);
    expect(warnings).toEqual([expect.stringContaining("installed anew")]);
    expect(warnings[0]).toContain(difference);
    expect(readFileSync(join(folder, "src/bin/run"), "utf8")).toBe("#!/bin/sh\necho run\n");
    expect(readFileSync(join(folder, "src/link"), "utf8")).toHaveLength(100_000);
    expect(existsSync(join(folder, "src/bin/other"))).toBe(false);
    expect(store.installed()).toHaveLength(1);
  });

  it("a package that is as it was installed stays, compiled modules of Python beside it", async () => {
    const folder = await install();
    mkdirSync(join(folder, "src/__pycache__"));
    writeFileSync(join(folder, "src/__pycache__/x.cpython-312.pyc"), "");
    const before = statSync(join(folder, "src/bin/run")).ino;
    await reopen({ killed: true });
    await install();
    expect(warnings).toEqual([]);
    expect(statSync(join(folder, "src/bin/run")).ino).toBe(before);
  });

  it("is looked at once, whoever wants it meanwhile, and not again after an end in order", async () => {
    const folder = await install();
    appendFileSync(join(folder, "src/bin/run"), "more");
    await reopen({ killed: true });
    await Promise.all([install(), install(), install()]);
    expect(warnings).toHaveLength(1);
    appendFileSync(join(folder, "src/bin/run"), "more");
    await reopen({ killed: false });
    await install();
    expect(warnings).toHaveLength(1);
  });

  it("a package that nobody wanted since is looked at after the next start, too", async () => {
    const folder = await install();
    appendFileSync(join(folder, "src/bin/run"), "more");
    await reopen({ killed: true });
    await reopen({ killed: false });
    await install();
    expect(warnings).toHaveLength(1);
  });
});

it("a shelf that is open says so, one that was closed does not", async () => {
  expect(existsSync(killedMark())).toBe(true);
  await store.close({ keep: true });
  expect(existsSync(killedMark())).toBe(false);
});
