import type { Executor } from "../protocol/generated/flame/v1/types.ts";
import { ExecutorState } from "../protocol/generated/flame/v1/types.ts";
import type { GivenSession } from "./backend-client.ts";
import { type ExecutorDeps, ExecutorLoop } from "./executor-loop.ts";
import { readOrder } from "./executor-messages.ts";

/** Ended executors that are remembered, so that a late message does not bring one back. */
const ENDED_REMEMBERED_MAX = 1024;

/** The executors of this node, by id. */
export class ExecutorBook {
  readonly #deps: ExecutorDeps;
  readonly #loops = new Map<string, ExecutorLoop>();
  readonly #ended = new Set<string>();
  #closed = false;

  constructor(deps: ExecutorDeps) {
    this.#deps = deps;
  }

  /** Every executor that runs, as a registering node reports it. */
  get reports(): Executor[] {
    return [...this.#loops.values()].map((loop) => loop.report);
  }

  /** The state of every executor that runs, in lower case. */
  get states(): string[] {
    return [...this.#loops.values()].map((loop) => loop.state.toLowerCase());
  }

  /** Of every executor that runs. */
  get ids(): string[] {
    return [...this.#loops.keys()];
  }

  get size(): number {
    return this.#loops.size;
  }

  has(id: string): boolean {
    return this.#loops.has(id);
  }

  /**
   * Takes an executor pushed by the session manager: a new one begins, a released one is stopped at once and its service
   * ended, and a known one goes its way, for the stream never drives it.
   * @param given the session with which a new one came
   * @throws FlameError invalid_argument for a message that lacks something.
   */
  take(executor: Executor, given?: GivenSession): void {
    const order = readOrder(executor);
    const known = this.#loops.get(order.id);
    if (order.state === ExecutorState.ExecutorReleased) {
      known?.release();
      this.#remember(order.id);
      return;
    }
    if (known !== undefined || this.#closed || this.#ended.has(order.id)) return;
    const loop = new ExecutorLoop(this.#deps, order, given);
    this.#loops.set(order.id, loop);
    this.#deps.logger.info({ executor: order.id, executors: this.#loops.size }, "executor begins");
    void loop.ended.then(() => {
      this.#loops.delete(order.id);
      if (!this.#closed) this.#remember(order.id);
      this.#deps.logger.info({ executor: order.id, executors: this.#loops.size }, "executor ended");
    });
  }

  /** Takes nothing new; resolves when every executor has finished its task and left its session. */
  async drain(): Promise<void> {
    this.#closed = true;
    for (const loop of this.#loops.values()) loop.drain();
    await this.#allEnded();
  }

  /** Stops everything at once. */
  async kill(): Promise<void> {
    this.#closed = true;
    for (const loop of this.#loops.values()) loop.kill();
    await this.#allEnded();
  }

  async #allEnded(): Promise<void> {
    await Promise.all([...this.#loops.values()].map((loop) => loop.ended));
  }

  #remember(id: string): void {
    this.#ended.add(id);
    const [oldest] = this.#ended;
    if (this.#ended.size > ENDED_REMEMBERED_MAX && oldest !== undefined) this.#ended.delete(oldest);
  }
}
