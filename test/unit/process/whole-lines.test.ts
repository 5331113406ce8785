import { describe, expect, it } from "@jest/globals";
import { lineBytesMax, WholeLines } from "../../../src/process/whole-lines.ts";

const texts = (pieces: readonly Buffer[]): string[] => pieces.map(String);

describe("output in whole lines", () => {
  it("is told to the end of the last line, and the rest with its own end", () => {
    const lines = new WholeLines();
    expect(texts(lines.add(Buffer.from("one\ntwo\nthr")))).toEqual(["one\ntwo\n"]);
    expect(texts(lines.add(Buffer.from("e")))).toEqual([]);
    expect(texts(lines.add(Buffer.from("e\n\n")))).toEqual(["three\n\n"]);
    expect(lines.end()).toBeUndefined();
    lines.add(Buffer.from("no end"));
    expect(lines.end()?.toString()).toBe("no end");
    expect(lines.end()).toBeUndefined();
  });

  it("keeps characters whole that come in two pieces", () => {
    const bytes = Buffer.from("zwölf ☃ 💣\n");
    for (let cut = 1; cut < bytes.length; cut++) {
      const lines = new WholeLines();
      const pieces = [...lines.add(bytes.subarray(0, cut)), ...lines.add(bytes.subarray(cut))];
      expect(texts(pieces)).toEqual(["zwölf ☃ 💣\n"]);
    }
  });

  it("cuts a line that is too long between two characters", () => {
    for (const shift of ["", "a", "ab", "abc"]) {
      const lines = new WholeLines();
      const text = shift + "💣".repeat(lineBytesMax);
      const pieces = [...lines.add(Buffer.from(text)), lines.end() ?? Buffer.alloc(0)];
      expect(pieces.map(String).join("")).toBe(text);
      for (const piece of pieces) {
        expect(piece.length).toBeLessThanOrEqual(lineBytesMax);
        expect(piece.length).toBeGreaterThan(0);
        expect(piece.toString()).not.toContain("\ufffd");
      }
    }
  });

  it("cuts what is no text wherever it is too long", () => {
    const lines = new WholeLines();
    const bytes = Buffer.alloc(3 * lineBytesMax, 0x80);
    const pieces = [...lines.add(bytes), lines.end() ?? Buffer.alloc(0)];
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
    expect(pieces.every(({ length }) => length === lineBytesMax)).toBe(true);
  });
});
