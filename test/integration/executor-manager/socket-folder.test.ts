import { existsSync, lstatSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { openSocketFolder } from "../../../src/executor-manager/socket-folder.ts";
import { temporaryFolder } from "../../support/temp.ts";

let home: ReturnType<typeof temporaryFolder>;

beforeEach(() => {
  home = temporaryFolder("sockets");
});

afterEach(() => {
  home.remove();
});

describe("the folder of the service sockets", () => {
  it("is the wanted one, for its owner only", async () => {
    const wanted = join(home.path, "run/sockets");
    const folder = await openSocketFolder(wanted, wanted);
    expect(folder.path).toBe(wanted);
    expect(statSync(wanted).mode & 0o777).toBe(0o700);
    await folder.release();
  });

  it("is a short temporary one where paths would be too long, and a kill leaves none of them behind", async () => {
    const wanted = join(home.path, "x".repeat(90), "sockets");
    const link = join(home.path, "run/sockets");
    const killed = await openSocketFolder(wanted, link);
    writeFileSync(join(killed.path, "one.sock"), "");
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    const next = await openSocketFolder(wanted, link);
    expect(next.path).not.toBe(killed.path);
    expect(existsSync(killed.path)).toBe(false);
    await next.release();
    expect([existsSync(next.path), existsSync(link)]).toEqual([false, false]);
  });
});
