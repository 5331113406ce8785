import { FlameError } from "../model/errors.ts";
import type { CancelOptions, CancelResult } from "./cancel.ts";
import type { Limiter } from "./limiter.ts";
import { ManyInputs } from "./submit-job.ts";
import type { SubmitLane } from "./submit-lane.ts";
import { type RunOptions, type SubmitOptions, timeoutMsOf } from "./submit-options.ts";
import { type TaskCreation, type TaskEnd, unacknowledged } from "./task-end.ts";
import { taskOutput } from "./task-output.ts";
import type { TaskStreams } from "./task-streams.ts";
import type { SessionInfo, Task } from "./types.ts";
import { isUncertain, UnaryTasks } from "./unary-tasks.ts";
import { finalTask } from "./watch.ts";

/** The calls of a client that a session handle needs. */
export interface SessionCalls {
  createTask(sessionId: string, input?: Uint8Array, options?: SubmitOptions): Promise<Task>;
  getTask(sessionId: string, taskId: string): Promise<Task>;
  listTasks(sessionId: string): AsyncIterable<Task>;
  watchTask(sessionId: string, taskId: string, signal?: AbortSignal): AsyncIterable<Task>;
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
  readonly #streams: Pick<TaskStreams, "lane" | "served"> | undefined;
  readonly #unary: UnaryTasks;
  #lane: SubmitLane | undefined;

  /** @param streams absent: tasks take one call each */
  constructor(
    calls: SessionCalls,
    limits: CallLimits,
    info: SessionInfo,
    streams?: Pick<TaskStreams, "lane" | "served">,
  ) {
    this.#calls = calls;
    this.#limits = limits;
    this.info = info;
    this.#streams = streams;
    const one = {
      create: (input: Uint8Array | undefined, timeoutMs: number | undefined) =>
        this.#create(input, timeoutMs),
      finished: (taskId: string) => this.finished(taskId),
    };
    this.#unary = new UnaryTasks(info.id, one, limits.creates.max);
  }

  get id(): string {
    return this.info.id;
  }

  /**
   * Creates a task. Never tried again by itself, as a second try could make a second task.
   * @throws FlameError unavailable or deadline_exceeded with "not acknowledged" in its text when the reply
   *   was lost: the task may exist or not.
   */
  async createTask(input?: Uint8Array, options?: SubmitOptions): Promise<Task> {
    const timeoutMs = timeoutMsOf(options);
    try {
      return await this.#create(input, timeoutMs);
    } catch (thrown) {
      const error = FlameError.from(thrown);
      throw isUncertain(error) ? unacknowledged(this.id, error) : error;
    }
  }

  #create(input: Uint8Array | undefined, timeoutMs: number | undefined): Promise<Task> {
    const options = timeoutMs === undefined ? {} : { timeoutMs };
    return this.#limits.creates.run(() => this.#calls.createTask(this.id, input, options));
  }

  /**
   * The states of a task up to its final one; comes back after a restart of the session manager.
   * @param signal ends the watch, which then throws the signal's reason
   */
  watchTask(taskId: string, signal?: AbortSignal): AsyncIterable<Task> {
    return this.#calls.watchTask(this.id, taskId, signal);
  }

  /**
   * Waits until a task is final, whatever the outcome: a failed task is a value here, not an error.
   * @param signal ends the wait, which then throws the signal's reason
   */
  finished(taskId: string, signal?: AbortSignal): Promise<Task> {
    return this.#limits.watches.run(() => finalTask(this.watchTask(taskId, signal)));
  }

  /** Creates a task and waits until it is final. A session manager that restarts meanwhile makes one task of it. */
  async run(input?: Uint8Array, options?: RunOptions): Promise<Task> {
    const timeoutMs = timeoutMsOf(options);
    const onCreated = options?.onCreated;
    const lane = this.#openLane();
    if (lane !== undefined) return lane.run(input, { timeoutMs, onCreated });
    const { id } = await this.createTask(input, options);
    onCreated?.(id);
    return this.finished(id);
  }

  /**
   * Creates a task of each input, and waits until all are final. Inputs are taken as they can be sent, and no more results
   * come while `onEnd` runs, so that any number of them is bounded in memory. Tasks that it tells come without their input.
   * @param onEnd told once of each input that was taken, by its place among them; in no order, and never before this returns
   * @throws FlameError when the rest of the inputs cannot be submitted, and what `inputs` or `onEnd` throws: then no
   *   further input is taken
   */
  async runMany(
    inputs: Iterable<Uint8Array | undefined>,
    onEnd: (index: number, end: TaskEnd) => void,
    options?: SubmitOptions,
  ): Promise<void> {
    const told = (index: number, end: TaskEnd | TaskCreation): void => {
      if (end.kind !== "created") onEnd(index, end);
    };
    await this.#submit(new ManyInputs(inputs, true, told, timeoutMsOf(options)));
  }

  /** As {@link runMany}, for tasks whose ends nobody waits for: tells which tasks were created. */
  async createMany(
    inputs: Iterable<Uint8Array | undefined>,
    onCreated: (index: number, creation: TaskCreation) => void,
    options?: SubmitOptions,
  ): Promise<void> {
    const told = (index: number, end: TaskEnd | TaskCreation): void => {
      if (end.kind !== "finished" && end.kind !== "lost") onCreated(index, end);
    };
    await this.#submit(new ManyInputs(inputs, false, told, timeoutMsOf(options)));
  }

  #submit(job: ManyInputs): Promise<void> {
    const lane = this.#openLane();
    if (lane === undefined) this.#unary.drain(job);
    else lane.add(job);
    return job.over;
  }

  #openLane(): SubmitLane | undefined {
    if (this.#streams?.served !== true) return undefined;
    this.#lane ??= this.#streams.lane(this.#unary);
    return this.#lane;
  }

  /**
   * Creates a task, waits until it is final, and tells its output; undefined when it gave none.
   * @throws CancelledError when it was cancelled, FlameError internal with the service's text when it failed.
   */
  async invoke(input?: Uint8Array, options?: SubmitOptions): Promise<Buffer | undefined> {
    return taskOutput(await this.run(input, options));
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
