import type { Change } from "../../model/change.ts";
import { FlameError } from "../../model/errors.ts";
import type { SessionKey, SessionRecord } from "../../model/session.ts";
import type { TaskKey, TaskRecord, TaskReply } from "../../model/task.ts";
import type { PayloadKind, Store } from "../../storage/store.ts";
import { forgottenTask } from "../storage/finished-tasks.ts";
import { PayloadCache } from "./payload-cache.ts";

/** Bytes of a payload, undefined when there is none; `stored`: the store alone has them. */
export type PayloadAtHand = Buffer | undefined | "stored";

/** Bytes of a payload, undefined when there is none; `gone`: its task was deleted or forgotten. */
export type PayloadRead = Buffer | undefined | "gone";

/**
 * Payload bytes beside the machine, which only knows their sizes: a bounded cache above the store. What is about to be sent is
 * nearly always in it, so nobody waits for a promise for a task; what is not is read for many tasks at once.
 */
export class Payloads {
  readonly #store: Store;
  readonly #cache: PayloadCache;
  readonly #tasksKept: number;

  /** @param tasksKept finished tasks that an open session keeps, for the text about one that it does not */
  constructor(store: Store, cacheBytesMax: number, tasksKept = Number.POSITIVE_INFINITY) {
    this.#store = store;
    this.#tasksKept = tasksKept;
    this.#cache = new PayloadCache(cacheBytesMax);
  }

  /** Remembers bytes that were just made durable, or are about to be. */
  keep(task: TaskKey, kind: PayloadKind, payload: Buffer): void {
    this.#cache.put(task, kind, payload);
  }

  /** Remembers what changes write, and forgets what they delete. */
  keepOf(changes: readonly Change[], kind: PayloadKind): void {
    for (const change of changes) {
      if (change.kind === "session.delete") this.drop(change.id);
      if (change.kind !== "task.put") continue;
      const payload = change[kind];
      if (payload !== undefined) this.keep(change.record, kind, payload);
    }
  }

  /** The session is about to be deleted: another may have its id from now on. */
  drop(sessionId: string): void {
    this.#cache.drop(sessionId);
  }

  /** What can be had without the store. */
  atHand(task: TaskRecord, kind: PayloadKind): PayloadAtHand {
    if (bytesOf(task, kind) === undefined) return undefined;
    return this.#cache.get(task, kind) ?? "stored";
  }

  /** Payloads of tasks, in their order: one read for all that are not at hand. */
  async read(tasks: readonly TaskRecord[], kind: PayloadKind): Promise<PayloadRead[]> {
    const found: PayloadRead[] = [];
    const missing: { readonly at: number; readonly task: TaskKey }[] = [];
    for (const [at, task] of tasks.entries()) {
      const held = this.atHand(task, kind);
      found.push(held === "stored" ? "gone" : held);
      if (held === "stored") missing.push({ at, task });
    }
    if (missing.length === 0) return found;
    const read = await this.#store.readPayloads(
      missing.map(({ task }) => task),
      kind,
    );
    for (const [index, { at }] of missing.entries()) found[at] = read[index] ?? "gone";
    return found;
  }

  /** Common data of sessions, in their order: one read for all. */
  async commonData(sessions: readonly SessionRecord[]): Promise<PayloadRead[]> {
    const wanted = sessions.filter(({ commonDataBytes }) => commonDataBytes !== undefined);
    const read = wanted.length === 0 ? [] : await this.#store.readCommonData(wanted);
    let next = 0;
    return sessions.map(({ commonDataBytes }) =>
      commonDataBytes === undefined ? undefined : (read[next++] ?? "gone"),
    );
  }

  /**
   * The task behind a reply of the machine that says no more than where it is.
   * @throws FlameError not_found when it was forgotten, or its session was deleted.
   */
  async task(reply: TaskReply): Promise<TaskRecord> {
    if ("task" in reply) return reply.task;
    const { session, taskId } = reply.stored;
    const task = await this.#store.readTask(session, taskId);
    if (task === undefined) throw this.goneTask(session.id, taskId);
    return task;
  }

  /** Tasks of a session with ids from `first` on, `count` at most, by id: read at once. */
  async stored(
    session: SessionKey,
    first: number,
    count: number,
  ): Promise<ReadonlyMap<number, TaskRecord>> {
    const found = (await this.#store.readTasks(session, first - 1, count)) ?? [];
    return new Map(found.map((task) => [task.id, task]));
  }

  /** How many finished tasks of the session are no longer kept. */
  forgotten(sessionId: string): number {
    return this.#store.forgotten(sessionId);
  }

  /** What to say of a task that was there and is not any more. */
  goneTask(sessionId: string, taskId: number): FlameError {
    if (this.#store.forgotten(sessionId) > 0)
      return forgottenTask(sessionId, taskId, this.#tasksKept);
    return new FlameError("not_found", `task ${taskId} of session ${sessionId} not found`);
  }
}

function bytesOf({ inputBytes, outputBytes }: TaskRecord, kind: PayloadKind): number | undefined {
  return kind === "input" ? inputBytes : outputBytes;
}
