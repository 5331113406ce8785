import type { SessionContext, TaskContext } from "../protocol/generated/flame/v1/shim.ts";
import type { Result, TaskResult } from "../protocol/generated/flame/v1/types.ts";

/** How a service is asked: on the stream that it made, or by the calls of `flame.v1.Instance`. */
export interface ServiceLine {
  /**
   * Connects now, so that nothing else has to wait for that. Never rejects: what cannot connect says why when it is asked.
   * @param until Unix milliseconds
   */
  connect(until: number): Promise<void>;
  /** @param signal ends a call that is under way; a stream is ended as a whole */
  enter(context: SessionContext, signal: AbortSignal): Promise<Result>;
  /** One task, with nothing behind it. */
  invoke(task: TaskContext, signal: AbortSignal): Promise<TaskResult>;
  leave(timeoutMs: number, signal: AbortSignal): Promise<Result>;
  close(): void;
}
