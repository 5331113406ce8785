import type { Task } from "../../client/index.ts";
import { eventCodes } from "../../model/event.ts";
import { paddedTable } from "../output/table.ts";
import { decodeMessage } from "./payloads.ts";

/** How one of the tasks that flmping wanted ended. */
export type Outcome =
  | { readonly kind: "finished"; readonly task: Task }
  /** The reply of CreateTask was lost: the task may exist or not. */
  | { readonly kind: "unacknowledged"; readonly reason: string }
  /** The server refused the task. */
  | { readonly kind: "refused"; readonly reason: string }
  /** The task exists, but its end was not seen. */
  | { readonly kind: "lost"; readonly taskId: string; readonly reason: string };

/** The table of a run: a row per task, in the order of submission. */
export function outcomeTable(sessionId: string, outcomes: readonly Outcome[]): string {
  const rows = outcomes.map((outcome) => [sessionId, ...outcomeCells(outcome)]);
  return paddedTable([["Session", "Task", "State", "Output"], ...rows], "");
}

/** The block that `-p` prints instead of the table. */
export function benchmark(outcomes: readonly Outcome[], elapsedMs: number): string {
  const succeeded = outcomes.filter(
    (outcome) => outcome.kind === "finished" && outcome.task.state === "Succeed",
  ).length;
  const unacknowledged = outcomes.filter(({ kind }) => kind === "unacknowledged").length;
  const seconds = elapsedMs / 1000;
  const rule = `${"=".repeat(60)}\n`;
  const line = (label: string, value: string): string => `${`${label}:`.padEnd(17)}${value}\n`;
  return [
    rule,
    "BENCHMARK RESULTS\n",
    rule,
    line("Duration", `${seconds.toFixed(2)}s`),
    line("Succeeded", `${succeeded}/${outcomes.length}`),
    line("Failed", String(outcomes.length - succeeded - unacknowledged)),
    unacknowledged === 0 ? "" : line("Unacknowledged", String(unacknowledged)),
    line("Throughput", `${(succeeded / Math.max(seconds, 0.001)).toFixed(2)} tasks/sec`),
    rule,
  ].join("");
}

function outcomeCells(outcome: Outcome): string[] {
  switch (outcome.kind) {
    case "finished":
      return [outcome.task.id, outcome.task.state, outputOf(outcome.task)];
    case "unacknowledged":
      return ["-", "Unacknowledged", outcome.reason];
    case "refused":
      return ["-", "Refused", outcome.reason];
    case "lost":
      return [outcome.taskId, "Unknown", outcome.reason];
  }
}

function outputOf(task: Task): string {
  if (task.state === "Succeed") return decodeMessage(task.output);
  const failure =
    task.events.find((event) => event.code === eventCodes.taskFailed) ?? task.events.at(-1);
  return failure === undefined ? "" : `code <${failure.code}>: ${failure.message}`;
}
