import type { Task, TaskEnd } from "../../client/index.ts";
import { eventCodes } from "../../model/event.ts";
import { paddedTable } from "../output/table.ts";
import { decodeMessage } from "./payloads.ts";

/** The table of a run: a row per task, in the order of submission. */
export function outcomeTable(sessionId: string, outcomes: readonly TaskEnd[]): string {
  const rows = outcomes.map((outcome) => [sessionId, ...outcomeCells(outcome)]);
  return paddedTable([["Session", "Task", "State", "Output"], ...rows], "");
}

/** What `-p` counts. */
export interface PingCounts {
  readonly tasks: number;
  readonly succeeded: number;
  readonly unacknowledged: number;
}

/** The block that `-p` prints instead of the table. */
export function benchmark(counts: PingCounts, elapsedMs: number): string {
  const { tasks, succeeded, unacknowledged } = counts;
  const seconds = elapsedMs / 1000;
  const rule = `${"=".repeat(60)}\n`;
  const line = (label: string, value: string): string => `${`${label}:`.padEnd(17)}${value}\n`;
  return [
    rule,
    "BENCHMARK RESULTS\n",
    rule,
    line("Duration", `${seconds.toFixed(2)}s`),
    line("Succeeded", `${succeeded}/${tasks}`),
    line("Failed", String(tasks - succeeded - unacknowledged)),
    unacknowledged === 0 ? "" : line("Unacknowledged", String(unacknowledged)),
    line("Throughput", `${(succeeded / Math.max(seconds, 0.001)).toFixed(2)} tasks/sec`),
    rule,
  ].join("");
}

function outcomeCells(outcome: TaskEnd): string[] {
  switch (outcome.kind) {
    case "finished":
      return [outcome.task.id, outcome.task.state, outputOf(outcome.task)];
    case "unacknowledged":
      return ["-", "Unacknowledged", outcome.error.message];
    case "refused":
      return ["-", "Refused", outcome.error.message];
    case "lost":
      return [outcome.taskId, "Unknown", outcome.error.message];
  }
}

function outputOf(task: Task): string {
  if (task.state === "Succeed") return decodeMessage(task.output);
  const failure =
    task.events.find((event) => event.code === eventCodes.taskFailed) ?? task.events.at(-1);
  return failure === undefined ? "" : `code <${failure.code}>: ${failure.message}`;
}
