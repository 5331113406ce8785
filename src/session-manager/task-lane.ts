import type { NumberedRuns } from "../kit/numbered-runs.ts";
import { FlameError } from "../model/errors.ts";
import { payloadBytesMax } from "../model/limits.ts";
import { SubmitBook } from "../sessions/submit-book.ts";
import type { Store } from "../storage/store.ts";
import type { Pending } from "./engine-door.ts";
import type { LaneResults } from "./task-outbox.ts";

/** Numbers that one Follow may name. */
export const followMax = 10_000;

/** One lane of a stream: what one producer submits to one session. */
export interface OpenLane {
  readonly id: number;
  readonly sessionId: string;
  readonly producer: string;
  /** Numbers whose results were asked for on this stream: each is sent once, however often its number comes. */
  readonly asked: NumberedRuns;
  /** Of these, those whose tasks have not ended. */
  readonly wanted: NumberedRuns;
  readonly results: LaneResults;
  readonly letGo: () => void;
  readonly pending: Pending;
  over: boolean;
}

/** @throws FlameError invalid_argument for a number that no submit has. */
export function numberOf(wire: bigint, what: string): number {
  const number = Number(wire);
  if (number >= 1 && Number.isSafeInteger(number + 2 ** 32)) return number;
  throw new FlameError(
    "invalid_argument",
    `Tasks: ${what} has number ${wire}: expected a number from 1 on`,
  );
}

export function checkedInput(input: Buffer | undefined): Buffer | undefined | FlameError {
  if (input === undefined || input.length <= payloadBytesMax) return input;
  return new FlameError(
    "resource_exhausted",
    `the input has ${input.length} bytes, at most ${payloadBytesMax} fit; put the object into the cache and send its reference`,
  );
}

/**
 * What was submitted to a session that is closed, which the store alone knows: read once for all numbers that are asked for.
 * @returns tells the task of a number; undefined when it is none
 */
export function storedTasks(
  store: Pick<Store, "readSubmits">,
  { sessionId, producer }: OpenLane,
): (number: number) => number | undefined {
  const submits = new SubmitBook();
  submits.restore(store.readSubmits(sessionId, producer));
  return (number) => submits.taskOf(producer, number);
}
