import type { World } from "./world.ts";

/** Begins something and says, once, when it is done. */
export type Wait<T> = (resume: (value: T) => void) => void;

/** A sequence of steps in virtual time; written as a generator, so that nothing depends on the real event loop. */
export type Script<T = void> = Generator<Wait<unknown>, T, unknown>;

/** Waits inside a script: `const reply = yield* until(...)`. */
export function* until<T>(wait: Wait<T>): Script<T> {
  return (yield wait) as T;
}

export function pause(world: World, ms: number): Script {
  return until<void>((resume) => {
    world.after(ms, () => {
      resume();
    });
  });
}

/** A script that runs, until it ends or is stopped between two of its steps. */
export class Running {
  readonly #script: Script;
  #over = false;

  constructor(script: Script) {
    this.#script = script;
    this.#step(undefined);
  }

  get over(): boolean {
    return this.#over;
  }

  /** It takes no further step. */
  stop(): void {
    this.#over = true;
  }

  #step(value: unknown): void {
    if (this.#over) return;
    const { done, value: wait } = this.#script.next(value);
    if (done === true) {
      this.#over = true;
      return;
    }
    let resumed = false;
    wait((result) => {
      if (resumed) return;
      resumed = true;
      this.#step(result);
    });
  }
}
