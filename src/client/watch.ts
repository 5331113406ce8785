import { Backoff } from "../kit/backoff.ts";
import type { Clock } from "../kit/clock.ts";
import { FlameError } from "../model/errors.ts";
import { isTerminal, type TaskState } from "../model/task.ts";
import type { Task } from "./types.ts";

const firstPauseMs = 50;
const longestPauseMs = 2_000;

/** One task as {@link watchTask} reaches it. */
export interface TaskSource {
  /** WatchTask: a message per change of state, ends after a final one. */
  open(): AsyncIterable<Task>;
  /** GetTask. */
  get(): Promise<Task>;
}

export interface WatchDeps {
  readonly clock: Clock;
  /** Resolves after that many milliseconds. */
  readonly pause: (delayMs: number) => Promise<void>;
  /** For how long a watch tries to come back before it gives up, in milliseconds. */
  readonly reconnectTimeoutMs: number;
  /** Ends the watch, which then throws its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The states of a task until its final one, across restarts of the session manager: after UNAVAILABLE the
 * watch is opened again, with back-off. A watch that ends early without an error is not trusted: the task
 * is asked for, and watched again while it is not final. So the last value is always a final state.
 * @throws FlameError unavailable when the server does not come back within `reconnectTimeoutMs`, or goes on refusing
 *   for so long what it says may be tried again, and any other error of the server (such as not_found) at once.
 */
export async function* watchTask(
  source: TaskSource,
  deps: WatchDeps,
): AsyncGenerator<Task, void, void> {
  let last: TaskState | undefined;
  const backoff = new Backoff(firstPauseMs, longestPauseMs);
  let lostAt: number | undefined;
  for (;;) {
    deps.signal?.throwIfAborted();
    let askedMs = 0;
    try {
      for await (const task of source.open()) {
        lostAt = undefined;
        backoff.reset();
        if (task.state !== last) yield task;
        last = task.state;
        if (isTerminal(task.state)) return;
      }
      const task = await source.get();
      lostAt = undefined;
      if (task.state !== last) yield task;
      last = task.state;
      if (isTerminal(task.state)) return;
    } catch (thrown) {
      deps.signal?.throwIfAborted();
      const error = FlameError.from(thrown);
      if (!isPassing(error)) throw error;
      askedMs = error.retryAfterMs ?? 0;
      lostAt ??= deps.clock.steady();
      if (deps.clock.steady() - lostAt >= deps.reconnectTimeoutMs) throw error;
    }
    await deps.pause(Math.max(backoff.next(), askedMs));
  }
}

/**
 * The task in its final state; see {@link watchTask}.
 * @throws what {@link watchTask} throws.
 */
export async function finalTask(watch: AsyncIterable<Task>): Promise<Task> {
  for await (const task of watch) {
    if (isTerminal(task.state)) return task;
  }
  throw new FlameError(
    "internal",
    "a watch ended without a final state: this is a fault of the SDK",
  );
}

// Reading a task again does no harm, so a call that took too long is tried again like one that broke.
function isPassing(error: FlameError): boolean {
  if (error.code === "resource_exhausted") return error.retryAfterMs !== undefined;
  return error.code === "unavailable" || error.code === "deadline_exceeded";
}
