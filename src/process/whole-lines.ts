/** A line whose end has not come within so many bytes is told in pieces. */
export const lineBytesMax = 16 * 1024;
const newline = 0x0a;

/** Cuts output into pieces of whole lines. */
export class WholeLines {
  #rest: Buffer = Buffer.alloc(0);

  /** The lines that are complete now, in pieces; what follows them is kept. */
  add(chunk: Buffer): Buffer[] {
    const end = chunk.lastIndexOf(newline) + 1;
    const pieces: Buffer[] = [];
    if (end > 0) {
      const lines = chunk.subarray(0, end);
      pieces.push(this.#rest.length > 0 ? Buffer.concat([this.#rest, lines]) : lines);
      this.#rest = chunk.subarray(end);
    } else this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length > lineBytesMax) {
      const cut = characterEnd(this.#rest, lineBytesMax);
      pieces.push(this.#rest.subarray(0, cut));
      this.#rest = this.#rest.subarray(cut);
    }
    return pieces;
  }

  /** What was kept, which is a line without an end; undefined when there is nothing. */
  end(): Buffer | undefined {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest.length > 0 ? rest : undefined;
  }
}

/** The last place up to `at` that is not within a character of UTF-8; `at` itself in what is no UTF-8. */
function characterEnd(bytes: Buffer, at: number): number {
  for (let back = 0; back < 4; back++) {
    const byte = bytes[at - back] ?? 0;
    if ((byte & 0b1100_0000) !== 0b1000_0000) return at - back;
  }
  return at;
}
