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

/**
 * The output of a task that has ended; undefined when it gave none.
 * @throws CancelledError when somebody cancelled it, or closed its session before it ran.
 * @throws FlameError internal with the service's own text when it failed.
 */
export function taskOutput({ id, sessionId, state, output, events }: Task): Buffer | undefined {
  if (state === "Succeed") return output;
  const name = `task ${id} of session ${sessionId}`;
  const failure = events.find(({ code }) => code === eventCodes.taskFailed)?.message;
  const cancelled = events.find(({ code }) => code === eventCodes.cancelled)?.message;
  if (cancelled !== undefined || state === "Cancelled")
    throw new CancelledError(
      `${name} was ${failure ?? cancelled ?? "cancelled: its session was closed before it ran"}`,
    );
  throw new FlameError("internal", failure ?? `${name} is ${state}, and no reason was given`);
}
