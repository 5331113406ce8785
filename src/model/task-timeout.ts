import { FlameError } from "./errors.ts";

/** The longest time that a submit may give its task, in milliseconds: a year. A date taken for a time is beyond it. */
export const taskTimeoutMsMax = 365 * 24 * 3_600_000;

/**
 * How long a task may take from when the session manager takes it, in milliseconds (docs/protocol.md, "Cancelling, time
 * limits, attempts").
 * @param what whose it is, for the text of the error
 * @throws FlameError invalid_argument
 */
export function checkedTimeout(timeoutMs: number, what: string): number {
  if (Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= taskTimeoutMsMax)
    return timeoutMs;
  throw new FlameError(
    "invalid_argument",
    `${what} is ${timeoutMs}: expected whole milliseconds from 1 to ${taskTimeoutMsMax} (a year); leave it out for a task without a deadline`,
  );
}

/** The same of a field of the wire, which may hold more than a number can. */
export function timeoutOf(wire: bigint | undefined, what: string): number | undefined {
  return wire === undefined ? undefined : checkedTimeout(Number(wire), what);
}
