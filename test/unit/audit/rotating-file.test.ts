import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { RotatingFile } from "../../../src/audit/rotating-file.ts";
import { temporaryFolder } from "../../support/temp.ts";

let folder: ReturnType<typeof temporaryFolder>;
let inside: string;
let file: RotatingFile;
beforeEach(() => {
  folder = temporaryFolder("audit");
  inside = join(folder.path, "audit");
});
afterEach(async () => {
  await file.close();
  folder.remove();
});

const open = (limits: Partial<{ fileBytesMax: number; filesMax: number }> = {}): RotatingFile => {
  file = new RotatingFile({
    file: join(inside, "log"),
    fileBytesMax: 20,
    filesMax: 3,
    ...limits,
  });
  return file;
};
const modeOf = (path: string): number => statSync(path).mode & 0o777;
const contents = (): Record<string, string> =>
  Object.fromEntries(
    readdirSync(inside).map((name) => [name, readFileSync(join(inside, name), "utf8")]),
  );

describe("RotatingFile", () => {
  it("is its owner's alone, and so is its folder, also when they were others' before", async () => {
    mkdirSync(inside);
    chmodSync(inside, 0o755);
    writeFileSync(join(inside, "log"), "");
    chmodSync(join(inside, "log"), 0o644);
    await open().append("one\n");
    expect([modeOf(inside), modeOf(join(inside, "log"))]).toEqual([0o700, 0o600]);
  });

  it("is put aside before it becomes larger than it may be, and the oldest goes", async () => {
    open();
    for (const letter of "abcdefg") await file.append(`${letter.repeat(9)}\n`);
    expect(contents()).toEqual({
      log: "ggggggggg\n",
      "log.1": "eeeeeeeee\nfffffffff\n",
      "log.2": "ccccccccc\nddddddddd\n",
    });
    expect(modeOf(join(inside, "log.2"))).toBe(0o600);
  });

  it("keeps its limit over a start, and with one file alone", async () => {
    await open({ filesMax: 1 }).append("aaaaaaaaa\nbbbbbbbbb\n");
    await file.close();
    await open({ filesMax: 1 }).append("c\n");
    expect(contents()).toEqual({ log: "c\n" });
  });

  it("goes on behind half a line that a killed process left", async () => {
    mkdirSync(inside);
    writeFileSync(join(inside, "log"), "whole\nhal");
    await open().append("next\n");
    expect(contents()).toEqual({ log: "whole\nhal\nnext\n" });
  });
});
