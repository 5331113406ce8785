import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { BindReply } from "../../executors/executor-book.ts";
import type { WorkPush } from "../../executors/node-book.ts";
import { FlameError } from "../../model/errors.ts";
import type { TaskRecord } from "../../model/task.ts";
import type {
  Assignment,
  Bind,
  WorkRequest,
  WorkResponse,
} from "../../protocol/generated/flame/stream/v1/nodes.ts";
import { executorToWire } from "../../protocol/record-wire.ts";
import type { RequestTrail } from "../calls/request-trail.ts";
import type { PayloadAtHand, Payloads } from "../engine/payloads.ts";
import { boundToWire } from "./bound-session.ts";
import { warmToWire } from "./work-wire.ts";

/** A message is not made larger than this, in bytes, unless one input alone is. */
const messageBytes = 1024 * 1024;
/** About what an entry, and each lease in it, takes beside an input, in bytes. */
const entryBytes = 100;
const leaseBytes = 16;

/** What leaves next, and the input of a lease that came early. */
interface Waiting {
  readonly push: WorkPush;
  readonly input?: Buffer | undefined;
}

/** What leaves when inputs and common data of sessions were read. */
class Unread {
  readonly inputs: { readonly assignment: Assignment; readonly task: TaskRecord }[] = [];
  readonly sessions: { readonly bind: Bind; readonly reply: BindReply }[] = [];

  get none(): boolean {
    return this.inputs.length + this.sessions.length === 0;
  }
}

export interface WorkOutboxDeps {
  readonly call: Pick<ServerDuplexStream<WorkRequest, WorkResponse>, "write" | "on">;
  readonly payloads: Payloads;
  readonly trail: RequestTrail;
  /** Told of each task that is about to leave. */
  readonly onAssigned?: (assignment: Assignment) => void;
  /** Told of each new executor that is about to leave with its session. */
  readonly onBind?: (bind: Bind) => void;
  /** An input cannot be read. */
  readonly onFailed: (error: FlameError) => void;
}

/**
 * What leaves on one work stream. What one turn of the event loop brings leaves in one message, and while the node does not
 * read it waits here: of leases there are no more than the node's executors take, and their inputs stay in the store.
 */
export class WorkOutbox {
  readonly #deps: WorkOutboxDeps;
  #pushes: Waiting[] = [];
  #planned = false;
  #full = false;
  /** A message waits for bytes that only the store has; what comes behind it waits as well. */
  #reading = false;
  #closed = false;

  constructor(deps: WorkOutboxDeps) {
    this.#deps = deps;
    deps.call.on("drain", () => {
      this.#full = false;
      this.#flush();
    });
  }

  add(push: WorkPush): void {
    this.#plan(push);
  }

  #plan(push: WorkPush, input?: Exclude<PayloadAtHand, "stored">): void {
    this.#pushes.push({ push, input });
    if (this.#planned) return;
    this.#planned = true;
    // After the answers of this turn: whoever made a task has left word of its request by then.
    setImmediate(() => {
      this.#planned = false;
      this.#flush();
    });
  }

  /**
   * Takes a lease whose task may not be in the store yet, together with its input.
   * @returns false when it would have to wait for that: its input or the request that made it is known nowhere else
   */
  addEarly(push: WorkPush): boolean {
    if (push.kind !== "assignment") return false;
    const { payloads, trail } = this.#deps;
    const { task } = push;
    const input = payloads.atHand(task, "input");
    if (input === "stored") return false;
    if (trail.find(task.sessionId, String(task.id)) === undefined) return false;
    this.#plan(push, input);
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#pushes = [];
  }

