import type { Socket } from "node:net";
import { textOf } from "../../kit/thrown.ts";
import { FrameReader, frameOf } from "../../protocol/frames.ts";
import {
  type Answer,
  ResultBatch,
  TaskBatch,
} from "../../protocol/generated/flame/stream/v1/service.ts";
import type { SessionContext, TaskContext } from "../../protocol/generated/flame/v1/shim.ts";
import type { Result, TaskResult } from "../../protocol/generated/flame/v1/types.ts";
import type { ServiceLine } from "../service-line.ts";

/** The executor manager's ends of the two connections of a service: tasks leave on one, results come on the other. */
export interface TaskLink {
  readonly tasks: Pick<Socket, "on" | "write" | "destroy" | "resume">;
  readonly results: Pick<Socket, "on" | "pause" | "resume" | "destroy" | "destroyed">;
}

/** More tasks wait at no service, whatever it says. */
const AHEAD_MAX = 256;

/** So long a service whose tasks reach it no more may go on telling results, in milliseconds. */
const LAST_RESULTS_MS = 1_000;

const saying = (part: Partial<TaskBatch>): TaskBatch => ({
  tasks: [],
  recall: false,
  enter: undefined,
  leave: false,
  ...part,
});

/** Who sent the tasks of a stream. */
export interface TaskListener {
  /** Results that came together, in their order. */
  answered(answers: readonly Answer[]): void;
  /** These have not begun, and will not. */
  recalled(taskIds: readonly string[]): void;
  /** It has entered or left its session, or says why not. */
  done(result: Result): void;
  /** The task that runs waits for tasks of these sessions; none: it goes on. */
  awaits(sessionIds: readonly string[]): void;
  /** The stream takes more again. */
  drained(): void;
  /** Nothing more comes. */
  broken(why: Error): void;
}

/** A service that does not keep to the protocol: what it says can no longer be told apart. */
export class ServiceBreach extends Error {}

/** The connection to a service broke. */
export class ServiceGone extends Error {}

const UNASKED = "gave back tasks that nobody had asked for";

/** The stream of one service, on the connections that it made: its session and its tasks (docs/protocol.md, "Streams"). */
export class TaskStream implements ServiceLine {
  readonly #link: TaskLink;
  #listener: TaskListener | undefined;
  readonly #frames = new FrameReader();
  #blocked = false;
  #ahead = 0;
  /** What came of this piece, until all of it is read. */
  #answers: Answer[] = [];
  /** Nothing that comes is heard any more. */
  #over = false;
  /** Why, unless the executor manager wanted it so. */
  #why: Error | undefined;

  constructor(link: TaskLink) {
    this.#link = link;
    const { tasks, results } = link;
    tasks.on("drain", () => {
      this.#blocked = false;
      if (!this.#over) this.#listener?.drained();
    });
    // What the service wrote before it went is read to its end.
    const undeliverable = (): void => this.#endSoon();
    tasks.on("error", undeliverable).on("close", undeliverable);
    // Nothing is said on it: read only so that its end is noticed.
    tasks.resume();
    results.on("data", (chunk: Buffer) => this.#read(chunk));
    results.on("error", (error) => this.#lost(new ServiceGone(textOf(error))));
    const ended = (): void => this.#lost(new ServiceBreach("ended its stream of tasks"));
    results.on("end", ended).on("close", ended);
    if (results.destroyed) ended();
  }

  /** False when no task can be sent any more. */
  get isOpen(): boolean {
    return !this.#over;
  }

  /** How many tasks the service takes beside the one that runs; 0 until it says so. */
  get ahead(): number {
    return this.#ahead;
  }

  /** Nothing more is to be sent for now. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Tells `listener` what comes from now on. */
  listen(listener: TaskListener): void {
    this.#listener = listener;
    if (this.#why !== undefined) listener.broken(this.#why);
  }

  send(tasks: TaskContext[]): void {
    this.#write(saying({ tasks }));
  }

  /** Asks for what has not begun; nothing may be sent until it is answered. */
  recall(): void {
    this.#write(saying({ recall: true }));
  }

  async connect(): Promise<void> {
    // The service has.
  }

  /** @throws ServiceGone or ServiceBreach */
  enter(enter: SessionContext): Promise<Result> {
    return this.#ask(saying({ enter }));
  }

  /** @throws ServiceGone, ServiceBreach, or what says that the time is over */
  async leave(timeoutMs: number): Promise<Result> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const text = `no answer for ${timeoutMs / 1000} seconds`;
      timer = setTimeout(() => reject(new Error(text)), timeoutMs);
    });
    try {
      return await Promise.race([this.#ask(saying({ leave: true })), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #ask(batch: TaskBatch): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.listen({
        done: resolve,
        answered: ([answer]) => reject(this.breach(wrongAnswer(answer?.taskId ?? "", undefined))),
        recalled: () => reject(this.breach(UNASKED)),
        awaits: () => undefined,
        drained: () => undefined,
        broken: reject,
      });
      this.#write(batch);
    });
  }

