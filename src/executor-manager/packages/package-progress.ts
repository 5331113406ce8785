import type { Clock } from "../../kit/clock.ts";

/** How far the work for one package is: what a bind is told that cannot wait for its end. */
export class PackageProgress {
  readonly #clock: Clock;
  #doing = "looked for";
  #quietMaxMs = Number.POSITIVE_INFINITY;
  #heardAt: number;
  #amount = "";
  #followed: PackageProgress | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#heardAt = clock.steady();
  }

  /**
   * Something begins that may take a while.
   * @param doing such as `being fetched`
   * @param quietMaxMs so long a bind waits without a sign of life from it. @default without a limit
   */
  begin(doing: string, quietMaxMs = Number.POSITIVE_INFINITY): void {
    this.#followed = undefined;
    this.#doing = doing;
    this.#quietMaxMs = quietMaxMs;
    this.#amount = "";
    this.#heardAt = this.#clock.steady();
  }

  /** A sign of life: so much has come. */
  heard(bytes: number, of: number | undefined): void {
    this.#heardAt = this.#clock.steady();
    this.#amount = of === undefined ? `${bytes}` : `${bytes} of ${of}`;
  }

  /** From now on it is as far as this one, which others share. */
  follow(other: PackageProgress): void {
    this.#followed = other;
  }

  /** Milliseconds until it has been quiet for too long. */
  get patienceMs(): number {
    if (this.#followed !== undefined) return this.#followed.patienceMs;
    return this.#quietMaxMs - (this.#clock.steady() - this.#heardAt);
  }

  /** Why a bind that waited for `waitedMs` gives up. */
  reason(waitedMs: number): string {
    if (this.#followed !== undefined) return this.#followed.reason(waitedMs);
    const isQuiet = Number.isFinite(this.#quietMaxMs) && this.patienceMs <= 0;
    const quiet = `nothing came for ${seconds(this.#clock.steady() - this.#heardAt)} s while it was ${this.#doing}`;
    const slow = `it is still ${this.#doing} after ${seconds(waitedMs)} s`;
    const amount = this.#amount === "" ? "" : ` (${this.#amount} bytes so far)`;
    return `${isQuiet ? quiet : slow}${amount}`;
  }
}

const seconds = (ms: number): number => Math.round(ms / 100) / 10;
