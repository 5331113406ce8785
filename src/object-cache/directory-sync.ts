import { syncNames } from "../files/durable.ts";

/**
 * Makes the names in a folder durable. Callers that come while one fsync runs share the next one: what they renamed
 * before asking is surely in it, and a hundred puts at once cost two fsyncs.
 */
export class DirectorySync {
  readonly #path: string;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  sync(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = syncNames(this.#path).finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    const running = this.#running;
    this.#next ??= (async () => {
      await running.catch(() => undefined);
      this.#next = undefined;
      await this.sync();
    })();
    return this.#next;
  }
}
