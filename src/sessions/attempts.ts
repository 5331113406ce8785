import { eventCodes } from "../model/event.ts";
import type { AttemptLimits, TaskRecord } from "../model/task.ts";

/** Attempts that a message lists, the newest of them. */
const listedMax = 20;
/** Characters of each attempt that is listed: a service may have written much before it died. */
const attemptCharsMax = 500;
/** Of how the last one ended, which comes first. */
const lastCharsMax = 4_000;

/** The end of the last attempt of a task. */
export interface LastAttempt {
  readonly kind: keyof AttemptLimits;
  readonly reason: string;
  /** What the application allows. */
  readonly most: number;
  /** Unix milliseconds. */
  readonly now: number;
}

/** Why a task is given up: how its last attempt ended, and every one before it. */
export function attemptsText({ events }: TaskRecord, last: LastAttempt): string {
  const { kind, reason, most, now } = last;
  const limit =
    kind === "crashes"
      ? `its service may crash ${times(most)} (max_crashes)`
      : `its node may be lost ${times(most)} (max_lost_nodes)`;
  const requeued = events.filter(({ code }) => code === eventCodes.taskRequeued);
  const earlier = requeued.map(({ creationTime, message }, index) =>
    attempt(
      index + 1,
      creationTime,
      message.replace(/^Task was put back to state <Pending>: /, ""),
    ),
  );
  const all = [...earlier, attempt(earlier.length + 1, now, reason)];
  const listed = all.slice(-listedMax);
  const left = all.length - listed.length;
  return `${cut(reason, lastCharsMax)}; the task is given up: ${limit}. Its attempts: ${left > 0 ? `${left} more; ` : ""}${listed.join("; ")}`;
}

function attempt(number: number, time: number, how: string): string {
  return `${number}. until ${new Date(time).toISOString()}: ${cut(how, attemptCharsMax)}`;
}

function cut(text: string, charsMax: number): string {
  return text.length > charsMax ? `${text.slice(0, charsMax)}...` : text;
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
