/**
 * Whoever acquires something pushes how to give it back; `close` runs the releases last-in-first-out,
 * once, and keeps the first error for its caller.
 */
export class Releasers {
  readonly #releases: { what: string; release: () => Promise<void> | void }[] = [];
  #closing: Promise<void> | undefined;

  /** Registers a release; `what` names the thing in the error when giving it back fails. */
  add(what: string, release: () => Promise<void> | void): void {
    this.#releases.push({ what, release });
  }

  /**
   * Gives everything back. Idempotent: later calls await the first.
   * @throws Error naming what could not be released, with the first failure as `cause`.
   */
  close(): Promise<void> {
    this.#closing ??= this.#run();
    return this.#closing;
  }

  async #run(): Promise<void> {
    let failure: Error | undefined;
    for (let next = this.#releases.pop(); next !== undefined; next = this.#releases.pop()) {
      try {
        await next.release();
      } catch (cause) {
        failure ??= new Error(`closing ${next.what} failed`, { cause });
      }
    }
    if (failure !== undefined) throw failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
