import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { acquireInstanceLock } from "../../../src/process/instance-lock.ts";
import { temporaryFolder } from "../../support/temp.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder("home-folder");
});
afterEach(() => {
  folder.remove();
});

it.each([
  ["a file", () => join(folder.path, "file")],
  ["below a file", () => join(folder.path, "file", "home")],
  ["where nothing can be made", () => "/proc/no-such-home"],
])("a FLAME_HOME that is %s is refused at once, by name", async (_what, home) => {
  writeFileSync(join(folder.path, "file"), "");
  await expect(acquireInstanceLock({ home: home(), name: "flame-x" })).rejects.toMatchObject({
    code: "invalid_config",
    message: expect.stringMatching(/^cannot use the folder ".*": .*; set FLAME_HOME to a folder/),
  });
});

it("a FLAME_HOME that is not there yet is made, with the folders above it", async () => {
  const lock = await acquireInstanceLock({ home: join(folder.path, "a/b"), name: "flame-x" });
  expect(existsSync(join(folder.path, "a/b/run/flame-x.json"))).toBe(true);
  await lock.release();
});
