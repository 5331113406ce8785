import type {
  AwaitingTask,
  Completion,
  Hello,
  Return,
  WorkRequest,
} from "../../protocol/generated/flame/stream/v1/nodes.ts";
import type { ToldQueue } from "./work-wire.ts";

/** A message is not made larger than this, in bytes of outputs, unless one alone is. */
const MESSAGE_BYTES = 1024 * 1024;
/** What a result costs beside its output, in bytes. */
const RESULT_BYTES = 64;

/** What gathered for the next messages to the session manager. */
export class WorkBatch {
  #hello: Hello | undefined;
  #returns: Return[] = [];
  #completions: Completion[] = [];
  /** Of these the credit is to be said. */
  readonly #ready = new Set<ToldQueue>();
  /** Of these it is to be said what the task that runs waits for. */
  readonly #awaiting = new Set<ToldQueue>();

  hello(hello: Hello): void {
    this.#hello = hello;
  }

  complete(completion: Completion): void {
    this.#completions.push(completion);
  }

  giveBack(executorId: string, leases: string[], begun = ""): void {
    this.#returns.push({ executorId, leases, begun });
  }

  announce(queue: ToldQueue): void {
    this.#ready.add(queue);
  }

  awaits(queue: ToldQueue): void {
    this.#awaiting.add(queue);
  }

  forget(queue: ToldQueue): void {
    this.#ready.delete(queue);
    this.#awaiting.delete(queue);
  }

  get empty(): boolean {
    const said = this.#returns.length + this.#completions.length === 0;
    return said && this.#ready.size + this.#awaiting.size === 0 && this.#hello === undefined;
  }

  /** How many results there are to tell. */
  get resultCount(): number {
    return this.#completions.length;
  }

  clear(): void {
    this.#hello = undefined;
    this.#returns = [];
    this.#completions = [];
    this.#ready.clear();
    this.#awaiting.clear();
  }

  /** The next message, undefined when there is nothing to say; what does not fit stays for the one after. */
  take(): WorkRequest | undefined {
    if (this.empty) return undefined;
    const hello = this.#hello;
    const returns = this.#returns;
    const completions = this.#takeCompletions();
    const ready = this.#takeReady();
    const awaits = this.#takeAwaits();
    this.#hello = undefined;
    this.#returns = [];
    return { hello, returns, completions, ready, awaits };
  }

  #takeAwaits(): AwaitingTask[] {
    // It is heard only of the lease that runs, and so behind the results of those before it.
    if (this.#awaiting.size === 0 || this.#completions.length > 0) return [];
    const awaits: AwaitingTask[] = [];
    for (const { nestedWait } of this.#awaiting)
      if (nestedWait.told !== undefined) awaits.push(nestedWait.told);
    this.#awaiting.clear();
    return awaits;
  }

  #takeReady(): WorkRequest["ready"] {
    if (this.#ready.size === 0) return [];
    const ready = Array.from(this.#ready, (queue) => queue.ready());
    this.#ready.clear();
    return ready;
  }

  #takeCompletions(): Completion[] {
    const all = this.#completions;
    let bytes = 0;
    let count = 0;
    for (const { output, message } of all) {
      bytes += (output?.length ?? 0) + (message?.length ?? 0) + RESULT_BYTES;
      if (count > 0 && bytes > MESSAGE_BYTES) break;
      count++;
    }
    this.#completions = count < all.length ? all.slice(count) : [];
    return count < all.length ? all.slice(0, count) : all;
  }
}
