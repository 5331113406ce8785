import { FlameError } from "../model/errors.ts";
import { checkedTimeout } from "../model/task-timeout.ts";
import type { Task } from "./types.ts";

/** What a submit may say of its task. */
export interface SubmitOptions {
  /**
   * How long the task may take from when the session manager has taken it, in whole milliseconds up to a year: waiting, all
   * attempts and restarts of the session manager included. Then it is Failed, wherever it is; when it runs, its service is
   * ended. @default as long as it takes
   */
  readonly timeoutMs?: number;
}

/** What a submit of one task may say, when its end is waited for. */
export interface RunOptions extends SubmitOptions {
  /** Told the id of the task once the session manager has taken it, before the task's end is told. */
  readonly onCreated?: (taskId: string) => void;
}

/** @throws FlameError unimplemented when the session manager does not know of deadlines, and so gave the new task none. */
export function checkHasDeadline({ id, sessionId, deadline }: Task): void {
  if (deadline !== undefined) return;
  throw new FlameError(
    "unimplemented",
    `task ${id} of session ${sessionId} was created without a deadline, as this session manager knows none: leave timeoutMs out, and wait for the task or cancel it`,
  );
}

/** @throws FlameError invalid_argument for a time that cannot be. */
export function timeoutMsOf(options: SubmitOptions | undefined): number | undefined {
  const timeoutMs = options?.timeoutMs;
  return timeoutMs === undefined ? undefined : checkedTimeout(timeoutMs, "timeoutMs of the submit");
}
