import { EventEmitter } from "node:events";
import type { status } from "@grpc/grpc-js";
import type { WorkCall } from "../../../src/executor-manager/work/work-stream.ts";
import type {
  WorkRequest,
  WorkResponse,
} from "../../../src/protocol/generated/flame/stream/v1/nodes.ts";

/** A stream of work whose other end is the test. */
export class ScriptedCall extends EventEmitter {
  readonly written: WorkRequest[] = [];
  /** What `write` answers: false asks the node to wait. */
  takesMore = true;
  cancelled = false;

  write(message: WorkRequest): boolean {
    this.written.push(message);
    return this.takesMore;
  }

  cancel(): void {
    this.cancelled = true;
  }

  get call(): WorkCall {
    return this as unknown as WorkCall;
  }

  /** The session manager has the service. */
  accept(): void {
    this.emit("metadata", {});
  }

  fail(code: status, details: string): void {
    this.emit("error", { code, details, message: `${code} ${details}` });
  }

  say(message: Partial<WorkResponse>): void {
    const empty = { assignments: [], takeBacks: [], acknowledgements: [], leaves: [], binds: [] };
    this.emit("data", { ...empty, ...message });
  }

  /** Assigns tasks to e1; each lease is `L` and its task's id. */
  assign(...ids: number[]): void {
    this.say({ assignments: ids.map((id) => assignment(id)) });
  }

  acknowledge(...leases: string[]): void {
    this.say({ acknowledgements: [{ executorId: "e1", leases }] });
  }

  /** Leases of the results that were sent, in their order. */
  get results(): string[] {
    return this.written.flatMap(({ completions }) => completions.map(({ lease }) => lease));
  }

  /** What was said of tasks that wait for others: `lease session,session`. */
  get awaits(): string[] {
    return this.written.flatMap(({ awaits }) =>
      awaits.map(({ lease, sessionIds }) => `${lease} ${sessionIds.join()}`),
    );
  }

  /** Leases that were given back. */
  get returned(): string[] {
    return this.written.flatMap(({ returns }) => returns.flatMap(({ leases }) => leases));
  }

  get credits(): number[] {
    return this.written.flatMap(({ ready }) => ready.map(({ credit }) => credit));
  }
}

export function assignment(id: number, input?: Buffer, executorId = "e1", sessionId = "s1") {
  return { executorId, lease: `L${id}`, sessionId, taskId: String(id), input, requestId: "" };
}

/** The node's messages of this turn of the event loop, and of the next ones, have left. */
export async function turns(count = 2): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
