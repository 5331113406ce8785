import type { ApplicationSpec } from "../../src/model/application-spec.ts";
import type { Change } from "../../src/model/change.ts";
import type { ExecutorRecord } from "../../src/model/executor.ts";
import type { FlameTurn } from "../../src/model/flame-turn.ts";
import type { NodeState } from "../../src/model/node.ts";
import { noTasks, type SessionRecord, type TaskCounts } from "../../src/model/session.ts";
import { isTerminal, type TaskRecord } from "../../src/model/task.ts";
import { Attempts } from "./attempts.ts";
import type { Runs } from "./runs.ts";
import { SubmitLedger } from "./submit-ledger.ts";
import { Violation } from "./world.ts";

const countOf = {
  Pending: "pending",
  Running: "running",
  Succeed: "succeed",
  Failed: "failed",
  Cancelled: "cancelled",
} as const satisfies Record<TaskRecord["state"], keyof TaskCounts>;

export interface LedgerSession {
  record: SessionRecord;
  readonly counts: TaskCounts;
  readonly tasks: Map<number, TaskRecord>;
}

/**
 * What is on disk, followed change by change, independently of store and machine; and what may never happen there: a
 * terminal task that changes, a result that no service gave, a closed session that opens, a lease without an executor.
 */
export class Ledger {
  readonly sessions = new Map<string, LedgerSession>();
  readonly executors = new Map<string, ExecutorRecord>();
  readonly applications = new Map<string, ApplicationSpec>();
  /** What producers have submitted. */
  readonly submits = new SubmitLedger();
  /** How attempts end, and who may end tasks from outside. */
  readonly attempts: Attempts;
  /** What the session manager may believe of a node, and since when. */
  readonly believed = new Map<string, { readonly state: NodeState; readonly since: number }>();

  constructor(runs: Runs) {
    this.attempts = new Attempts(runs, this);
  }

  apply(change: Change, turn: Pick<FlameTurn, "now" | "steady">): void {
    const { now, steady } = turn;
    this.submits.apply(change);
    switch (change.kind) {
      case "application.put":
        this.applications.set(change.record.name, change.record.spec);
        return;
      case "application.delete":
        this.applications.delete(change.name);
        return;
      case "session.put":
        this.#putSession(change.record);
        return;
      case "session.delete":
        this.sessions.delete(change.id);
        return;
      case "task.put":
        this.#putTask(change.record, steady);
        return;
      case "tasks.cancel":
        for (const task of this.sessions.get(change.sessionId)?.tasks.values() ?? []) {
          if (task.state === "Pending")
            this.#putTask({ ...task, state: "Cancelled", completionTime: now }, steady);
        }
        return;
      case "session.counts":
        this.#checkCounts(change);
        return;
      case "submits.put":
        // Followed by what follows the submits.
        return;
      case "sessions.objectsDeleted":
        // A note of the janitor's, which the simulation has none of.
        return;
      case "executor.put":
        this.executors.set(change.record.id, change.record);
        return;
      case "executor.delete":
        this.executors.delete(change.id);
        return;
      case "node.put":
        if (this.believed.get(change.record.name)?.state !== change.record.state)
          this.believed.set(change.record.name, { state: change.record.state, since: steady });
        return;
      case "node.delete":
        this.believed.delete(change.name);
        return;
    }
  }

  /** Nobody is connected after a restart; the grace time of every node begins anew. */
  restarted(now: number): void {
    this.attempts.restartedAt = now;
    for (const [name, { state }] of this.believed)
      if (state !== "NotReady") this.believed.set(name, { state: "Unknown", since: now });
  }

  task(sessionId: string, taskId: number): TaskRecord | undefined {
    return this.sessions.get(sessionId)?.tasks.get(taskId);
  }

  #putSession(record: SessionRecord): void {
    const session = this.sessions.get(record.id);
    if (session === undefined) {
      this.sessions.set(record.id, { record, counts: noTasks(), tasks: new Map() });
      return;
    }
    if (session.record.state === "Closed" && record.state === "Open")
      throw new Violation(`the closed session ${record.id} was opened again`);
    session.record = record;
  }

  /** They come after the tasks that they count. */
  #checkCounts({ id, counts, lastTaskId }: Extract<Change, { kind: "session.counts" }>): void {
    const session = this.sessions.get(id);
    const counted = [session?.counts, session?.tasks.size];
    if (JSON.stringify([counts, lastTaskId]) !== JSON.stringify(counted))
      throw new Violation(
        `session ${id} is said to have ${JSON.stringify([counts, lastTaskId])}, it has ${JSON.stringify(counted)}`,
      );
  }

  #putTask(task: TaskRecord, steady: number): void {
    const name = `task ${task.sessionId}/${task.id}`;
    const session = this.sessions.get(task.sessionId);
    if (session === undefined) throw new Violation(`${name} was written, its session is unknown`);
    const previous = session.tasks.get(task.id);
    if (previous !== undefined) {
      if (isTerminal(previous.state))
        throw new Violation(`${name} was ${previous.state} for good and became ${task.state}`);
      session.counts[countOf[previous.state]]--;
    } else if (task.id !== session.tasks.size + 1) {
      throw new Violation(`${name} follows ${session.tasks.size} tasks`);
    } else this.attempts.made(task, steady);
    if ((task.state === "Running") !== (task.executorId !== undefined))
      throw new Violation(`${name} is ${task.state} and its lease is ${task.executorId ?? "none"}`);
    if (task.state === "Running") {
      if (previous === undefined || task.attempt !== previous.attempt + 1)
        throw new Violation(
          `${name} runs, attempt ${task.attempt} after ${previous?.attempt ?? -1}`,
        );
    }
    const spec = this.applications.get(session.record.application);
    if (spec !== undefined && previous !== undefined)
      this.attempts.check(previous, task, spec, steady);
    session.counts[countOf[task.state]]++;
    session.tasks.set(task.id, task);
  }
}
