import type { FlameError } from "../model/errors.ts";
import type { TaskCreation, TaskEnd } from "./task-end.ts";
import type { Task } from "./types.ts";
import { toBuffer } from "./wire.ts";

export type Input = Uint8Array | undefined;

/** Inputs for one session, and who hears what became of each. Costs nothing per input but what is told. */
export interface SubmitJob {
  /** Whether the results are wanted; else it is over with each when that is a task. */
  readonly follow: boolean;
  /** Goes on to the next input. @returns whether there is one */
  next(): boolean;
  /** What {@link next} went on to, and its place among the inputs. */
  readonly input: Input;
  readonly index: number;
  /** How long the task of an input may take, in milliseconds; undefined: as long as it takes. */
  timeoutMsOf(index: number): number | undefined;
  /** Told of each input whose result is wanted, when it is a task. */
  created?(index: number, taskId: number): void;
  end(index: number, end: TaskEnd | TaskCreation): void;
  /** What {@link next} has not taken is not submitted any more. */
  stop(error: FlameError): void;
  /** Whether nothing of it is left. */
  readonly isOver: boolean;
}

/** Many inputs at once, taken as they can be sent. */
export class ManyInputs implements SubmitJob {
  /** Resolves when each input that was taken has ended. Rejects then with why the rest was not; at once when `onEnd` throws. */
  readonly over: Promise<void>;
  readonly follow: boolean;
  input: Input;
  index = -1;
  readonly #iterator: Iterator<Input>;
  readonly #onEnd: (index: number, end: TaskEnd | TaskCreation) => void;
  readonly #timeoutMs: number | undefined;
  #resolve: () => void = () => undefined;
  #reject: (reason: unknown) => void = () => undefined;
  #ended = 0;
  #exhausted = false;
  /** Who threw at one end hears of no other. */
  #deaf = false;
  #failure: { readonly reason: unknown } | undefined;

  constructor(
    inputs: Iterable<Input>,
    follow: boolean,
    onEnd: (index: number, end: TaskEnd | TaskCreation) => void,
    timeoutMs?: number,
  ) {
    this.#iterator = inputs[Symbol.iterator]();
    this.follow = follow;
    this.#onEnd = onEnd;
    this.#timeoutMs = timeoutMs;
    this.over = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get isOver(): boolean {
    return this.#exhausted && this.#ended === this.index + 1;
  }

  timeoutMsOf(): number | undefined {
    return this.#timeoutMs;
  }

  next(): boolean {
    if (this.#exhausted) return false;
    try {
      const step = this.#iterator.next();
      if (step.done !== true) {
        this.input = step.value;
        this.index++;
        return true;
      }
    } catch (thrown) {
      this.#failure = { reason: thrown };
    }
    this.#exhaust();
    return false;
  }

  end(index: number, end: TaskEnd | TaskCreation): void {
    this.#ended++;
    if (!this.#deaf)
      try {
        this.#onEnd(index, end);
      } catch (thrown) {
        this.#deaf = true;
        this.#reject(thrown);
        this.#leave();
      }
    if (this.isOver) this.#settle();
  }

  stop(error: FlameError): void {
    if (this.#exhausted) return;
    this.#failure = { reason: error };
    this.#leave();
  }

  #leave(): void {
    if (this.#exhausted) return;
    this.#iterator.return?.();
    this.#exhaust();
  }

  #exhaust(): void {
    this.#exhausted = true;
    this.input = undefined;
    if (this.isOver) this.#settle();
  }

  #settle(): void {
    if (this.#failure === undefined) this.#resolve();
    else this.#reject(this.#failure.reason);
  }
}

/** How one task is run. */
export interface OneRun {
  /** How long it may take, in milliseconds; undefined: as long as it takes. */
  readonly timeoutMs?: number | undefined;
  /** Told the id of the task when there is one. */
  readonly onCreated?: ((taskId: string) => void) | undefined;
}

interface Waiting extends OneRun {
  readonly input: Input;
  readonly resolve: (task: Task) => void;
  readonly reject: (error: FlameError) => void;
}

/** Inputs that come one by one, each with somebody who waits for its task. */
export class SingleInputs implements SubmitJob {
  readonly follow = true;
  readonly isOver = false;
  input: Input;
  index = -1;
  readonly #waiting = new Map<number, Waiting>();
  #added = 0;

  /** @throws FlameError when no task came of it, or its end was not seen */
  run(input: Input, { timeoutMs, onCreated }: OneRun = {}): Promise<Task> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(this.#added++, { input, timeoutMs, onCreated, resolve, reject });
    });
  }

  timeoutMsOf(index: number): number | undefined {
    return this.#waiting.get(index)?.timeoutMs;
  }

  next(): boolean {
    if (this.index + 1 === this.#added) return false;
    this.index++;
    this.input = this.#waiting.get(this.index)?.input;
    return true;
  }

  created(index: number, taskId: number): void {
    this.#waiting.get(index)?.onCreated?.(String(taskId));
  }

  end(index: number, end: TaskEnd | TaskCreation): void {
    const waiting = this.#waiting.get(index);
    if (waiting === undefined || end.kind === "created") return;
    this.#waiting.delete(index);
    const { input, resolve, reject } = waiting;
    if (end.kind !== "finished") reject(end.error);
    else if (input === undefined || end.task.input !== undefined) resolve(end.task);
    else resolve({ ...end.task, input: toBuffer(input) });
  }

  stop(error: FlameError): void {
    while (this.next()) this.end(this.index, { kind: "refused", error });
  }
}
