import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { readResults, withTable } from "../../../bench/house/document.ts";
import { UsageError } from "../../../bench/house/options.ts";
import { figure, report } from "../../../bench/house/report.ts";
import type { Results } from "../../../bench/house/results.ts";
import { catalogue } from "../../../bench/rows/catalogue.ts";
import { temporaryFolder } from "../../support/temp.ts";

const document = readFileSync(resolve(import.meta.dirname, "../../../docs/performance.md"), "utf8");

const results: Results = {
  rows: [
    { id: "ppe", unit: "calls/s", median: 1_000, min: 900, max: 1_100, runs: 5 },
    { id: "flmping_stream_10k", unit: "tasks/s", median: 900, min: 850, max: 950, runs: 5 },
    { id: "flmping_sync_p99", unit: "ms", median: 4.321, min: 4, max: 5, runs: 5 },
  ],
  machine: {
    quick: false,
    at: "2030-01-01T00:00Z",
    cores: 2,
    processor: "test",
    memoryGiB: 8,
    system: "Linux 1",
    fileSystem: "ext4",
    fdatasyncP50Ms: 0.12,
    node: "v20.0.0",
    flame: "1.0.0",
    otherCpu: 0.01,
  },
  circumstances: {
    ppe: { otherCpu: 0.01, ratioToPpe: 1, note: "some" },
    flmping_stream_10k: {
      otherCpu: 0.2,
      ratioToPpe: 0.9,
      note: "some",
      cpuMicrosecondsPerTask: { manager: 45.4, node: 15, services: 14, client: 20 },
    },
    flmping_sync_p99: { otherCpu: null },
  },
  notReported: [
    { id: "start", why: "left out: because" },
    { id: "flmctl_list", why: "left out: because" },
  ],
};

describe("the report of a bench", () => {
  const text = report(results, catalogue);
  const cellsOf = (id: string) =>
    text
      .split("\n")
      .find((line) => line.startsWith(`| \`${id}\``))!
      .split(" | ");

  test("tells the machine, the figures, the ratios and what has no figure", () => {
    expect(text).toContain("fdatasync p50 0.120 ms; CPU of other processes in all: 1.0 %.");
    expect(cellsOf("ppe").slice(2)).toEqual([
      "1,000 calls/s",
      "900 - 1,100 (5)",
      "1.000",
      "",
      "",
      "1.0 % |",
    ]);
    expect(text).toContain("- `start`, `flmctl_list`: left out: because");
  });

  test("says which bound is kept, whose CPU it was, and that others disturbed it", () => {
    const cells = cellsOf("flmping_stream_10k");
    expect(cells.slice(4)).toEqual([
      "0.900",
      "at least 0.8 x ppe: met",
      "45, 15, 14, 20",
      "20.0 %, DISTURBED |",
    ]);
    // Said in the line above.
    expect(cells[1]).not.toContain("(some)");
    expect(cellsOf("flmping_sync_p99").slice(2)).toEqual([
      "4.32 ms",
      "4 - 5 (5)",
      "",
      "at most 4 ms: MISSED",
      "",
      "unknown |",
    ]);
  });

  test("says of a quick run that it is one", () => {
    const quick = { ...results, machine: { ...results.machine, quick: true } };
    expect(report(quick, catalogue)).toContain("A run of --quick");
    expect(text).not.toContain("--quick");
  });

  test("writes figures with three digits that count", () => {
    expect([0.012_34, 1.234, 99.96, 123.4, 16_543.2].map(figure)).toEqual([
      "0.0123",
      "1.23",
      "100",
      "123",
      "16,543",
    ]);
  });
});

describe("the table of docs/performance.md", () => {
  test("takes the place of the one before, and nothing else changes", () => {
    const once = withTable(document, results, catalogue);
    expect(once).toContain("| 900 tasks/s |");
    expect(once).toMatch(/^- .*`queue_1m_rss`.*: not a part of this run$/m);
    expect(once).not.toContain("overload_all_wait_max");
    expect(withTable(once, results, catalogue)).toBe(once);
    const [head = "", tail = ""] = document.split(/<!-- bench: begin.*<!-- bench: end -->/s);
    expect(once.startsWith(head)).toBe(true);
    expect(once.endsWith(tail)).toBe(true);
  });

  test("needs its place, and a file of full results", () => {
    expect(() => withTable("nothing", results, catalogue)).toThrow("no place for the table");
    const folder = temporaryFolder("bench");
    const file = join(folder.path, "results.json");
    try {
      writeFileSync(file, JSON.stringify(results));
      expect(readResults(file)).toEqual(results);
      for (const wrong of ["{", "[]", '{"rows":[]}', JSON.stringify({ ...results, rows: 1 })]) {
        writeFileSync(file, wrong);
        expect(() => readResults(file)).toThrow(UsageError);
      }
      writeFileSync(file, JSON.stringify({ ...results, machine: { quick: true } }));
      expect(() => readResults(file)).toThrow("got a run of --quick");
    } finally {
      folder.remove();
    }
  });

  test("names only rows that the bench has", () => {
    const known = new Set(catalogue.flatMap(({ rows }) => rows.map(({ id }) => id)));
    const named = [...document.matchAll(/^\| `([a-z0-9_]+)` \|/gm)].map(([, id]) => id!);
    expect(named.filter((id) => !known.has(id))).toEqual([]);
  });
});
