import { readFileSync, writeFileSync } from "node:fs";
import { UsageError } from "./options.ts";
import { report } from "./report.ts";
import type { Results } from "./results.ts";
import type { Bench } from "./row.ts";

const begin = "<!-- bench: begin, made by npm run bench -- --write-docs FILE -->";
const end = "<!-- bench: end -->";

/** The document with the table of these results in the place of the one before. */
export function withTable(document: string, results: Results, benches: readonly Bench[]): string {
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from === -1 || to < from)
    throw new Error(
      `the document has no place for the table: expected the lines ${begin} and ${end}`,
    );
  const head = document.slice(0, from + begin.length);
  return `${head}\n\n${report(complete(results, benches), benches)}\n\n${document.slice(to)}`;
}

/** With a word for each row that an ordinary run has and this one had not. */
function complete(results: Results, benches: readonly Bench[]): Results {
  const there = new Set([...results.rows, ...results.notReported].map(({ id }) => id));
  const missing = benches
    .filter(({ onlyWhenNamed }) => onlyWhenNamed !== true)
    .flatMap(({ rows }) => rows.filter(({ id }) => !there.has(id)));
  const words = missing.map(({ id }) => ({ id, why: "not a part of this run" }));
  return { ...results, notReported: [...results.notReported, ...words] };
}

/** @throws UsageError when the file is none that `--json` wrote */
export function readResults(file: string): Results {
  let results: Partial<Results>;
  try {
    results = JSON.parse(readFileSync(file, "utf8")) as Partial<Results>;
  } catch (failure) {
    throw new UsageError(`--write-docs ${file}: ${(failure as Error).message}`);
  }
  const { rows, machine, circumstances, notReported } = results;
  if (!Array.isArray(rows) || !machine || !circumstances || !Array.isArray(notReported)) {
    throw new UsageError(
      `--write-docs ${file}: got no results, expected a file that --json of this bench wrote`,
    );
  }
  if (machine.quick)
    throw new UsageError(
      `--write-docs ${file}: got a run of --quick, expected figures of a full one`,
    );
  return { rows, machine, circumstances, notReported };
}

export function writeTable(path: string, results: Results, benches: readonly Bench[]): void {
  writeFileSync(path, withTable(readFileSync(path, "utf8"), results, benches));
}
