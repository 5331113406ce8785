import { FlameError } from "../model/errors.ts";
import type { BegunTask } from "./begun-task.ts";
import type { WaitOptions } from "./client-types.ts";

/** Cancels tasks of a session by their ids. */
export type CancelTasks = (taskIds: readonly string[]) => Promise<unknown>;

/** What `promise` gives. @throws the signal's reason as soon as it aborts */
export async function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return promise;
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    // Whoever aborts says why, and it need not be an Error.
    abort = () => reject(signal.reason as Error);
  });
  signal.addEventListener("abort", abort);
  try {
    signal.throwIfAborted();
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/**
 * Nobody waits for these any more: cancels those that have not ended, if that was asked for.
 * @throws FlameError when they cannot be cancelled; its cause is why they were left
 */
export async function leave(
  tasks: readonly BegunTask<unknown>[],
  { signal, cancelTasks = false }: WaitOptions,
  cancel: CancelTasks,
): Promise<void> {
  if (!cancelTasks || tasks.length === 0) return;
  const known = await Promise.all(tasks.map((task) => task.openTaskId()));
  await cancelLeft(
    known.filter((id) => id !== undefined),
    signal,
    cancel,
  );
}

/** @throws FlameError when they cannot be cancelled; its cause is why they were left */
export async function cancelLeft(
  taskIds: readonly string[],
  signal: AbortSignal | undefined,
  cancel: CancelTasks,
): Promise<void> {
  if (taskIds.length === 0) return;
  try {
    await cancel(taskIds);
  } catch (thrown) {
    const { code, message } = FlameError.from(thrown);
    throw new FlameError(
      code,
      `nobody waits any more for what may still run, as cancelling failed (tasks: ${taskIds.length}): ${message}`,
      { cause: signal?.reason ?? thrown },
    );
  }
}
