import type { ApplicationSpec } from "../../src/model/application-spec.ts";
import type { Change } from "../../src/model/change.ts";
import { eventCodes } from "../../src/model/event.ts";
import type { ExecutorRecord } from "../../src/model/executor.ts";
import { isTerminal, type TaskRecord } from "../../src/model/task.ts";
import type { Runs } from "./runs.ts";
import { Violation } from "./world.ts";

/** That a task has begun is on disk so much later at most, and a commit takes its time as well. */
const writtenAfterMs = 1_100;

/**
 * How attempts at tasks end, against what really happened: a task fails because its service said so, because somebody
 * asked for it, because its time was over, or because too many attempts failed; and only those count that died.
 */
export class Attempts {
  readonly #runs: Runs;
  readonly #disk: { readonly executors: ReadonlyMap<string, ExecutorRecord> };
  /** Tasks that somebody asked to be cancelled, as `session/task`, and sessions. */
  readonly #asked = new Set<string>();
  /** When the present attempt at a task was committed, in steady milliseconds. */
  readonly #begun = new Map<string, number>();
  /** Nodes that are given up in the turn that is being committed. */
  givenUp: ReadonlySet<string> = new Set();
  /** When the session manager started last. */
  restartedAt = 0;
  /** Tasks of the commit that is being followed that came back though nothing died, and where they may have been. */
  readonly #put: { readonly name: string; readonly from: string | undefined }[] = [];
  /** When a task was made, in steady milliseconds. */
  readonly #made = new Map<string, number>();
  cancelled = 0;
  timedOut = 0;
  /** Tasks whose deadline passed while they waited, and while they ran. */
  late = { waiting: 0, running: 0 };
  exhausted = 0;

  constructor(runs: Runs, disk: { readonly executors: ReadonlyMap<string, ExecutorRecord> }) {
    this.#runs = runs;
    this.#disk = disk;
  }

  made({ sessionId, id }: TaskRecord, steady: number): void {
    this.#made.set(`${sessionId}/${id}`, steady);
  }

  /** A cancel has come to the session manager. */
  ask(sessionId: string, taskIds: readonly number[] | undefined): void {
    if (taskIds === undefined) this.#asked.add(sessionId);
    for (const id of taskIds ?? []) this.#asked.add(`${sessionId}/${id}`);
  }

