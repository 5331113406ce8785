import { describe, expect, it } from "@jest/globals";
import {
  LineBacklog,
  type LineSource,
  SharedBytes,
  type ToldLines,
} from "../../../src/process/line-backlog.ts";

const of = (taskId: string | undefined, executorId = "e"): LineSource => ({
  sessionId: "s",
  executorId,
  stream: "out",
  taskId,
  node: "",
});

const short = (told: readonly ToldLines[]): string[] =>
  told.map(({ taskId = "-", leftOut, data }) =>
    [taskId, ...(leftOut > 0 ? [`-${leftOut}`] : []), data.toString()].join(" "),
  );

const backlog = (bytes: number, shared = new SharedBytes(1_000_000)): LineBacklog =>
  new LineBacklog(bytes, shared);

describe("lines that wait to leave", () => {
  it("are joined by source, in their order, and leave in pieces", () => {
    const lines = backlog(10_000);
    for (const [task, text] of [
      ["1", "a\n"],
      ["1", "b\n"],
      ["2", "c\n"],
      ["1", "d\n"],
    ] as const)
      lines.add(of(task), Buffer.from(text));
    expect(short(lines.take(5))).toEqual(["1 a\nb\n"]);
    expect(short(lines.take(1000))).toEqual(["2 c\n", "1 d\n"]);
    expect(lines.empty).toBe(true);
    expect(lines.take(1000)).toEqual([]);
  });

  it("are left out when there is no room, until half of it is free, and counted by task", () => {
    const lines = backlog(1_300);
    lines.add(of("1"), Buffer.from("a".repeat(600)));
    lines.add(of("1"), Buffer.from("two\nlines\n".repeat(60)));
    // It would fit, but what is told later would then stand before what is missing.
    lines.add(of("2"), Buffer.from("small\n"), 3);
    expect(short(lines.take(1000))).toEqual([`1 ${"a".repeat(600)}`]);
    expect(lines.empty).toBe(false);
    lines.add(of("3"), Buffer.from("fits\n"));
    expect(short(lines.take(1000))).toEqual(["1 -120 ", "2 -4 ", "3 fits\n"]);
    expect(lines.empty).toBe(true);
  });

  it("tell what is missing also when nothing comes after it", () => {
    const lines = backlog(300);
    lines.add(of("1"), Buffer.from("x".repeat(1000)));
    expect(lines.empty).toBe(false);
    expect(short(lines.take(1000))).toEqual(["1 -1 "]);
    expect(lines.empty).toBe(true);
  });

  it("of very many tasks are counted by executor", () => {
    const lines = backlog(1);
    for (let task = 0; task < 10_000; task++) lines.add(of(String(task)), Buffer.from("x\n"));
    const told = lines.take(1);
    expect(told.length).toBeLessThan(300);
    expect(told.reduce((sum, { leftOut }) => sum + leftOut, 0)).toBe(10_000);
    expect(told.at(-1)).toMatchObject({ taskId: undefined, leftOut: 10_000 - 256 });
  });

  it("share bytes with others, and give them back", () => {
    const shared = new SharedBytes(1_300);
    const one = backlog(10_000, shared);
    const two = backlog(10_000, shared);
    one.add(of("1"), Buffer.from("a".repeat(700)));
    two.add(of("2"), Buffer.from("b".repeat(700)));
    expect(short(two.take(1))).toEqual(["2 -1 "]);
    one.clear();
    expect(one.empty).toBe(true);
    for (let round = 0; round < 10; round++) {
      two.add(of("3"), Buffer.from("c".repeat(700)));
      expect(short(two.take(1))).toEqual([`3 ${"c".repeat(700)}`]);
    }
  });
});
