import type { PutOffCall } from "../client/index.ts";
import type { Clock } from "../kit/clock.ts";
import { type Terminal, withoutControlCharacters } from "./output/terminal.ts";

/** A wait that a user takes for a hang. */
const LONG_MS = 2_000;
/** Thousands of tasks may be refused at once; one of them is told. */
const QUIET_MS = 10_000;

/**
 * Tells on stderr that a call was refused for now and is repeated, with the server's own words: before the pause that makes
 * the wait of the call longer than 2 s, and at most every 10 s for all calls together.
 */
export function putOffNotice(terminal: Terminal, clock: Clock): (call: PutOffCall) => void {
  const plain = withoutControlCharacters(terminal);
  let quietUntil = Number.NEGATIVE_INFINITY;
  return ({ refusal, waitedMs, pauseMs }) => {
    const now = clock.steady();
    if (waitedMs + pauseMs < LONG_MS || now < quietUntil) return;
    quietUntil = now + QUIET_MS;
    const seconds = Math.max(1, Math.round(pauseMs / 1000));
    plain.err(`Refused for now, tried again in ${seconds} s: ${refusal.message}\n`);
  };
}
