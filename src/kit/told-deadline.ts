import type { Clock } from "./clock.ts";

/** How long something is waited for. */
export interface ToldDeadline {
  /** After this long somebody is told that it is waited for, in milliseconds. */
  readonly tellAfterMs: number;
  readonly tell: () => void;
  /** After this long it is given up, in milliseconds. */
  readonly deadlineMs: number;
  /** What is thrown then. */
  readonly late: () => Error;
}

/** Waits for something that may never come: says so when it takes long, and gives up in the end. */
export async function withinToldDeadline<T>(
  clock: Clock,
  awaited: PromiseLike<T>,
  { tellAfterMs, tell, deadlineMs, late }: ToldDeadline,
): Promise<T> {
  const told = clock.after(Math.min(tellAfterMs, deadlineMs / 2), tell);
  let timer: ReturnType<Clock["after"]> | undefined;
  const given = new Promise<never>((_resolve, reject) => {
    timer = clock.after(deadlineMs, () => {
      reject(late());
    });
  });
  try {
    return await Promise.race([awaited, given]);
  } finally {
    told.cancel();
    timer?.cancel();
  }
}
