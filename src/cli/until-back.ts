import { Backoff } from "../kit/backoff.ts";
import type { Clock } from "../kit/clock.ts";
import { FlameError } from "../model/errors.ts";

/** For so long a run waits for a session manager that went away, when all that is left is to settle and to close. */
const BACK_WITHIN_MS = 30_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** Repeats a call that does no harm twice while nobody answers it. @throws the last failure after {@link BACK_WITHIN_MS} */
export async function untilBack<T>(clock: Clock, call: () => Promise<T>): Promise<T> {
  const deadline = clock.steady() + BACK_WITHIN_MS;
  const backoff = new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
  for (;;) {
    try {
      return await call();
    } catch (thrown) {
      if (FlameError.from(thrown).code !== "unavailable" || clock.steady() > deadline) throw thrown;
    }
    // The clock's timer keeps no process alive, and with the connection gone nothing else may be left that does.
    const alive = setInterval(() => undefined, LONGEST_PAUSE_MS);
    await new Promise<void>((resolve) => {
      clock.after(backoff.next(), resolve);
    });
    clearInterval(alive);
  }
}
