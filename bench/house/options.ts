import { parseArgs } from "node:util";
import { nearest } from "../../src/documents/did-you-mean.ts";
import type { Bench } from "./row.ts";

/** A mistake in the command line, in words for the person who typed it. */
export class UsageError extends Error {}

export interface Options {
  /** Small numbers and one run: shows that everything works, not how fast it is. */
  readonly quick: boolean;
  /** Benches to run, in their order. */
  readonly benches: readonly Bench[];
  /** Ids of rows to report. */
  readonly rows: ReadonlySet<string>;
  readonly json: string | undefined;
  /** A cluster that somebody else started. */
  readonly endpoint: string | undefined;
  readonly clusterPids: readonly number[];
  /** Undefined: up to five, as many as fit in the time of a bench. */
  readonly runs: number | undefined;
  /** Tasks that `queue_1m` queues. */
  readonly queued: number;
  readonly evenIfDisturbed: boolean;
  /** Ray and Dask, too. */
  readonly peers: boolean;
  /** A JSON file that the table of docs/performance.md is made of; nothing is measured. */
  readonly writeDocs: string | undefined;
  /** Print the ids or the help, and end. */
  readonly show: "list" | "help" | undefined;
}

const flags = {
  quick: { type: "boolean" },
  only: { type: "string" },
  json: { type: "string" },
  endpoint: { type: "string" },
  "cluster-pids": { type: "string" },
  runs: { type: "string" },
  queue: { type: "string" },
  "even-if-disturbed": { type: "boolean" },
  peers: { type: "boolean" },
  "write-docs": { type: "string" },
  list: { type: "boolean" },
  help: { type: "boolean" },
} as const;
const valued = Object.entries(flags).flatMap(([name, { type }]) =>
  type === "string" ? [name] : [],
);

export const help = `Usage: npm run bench -- [options]

  --quick              small numbers, one run: shows in seconds that everything works, not how fast it is
  --only ID[,ID]       these rows, benches or families of benches; --list tells them
  --json FILE          also writes what was measured as JSON
  --peers              Ray and Dask, too; installs them when they are not there yet
  --endpoint URL       measures the cluster there, http://HOST:PORT; what needs a cluster of its own is left out
  --cluster-pids PID[,PID]  processes of that cluster on this machine: their CPU is not that of others
  --runs N             so many runs of each row (default: up to 5, as many as fit in a minute)
  --queue N            tasks that queue_1m queues (default 100000)
  --even-if-disturbed  reports rows during which other processes took more than 5 % of the CPU, too
  --write-docs FILE    measures nothing: makes the table of docs/performance.md of a file of --json
  --list               prints the ids
`;

/** @throws UsageError naming what was wrong, and what is expected */
export function parseOptions(argv: readonly string[], benches: readonly Bench[]): Options {
  const values = parsed(argv, benches);
  const chosen = choose(values.only, benches, values.peers ?? false);
  if (values["cluster-pids"] !== undefined && values.endpoint === undefined) {
    throw new UsageError(
      "--cluster-pids says whose CPU a cluster of --endpoint takes: give --endpoint too",
    );
  }
  return {
    quick: values.quick ?? false,
    ...chosen,
    json: values.json,
    endpoint: values.endpoint === undefined ? undefined : endpointOf(values.endpoint),
    clusterPids: (values["cluster-pids"]?.split(",") ?? []).map((text) =>
      wholeNumber("--cluster-pids", text, 1, 2 ** 22),
    ),
    runs: values.runs === undefined ? undefined : wholeNumber("--runs", values.runs, 1, 100),
    queued: wholeNumber(
      "--queue",
      values.queue ?? (values.quick === true ? "2000" : "100000"),
      1,
      10_000_000,
    ),
    evenIfDisturbed: values["even-if-disturbed"] ?? false,
    peers: values.peers ?? false,
    writeDocs: values["write-docs"],
    show: values.help === true ? "help" : values.list === true ? "list" : undefined,
  };
}

