import { type Clock, systemClock } from "../kit/clock.ts";
import type { Logger } from "../kit/logger.ts";
import { withinToldDeadline } from "../kit/told-deadline.ts";
import { FlameError } from "../model/errors.ts";

export interface StartDeadline {
  readonly logger: Logger;
  readonly clock?: Clock;
  /** How long each step of a plugin's start may take, in milliseconds. Default 30000. */
  readonly startDeadlineMs?: number;
}

/** What of which plugin the start waits for. */
export interface AwaitedStep {
  /** Its name, or the path of its module while that is loaded. */
  readonly plugin: string;
  /** Such as `start(host)`. */
  readonly what: string;
}

const START_DEADLINE_MS = 30_000;
/** After this long the log says what the start waits for. */
const TOLD_AFTER_MS = 2_000;

/**
 * Runs one step of a plugin's start.
 * @throws FlameError deadline_exceeded when it does not settle in time; else what the step throws.
 */
export function withinDeadline<T>(
  { plugin, what }: AwaitedStep,
  run: () => Promise<T>,
  { logger, clock = systemClock, startDeadlineMs = START_DEADLINE_MS }: StartDeadline,
): Promise<T> {
  return withinToldDeadline(clock, run(), {
    tellAfterMs: TOLD_AFTER_MS,
    tell: () => {
      logger.warn(
        { plugin },
        `waiting for plugin ${JSON.stringify(plugin)}: ${what} has not settled; the start ends with an error after ${startDeadlineMs} ms`,
      );
    },
    deadlineMs: startDeadlineMs,
    late: () => {
      const text = `got no end of its start within ${startDeadlineMs} ms, expected ${what} to settle`;
      return new FlameError("deadline_exceeded", text);
    },
  });
}
