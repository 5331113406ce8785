import { FlameError } from "../model/errors.ts";
import type { SessionRecord } from "../model/session.ts";
import type { TaskRecord, TaskReply } from "../model/task.ts";
import type { PayloadKind, Store } from "../storage/store.ts";
import { forgottenTask } from "./finished-tasks.ts";
import { PayloadCache } from "./payload-cache.ts";

/** Payload bytes beside the machine, which only knows their sizes: a bounded cache above the store. */
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
  keep(sessionId: string, taskId: number, kind: PayloadKind, payload: Buffer): void {
    this.#cache.put(sessionId, taskId, kind, payload);
  }

  /**
   * Bytes of a task's payload; undefined when it has none.
   * @throws FlameError not_found when the task was forgotten, or its session deleted, since its record was read.
   */
  of(task: TaskRecord, kind: PayloadKind): Buffer | undefined {
    const bytes = kind === "input" ? task.inputBytes : task.outputBytes;
    if (bytes === undefined) return undefined;
    const { sessionId, id } = task;
    const found =
      this.#cache.get(sessionId, id, kind) ?? this.#store.readPayload(sessionId, id, kind);
    if (found !== undefined) return found;
    if (this.isForgotten(sessionId, id)) throw forgottenTask(sessionId, id, this.#tasksKept);
    // An output that is not there must not look like none.
    if (kind === "output") throw goneTask(sessionId, id);
    return undefined;
  }

  /** Whether the bytes can be had without the store, or there are none. */
  isAtHand({ sessionId, id, inputBytes }: TaskRecord): boolean {
    return inputBytes === undefined || this.#cache.get(sessionId, id, "input") !== undefined;
  }

  /** Bytes of a session's common data; undefined when it has none. */
  commonData(session: SessionRecord): Buffer | undefined {
    return session.commonDataBytes === undefined
      ? undefined
      : this.#store.readCommonData(session.id);
  }

  /**
   * The task behind a reply of the machine.
   * @throws FlameError not_found when it was forgotten, or its session was deleted in the same moment.
   */
  task(reply: TaskReply): TaskRecord {
    if ("task" in reply) return reply.task;
    const { sessionId, taskId } = reply.stored;
    const task = this.#store.readTask(sessionId, taskId);
    if (task !== undefined) return task;
    if (this.#store.forgotten(sessionId) > 0)
      throw forgottenTask(sessionId, taskId, this.#tasksKept);
    throw goneTask(sessionId, taskId);
  }

  /** Tasks of a session with ids from `first` on, `count` at most, by id: read at once. */
  stored(sessionId: string, first: number, count: number): ReadonlyMap<number, TaskRecord> {
    const found = this.#store.readTasks(sessionId, first - 1, count);
    return new Map(found.map((task) => [task.id, task]));
  }

  /** How many finished tasks of the session are no longer kept. */
  forgotten(sessionId: string): number {
    return this.#store.forgotten(sessionId);
  }

  /** Whether a task that was there has been forgotten. */
  isForgotten(sessionId: string, taskId: number): boolean {
    return (
      this.#store.forgotten(sessionId) > 0 && this.#store.readTask(sessionId, taskId) === undefined
    );
  }
}

function goneTask(sessionId: string, taskId: number): FlameError {
  return new FlameError("not_found", `task ${taskId} of session ${sessionId} not found`);
}
