import { performance } from "node:perf_hooks";
import { systemClock } from "../kit/clock.ts";
import { FRAME_BYTES_MAX, FrameReader, frameOf } from "../protocol/frames.ts";
import { ResultBatch, TaskBatch } from "../protocol/generated/flame/stream/v1/service.ts";
import type { SessionContext, TaskContext } from "../protocol/generated/flame/v1/shim.ts";
import type { Result, TaskResult } from "../protocol/generated/flame/v1/types.ts";
import { NestedWaits, tellNestedWaits } from "./nested-waits.ts";
import type { TaskConnections } from "./task-connections.ts";

/** So long, in milliseconds, tasks may run one after the other before whatever else there is to do is done. */
const SLICE_MS = 3;
/** What a result needs beside its output, at most. */
const RESULT_BYTES = 1024 * 1024;

/** Runs a task; never throws or rejects. */
export type RunTask = (task: TaskContext) => TaskResult | Promise<TaskResult>;

/** A service as it is asked; nothing of it ever throws or rejects. */
export interface AskedService {
  readonly enter: (context: SessionContext) => Promise<Result>;
  readonly run: RunTask;
  readonly leave: () => Promise<Result>;
}

const saying = (part: Partial<ResultBatch>): ResultBatch => ({
  answers: [],
  recalled: undefined,
  done: undefined,
  awaits: undefined,
  ...part,
});

/** Runs the tasks of one stream, one after the other (docs/protocol.md, "Streams"). */
class StreamedTasks {
  readonly #to: TaskConnections["results"];
  readonly #service: AskedService;
  readonly #nested = new NestedWaits(systemClock, (sessionIds) =>
    this.#say({ awaits: { sessionIds: [...sessionIds] } }),
  );
  #steps: (() => Promise<Result>)[] = [];
  #waiting: TaskContext[] = [];
  /** Counts as begun: the result before it has left. */
  #next: TaskContext | undefined;
  #busy = false;
  /** A result was told that the system has not taken all of. */
  #leaving = false;
  /** When the event loop went round last, as far as is known here. */
  #sliceBegan = 0;
  /** No further tasks come. */
  #ended = false;
  #over = false;

  constructor({ tasks, results }: TaskConnections, service: AskedService, ahead: number) {
    this.#to = results;
    this.#service = service;
    const frames = new FrameReader();
    const giveUp = (): void => this.#giveUp();
    tasks.on("error", giveUp);
    results.on("error", giveUp).on("close", giveUp);
    // Nothing is said on it: read only so that its end is noticed.
    results.resume();
    tellNestedWaits(this.#nested);
    this.#say({ ahead });
    const take = (message: Buffer): void => this.#take(message);
    tasks.on("data", (chunk: Buffer) => {
      try {
        frames.read(chunk, take);
      } catch (thrown) {
        // Nothing that comes after it could be understood.
        tasks.destroy(thrown as Error);
        results.destroy();
      }
    });
    tasks.on("end", () => {
      this.#ended = true;
      if (!this.#busy) results.end();
    });
  }

  #take(message: Buffer): void {
    if (this.#over) return;
    const { tasks, recall, enter, leave } = TaskBatch.decode(message);
    if (enter !== undefined) this.#steps.push(() => this.#service.enter(enter));
    if (leave) this.#steps.push(this.#service.leave);
    if (recall) {
      const taskIds = this.#waiting.map(({ taskId }) => taskId);
      this.#waiting = [];
      this.#say({ recalled: { taskIds } });
    }
    for (const task of tasks) this.#waiting.push(task);
    if (!this.#busy) {
      this.#sliceBegan = performance.now();
      this.#goOn();
    } else if (this.#leaving) this.#pin();
  }

  /** The executor manager went away: what has not begun never will. */
  #giveUp(): void {
    this.#over = true;
    this.#nested.taskEnds();
    this.#steps = [];
    this.#waiting = [];
    this.#next = undefined;
  }

  #say(part: Partial<ResultBatch>): void {
    this.#to.write(frameOf(ResultBatch, saying(part)));
  }

  /** The one behind a result that was sent counts as begun: it is not given back. */
  #pin(): void {
    this.#next ??= this.#waiting.shift();
  }

  // Runs until something has to be waited for.
  readonly #goOn = (): void => {
    this.#busy = true;
    const step = this.#steps.shift();
    if (step !== undefined) {
      void this.#walk(step);
      return;
    }
    for (;;) {
      this.#pin();
      const task = this.#next;
      this.#next = undefined;
      if (task === undefined) break;
      this.#nested.taskBegins();
      const result = this.#service.run(task);
      if (result instanceof Promise) {
        void this.#answerLater(task.taskId, result);
        return;
      }
      if (!this.#answer(task.taskId, result)) return;
    }
    this.#busy = false;
    if (this.#ended) this.#to.end();
  };

  /** Enters or leaves the session. */
  async #walk(step: () => Promise<Result>): Promise<void> {
    const done = await step();
    if (this.#over) return;
    this.#say({ done });
    this.#goOn();
  }

  async #answerLater(taskId: string, result: Promise<TaskResult>): Promise<void> {
    if (this.#answer(taskId, await result)) this.#goOn();
  }

  /** @returns whether the next task may begin at once */
  #answer(taskId: string, result: TaskResult): boolean {
    if (this.#over) return false;
    this.#nested.taskEnds();
    const answers = [{ taskId, result: sendable(result) }];
    this.#to.write(frameOf(ResultBatch, saying({ answers })), this.#written);
    // As a rule the system has all of it by now, and keeps it whatever the next task does to this process.
    this.#leaving = this.#to.writableLength > 0;
    const late = !this.#leaving && performance.now() - this.#sliceBegan > SLICE_MS;
    if (late) setImmediate(this.#nextSlice);
    if (late || this.#leaving) this.#pin();
    return !late && !this.#leaving;
  }

  readonly #written = (): void => {
    if (!this.#leaving || this.#over || this.#to.writableLength > 0) return;
    this.#leaving = false;
    this.#nextSlice();
  };

  readonly #nextSlice = (): void => {
    this.#sliceBegan = performance.now();
    this.#goOn();
  };
}

function sendable(result: TaskResult): TaskResult {
  const bytes = result.output?.length ?? 0;
  if (bytes + RESULT_BYTES <= FRAME_BYTES_MAX) return result;
  const message = `the output is too large: got ${bytes} bytes, expected at most ${FRAME_BYTES_MAX - RESULT_BYTES}; use put_object`;
  return { returnCode: -1, message };
}

/**
 * Does what comes on these connections.
 * @param ahead how many tasks are taken beside the one that runs
 */
export function serveTaskStream(
  connections: TaskConnections,
  service: AskedService,
  ahead: number,
): void {
  new StreamedTasks(connections, service, ahead);
}
