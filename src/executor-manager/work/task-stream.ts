import { type ClientDuplexStream, type ServiceError, status } from "@grpc/grpc-js";
import type {
  Answer,
  ResultBatch,
  TaskBatch,
} from "../../protocol/generated/flame/stream/v1/service.ts";
import type { TaskContext } from "../../protocol/generated/flame/v1/shim.ts";
import type { TaskResult } from "../../protocol/generated/flame/v1/types.ts";
import { RpcFailure } from "../unary.ts";

/** The executor manager's end of a service's stream of tasks. */
export type TaskCall = ClientDuplexStream<TaskBatch, ResultBatch>;

/** More tasks wait at no service, whatever it says. */
const AHEAD_MAX = 256;

/** Who sent the tasks of a stream. */
export interface TaskListener {
  answered(answer: Answer): void;
  /** These have not begun, and will not. */
  recalled(taskIds: readonly string[]): void;
  /** The stream takes more again. */
  drained(): void;
  /** Nothing more comes. */
  broken(why: Error): void;
}

/** A service that does not keep to the protocol: what it says can no longer be told apart. */
export class ServiceBreach extends Error {}

/** The service has no stream of tasks: nothing that was sent has reached it. */
export class NoTaskStream extends Error {}

/** The stream of tasks of one service, `flame.stream.v1.Service/Tasks`; asked for with the first task. */
export class TaskStream {
  readonly #begin: () => TaskCall;
  #call: TaskCall | undefined;
  #listener: TaskListener | undefined;
  /** The service has said something on it. */
  #heard = false;
  #absent = false;
  #blocked = false;
  #ahead = 0;

  constructor(begin: () => TaskCall) {
    this.#begin = begin;
  }

  /** The service answered that it has no such stream. */
  get absent(): boolean {
    return this.#absent;
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
  }

  send(tasks: TaskContext[]): void {
    this.#write({ tasks, recall: false });
  }

  /** Asks for what has not begun; nothing may be sent until it is answered. */
  recall(): void {
    this.#write({ tasks: [], recall: true });
  }

  /** Runs one task, with nothing behind it. @throws RpcFailure, ServiceBreach or NoTaskStream */
  run(task: TaskContext): Promise<TaskResult> {
    return new Promise((resolve, reject) => {
      this.listen({
        answered: ({ taskId, result }) => {
          if (taskId === task.taskId && result !== undefined) resolve(result);
          else reject(this.breach(wrongAnswer(taskId, task.taskId)));
        },
        recalled: () => reject(this.breach("gave back tasks that nobody had asked for")),
        drained: () => undefined,
        broken: reject,
      });
      this.send([task]);
    });
  }

  /** Gives the service up, which said what it should not. */
  breach(text: string): ServiceBreach {
    const call = this.#call;
    this.#call = undefined;
    call?.cancel();
    return new ServiceBreach(text);
  }

  /** No further task comes: the service may leave its session. */
  end(): void {
    const call = this.#call;
    this.#call = undefined;
    call?.end();
  }

  /** Breaks it off, and tells who listens. */
  cancel(): void {
    this.#call?.cancel();
  }

  #write(batch: TaskBatch): void {
    this.#call ??= this.#open();
    if (!this.#call.write(batch)) this.#blocked = true;
  }

  #open(): TaskCall {
    const call = this.#begin();
    this.#heard = false;
    this.#blocked = false;
    const mine = (): boolean => this.#call === call;
    call.on("data", (batch: ResultBatch) => {
      if (mine()) this.#read(batch);
    });
    call.on("drain", () => {
      if (!mine()) return;
      this.#blocked = false;
      this.#listener?.drained();
    });
    call.on("error", (error: ServiceError) => {
      if (mine()) this.#broke(error);
    });
    // What it ended with, where that is no success, has come as an error before.
    call.on("end", () => {
      if (mine()) this.#lost(new ServiceBreach("ended its stream of tasks"));
    });
    return call;
  }

  #read({ ahead, answers, recalled }: ResultBatch): void {
    this.#heard = true;
    if (ahead !== undefined) this.#ahead = Math.min(ahead, AHEAD_MAX);
    for (const answer of answers) this.#listener?.answered(answer);
    if (recalled !== undefined) this.#listener?.recalled(recalled.taskIds);
  }

  #broke(error: ServiceError): void {
    const { code, details } = error;
    if (code === status.UNIMPLEMENTED && !this.#heard) {
      this.#absent = true;
      this.#lost(new NoTaskStream(details));
    } else if (code === status.UNAVAILABLE || code === status.CANCELLED) {
      this.#lost(new RpcFailure(error, undefined));
    } else {
      this.#lost(new ServiceBreach(`ended its stream of tasks with ${status[code]}: ${details}`));
    }
  }

  #lost(why: Error): void {
    this.#call = undefined;
    this.#listener?.broken(why);
  }
}

/** @param expected undefined: none runs */
export function wrongAnswer(got: string, expected: string | undefined): string {
  const due = expected === undefined ? "no task runs" : `task ${expected} was due`;
  return `answered task ${JSON.stringify(got.slice(0, 100))} when ${due} (expected one result for each task, in their order)`;
}
