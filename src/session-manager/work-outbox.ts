import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { WorkPush } from "../executors/node-book.ts";
import { FlameError } from "../model/errors.ts";
import type { TaskRecord } from "../model/task.ts";
import type {
  Assignment,
  WorkRequest,
  WorkResponse,
} from "../protocol/generated/flame/stream/v1/nodes.ts";
import type { Payloads } from "./payloads.ts";
import type { RequestTrail } from "./request-trail.ts";
import { warmToWire } from "./work-wire.ts";

/** A message is not made larger than this, in bytes, unless one input alone is. */
const messageBytes = 1024 * 1024;
/** About what an entry, and each lease in it, takes beside an input, in bytes. */
const entryBytes = 100;
const leaseBytes = 16;

export interface WorkOutboxDeps {
  readonly call: Pick<ServerDuplexStream<WorkRequest, WorkResponse>, "write" | "on">;
  readonly payloads: Payloads;
  readonly trail: RequestTrail;
  /** Told of each task that is about to leave. */
  readonly onAssigned?: (assignment: Assignment) => void;
  /** An input can not be read. */
  readonly onFailed: (error: FlameError) => void;
}

/**
 * What leaves on one work stream. What one turn of the event loop brings leaves in one message, and while the node does not
 * read it waits here: of leases there are no more than the node's executors take, and their inputs stay in the store.
 */
export class WorkOutbox {
  readonly #deps: WorkOutboxDeps;
  #pushes: WorkPush[] = [];
  #planned = false;
  #full = false;
  #closed = false;

  constructor(deps: WorkOutboxDeps) {
    this.#deps = deps;
    deps.call.on("drain", () => {
      this.#full = false;
      this.#flush();
    });
  }

  add(push: WorkPush): void {
    this.#pushes.push(push);
    if (this.#planned) return;
    this.#planned = true;
    // After the answers of this turn: whoever made a task has left word of its request by then.
    setImmediate(() => {
      this.#planned = false;
      this.#flush();
    });
  }

  /**
   * Takes a lease whose task is not in the store yet.
   * @returns false when it would have to wait for that: its input or the request that made it is known nowhere else
   */
  addEarly(push: WorkPush): boolean {
    if (push.kind !== "assignment") return false;
    const { payloads, trail } = this.#deps;
    const { task } = push;
    if (!payloads.isAtHand(task)) return false;
    if (trail.find(task.sessionId, String(task.id)) === undefined) return false;
    this.add(push);
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#pushes = [];
  }

  #flush(): void {
    if (this.#closed || this.#full || this.#pushes.length === 0) return;
    try {
      const pushes = this.#pushes;
      let taken = 0;
      do taken = this.#send(pushes, taken);
      while (taken < pushes.length && !this.#isFull());
      this.#pushes = taken < pushes.length ? pushes.slice(taken) : [];
    } catch (thrown) {
      this.close();
      this.#deps.onFailed(FlameError.from(thrown));
    }
  }

  #isFull(): boolean {
    return this.#full;
  }

  /** Sends one message of what fits, from `first` on. @returns the first that did not fit */
  #send(pushes: readonly WorkPush[], first: number): number {
    const message: WorkResponse = {
      assignments: [],
      takeBacks: [],
      acknowledgements: [],
      leaves: [],
      warm: undefined,
    };
    let bytes = 0;
    let next = first;
    for (; next < pushes.length; next++) {
      const push = pushes[next];
      if (push === undefined) break;
      bytes += sizeOf(push);
      if (next > first && bytes > messageBytes) break;
      // The node reads take-backs before tasks: one that goes for a task of this very message has to come behind it.
      if (push.kind === "takeBack" && message.assignments.length > 0) break;
      this.#put(message, push);
    }
    this.#full = !this.#deps.call.write(message);
    return next;
  }

  #put(message: WorkResponse, push: WorkPush): void {
    if (push.kind === "warm") {
      message.warm = warmToWire(push.applications);
      return;
    }
    const { executorId } = push;
    switch (push.kind) {
      case "assignment": {
        const { trail, onAssigned } = this.#deps;
        const { task, lease } = push;
        const { sessionId } = task;
        const taskId = String(task.id);
        const input = this.#inputOf(task);
        if (input === undefined && task.inputBytes !== undefined) return;
        const requestId = trail.find(sessionId, taskId) ?? "";
        const assignment = { executorId, lease, sessionId, taskId, input, requestId };
        onAssigned?.(assignment);
        message.assignments.push(assignment);
        return;
      }
      case "takeBack":
        message.takeBacks.push({ executorId, leases: [...push.leases] });
        return;
      case "acknowledgement":
        message.acknowledgements.push({ executorId, leases: [...push.leases] });
        return;
      case "leave":
        message.leaves.push({ executorId });
    }
  }

  /** Undefined, too, of a task that was cancelled and left the store while the node did not read: nobody waits for it. */
  #inputOf(task: TaskRecord): Buffer | undefined {
    try {
      return this.#deps.payloads.of(task, "input");
    } catch (thrown) {
      if (thrown instanceof FlameError && thrown.code === "not_found") return undefined;
      throw thrown;
    }
  }
}

function sizeOf(push: WorkPush): number {
  if (push.kind === "warm") return JSON.stringify(push.applications).length;
  if (push.kind === "leave") return entryBytes;
  if (push.kind === "assignment") return entryBytes + (push.task.inputBytes ?? 0);
  return entryBytes + leaseBytes * push.leases.length;
}
