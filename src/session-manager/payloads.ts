import { FlameError } from "../model/errors.ts";
import type { SessionRecord } from "../model/session.ts";
import type { TaskRecord, TaskReply } from "../model/task.ts";
import type { PayloadKind, Store } from "../storage/store.ts";
import { PayloadCache } from "./payload-cache.ts";

/** Payload bytes beside the machine, which only knows their sizes: a bounded cache above the store. */
export class Payloads {
  readonly #store: Store;
  readonly #cache: PayloadCache;

  constructor(store: Store, cacheBytesMax: number) {
    this.#store = store;
    this.#cache = new PayloadCache(cacheBytesMax);
  }

  /** Remembers bytes that were just made durable. */
  keep(sessionId: string, taskId: number, kind: PayloadKind, payload: Buffer): void {
    this.#cache.put(keyOf(sessionId, taskId, kind), payload);
  }

  /** Bytes of a task's payload; undefined when it has none. */
  of(task: TaskRecord, kind: PayloadKind): Buffer | undefined {
    const bytes = kind === "input" ? task.inputBytes : task.outputBytes;
    if (bytes === undefined) return undefined;
    const key = keyOf(task.sessionId, task.id, kind);
    return this.#cache.get(key) ?? this.#store.readPayload(task.sessionId, task.id, kind);
  }

  /** Bytes of a session's common data; undefined when it has none. */
  commonData(session: SessionRecord): Buffer | undefined {
    return session.commonDataBytes === undefined
      ? undefined
      : this.#store.readCommonData(session.id);
  }

  /**
   * The task behind a reply of the machine.
   * @throws FlameError not_found when its session was deleted in the same moment.
   */
  task(reply: TaskReply): TaskRecord {
    if ("task" in reply) return reply.task;
    const { sessionId, taskId } = reply.stored;
    const task = this.#store.readTask(sessionId, taskId);
    if (task === undefined)
      throw new FlameError("not_found", `task ${taskId} of session ${sessionId} not found`);
    return task;
  }
}

function keyOf(sessionId: string, taskId: number, kind: PayloadKind): string {
  return `${kind}/${taskId}/${sessionId}`;
}
