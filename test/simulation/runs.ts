import type { TaskRecord } from "../../src/model/task.ts";
import { Violation } from "./world.ts";

/** A service that works on a task, or whose result is on its way. */
export interface Run {
  readonly sessionId: string;
  readonly taskId: number;
  readonly attempt: number;
  readonly executorId: string;
  readonly node: string;
}

/** Who really works on which task, whatever the session manager believes. */
export class Runs {
  readonly #byExecutor = new Map<string, Run>();
  /** Tasks that ran twice at a time, since the node of the first was given up: allowed, and worth counting. */
  overtaken = 0;

  begin(run: Run): void {
    this.#byExecutor.set(run.executorId, run);
  }

  end(executorId: string): void {
    this.#byExecutor.delete(executorId);
  }

  of(executorId: string): Run | undefined {
    return this.#byExecutor.get(executorId);
  }

  /** The session manager gave the node up, as it may: what runs there may be run again. */
  forfeitNode(node: string): void {
    for (const [id, run] of this.#byExecutor) {
      if (run.node !== node) continue;
      this.#byExecutor.delete(id);
      this.overtaken++;
    }
  }

  /** A task that a live executor holds is handed to nobody else. */
  handedOut(task: TaskRecord, executorId: string): void {
    for (const run of this.#byExecutor.values()) {
      if (run.sessionId !== task.sessionId || run.taskId !== task.id) continue;
      if (run.executorId !== executorId)
        throw new Violation(
          `task ${task.sessionId}/${task.id} was handed to ${executorId} while ${run.executorId} on ${run.node} works on it`,
        );
    }
  }
}
