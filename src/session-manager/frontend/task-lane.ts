import type { SubmitBatch } from "../../core/submit-batch.ts";
import type { InOrder } from "../../kit/in-order.ts";
import type { NumberedRuns } from "../../kit/numbered-runs.ts";
import { FlameError } from "../../model/errors.ts";
import { payloadBytesMax } from "../../model/limits.ts";
import type { SessionKey } from "../../model/session.ts";
import type { NumberSpan } from "../../model/submits.ts";
import { timeoutOf } from "../../model/task-timeout.ts";
import type { Input } from "../../protocol/generated/flame/stream/v1/clients.ts";
import type { Store } from "../../storage/store.ts";
import type { Pending } from "../engine/engine-door.ts";
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
  /** What is told on it: behind an answer that has to be read from the store all others wait. */
  readonly answers: InOrder;
  readonly letGo: () => void;
  /** From the engine; set when the lane is there, since an engine that stops ends it at once. */
  pending: Pending;
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

/** What of a submit becomes a task's input, or why the submit is refused. */
export function checkedInput({ data, timeout }: Input): Buffer | undefined | FlameError {
  if (timeout !== undefined)
    try {
      timeoutOf(timeout, "the timeout of the submit");
    } catch (thrown) {
      return FlameError.from(thrown);
    }
  if (data === undefined || data.length <= payloadBytesMax) return data;
  return new FlameError(
    "resource_exhausted",
    `the input has ${data.length} bytes, at most ${payloadBytesMax} fit; put the object into the cache and send its reference`,
  );
}

/** How long the tasks of these submits may take; nothing when none says it, as hardly any does. */
export function timeoutsOf(inputs: readonly Input[]): Pick<SubmitBatch, "timeoutsMs"> {
  if (!inputs.some(({ timeout }) => timeout !== undefined)) return {};
  return {
    timeoutsMs: inputs.map(({ timeout }) => (timeout === undefined ? undefined : Number(timeout))),
  };
}

/** Submits that follow one another, and the first of their tasks, which do as well; 0: they are no tasks. */
export interface StoredRun extends NumberSpan {
  readonly firstTask: number;
}

/**
 * What became of submits to a session that is closed, which the store alone knows: read once for all of them.
 * @throws FlameError not_found when the session was deleted
 */
export async function storedRuns(
  store: Pick<Store, "readSubmits">,
  session: SessionKey,
  producer: string,
  { first, count }: NumberSpan,
): Promise<StoredRun[]> {
  const runs: StoredRun[] = [];
  const end = first + count;
  let next = first;
  const add = (until: number, firstTask: number): void => {
    if (until > next) runs.push({ first: next, count: until - next, firstTask });
    next = Math.max(next, until);
  };
  const ranges = await store.readSubmits(session, producer, { first, count });
  if (ranges === undefined) throw deletedMeanwhile(session);
  for (const range of ranges) {
    add(range.first, 0);
    const { firstTask } = range;
    const until = Math.min(end, range.first + range.count);
    add(until, firstTask === 0 ? 0 : firstTask + next - range.first);
  }
  add(end, 0);
  return runs;
}

/**
 * When tasks that follow one another were made, read at once: runs of those that were made together.
 * @throws FlameError not_found when the session was deleted
 */
export async function creationRuns(
  store: Pick<Store, "readTasks">,
  session: SessionKey,
  firstTask: number,
  count: number,
): Promise<{ readonly at: number; readonly count: number; readonly creationTime: number }[]> {
  const times = new Map<number, number>();
  const tasks = await store.readTasks(session, firstTask - 1, count);
  if (tasks === undefined) throw deletedMeanwhile(session);
  for (const { id, creationTime } of tasks) times.set(id, creationTime);
  const runs: { at: number; count: number; creationTime: number }[] = [];
  for (let at = 0; at < count; at++) {
    const creationTime = times.get(firstTask + at) ?? 0;
    const last = runs.at(-1);
    if (last?.creationTime === creationTime) last.count++;
    else runs.push({ at, count: 1, creationTime });
  }
  return runs;
}

function deletedMeanwhile({ id }: SessionKey): FlameError {
  return new FlameError("not_found", `session ${id} not found: it has been deleted`);
}
