import type { Clock, Timer } from "../kit/clock.ts";
import { FlameError } from "../model/errors.ts";

/** After a beat that did not arrive, in milliseconds. */
const retryMs = 5_000;

/**
 * Says to the session manager that this client is there, as long as it has sessions that end with it
 * (docs/protocol.md, "Unused sessions"). Never keeps the process alive by itself.
 */
export class Presence {
  readonly #beat: () => Promise<{ readonly nextMs: number }>;
  readonly #clock: Clock;
  readonly #sessions = new Set<string>();
  #timer: Timer | undefined;
  /** A beat is on its way, or the server wants none. */
  #quiet = false;

  constructor(deps: {
    readonly beat: () => Promise<{ readonly nextMs: number }>;
    readonly clock: Clock;
  }) {
    this.#beat = deps.beat;
    this.#clock = deps.clock;
  }

  /** A session that ends with this client is open. */
  began(sessionId: string): void {
    this.#sessions.add(sessionId);
    if (this.#timer === undefined && !this.#quiet) void this.#say();
  }

  /** The session was closed. */
  ended(sessionId: string): void {
    this.#sessions.delete(sessionId);
    if (this.#sessions.size === 0) this.#stop();
  }

  close(): void {
    this.#sessions.clear();
    this.#stop();
  }

  async #say(): Promise<void> {
    this.#quiet = true;
    let nextMs = retryMs;
    try {
      ({ nextMs } = await this.#beat());
      // It closes no session for absence.
      if (nextMs === 0) return;
    } catch (thrown) {
      // A session manager of another make keeps every session.
      if (FlameError.from(thrown).code === "unimplemented") return;
    }
    this.#quiet = false;
    if (this.#sessions.size === 0) return;
    this.#timer = this.#clock.after(nextMs, () => {
      this.#timer = undefined;
      void this.#say();
    });
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
