import { Writable } from "node:stream";
import { beforeEach, describe, expect, it } from "@jest/globals";
import type { PrintedLines } from "../../../src/client/log-stream.ts";
import { type LogLine, type LogPlaces, type Logs, LogWishes } from "../../../src/sdk/log-lines.ts";

class Kept extends Writable {
  text = "";
  isTTY = false;

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

let out: Kept;
let err: Kept;
let warnings: string[];
let places: LogPlaces;

beforeEach(() => {
  out = new Kept();
  err = new Kept();
  warnings = [];
  places = { out, err, env: {}, warn: (text) => void warnings.push(text) };
});

const wishOf = (logs: Logs | undefined) => new LogWishes(places).of(logs);
const lines = (text: string | Buffer, more: Partial<PrintedLines> = {}): PrintedLines => ({
  sessionId: "s",
  executorId: "0123456789abcdef",
  stream: "out",
  taskId: "3",
  data: Buffer.from(text),
  leftOut: 0,
  node: "n1",
  ...more,
});

describe("where the lines of tasks go", () => {
  it("is a terminal by itself, but not that of a service, and nowhere else", () => {
    expect(wishOf(undefined)).toBeUndefined();
    for (const stream of [out, err]) {
      stream.isTTY = true;
      expect(wishOf(undefined)).toMatchObject({ sink: expect.any(Function) });
      // Nobody asked by name.
      expect(wishOf(undefined)).not.toHaveProperty("warn");
      expect(wishOf(false)).toBeUndefined();
      stream.isTTY = false;
    }
    out.isTTY = true;
    places = { ...places, env: { FLAME_INSTANCE_ENDPOINT: "/somewhere" } };
    expect(wishOf(undefined)).toBeUndefined();
    expect(wishOf(true)).toMatchObject({ warn: expect.any(Function) });
  });

  it("is one place for all sessions of a client that print", () => {
    const wishes = new LogWishes(places);
    expect(wishes.of(true)?.sink).toBe(wishes.of(true)?.sink);
  });

  it("is refused where it is none", () => {
    expect(() => wishOf("yes" as never)).toThrow(
      "logs: got string, expected true, false or a function of a LogLine",
    );
  });

  it.each<[string, PrintedLines, string]>([
    ["several", lines("one\ntwo\n"), "(01234567 task 3) one\n(01234567 task 3) two\n"],
    ["without an end", lines("no end"), "(01234567 task 3) no end\n"],
    ["between tasks", lines("x\n", { taskId: undefined }), "(01234567) x\n"],
    ["no UTF-8", lines(Buffer.from("ff41e298", "hex")), "(01234567 task 3) \ufffdA\ufffd\n"],
    ["a bar", lines("10 %\r20 %\r30 %\r\n"), "(01234567 task 3) 30 %\n"],
    ["empty", lines("\n\n"), "(01234567 task 3) \n(01234567 task 3) \n"],
    ["a format", lines("100 %s %d\n"), "(01234567 task 3) 100 %s %d\n"],
    [
      "left out",
      lines("", { leftOut: 1_234_567 }),
      "(01234567 task 3) ... 1,234,567 lines left out\n",
    ],
  ])("are shown as they are: %s", (_, said, shown) => {
    wishOf(true)?.sink(said);
    wishOf(true)?.sink({ ...said, stream: "err" });
    expect([out.text, err.text]).toEqual([shown, shown]);
  });

  it("may be a stream that was closed", () => {
    out.destroy();
    expect(() => wishOf(true)?.sink(lines("nobody\n"))).not.toThrow();
  });

  it("may be a function, which is called with each line", () => {
    const got: LogLine[] = [];
    const sink = wishOf((line) => void got.push(line))?.sink;
    sink?.(lines("one\r\n\ntwo", { leftOut: 1, stream: "err" }));
    sink?.(lines("x\n", { taskId: undefined }));
    const of = { executorId: "0123456789abcdef", node: "n1", sessionId: "s" };
    const err = { ...of, stream: "err", taskId: "3", leftOut: 0 };
    expect(got.map((line) => ({ ...line }))).toEqual([
      { ...err, text: "... 1 line left out", leftOut: 1 },
      { ...err, text: "one" },
      { ...err, text: "" },
      { ...err, text: "two" },
      { ...of, stream: "out", leftOut: 0, text: "x" },
    ]);
    expect([String(got[1]), String(got[4])]).toEqual(["(01234567 task 3) one", "(01234567) x"]);
  });

  it.each<[string, Logs]>([
    [
      "throws",
      () => {
        throw new TypeError("no pen");
      },
    ],
    ["rejects", async () => Promise.reject(new TypeError("no pen"))],
  ])("is called on when it %s, which is told once", async (_, fails) => {
    const sink = wishOf(fails)?.sink;
    sink?.(lines("one\ntwo\n"));
    await new Promise((resolve) => setImmediate(resolve));
    sink?.(lines("three\n"));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /^the function of logs failed; it goes on being called: TypeError: no pen\n\s+at /,
    );
  });
});