  #flush(): void {
    if (this.#closed || !this.#mayGo() || this.#pushes.length === 0) return;
    try {
      const pushes = this.#pushes;
      let taken = 0;
      do taken = this.#send(pushes, taken);
      while (taken < pushes.length && this.#mayGo());
      this.#pushes = taken < pushes.length ? pushes.slice(taken) : [];
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #mayGo(): boolean {
    return !this.#full && !this.#reading;
  }

  #fail(thrown: unknown): void {
    if (this.#closed) return;
    this.close();
    this.#deps.onFailed(FlameError.from(thrown));
  }

  /** Sends one message of what fits, from `first` on. @returns the first that did not fit */
  #send(waiting: readonly Waiting[], first: number): number {
    const message: WorkResponse = {
      assignments: [],
      takeBacks: [],
      acknowledgements: [],
      leaves: [],
      warm: undefined,
      binds: [],
    };
    const unread = new Unread();
    let bytes = 0;
    let next = first;
    for (; next < waiting.length; next++) {
      const one = waiting[next];
      if (one === undefined) break;
      const { push } = one;
      bytes += sizeOf(push);
      if (next > first && bytes > messageBytes) break;
      // The node reads take-backs before tasks: one that goes for a task of this very message has to come behind it.
      if (push.kind === "takeBack" && message.assignments.length > 0) break;
      this.#put(message, one, unread);
    }
    if (unread.none) this.#write(message);
    else void this.#readAndWrite(message, unread);
    return next;
  }

  async #readAndWrite(message: WorkResponse, unread: Unread): Promise<void> {
    this.#reading = true;
    try {
      if (unread.inputs.length > 0) await this.#readInputs(message, unread);
      if (unread.sessions.length > 0) await this.#readCommonData(unread);
      if (this.#closed) return;
      this.#write(message);
      this.#reading = false;
      this.#flush();
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** One read for all inputs of the message that are not at hand. */
  async #readInputs(message: WorkResponse, { inputs: unread }: Unread): Promise<void> {
    const tasks = unread.map(({ task }) => task);
    const inputs = await this.#deps.payloads.read(tasks, "input");
    const gone = new Set<Assignment>();
    for (const [at, { assignment }] of unread.entries()) {
      const input = inputs[at];
      // Its task was cancelled and has left the store while the node did not read: nobody waits for it.
      if (input === "gone") gone.add(assignment);
      else assignment.input = input;
    }
    message.assignments = message.assignments.filter((one) => !gone.has(one));
  }

  async #readCommonData({ sessions: unread }: Unread): Promise<void> {
    const records = unread.flatMap(({ reply }) => reply.bound?.session.record ?? []);
    const read = await this.#deps.payloads.commonData(records);
    for (const [at, { bind, reply }] of unread.entries())
      Object.assign(bind, boundToWire(reply, read[at]));
  }

  #write(message: WorkResponse): void {
    const { call, onAssigned, onBind } = this.#deps;
    if (onBind !== undefined) for (const one of message.binds) onBind(one);
    if (onAssigned !== undefined) for (const one of message.assignments) onAssigned(one);
    this.#full = !call.write(message);
  }

  #put(message: WorkResponse, { push, input: taken }: Waiting, unread: Unread): void {
    if (push.kind === "warm") {
      message.warm = warmToWire(push.applications);
      return;
    }
    if (push.kind === "bind") {
      message.binds.push(this.#bind(push, unread));
      return;
    }
    const { executorId } = push;
    switch (push.kind) {
      case "assignment": {
        const { payloads, trail } = this.#deps;
        const { task, lease } = push;
        const { sessionId } = task;
        const taskId = String(task.id);
        const held = taken ?? payloads.atHand(task, "input");
        const input = held === "stored" ? undefined : held;
        const requestId = trail.find(sessionId, taskId) ?? "";
        const assignment = { executorId, lease, sessionId, taskId, input, requestId };
        message.assignments.push(assignment);
        if (held === "stored") unread.inputs.push({ assignment, task });
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

  #bind({ executor, reply }: Extract<WorkPush, { kind: "bind" }>, { sessions }: Unread): Bind {
    const session = reply.bound?.session.record;
    const requestId = session === undefined ? undefined : this.#deps.trail.find(session.id);
    const bind = {
      executor: executorToWire(executor),
      ...boundToWire(reply, undefined),
      requestId: requestId ?? "",
    };
    if (session?.commonDataBytes !== undefined) sessions.push({ bind, reply });
    return bind;
  }
}

function sizeOf(push: WorkPush): number {
  if (push.kind === "warm") return JSON.stringify(push.applications).length;
  if (push.kind === "leave") return entryBytes;
  if (push.kind === "bind") return bindBytes(push.reply);
  if (push.kind === "assignment") return entryBytes + (push.task.inputBytes ?? 0);
  return entryBytes + leaseBytes * push.leases.length;
}

function bindBytes({ bound }: BindReply): number {
  if (bound === undefined) return entryBytes;
  const { application, session } = bound;
  return (
    entryBytes + JSON.stringify(application.spec).length + (session.record.commonDataBytes ?? 0)
  );
}
