import type { Clock, Timer } from "../../kit/clock.ts";
import { FlameError } from "../../model/errors.ts";
import type { PreparedPackage } from "../service-host.ts";
import { PackageProgress } from "./package-progress.ts";

/** How long binds wait for packages. */
export interface WaitLimits {
  /** Of one bind in all, in milliseconds. */
  readonly bindMs: number;
  /** How long work that ended after its bind is kept for the next one, in milliseconds: more than their longest pause. */
  readonly keptMs: number;
}

/** How one caller waits. */
export interface WaitOptions {
  /** Ends the wait, not the work: others may want the same. */
  readonly signal: AbortSignal;
  /** Waits for as long as it takes. */
  readonly patient: boolean;
}

/** Prepares a package; how far it is goes to `progress`. */
export type Prepare = (progress: PackageProgress) => Promise<PreparedPackage>;

/** What the work does, and with it for how long it may be quiet, changes while binds wait: they look so often. */
const LOOK_MS = 200;

/** What has not ended so long after it should is left alone. */
const CLOSE_MS = 5_000;

interface Work {
  readonly key: string;
  readonly progress: PackageProgress;
  readonly result: Promise<PreparedPackage>;
  prepared: PreparedPackage | undefined;
  ended: boolean;
  waiting: number;
  holders: number;
  expiry: Timer | undefined;
}

/**
 * Waits for packages, but not forever: a bind holds an executor that other sessions could use. Work that takes longer goes on
 * by itself, and the next bind that wants the same finds it as far as it is then.
 */
export class SharedWorks {
  readonly #clock: Clock;
  readonly #limits: WaitLimits;
  /** Work that a bind has given up waiting for. */
  readonly #kept = new Map<string, Work>();
  /** Work under way. */
  readonly #running = new Set<Promise<unknown>>();

  constructor(clock: Clock, limits: WaitLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /**
   * @param key tells what is the same
   * @throws FlameError unavailable, saying how far the work is, when it takes longer than a bind may wait; aborted when the
   *   signal is; and what `prepare` throws.
   */
  async prepare(key: string, prepare: Prepare, options: WaitOptions): Promise<PreparedPackage> {
    const work = this.#kept.get(key) ?? this.#begin(key, prepare);
    work.expiry?.cancel();
    work.expiry = undefined;
    work.waiting += 1;
    try {
      const begun = this.#clock.steady();
      switch (await this.#wait(work, options)) {
        case "ended":
          if (this.#kept.get(key) === work) this.#kept.delete(key);
          return this.#hold(work, await work.result);
        case "aborted":
          throw new FlameError("aborted", "the executor was stopped");
        case "late": {
          this.#kept.set(key, work);
          const reason = work.progress.reason(this.#clock.steady() - begun);
          throw new FlameError("unavailable", `${reason}; that goes on, the next bind looks again`);
        }
      }
    } finally {
      work.waiting -= 1;
      this.#settle(work);
    }
  }

  /** Keeps nothing any more; resolves when all work has ended, which others bring about, or does not: a disk may hang. */
  async close(): Promise<void> {
    const kept = [...this.#kept.values()];
    this.#kept.clear();
    for (const work of kept) {
      work.expiry?.cancel();
      this.#settle(work);
    }
    let timer: Timer | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = this.#clock.after(CLOSE_MS, resolve);
    });
    await Promise.race([Promise.allSettled(this.#running), limit]);
    timer?.cancel();
  }

  #begin(key: string, prepare: Prepare): Work {
    const progress = new PackageProgress(this.#clock);
    const result = prepare(progress);
    const work: Work = {
      ...{ key, progress, result, prepared: undefined, ended: false },
      ...{ waiting: 0, holders: 0, expiry: undefined },
    };
    const end = (): void => {
      work.ended = true;
      this.#running.delete(result);
      this.#settle(work);
    };
    this.#running.add(result);
    result.then((prepared) => {
      work.prepared = prepared;
      end();
    }, end);
    return work;
  }

  #wait(work: Work, { signal, patient }: WaitOptions): Promise<"ended" | "aborted" | "late"> {
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      const finish = (how: "ended" | "aborted" | "late"): void => {
        timer?.cancel();
        signal.removeEventListener("abort", onAbort);
        resolve(how);
      };
      const onAbort = (): void => finish("aborted");
      const onEnd = (): void => finish("ended");
      work.result.then(onEnd, onEnd);
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort);
      const begun = this.#clock.steady();
      const look = (): void => {
        const leftMs = this.#limits.bindMs - (this.#clock.steady() - begun);
        const patienceMs = Math.min(leftMs, work.progress.patienceMs);
        if (patienceMs > 0)
          timer = this.#clock.after(Math.min(Math.ceil(patienceMs), LOOK_MS), look);
        else if (!work.ended) finish("late");
      };
      if (!patient && !signal.aborted) look();
    });
  }

  /** What everybody who waited holds; it is released when the last one has released it. */
  #hold(work: Work, prepared: PreparedPackage): PreparedPackage {
    let held = true;
    work.holders += 1;
    const release = (): void => {
      if (held) work.holders -= 1;
      held = false;
      this.#settle(work);
    };
    return { ...prepared, release };
  }

  /** Lets go of what nobody waits for, holds or may still come for. */
  #settle(work: Work): void {
    if (!work.ended || work.waiting > 0 || work.holders > 0) return;
    if (this.#kept.get(work.key) !== work) work.prepared?.release();
    else
      work.expiry ??= this.#clock.after(this.#limits.keptMs, () => {
        this.#kept.delete(work.key);
        this.#settle(work);
      });
  }
}
