import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { ResultBatch, TaskBatch } from "../protocol/generated/flame/stream/v1/service.ts";
import type { TaskContext } from "../protocol/generated/flame/v1/shim.ts";
import type { TaskResult } from "../protocol/generated/flame/v1/types.ts";

/** The service's end of a stream of tasks. */
type TaskCall = ServerDuplexStream<TaskBatch, ResultBatch>;

/** Runs the tasks of one stream, one after the other (docs/protocol.md, "Streams"). */
class StreamedTasks {
  readonly #call: TaskCall;
  readonly #invoke: (task: TaskContext) => Promise<TaskResult>;
  #waiting: TaskContext[] = [];
  /** Begins as soon as what was written last has left. */
  #next: TaskContext | undefined;
  #busy = false;
  #leaving = false;
  /** No further tasks come. */
  #ended = false;
  #over = false;
  /** Lets the next task begin: what was written last has left. */
  #left: (() => void) | undefined;

  constructor(call: TaskCall, invoke: (task: TaskContext) => Promise<TaskResult>, ahead: number) {
    this.#call = call;
    this.#invoke = invoke;
    if (ahead > 0) call.write({ answers: [], recalled: undefined, ahead });
    call.on("data", (batch: TaskBatch) => this.#take(batch));
    call.on("end", () => {
      this.#ended = true;
      if (!this.#busy) call.end();
    });
    const giveUp = (): void => this.#giveUp();
    call.on("cancelled", giveUp).on("error", giveUp).on("close", giveUp);
  }

  #take({ tasks, recall }: TaskBatch): void {
    if (recall) {
      const taskIds = this.#waiting.map(({ taskId }) => taskId);
      this.#waiting = [];
      this.#call.write({ answers: [], recalled: { taskIds } });
    }
    for (const task of tasks) this.#waiting.push(task);
    if (!this.#busy) void this.#run();
    else if (this.#leaving) this.#begin();
  }

  /** The executor manager went away: what has not begun never will. */
  #giveUp(): void {
    this.#over = true;
    this.#waiting = [];
    this.#left?.();
  }

  #isOver(): boolean {
    return this.#over;
  }

  async #run(): Promise<void> {
    this.#busy = true;
    this.#begin();
    while (this.#next !== undefined) {
      const task = this.#next;
      this.#next = undefined;
      const result = await this.#invoke(task);
      if (this.#isOver()) return;
      const left = this.#answer(task.taskId, result);
      this.#leaving = true;
      this.#begin();
      // A task that ends this process takes no result with it.
      await left;
      this.#leaving = false;
      if (this.#isOver()) return;
    }
    this.#busy = false;
    if (this.#ended) this.#call.end();
  }

  /** The one behind a result that was sent counts as begun: it is not given back. */
  #begin(): void {
    this.#next ??= this.#waiting.shift();
  }

  #answer(taskId: string, result: TaskResult): Promise<void> {
    return new Promise((resolve) => {
      this.#left = resolve;
      // Called back when the system has it.
      this.#call.write({ answers: [{ taskId, result }], recalled: undefined }, () => resolve());
    });
  }
}

/**
 * Serves one stream of tasks.
 * @param invoke runs a task; never rejects
 * @param ahead how many tasks are taken beside the one that runs
 */
export function serveTaskStream(
  call: TaskCall,
  invoke: (task: TaskContext) => Promise<TaskResult>,
  ahead: number,
): void {
  new StreamedTasks(call, invoke, ahead);
}
