import { FlameError } from "../model/errors.ts";
import type { TaskState } from "../model/task.ts";
import type { Task } from "./types.ts";

/** What was submitted is no task, or nobody knows. */
export type NoTask =
  /** It is no task: the server refused it, or it never left. */
  | { readonly kind: "refused"; readonly error: FlameError }
  /** No reply came: it may be a task or not. */
  | { readonly kind: "unacknowledged"; readonly error: FlameError };

/** What became of something that was submitted. */
export type TaskEnd =
  /** The task has ended, whatever the outcome. */
  | {
      readonly kind: "finished";
      readonly taskId: string;
      readonly state: TaskState;
      readonly task: Task;
    }
  /** It is a task, but its end was not seen. */
  | { readonly kind: "lost"; readonly taskId: string; readonly error: FlameError }
  | NoTask;

/** What became of something that was submitted, for one who does not wait for its end. */
export type TaskCreation = { readonly kind: "created"; readonly taskId: string } | NoTask;

/** The error of a submit whose reply was lost. */
export function unacknowledged(sessionId: string, error: FlameError): FlameError {
  return new FlameError(
    error.code,
    `a task of session ${sessionId} was not acknowledged and may exist or not: ${error.message}`,
    { cause: error },
  );
}
