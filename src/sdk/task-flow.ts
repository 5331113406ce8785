import type { BegunTask } from "./begun-task.ts";

/** How a flow goes. */
export interface FlowOptions {
  /** How many inputs are taken whose tasks have not been handed out. */
  readonly concurrency: number;
  /** In the order of the inputs; false: as they end. */
  readonly ordered: boolean;
  readonly signal: AbortSignal | undefined;
  /** Told when tasks that are under way begin to be waited for. @returns to be called when they are not any more */
  readonly beginWait: () => () => void;
}

/** Begins the task of an input. @param onEnd is called once, later */
export type Begin<In, Out> = (
  input: In,
  index: number,
  onEnd: (task: BegunTask<Out>) => void,
) => BegunTask<Out>;

/** Tasks of many inputs, of which a bounded number is under way; taken and handed out side by side. */
export class TaskFlow<In, Out> {
  readonly #begin: Begin<In, Out>;
  readonly #options: FlowOptions;
  /** Begun and not handed out, in the order of the inputs. */
  readonly #open = new Set<BegunTask<Out>>();
  /** Of those: what has ended, in that order. */
  readonly #ended = new Set<BegunTask<Out>>();
  #taken = 0;
  /** No further input is taken. */
  #over = false;
  /** No further input comes. */
  #exhausted = false;
  #failure: { readonly reason: unknown } | undefined;
  #wakeReader: () => void = () => undefined;
  #wakeSource: () => void = () => undefined;

  constructor(
    inputs: Iterable<In> | AsyncIterable<In>,
    begin: Begin<In, Out>,
    options: FlowOptions,
  ) {
    this.#begin = begin;
    this.#options = options;
    void this.#feed(inputs);
  }

  /** What was begun, and not handed out. */
  get open(): readonly BegunTask<Out>[] {
    return [...this.#open];
  }

  /** Takes no further input. */
  stop(): void {
    this.#over = true;
    this.#wakeSource();
  }

  /**
   * The next task that has ended; undefined after the last.
   * @throws the signal's reason, and what the inputs threw
   */
  async next(): Promise<BegunTask<Out> | undefined> {
    const { signal, beginWait } = this.#options;
    const wake = (): void => this.#wakeReader();
    signal?.addEventListener("abort", wake);
    let endWait: (() => void) | undefined;
    try {
      for (;;) {
        signal?.throwIfAborted();
        const task = this.#take();
        if (task !== undefined) return task;
        if (this.#exhausted && this.#open.size === 0) {
          if (this.#failure !== undefined) throw this.#failure.reason;
          return undefined;
        }
        // Without open tasks it is an input that is waited for.
        if (this.#open.size > 0) endWait ??= beginWait();
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
      }
    } finally {
      endWait?.();
      signal?.removeEventListener("abort", wake);
    }
  }

  #take(): BegunTask<Out> | undefined {
    const from = this.#options.ordered ? this.#open : this.#ended;
    const [task] = from;
    if (task?.outcome === undefined) return undefined;
    this.#open.delete(task);
    this.#ended.delete(task);
    this.#wakeSource();
    return task;
  }

  async #feed(inputs: Iterable<In> | AsyncIterable<In>): Promise<void> {
    const onEnd = (task: BegunTask<Out>): void => {
      this.#ended.add(task);
      this.#wakeReader();
    };
    try {
      for await (const input of inputs) {
        if (this.#over) break;
        this.#open.add(this.#begin(input, this.#taken++, onEnd));
        if (this.#open.size === 1) this.#wakeReader();
        await this.#room();
        if (this.#isOver) break;
      }
    } catch (reason) {
      this.#failure = { reason };
    }
    this.#exhausted = true;
    this.#wakeReader();
  }

  // A getter, since it changes while something is awaited.
  get #isOver(): boolean {
    return this.#over;
  }

  async #room(): Promise<void> {
    while (!this.#over && this.#open.size >= this.#options.concurrency)
      await new Promise<void>((resolve) => {
        this.#wakeSource = resolve;
      });
  }
}
