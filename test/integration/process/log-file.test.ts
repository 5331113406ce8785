import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { LogFile, type LogFileOptions } from "../../../src/process/log-file.ts";
import { temporaryFolder } from "../../support/temp.ts";
import { waitFor } from "../../support/wait-for.ts";

let folder: ReturnType<typeof temporaryFolder>;

beforeEach(() => {
  folder = temporaryFolder("log-file");
});

afterEach(() => {
  folder.remove();
});

const at = "### flame 1970-01-01T00:00:00.000Z";

interface Logged {
  readonly source: PassThrough;
  readonly log: LogFile;
  /** Hands a piece of output over and waits until the log has taken it. */
  readonly say: (text: string) => Promise<void>;
  /** Ends the program and tells what is in the file then. */
  readonly end: (ends: string) => Promise<string>;
}

function open(options: Partial<LogFileOptions> = {}): Logged {
  const path = join(folder.path, "out");
  const source = new PassThrough();
  const marks = { now: () => 0, heading: "service begins" };
  const log = new LogFile(source, { path, bytesMax: 1_000_000, marks, ...options });
  return {
    source,
    log,
    async say(text) {
      source.write(text);
      await nextTurn();
    },
    async end(ends) {
      source.end();
      source.destroy();
      await log.ended;
      const text = (): string => readFileSync(path, "utf8");
      await waitFor("the end of the file", () => text().endsWith(ends));
      return text();
    },
  };
}

describe("a log file with marks", () => {
  test("tells what was written in which section, and leaves silent ones out", async () => {
    const { log, say, end } = open();
    await say("ready\n");
    log.beginSection("task 1");
    await say("one\n");
    log.endSection();
    await nextTurn();
    log.beginSection("task 2");
    log.endSection();
    log.beginSection("task 3");
    await say("unfinished");
    log.endSection();
    expect(await end("task 3 ends\n")).toBe(
      `${at} service begins\nready\n${at} task 1 begins\none\n${at} task 1 ends\n` +
        `${at} task 3 begins\nunfinished\n${at} task 3 ends\n`,
    );
    expect(log.tail).toBe("ready\none\nunfinished");
  });

  test("counts what lies in the pipe when a section ends as part of it", async () => {
    const { source, log, end } = open();
    log.beginSection("task 1");
    source.write("late\n");
    log.endSection();
    expect(await end("ends\n")).toContain("task 1 begins\nlate\n");
  });

  test("counts what the disk was too slow for as part of the section in which it was printed", async () => {
    const told: string[] = [];
    const tap = {
      came: (_: Buffer, title: string | undefined) => told.push(title ?? ""),
      behind: () => told.push("behind"),
      ended: () => told.push("ended"),
    };
    const { source, log, end } = open({ tap });
    log.beginSection("task 1");
    // Each chunk is more than the file takes at once, so that reading pauses behind it.
    const chunks = ["a", "b", "c"].map((letter) => `${letter.repeat(40_000)}\n`);
    for (const chunk of chunks) source.write(chunk);
    await nextTurn();
    expect(source.isPaused()).toBe(true);
    log.endSection();
    log.beginSection("task 2");
    await waitFor(
      "the end of what was printed",
      () => source.readableLength === 0 && !source.isPaused(),
    );
    await waitFor("the section", () => {
      source.write("two\n");
      return readFileSync(join(folder.path, "out"), "utf8").includes("task 2 begins");
    });
    const text = await end("task 2 ends\n");
    const [, before = "", after = ""] = text.split(/task 1 begins\n|.*task 1 ends\n/);
    for (const chunk of chunks) expect(before).toContain(chunk);
    expect(after).toContain("task 2 begins\ntwo\n");
    const one = told.slice(0, told.indexOf("task 2"));
    expect(one).toContain("behind");
    expect(one.indexOf("ended")).toBe(one.length - 1);
  });

  test("adds to what an earlier program wrote, on a line of its own", async () => {
    writeFileSync(join(folder.path, "out"), "before");
    const { say, end } = open();
    await say("after\n");
    expect(await end("after\n")).toBe(`before\n${at} service begins\nafter\n`);
  });

  test("says in a new file which section goes on", async () => {
    const { log, say, end } = open({ bytesMax: 120 });
    log.beginSection("task 1");
    await say("one\n");
    const path = join(folder.path, "out");
    await waitFor("the file", () => existsSync(path) && readFileSync(path, "utf8").includes("one"));
    await say(`${"x".repeat(40)}\n`);
    expect(await end("ends\n")).toBe(
      `${at} task 1 goes on\n${"x".repeat(40)}\n${at} task 1 ends\n`,
    );
    expect(readFileSync(join(folder.path, "out.1"), "utf8")).toContain("task 1 begins\none\n");
  });
});

test("a log file without marks is begun anew", async () => {
  writeFileSync(join(folder.path, "out"), "before");
  const path = join(folder.path, "out");
  const source = new PassThrough();
  const log = new LogFile(source, { path, bytesMax: 100 });
  log.beginSection("task 1");
  source.write("after\n");
  await nextTurn();
  source.destroy();
  await log.ended;
  await waitFor("the output", () => readFileSync(path, "utf8").endsWith("after\n"));
  expect(readFileSync(path, "utf8")).toBe("after\n");
});

describe("a log file whose place is said later", () => {
  const marks = { now: () => 0, heading: "service begins" };

  test("gets what came before, the first 64 KiB of it, and all that comes", async () => {
    const path = join(folder.path, "later");
    const source = new PassThrough();
    const log = new LogFile(source, { bytesMax: 1_000_000 });
    const early = `${"x".repeat(1023)}\n`;
    for (let kib = 0; kib < 65; kib++) source.write(kib === 64 ? "too much\n" : early);
    await nextTurn();
    expect(log.tail).toContain("too much");
    expect(existsSync(path)).toBe(false);
    log.goTo(path, { marks });
    log.beginSection("task 1");
    source.write("one\n");
    await nextTurn();
    log.goTo(join(folder.path, "elsewhere"), { marks });
    source.end();
    await log.ended;
    const text = (): string => readFileSync(path, "utf8");
    await waitFor("the end of the file", () => text().endsWith("task 1 ends\n"));
    expect(text()).toBe(
      `${at} service begins\n${early.repeat(64)}${at} task 1 begins\none\n${at} task 1 ends\n`,
    );
    expect(existsSync(join(folder.path, "elsewhere"))).toBe(false);
  });

  test("gets what came when the program has ended by then", async () => {
    const path = join(folder.path, "later");
    const source = new PassThrough();
    const log = new LogFile(source, { bytesMax: 1_000_000 });
    source.end("last words\n");
    await log.ended;
    log.goTo(path, {});
    await waitFor("the words", () => existsSync(path) && readFileSync(path, "utf8").length > 0);
    expect(readFileSync(path, "utf8")).toBe("last words\n");
  });
});
