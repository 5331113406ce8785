import type { Clock, Timer } from "../../kit/clock.ts";
import { type Logger, tellsDebug } from "../../kit/logger.ts";
import { serviceCrashCode } from "../../model/task.ts";
import type { Assignment } from "../../protocol/generated/flame/stream/v1/nodes.ts";
import type { Answer } from "../../protocol/generated/flame/stream/v1/service.ts";
import type { TaskResult } from "../../protocol/generated/flame/v1/types.ts";
import type { ExecutorMeter } from "../executor-meter.ts";
import type { AheadRunner } from "./ahead-runner.ts";
import type { LocalQueue } from "./local-queue.ts";
import { type TaskListener, type TaskStream, unaskedDone, wrongAnswer } from "./task-stream.ts";

/** So much work, in milliseconds, is to wait at the service: longer than a round trip. */
const AHEAD_MS = 5;
/** So many bytes of inputs are to wait at one service. */
const AHEAD_BYTES = 1024 * 1024;
/** What waits at a service behind a task that runs for so long is taken back: others may run it. */
const LONG_MS = 20;
/** A service that has more than so many tasks is in no hurry: its results may gather, and so may tasks for it. */
const PLENTY = 16;
/** So long results gather, in milliseconds. */
const GATHER_MS = 1;

/** What a feed needs of its service. */
export interface FedService {
  readonly tasks: TaskStream;
  /** What the service prints belongs to the task from now on; undefined: to none. */
  section(taskId: string | undefined): void;
  /** The result as it is told. */
  told(result: TaskResult): TaskResult;
  /** What befell the service, which cannot answer any more. */
  lost(taskId: string | undefined, why: Error): Promise<string>;
}

export interface FeedDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter?: ExecutorMeter | undefined;
}

/**
 * - done: the executor is to leave its session.
 * - crashed: so did the service, during a task; the executor is to leave its session.
 * - idle: the service ended, and took no task with it.
 */
export type FeedEnd = "done" | "crashed" | "idle";

/** Hands the tasks of a local queue to the stream of a service; one that takes some ahead never waits for the next one. */
export class ServiceFeed implements AheadRunner, TaskListener {
  readonly #queue: LocalQueue;
  readonly #service: FedService;
  readonly #deps: FeedDeps;
  readonly #debug: boolean;
  readonly #finished: Promise<FeedEnd>;
  #finish: (end: FeedEnd) => void = () => undefined;
  #over = false;
  /** The service was asked for what it has not begun. */
  #recalling = false;
  #scheduled = false;
  #watch: Timer | undefined;

