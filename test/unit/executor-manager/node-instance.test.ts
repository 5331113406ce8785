import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { NodeInstanceFile } from "../../../src/executor-manager/node-instance.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { temporaryFolder } from "../../support/temp.ts";

let folder: ReturnType<typeof temporaryFolder>;
let run: string;
const path = (): string => join(run, "node-instance.json");

beforeEach(() => {
  folder = temporaryFolder("instance");
  run = join(folder.path, "run");
});
afterEach(() => folder.remove());

describe("the instance that registered last from a home", () => {
  it("is known to have ended when it ran since the last boot in the same PID namespace", async () => {
    expect(await new NodeInstanceFile(run).ended()).toBeUndefined();
    await new NodeInstanceFile(run).registered("i1", silentLogger);
    expect(await new NodeInstanceFile(run).ended()).toBe("i1");
    await new NodeInstanceFile(run).registered("i2", silentLogger);
    expect(await new NodeInstanceFile(run).ended()).toBe("i2");
    expect(readdirSync(run)).toEqual(["node-instance.json"]);
  });

  it.each([
    ["of another boot or machine", { bootId: "elsewhere" }],
    ["of another PID namespace", { pidNamespace: "pid:[1]" }],
    ["where the boot is not known", { bootId: "" }],
    ["that is no text", { instance: 7 }],
  ])("may live when it is one %s", async (_which, other) => {
    await new NodeInstanceFile(run).registered("i1", silentLogger);
    const own = JSON.parse(readFileSync(path(), "utf8")) as object;
    writeFileSync(path(), JSON.stringify({ ...own, ...other }));
    expect(await new NodeInstanceFile(run).ended()).toBeUndefined();
  });

  it.each(["", "{", "null", "[]"])("is not known from a file that holds %j", async (text) => {
    await new NodeInstanceFile(run).registered("i1", silentLogger);
    writeFileSync(path(), text);
    expect(await new NodeInstanceFile(run).ended()).toBeUndefined();
  });

  it("is not written where nobody can write, which is told", async () => {
    writeFileSync(run, "a file");
    const warnings: object[] = [];
    const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
    await new NodeInstanceFile(run).registered("i1", logger);
    expect(warnings).toEqual([{ file: path(), error: expect.stringContaining("EEXIST") }]);
  });
});
