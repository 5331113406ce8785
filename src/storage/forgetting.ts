import type { TaskRecord } from "../model/task.ts";

// Which finished tasks of a session a store forgets next: one rule for every implementation. A cursor goes through the ids
// upwards. Behind it only those are left that had not ended when it passed, or that ended long after their neighbours;
// a second look follows them, so that each of them goes as well once those that ended before it have gone.

/** A task as far as its age is looked at. */
export interface Aged extends Pick<TaskRecord, "id" | "completionTime"> {
  /** What its payloads take. */
  readonly bytes: number;
}

/** How far a session's tasks were looked through. */
export interface Cursor {
  /** Up to this id all that had ended by then may have been forgotten. */
  readonly through: number;
  /** Below `through`, the second look has come so far. */
  readonly behind: number;
}

/** What to forget, and where to look next. */
export interface Choice {
  readonly ids: readonly number[];
  readonly cursor: Cursor;
  /** From where this look began to the end there was nothing; the next one begins at the start. */
  readonly isVain: boolean;
}

/** Tasks that one transaction forgets at most: some milliseconds of work, whose log stays small. */
export const forgottenAtOnceMax = 1_000;

/** Pages of a payload are freed one by one, so the bytes of a transaction are bounded as well. */
const bytesAtOnce = 8 * 1024 * 1024;

/** How many tasks to look at, of those ahead of the cursor and of those behind it, to find `most` that are old enough. */
export function lookedAt(most: number): number {
  return 2 * most;
}

/**
 * The tasks that ended first, of those that were looked at.
 * @param ahead the next tasks after `cursor.through`, open or not, {@link lookedAt} of them at most
 * @param behind as many after `cursor.behind`, up to `cursor.through`
 * @param isHeld somebody is about to be sent the task
 */
export function chooseForgotten(
  cursor: Cursor,
  most: number,
  { ahead, behind }: { readonly ahead: readonly Aged[]; readonly behind: readonly Aged[] },
  isHeld: (taskId: number) => boolean,
): Choice {
  const ended = [...behind, ...ahead]
    .filter(({ id, completionTime }) => completionTime !== undefined && !isHeld(id))
    .sort((a, b) => (a.completionTime ?? 0) - (b.completionTime ?? 0) || a.id - b.id);
  const ids: number[] = [];
  let bytes = 0;
  for (const task of ended) {
    if (ids.length === most || bytes >= bytesAtOnce) break;
    ids.push(task.id);
    bytes += task.bytes;
  }
  const last = ahead.at(-1)?.id ?? cursor.through;
  const endedAhead = ended.some(({ id }) => id > cursor.through);
  // Open and held ones are passed by when nothing else is there: they are met again, behind.
  const through = endedAhead ? Math.max(cursor.through, ...ids) : last;
  const isRound = behind.length < lookedAt(most);
  return {
    ids,
    cursor: { through, behind: isRound ? 0 : (behind.at(-1)?.id ?? 0) },
    isVain: ids.length === 0 && ahead.length === 0 && isRound,
  };
}
