import { EventEmitter } from "node:events";
import type { status } from "@grpc/grpc-js";
import type { TaskCall } from "../../../src/executor-manager/work/task-stream.ts";
import type {
  ResultBatch,
  TaskBatch,
} from "../../../src/protocol/generated/flame/stream/v1/service.ts";

/** A stream of tasks whose service is the test. */
export class ScriptedServiceCall extends EventEmitter {
  readonly written: TaskBatch[] = [];
  /** What `write` answers: false asks the executor manager to wait. */
  takesMore = true;
  cancelled = false;
  ended = false;

  write(batch: TaskBatch): boolean {
    this.written.push(batch);
    return this.takesMore;
  }

  cancel(): void {
    this.cancelled = true;
  }

  end(): void {
    this.ended = true;
  }

  get call(): TaskCall {
    return this as unknown as TaskCall;
  }

  say(batch: Partial<ResultBatch>): void {
    this.emit("data", { answers: [], recalled: undefined, ...batch });
  }

  /** Tasks succeed, in one message. */
  answer(...taskIds: string[]): void {
    const result = { returnCode: 0, output: undefined, message: undefined };
    this.say({ answers: taskIds.map((taskId) => ({ taskId, result })) });
  }

  fail(code: status, details: string): void {
    this.emit("error", { code, details, message: `${code} ${details}` });
  }

  /** Ids of the tasks that were sent, message by message. */
  get sent(): string[][] {
    return this.written
      .filter(({ recall }) => !recall)
      .map(({ tasks }) => tasks.map(({ taskId }) => taskId));
  }

  get recalls(): number {
    return this.written.filter(({ recall }) => recall).length;
  }
}