  constructor(queue: LocalQueue, service: FedService, deps: FeedDeps) {
    this.#queue = queue;
    this.#service = service;
    this.#deps = deps;
    this.#debug = tellsDebug(deps.logger);
    this.#finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /** Runs tasks until there is nothing more to do here. */
  run(): Promise<FeedEnd> {
    this.#service.tasks.listen(this);
    this.#queue.runBy(this);
    this.#fill();
    return this.#finished;
  }

  goOn(): void {
    // What comes in one turn leaves in one message.
    if (this.#scheduled || this.#over) return;
    this.#scheduled = true;
    setImmediate(this.#fill);
  }

  recall(): void {
    if (this.#recalling || this.#over || this.#queue.lentCount === 0) return;
    this.#recalling = true;
    this.#service.tasks.recall();
  }

  answered(answers: readonly Answer[]): void {
    if (this.#over) return;
    const queue = this.#queue;
    // What came together is taken to have taken equally long.
    const ms = queue.runningMs / answers.length;
    for (const { taskId, result } of answers) {
      const head = queue.running;
      if (head?.taskId !== taskId || result === undefined) {
        this.broken(this.#service.tasks.breach(wrongAnswer(taskId, head?.taskId)));
        return;
      }
      const told = this.#service.told(result);
      this.#noteEnd(head, told.returnCode, ms);
      queue.ended(told, ms);
    }
    this.#service.section(queue.running?.taskId);
    if (queue.lentCount > PLENTY) this.#service.tasks.rest(GATHER_MS);
    this.goOn();
  }

  recalled(taskIds: readonly string[]): void {
    if (this.#over) return;
    const expected = this.#recalling;
    this.#recalling = false;
    if (expected && this.#queue.unlend(taskIds)) this.goOn();
    else {
      const what = expected
        ? "other tasks than those that it had not begun"
        : "tasks that nobody had asked for";
      this.broken(this.#service.tasks.breach(`gave back ${what}`));
    }
  }

  done(): void {
    if (!this.#over) this.broken(this.#service.tasks.breach(unaskedDone));
  }

  awaits(sessionIds: readonly string[]): void {
    if (!this.#over) this.#queue.nestedWait.heard(sessionIds);
  }

  drained(): void {
    this.goOn();
  }

  broken(why: Error): void {
    if (!this.#over) void this.#lost(why);
  }

  async #lost(why: Error): Promise<void> {
    const queue = this.#queue;
    // One task at a time: those behind the one that ran had not begun.
    queue.unlendAll();
    this.#end();
    const head = queue.running;
    const message = await this.#service.lost(head?.taskId, why);
    if (head === undefined) {
      this.#finish("idle");
      return;
    }
    const ms = queue.runningMs;
    this.#deps.meter?.invoked(ms / 1000, "crashed");
    this.#deps.logger.warn({ ...namesOf(head), reason: message }, "service ended during a task");
    // First what waits behind it: else that would begin here as soon as the result has arrived.
    queue.shut();
    queue.ended({ returnCode: serviceCrashCode, message }, ms);
    this.#finish("crashed");
  }

  #end(): void {
    this.#over = true;
    this.#watch?.cancel();
    this.#queue.runBy(undefined);
  }

  readonly #fill = (): void => {
    this.#scheduled = false;
    if (this.#over) return;
    const queue = this.#queue;
    if (queue.isOver && queue.running === undefined && queue.lentCount === 0) {
      this.#end();
      this.#finish("done");
      return;
    }
    const idle = queue.running === undefined;
    const lent = queue.lend(this.#room(), AHEAD_BYTES);
    if (lent.length === 0) return;
    if (idle) this.#service.section(lent[0]?.taskId);
    if (this.#debug) for (const one of lent) this.#deps.logger.debug(namesOf(one), "task is sent");
    this.#service.tasks.send(
      lent.map(({ taskId, sessionId, input }) => ({ taskId, sessionId, input })),
    );
    if (queue.lentCount > 0) this.#watchHead(LONG_MS);
  };

  /** How many more tasks the service may get now. */
  #room(): number {
    const queue = this.#queue;
    const { tasks } = this.#service;
    if (this.#recalling || tasks.blocked) return 0;
    if (queue.running === undefined) return 1 + this.#ahead();
    if (queue.runningMs > LONG_MS) return 0;
    const most = this.#ahead();
    // By halves, or as soon as there are few: a message for each task would cost more than the task.
    const few = Math.min(PLENTY, most / 2);
    if (queue.lentCount > few && queue.waitingCount < most / 2) return 0;
    return queue.lentCount * 2 > most ? 0 : most - queue.lentCount;
  }

  #ahead(): number {
    const meanMs = this.#queue.meanMs ?? AHEAD_MS;
    return Math.min(this.#service.tasks.ahead, Math.floor(AHEAD_MS / Math.max(meanMs, 0.001)));
  }

  #watchHead(ms: number): void {
    this.#watch ??= this.#deps.clock.after(ms, () => {
      this.#watch = undefined;
      if (this.#over || this.#queue.lentCount === 0) return;
      const left = LONG_MS - this.#queue.runningMs;
      if (left > 0) this.#watchHead(left);
      else this.recall();
    });
  }

  #noteEnd(ended: Assignment, code: number, ms: number): void {
    const { meter, logger } = this.#deps;
    const seconds = ms / 1000;
    meter?.invoked(seconds, code === 0 ? "succeed" : "failed");
    if (this.#debug) logger.debug({ ...namesOf(ended), seconds, code }, "task ended");
  }
}

/** What names a task in the log. */
function namesOf({ taskId, requestId }: Assignment): object {
  return { task: taskId, request: requestId === "" ? undefined : requestId };
}
