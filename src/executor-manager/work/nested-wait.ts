import type { Clock, Timer } from "../../kit/clock.ts";
import type { AwaitingTask } from "../../protocol/generated/flame/stream/v1/nodes.ts";

/** A wait that is over sooner, in milliseconds, is not told: nobody could use the room meanwhile. */
const SHORT_MS = 10;

/**
 * What the task that runs at an executor waits for, told once it has waited for a moment (docs/protocol.md, "Nested
 * sessions").
 */
export class NestedWait {
  readonly #executorId: string;
  readonly #clock: Pick<Clock, "after">;
  readonly #tell: () => void;
  #lease: string | undefined;
  #awaited: readonly string[] = [];
  #told = false;
  #timer: Timer | undefined;

  /** @param tell has {@link told} told */
  constructor(executorId: string, clock: Pick<Clock, "after">, tell: () => void) {
    this.#executorId = executorId;
    this.#clock = clock;
    this.#tell = tell;
  }

  begins(lease: string): void {
    this.ends();
    this.#lease = lease;
  }

  /** What the service says: sessions whose tasks are waited for; none: the task goes on. */
  heard(sessionIds: readonly string[]): void {
    if (this.#lease === undefined) return;
    this.#awaited = sessionIds;
    if (this.#told) this.#tell();
    else if (sessionIds.length === 0) this.#cancel();
    else this.#timer ??= this.#clock.after(SHORT_MS, this.#tellNow);
  }

  /** What is told; undefined as long as that is nothing. */
  get told(): AwaitingTask | undefined {
    if (this.#lease === undefined || !this.#told) return undefined;
    return { executorId: this.#executorId, lease: this.#lease, sessionIds: [...this.#awaited] };
  }

  ends(): void {
    this.#cancel();
    this.#lease = undefined;
    this.#told = false;
  }

  readonly #tellNow = (): void => {
    this.#timer = undefined;
    this.#told = true;
    this.#tell();
  };

  #cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
