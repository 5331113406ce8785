/** Says that there is something to look at: many raise it, and whoever looks lowers it first. */
export class Flag {
  #isRaised: boolean;

  /** @param isRaised at first */
  constructor(isRaised = false) {
    this.#isRaised = isRaised;
  }

  get isRaised(): boolean {
    return this.#isRaised;
  }

  raise(): void {
    this.#isRaised = true;
  }

  lower(): void {
    this.#isRaised = false;
  }
}