function parsed(argv: readonly string[], benches: readonly Bench[]) {
  const { tokens, values } = parseArgs({
    args: [...argv],
    options: flags,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === "positional") {
      const known = idsOf(benches).has(token.value);
      const hint = known ? `; did you mean --only ${token.value}?` : "";
      throw new UsageError(`got the word ${quoted(token.value)}, expected options only${hint}`);
    }
    if (token.kind !== "option") continue;
    if (!Object.hasOwn(flags, token.name)) {
      const meant = nearest(token.name, Object.keys(flags));
      const hint = meant === undefined ? "" : `; did you mean --${meant}?`;
      const known = Object.keys(flags).map((name) => `--${name}`);
      throw new UsageError(
        `got the unknown option ${token.rawName}, expected any of ${known.join(", ")}${hint}`,
      );
    }
    const takes = valued.includes(token.name);
    // parseArgs takes what follows as the value, even another option.
    if (takes && (token.value === undefined || token.value === "" || token.value.startsWith("--")))
      throw new UsageError(`${token.rawName} needs a value; see --help`);
    if (!takes && token.value !== undefined)
      throw new UsageError(`${token.rawName} takes no value, got ${quoted(token.value)}`);
  }
  return values as {
    readonly [K in keyof typeof flags]?: (typeof flags)[K]["type"] extends "boolean"
      ? boolean
      : string;
  };
}

/** What `--only` may name, and the benches that each id means. */
function idsOf(benches: readonly Bench[]): ReadonlyMap<string, readonly Bench[]> {
  const ids = new Map<string, Bench[]>();
  const add = (id: string, bench: Bench): void => {
    const already = ids.get(id) ?? [];
    if (!already.includes(bench)) ids.set(id, [...already, bench]);
  };
  for (const bench of benches) {
    if (bench.family !== undefined && inFamily(bench, benches)) add(bench.family, bench);
    add(bench.id, bench);
    for (const row of bench.rows) add(row.id, bench);
  }
  return ids;
}

/** Members that run only when they are named come with their family only where all of them do. */
const inFamily = ({ family, onlyWhenNamed }: Bench, benches: readonly Bench[]): boolean =>
  onlyWhenNamed !== true ||
  benches.every((other) => other.family !== family || other.onlyWhenNamed === true);

function choose(
  only: string | undefined,
  all: readonly Bench[],
  peers: boolean,
): { benches: readonly Bench[]; rows: ReadonlySet<string> } {
  const ids = idsOf(all);
  const names = only?.split(",").map((name) => name.trim());
  const unknown = names?.find((name) => !ids.has(name));
  if (unknown !== undefined) {
    const known = [...ids.keys()];
    const meant = nearest(unknown, known);
    throw new UsageError(
      `--only: got the unknown id ${quoted(unknown)}` +
        `${meant === undefined ? "" : `; did you mean ${meant}?`} Expected any of ${known.join(", ")}`,
    );
  }
  const alone = names?.find((name) => ids.get(name)?.every(({ needs }) => needs === "peers"));
  if (alone !== undefined && !peers) {
    throw new UsageError(
      `--only ${alone}: this is measured with --peers only, which installs it; add --peers`,
    );
  }
  const rows = new Set<string>();
  const possible = all.filter(({ needs }) => peers || needs !== "peers");
  for (const bench of possible) {
    for (const { id } of bench.rows) {
      const named = names?.some(
        (name) =>
          name === id || (name !== id && !isRow(name, bench) && ids.get(name)?.includes(bench)),
      );
      if (named ?? bench.onlyWhenNamed !== true) rows.add(id);
    }
  }
  addUnits(rows, possible);
  return { rows, benches: possible.filter((bench) => bench.rows.some(({ id }) => rows.has(id))) };
}

const isRow = (name: string, bench: Bench): boolean =>
  name !== bench.id && name !== bench.family && bench.rows.some(({ id }) => id === name);

/** What a row is a multiple of is measured in the same run, where that is possible. */
function addUnits(rows: Set<string>, possible: readonly Bench[]): void {
  const all = possible.flatMap((bench) => bench.rows);
  const ids = new Set(all.map(({ id }) => id));
  for (const row of all) {
    if (!rows.has(row.id)) continue;
    if (row.throughput === true) rows.add("ppe");
    const unit = row.target?.of;
    if (unit !== undefined && ids.has(unit)) rows.add(unit);
  }
}

function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(
    `${flag}: got ${quoted(text)}, expected a whole number from ${least} to ${most}`,
  );
}

function endpointOf(text: string): string {
  if (/^https?:\/\/[^/\s]+:\d+\/?$/.test(text)) return text.replace(/\/$/, "");
  throw new UsageError(
    `--endpoint: got ${quoted(text)}, expected http://HOST:PORT or https://HOST:PORT of a session manager`,
  );
}

const quoted = (text: string): string => JSON.stringify(text);
