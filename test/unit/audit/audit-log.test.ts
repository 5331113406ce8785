import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Registry } from "prom-client";
import { AuditLog } from "../../../src/audit/audit-log.ts";
import { auditMeter } from "../../../src/audit/audit-metrics.ts";
import { linesOf } from "../../../src/audit/read-audit.ts";
import { countedMs } from "../../../src/audit/repeated-calls.ts";
import { silentLogger } from "../../../src/kit/logger.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { TestClock } from "../../support/test-clock.ts";

let folder: ReturnType<typeof temporaryFolder>;
let clock: TestClock;
let registry: Registry;
let log: AuditLog;
const errors: string[] = [];
const file = (): string => join(folder.path, "audit", "log.jsonl");

beforeEach(() => {
  folder = temporaryFolder("audit");
  clock = new TestClock();
  registry = new Registry();
  errors.length = 0;
  const logger = { ...silentLogger, error: (_: object, text: string) => void errors.push(text) };
  log = new AuditLog(
    { clock, logger, meter: auditMeter(registry) },
    { file: file(), fileBytesMax: 16 * 1024 * 1024, filesMax: 2 },
  );
});
afterEach(async () => {
  await log.close();
  folder.remove();
});

type Line = Readonly<Record<string, unknown>>;
async function lines(): Promise<Line[]> {
  await log.settled();
  const text = readFileSync(file(), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}
const count = async (name: string): Promise<number> =>
  Number(new RegExp(`^${name} (\\d+)$`, "m").exec(await registry.metrics())?.[1]);

describe("AuditLog", () => {
  it("writes each line at once, with its time", async () => {
    clock.dateAheadMs = Date.parse("2026-11-30T21:30:19.123Z");
    log.write({ who: "alice", method: "flame.v1.Frontend/CloseSession" });
    log.write({ who: "bob" });
    expect(await lines()).toEqual([
      {
        time: "2026-11-30T21:30:19.123Z",
        who: "alice",
        method: "flame.v1.Frontend/CloseSession",
      },
      { time: "2026-11-30T21:30:19.123Z", who: "bob" },
    ]);
  });

  it("writes the first five refusals of a minute, counts the others, and begins anew", async () => {
    const refuse = (): void => {
      log.refused("one", () => ({ from: "10.0.0.1:5", outcome: "UNAUTHENTICATED", seconds: 1 }));
    };
    for (let number = 0; number < 1000; number++) refuse();
    expect(await lines()).toHaveLength(5);
    await clock.pass(countedMs);
    expect((await lines()).at(-1)).toEqual({
      time: new Date(countedMs).toISOString(),
      from: "10.0.0.1",
      outcome: "UNAUTHENTICATED",
      repeated: 995,
    });
    refuse();
    expect(await lines()).toHaveLength(7);
  });

  it("counts refusals of ever new addresses together, so that nobody fills the disk", async () => {
    for (let number = 0; number < 100_000; number++)
      log.refused(`peer ${number}`, () => ({ from: `peer ${number}` }));
    expect(await lines()).toHaveLength(200);
    await clock.pass(countedMs);
    expect((await lines()).at(-1)).toMatchObject({ repeated: 99_800, note: expect.any(String) });
  });

  it("tells what it counted when it is closed", async () => {
    log.counted("tasks", () => ({ method: "CreateTask", seconds: 1 }));
    log.counted("tasks", () => ({ method: "CreateTask", seconds: 2 }));
    await log.close();
    expect(await lines()).toMatchObject([{ seconds: 1 }, { method: "CreateTask", repeated: 1 }]);
  });

  it("keeps lines while the disk takes none, says so once, and loses none when it takes them again", async () => {
    writeFileSync(join(folder.path, "audit"), "a file where the folder should be");
    log.write({ who: "first" });
    await log.settled();
    await clock.pass(5_000);
    log.write({ who: "second" });
    await log.settled();
    expect(errors).toEqual([expect.stringContaining("the audit log cannot be written: E")]);
    expect(await count("flame_audit_failures_total")).toBeGreaterThan(1);
    rmSync(join(folder.path, "audit"));
    await clock.pass(1_000);
    expect(await lines()).toMatchObject([{ who: "first" }, { who: "second" }]);
    expect(await count("flame_audit_lines_total")).toBe(2);
    expect(await count("flame_audit_lines_lost_total")).toBe(0);
  });

  it("holds no more than 4 MiB of lines, and says then how many are missing", async () => {
    writeFileSync(join(folder.path, "audit"), "");
    for (let number = 0; number < 6; number++) log.write({ who: "x".repeat(1024 * 1024) });
    await log.settled();
    expect(await count("flame_audit_lines_lost_total")).toBe(3);
    rmSync(join(folder.path, "audit"));
    mkdirSync(join(folder.path, "audit"));
    await clock.pass(1_000);
    const written = await lines();
    expect(written.map(({ repeated }) => repeated)).toEqual([3, undefined, undefined, undefined]);
  });

  it("gives a reader what is there, what waits, and what comes then, each line once", async () => {
    log.write({ who: "alice" });
    await log.settled();
    const seen: string[] = [];
    const reading = await log.read((line) => void seen.push(line));
    log.write({ who: "bob" });
    await log.settled();
    const read: string[] = [];
    for (const one of reading.files) for await (const some of linesOf(one)) read.push(...some);
    reading.stop();
    log.write({ who: "carol" });
    const whoOf = (all: readonly string[]): unknown[] =>
      all.map((line) => (JSON.parse(line) as Line)["who"]);
    expect([whoOf(read), whoOf(seen)]).toEqual([["alice"], ["bob"]]);
  });

  it("gives lines whole that lie over two pieces of a file", async () => {
    const notes = Array.from({ length: 60 }, (_, number) => `${number} ${"é".repeat(3000)}`);
    for (const note of notes) log.write({ note });
    const reading = await log.read();
    const read: string[] = [];
    for (const one of reading.files) for await (const some of linesOf(one)) read.push(...some);
    reading.stop();
    expect(read.map((line) => (JSON.parse(line) as Line)["note"])).toEqual(notes);
  });
});
