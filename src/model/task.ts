import { FlameError } from "./errors.ts";
import type { FlameEvent } from "./event.ts";
import type { SessionKey } from "./session.ts";

/**
 * - Pending: waits for an executor.
 * - Running: leased to one executor.
 * - Succeed, Failed, Cancelled: terminal; never changes again.
 */
export type TaskState = "Pending" | "Running" | "Succeed" | "Failed" | "Cancelled";

export function isTerminal(state: TaskState): boolean {
  return state === "Succeed" || state === "Failed" || state === "Cancelled";
}

/** One task as it is stored, without its payloads. Immutable: a change makes a new record. */
export interface TaskRecord {
  readonly sessionId: string;
  /** Counts from 1 within the session. */
  readonly id: number;
  readonly state: TaskState;
  /** Unix milliseconds. */
  readonly creationTime: number;
  /** Unix milliseconds; absent until terminal. */
  readonly completionTime?: number | undefined;
  /** Bytes of the input; absent when the client sent none (absent is not empty). */
  readonly inputBytes?: number | undefined;
  /** Bytes of the output; absent when the service gave none. */
  readonly outputBytes?: number | undefined;
  /** How often the task was handed out; the present lease carries this number. */
  readonly attempt: number;
  /** How many of these attempts ended with the crash of the service. */
  readonly crashes: number;
  /** How many of them ended with the loss of the node. */
  readonly lostNodes: number;
  /** The executor that holds the lease; present exactly while Running. */
  readonly executorId?: string | undefined;
  /** The term of the session manager in which it was made; 0: before there were terms. */
  readonly term: number;
  /** Unix milliseconds at which it is ended if it has not ended before; absent: never. */
  readonly deadline?: number | undefined;
  readonly events: readonly FlameEvent[];
}

/** Names one task for good: the id of its session may be used again once that was deleted. */
export type TaskKey = Pick<TaskRecord, "sessionId" | "id" | "creationTime">;

/** A task of a session; terminal ones are not in memory, the shell reads them from the store once the turn is durable. */
export type TaskReply =
  | { readonly task: TaskRecord }
  | { readonly stored: { readonly session: SessionKey; readonly taskId: number } };

/** What an executor that waits for a task is answered: without one it is to unbind. */
export interface LaunchReply {
  readonly task?: TaskRecord;
}

/**
 * Names one handing-out of one task, in characters that any transport takes. Task ids count from 1 in each session, and a
 * session's id may be used again once it was deleted: both are told apart here, since a result may come very late.
 */
export function leaseOf(task: TaskRecord): string {
  return `${task.id}:${task.attempt}:${task.creationTime}:${encodeURIComponent(task.sessionId)}`;
}

/** A lease on a work stream: the term that made it, its number there, and which attempt at its task it is for. */
export function queuedLeaseOf(term: number, number: number, attempt: number): string {
  return `${term}.${number}/${attempt}`;
}

/** Which attempt at its task such a lease is for. */
export function attemptOf(lease: string): number {
  return Number(lease.slice(lease.lastIndexOf("/") + 1));
}

/** The term that made such a lease. */
export function termOf(lease: string): number {
  return Number(lease.slice(0, Math.max(0, lease.indexOf("."))));
}

/** What a service answered for a task. */
export interface TaskOutcome {
  readonly returnCode: number;
  readonly output?: Buffer;
  readonly message?: string;
}

/** `return_code` by which our executor manager says that the service died while the task ran (docs/protocol.md, "Leases"). */
export const serviceCrashCode = 18;

/** How many attempts of a task may end like this; the last of them fails the task. */
export interface AttemptLimits {
  readonly crashes: number;
  readonly lostNodes: number;
}

/**
 * Task ids travel as decimal text.
 * @throws FlameError invalid_argument "invalid task id".
 */
export function parseTaskId(text: string): number {
  const id = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(id)) return id;
  throw new FlameError(
    "invalid_argument",
    `invalid task id: got ${JSON.stringify(text.slice(0, 80))}, expected a decimal number such as 1`,
  );
}
