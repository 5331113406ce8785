/** Inputs that wait and results that are not acknowledged: so many bytes of each at one node, and little more. */
const LOAD_BYTES_MAX = 64 * 1024 * 1024;

/** What the local queues of one node hold in memory. */
export class WorkLoad {
  #inputs = 0;
  #results = 0;
  readonly #max: number;

  /** @param max bytes of each kind */
  constructor(max = LOAD_BYTES_MAX) {
    this.#max = max;
  }

  /** No more inputs are to come meanwhile. */
  get crowded(): boolean {
    return this.#inputs > this.#max;
  }

  /** No further task is to begin meanwhile: its result would be one more. */
  get full(): boolean {
    return this.#results > this.#max;
  }

  input(bytes: number): void {
    this.#inputs += bytes;
  }

  result(bytes: number): void {
    this.#results += bytes;
  }
}
