import type { Clock } from "../kit/clock.ts";
import { FlameError } from "../model/errors.ts";

/**
 * Waits.
 * @throws FlameError aborted as soon as `signal` is.
 */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      timer.cancel();
      reject(new FlameError("aborted", "stopped while waiting"));
    };
    const timer = clock.after(ms, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