  /** Runs one task, with nothing behind it. @throws ServiceGone or ServiceBreach */
  invoke(task: TaskContext): Promise<TaskResult> {
    return new Promise((resolve, reject) => {
      this.listen({
        answered: (answers) => {
          const [answer] = answers;
          const wrong = answers.find(({ taskId }) => taskId !== task.taskId) ?? answers[1];
          if (answer?.result !== undefined && wrong === undefined) resolve(answer.result);
          else reject(this.breach(wrongAnswer(wrong?.taskId ?? task.taskId, task.taskId)));
        },
        recalled: () => reject(this.breach(UNASKED)),
        done: () => reject(this.breach(unaskedDone)),
        // Where tasks come one by one nobody can be told.
        awaits: () => undefined,
        drained: () => undefined,
        broken: reject,
      });
      this.send([task]);
    });
  }

  /** Hears nothing for so many milliseconds: what the service says meanwhile is read at once then. */
  rest(ms: number): void {
    const { results } = this.#link;
    results.pause();
    setTimeout(this.#resume, ms);
  }

  readonly #resume = (): void => {
    if (!this.#link.results.destroyed) this.#link.results.resume();
  };

  /** Gives the service up, which said what it should not. */
  breach(text: string): ServiceBreach {
    const breach = new ServiceBreach(text);
    this.#why = breach;
    this.close();
    return breach;
  }

  /** Nobody wants to hear of the service any more. */
  close(): void {
    this.#over = true;
    this.#link.tasks.destroy();
    this.#link.results.destroy();
  }

  /** Breaks it off, and tells who listens. */
  cancel(): void {
    this.#lost(new ServiceGone("it was given up"));
  }

  #write(batch: TaskBatch): void {
    if (!this.#link.tasks.write(frameOf(TaskBatch, batch))) this.#blocked = true;
  }

  #read(chunk: Buffer): void {
    if (this.#over) return;
    try {
      this.#frames.read(chunk, this.#take);
    } catch (thrown) {
      this.#tellAnswers();
      this.#lost(new ServiceBreach(`sent what is no result: ${textOf(thrown)}`));
      return;
    }
    this.#tellAnswers();
  }

  readonly #take = (message: Buffer): void => {
    const { ahead, answers, recalled, done, awaits } = ResultBatch.decode(message);
    if (ahead !== undefined) this.#ahead = Math.min(ahead, AHEAD_MAX);
    for (const answer of answers) this.#answers.push(answer);
    if (recalled === undefined && done === undefined && awaits === undefined) return;
    this.#tellAnswers();
    if (awaits !== undefined && !this.#over) this.#listener?.awaits(awaits.sessionIds);
    if (recalled !== undefined && !this.#over) this.#listener?.recalled(recalled.taskIds);
    if (done !== undefined && !this.#over) this.#listener?.done(done);
  };

  #tellAnswers(): void {
    const answers = this.#answers;
    if (answers.length === 0) return;
    this.#answers = [];
    if (!this.#over) this.#listener?.answered(answers);
  }

  #endSoon(): void {
    if (this.#over) return;
    const breach = new ServiceBreach("closed the connection of its tasks");
    setTimeout(() => this.#lost(breach), LAST_RESULTS_MS).unref();
  }

  #lost(why: Error): void {
    if (this.#over) return;
    this.#why = why;
    this.close();
    this.#listener?.broken(why);
  }
}

/** What a service did that tells of a session when nobody asked. */
export const unaskedDone = "told of its session when nobody had asked";

/** @param expected undefined: none runs */
export function wrongAnswer(got: string, expected: string | undefined): string {
  const due = expected === undefined ? "no task runs" : `task ${expected} was due`;
  return `answered task ${JSON.stringify(got.slice(0, 100))} when ${due} (expected one result for each task, in their order)`;
}
