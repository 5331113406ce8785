import type { Circumstances, Machine, Result, Results } from "./results.ts";
import type { Bench, Row, Target } from "./row.ts";
import { disturbedAbove } from "./runner.ts";

const heads = [
  "row",
  "what",
  "median",
  "lowest - highest (runs)",
  "x PPE",
  "must be",
  "CPU per task, µs: manager, node, services, client",
  "CPU of others",
];

/** The machine, the rows as a table of Markdown, and what has no figure. */
export function report(results: Results, benches: readonly Bench[]): string {
  const known = new Map(benches.flatMap(({ rows }) => rows).map((row) => [row.id, row]));
  const lines = results.rows.map((result, index) => {
    const before = results.rows[index - 1];
    const said = before === undefined ? undefined : results.circumstances[before.id]?.note;
    return line(result, known.get(result.id), results, said);
  });
  const table = [heads, heads.map(() => "---"), ...lines].map(
    (cells) => `| ${cells.join(" | ")} |`,
  );
  return [
    machineText(results.machine),
    ...(lines.length > 0 ? [table.join("\n")] : []),
    left(results),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** `said`: the note of the line above, which is not told twice. */
function line(
  result: Result,
  row: Row | undefined,
  results: Results,
  said: string | undefined,
): string[] {
  const { median, min, max, runs, unit } = result;
  const about: Circumstances = results.circumstances[result.id] ?? { otherCpu: null };
  const note = about.note === undefined || about.note === said ? "" : ` (${about.note})`;
  return [
    `\`${result.id}\``,
    `${row?.what ?? ""}${note}`.trim(),
    `${figure(median)} ${unit}`,
    `${figure(min)} - ${figure(max)} (${runs})`,
    about.ratioToPpe === undefined ? "" : about.ratioToPpe.toFixed(3),
    row?.target === undefined ? "" : targetText(row.target, result, results.rows),
    cpuText(about),
    othersText(about.otherCpu),
  ];
}

function targetText(
  { at, value, of }: Target,
  { median, unit }: Result,
  rows: readonly Result[],
): string {
  const base = of === undefined ? 1 : rows.find(({ id }) => id === of)?.median;
  const bound = `at ${at} ${value} ${of === undefined ? unit : `x ${of}`}`;
  if (base === undefined) return bound;
  const met = at === "least" ? median >= value * base : median <= value * base;
  return `${bound}: ${met ? "met" : "MISSED"}`;
}

function cpuText({ cpuMicrosecondsPerTask: cpu }: Circumstances): string {
  if (cpu === undefined) return "";
  return [cpu.manager, cpu.node, cpu.services, cpu.client].map((one) => one.toFixed(0)).join(", ");
}

function othersText(share: number | null): string {
  if (share === null) return "unknown";
  const text = `${(100 * share).toFixed(1)} %`;
  return share > disturbedAbove ? `${text}, DISTURBED` : text;
}

/** Three digits that count; thousands apart. */
export function figure(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

function machineText(machine: Machine): string {
  const { cores, processor, memoryGiB, system, fileSystem, fdatasyncP50Ms, node, flame, at } =
    machine;
  const quick = machine.quick
    ? "A run of --quick, which shows that everything works and not how fast. "
    : "";
  return (
    `${quick}Measured ${at}: ${cores} cores (${processor}), ${memoryGiB} GiB, ${system}, Node ${node}, Flame ${flame}; ` +
    `databases on ${fileSystem}, fdatasync p50 ${fdatasyncP50Ms.toFixed(3)} ms; ` +
    `CPU of other processes in all: ${othersText(machine.otherCpu)}.`
  );
}

/** Rows with the same reason share a line. */
function left({ notReported }: Results): string {
  const byReason = new Map<string, string[]>();
  for (const { id, why } of notReported) byReason.set(why, [...(byReason.get(why) ?? []), id]);
  if (byReason.size === 0) return "";
  const lines = [...byReason].map(
    ([why, ids]) => `- ${ids.map((id) => `\`${id}\``).join(", ")}: ${oneLine(why)}`,
  );
  return ["Without a figure:", "", ...lines].join("\n");
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").trim();
