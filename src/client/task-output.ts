import { FlameError } from "../model/errors.ts";
import { eventCodes } from "../model/event.ts";
import type { Task } from "./types.ts";

/** A task was cancelled: before it ran, or while it did. */
export class CancelledError extends FlameError {
  override readonly name = "CancelledError";

  constructor(message: string) {
    super("aborted", message);
  }

  // By name: FlameError itself is recognized by a mark that every one of them has.
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof FlameError && value.name === "CancelledError";
  }
}

/** A task failed: its service said so or died too often, its time was over, or its node was lost too often. */
export class TaskFailedError extends FlameError {
  override readonly name = "TaskFailedError";
  readonly sessionId: string;
  /** Decimal text, counted from 1 within the session. */
  readonly taskId: string;

  constructor(message: string, { id, sessionId }: Pick<Task, "id" | "sessionId">) {
    super("internal", message);
    this.sessionId = sessionId;
    this.taskId = id;
  }

  // By name: FlameError itself is recognized by a mark that every one of them has.
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof FlameError && value.name === "TaskFailedError";
  }
}

/**
 * The output of a task that has ended; undefined when it gave none.
 * @throws CancelledError when somebody cancelled it, or closed its session before it ran.
 * @throws TaskFailedError with the service's own text when it failed.
 */
export function taskOutput(task: Task): Buffer | undefined {
  const { id, sessionId, state, output, events } = task;
  if (state === "Succeed") return output;
  const name = `task ${id} of session ${sessionId}`;
  const failure = events.find(({ code }) => code === eventCodes.taskFailed)?.message;
  const cancelled = events.find(({ code }) => code === eventCodes.cancelled)?.message;
  if (cancelled !== undefined || state === "Cancelled")
    throw new CancelledError(
      `${name} was ${failure ?? cancelled ?? "cancelled: its session was closed before it ran"}`,
    );
  throw new TaskFailedError(failure ?? `${name} is ${state}, and no reason was given`, task);
}
