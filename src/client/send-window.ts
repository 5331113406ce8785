/** Inputs that are sent and not acknowledged on one stream at most, since they are kept to be sent again; and their bytes. */
const inputsMax = 4_096;
const bytesMax = 8 * 1024 * 1024;

/** How much of all lanes of a stream is sent and not acknowledged. */
export class SendWindow {
  #inputs = 0;
  #bytes = 0;

  get hasRoom(): boolean {
    return this.#inputs < inputsMax && this.#bytes < bytesMax;
  }

  take(bytes: number): void {
    this.#inputs++;
    this.#bytes += bytes;
  }

  giveBack(inputs: number, bytes: number): void {
    this.#inputs -= inputs;
    this.#bytes -= bytes;
  }
}
