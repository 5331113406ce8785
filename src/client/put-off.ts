import type { Clock } from "../kit/clock.ts";
import type { FlameError } from "../model/errors.ts";
import type { PutOffCall } from "./frontend-client.ts";

/** What is refused again and again comes in pauses of up to so many times what the server asked for. */
const retryFactorMax = 8;

export interface PutOffOptions {
  readonly clock: Clock;
  /** For so long something is tried again, in milliseconds. */
  readonly callTimeoutMs: number;
  readonly onPutOff?: ((call: PutOffCall) => void) | undefined;
}

/** When to come again with what a server refuses for now (docs/protocol.md, "Overload"). */
export class PutOff {
  readonly #options: PutOffOptions;
  #since: number | undefined;
  #factor = 1;

  constructor(options: PutOffOptions) {
    this.#options = options;
  }

  /** Whether the last word was a refusal. */
  get isRefused(): boolean {
    return this.#since !== undefined;
  }

  /** Something was taken. */
  accepted(): void {
    this.#since = undefined;
    this.#factor = 1;
  }

  /** @returns the pause before it is tried again, in milliseconds; undefined when there is no time for another one */
  refused(refusal: FlameError): number | undefined {
    const { clock, callTimeoutMs, onPutOff } = this.#options;
    const now = clock.steady();
    this.#since ??= now;
    const waitedMs = now - this.#since;
    const pauseMs = (refusal.retryAfterMs ?? Number.POSITIVE_INFINITY) * this.#factor;
    if (waitedMs + pauseMs >= callTimeoutMs) {
      this.#since = now;
      return undefined;
    }
    this.#factor = Math.min(2 * this.#factor, retryFactorMax);
    if (pauseMs > 0) onPutOff?.({ refusal, waitedMs, pauseMs });
    return pauseMs;
  }
}
