import { serviceCrashCode, type TaskOutcome, type TaskRecord } from "../../src/model/task.ts";
import { Violation } from "./world.ts";

/** A service that works on a task, or whose result is on its way. */
export interface Run {
  readonly sessionId: string;
  readonly taskId: number;
  /** Of the task: a session's id, and so the task's, may be used again. */
  readonly creationTime: number;
  readonly lease: string;
  readonly executorId: string;
  readonly node: string;
}

/** Who really works on which task, whatever the session manager believes. */
export class Runs {
  readonly #runs = new Set<Run>();
  /** How the runs of each task ended, as their services said. */
  readonly #results = new Map<string, Set<"Succeed" | "Failed">>();
  /** How often a service died under each task. */
  readonly #crashes = new Map<string, number>();
  /** Executors that each task was ever handed to. */
  readonly #handed = new Map<string, Set<string>>();
  /** Executors that went down with their node. */
  readonly died = new Set<string>();
  /** Executors with a task that waited for others: there was room for those meanwhile, which are there still. */
  readonly yielded = new Set<string>();
  /** Runs whose node was given up, so that their tasks may run again beside them: allowed, and worth counting. */
  overtaken = 0;

  begin(run: Run): void {
    this.#runs.add(run);
  }

  /** The service answered, or died. */
  answered(run: Run, { returnCode }: TaskOutcome): void {
    const results = this.#results.get(taskKey(run)) ?? new Set();
    results.add(returnCode === 0 ? "Succeed" : "Failed");
    this.#results.set(taskKey(run), results);
    if (returnCode === serviceCrashCode)
      this.#crashes.set(taskKey(run), (this.#crashes.get(taskKey(run)) ?? 0) + 1);
  }

  /** How often a service died under the task. */
  crashesOf({ sessionId, id, creationTime }: TaskRecord): number {
    return this.#crashes.get(taskKey({ sessionId, taskId: id, creationTime })) ?? 0;
  }

  /** Executors that the task was ever handed to. */
  everAt({ sessionId, id, creationTime }: TaskRecord): ReadonlySet<string> {
    return this.#handed.get(taskKey({ sessionId, taskId: id, creationTime })) ?? new Set();
  }

  /** Some run of this very task ended like this, or nobody needs one for it to end. */
  couldEnd(task: TaskRecord): boolean {
    const { sessionId, id, creationTime, state } = task;
    if (state !== "Succeed" && state !== "Failed") return true;
    const results = this.#results.get(taskKey({ sessionId, taskId: id, creationTime }));
    return results?.has(state) === true;
  }

  end(run: Run): void {
    this.#runs.delete(run);
  }

  /** The executor and its service are gone. */
  endAllOf(executorId: string): void {
    for (const run of this.#runs) if (run.executorId === executorId) this.#runs.delete(run);
  }

  /** Sessions that somebody works for. */
  get sessionIds(): string[] {
    return [...new Set(Array.from(this.#runs, ({ sessionId }) => sessionId))];
  }

  of(executorId: string): Run[] {
    return [...this.#runs].filter((run) => run.executorId === executorId);
  }

  /** The session manager gave the node up, as it may: what runs there may be run again. */
  forfeitNode(node: string): void {
    for (const run of this.#runs) {
      if (run.node !== node) continue;
      this.#runs.delete(run);
      this.overtaken++;
    }
  }

  /** A task that a live executor holds is handed to nobody else. */
  handedOut(task: TaskRecord, executorId: string): void {
    const key = taskKey({ ...task, taskId: task.id });
    this.#handed.set(key, (this.#handed.get(key) ?? new Set()).add(executorId));
    for (const run of this.#runs) {
      if (run.sessionId !== task.sessionId || run.taskId !== task.id) continue;
      if (run.creationTime !== task.creationTime || run.executorId === executorId) continue;
      throw new Violation(
        `task ${task.sessionId}/${task.id} was handed to ${executorId} while ${run.executorId} on ${run.node} works on it`,
      );
    }
  }
}

function taskKey(task: Pick<Run, "sessionId" | "taskId" | "creationTime">): string {
  return `${task.sessionId}/${task.taskId}/${task.creationTime}`;
}