  /** @throws Violation when a task may not go from the one state to the other. */
  check(before: TaskRecord, after: TaskRecord, spec: ApplicationSpec, steady: number): void {
    const key = `${after.sessionId}/${after.id}`;
    if (after.state === "Running") this.#begun.set(key, steady);
    this.#checkCounts(before, after, spec);
    this.#checkReturn(before, after);
    if (after.state === "Succeed" && !this.#runs.couldEnd(after))
      throw new Violation(`task ${key} is Succeed, and no service said so`);
    if (after.state === "Failed") this.#checkFailed(before, after, spec, steady);
    const said = after.events.some(({ code }) => code === eventCodes.cancelled);
    if (after.state === "Cancelled" && said && !this.#wasAsked(after))
      throw new Violation(`task ${key} was cancelled, and nobody asked for it`);
  }

  #checkCounts(before: TaskRecord, after: TaskRecord, spec: ApplicationSpec): void {
    const name = `task ${after.sessionId}/${after.id}`;
    const crashes = after.crashes - before.crashes;
    const lost = after.lostNodes - before.lostNodes;
    if (crashes + lost === 0) return;
    // That it had begun need not have been written.
    if (crashes + lost !== 1 || isTerminal(before.state))
      throw new Violation(
        `${name} was ${before.state} and counts ${crashes} crashes, ${lost} losses`,
      );
    if (after.crashes > this.#runs.crashesOf(after))
      throw new Violation(
        `${name} counts ${after.crashes} crashes, its services died ${this.#runs.crashesOf(after)} times`,
      );
    const executors =
      before.executorId === undefined ? [...this.#runs.everAt(before)] : [before.executorId];
    const isLost = (executorId: string): boolean =>
      this.#runs.died.has(executorId) ||
      this.givenUp.has(this.#disk.executors.get(executorId)?.node ?? "");
    if (lost === 1 && !executors.some(isLost))
      throw new Violation(
        `${name} counts a lost node, and no node of ${executors.join()} died or was given up`,
      );
    const given = after.crashes >= spec.max_crashes || after.lostNodes >= spec.max_lost_nodes;
    if (given !== (after.state === "Failed"))
      throw new Violation(
        `${name} is ${after.state} after ${after.crashes} crashes and ${after.lostNodes} lost nodes`,
      );
    if (given) this.exhausted++;
  }

  /** An attempt is one that began, and each that did not end the task has an event that says what became of it. */
  #checkReturn(before: TaskRecord, after: TaskRecord): void {
    const name = `task ${after.sessionId}/${after.id}`;
    const returns = returnsOf(after);
    const last = after.state === "Pending" || after.state === "Cancelled" || waited(after) ? 0 : 1;
    if (after.attempt !== returns + last)
      throw new Violation(
        `${name} is ${after.state} after ${after.attempt} attempts, ${returns} of them are said to have come back`,
      );
    const failed = after.crashes + after.lostNodes - before.crashes - before.lostNodes;
    if (after.state !== "Pending" || returns === returnsOf(before) || failed > 0) return;
    this.#put.push({ name, from: before.executorId });
  }

  /**
   * The whole commit was followed: a task that came back with an event, though neither a service nor a node died, came from
   * an executor that left its session; what an executor that stays gives back had not begun.
   */
  committed(changes: readonly Change[]): void {
    // Where it was need not have been written.
    const someLeft = changes.some(
      (change) =>
        change.kind === "executor.delete" ||
        (change.kind === "executor.put" && change.record.state !== "Bound"),
    );
    for (const { name, from } of this.#put.splice(0)) {
      const stays = from !== undefined && this.#disk.executors.get(from)?.state === "Bound";
      if (stays || !someLeft)
        throw new Violation(`${name} is said to have come back from ${from ?? "one"}, which stays`);
    }
  }

  #checkFailed(before: TaskRecord, after: TaskRecord, spec: ApplicationSpec, steady: number): void {
    const key = `${after.sessionId}/${after.id}`;
    const codes = after.events.map(({ code }) => code);
    if (codes.includes(eventCodes.cancelled)) {
      if (!this.#wasAsked(after))
        throw new Violation(`task ${key} was cancelled, and nobody asked for it`);
      this.cancelled++;
    } else if (passedDeadline(after)) {
      this.#checkDeadline(after, steady);
    } else if (codes.includes(eventCodes.timedOut)) {
      const begun = this.#begun.get(key) ?? 0;
      const ranMs = steady - begun;
      const early = ranMs + writtenAfterMs < 1000 * (spec.task_timeout ?? Number.POSITIVE_INFINITY);
      // After a restart the date says how long it ran, and somebody may have set it.
      if (spec.task_timeout === undefined || (early && this.restartedAt < begun))
        throw new Violation(`task ${key} was timed out after ${ranMs} ms`);
      this.timedOut++;
    } else if (after.lostNodes === before.lostNodes && !this.#runs.couldEnd(after)) {
      throw new Violation(`task ${key} is Failed, and no service said so`);
    }
  }

  #checkDeadline(task: TaskRecord, steady: number): void {
    const key = `${task.sessionId}/${task.id}`;
    const made = this.#made.get(key) ?? 0;
    const timeoutMs = (task.deadline ?? Number.POSITIVE_INFINITY) - task.creationTime;
    const early = steady - made + writtenAfterMs < timeoutMs;
    // After a restart the date says how much is left, and somebody may have set it.
    if (task.deadline === undefined || (early && this.restartedAt < made))
      throw new Violation(`task ${key} was ended ${steady - made} ms after it was made`);
    this.late[waited(task) ? "waiting" : "running"]++;
  }

  #wasAsked({ sessionId, id }: TaskRecord): boolean {
    return this.#asked.has(sessionId) || this.#asked.has(`${sessionId}/${id}`);
  }
}

const passedDeadline = ({ events }: TaskRecord): boolean =>
  events.some(
    ({ code, message }) =>
      code === eventCodes.timedOut && message.startsWith("its deadline passed"),
  );

const waited = (task: TaskRecord): boolean =>
  passedDeadline(task) && task.events.at(-2)?.message === "its deadline passed while it waited";

const returnsOf = ({ events }: TaskRecord): number =>
  events.filter(({ code }) => code === eventCodes.taskRequeued).length;
