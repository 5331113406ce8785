import type { TaskEnd } from "../../client/index.ts";
import { NumberedRuns } from "../../kit/numbered-runs.ts";
import type { FlameError } from "../../model/errors.ts";
import { benchmark, outcomeTable } from "./report.ts";

/** What became of the tasks of a run. */
export interface Tally {
  readonly unacknowledged: number;
  add(index: number, end: TaskEnd): void;
  /** None of those that were not added was submitted, for this reason. */
  refuseRest(error: FlameError): void;
  /** Whether the task is one of those that were added. */
  knows(taskId: string): boolean;
  text(elapsedMs: number): string;
}

/** Keeps how each task ended, for a row of each. */
export class RowsTally implements Tally {
  readonly #sessionId: string;
  readonly #ends: (TaskEnd | undefined)[];

  constructor(sessionId: string, tasks: number) {
    this.#sessionId = sessionId;
    this.#ends = Array.from({ length: tasks });
  }

  get unacknowledged(): number {
    return this.#ends.filter((end) => end?.kind === "unacknowledged").length;
  }

  add(index: number, end: TaskEnd): void {
    this.#ends[index] = end;
  }

  refuseRest(error: FlameError): void {
    this.#ends.forEach((end, index) => {
      if (end === undefined) this.add(index, { kind: "refused", error });
    });
  }

  knows(taskId: string): boolean {
    return this.#ends.some((end) => end !== undefined && taskIdOf(end) === taskId);
  }

  text(): string {
    return outcomeTable(
      this.#sessionId,
      this.#ends.filter((end) => end !== undefined),
    );
  }
}

/** Keeps counts, and which tasks they are of: a run of a million takes no more room than one of ten. */
export class CountsTally implements Tally {
  readonly #tasks: number;
  readonly #ids = new NumberedRuns();
  #succeeded = 0;
  #unacknowledged = 0;

  constructor(tasks: number) {
    this.#tasks = tasks;
  }

  get unacknowledged(): number {
    return this.#unacknowledged;
  }

  add(_index: number, end: TaskEnd): void {
    if (end.kind === "unacknowledged") this.#unacknowledged++;
    if (end.kind === "finished" && end.state === "Succeed") this.#succeeded++;
    const id = taskIdOf(end);
    if (id !== undefined) this.#ids.add(Number(id), 1, Number(id));
  }

  refuseRest(): void {
    // Whatever did not succeed counts as failed.
  }

  knows(taskId: string): boolean {
    return this.#ids.has(Number(taskId));
  }

  text(elapsedMs: number): string {
    const counts = {
      tasks: this.#tasks,
      succeeded: this.#succeeded,
      unacknowledged: this.#unacknowledged,
    };
    return benchmark(counts, elapsedMs);
  }
}

function taskIdOf(end: TaskEnd): string | undefined {
  return end.kind === "finished" || end.kind === "lost" ? end.taskId : undefined;
}
