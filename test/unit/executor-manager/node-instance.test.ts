import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { NodeInstanceFile } from "../../../src/executor-manager/node-instance.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { followsMax } from "../../../src/protocol/instance-key.ts";
import { temporaryFolder } from "../../support/temp.ts";

let folder: ReturnType<typeof temporaryFolder>;
let run: string;
const path = (): string => join(run, "node-instance.json");

beforeEach(() => {
  folder = temporaryFolder("instance");
  run = join(folder.path, "run");
});
afterEach(() => folder.remove());

describe("the instances of a home that may hold its node's name", () => {
  const begin = async (id: string): Promise<readonly string[]> => {
    const file = new NodeInstanceFile(run);
    const follows = await file.ended();
    await file.registering({ id, follows }, silentLogger);
    return follows;
  };

  it("are known to have ended when they ran since the last boot in the same PID namespace", async () => {
    expect(await begin("i1")).toEqual([]);
    await new NodeInstanceFile(run).registered("i1", silentLogger);
    expect(await begin("i2")).toEqual(["i1"]);
    await new NodeInstanceFile(run).registered("i2", silentLogger);
    expect(await begin("i3")).toEqual(["i2"]);
    expect(readdirSync(run)).toEqual(["node-instance.json"]);
  });

  it("are all that were killed before they heard whether they were accepted, and the one before them", async () => {
    await begin("i1");
    await new NodeInstanceFile(run).registered("i1", silentLogger);
    await begin("i2");
    await begin("i3");
    expect(await begin("i4")).toEqual(["i1", "i2", "i3"]);
    await new NodeInstanceFile(run).registered("i4", silentLogger);
    expect(await begin("i5")).toEqual(["i4"]);
  });

  it("are the one that was accepted and the latest, when many were killed without an answer", async () => {
    for (let number = 1; number <= 40; number++) await begin(`i${number}`);
    const known = await begin("last");
    expect(known).toHaveLength(followsMax);
    expect([known[0], known[1], known.at(-1)]).toEqual(["i1", "i26", "i40"]);
  });

  it.each([
    ["of another boot or machine", { bootId: "elsewhere" }],
    ["of another PID namespace", { pidNamespace: "pid:[1]" }],
    ["where the boot is not known", { bootId: "" }],
    ["that is no text", { instances: [7] }],
  ])("may live when it is one %s", async (_which, other) => {
    await new NodeInstanceFile(run).registered("i1", silentLogger);
    const own = JSON.parse(readFileSync(path(), "utf8")) as object;
    writeFileSync(path(), JSON.stringify({ ...own, ...other }));
    expect(await new NodeInstanceFile(run).ended()).toEqual([]);
  });

  it.each(["", "{", "null", "[]"])("are not known from a file that holds %j", async (text) => {
    await new NodeInstanceFile(run).registered("i1", silentLogger);
    writeFileSync(path(), text);
    expect(await new NodeInstanceFile(run).ended()).toEqual([]);
  });

  it("are not written where nobody can write, which is told", async () => {
    writeFileSync(run, "a file");
    const warnings: object[] = [];
    const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
    await new NodeInstanceFile(run).registered("i1", logger);
    expect(warnings).toEqual([{ file: path(), error: expect.stringContaining("EEXIST") }]);
  });
});
