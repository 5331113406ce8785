import type { Clock, Timer } from "../kit/clock.ts";
import { FlameError } from "../model/errors.ts";

export interface TransferBudgetOptions {
  /** Bytes of all transfers together; the oldest one may go on above it. */
  readonly bytesMax: number;
  /** How long a transfer waits for others before it is refused, in milliseconds. */
  readonly waitMs: number;
}

/** What a client that was refused is told to wait, in milliseconds. */
const retryAfterMs = 5_000;
/** A transfer that is slower than this may be given up for others. Unit: bytes per millisecond. */
const slowestRate = 4096;

/**
 * The bytes of objects that are in memory because they are being received or sent. Beyond the limit transfers wait, and
 * their clients with them, except the one that began to hold bytes first: so the memory is bounded by the limit and one
 * object, and there is always one that goes on.
 */
export class TransferBudget {
  readonly #clock: Clock;
  readonly #options: TransferBudgetOptions;
  /** Those that hold bytes or wait for some, the oldest first. */
  readonly #active = new Set<Transfer>();
  #heldBytes = 0;

  constructor(deps: { readonly clock: Clock }, options: TransferBudgetOptions) {
    this.#clock = deps.clock;
    this.#options = options;
  }

  /** Unit: bytes. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Transfers that wait for others. */
  get waiting(): number {
    return [...this.#active].filter((transfer) => transfer.isWaiting).length;
  }

  /** @param onStalled ends the transfer's call: it held bytes, did not get on, and others waited. */
  begin(onStalled: () => void): Transfer {
    return new Transfer({
      onStalled,
      clock: this.#clock,
      waitMs: this.#options.waitMs,
      hold: (transfer, bytes) => {
        this.#heldBytes += bytes;
        this.#active.add(transfer);
      },
      give: (transfer, bytes) => {
        this.#heldBytes -= bytes;
        if (transfer.held === 0 && !transfer.isWaiting) this.#active.delete(transfer);
        this.#wake();
      },
      enter: (transfer) => this.#active.add(transfer),
      mayHold: (transfer, more) => {
        const [oldest = transfer] = this.#active;
        return oldest === transfer || this.#heldBytes + more <= this.#options.bytesMax;
      },
      refusal: () => this.#refusal(),
      evictStalled: () => {
        for (const transfer of [...this.#active]) {
          if (!transfer.isStalled) continue;
          transfer.end();
          transfer.evicted();
        }
      },
    });
  }

  #wake(): void {
    for (const transfer of this.#active) transfer.wake();
  }

  #refusal(): FlameError {
    const { bytesMax, waitMs } = this.#options;
    return new FlameError(
      "resource_exhausted",
      `the object cache is busy: ${this.#active.size} transfers hold ${this.#heldBytes} bytes, at most ${bytesMax} ` +
        `(cache.max_transfer), and none ended within ${waitMs / 1000} s; try again in ${retryAfterMs / 1000} s`,
      { retryAfterMs },
    );
  }
}

interface TransferHost {
  readonly onStalled: () => void;
  readonly clock: Clock;
  readonly waitMs: number;
  readonly hold: (transfer: Transfer, bytes: number) => void;
  readonly give: (transfer: Transfer, bytes: number) => void;
  readonly enter: (transfer: Transfer) => void;
  readonly mayHold: (transfer: Transfer, more: number) => boolean;
  readonly refusal: () => FlameError;
  readonly evictStalled: () => void;
}

/** One put or get. `end` must be called. */
export class Transfer {
  readonly #host: TransferHost;
  #held = 0;
  #ended = false;
  /** When the bytes it holds should have been written or sent, on the steady clock. */
  #dueAt = 0;
  #waiter: { bytes: number; done: (refused?: FlameError) => void; timer: Timer } | undefined;

  constructor(host: TransferHost) {
    this.#host = host;
  }

  get held(): number {
    return this.#held;
  }

  get isWaiting(): boolean {
    return this.#waiter !== undefined;
  }

  /**
   * Holds bytes that are not there yet, when there is room for them.
   * @throws FlameError resource_exhausted with a delay when there was none for too long.
   */
  take(bytes: number): Promise<void> {
    this.#host.enter(this);
    // Held in the same moment as it is granted: others look at the sum.
    if (this.#host.mayHold(this, bytes)) {
      this.add(bytes);
      return Promise.resolve();
    }
    return this.#wait(bytes);
  }

  /** Holds bytes that came already. What comes after the end is not held any more. */
  add(bytes: number): void {
    if (this.#ended) return;
    this.#held += bytes;
    const { clock, waitMs } = this.#host;
    this.#dueAt = clock.steady() + 2 * waitMs + bytes / slowestRate;
    this.#host.hold(this, bytes);
  }

  /** Whether more may come. */
  get mayGoOn(): boolean {
    return this.#ended || this.#host.mayHold(this, 0);
  }

  /** Whether its client neither sends nor takes what this holds. */
  get isStalled(): boolean {
    return this.#held > 0 && !this.isWaiting && this.#host.clock.steady() > this.#dueAt;
  }

  /** Tells its call that it was given up. */
  evicted(): void {
    this.#host.onStalled();
  }

  /** Waits until more may come. @throws FlameError as {@link take}. */
  room(): Promise<void> {
    return this.take(0);
  }

  #wait(bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#host.clock.after(this.#host.waitMs, () => {
        const refusal = this.#host.refusal();
        this.#host.evictStalled();
        if (this.#waiter === undefined) return;
        this.#settle(refusal);
        this.give(0);
      });
      const done = (refused?: FlameError): void =>
        refused === undefined ? resolve() : reject(refused);
      this.#waiter = { bytes, done, timer };
    });
  }

  /** Called by the budget when others gave something back. */
  wake(): void {
    const bytes = this.#waiter?.bytes;
    if (bytes === undefined || !this.#host.mayHold(this, bytes)) return;
    this.add(bytes);
    this.#settle();
  }

  /** Gives back what was written or sent. */
  give(bytes: number): void {
    this.#held -= bytes;
    this.#host.give(this, bytes);
  }

  /** Gives back everything. Idempotent. */
  end(): void {
    this.#ended = true;
    this.#settle();
    this.give(this.#held);
  }

  #settle(refused?: FlameError): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.timer.cancel();
    waiter?.done(refused);
  }
}
