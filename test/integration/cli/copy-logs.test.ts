import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { copyLogs } from "../../../src/cli/flame/copy-logs.ts";
import { copyTree } from "../../../src/files/copy-tree.ts";
import { temporaryFolder } from "../../support/temp.ts";

let folder: { path: string; remove: () => void };
let from: string;
let to: string;

beforeEach(async () => {
  folder = temporaryFolder("logs");
  [from, to] = [join(folder.path, "small"), join(folder.path, "copy")];
  await mkdir(from);
  writeFileSync(join(from, "1.log"), "one");
  writeFileSync(join(from, "2.log"), "two");
});

afterEach(() => folder.remove());

const contents = (): string[] =>
  readdirSync(to)
    .toSorted()
    .map((name) => readFileSync(join(to, name), "utf8"));

describe("a copy of the logs of small objects", () => {
  it("is made anew when a log went meanwhile, whose objects stand in another one by now", async () => {
    let tries = 0;
    const copied = await copyLogs(from, to, async (...paths) => {
      const copy = await copyTree(...paths);
      if (++tries > 1) return copy;
      writeFileSync(join(from, "2.log"), "two, one");
      rmSync(join(from, "1.log"));
      return copy;
    });
    expect({ copied, tries }).toEqual({ copied: { files: 1, bytes: 8 }, tries: 2 });
    expect(contents()).toEqual(["two, one"]);
  });

  it("takes a log that is new meanwhile for no reason to begin again", async () => {
    let tries = 0;
    await copyLogs(from, to, async (...paths) => {
      tries++;
      const copy = await copyTree(...paths);
      writeFileSync(join(from, "3.log"), "three");
      return copy;
    });
    expect(tries).toBe(1);
    expect(contents()).toEqual(["one", "two"]);
  });

  it("is nothing where there are none", async () => {
    const nothing = join(folder.path, "nowhere");
    expect(await copyLogs(nothing, to)).toEqual({ files: 0, bytes: 0 });
  });

  it("is given up, in words, when it never comes to an end", async () => {
    let turn = 0;
    const restless = copyLogs(from, to, async (...paths) => {
      const copy = await copyTree(...paths);
      const [first = ""] = readdirSync(from);
      renameSync(join(from, first), join(from, `${++turn}-moved.log`));
      return copy;
    });
    await expect(restless).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("got no whole copy in 100 tries"),
    });
  });
});
