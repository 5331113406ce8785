/** Something that is done at once, or takes its time. */
export type Act = () => Promise<void> | void;

/** Does one thing after the other: at once, unless one before it takes its time. */
export class InOrder {
  readonly #onFailed: (thrown: unknown) => void;
  #waiting: Act[] = [];
  #busy = false;

  /** @param onFailed told what an act threw; those behind it are done all the same */
  constructor(onFailed: (thrown: unknown) => void) {
    this.#onFailed = onFailed;
  }

  /** Nothing is under way: what is done now comes behind all that was asked for before. */
  get isIdle(): boolean {
    return !this.#busy;
  }

  run(act: Act): void {
    this.#waiting.push(act);
    if (!this.#busy) this.#proceed();
  }

  #proceed(): void {
    this.#busy = true;
    for (let act = this.#waiting.shift(); act !== undefined; act = this.#waiting.shift()) {
      try {
        const pending = act();
        if (pending === undefined) continue;
        void pending.catch(this.#onFailed).then(() => this.#proceed());
        return;
      } catch (thrown) {
        this.#onFailed(thrown);
      }
    }
    this.#busy = false;
  }
}
