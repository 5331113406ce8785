import { mkdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { systemClock } from "../../../src/kit/clock.ts";
import { readManifests } from "../../../src/manifest/manifest.ts";
import {
  DirectoryFollower,
  type DirectoryFollowerDeps,
} from "../../../src/manifest-directory/directory-follower.ts";
import {
  type DirectoryLook,
  DirectoryReader,
  QUIET_MS,
} from "../../../src/manifest-directory/directory-reader.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";

const yaml = (name: string): string => `metadata: { name: ${name} }\nspec: { command: x }\n`;

let temporary: ReturnType<typeof temporaryFolder>;
let folder: string;
let looks: DirectoryLook[];
let told: string[];
let follower: DirectoryFollower | undefined;
beforeEach(() => {
  temporary = temporaryFolder("follower");
  folder = join(temporary.path, "above/applications");
  looks = [];
  told = [];
});
afterEach(async () => {
  await follower?.close();
  temporary.remove();
});

async function follow(more: Partial<DirectoryFollowerDeps> = {}, filesMax = 100): Promise<void> {
  const reader = new DirectoryReader({
    folder,
    clock: systemClock,
    readText: async (text) => readManifests(text),
    filesMax,
  });
  follower = new DirectoryFollower({
    folder,
    reader,
    clock: systemClock,
    act: async (look) => {
      looks.push(look);
      return undefined;
    },
    onUnwatched: (reason) => told.push(reason),
    onFailure: (reason) => told.push(`failed: ${reason}`),
    ...more,
  });
  await follower.start();
}

const names = (): string[] =>
  [...(looks.at(-1)?.files.values() ?? [])].flatMap((file) =>
    file.ok ? file.documents.map(({ name }) => name) : [`fault in ${file.path}`],
  );
const seen = (...expected: string[]) =>
  waitFor(`${expected.join(", ")} are seen`, () => names().join() === expected.join());

describe("reading a directory", () => {
  it("leaves a file that is just being written as it was, for a moment, and reads one that never rests", async () => {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, "a.yaml");
    let sinceWrite = 0;
    // Time by the file's own clock: this long after its last change.
    const clock = { ...systemClock, now: () => Math.ceil(statSync(file).ctimeMs) + sinceWrite };
    const reader = new DirectoryReader({
      folder,
      clock,
      readText: async (it) => readManifests(it),
    });
    const look = async (): Promise<[string[], boolean]> => {
      const { files, unsettled } = await reader.look();
      looks.push({ folder: "present", files, unsettled, linkedFolders: [] });
      return [names(), unsettled];
    };
    writeFileSync(file, yaml("a"));
    expect(await look()).toEqual([[], true]);
    sinceWrite = QUIET_MS;
    expect(await look()).toEqual([["a"], false]);
    writeFileSync(file, yaml("b"));
    sinceWrite = 5;
    expect(await look()).toEqual([["a"], true]);
    const started = performance.now();
    await waitFor("it is read while it is being written", async () => {
      utimesSync(file, new Date(), new Date());
      return (await look())[0].join() === "b";
    });
    expect(performance.now() - started).toBeGreaterThan(100);
  });
});

describe("following a directory", () => {
  it("sees files in a folder that comes, goes, comes again and is replaced", async () => {
    // No safety net: what is seen here, the watches have told.
    await follow({ rescanMs: 2 ** 30 });
    expect(looks.at(-1)?.folder).toBe("missing");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "a.yaml"), yaml("a"));
    await seen("a");
    rmSync(folder, { recursive: true });
    await waitFor("it is gone", () => looks.at(-1)?.folder === "missing");
    mkdirSync(folder);
    writeFileSync(join(folder, "b.yaml"), yaml("b"));
    await seen("b");
    const next = `${folder}.next`;
    mkdirSync(next);
    writeFileSync(join(next, "c.yaml"), yaml("c"));
    renameSync(folder, `${folder}.old`);
    renameSync(next, folder);
    await seen("c");
    writeFileSync(join(folder, "d.yaml"), yaml("d"));
    await seen("c", "d");
    expect(told).toEqual([]);
  });

  it("finds everything without a single word from the operating system", async () => {
    mkdirSync(folder, { recursive: true });
    const deaf = { close: () => undefined };
    await follow({ rescanMs: 20, watchFolder: () => deaf });
    for (const name of ["a", "b"]) {
      writeFileSync(join(folder, `${name}.yaml`), yaml(name));
      await waitFor(name, () => names().includes(name));
    }
    rmSync(join(folder, "a.yaml"));
    await seen("b");
    expect(told).toEqual([]);
  });

  it("says once that it cannot watch, and looks for itself", async () => {
    mkdirSync(folder, { recursive: true });
    const refuse = (): never => {
      throw new Error("ENOSPC: System limit for number of file watchers reached");
    };
    await follow({ rescanMs: 20, watchFolder: refuse });
    writeFileSync(join(folder, "a.yaml"), yaml("a"));
    await seen("a");
    const before = looks.length;
    await waitFor("more looks", () => looks.length > before + 2);
    expect(told).toHaveLength(1);
    expect(told[0]).toContain("ENOSPC");
  });

  it("gives unchanged files as the same objects, and calls again after a failure", async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "a.yaml"), yaml("a"));
    let fail = true;
    await follow({
      rescanMs: 20,
      act: async (look) => {
        looks.push(look);
        if (look.files.size === 2 && fail) {
          fail = false;
          throw new Error("not just now");
        }
        return undefined;
      },
    });
    writeFileSync(join(folder, "b.yaml"), yaml("b"));
    await waitFor(
      "the second look at both",
      () => looks.filter(({ files }) => files.size === 2).length >= 2,
    );
    expect(told).toEqual(["failed: not just now"]);
    const a = join(folder, "a.yaml");
    expect(looks.at(-1)?.files.get(a)).toBe(looks.at(-2)?.files.get(a));
  });

  it("looks less often where a look takes long", async () => {
    mkdirSync(folder, { recursive: true });
    let now = 0;
    const asked: { delayMs: number; action: () => void }[] = [];
    const after = (delayMs: number, action: () => void) => {
      asked.push({ delayMs, action });
      return { cancel: () => undefined };
    };
    const act = async (): Promise<undefined> => {
      now += 400;
    };
    await follow({ clock: { now: () => now, steady: () => now, after }, act });
    asked.at(-1)?.action();
    await waitFor("the next look is asked for", () => asked.at(-1)!.delayMs > 1000);
    expect(asked.at(-1)?.delayMs).toBe(20_000);
  });

  it("refuses a folder with more files than it can hold, as a whole", async () => {
    mkdirSync(folder, { recursive: true });
    for (const name of ["a", "b", "c"]) writeFileSync(join(folder, `${name}.yaml`), yaml(name));
    await follow({}, 2);
    const reason = "got 3 files of manifests, expected at most 2";
    expect(looks.at(-1)).toMatchObject({ folder: "unreadable", reason });
    rmSync(join(folder, "c.yaml"));
    await seen("a", "b");
  });
});
