import type { Input } from "./submit-job.ts";

/** Stands where an input was that is acknowledged, while one before it is not. */
const settled = Symbol("settled");

/** The inputs of the numbers that were sent and not acknowledged, kept to be sent again. */
export class UnacknowledgedInputs {
  /** Of the numbers from {@link #first} on; what stands before `#head` is gone. */
  #inputs: (Input | typeof settled)[] = [];
  #head = 0;
  /** The number of the input at `#head`. */
  #first: number;
  #size = 0;
  #bytes = 0;

  /** @param first the number of the first input */
  constructor(first: number) {
    this.#first = first;
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The lowest number that is not acknowledged; the next one when all are. */
  get lowest(): number {
    return this.#first;
  }

  /** The next number's input. */
  add(input: Input): void {
    this.#inputs.push(input);
    this.#size++;
    this.#bytes += input?.length ?? 0;
  }

  has(number: number): boolean {
    const at = this.#head + number - this.#first;
    return number >= this.#first && at < this.#inputs.length && this.#inputs[at] !== settled;
  }

  /** The input of a number that {@link has} tells is here. */
  inputOf(number: number): Input {
    const input = this.#inputs[this.#head + number - this.#first];
    return input === settled ? undefined : input;
  }

  /** The input of this number need not be kept. @returns whether it was */
  settle(number: number): boolean {
    if (!this.has(number)) return false;
    this.#size--;
    this.#bytes -= this.inputOf(number)?.length ?? 0;
    const inputs = this.#inputs;
    inputs[this.#head + number - this.#first] = settled;
    while (this.#head < inputs.length && inputs[this.#head] === settled) {
      this.#head++;
      this.#first++;
    }
    if (this.#head === inputs.length) inputs.length = 0;
    else if (this.#head < 1_024 || this.#head * 2 < inputs.length) return true;
    else this.#inputs = inputs.slice(this.#head);
    this.#head = 0;
    return true;
  }
}
