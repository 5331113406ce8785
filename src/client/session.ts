import { FlameError } from "../model/errors.ts";
import type { CancelOptions, CancelResult } from "./cancel.ts";
import type { Limiter } from "./limiter.ts";
import { taskOutput } from "./task-output.ts";
import type { SessionInfo, Task } from "./types.ts";
import { finalTask } from "./watch.ts";

/** The calls of a client that a session handle needs. */
export interface SessionCalls {
  createTask(sessionId: string, input?: Uint8Array): Promise<Task>;
  getTask(sessionId: string, taskId: string): Promise<Task>;
  listTasks(sessionId: string): AsyncIterable<Task>;
  watchTask(sessionId: string, taskId: string): AsyncIterable<Task>;
  getSession(sessionId: string): Promise<SessionInfo>;
  closeSession(sessionId: string, options?: { readonly force?: boolean }): Promise<SessionInfo>;
  cancelTasks(
    sessionId: string,
    taskIds?: readonly string[],
    options?: CancelOptions,
  ): Promise<CancelResult>;
}

/** How many calls of one client may be under way at once; the rest wait their turn. */
export interface CallLimits {
  readonly creates: Limiter;
  readonly watches: Limiter;
}

/** A session to work with: hand in inputs, get finished tasks. */
export class Session {
  /** What the server said when this handle was made. */
  readonly info: SessionInfo;
  readonly #calls: SessionCalls;
  readonly #limits: CallLimits;

  constructor(calls: SessionCalls, limits: CallLimits, info: SessionInfo) {
    this.#calls = calls;
    this.#limits = limits;
    this.info = info;
  }

  get id(): string {
    return this.info.id;
  }

  /**
   * Creates a task. Never tried again by itself, as a second try could make a second task.
   * @throws FlameError unavailable or deadline_exceeded with "not acknowledged" in its text when the reply
   *   was lost: the task may exist or not.
   */
  createTask(input?: Uint8Array): Promise<Task> {
    return this.#limits.creates.run(async () => {
      try {
        return await this.#calls.createTask(this.id, input);
      } catch (thrown) {
        throw unacknowledged(this.id, FlameError.from(thrown));
      }
    });
  }

  /** The states of a task up to its final one; comes back after a restart of the session manager. */
  watchTask(taskId: string): AsyncIterable<Task> {
    return this.#calls.watchTask(this.id, taskId);
  }

  /** Waits until a task is final, whatever the outcome: a failed task is a value here, not an error. */
  finished(taskId: string): Promise<Task> {
    return this.#limits.watches.run(() => finalTask(this.watchTask(taskId)));
  }

  /** Creates a task and waits until it is final. */
  async run(input?: Uint8Array): Promise<Task> {
    const task = await this.createTask(input);
    return this.finished(task.id);
  }

  /**
   * Creates a task, waits until it is final, and tells its output; undefined when it gave none.
   * @throws CancelledError when it was cancelled, FlameError internal with the service's text when it failed.
   */
  async invoke(input?: Uint8Array): Promise<Buffer | undefined> {
    return taskOutput(await this.run(input));
  }

  /** Cancels one task, or every one that has not ended; running ones are Failed, and their services are ended. */
  cancel(taskId?: string, options?: CancelOptions): Promise<CancelResult> {
    return this.#calls.cancelTasks(this.id, taskId === undefined ? undefined : [taskId], options);
  }

  /** A task with its events. */
  getTask(taskId: string): Promise<Task> {
    return this.#calls.getTask(this.id, taskId);
  }

  /** Every task of the session, in no order. */
  listTasks(): AsyncIterable<Task> {
    return this.#calls.listTasks(this.id);
  }

  /** The session as it is now. */
  get(): Promise<SessionInfo> {
    return this.#calls.getSession(this.id);
  }

  /** Closes the session: pending tasks are cancelled; with running ones the server refuses, unless `force` ends them. */
  close(options?: { readonly force?: boolean }): Promise<SessionInfo> {
    return this.#calls.closeSession(this.id, options);
  }
}

function unacknowledged(sessionId: string, error: FlameError): FlameError {
  if (!["unavailable", "deadline_exceeded"].includes(error.code)) return error;
  return new FlameError(
    error.code,
    `a task of session ${sessionId} was not acknowledged and may exist or not: ${error.message}`,
    { cause: error },
  );
}
