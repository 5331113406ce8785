import { TwoGenerations } from "../../kit/two-generations.ts";

/** Requests that are remembered: the newest 20,000 at least; an id is about a hundred bytes. */
const rememberedMax = 40_000;
/** Ranges of tasks of one session that are remembered: the newest. */
const rangesMax = 1_024;

/** Tasks that one request made, whose ids follow one another. */
interface MadeRange {
  readonly first: number;
  count: number;
  readonly requestId: string;
}

/**
 * Which request made a session or a task, so that the executor that serves it can name it in its log. Kept in memory
 * alone: what a restart forgets is missing in log lines, and nowhere else.
 */
export class RequestTrail {
  readonly #ids = new TwoGenerations<string, string>(rememberedMax);
  /** By session: what streams made, ascending by id. */
  readonly #ranges = new TwoGenerations<string, MadeRange[]>(rememberedMax);

  /** A session or a task was made. Ids of deleted sessions may be used again: the newest request counts. */
  made(session: string, task: string | undefined, requestId: string): void {
    // A session of that name was deleted, and this is a new one.
    if (task !== undefined && this.#rangeOf(session, Number(task)) !== undefined)
      this.#ranges.delete(session);
    this.#ids.set(keyOf(session, task), requestId);
  }

  /** Tasks with ids that follow one another were made, on a stream. */
  madeTasks(session: string, first: number, count: number, requestId: string): void {
    const ranges = this.#ranges.get(session) ?? [];
    const last = ranges.at(-1);
    if (last?.requestId === requestId && last.first + last.count === first) last.count += count;
    else {
      // A session of that name was deleted, and this is a new one.
      if (last !== undefined && first < last.first + last.count) ranges.length = 0;
      ranges.push({ first, count, requestId });
      if (ranges.length > rangesMax) ranges.shift();
    }
    if (last === undefined) this.#ranges.set(session, ranges);
  }

  /** A session was opened, and perhaps made: whoever opened it first counts. */
  opened(session: string, requestId: string): void {
    if (this.find(session) === undefined) this.made(session, undefined, requestId);
  }

  find(session: string, task?: string): string | undefined {
    const range = task === undefined ? undefined : this.#rangeOf(session, Number(task));
    return range?.requestId ?? this.#ids.get(keyOf(session, task));
  }

  /** A session's id may be used again once it was deleted. */
  forget(session: string): void {
    this.#ids.delete(keyOf(session, undefined));
    this.#ranges.delete(session);
  }

  #rangeOf(session: string, task: number): MadeRange | undefined {
    const range = this.#ranges.get(session)?.findLast(({ first }) => first <= task);
    return range !== undefined && task < range.first + range.count ? range : undefined;
  }
}

/** No session id has a slash in it. */
function keyOf(session: string, task: string | undefined): string {
  return task === undefined ? session : `${session}/${task}`;
}
