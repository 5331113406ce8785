/** Requests that are remembered: the newest; an id is about a hundred bytes. */
const rememberedMax = 20_000;

/**
 * Which request made a session or a task, so that the executor that serves it can name it in its log. Kept in memory
 * alone: what a restart forgets is missing in log lines, and nowhere else.
 */
export class RequestTrail {
  readonly #ids = new Map<string, string>();

  /** A session or a task was made. Ids of deleted sessions may be used again: the newest request counts. */
  made(session: string, task: string | undefined, requestId: string): void {
    const key = keyOf(session, task);
    this.#ids.delete(key);
    this.#ids.set(key, requestId);
    const [oldest] = this.#ids.keys();
    if (this.#ids.size > rememberedMax && oldest !== undefined) this.#ids.delete(oldest);
  }

  /** A session was opened, and perhaps made: whoever opened it first counts. */
  opened(session: string, requestId: string): void {
    if (this.find(session) === undefined) this.made(session, undefined, requestId);
  }

  find(session: string, task?: string): string | undefined {
    return this.#ids.get(keyOf(session, task));
  }

  /** A session's id may be used again once it was deleted. */
  forget(session: string): void {
    this.#ids.delete(keyOf(session, undefined));
  }
}

/** No session id has a slash in it. */
function keyOf(session: string, task: string | undefined): string {
  return task === undefined ? session : `${session}/${task}`;
}
