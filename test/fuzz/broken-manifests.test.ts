import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { faultText } from "../../src/documents/fault.ts";
import { readManifests } from "../../src/manifest/manifest.ts";

interface Broken {
  readonly title: string;
  readonly line: number;
  readonly rule: string;
  /** Words that the fault's text has to hold. */
  readonly words: string;
  readonly text: string;
}

const cases = readFileSync(join(import.meta.dirname, "broken-manifests.txt"), "utf8")
  .split(/^### /m)
  .slice(1)
  .map(parse);

function parse(block: string): Broken {
  const [title = "", expected = "", ...lines] = block.split("\n");
  const [, line, rule, words] = /^expect: (\d+) ([a-z-]+)(?: \| (.*))?$/.exec(expected) ?? [];
  if (line === undefined || rule === undefined) throw new Error(`${title}: no expectation`);
  const text = lines
    .join("\n")
    .replaceAll("<TAB>", "\t")
    .replaceAll("<CR>", "\r")
    .replaceAll("<BOM>", "\uFEFF")
    .replaceAll(/<(.)\*(\d+)>/g, (_all, character: string, count: string) =>
      character.repeat(Number(count)),
    );
  return { title, line: Number(line), rule, words: words ?? "", text };
}

/** What is wrong with the answer; undefined when it says the line, the rule and the words. */
function verdict({ line, rule, words, text }: Broken): string | undefined {
  const faults = readManifests(text).flatMap((one) => (one.ok ? [] : one.faults));
  const right = faults.some(
    (fault) => fault.line === line && fault.rule === rule && faultText(fault).includes(words),
  );
  if (right) return undefined;
  const told = faults.map((fault) => `${fault.line} ${fault.rule} | ${faultText(fault)}`);
  return `expected ${line} ${rule} | ${words}\n   got ${told.join("\n       ") || "no fault"}`;
}

describe("200 manifests as people break them", () => {
  it("are at least as many, each once", () => {
    expect(cases.length).toBeGreaterThanOrEqual(200);
    expect(new Set(cases.map(({ title }) => title)).size).toBe(cases.length);
  });

  it("are told with the right line, rule and hint, at least 95 in 100", () => {
    const wrong = cases.flatMap((one) => {
      const why = verdict(one);
      return why === undefined || one.title in knownWrong ? [] : [`${one.title}: ${why}`];
    });
    expect(wrong).toEqual([]);
    expect(Object.keys(knownWrong).length / cases.length).toBeLessThan(0.05);
  });
});

/** What is not told as a person would tell it, and why: no other one may join them unseen. */
const knownWrong: Readonly<Record<string, string>> = {
  "a separator that is too short": "the line below it is named, where the sense is lost",
};
