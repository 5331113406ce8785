import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { LogFolding } from "../../../src/storage/log-folding.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";

/** Writes a line for each checkpoint that it is asked for, and answers when it is let go on; "die" ends it. */
const program = `
const { appendFileSync, existsSync } = require("node:fs");
const { parentPort, workerData } = require("node:worker_threads");
parentPort.on("message", (message) => {
  if (message === "close") return parentPort.close();
  appendFileSync(workerData.file, message + "\\n");
  const look = setInterval(() => {
    if (existsSync(workerData.file + ".die")) process.exit(1);
    if (!existsSync(workerData.file + ".go")) return;
    clearInterval(look);
    parentPort.postMessage(existsSync(workerData.file + ".fail") ? { failure: { message: "no room" } } : {});
  }, 1);
});
`;

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
let rests: number;
let folding: LogFolding;
const tell = (what: "go" | "fail" | "die"): void => writeFileSync(`${file}.${what}`, "");
const asked = (): number =>
  existsSync(file) ? readFileSync(file, "utf8").split("\n").length - 1 : 0;

beforeEach(() => {
  folder = temporaryFolder("folding");
  file = join(folder.path, "flame.db");
  rests = 0;
  folding = new LogFolding({ file, startId: "1", pragmas: [], program }, () => {
    rests += 1;
    return Promise.reject(new Error("what fails shows with the next commit"));
  });
});
afterEach(async () => {
  tell("go");
  await folding.close();
  folder.remove();
});

/** Whether it has come by itself, without what is awaited being let go on. */
const hasCome = async (awaited: Promise<void>): Promise<boolean> => {
  let has = false;
  void awaited.then(() => {
    has = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return has;
};

describe("the log", () => {
  it("that is small is not folded", async () => {
    folding.committed(1_999);
    await folding.paused();
    await folding.room();
    expect([asked(), rests]).toEqual([0, 0]);
  });

  it("is folded once at a time beside the commits, then what came meanwhile, then again", async () => {
    tell("go");
    folding.committed(2_000);
    folding.committed(2_100);
    await waitFor("the rest is folded", () => rests === 1);
    expect(asked()).toBe(1);
    folding.committed(2_200);
    await waitFor("the next rest is folded", () => rests === 2);
    expect(asked()).toBe(2);
  });

  it("that is folded may grow four times as large, and no larger before that has ended", async () => {
    folding.committed(2_000);
    folding.committed(7_999);
    await folding.room();
    folding.committed(8_000);
    const room = folding.room();
    await waitFor("the checkpoint has begun", () => asked() === 1);
    expect(await hasCome(room)).toBe(false);
    tell("go");
    await room;
    // Whatever the rest does: a reader may keep the log from being folded, and commits go on.
    folding.committed(9_000);
    await folding.paused();
    await folding.room();
  });

  it("is left alone by nobody who folds it when others want to empty it", async () => {
    folding.committed(2_000);
    const paused = folding.paused();
    await waitFor("the checkpoint has begun", () => asked() === 1);
    expect(await hasCome(paused)).toBe(false);
    tell("go");
    await paused;
  });

  it.each(["fail", "die"] as const)(
    "is folded between commits when the thread beside them does: %s",
    async (what) => {
      tell(what);
      tell("go");
      folding.committed(2_000);
      await waitFor("the rest is folded", () => rests === 1);
      folding.committed(2_000);
      await waitFor("it is folded again", () => rests === 2);
      expect(asked()).toBe(what === "fail" ? 2 : 1);
    },
  );

  it("is closed when what is under way has ended", async () => {
    folding.committed(2_000);
    await waitFor("the checkpoint has begun", () => asked() === 1);
    const closed = folding.close();
    expect(await hasCome(closed)).toBe(false);
    tell("go");
    await closed;
  });
});
