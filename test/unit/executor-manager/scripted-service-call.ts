import { EventEmitter } from "node:events";
import type { TaskLink } from "../../../src/executor-manager/work/task-stream.ts";
import { FrameReader, frameOf } from "../../../src/protocol/frames.ts";
import { ResultBatch, TaskBatch } from "../../../src/protocol/generated/flame/stream/v1/service.ts";

/** One of the connections of {@link ScriptedServiceCall}. */
class ScriptedEnd extends EventEmitter {
  destroyed = false;
  ended = false;
  paused = false;

  destroy(): this {
    this.destroyed = true;
    return this;
  }

  end(): this {
    this.ended = true;
    return this;
  }

  pause(): this {
    this.paused = true;
    return this;
  }

  resume(): this {
    this.paused = false;
    return this;
  }
}

class TasksEnd extends ScriptedEnd {
  readonly written: TaskBatch[] = [];
  takesMore = true;
  readonly #frames = new FrameReader();

  write(chunk: Buffer): boolean {
    this.#frames.read(chunk, (message) => this.written.push(TaskBatch.decode(message)));
    return this.takesMore;
  }
}

/** The connections of a service that is the test. */
export class ScriptedServiceCall {
  readonly tasks = new TasksEnd();
  readonly results = new ScriptedEnd();

  get link(): TaskLink {
    return this as unknown as TaskLink;
  }

  get written(): TaskBatch[] {
    return this.tasks.written;
  }

  /** What `write` answers: false asks the executor manager to wait. */
  set takesMore(value: boolean) {
    this.tasks.takesMore = value;
  }

  get cancelled(): boolean {
    return this.tasks.destroyed && this.results.destroyed;
  }

  drain(): void {
    this.tasks.emit("drain");
  }

  say(...batches: Partial<ResultBatch>[]): void {
    const frames = batches.map((batch) =>
      frameOf(ResultBatch, { answers: [], recalled: undefined, done: undefined, ...batch }),
    );
    this.tell(Buffer.concat(frames));
  }

  /** Says something that need not be a message. */
  tell(chunk: Buffer): void {
    this.results.emit("data", chunk);
  }

  /** Tasks succeed, in one message. */
  answer(...taskIds: string[]): void {
    const result = { returnCode: 0, output: undefined, message: undefined };
    this.say({ answers: taskIds.map((taskId) => ({ taskId, result })) });
  }

  /** Its connection breaks. */
  fail(text: string): void {
    this.results.emit("error", new Error(text));
    this.results.emit("close");
  }

  /** It ends its side. */
  end(): void {
    this.results.emit("end");
    this.results.emit("close");
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
